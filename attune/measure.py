"""From a video to one table: the whole of Attune on a page.

    media     = Media.open(source)
    faces     = detect -> track -> person                     on frames sampled by timestamp
    units     = transcript, or recogniser, or voice activity  -> words, sentences, utterances, turns, windows
    estimates = face on frames, voice and text on units       each model: arrays in, arrays out; time is put around it once
    rows      = a row per unit (and per pause) and person
    fused     = fuse(align(each, rows))

Everything streams: pictures and sound pass through once, in bounded memory, and what is finished is on disk at once if `out` is
given. A modality that isn't there is left out, and `Recording.notes` says why.
"""

from __future__ import annotations

import ctypes
import math
import platform
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from attune import __version__, baseline, cache, export, face, registry, text, timeline, voice, weights
from attune.align import align
from attune.cache import Cache
from attune.checkpoints.together import joined
from attune.errors import WeightsError
from attune.fusion import abstain, fuse, reach, told
from attune.media import Media, cell_of, jpeg
from attune.settings import Settings
from attune.taxonomy import taxonomy
from attune.text import recognisers, transcript, units
from attune.types import SOMEONE, Estimates, Faces, Recording, Segment
from attune.voice import diarizers, online, speakers

Hook = Callable[[str, float, float], None]      # step, seconds of media done, seconds in all
Models = dict[str, ModuleType]

SAMPLE_RATE = 16_000                     # Hz
BATCH = 50                               # pictures or units that are written together
AHEAD, AHEAD_BYTES = 4, 2**24            # pictures that are decoded before they are looked at, and how large they may be together
NO_FACE, NO_SPEECH = "no face was found", "no speech was heard"
NO_WORDS = (
    "no words: give a transcript (--transcript FILE, or FILE.srt beside the media), "
    "or install a recogniser (pip install 'attune[whisper]', then attune models add whisper_small)"
)


def measure(
    source: str | Path | Media, *, out: str | Path | None = None, formats: Sequence[str] = ("parquet",), hook: Hook | None = None,
    cache: Cache | None = None, **settings: Any
) -> Recording:
    """Measure one recording: everybody's face, voice and words, and the three fused.

    Parameters
    ----------
    source
        A media file of any kind that ffmpeg decodes, or a `Media`.
    out
        A folder that is filled while measuring (see `export`); None: nothing is written.
    formats
        How the table is written to `out`: any of parquet, csv, json.
    hook
        Called as hook(step, done, total), in seconds of media; total is NaN if the file doesn't say how long it is.
    cache
        Where faces and voices of the same file, measured before with the same settings and models, are taken from, and kept.
    settings
        Fields of `Settings`.

    Raises
    ------
    MediaError
        If the source is no media. A missing stream, or a damaged end, is no error but a note.
    TranscriptError, SettingError, UnknownName, WeightsError
        If the transcript, a setting, a model's name or its weights are wrong.

    >>> recording = measure("samples/hello.mp4")
    >>> recording.people
    ('person 1',)
    >>> recording["fused.ekman7"].taxonomy.labels[:3]
    ('anger', 'disgust', 'fear')
    """
    chosen = Settings.of(**settings)
    media = Media.open(source)
    models = load_models(chosen)
    tell = hook or (lambda step, done, total: None)
    keep = export.Partial(Path(out)) if out else None
    notes: list[str] = []

    _give_back()                          # what opening took: a file's index grows with its length
    seen = _look(media, models, chosen, tell, keep, notes, cache)
    given = _words(media, chosen, tell, notes, cache)
    turns = _turns(media, chosen, tell, notes, cache)
    given = replace(given, segments=tuple(speakers.spoken_by(given.segments, turns))) if given and given.timed and turns else given
    heard = _listen(media, models, chosen, given, turns, tell, keep, notes, cache)
    recording = together(seen, heard, given, _length(media, models), models, chosen, turns=turns, hook=tell)
    recording = replace(recording, source=media.name, media=media.facts(), notes=tuple(dict.fromkeys((*media.notes, *notes, *recording.notes))))
    _give_back()
    if out:
        export.write(recording, out, formats)
    return recording


