"""A live session: push pictures and sound as they come, and get estimates with their times.

    session = Session(record=True)
    for samples, picture in ...:
        for told in [*session.hear(samples), *session.see(time, picture)]:
            print(told)
    recording = session.close()

One session for a microphone and a camera, a WebSocket, and files; it measures with what `attune.measure` measures with (`Looking`, `Listening`,
`together`), so that the recording it closes with is the one that the same pictures and sound would give as a file, value for value. What is told
on the way is either that already, or marked as interim. Times are seconds since the session's start, sound's and pictures' alike.

Without `record` nothing is kept but the last seconds: memory doesn't grow with hours.
"""

from __future__ import annotations

import math
import time as clock
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from attune import baseline, timeline, weights
from attune.errors import SettingError, ShapeError, WeightsError
from attune.live import hints
from attune.live.pace import Pace
from attune.live.recent import Recent, of_one, projected
from attune.live.told import Failed, Fused, Hint, Rate, Said, Seen, Speech, Spoken, Told
from attune.live.words import Words, surroundings
from attune.measure import NO_FACE, NO_SPEECH, SAMPLE_RATE, Heard, Listening, Looking, load_models, read, together, units_of
from attune.measure import Seen as AllSeen
from attune.media import cell_of
from attune.media.picture import fitted
from attune.settings import Settings
from attune.text.transcript import SPREAD, Transcript, spread
from attune.types import SOMEONE, Estimates, Modality, Recording, Segment
from attune.voice import Heard as Unit
from attune.voice import online, speakers, voiceprint
from attune.voice.speakers import PAUSE
from attune.voice.voiceprint import LENGTH

__all__ = ["Failed", "Fused", "Hint", "Rate", "Said", "Seen", "Session", "Speech", "Spoken", "Told"]

EVERY = 1.0                              # s between two interim estimates
LATELY = 2.0                             # s that the fused ones look back
VOICED = 4.0                             # s of an utterance that isn't over that the voice model is given; it was trained on clips of about 3 s
SENTENCE = (2.0, 4.0)                    # s between two sentences at least, and that each looks back
GAP = 0.05                               # s by which the times of sound may wander without anything missing, as in media/sound
HOLE = 600.0                             # s without sound that are taken for silence
UNHEARD, UNHURRIED = 10.0, 600.0         # s that the end waits for words that are being recognised; where nothing is left out
NAME = "live"


