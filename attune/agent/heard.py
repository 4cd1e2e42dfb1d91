"""What a person said and showed in one turn, as a `Recording`: from words alone, from a clip, or with scores that a client measured itself.

The recording holds that person and nobody else: who happened to be in view is left out. Times are seconds from the start of the turn; words
that were typed get the time it takes to say them, which is no measurement.

    >>> recording = of_words("I am so happy to see you!")
    >>> bool(recording["text.goemotions28"].label("joy")[0] > 0.5)
    True
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from attune import text
from attune.align import align
from attune.errors import SettingError
from attune.export import MISSING
from attune.fusion import fuse
from attune.measure import load_models, measure, read, versions
from attune.media import Media
from attune.settings import Settings
from attune.taxonomy import crosswalk, taxonomy
from attune.text import recognisers
from attune.timeline import rename
from attune.types import Estimates, Faces, Modality, Recording, Segment

PERSON = "you"                           # who talks with the agent, in every recording of a conversation
RATE = 2.5                               # words said a second, where nobody said them aloud
LEAST = 1.0                              # s that a turn lasts at least
NAMES = "eee48"                          # the names in which clients send scores
GIVEN = "given by the client"            # the model of such scores
MODALITIES: tuple[Modality, ...] = ("text", "voice", "face")

Scores = Mapping[str, Mapping[str, float]]          # voice or face -> name -> score


def of_words(words: str, *, language: str = "", scores: Scores | None = None, settings: Settings | None = None, notice: bool = True) -> Recording:
    """A turn of which only the words are known, and perhaps scores of voice and face that a client sends (Hume's 48 names, 0..1).

    notice
        Whether the words are measured; without, the recording holds the words only.

    Raises
    ------
    SettingError
        If scores are of another modality, or no numbers.
    UnknownName
        For a name that isn't among the 48.
    """
    chosen = settings or Settings()
    row = Segment(0.0, spoken_seconds(words), PERSON, words)
    estimates = [e for modality, given in (scores or {}).items() for e in _given(modality, given, row)] if notice else []
    models: dict[str, Any] = {}
    if notice and chosen.text and text.spoken(words):
        models = load_models(replace(chosen, face=None, voice=None))
        estimates += read([row], models, language or chosen.language, chosen)
    return _fused(Recording(source="words", duration=row.end, segments=(row,), faces=Faces.empty(), estimates=tuple(estimates), versions=versions(models)))


def of_clip(source: str | Path | Media, *, words: str = "", settings: Settings | None = None, scores: Scores | None = None) -> Recording:
    """A turn that was recorded: sound, film or picture. The person is who speaks longest, or else is seen longest; `words` replace those recognised.

    Raises
    ------
    MediaError
        If it is no media.
    """
    chosen = settings or Settings()
    with recognisers.staying_open():          # the next turn comes soon
        recording = measure(source, **replace(chosen, portraits=False).asdict())
    return of_recording(recording, speaker(recording), words=words, settings=chosen, scores=scores)


def of_recording(recording: Recording, who: str, *, words: str = "", settings: Settings | None = None, scores: Scores | None = None) -> Recording:
    """A turn that was measured already: what its recording holds of one person; `words` replace those recognised."""
    chosen = settings or Settings()
    rows = [replace(s, person=PERSON) for s in recording.segments if s.person == who or (s.kind in ("pause", "window") and not s.person)]
    estimates = [rename(e.where((e.person == who) | (e.person == "")), {who: PERSON, "": PERSON}) for e in recording if e.modality != "fused"]
    if words.strip():
        spoken = [s for s in rows if s.kind == "speech"] or rows or [Segment(0.0, spoken_seconds(words))]
        row = Segment(spoken[0].start, max(spoken[-1].end, spoken[0].start), PERSON, words)
        estimates = [e for e in estimates if e.modality != "text"]
        if chosen.text and text.spoken(words):
            estimates += read([row], load_models(replace(chosen, face=None, voice=None)), chosen.language, chosen)
        rows = [row]
    rows = rows or [Segment(0.0, max(recording.duration, LEAST), PERSON, kind="window")]
    estimates += [e for modality, given in (scores or {}).items()
                  if not any(own.modality == modality for own in estimates) for e in _given(modality, given, rows[0])]
    others = [p for p in recording.people if p != who]
    notes = (*recording.notes, *([f"{len(others)} others in the clip are left out"] if others else []))
    kept = tuple(e for e in estimates if len(e))
    return _fused(replace(recording, segments=tuple(rows), estimates=kept, portraits={}, notes=notes, duration=max(recording.duration, rows[-1].end)))


def together(parts: Sequence[Recording]) -> Recording:
    """Several recordings of one turn, such as its sound and a picture of the face: the first gives the rows, each modality comes from the first that has it.

    >>> together([of_words("Hello."), of_words("Hello.", scores={"face": {"Joy": 0.8}})])["face.eee48"].label("Joy").tolist() == [np.float32(0.8)]
    True
    """
    first = parts[0]
    rows, estimates = first.segments, [e for e in first if e.modality != "fused"]
    there = {e.modality for e in estimates}
    for other in parts[1:]:
        for e in other:
            if e.modality == "fused" or e.modality in there or not len(e):
                continue
            span = (rows[0].start, max(r.end for r in rows))
            estimates.append(replace(e, start=np.full(len(e), span[0]), end=np.full(len(e), span[1])) if other.duration == 0 or len(e) == 1 else e)
        there |= {e.modality for e in estimates}
    notes = tuple(dict.fromkeys(n for p in parts for n in p.notes))
    return _fused(replace(first, estimates=tuple(estimates), notes=notes))


def speaker(recording: Recording) -> str:
    """Who a clip is of: who speaks longest, else who is seen longest.

    >>> speaker(of_words("Hello."))
    'you'
    """
    spoken: dict[str, float] = {}
    for s in recording.segments:
        spoken[s.person] = spoken.get(s.person, 0.0) + s.duration * (1000 if s.kind == "speech" else 1)
    named = {p: t for p, t in spoken.items() if p} or spoken
    return max(named, key=lambda p: named[p], default="")


def said(recording: Recording) -> str:
    """The turn's words."""
    return " ".join(s.text for s in recording.segments if s.text.strip())


def spoken_seconds(words: str) -> float:
    """How long it takes to say so much.

    >>> spoken_seconds("one two three four five")
    2.0
    """
    return max(LEAST, len(words.split()) / RATE)


def only(recording: Recording, modalities: Sequence[str]) -> Recording:
    """The recording as if nothing but these modalities had been measured."""
    return _fused(replace(recording, estimates=tuple(e for e in recording if e.modality in modalities)))


def _given(modality: str, given: Mapping[str, float], row: Segment) -> list[Estimates]:
    """A client's scores as estimates; names that it leaves out count as 0, and no name at all as not measured.

    Beside them stands what they are in basic emotions: by the crosswalk, as much as the strongest name is high, and neutral for the rest,
    because the 48 have no word for neutral.
    """
    if modality not in ("voice", "face"):
        raise SettingError(f"scores of {modality!r}; expected voice or face")
    if not given:
        return []
    names = taxonomy(NAMES)
    values = np.zeros((1, len(names)), np.float32)
    for name, score in given.items():
        if isinstance(score, bool) or not isinstance(score, int | float) or not np.isfinite(score):
            raise SettingError(f"the score of {name!r} is {score!r}; expected a number")
        values[0, names.index(name)] = min(1.0, max(0.0, score))
    named = Estimates.of([row], values, taxonomy=names, modality=modality, model=GIVEN)  # type: ignore[arg-type]
    basic = crosswalk(NAMES, "ekman7")
    six, neutral, strength = basic(values), basic.target.index("neutral"), float(values.max())
    p = np.where(np.isnan(six), 0.0, six) * strength
    p[:, neutral] = 1 - p.sum(axis=1)
    return [named, Estimates.of([row], p, taxonomy=basic.target, modality=modality, model=GIVEN, projected=f"{basic.name}, the rest neutral")]  # type: ignore[arg-type]


def _fused(recording: Recording) -> Recording:
    own = tuple(e for e in recording if e.modality != "fused")
    fused = fuse([align(e, recording.segments, missing=MISSING[e.modality]) for e in own]) if own else []
    return replace(recording, estimates=(*own, *fused))