@dataclass(frozen=True)
class Seen:
    """The faces of a recording, the face model's estimates (a row a face and picture), and a picture of each person; `beside`: the same rows
    in the model's other taxonomies."""

    faces: Faces = field(default_factory=Faces.empty)
    estimates: Estimates | None = None
    portraits: dict[str, np.ndarray] = field(default_factory=dict)
    mouths: timeline.Mouths | None = None
    beside: tuple[Estimates, ...] = ()


@dataclass(frozen=True)
class Heard:
    """The voice model's estimates, and the stretches of speech; `beside`: the same rows in the model's other taxonomies."""

    estimates: Estimates | None = None
    speech: tuple[tuple[float, float], ...] = ()
    beside: tuple[Estimates, ...] = ()


def together(
    seen: Seen, heard: Heard, given: transcript.Transcript | None, duration: float, models: Models, chosen: Settings, *,
    turns: Sequence[Segment] = (), hook: Hook | None = None,
) -> Recording:
    """What was seen, heard and given in words, as one recording: people joined, words read, rows laid out, everything fused."""
    spoken, linked = _rows_of(given, heard, seen, turns, duration, chosen)
    estimates: list[Estimates] = []
    for part, names in ((seen, linked.faces), (heard, linked.voices)):
        if part.estimates is not None:
            named = timeline.rename(part.estimates, names)
            estimates += [named, *(replace(e, person=named.person) for e in part.beside)]
    estimates += read(spoken, models, (given and given.language) or chosen.language, chosen, hook)
    _give_back()
    notes = [f"commercial_safe: {modality} by {m.__name__.rpartition('.')[2]}, {m.LICENSE_CLASS}" for modality, m in models.items() if chosen.commercial_safe]
    if given and not given.timed:
        notes.append(transcript.SPREAD if spoken else "the words have no times and no speech was heard to lay them over: they weren't measured")
    plain, estimates = estimates, _unhabited(estimates, chosen.baseline)
    estimates += [p for modality in ("face", "voice") for p in reach([e for e in estimates if e.modality == modality], "vad") if p.projected]

    faces = next((e for e in estimates if e.modality == "face"), None)
    rows = timeline.rows(spoken, faces, duration, pause=chosen.pause, gap=chosen.gap, heard=heard.estimates is not None or given is not None)
    pooled = fused(estimates, rows, chosen.confidence, plain if chosen.baseline == "own" else ())
    if any(e.taxonomy.name == "facs" for e in plain):
        notes += told(on_rows([e for e in plain if e.modality in ("face", "voice")], rows), chosen.baseline)
    return Recording(
        source="", duration=duration, segments=tuple(rows), faces=seen.faces, estimates=(*estimates, *pooled),
        settings=chosen.asdict(), versions=versions(models), notes=(*notes, *linked.notes),
        portraits={linked.faces.get(name, name): jpeg(picture) for name, picture in seen.portraits.items()},
    )


def fused(estimates: Sequence[Estimates], rows: Sequence[Segment], confidence: float = 0.0, plain: Sequence[Estimates] = ()) -> list[Estimates]:
    """What all of them come to on the rows of a table; nothing where that isn't sure enough. plain: as `fuse` takes it."""
    said = fuse(on_rows(estimates, rows), on_rows(plain, rows))
    return [abstain(e, confidence) if confidence and e.taxonomy.kind == "exclusive" else e for e in said]


def on_rows(estimates: Sequence[Estimates], rows: Sequence[Segment]) -> list[Estimates]:
    """Each of them on the rows of a table."""
    return [align(e, rows, missing=export.MISSING[e.modality]) for e in estimates]


