"""Who is there when: names for voices and faces, and the rows of the table.

A row is a stretch of time and a person: an utterance and its speaker, the same utterance and everybody else in view, a pause and
everybody in view. Together the rows cover the recording, so that a table never hides the time in which nothing was measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from attune.types import SOMEONE, Estimates, Segment

SPEAKER = "speaker"                      # a voice that can't be given to a face or a name
SEEN_WHILE_SPEAKING = 0.5                # an only face must be in view for this share of the speech to be taken for the speaker's


LOOKS = 5                                # pictures of a face during a voice, from which its mouth's motion can be told
MOVING = 0.1                             # logarithm of a mouth's motion up to which it counts as resting while others speak
CLEAR = 0.1                              # by how much the motion's logarithm must be above that of the other faces


class Mouths(NamedTuple):
    """How mouths moved: parallel arrays of time (s), person (names) and motion, 1 at rest."""

    time: np.ndarray
    person: Sequence[str]
    moved: np.ndarray


@dataclass(frozen=True)
class Link:
    """New names for faces and voices, and what must be said about them."""

    faces: dict[str, str]
    voices: dict[str, str]
    notes: tuple[str, ...] = ()


def link(units: Sequence[Segment], faces: Estimates | None, mouths: Mouths | None = None) -> Link:
    """Join voices and faces where it can't be wrong: one voice, one face, and the face in view while the voice is heard; or, of several, the face whose
    mouth moves while the voice is heard, where it is clear which.

    A transcript's name goes to the face; without one the voice takes the face's name. Everybody else keeps apart: unnamed voices
    are called "speaker".
    """
    speakers = list(dict.fromkeys(u.person for u in units))
    people = list(dict.fromkeys(p for p in faces.person if p != SOMEONE)) if faces is not None else []
    apart = Link({}, {SOMEONE: SPEAKER} if SOMEONE in speakers else {})
    if not speakers or not people:
        return apart
    if len(speakers) > 1 or len(people) > 1:
        seen_to_speak = spoken_by_faces(units, mouths) if mouths else {}
        if seen_to_speak:
            return _joined(speakers, seen_to_speak, apart)
        return replace(apart, notes=("several people: voices and faces are not linked, so fused rows of a voice hold voice and words only",))
    assert faces is not None
    spoken = sum(u.duration for u in units)
    seen = sum(u.duration * _present(faces, u) for u in units)
    if spoken > 0 and seen / spoken < SEEN_WHILE_SPEAKING:
        return replace(apart, notes=("the only face is out of view for most of the speech: voice and face are not linked",))
    name = people[0] if speakers[0] == SOMEONE else speakers[0]
    return Link({people[0]: name}, {speakers[0]: name}, ("the only face in view is taken to be the speaker's",))


def spoken_by_faces(units: Sequence[Segment], mouths: Mouths) -> dict[str, str]:
    """voice -> face: for each voice the face whose mouth moves most while it is heard, compared with the other faces, and with its own motion while
    others are heard; voices for which that isn't clear are left out. A voice and a face are joined once at most, the clearest first."""
    voices, people = list(dict.fromkeys(u.person for u in units)), list(dict.fromkeys(p for p in mouths.person if p != SOMEONE))
    score = np.full((len(voices), len(people)), np.nan)
    turns = {v: [(u.start, u.end) for u in units if u.person == v] for v in voices}
    moved = np.log(np.maximum(mouths.moved, 1e-3))
    heard = {v: np.any([(mouths.time > a) & (mouths.time <= b) for a, b in turns[v]], axis=0) for v in voices}
    spoken = np.any(list(heard.values()), axis=0)
    for j, person in enumerate(people):
        mine = np.array([p == person for p in mouths.person])
        for i, voice in enumerate(voices):
            during, others = mine & heard[voice], mine & spoken & ~heard[voice]
            if during.sum() >= LOOKS:
                rest = float(np.median(moved[others])) if others.sum() >= LOOKS else 0.0
                score[i, j] = float(np.median(moved[during])) - min(rest, MOVING)
    found: dict[str, str] = {}
    left = np.nan_to_num(score, nan=-np.inf)
    while left.size and np.isfinite(left.max()):
        i, j = divmod(int(left.argmax()), len(people))
        best = left[i, j]
        others = np.delete(left[i], j)
        if best < CLEAR / 2 or (len(others) and best - others.max() < CLEAR):
            left[i] = -np.inf
            continue
        found[voices[i]] = people[j]
        left[i], left[:, j] = -np.inf, -np.inf
    return found


def _joined(speakers: list[str], found: dict[str, str], apart: Link) -> Link:
    """Voices with the faces that were seen to speak: a transcript's or a book's name stays, "speaker 1" becomes the face's name."""
    faces, voices = {}, dict(apart.voices)
    for voice, face in found.items():
        if voice == SOMEONE or voice.startswith(SPEAKER):
            voices[voice] = face
        else:
            faces[face] = voice
    said = ", ".join(f"{voice or 'the voice'} is {face}" for voice, face in found.items())
    left = [v or "the voice" for v in speakers if v not in found]
    apart_too = f"; not clear for {', '.join(left)}" if left else ""
    return Link(faces, voices, (f"by the motion of mouths: {said}{apart_too}",))


