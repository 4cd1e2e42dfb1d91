"""From a recording to what can be said of it: who expressed what, when, how strongly, how surely, and compared with what.

A `Moment` is a stretch of time of one person with the phrases of each modality. It holds no words of any language;
`attune.describe.sentences` gives them. Everything said of change and contrast rests on measured labels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import groupby
from typing import Literal

import numpy as np

from attune.align import align
from attune.describe.calibration import LEVELS, NO_DEGREE, Calibration, calibration
from attune.describe.leed import Phrase, phrases
from attune.errors import SettingError, UnknownName
from attune.taxonomy import Taxonomy, crosswalk, taxonomy
from attune.timeline import lay, windows
from attune.types import SOMEONE, Estimates, Modality, Recording, Segment

Over = Literal["segments", "turns", "windows", "whole"]
Usual = Mapping[str, tuple[float, float]]               # "face.happiness" or "happiness" -> mean, standard deviation

UNITS = ("facs", "blendshapes52")        # movements of muscles, not expressions: for cue lines
EDGES = (-0.6, -0.3, -0.1, 0.1, 0.3, 0.6)       # bands of valence, arousal and dominance in -1..1, half-open; ours
UNUSUAL = 1.5                            # standard deviations from a person's own mean; a normal variable is there in 13 % of the cases
LEAST = 8                                # moments from which on something is usual for a person in this recording
STEADY = 0.1                             # least deviation that is taken, so that a person who never stirs isn't unusual by a hundredth
RISES, FALLS = 2, 3                      # levels from one moment to the next that count as a change,
STEP = 0.25                              # if the score moves as far as this too: near 1, levels lie within hundredths of each other
OPPOSED = 0.3                            # pleasant from here on, unpleasant from minus this on, for a contrast; the bound of "pleasant" above


@dataclass(frozen=True)
class Part:
    """What one modality says of a moment; no phrases and a reason where nothing was measured, no phrases and no reason: nothing strong enough."""

    modality: Modality
    taxonomy: Taxonomy
    model: str
    table: Calibration
    phrases: tuple[Phrase, ...]
    quality: float
    reason: str = ""
    projected: str = ""


@dataclass(frozen=True)
class Position:
    """Valence, arousal, dominance, each in -1..1 or NaN."""

    modality: Modality
    values: tuple[float, float, float]
    projected: str = ""


@dataclass(frozen=True)
class Comparison:
    """How this differs from the person's usual: a label, or "mood" with the signs of valence and arousal; z in standard deviations."""

    modality: Modality
    label: str
    z: float
    taxonomy: Taxonomy
    mood: tuple[int, int] = (0, 0)
    projected: str = ""


@dataclass(frozen=True)
class Moment:
    """A stretch of time of one person.

    change
        (modality, label, +1 or -1): what rose or fell by some levels since this person's moment before.
    contrast
        Pairs of modalities whose strongest expressions are on opposite sides, pleasant and unpleasant.
    beside
        Who speaks meanwhile, if this person doesn't.
    silent
        Nobody speaks here, in a recording in which somebody does.
    whole, changes
        All of a recording, and the moments of it that brought a change.
    """

    start: float
    end: float
    person: str
    kind: str
    said: str
    parts: tuple[Part, ...]
    positions: tuple[Position, ...] = ()
    comparison: Comparison | None = None
    change: tuple[Modality, str, int] | None = None
    contrast: tuple[tuple[str, str], ...] = ()
    beside: str = ""
    whole: bool = False
    silent: bool = False
    changes: tuple[Moment, ...] = ()

    def part(self, modality: str) -> Part | None:
        return next((p for p in self.parts if p.modality == modality), None)

    @property
    def measured(self) -> bool:
        return any(not p.reason for p in self.parts)