class Looking:
    """Pictures in; faces, and a row of the face model's estimates for each, out. A file's pictures pass through it, and a camera's.

    keep
        Where rows are written as soon as there are enough of them.
    remember
        False: nothing is kept for `seen`, so that it may go on for hours.
    """

    def __init__(self, model: ModuleType, chosen: Settings, *, keep: export.Partial | None = None, remember: bool = True) -> None:
        self.stream, self.taxonomy = face.FaceStream(model, chosen), taxonomy(model.TAXONOMIES[0])
        self._chosen, self._keep, self._remember = chosen, keep, remember
        self._waiting: list[tuple[Faces, np.ndarray, float | None]] = []      # with what the model says of each face
        self._unasked: list[tuple[Faces, np.ndarray, float | None]] = []      # with each face's crop
        self._taxonomies, self._projected = model.TAXONOMIES, getattr(model, "PROJECTED", "")
        self._faces, self._rows = [Faces.empty()], [self._estimates(Faces.empty(), np.zeros((0, self.stream.width), np.float32), [])]

    def push(self, time: float, picture: np.ndarray, own_fps: float | None = None) -> tuple[Faces, Estimates]:
        """Look at the next picture. own_fps: pictures a second, where it is known that there are fewer than the settings ask for."""
        found, said = self.stream.push(time, picture)
        if len(found) and self._remember:
            self._waiting.append((found, said, own_fps))
        if len(self._waiting) == BATCH:
            self._join()
        return found, self._estimates(found, said, [own_fps] * len(found))[0]

    def take(self, time: float, picture: np.ndarray, own_fps: float | None = None) -> None:
        """Look at the next picture; the model is asked about many pictures' faces one after the other, later, for which its weights are fetched once."""
        found, crops = self.stream.find(time, picture)
        if len(found):
            self._unasked.append((found, crops, own_fps))
        if len(self._unasked) == BATCH:
            self._join()

    def seen(self) -> Seen:
        """Everything so far; a person has one name from the first picture on."""
        self._join()
        everybody = Faces.join(self._faces)
        if not len(everybody):
            return Seen()
        names, motion = self.stream.people, self.stream.motion
        mouths = timeline.Mouths(motion.time, [names.get(int(track), SOMEONE) for track in motion.track], motion.moved) if len(motion.time) else None
        first, *beside = (replace(Estimates.join(rows), person=self._people(everybody)) for rows in zip(*self._rows, strict=True))
        return Seen(everybody, first, {names[track]: picture for track, picture in self.stream.portraits.items()}, mouths, tuple(beside))

    def _join(self) -> None:
        """Many small arrays into few: kept apart between the large ones of pictures they would scatter the heap, which then grows with every picture."""
        self._waiting += [(found, said, own_fps) for (found, _, own_fps), said in zip(self._unasked, self._asked(), strict=True)]
        self._unasked.clear()
        if self._waiting:
            found = Faces.join([found for found, _, _ in self._waiting])
            rates = [own_fps for found, _, own_fps in self._waiting for _ in range(len(found))]
            self._faces.append(found)
            self._rows.append(self._estimates(found, np.concatenate([said for _, said, _ in self._waiting]), rates))
            self._waiting.clear()
            if self._keep:
                self._keep.add(self._rows[-1][0])
        _give_back()

    def _asked(self) -> list[np.ndarray]:
        """What the model says of each picture's faces that wait: picture by picture, or of all in one go where it may see several at once."""
        crops = [crops for _, crops, _ in self._unasked]
        if self._chosen.batch == 1 or not crops:
            return [self.stream.values(each) for each in crops]
        return np.split(self.stream.values(np.concatenate(crops)), np.cumsum([len(each) for each in crops])[:-1])

    def _estimates(self, found: Faces, said: np.ndarray, rates: Sequence[float | None]) -> tuple[Estimates, ...]:
        shown = [Segment(*_shown(t, self._chosen.fps, own), who) for t, own, who in zip(found.time, rates, self._people(found), strict=True)]
        reason = np.where(np.isnan(said).all(axis=1), "the model gave no value", "")
        return _sides(shown, said, self._taxonomies, modality="face", model=self._chosen.face or "", quality=found.quality, reason=list(reason),
                      projected=self._projected)

    def _people(self, found: Faces) -> np.ndarray:
        names = self.stream.people
        return np.array([names.get(int(track), SOMEONE) for track in found.track], object)