def rename(e: Estimates, names: dict[str, str]) -> Estimates:
    """Estimates with people renamed."""
    return replace(e, person=np.array([names.get(p, p) for p in e.person], object)) if names else e


def rows(units: Sequence[Segment], faces: Estimates | None, duration: float, *, pause: float, gap: float, heard: bool = True) -> list[Segment]:
    """The rows of the table, by start: units with their speaker first, then everybody else in view; pauses from `pause` seconds on,
    cut into pieces of at most `gap`. Where nobody listened (`heard` is False) a stretch without a unit is no pause but a window."""
    between = [replace(p, kind="pause" if heard else "window") for p in pauses(units, duration, pause=pause, gap=gap)]
    stretches = sorted([*units, *between], key=lambda s: (s.start, s.end))
    crowd = _Crowd(faces)
    out: list[Segment] = []
    for s in stretches:
        around = [p for p in crowd.during(s) if p != s.person]
        if s.kind == "speech" or s.person != SOMEONE or not around:
            out.append(s)
        out += [replace(s, person=p, text="", words=(), kind="seen" if s.kind == "speech" else s.kind) for p in around]
    return out


def pauses(units: Iterable[Segment], duration: float, *, pause: float, gap: float) -> list[Segment]:
    """The stretches without a unit, from `pause` seconds on, cut into equal pieces of at most `gap` seconds.

    >>> [(p.start, p.end) for p in pauses([Segment(1, 2)], 8, pause=0.6, gap=5)]
    [(0.0, 1.0), (2.0, 5.0), (5.0, 8.0)]
    """
    if duration <= 0:                     # a still picture
        return [] if any(True for _ in units) else [Segment(0.0, 0.0, kind="pause")]
    out: list[Segment] = []
    free = 0.0
    for s in (*sorted((u.start, u.end) for u in units), (duration, duration)):
        length = s[0] - free
        if length >= pause or (length > 0 and not out and free == 0.0 and s[0] == duration):
            edges = np.linspace(free, s[0], max(1, int(np.ceil(length / gap - 1e-9))) + 1)
            out += [Segment(float(a), float(b), kind="pause") for a, b in pairwise(edges)]
        free = max(free, s[1])
    return out


def windows(duration: float, length: float, hop: float) -> list[Segment]:
    """Windows of `length` seconds every `hop`, from 0 until `duration`; the last may be shorter.

    >>> [(w.start, w.end) for w in windows(1.0, 0.5, 0.25)]
    [(0.0, 0.5), (0.25, 0.75), (0.5, 1.0), (0.75, 1.0)]
    """
    return [Segment(i * hop, min(i * hop + length, duration), kind="window") for i in range(math.ceil(duration / hop - 1e-9))]


def lay(units: Sequence[Segment], grid: Sequence[Segment]) -> list[Segment]:
    """Units laid over windows: each person who speaks in a window gets it, with the words whose middle falls into it.

    >>> said = [Segment(0, 2, "Ada", "Oh no", (Segment(0, 1, "Ada", "Oh"), Segment(1, 2, "Ada", "no")))]
    >>> [(w.start, w.person, w.text) for w in lay(said, windows(3, 1, 1))]
    [(0, 'Ada', 'Oh'), (1, 'Ada', 'no'), (2, '', '')]
    """
    out: list[Segment] = []
    ordered = sorted(units, key=lambda u: u.start)
    latest = np.maximum.accumulate([u.end for u in ordered]) if ordered else np.zeros(0)
    starts = np.array([u.start for u in ordered])
    for w in grid:
        near = ordered[np.searchsorted(latest, w.start, side="right") : np.searchsorted(starts, w.end, side="left")]
        for person in dict.fromkeys(u.person for u in near if u.end > w.start) or [SOMEONE]:
            words = tuple(x for u in near if u.person == person for x in u.words if w.start <= (x.start + x.end) / 2 < w.end)
            out.append(replace(w, person=person, text=" ".join(x.text for x in words), words=words))
    return out


def _present(faces: Estimates, s: Segment) -> float:
    """Share of a segment in which somebody is in view."""
    overlap = np.minimum(faces.end, s.end) - np.maximum(faces.start, s.start)
    return min(1.0, float(np.maximum(overlap, 0).sum()) / s.duration) if s.duration > 0 else 0.0


class _Crowd:
    """Who is in view during a segment; binary search over the frames."""

    def __init__(self, faces: Estimates | None) -> None:
        order = np.argsort(faces.start, kind="stable") if faces is not None else np.zeros(0, int)
        self.start = faces.start[order] if faces is not None else np.zeros(0)
        self.latest = np.maximum.accumulate(faces.end[order]) if faces is not None and len(order) else np.zeros(0)
        self.person = faces.person[order] if faces is not None else np.zeros(0, object)

    def during(self, s: Segment) -> list[str]:
        first = np.searchsorted(self.latest, s.start, side="right")
        last = np.searchsorted(self.start, max(s.end, s.start + 1e-3), side="left")
        return sorted({str(p) for p in self.person[first:last] if p != SOMEONE})