class Session:
    """Pictures, sound and words in; estimates with their times out.

    Parameters
    ----------
    settings
        As for a file. `baseline="own"` learns each person's habit while they talk. With `speakers` each utterance goes to a voice once it is over, by what
        was heard until then, and a silence of 0.3 s ends it.
    record
        Whether a recording is kept for `close`.
    words
        A transcript that is there from the start, with times: the voice is then measured on its units. Words that come later go to `words`.
    recogniser
        What hears the words of each utterance once it is over, as of `Settings.recogniser`: a name, or auto. None: words are pushed only; so too where
        `words` are given.
    adapt
        Whether fewer pictures are looked at while the machine is too slow for `settings.fps`, and utterances left unrecognised that would wait too long;
        else nothing is left out, and `hear` waits.

    Raises
    ------
    SettingError, UnknownName, WeightsError
        If a setting, a model's name or its weights are wrong.
    MissingExtra
        If the recogniser's library or model isn't on this machine.

    >>> session = Session(Settings(face=None, text=None))
    >>> session.hear(np.zeros(16_000, np.float32)), session.duration
    ([], 1.0)
    """

    def __init__(self, settings: Settings | None = None, *, record: bool = False, words: Transcript | None = None, recogniser: str | None = None,
                 adapt: bool = False) -> None:
        self.settings, self.record, self.adapt = settings or Settings(), record, adapt
        self.voices = told_apart(self.settings) if self.settings.speakers else None
        self.models = load_models(self.settings)
        self.notes: list[str] = list(words.notes) if words else []
        self.muted: set[Modality] = set()
        self._transcript = words
        self._pushed: list[Segment] = []
        self._due = units_of(words.segments, max((s.end for s in words.segments), default=0.0), self.settings) if words and words.timed else []
        self._looking = Looking(self.models["face"], self.settings, remember=record) if "face" in self.models else None
        self._listening = self._hears(list(self._due) or None)
        self._size: tuple[int, int] | None = None             # h, w of the first picture
        self._shown = (-math.inf, 0.0)                        # time of the last picture, and its end
        self._pace, self._hints, self._recent = Pace(self.settings.fps), hints.Hints(), Recent()
        self._speaking = self._over = False
        self._next, self._next_sentence, self._next_voice, self._sentence = EVERY, SENTENCE[0], EVERY, ""
        self._spoke, self._clipped = 0.0, -math.inf           # when speech was last heard, and clipped sound
        self._baselines: dict[str, baseline.Baseline] = {}
        self._words = Words(recogniser, self.settings, record=record, patient=not adapt) if recogniser not in (None, "none", "") and words is None else None
        self.settings = replace(self.settings, recogniser=self._words.name) if self._words else self.settings
        self._cut = math.inf                                  # s at which it was broken off, before the words that were given from the start ended
        self._asked, self._wordless = 0, 0.0                  # stretches of speech the recogniser was given; s until which words were muted

    # ---- in -----------------------------------------------------------------------------------------------------------------

    @property
    def duration(self) -> float:
        """Seconds so far: of sound; up to the end of the last picture where there is no sound after it began."""
        sound = self._listening.stream.duration if self._listening else 0.0
        return sound if sound > self._shown[0] else self._shown[1]

    @property
    def recogniser(self) -> str | None:
        """What hears the words, by name; None: they are pushed."""
        return self._words.name if self._words else None

    @property
    def waiting(self) -> int:
        """Utterances that are over and whose words are on their way."""
        return self._words.waiting if self._words else 0

    @property
    def fps(self) -> float:
        """How many pictures a second are looked at now."""
        return self._pace.fps

    def see(self, time: float, picture: np.ndarray, *, late: float = 0.0) -> list[Told]:
        """Look at a picture; more of them than `fps` are passed over, as `Media.frames` does.

        Parameters
        ----------
        time
            Seconds since the start, not before the picture before.
        picture : (h, w, 3) uint8, RGB
        late
            Seconds that it has waited already.

        Raises
        ------
        ShapeError
            If it is no picture, or its time is no time or before the last one's.
        """
        picture = np.asarray(picture)
        if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8 or not picture.size:
            raise ShapeError(f"the picture is {picture.shape}, {picture.dtype}; expected (h, w, 3) uint8")
        if not (math.isfinite(time) and time >= 0 and time >= self._shown[0]):
            raise ShapeError(f"a picture at {time} s; expected a time from {max(self._shown[0], 0.0):.3f} s on")
        if self._looking is None or "face" in self.muted or not self.wanted(time):
            return []
        self._size = self._size or (picture.shape[0], picture.shape[1])
        if picture.shape[:2] != self._size:
            picture = fitted(picture, *self._size)
        began = clock.perf_counter()
        found, rows = self._looking.push(time, picture, self.fps if self._pace.slow else None)
        self._shown = time, time + 1 / self.fps
        took = clock.perf_counter() - began
        rows = self._unhabited(rows)
        self._remember(rows)
        rows = timeline.rename(rows, self._recent.link().faces)
        seen = Seen(time, (self._size[1], self._size[0]), found, (rows, *projected(rows)), hints.of_faces(picture, found), took)
        told: list[Told] = [seen, *self._hints.update(time, "face", "no_face", not len(found))]
        for code in hints.OF_FACES:
            told += self._hints.update(time, "face", code, any(code in one for one in seen.hints))
        if self.adapt:
            fps = self._pace.after(time, took=took, late=late)
            told += [Rate(fps)] if fps is not None else []
            told += self._hints.update(time, "face", "slow", self._pace.slow)
        return told + self.recognised() + self._tick()

    def wanted(self, time: float) -> bool:
        """Whether a picture at this time would be looked at."""
        return self._shown[0] == -math.inf or cell_of(time, self.fps) > cell_of(self._shown[0], self.fps)

    def hear(self, samples: np.ndarray, time: float | None = None) -> list[Told]:
        """Hear more sound.

        Parameters
        ----------
        samples : (n,) float in -1..1 at 16 kHz, one channel
        time
            When its first sample was heard, s since the start; a hole before it is filled with silence, an overlap is cut. None: right after
            the sound before.

        Raises
        ------
        ShapeError
            If it isn't one row of numbers, or leaves a hole of more than ten minutes.
        """
        if self._listening is None:
            return []
        samples = np.asarray(samples, np.float32)
        if samples.ndim != 1:
            raise ShapeError(f"samples have shape {samples.shape}, expected (n,): one channel")
        if "voice" in self.muted:
            samples = np.zeros_like(samples)
        told: list[Told] = []
        if time is not None:
            samples, hole = self._placed(samples, time)
            for silence in range(hole, 0, -SAMPLE_RATE):
                told += self._heard(np.zeros(min(silence, SAMPLE_RATE), np.float32))
        step = SAMPLE_RATE if self._words else max(1, len(samples))       # while an utterance that ends in it is still at hand
        for at in range(0, max(1, len(samples)), step):
            told += self._heard(samples[at : at + step])
        return told

    def words(self, start: float, end: float, text: str, person: str = SOMEONE) -> list[Told]:
        """Words that somebody else recognised, with their times (s) and, if it is known, who said them; what a recogniser here heard then doesn't count."""
        if not (0 <= start <= end < math.inf):
            raise ShapeError(f"words from {start} to {end} s; expected 0 <= start <= end")
        if "text" in self.muted or not text.strip():
            return []
        said = Segment(start, end, person, text.strip())
        if self.record:
            self._pushed.append(said)
        for wrong, left in self._words.push(said) if self._words else ():
            self._recent.without("text", wrong.start, wrong.end)
            self._read([left] if left else [])               # told before, with the rest
        return [*self._read([said])]

    def recognised(self, patience: float = 0.0) -> list[Told]:
        """Words that the recogniser has brought meanwhile, with everything fused once more over their utterances; `hear` and `see` tell them too.

        patience
            s to wait for all that are under way.
        """
        if self._words is None:
            return []
        told: list[Told] = []
        found, failed = self._words.done(patience, wanted="text" not in self.muted)
        for said, one in found:
            told += [replace(spoken, words=said.words, recogniser=self._words.name, took=spoken.took + one.took)
                     for spoken in self._read([said], self.settings.language or one.language)]
            told += self._recent.fused(one.utterance.start, one.utterance.end, interim=False)
        told += [Failed("text", text) for text in failed]
        late = "text" not in self.muted and self._words.late(self.now)
        return told + (self._hints.update(self.now, "text", "slow", late) if self.adapt else [])

    def mute(self, modality: Modality, on: bool = True) -> list[Told]:
        """Leave a modality out from now on, or take it in again; muted sound counts as silence."""
        if modality not in ("face", "voice", "text"):
            raise SettingError(f"mute {modality!r}; expected face, voice or text")
        if on == (modality in self.muted):
            return []
        (self.muted.add if on else self.muted.discard)(modality)
        self._wordless = self.now if modality == "text" else self._wordless
        note = f"the {modality} was muted for some of the time"
        self.notes += [note] if note not in self.notes else []
        self._recent.drop(modality)
        return list(self._hints.drop(modality)) if on else []

    @property
    def now(self) -> float:
        """Seconds so far, as far as anything was measured: of the last picture or the last sound."""
        return max(0.0, self._shown[0], self._listening.stream.duration if self._listening else 0.0)

    def shown(self, start: float, end: float, person: str = SOMEONE) -> Recording:
        """Face and voice of one person over a stretch, as a recording of its own whose times begin with the stretch. Only the last seconds are known.

        person
            SOMEONE, or somebody who wasn't there: whoever is seen most, else heard most. A voice that isn't joined with a face is taken to be
            this person's where nobody else is in view, and no other voice heard.
        """
        found = [e for e in self._recent.during(start, end) if e.modality in ("face", "voice") and not e.projected]
        return of_one(found, start, end, person)

    # ---- the end ------------------------------------------------------------------------------------------------------------

    def finish(self, patience: float | None = None) -> list[Told]:
        """Pictures and sound are over; what was under way.

        patience
            How long to wait for words that are being recognised, s; called again it tells what came since. By default 10, or 600 where `adapt` is off;
            called again 0. Without a `close` after it, `leave` gives up those that still wait.
        """
        told: list[Told] = []
        patience = (0.0 if self._over else UNHEARD if self.adapt else UNHURRIED) if patience is None else patience
        if not self._over:
            self._over = True
            told += self._ended(self._listening.close()) if self._listening else []
            if self._speaking and self._listening:
                told.append(Speech(self._listening.stream.speech[-1][1] if self._listening.stream.speech else self.duration, False))
            told += self._words_until(math.inf)
        return told + self.recognised(patience)

    def cut(self) -> None:
        """It is broken off here: of words that were given from the start, those that aren't over yet were never heard, and count as unknown.
        What was pushed meanwhile stays."""
        now, given = self.now, self._transcript
        if self._over or given is None or (given.timed and all(s.end <= now for s in given.segments)):
            return
        over = [s for s in given.segments if s.end <= now] if given.timed else []
        going = [Segment(s.start, now, s.person) for s in given.segments if s.start < now < s.end] if given.timed else []
        self._cut, self._due = now, [u for u in self._due if u.end <= now]
        self._transcript = replace(given, segments=(*over, *going))
        self.notes.append(f"broken off at {now:.1f} s: words that weren't over by then are left out")

    def leave(self) -> None:
        """Nobody waits for the session's words any more: what waits to be recognised isn't, and its sound is let go of. `close` does so too."""
        if self._words:
            self._words.over()

    def close(self, duration: float | None = None, patience: float | None = None) -> Recording:
        """The recording: what `attune.measure` would say of a file with these pictures and this sound.

        duration
            Seconds, where it is known better than from the pictures and sound that came.
        patience
            As of `finish`; the words that aren't there by then are missing, which a note says.

        Raises
        ------
        SettingError
            If nothing was recorded.
        """
        if not self.record:
            raise SettingError("nothing was recorded; open the session with record=True")
        self.finish(patience)
        recognised = self._words.over() if self._words else []
        notes, heard = list(self.notes), Heard()
        seen = self._looking.seen() if self._looking else AllSeen()
        if self._looking and not len(seen.faces):
            notes.append(NO_FACE)
        if self._listening and self._listening.stream.duration:
            heard = self._listening.heard()
            if self._cut < math.inf:
                heard = replace(heard, estimates=_until(heard.estimates, self._cut), beside=tuple(filter(None, (_until(e, self._cut) for e in heard.beside))))
            notes += [] if heard.speech else [NO_SPEECH]
        given = self._transcript if self._transcript and self._transcript.segments else None
        if self._pushed or recognised:
            before = given.segments if given else ()
            if given and not given.timed:
                before = spread(before, heard.speech)
                notes.append(SPREAD)
            named = [*before, *self._pushed]
            given = Transcript(tuple(sorted((*named, *recognised), key=lambda s: (s.start, s.end))), language=self._language)
            heard = replace(heard, estimates=_named(heard.estimates, named)) if named else heard
        notes += self._words.notes() if self._words else []
        length = self.duration if duration is None else duration
        turns = _turns(heard.estimates) if self.voices else []
        notes += [f"speakers told apart by voice, as they came: {len({t.person for t in turns})}"] if turns else []
        recording = together(seen, heard, given, length, self.models, self.settings, turns=turns)
        return replace(recording, source=NAME, media=self._facts(length), notes=tuple(dict.fromkeys((*notes, *recording.notes))))

    def _facts(self, duration: float) -> dict[str, object]:
        height, width = self._size or (0, 0)
        sound = {"codec": "pcm", "sample_rate": SAMPLE_RATE, "channels": 1} if self._listening and self._listening.stream.duration else None
        picture = {"codec": "pictures", "width": width, "height": height, "fps": self.settings.fps} if self._size else None
        return {"name": NAME, "duration": duration, "format": NAME, "start": 0.0, "still": False, "streams": [], "video": picture, "audio": sound}

    # ---- between ------------------------------------------------------------------------------------------------------------

    def _hears(self, known: Sequence[Segment] | None) -> Listening | None:
        """What listens; None, with a note, where the speech detector isn't installed."""
        model = self.models.get("voice")
        if model is None:
            return None
        try:
            heard = replace(self.settings, pause=min(PAUSE, self.settings.pause)) if self.voices else self.settings
            return Listening(model, heard, known, remember=self.record, voices=self.voices)
        except WeightsError as error:
            if not all(Path(path).is_file() for path in weights.files(model)):
                raise
            self.notes.append(f"voices weren't measured: {error}")
            return None

    def _placed(self, samples: np.ndarray, time: float) -> tuple[np.ndarray, int]:
        """Samples after those before, and how many are missing between them."""
        assert self._listening is not None
        step = time - self._listening.stream.duration
        if not (math.isfinite(time) and time >= 0 and step < HOLE):
            raise ShapeError(f"sound at {time} s after {self._listening.stream.duration:.1f} s of it; expected a time less than {HOLE:.0f} s later")
        if step < -GAP:
            return samples[round(-step * SAMPLE_RATE) :], 0
        return samples, round(step * SAMPLE_RATE) if step > GAP else 0

    def _heard(self, samples: np.ndarray) -> list[Told]:
        assert self._listening is not None
        stream = self._listening.stream
        told: list[Told] = self._ended(self._listening.push(samples))
        going = stream.going
        if going is not None and not self._speaking:
            told.append(Speech(going[0], True))
            self._next_voice = going[0] + EVERY
        elif going is None and self._speaking:
            told.append(Speech(stream.speech[-1][1] if stream.speech else stream.judged, False))
        self._speaking = going is not None
        self._spoke = stream.judged if self._speaking else self._spoke
        if "voice" not in self.muted:
            self._clipped = stream.duration if hints.clipped(samples) else self._clipped
            told += self._hints.update(stream.duration, "voice", "clipped", stream.duration - self._clipped < EVERY)
            told += self._hints.update(stream.duration, "voice", "no_speech", not self._speaking and stream.judged > self._spoke)
        if going is not None and going[1] >= self._next_voice:
            told += self._going(*going)
        return told + self._words_until(stream.duration) + self.recognised() + self._tick()

    def _ended(self, units: Sequence[Unit]) -> list[Told]:
        """Units of the voice that are over."""
        told: list[Told] = []
        for unit in units:
            assert self._listening is not None
            self._recent.going([])
            rows = self._unhabited(self._listening.estimates([unit]), learn=True)
            self._remember(rows)
            rows = timeline.rename(rows, self._recent.link().voices)
            told.append(Spoken((rows, *projected(rows))))
            told += self._recent.fused(float(rows.start[0]), float(rows.end[0]), interim=False)
        self._ask(units)
        return told

    def _ask(self, units: Sequence[Unit]) -> None:
        """Give the recogniser what was said since; the units tell whose it is."""
        if self._words is None or self._listening is None:
            return
        stream, whose = self._listening.stream, {(u.segment.start, u.segment.end): u.segment.person for u in units}
        going = stream.going[0] if stream.going else None
        for i, (start, end) in enumerate(stream.speech[self._asked :], start=self._asked):
            if "text" in self.muted or start < self._wordless:
                continue
            first, last = surroundings(stream.speech, i, going, self._listening.pause)
            self._words.give(Segment(start, end, whose.get((start, end), SOMEONE)), stream.sound(first, last), first)
        self._asked = len(stream.speech)

    def _going(self, start: float, end: float) -> list[Told]:
        """The utterance that isn't over: its last seconds, measured now."""
        assert self._listening is not None
        self._next_voice = end + EVERY
        began = clock.perf_counter()
        unit = self._listening.stream.listen(max(start, end - VOICED), end)
        if self.voices:
            unit = unit._replace(segment=replace(unit.segment, person=self.voices.going(self._listening.stream.sound(max(start, end - LENGTH), end))))
        rows = self._unhabited(self._listening.estimates([unit]))
        both = [rows, *projected(rows)]
        self._recent.going(both)
        named = self._recent.link().voices
        return [Spoken(tuple(timeline.rename(e, named) for e in both), interim=True, took=clock.perf_counter() - began)]

    def _words_until(self, time: float) -> list[Told]:
        """Words of the transcript whose time has come."""
        told: list[Told] = []
        while self._due and self._due[0].end <= time:
            told += self._read([self._due.pop(0)])
        return told

    @property
    def _language(self) -> str:
        return self.settings.language or (self._words.language if self._words else self._transcript.language if self._transcript else "")

    def _read(self, said: list[Segment], language: str = "") -> list[Spoken]:
        began = clock.perf_counter()
        rows = read(said, self.models, language or self._language, self.settings)
        if not rows:
            return []
        for e in rows:
            self._recent.add(e)
        named = self._recent.link().voices
        return [Spoken(tuple(timeline.rename(e, named) for e in rows), said[0].text, took=clock.perf_counter() - began)]

    def _remember(self, rows: Estimates) -> None:
        for e in (rows, *projected(rows)):
            self._recent.add(e)

    def _tick(self) -> list[Told]:
        """About once a second: everything fused; every other second a sentence, if it says something new."""
        now = self.now
        told: list[Told] = []
        if now >= self._next:
            self._next = now + EVERY
            self._recent.forget(now)
            if self._words:
                self._words.forget(now)
            told += self._recent.fused(max(0.0, now - LATELY), now, interim=True)
        if now >= self._next_sentence:
            self._next_sentence = now + SENTENCE[0]
            text = self._recent.said(max(0.0, now - SENTENCE[1]), now, "de" if self.settings.language.startswith("de") else "en")
            if text and text != self._sentence:
                self._sentence = text
                told.append(Said(now, text))
        return told

    def _unhabited(self, rows: Estimates, *, learn: bool = False) -> Estimates:
        """Without the person's habit, as far as it is known by now."""
        if self.settings.baseline is None:
            return rows
        if self.settings.baseline != "own":
            return baseline.adapt(rows, baseline.load(self.settings.baseline))
        population = baseline.population_of(rows)
        if population is None:
            return rows
        person = timeline.SPEAKER
        known = self._baselines.setdefault(rows.name, baseline.Baseline(person, population))
        if learn:
            known.push(rows.values)
        return replace(baseline.adapt(replace(rows, person=np.array([person] * len(rows), object)), [known]), person=rows.person)