class Listening:
    """Sound in; units with the voice model's estimates out, as soon as each is over. A file's sound passes through it, and a microphone's.

    known
        Units that are known already, from a transcript with times.
    keep, remember
        As in `Looking`.
    voices
        Who tells whose an utterance is, as soon as it is over; None: nobody.
    together
        Units that wait for each other before the model is asked.
    """

    def __init__(
        self, model: ModuleType | None, chosen: Settings, known: Sequence[Segment] | None = None, *, keep: export.Partial | None = None, remember: bool = True,
        voices: online.Voices | None = None, together: int = 1,
    ) -> None:
        self.stream, self._model, self._chosen = voice.VoiceStream(model, chosen, known, together=together), model, chosen
        self._keep, self._remember, self._voices = keep, remember, voices
        self._waiting: list[voice.Heard] = []
        self._rows = [] if model is None else [self._estimates([])]

    @property
    def pause(self) -> float:
        """s of silence that end an utterance."""
        return self._chosen.pause

    def push(self, block: np.ndarray) -> list[voice.Heard]:
        """Hear more sound, float (n,) at `SAMPLE_RATE`; the units that this ended."""
        return self._kept(self.stream.push(block))

    def close(self) -> list[voice.Heard]:
        """The sound is over; the units that end with it."""
        return self._kept(self.stream.close())

    def heard(self) -> Heard:
        """Everything, once it was closed."""
        self._join()
        first, *beside = (_by_time(Estimates.join(rows)) for rows in zip(*self._rows, strict=True)) if self._rows else (None,)
        return Heard(first, tuple(self.stream.speech), tuple(e for e in beside if e is not None))

    def estimates(self, units: Sequence[voice.Heard]) -> Estimates:
        """Units as rows, in the model's first taxonomy; there must be a model."""
        return self._estimates(units)[0]

    def _estimates(self, units: Sequence[voice.Heard]) -> tuple[Estimates, ...]:
        assert self._model is not None
        return _sides([u.segment for u in units], np.array([u.values for u in units], np.float32), self._model.TAXONOMIES, modality="voice",
                      model=self._chosen.voice or "", quality=np.array([u.quality for u in units]), reason=[u.reason for u in units])

    def _kept(self, done: list[voice.Heard]) -> list[voice.Heard]:
        if self._voices:
            done = [u._replace(segment=replace(u.segment, person=u.segment.person or self._voices.utterance(self.stream.sound(u.segment.start, u.segment.end))))
                    for u in done]
        if self._remember:
            self._waiting += done
            if len(self._waiting) >= BATCH:
                self._join()
        return done

    def _join(self) -> None:
        if self._waiting and self._rows:
            self._rows.append(self._estimates(self._waiting))
            if self._keep:
                self._keep.add(self._rows[-1][0])
        self._waiting.clear()
        _give_back()


def _look(
    media: Media, models: Models, chosen: Settings, tell: Hook, keep: export.Partial | None, notes: list[str], known: Cache | None = None
) -> Seen:
    """Faces, people, and the face model's estimates: a row per face in each picture."""
    if "face" not in models:
        return Seen()
    if not media.has_video:
        notes.append("no picture: faces weren't looked for")
        return Seen()
    key = known.key("face", media, chosen, models["face"]) if known and not media.end else None
    before = known.get("face", key, media) if known and key else None
    if before:
        seen = Seen(cache.faces(before, "faces"), cache.estimates(before, "said"), cache.named(before, "portraits"), cache.mouths(before, "mouths"),
                    _beside(before, models["face"]))
    else:
        looking = Looking(models["face"], chosen, keep=keep)
        for time, picture in _ahead(media.frames(chosen.fps)):
            looking.take(time, picture, media.fps)
            tell("face", time, media.duration)
        seen = looking.seen()
        if known and key:
            parts = {"faces": seen.faces, "said": seen.estimates, "portraits": seen.portraits, "mouths": seen.mouths, **_other(seen)}
            known.put("face", key, cache.joined(*(cache.packed(*part) for part in parts.items())), media, media.end)
    if not len(seen.faces):
        notes.append(NO_FACE)
    return seen