def moments(
    recording: Recording, *, over: Over = "segments", window: float = 5.0, hop: float | None = None, modalities: Sequence[Modality] = ("face", "voice", "text"),
    table: str = "attune", top: int | None = 3, usual: Usual | Mapping[str, Usual] | Literal["own"] | None = None,
) -> list[Moment]:
    """Every moment of a recording, by start and then as its rows stand.

    Labels a model measured are preferred; where a modality has only projected ones, they are taken and stay marked. With `usual` "own"
    a moment is compared with the same person's moments before it, once there are `LEAST`.

    Raises
    ------
    SettingError
        For an unknown `over` or `usual`, a window or hop that isn't above 0.
    """
    if isinstance(usual, str) and usual != "own":
        raise SettingError(f"usual={usual!r}; expected 'own', or label -> (mean, standard deviation)")
    rows = stretches(recording, over, window=window, hop=hop)
    chosen = [e for m in modalities if (e := expressions(recording, m)) is not None]
    aligned = [_aligned(e, rows) for e in chosen]
    tables = [calibration(table, e.model, e.taxonomy.name) for e in chosen]
    axes = [_aligned(e, rows) for e in recording if e.taxonomy.name == "vad"]
    speakers = {(s.start, s.end): s.person for s in rows if s.kind == "speech"}
    out: list[Moment] = []
    last: dict[str, Moment] = {}
    habits: dict[str, _Habit] = {}
    for i, s in enumerate(rows):
        habit = habits.setdefault(s.person, _Habit([*aligned, *axes]))
        known = habit.usual() if usual == "own" else _own(usual, s.person)
        parts = tuple(_part(e, i, t, top) for e, t in zip(aligned, tables, strict=True))
        positions = tuple(_position(e, i) for e in axes if not np.isnan(e.values[i]).all())
        moment = Moment(
            s.start, s.end, s.person, s.kind, s.text, parts, positions, comparison=_comparison([*aligned, *axes], i, known),
            contrast=_contrast(parts), beside=speakers.get((s.start, s.end), SOMEONE) if s.kind == "seen" else "", whole=over == "whole",
            silent=bool(speakers) and s.kind == "pause",
        )
        if s.person in last and over != "whole":
            moment = replace(moment, change=_change(last[s.person], moment))
        if moment.measured:
            last[s.person] = moment
        habit.push(i)
        out.append(moment)
    return out


def expressions(recording: Recording, modality: str) -> Estimates | None:
    """The estimates of a modality that can be said in adjectives: measured ones before projected ones."""
    there = [e for e in recording if e.modality == modality and e.taxonomy.kind != "dimensional" and e.taxonomy.name not in UNITS]
    return min(there, key=lambda e: bool(e.projected), default=None)


def stretches(recording: Recording, over: Over, *, window: float = 5.0, hop: float | None = None) -> list[Segment]:
    """The rows to describe: as they were measured, joined to turns, sliding windows, or one for each person's whole recording."""
    rows = list(recording.segments)
    if over == "segments":
        return rows
    if over == "turns":
        return turns(rows)
    if over == "whole":
        return [Segment(0.0, max(recording.duration, 0.0), person, kind="window") for person in recording.people]
    if over != "windows":
        raise SettingError(f"over={over!r}; expected segments, turns, windows or whole")
    if not (window > 0 and (hop is None or hop > 0)):
        raise SettingError(f"window={window!r}, hop={hop!r}; expected seconds above 0")
    grid = windows(recording.duration, window, hop or window)
    spoken = {(w.start, w.person): w for w in lay([r for r in rows if r.kind == "speech"], grid)}
    return [spoken.get((w.start, person), replace(w, person=person)) for w in grid for person in recording.people]