def _until(e: Estimates | None, time: float) -> Estimates | None:
    """The rows that began before a time, which end by then."""
    if e is None:
        return None
    rows = e.where(e.start < time)
    return replace(rows, end=np.minimum(rows.end, time))


def told_apart(settings: Settings) -> online.Voices:
    """Who tells voices apart while they speak.

    Raises
    ------
    SettingError
        If another diarizer is asked for than the one that can.
    WeightsError
        If the package that carries the voiceprints isn't installed.
    """
    if settings.diarizer != Settings().diarizer:
        raise SettingError(f"diarizer={settings.diarizer!r} needs the whole recording; a live session tells voices apart by {Settings().diarizer}")
    if not voiceprint.available():
        raise WeightsError(f"voices can't be told apart without voiceprints: {voiceprint.INSTALL}")
    return online.Voices(settings.speakers or "auto", speakers.Book.read(settings.voices).voices if settings.voices else None)


def _turns(voices: Estimates | None) -> list[Segment]:
    """Utterances as turns of those whose they are."""
    rows = zip(voices.start, voices.end, voices.person, strict=True) if voices is not None else ()
    return [Segment(float(start), float(end), str(person)) for start, end, person in rows]


def _named(voices: Estimates | None, words: Sequence[Segment]) -> Estimates | None:
    """Utterances that were heard, with the names of those whose words they are: of the words that overlap most; without one they keep their own."""
    if voices is None:
        return None
    people = []
    for start, end, own in zip(voices.start, voices.end, voices.person, strict=True):
        overlap = [min(w.end, end) - max(w.start, start) for w in words]
        people.append((words[int(np.argmax(overlap))].person if max(overlap) > 0 else SOMEONE) or own)
    return replace(voices, person=np.array(people, object))