def _ahead(pictures: Iterable[tuple[float, np.ndarray]]) -> Iterator[tuple[float, np.ndarray]]:
    """The same, decoded a few at a time: the processor's caches then hold the decoder's data, and then the networks', for longer."""
    some: list[tuple[float, np.ndarray]] = []
    try:
        for each in pictures:
            some.append(each)
            if len(some) == AHEAD or (len(some) + 1) * each[1].nbytes > AHEAD_BYTES:
                yield from some
                some = []
    except Exception:
        yield from some                   # what came before the fault
        raise
    yield from some


def _shown(time: float, fps: float, own_fps: float | None) -> tuple[float, float]:
    """The stretch that a sampled picture stands for: its step of the grid; with fewer pictures than steps, until the next one."""
    if own_fps and own_fps < fps:
        return time, time + 1 / own_fps
    return cell_of(time, fps) / fps, (cell_of(time, fps) + 1) / fps


def _words(media: Media, chosen: Settings, tell: Hook, notes: list[str], known: Cache | None = None) -> transcript.Transcript | None:
    """The transcript that was given or lies beside the media, else what a recogniser hears, else None."""
    if chosen.text in (None, "none", ""):
        return None
    file = transcript_of(media.path, chosen)
    if file:
        words = transcript.read(file)
        notes += [f"words from {file.name}", *words.notes]
        return words
    if not media.has_audio:
        return None
    name = recognisers.first(chosen.recogniser)
    if name is None:
        notes.append(NO_WORDS)
        return None
    recogniser = registry.load(recognisers.FOLDER, name)
    files = recognisers.files(recogniser, chosen.language)
    key = known.key("words", media, chosen, recogniser, (name, *map(weights.digest, files))) if known and files else None
    before = known.get("words", key, media) if known and key else None
    if before:
        heard = transcript.Transcript(cache.segments(before, "said"), before.facts["timed"], before.facts["language"], tuple(before.facts["notes"]))
    else:
        seen, media.end = media.end, 0.0  # so that how far the sound came is known by itself
        heard = recognisers.heard(recogniser, media, chosen.language, tell)
        if known and key:
            facts = cache.Known({}, {"timed": heard.timed, "language": heard.language, "notes": list(heard.notes)})
            known.put("words", key, cache.joined(cache.packed("said", list(heard.segments)), facts), media, media.end)
        media.end = max(media.end, seen)
    notes += [f"words recognised by {recogniser.TITLE}", *heard.notes]
    return heard


def _turns(media: Media, chosen: Settings, tell: Hook, notes: list[str], known: Cache | None = None) -> list[Segment]:
    """Who speaks when, if that is asked for; turns overlap where two people speak at once."""
    if not chosen.speakers or not media.has_audio:
        return []
    book = speakers.Book.read(chosen.voices) if chosen.voices else speakers.Book({})
    diarizer = diarizers.chosen(chosen)
    key = known.key("speakers", media, chosen, diarizer, (chosen.diarizer, book.digest())) if known else None
    before = known.get("speakers", key, media) if known and key else None
    if before:
        turns = list(cache.segments(before, "turns"))
    else:
        stream: diarizers.Diarizer = diarizer.stream(chosen)
        for block in media.blocks(SAMPLE_RATE):
            stream.push(block)
            tell("speakers", stream.duration, media.duration)
        stream.close()
        turns = stream.turns(chosen.speakers, book.voices)
        if known and key:
            known.put("speakers", key, cache.packed("turns", turns), media, stream.duration)
    if turns:
        notes.append(f"speakers told apart by voice: {len({t.person for t in turns})}")
        at_once = speakers.at_once(turns)
        notes += [f"{at_once:.1f} s in which two speak at once: their turns overlap there"] if at_once else []
    return turns