def turns(rows: Sequence[Segment]) -> list[Segment]:
    """Rows with each speaker's utterances joined until somebody else speaks; who is seen meanwhile is seen for the turn, pauses inside it go.

    >>> said = [Segment(0, 1, "Ada", "Oh."), Segment(1, 2, "Ada", kind="pause"), Segment(2, 3, "Ada", "Really?"), Segment(3, 4, "Bo", "Yes.")]
    >>> [(t.start, t.end, t.person, t.text) for t in turns(said)]
    [(0, 3, 'Ada', 'Oh. Really?'), (3, 4, 'Bo', 'Yes.')]
    """
    out: list[Segment] = []
    for _, group in groupby((r for r in rows if r.kind == "speech"), key=lambda r: r.person):
        said = list(group)
        start, end = said[0].start, max(s.end for s in said)
        words = tuple(w for s in said for w in s.words)
        turn = replace(said[0], end=end, text=" ".join(s.text for s in said if s.text), words=words)
        others = dict.fromkeys(r.person for r in rows if r.kind == "seen" and r.person != turn.person and start <= r.start < end)
        out += [turn, *(replace(turn, person=p, text="", words=(), kind="seen") for p in others)]
    rest = [r for r in rows if r.kind not in ("speech", "seen") and not any(t.start <= r.start and r.end <= t.end for t in out)]
    return sorted([*out, *rest], key=lambda r: r.start)


def band(value: float) -> int | None:
    """Which of the seven bands of an axis, 0 to 6 with 3 in the middle; None for NaN.

    >>> [band(v) for v in (-0.6, -0.1, 0.0, 0.1, 1.0)]
    [1, 3, 3, 4, 6]
    """
    return None if math.isnan(value) else int(sum(np.float32(value) >= np.float32(edge) for edge in EDGES))


# ---- rows -------------------------------------------------------------------------------------------------------------------

def _aligned(e: Estimates, rows: Sequence[Segment]) -> Estimates:
    """On the rows, with the spread, which for a mean of rows is the mean of theirs: as if they erred together."""
    on = align(e, rows, missing="not measured")
    return on if e.spread is None else replace(on, spread=align(replace(e, values=e.spread), rows).values)


def _part(e: Estimates, i: int, table: Calibration, top: int | None) -> Part:
    scores = dict(zip(e.taxonomy.labels, map(float, e.values[i]), strict=True))
    spread = None if e.spread is None else dict(zip(e.taxonomy.labels, map(float, e.spread[i]), strict=True))
    said = phrases(scores, table=table, of=e.taxonomy, spread=spread, top=top)
    missing = bool(np.isnan(e.values[i]).all())
    return Part(e.modality, e.taxonomy, e.model, table, said, float(e.quality[i]), str(e.reason[i]) or "not measured" if missing else "", e.projected)


def _position(e: Estimates, i: int) -> Position:
    v, a, d = (float(e.label(name)[i]) for name in ("valence", "arousal", "dominance"))
    return Position(e.modality, (v, a, d), e.projected)


def _own(usual: Usual | Mapping[str, Usual] | None, person: str) -> Usual:
    """One person's usual, of a mapping by person or of one for everybody."""
    if usual and isinstance(next(iter(usual.values())), Mapping):
        return usual.get(person, {})     # type: ignore[return-value]
    return usual or {}                   # type: ignore[return-value]


class _Habit:
    """One person's moments so far, as sums: what is usual for this person up to here."""

    def __init__(self, sets: Sequence[Estimates]) -> None:
        self.sets = sets
        self.sums = [np.zeros((3, len(e.taxonomy))) for e in sets]         # moments, their sum, the sum of their squares, by label

    def push(self, i: int) -> None:
        for e, sums in zip(self.sets, self.sums, strict=True):
            value = e.values[i].astype(np.float64)
            sums += np.where(np.isnan(value), 0.0, [np.ones_like(value), value, value**2])

    def usual(self) -> dict[str, tuple[float, float]]:
        """Mean and deviation of one more moment, by "modality.taxonomy.label", where there are `LEAST`."""
        out = {}
        for e, (n, total, squares) in zip(self.sets, self.sums, strict=True):
            for k in np.flatnonzero(n >= LEAST):
                mean = total[k] / n[k]
                spread = math.sqrt(max(squares[k] / n[k] - mean**2, 0.0) * n[k] / (n[k] - 1) * (1 + 1 / n[k]))
                out[f"{e.name}.{e.taxonomy.labels[k]}"] = (float(mean), max(spread, STEADY))
        return out


