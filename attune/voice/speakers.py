"""Who speaks when: stretches of speech given to voices that are told apart, and known again across recordings.

Sound passes through once. Each interval of speech is cut into windows of about 1.6 s, each window becomes a vector (`voiceprint`), and at the
end the vectors are put together by average linkage: the two groups that are most alike become one, until none are alike enough or as many are left as
were asked for. Where neighbouring windows belong to different voices, the turn changes half-way between them. Where more than one voice is heard
(`overlap`), a second turn lies over the first: of the voice that is next likely there. Windows that are mostly so don't help to tell voices apart.

Limits: of three who speak at once two are named; a backchannel shorter than a window goes to whoever speaks around it; voices of one
recording are told apart best when each speaks for some ten seconds. `benchmarks/speakers.py` counts how often it errs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

import numpy as np

from attune.errors import SettingError
from attune.settings import Settings
from attune.types import Segment
from attune.voice import _Tape, overlap
from attune.voice.activity import SAMPLE_RATE, Activity, finite
from attune.voice.voiceprint import HIDDEN, LENGTH, standing, voiceprints

SOFTER = 0.4                             # of the probability from which it is speech elsewhere: who murmurs far away is somebody, too
PAUSE = 0.3                              # s of silence that ends an interval: speakers change in shorter pauses than utterances do
LONGEST = 30.0                           # s of one interval
STEP = 0.8                               # s from window to window
SHORTEST = 0.1                           # s of sound that a vector is made of
ALIKE = 0.60                             # least mean cosine within one voice; chosen on AMI's training excerpts and five readers (benchmarks/speakers.py)
KNOWN = 0.70                             # least cosine to a voice of the book
PASSING = 2.0                            # s; a voice with less is given to the nearest that has more
STRAY, BESIDE = 1.0, 4                   # s; of as many voices as were asked for none has less, if it is found among so many groups more
AT_ONCE = 3000                           # vectors that are compared each with each
MIXED = 0.5                              # share of a window with speech at once from which it tells nothing of one voice
TOUCH = 0.05                             # s between two stretches of a voice that are one
NEAR = 3.0                               # s; who speaks at once with somebody has often just spoken, or does right after: within these it counts
TOOK_TURNS = 0.2                         # cosine that having spoken at the same moment is worth, against what the mixture sounds like


G = TypeVar("G", int, str)


class SpeakerStream:
    """Sound in, turns out.

    Parameters
    ----------
    settings
        `pause` is used, and `SOFTER` of `speech`.

    Raises
    ------
    WeightsError
        If the package that carries the speech detector or the voiceprints isn't installed.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self._activity = Activity(threshold=SOFTER * self.settings.speech, pause=min(PAUSE, self.settings.pause), max_length=LONGEST)
        self._tape = _Tape(round((1.5 * LONGEST + 2) * SAMPLE_RATE))        # what was around an interval that is cut half-way, too
        self._vectors = [np.zeros((0, HIDDEN), np.float32)]
        self._windows: list[tuple[float, float, float, float]] = []      # of a vector's window, and of what it speaks for
        self._mixed: list[tuple[float, float]] = []                      # where more than one voice is heard

    @property
    def duration(self) -> float:
        """Seconds of sound pushed so far."""
        return self._activity.received / SAMPLE_RATE

    def push(self, samples: np.ndarray) -> None:
        """Hear more sound, float (n,) at 16 kHz."""
        for at in range(0, len(samples), SAMPLE_RATE):
            chunk = finite(samples[at : at + SAMPLE_RATE])              # one sample that is no number would spoil all of `standing`
            self._tape.append(chunk)
            self._hear(self._activity.push(chunk))

    def close(self) -> None:
        """The sound is over."""
        self._hear(self._activity.close())

    def turns(self, speakers: str | int = "auto", book: Mapping[str, np.ndarray] | None = None) -> list[Segment]:
        """Turns in order, each with its speaker: a name of the book, or "speaker 1", "speaker 2" in the order of appearance.

        Parameters
        ----------
        speakers
            How many there are; "auto" finds out.
        book
            name -> vector (256,) of voices that are known.
        """
        vectors, seconds, who = self._told(speakers)
        names = _named(vectors, seconds, who, book or {})
        pieces = [Segment(start, end, names[k]) for (*_, start, end), k in zip(self._windows, who.tolist(), strict=True)]
        turns = joined(pieces, self.settings.pause)
        if len(names) < 2:
            return turns
        return layered(turns, [Segment(a, b, names[k]) for a, b, k in self._beside(vectors, seconds, who)])

    def voices(self, speakers: str | int = "auto") -> dict[str, np.ndarray]:
        """name -> vector of everybody who was heard, for a book; the names are those of `turns`."""
        vectors, seconds, who = self._told(speakers)
        names = _named(vectors, seconds, who, {})
        return {names[k]: centre(vectors[who == k], seconds[who == k]) for k in dict.fromkeys(who.tolist())}

    def _told(self, speakers: str | int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Vectors (n, d), what each speaks for in seconds (n,), and whose they are (n,)."""
        vectors = np.concatenate(self._vectors)
        seconds = np.array([end - start for *_, start, end in self._windows])
        mixed = np.array([overlapped(self._mixed, a, b) >= MIXED * (b - a) for a, b, *_ in self._windows], bool)
        return vectors, seconds, together(vectors, seconds, None if speakers == "auto" else int(speakers), mixed)

    def _beside(self, vectors: np.ndarray, seconds: np.ndarray, who: np.ndarray) -> list[tuple[float, float, int]]:
        """Start, end and voice of second turns: where speech at once meets what one window speaks for, the voice that is next like it and near."""
        groups = list(dict.fromkeys(who.tolist()))
        centres = np.array([centre(vectors[who == g], seconds[who == g]) for g in groups])
        starts, ends = np.array([w[2] for w in self._windows]), np.array([w[3] for w in self._windows])
        found: list[tuple[float, float, int]] = []
        for a, b in self._mixed:
            for i in np.flatnonzero((starts < b) & (ends > a)).tolist():
                start, end = max(a, float(starts[i])), min(b, float(ends[i]))
                away = np.maximum(np.maximum(starts - end, start - ends), 0)
                near = np.array([1 - min(1.0, float(away[who == g].min()) / NEAR) for g in groups])
                score = centres @ vectors[i] + TOOK_TURNS * near
                score[groups.index(int(who[i]))] = -np.inf
                found.append((start, end, groups[int(score.argmax())]))
        return found

    def _hear(self, intervals: list[tuple[float, float]]) -> None:
        for start, end in intervals:
            looks = windowed(start, end)
            self._mixed += overlap.stretches(overlap.more(self._tape.read(round(start * SAMPLE_RATE), round(end * SAMPLE_RATE))), start)
            heard = [self._tape.read(round(a * SAMPLE_RATE), round(b * SAMPLE_RATE)) for a, b in looks]
            kept = [k for k, wave in enumerate(heard) if len(wave) >= SHORTEST * SAMPLE_RATE]
            if not kept:
                continue
            around = self._tape.read(round(max(0.0, end - LONGEST) * SAMPLE_RATE), round(end * SAMPLE_RATE))
            self._vectors.append(voiceprints([heard[k] for k in kept], standing(around)))
            middles = [(looks[k][0] + looks[k][1]) / 2 for k in kept]
            edges = [start, *((a + b) / 2 for a, b in pairwise(middles)), end]
            self._windows += [(*looks[k], edges[i], edges[i + 1]) for i, k in enumerate(kept)]


def windowed(start: float, end: float) -> list[tuple[float, float]]:
    """Windows of `LENGTH` over an interval, evenly, at most `STEP` apart; a shorter interval is one.

    >>> windowed(0, 1), [round(a, 1) for a, _ in windowed(0, 3.2)]
    ([(0, 1)], [0.0, 0.8, 1.6])
    """
    if end - start <= LENGTH:
        return [(start, end)]
    n = int(np.ceil((end - start - LENGTH) / STEP - 1e-9)) + 1
    return [(a, a + LENGTH) for a in np.linspace(start, end - LENGTH, n).tolist()]


def overlapped(stretches: Sequence[tuple[float, float]], start: float, end: float) -> float:
    """Seconds of a stretch that others cover, which don't overlap each other.

    >>> overlapped([(0, 1), (2, 3)], 0.5, 2.25)
    0.75
    """
    return float(sum(max(0.0, min(b, end) - max(a, start)) for a, b in stretches))


# Putting vectors together


def together(vectors: np.ndarray, seconds: np.ndarray, count: int | None = None, mixed: np.ndarray | None = None) -> np.ndarray:
    """(n,) which voice each vector (n, d) belongs to, numbered by first appearance; seconds (n,) say how long each speaks.

    mixed : (n,) True where a vector is of several voices; these are given to the nearest of the voices that the others are.

    Average linkage (Sokal & Michener 1958) on cosines, until none are as alike as `ALIKE` or `count` are left.

    >>> together(np.eye(3)[[0, 1, 0, 0, 1]], np.full(5, 2.0)).tolist()
    [0, 1, 0, 0, 1]
    """
    if count is not None and count < 1:
        raise SettingError(f"speakers={count}; expected a number from 1, or auto")
    n = len(vectors)
    if mixed is not None and mixed.any() and float(seconds[~mixed].sum()) >= PASSING and (count or 0) <= int((~mixed).sum()):
        who = np.zeros(n, np.int64)
        who[~mixed] = together(vectors[~mixed], seconds[~mixed], count)
        clear = [centre(vectors[~mixed][who[~mixed] == g], seconds[~mixed][who[~mixed] == g]) for g in range(int(who[~mixed].max()) + 1)]
        who[mixed] = (vectors[mixed] @ np.array(clear).T).argmax(axis=1)
        return _in_order(who)
    if n > AT_ONCE:                       # parts first, then what they gave
        parts = [np.arange(at, min(at + AT_ONCE, n)) for at in range(0, n, AT_ONCE)]
        labels, groups = np.zeros(n, np.int64), 0
        for rows in parts:
            labels[rows] = groups + together(vectors[rows], seconds[rows])
            groups = int(labels[rows].max()) + 1
        centres = np.array([centre(vectors[labels == g], seconds[labels == g]) for g in range(groups)])
        length = np.bincount(labels, seconds, groups)
        return _in_order((_counted(centres, length, length, count) if count else _linked(centres, length, None))[labels])
    one = np.ones(n)
    return _in_order(_nearest(vectors, seconds, _counted(vectors, seconds, one, count) if count else _settled(vectors, seconds, _linked(vectors, one, None))))


def _linked(vectors: np.ndarray, weight: np.ndarray, count: int | None, alike_enough: float | None = None) -> np.ndarray:
    """Group of each vector (n,)."""
    for left, alike, group in _linkage(vectors, weight):
        if left <= (count or 1) or (count is None and alike < (ALIKE if alike_enough is None else alike_enough)):
            return group
    return np.arange(0)                   # of nobody


def _linkage(vectors: np.ndarray, weight: np.ndarray) -> Iterator[tuple[int, float, np.ndarray]]:
    """How many groups are left, how alike the two are that become one next, and the group of each vector (n,): from n groups down to one."""
    n = len(vectors)
    group, size = np.arange(n), weight.astype(np.float64)
    alike = (vectors @ vectors.T).astype(np.float64)
    np.fill_diagonal(alike, -np.inf)
    best = alike.argmax(axis=1) if n else np.zeros(0, np.int64)
    top = alike[np.arange(n), best]
    for left in range(n, 1, -1):
        i = int(top.argmax())
        j = int(best[i])
        yield left, float(top[i]), group
        row = (size[i] * alike[i] + size[j] * alike[j]) / (size[i] + size[j])
        row[[i, j]] = -np.inf
        alike[i], alike[:, i], alike[j], alike[:, j] = row, row, -np.inf, -np.inf
        size[i], size[j] = size[i] + size[j], 0.0
        group = np.where(group == j, i, group)
        top[j] = -np.inf
        stale = np.flatnonzero((best == i) | (best == j) | (row > top))
        best[stale] = alike[stale].argmax(axis=1)
        top[stale] = alike[stale, best[stale]]
        best[i], top[i] = int(alike[i].argmax()), float(alike[i].max())
    if n:
        yield 1, -np.inf, group


def _settled(vectors: np.ndarray, seconds: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Groups without those that hardly speak."""
    length = {g: float(seconds[group == g].sum()) for g in dict.fromkeys(group.tolist())}
    return _only(vectors, seconds, group, [g for g, s in length.items() if s >= PASSING])


def _counted(vectors: np.ndarray, seconds: np.ndarray, weight: np.ndarray, count: int) -> np.ndarray:
    """As many groups as were asked for: those that speak longest, so that a stray window isn't taken for a voice."""
    stages = []                           # the groups when `count` and up to BESIDE more are left, the fewest last
    for left, _, group in _linkage(vectors, weight):
        if left <= count + BESIDE:
            stages.append(group)
        if left <= count:
            break
    for group in reversed(stages):
        length = np.bincount(group, seconds, len(vectors))
        if (length >= STRAY).sum() >= count:
            return _only(vectors, seconds, group, np.argsort(-length, kind="stable")[:count].tolist())
    return stages[-1] if stages else np.arange(0)


def _only(vectors: np.ndarray, seconds: np.ndarray, group: np.ndarray, stay: Sequence[int]) -> np.ndarray:
    """Some of the groups: the others' vectors go to the nearest of them."""
    passing = ~np.isin(group, stay)
    if not len(stay) or not passing.any():
        return group
    centres = np.array([centre(vectors[group == g], seconds[group == g]) for g in stay])
    group = group.copy()
    group[passing] = np.array(stay)[(vectors[passing] @ centres.T).argmax(axis=1)]
    return group


def _nearest(vectors: np.ndarray, seconds: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Each vector with the group that it is nearest to, once all are known: a merger that was made early isn't final. No group is emptied."""
    groups = np.unique(group)
    if len(groups) < 2:
        return group
    centres = np.array([centre(vectors[group == g], seconds[group == g]) for g in groups])
    moved = groups[(vectors @ centres.T).argmax(axis=1)]
    return np.where(np.isin(group, np.setdiff1d(groups, moved)), group, moved)


def centre(vectors: np.ndarray, seconds: np.ndarray) -> np.ndarray:
    """Mean direction (d,), by how long each speaks."""
    total = (vectors * np.maximum(seconds, 1e-3)[:, None]).sum(axis=0)
    return np.asarray(total / max(float(np.linalg.norm(total)), 1e-9), np.float32)


def _in_order(group: np.ndarray) -> np.ndarray:
    """Groups numbered by first appearance."""
    number = {g: i for i, g in enumerate(dict.fromkeys(group.tolist()))}
    return np.array([number[g] for g in group.tolist()], np.int64)


def _named(vectors: np.ndarray, seconds: np.ndarray, who: np.ndarray, book: Mapping[str, np.ndarray]) -> dict[int, str]:
    """Names of groups of vectors."""
    groups = list(dict.fromkeys(who.tolist()))
    return named(groups, {g: centre(vectors[who == g], seconds[who == g]) for g in groups}, book)


def named(groups: Sequence[G], voices: Mapping[G, np.ndarray], book: Mapping[str, np.ndarray]) -> dict[G, str]:
    """Names of groups, which come by first appearance: the book's where one is near their voice, each name once, the nearest first; else numbers.

    >>> named(["a", "b"], {"a": np.eye(256)[0], "b": np.eye(256)[1]}, {"Ada": np.eye(256)[1]})
    {'b': 'Ada', 'a': 'speaker 1'}
    """
    near = [(float(voices[g] @ voice), i, name) for i, g in enumerate(groups) if g in voices for name, voice in book.items()]
    names: dict[G, str] = {}
    for cosine, i, name in sorted(near, key=lambda x: -x[0]):
        if cosine >= KNOWN and groups[i] not in names and name not in names.values():
            names[groups[i]] = name
    number = 0
    for g in groups:
        if g not in names:
            number += 1
            while f"speaker {number}" in book:
                number += 1
            names[g] = f"speaker {number}"
    return names


def gathered(heard: Sequence[Mapping[str, np.ndarray]]) -> tuple[dict[str, np.ndarray], list[dict[str, str]]]:
    """One name for each voice over several recordings: a book, and for each recording which of its speakers is whom in it.

    >>> one, other = np.eye(256, dtype=np.float32)[:2]
    >>> book, who = gathered([{"speaker 1": one}, {"speaker 1": other, "speaker 2": one}])
    >>> list(book), who
    (['voice 1', 'voice 2'], [{'speaker 1': 'voice 1'}, {'speaker 1': 'voice 2', 'speaker 2': 'voice 1'}])
    """
    vectors = np.array([v for said in heard for v in said.values()], np.float32).reshape(-1, HIDDEN)
    group = _in_order(_linked(vectors, np.ones(len(vectors)), None, KNOWN))
    book = {f"voice {g + 1}": centre(vectors[group == g], np.ones(int((group == g).sum()))) for g in dict.fromkeys(group.tolist())}
    number = iter(group.tolist())
    return book, [{name: f"voice {next(number) + 1}" for name in said} for said in heard]


# Turns


def joined(pieces: Sequence[Segment], pause: float) -> list[Segment]:
    """Pieces by start: those of one speaker, one after the other with less than a pause between them in which nobody else speaks, become one.

    >>> [(s.start, s.end, s.person) for s in joined([Segment(0, 1, "A"), Segment(1.2, 2, "A"), Segment(2, 3, "B")], 0.6)]
    [(0, 2, 'A'), (2, 3, 'B')]
    """
    out: list[Segment] = []
    ends: dict[str, float] = {}
    for piece in pieces:
        last = out[-1] if out and out[-1].person == piece.person else None
        if last and piece.start - last.end < pause and all(end <= last.end for who, end in ends.items() if who != piece.person):
            out[-1] = replace(last, end=max(last.end, piece.end))
        else:
            out.append(piece)
        ends[piece.person] = max(ends.get(piece.person, piece.end), piece.end)
    return out


def layered(turns: Sequence[Segment], second: Sequence[Segment]) -> list[Segment]:
    """Turns with second ones over them, by start; what touches a turn of the same speaker makes it longer.

    >>> [(s.start, s.end, s.person) for s in layered([Segment(0, 3, "A"), Segment(3, 5, "B")], [Segment(2.5, 3, "B"), Segment(1, 1.5, "B")])]
    [(0, 3, 'A'), (1, 1.5, 'B'), (2.5, 5, 'B')]
    """
    out: list[Segment] = []
    last: dict[str, int] = {}
    for piece in sorted([*turns, *second], key=lambda s: (s.start, s.end)):
        k = last.get(piece.person)
        if k is not None and piece.start - out[k].end < TOUCH:
            out[k] = replace(out[k], end=max(out[k].end, piece.end))
        else:
            last[piece.person] = len(out)
            out.append(piece)
    return out


def at_once(turns: Sequence[Segment]) -> float:
    """Seconds in which more than one speaks, of turns by start.

    >>> at_once([Segment(0, 4, "A"), Segment(2, 3, "B"), Segment(2.5, 3.5, "C")])
    1.5
    """
    seconds, before = 0.0, -np.inf        # covered until `before`; twice until `twice`
    twice = -np.inf
    for t in sorted(turns, key=lambda t: (t.start, t.end)):
        first, last = max(t.start, twice), min(t.end, before)
        if last > first:
            seconds, twice = seconds + last - first, last
        before = max(before, t.end)
    return float(seconds)


def spoken_by(words: Sequence[Segment], turns: Sequence[Segment]) -> list[Segment]:
    """Segments of a transcript with the speaker of the turn that covers most of each; those that have a name keep it.

    A segment with words is cut where the speaker changes between them.
    """
    starts, ends = (np.array([getattr(t, side) for t in turns]) for side in ("start", "end"))

    def speaker(s: Segment) -> str:
        if not len(turns):
            return s.person
        cover = np.minimum(ends, s.end) - np.maximum(starts, s.start)
        away = np.maximum(np.maximum(starts - s.end, s.start - ends), 0)
        return turns[int(cover.argmax())].person if cover.max() > 0 else turns[int(away.argmin())].person

    out: list[Segment] = []
    for s in words:
        if s.person or not s.words:
            out.append(s if s.person else replace(s, person=speaker(s)))
            continue
        run: list[Segment] = []
        for w in s.words:
            w = replace(w, person=speaker(w))
            if run and run[-1].person != w.person:
                out.append(_phrase(s, run))
                run = []
            run.append(w)
        out.append(_phrase(s, run))
    return out


def _phrase(of: Segment, words: list[Segment]) -> Segment:
    whole = len(words) == len(of.words)
    return replace(of, start=of.start if whole else words[0].start, end=of.end if whole else words[-1].end, person=words[0].person,
                   text=of.text if whole else " ".join(w.text for w in words), words=tuple(words))


# The book


@dataclass(frozen=True)
class Book:
    """Voices that are known by name: vectors that can tell people apart, to be kept like any other personal data.

    >>> Book({"Ada": np.eye(256)[0]}).voices["Ada"].shape
    (256,)
    """

    voices: Mapping[str, np.ndarray]

    @classmethod
    def read(cls, path: str | Path) -> Book:
        """The book in a file that `write` made; `SettingError` if it isn't one."""
        try:
            found = json.loads(Path(path).read_text(encoding="utf-8"))
            voices = {str(name): np.asarray(v, np.float32) for name, v in found["voices"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise SettingError(f"{path} is no book of voices ({error}); make one by: attune voices learn NAME=FILE -o {path}") from error
        for name, v in voices.items():
            if v.shape != (HIDDEN,) or not np.isfinite(v).all():
                raise SettingError(f"{path}: the voice {name!r} has shape {v.shape}, expected {(HIDDEN,)} finite numbers; learn it again")
        return cls(voices)

    def digest(self) -> str:
        """What tells one book from another, 16 hex digits."""
        said = json.dumps({name: np.asarray(v, np.float32).tolist() for name, v in sorted(self.voices.items())})
        return hashlib.sha256(said.encode()).hexdigest()[:16]

    def write(self, path: str | Path) -> None:
        said = {"about": "voices by name, as attune voices learned them; they identify people, keep them like other personal data",
                "voices": {name: [round(float(x), 6) for x in v] for name, v in self.voices.items()}}
        Path(path).write_text(json.dumps(said, ensure_ascii=False), encoding="utf-8")