def _listen(
    media: Media, models: Models, chosen: Settings, words: transcript.Transcript | None, turns: Sequence[Segment], tell: Hook,
    keep: export.Partial | None, notes: list[str], known_before: Cache | None = None,
) -> Heard:
    """Speech, and the voice model's estimates on the transcript's units or, without times, on the speakers' turns or what was heard."""
    if "voice" not in models and not (words and not words.timed):
        return Heard()
    if not media.has_audio:
        if media.duration > 0:            # nobody expects sound of a still picture
            notes.append("no sound: voices weren't measured")
        return Heard()
    model = models.get("voice")
    known = None
    if words and words.timed:
        known = units_of(words.segments, media.duration, chosen)
    elif turns:
        known = _laid(_turned(turns, chosen), media.duration, chosen)
    key = known_before.key("voice", media, chosen, model, known or ()) if known_before else None
    before = known_before.get("voice", key, media) if known_before and key else None
    if before:
        heard = Heard(cache.estimates(before, "said"), tuple((a, b) for a, b in before.arrays["speech"].tolist()), _beside(before, model))
        notes += [NO_SPEECH] * (not heard.speech)
        return heard
    try:
        listening = Listening(model, chosen, known, keep=keep, together=chosen.batch)
    except WeightsError as error:
        if model is not None and not all(path.is_file() for path in weights.files(model)):
            raise
        notes.append(f"voices weren't measured: {error}")
        return Heard()
    for block in media.blocks(SAMPLE_RATE):
        listening.push(block)
        tell("voice", listening.stream.duration, media.duration)
    listening.close()
    heard = listening.heard()
    if known_before and key:
        speech = cache.Known({"speech": np.array(heard.speech, np.float64).reshape(-1, 2)}, {})
        others = (cache.packed(*part) for part in _other(heard).items())
        known_before.put("voice", key, cache.joined(cache.packed("said", heard.estimates), *others, speech), media, listening.stream.duration)
    if not heard.speech:
        notes.append(NO_SPEECH)
    return heard


def _unhabited(estimates: list[Estimates], given: str | None) -> list[Estimates]:
    """The estimates without their people's habits, where a baseline was asked for and there is one."""
    if given is None:
        return estimates
    known = [] if given == "own" else baseline.load(given)
    return [baseline.adapt(e, baseline.own(e) if given == "own" else known) for e in estimates]


def _give_back() -> None:
    """Give memory that has been freed back to the system. Only glibc keeps so much that it matters, and only glibc knows this call."""
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def _by_time(e: Estimates) -> Estimates:
    return e.where(np.lexsort((e.end, e.start)))


def _length(media: Media, models: Models) -> float:
    """Seconds there really are, once everything was read: a file may be shorter than it says."""
    read = all(modality in models for modality, there in (("face", media.has_video), ("voice", media.has_audio)) if there)
    return media.end if read and media.duration > 0 else max(media.duration, media.end if media.duration > 0 else 0.0)


def _rows_of(
    words: transcript.Transcript | None, heard: Heard, seen: Seen, turns: Sequence[Segment], duration: float, chosen: Settings
) -> tuple[list[Segment], timeline.Link]:
    """What the table's rows are made of: units of words where there are words, else of speech; with the speakers' names."""
    said: list[Segment] = []
    if words:
        timed = words.segments if words.timed else transcript.spread(words.segments, heard.speech)
        said = units.units(speakers.spoken_by(timed, turns) if turns else timed, chosen.granularity, chosen.pause)
    elif turns:
        said = _turned(turns, chosen)
    spoken = said or [Segment(a, b) for a, b in heard.speech]
    linked = timeline.link(spoken, seen.estimates, seen.mouths)
    return _laid([replace(u, person=linked.voices.get(u.person, u.person)) for u in spoken], duration, chosen), linked


def _turned(turns: Sequence[Segment], chosen: Settings) -> list[Segment]:
    """Turns without words, at the chosen granularity."""
    return speakers.joined(turns, math.inf) if chosen.granularity == "turn" else list(turns)


def units_of(words: Sequence[Segment], duration: float, chosen: Settings) -> list[Segment]:
    """Units of a transcript with times, at the chosen granularity."""
    return _laid(units.units(words, chosen.granularity, chosen.pause), duration, chosen)