def _comparison(sets: Sequence[Estimates], i: int, usual: Usual) -> Comparison | None:
    """What is most unusual for this person, if anything is."""
    found: list[Comparison] = []
    for e in sets if usual else ():
        z = {}
        for label, value in zip(e.taxonomy.labels, map(float, e.values[i]), strict=True):
            known = next((usual[key] for key in (f"{e.name}.{label}", f"{e.modality}.{label}", label) if key in usual), None)
            if known and known[1] > 0 and not math.isnan(value):
                z[label] = (value - known[0]) / known[1]
        if e.taxonomy.name == "vad":
            v, a = z.get("valence", 0.0), z.get("arousal", 0.0)
            mood = (int(np.sign(v)) * (abs(v) >= UNUSUAL), int(np.sign(a)) * (abs(a) >= UNUSUAL))
            if mood != (0, 0):
                found.append(Comparison(e.modality, "mood", max(v, a, key=abs), e.taxonomy, mood, e.projected))
        else:
            found += [Comparison(e.modality, label, v, e.taxonomy, projected=e.projected)
                      for label, v in z.items() if abs(v) >= UNUSUAL and label.casefold() != NO_DEGREE]
    return max(found, key=lambda c: (not c.projected, abs(c.z)), default=None)


def _change(before: Moment, now: Moment) -> tuple[Modality, str, int] | None:
    """The label that rose most, else the one that fell most, in the first modality that was measured in both."""
    for part in now.parts:
        old = before.part(part.modality)
        if old is None or part.reason or old.reason or part.projected:
            continue
        new, was = {p.label: p for p in part.phrases}, {p.label: p for p in old.phrases}
        rise = max(new, key=lambda k: _height(new[k]) - _height(was.get(k)), default="")
        if rise and _height(new[rise]) - _height(was.get(rise)) >= RISES and _stepped(new[rise], was.get(rise)):
            return part.modality, rise, 1
        fall = max(was, key=lambda k: _height(was[k]) - _height(new.get(k)), default="")
        if fall and _height(was[fall]) - _height(new.get(fall)) >= FALLS and _stepped(was[fall], new.get(fall)):
            return part.modality, fall, -1
        return None
    return None


def _height(phrase: Phrase | None) -> int:
    return LEVELS.index(phrase.level) + 1 if phrase is not None and phrase.level else 0


def _stepped(higher: Phrase, lower: Phrase | None) -> bool:
    """Whether the score moved too, from something that wasn't doubtful."""
    return higher.hedge != "perhaps" and (lower is None or higher.score - lower.score >= STEP)


def _contrast(parts: Sequence[Part]) -> tuple[tuple[str, str], ...]:
    sides = {p.modality: side(p.taxonomy, p.phrases[0].label) for p in parts if p.phrases}
    names = [m for m, s in sides.items() if s]
    return tuple((a, b) for i, a in enumerate(names) for b in names[i + 1 :] if sides[a] != sides[b])


@cache
def side(of: Taxonomy, label: str) -> int:
    """1 for a pleasant label, -1 for an unpleasant one, 0 where no crosswalk says it; surprise is neither.

    >>> side(taxonomy("ferplus8"), "happiness"), side(taxonomy("goemotions28"), "grief"), side(taxonomy("ravdess8"), "surprised")
    (1, -1, 0)
    """
    basic = taxonomy("ekman7")
    row = np.zeros((1, len(of)), np.float32)
    row[0, of.index(label)] = 1.0
    try:
        row = row if of.name == basic.name else crosswalk(of, basic)(row)
    except UnknownName:
        return 0
    if np.isnan(row).all() or basic.labels[int(np.nanargmax(row))] == "surprise":
        return 0
    valence = float(crosswalk(basic, "vad")(np.nan_to_num(row))[0, 0])
    return 1 if valence >= OPPOSED else -1 if valence <= -OPPOSED else 0