def _laid(spoken: list[Segment], duration: float, chosen: Settings) -> list[Segment]:
    """Over windows, where those were chosen."""
    if chosen.granularity != "window":
        return spoken
    return timeline.lay(spoken, timeline.windows(duration, chosen.window, chosen.hop or chosen.window))


def read(spoken: Sequence[Segment], models: Models, language: str, chosen: Settings, hook: Hook | None = None) -> list[Estimates]:
    """The estimates of the model that reads the words' language, one set for each of its taxonomies."""
    if "text" not in models or not any(u.text for u in spoken):
        return []
    name, language = text.choose(spoken, chosen.text or "", language, commercial=chosen.commercial_safe)
    if name != chosen.text:
        models["text"] = _model("text", name, chosen)
    values, reasons = text.measure(spoken, models["text"], language, hook=hook)
    return list(_sides(spoken, values, models["text"].TAXONOMIES, modality="text", model=name, reason=reasons))


def _sides(segments: Sequence[Segment], values: np.ndarray, taxonomies: Sequence[str], **what: Any) -> tuple[Estimates, ...]:
    """Estimates in each of a model's taxonomies, whose columns lie side by side in the values (n, k)."""
    out, column = [], 0
    for labels in map(taxonomy, taxonomies):
        out.append(Estimates.of(segments, values[:, column : column + len(labels)] if len(segments) else values, taxonomy=labels, **what))
        column += len(labels)
    return tuple(out)


def _other(part: Seen | Heard) -> dict[str, Estimates]:
    """What is kept of a model's other taxonomies, by name."""
    return {f"said{i}": e for i, e in enumerate(part.beside, start=1)}


def _beside(before: cache.Known, model: ModuleType | None) -> tuple[Estimates, ...]:
    """What was kept so."""
    found = (cache.estimates(before, f"said{i}") for i in range(1, len(model.TAXONOMIES) if model is not None else 0))
    return tuple(e for e in found if e is not None)


def load_models(settings: Settings) -> Models:
    """The chosen models' modules by modality; refused ones raise `WeightsError`, unknown ones `UnknownName`."""
    chosen: Models = {}
    for modality in ("face", "voice", "text"):
        name = getattr(settings, modality)
        if name in (None, "none", ""):
            continue
        chosen[modality] = _model(modality, name, settings)
    return chosen


def _model(modality: str, name: str, settings: Settings) -> ModuleType:
    module = registry.load(f"attune.{modality}.models", name)
    if settings.commercial_safe:
        weights.refuse_unless_commercial(module, name)
    return module if settings.batch == 1 else joined(module, settings.batch)


def versions(models: Models) -> dict[str, Any]:
    """What a recording was measured with: Attune, Python, libraries; each model's weights by hash, licence and class."""
    def facts(module: ModuleType) -> dict[str, Any]:
        return {"name": module.__name__.rpartition(".")[2], "title": module.TITLE, "license": module.LICENSE, "license_class": module.LICENSE_CLASS,
                "weights": {path.name: weights.digest(path) for path in weights.files(module) if path.is_file()},
                **({"facts": module.FACTS} if hasattr(module, "FACTS") else {})}

    return {
        "attune": __version__, "python": platform.python_version(), **{name: _installed(name) for name in ("av", "numpy", "onnxruntime")},
        "models": {modality: facts(module) for modality, module in models.items()},
    }


@lru_cache
def _installed(library: str) -> str:
    """A library's version, looked up once: it lies in a file, and is asked for with each recording."""
    return version(library)


def transcript_of(path: Path | None, settings: Settings) -> Path | None:
    """The transcript's file: the one in the settings (of a folder: the one named like the media), or .srt or .vtt beside the media."""
    if settings.transcript:
        given = Path(settings.transcript)
        if not given.is_dir() or path is None:
            return given
        return next((f for f in (given / f"{path.stem}{ending}" for ending in (".srt", ".vtt", ".json", ".txt")) if f.is_file()), None)
    if path is None:
        return None
    return next((f for f in (path.with_suffix(ending) for ending in (".srt", ".vtt")) if f.is_file()), None)
