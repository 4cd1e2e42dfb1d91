"""A recording as tiers, for annotation tools: named rows of stretches of time that don't overlap, each with a text.

    Ada                            what she says, one annotation an utterance
    Ada · words                    its single words
    Ada · seen, pause              who is in view while somebody else speaks; where nobody speaks
    face.ferplus8 · Ada            one annotation a row: `happiness 0.62, neutral 0.21, ... | quality 0.8`, the strongest first
    face.vad_projected · Ada       labels that no model measured

Where rows of one kind overlap, a second tier takes them ("Ada 2"). What a tier is about is in `facts`, which a format stores where it can;
without them every tier is somebody's speech. Tiers that people have added are told in a note.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, get_args

import numpy as np

from attune.errors import RecordingError
from attune.exports import _assemble, _whole
from attune.types import Estimates, Faces, Kind, Recording, Segment

VERSION = 1
SOMEBODY = "somebody"
MISSING, QUALITY = "missing: ", " | quality "
SCORE = re.compile(r"(.+) (\S+?)(?:±(\S+))?")
TOUCHING = 1e-9                          # s; an overlap below this is rounding
Row = tuple[float, float, str]


@dataclass
class Tier:
    """Rows by start, none of which overlap; `kind` is for tools that sort tiers by what they are: speech, words, rows or estimates."""

    name: str
    person: str
    rows: list[Row]
    kind: str = "speech"
    about: dict[str, Any] = field(default_factory=dict)


def tiers(recording: Recording, *, step: float = 0.0) -> tuple[dict[str, Any], list[Tier]]:
    """(facts, tiers) of a recording; times are rounded to `step` seconds if the format needs that."""
    drafts: list[Tier] = []
    for kind, person in dict.fromkeys((s.kind, s.person) for s in recording.segments):
        own = [s for s in recording.segments if (s.kind, s.person) == (kind, person)]
        name = person or SOMEBODY
        drafts.append(Tier(name if kind == "speech" else f"{name} · {kind}", person, [(s.start, s.end, s.text or f"[{kind}]") for s in own],
                           "speech" if kind == "speech" else "rows", {"what": "segments", "kind": kind, "person": person}))
        words = [(w.start, w.end, w.text) for s in own for w in s.words]
        if words:
            drafts.append(Tier(f"{name} · words", person, words, "words", {"what": "words", "kind": kind, "person": person}))
    for index, e in enumerate(recording.estimates):
        for person in dict.fromkeys(map(str, e.person)):
            rows = [(float(e.start[i]), float(e.end[i]), _said(e, int(i))) for i in np.flatnonzero(e.person == person)]
            drafts.append(Tier(f"{e.name}{'_projected' if e.projected else ''} · {person or SOMEBODY}", person, rows, "estimates",
                               {"what": "estimates", "set": index, "person": person}))
    out: list[Tier] = []
    taken: set[str] = set()
    for draft in drafts:
        for lane in _lanes([_rounded(r, step) for r in draft.rows]):
            name = next(n for n in (draft.name, *(f"{draft.name} {i}" for i in range(2, len(taken) + 3))) if n not in taken)
            taken.add(name)
            out.append(Tier(name, draft.person, lane, draft.kind, draft.about))
    facts = {
        "attune_tiers": VERSION, "source": recording.source, "duration": recording.duration, "notes": list(recording.notes),
        "settings": _whole.tidy(recording.settings), "versions": _whole.tidy(recording.versions), "media": _whole.tidy(recording.media),
        "estimates": [{"taxonomy": _whole.taxonomy_out(e.taxonomy), "modality": e.modality, "model": e.model, "projected": e.projected,
                       "spread": e.spread is not None} for e in recording.estimates],
        "tiers": {t.name: t.about for t in out},
    }
    return facts, out


def facts_of(text: str, name: str) -> dict[str, Any]:
    """The facts that a format stored as JSON; `RecordingError` if they are damaged."""
    try:
        facts: dict[str, Any] = json.loads(text)
        if not (isinstance(facts["tiers"], dict) and isinstance(facts["source"], str)):
            raise TypeError("no tiers or no source")
    except (ValueError, KeyError, TypeError) as error:
        raise RecordingError(f"{name}: what Attune wrote about its tiers is damaged ({error}); delete it and the tiers are read as words") from error
    return facts


def recording_of(facts: dict[str, Any] | None, found: Sequence[Tier], *, source: str, duration: float, what: str) -> Recording:
    """The recording of tiers; without facts, of somebody else's tiers.

    Raises
    ------
    RecordingError
        If a row of estimates can't be read.
    """
    if facts is None:
        spoken = [Segment(a, b, t.person or t.name, text) for t in found for a, b, text in t.rows if text.strip()]
        if not spoken:
            raise RecordingError(f"{source} holds no annotations; expected tiers with words")
        return _assemble.recording(source, spoken, [], origin=what, duration=duration,
                                   notes=(f"every tier is read as what somebody says: {', '.join(t.name for t in found)}",))
    try:
        return _ours(facts, found)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise RecordingError(f"{source} holds tiers of Attune that can't be read ({type(error).__name__}: {error})") from error


def _ours(facts: dict[str, Any], found: Sequence[Tier]) -> Recording:
    segments: list[Segment] = []
    words: dict[tuple[str, str], list[Segment]] = {}
    rows: dict[int, list[tuple[float, float, str, str]]] = {i: [] for i in range(len(facts["estimates"]))}
    strange = []
    for tier in found:
        about = facts["tiers"].get(tier.name)
        if about is None:
            strange.append(tier.name)
        elif about["what"] == "estimates":
            rows[about["set"]] += [(a, b, about["person"], text) for a, b, text in tier.rows]
        elif about["what"] == "words":
            words.setdefault((about["kind"], about["person"]), []).extend(Segment(a, b, about["person"], text) for a, b, text in tier.rows)
        else:
            if about["kind"] not in get_args(Kind):
                raise ValueError(f"rows of kind {about['kind']!r}")
            segments += [Segment(a, b, about["person"], "" if text == f"[{about['kind']}]" else text, kind=about["kind"]) for a, b, text in tier.rows]
    segments = with_words(sorted(segments, key=_order), words)
    notes = [*facts["notes"], *([f"tiers that were added since aren't read: {', '.join(strange)}"] if strange else [])]
    estimates = tuple(_estimates(about, sorted(rows[i], key=lambda r: (r[0], r[1]))) for i, about in enumerate(facts["estimates"]))
    return _assemble.settled(Recording(
        facts["source"], float(facts["duration"]), tuple(segments), Faces.empty(), estimates, facts["settings"], facts["versions"], tuple(notes),
        media=facts["media"]))


def with_words(segments: Sequence[Segment], words: dict[tuple[str, str], list[Segment]]) -> list[Segment]:
    """Segments with the words, by (kind, person), whose middle lies in them, or before them and after the last."""
    out = list(segments)
    for key, timed in words.items():
        at = [i for i, s in enumerate(out) if (s.kind, s.person) == key]
        starts = np.array([out[i].start for i in at])
        mine: dict[int, list[Segment]] = {}
        for w in sorted(timed, key=lambda w: (w.start, w.end)):
            mine.setdefault(at[max(0, int(np.searchsorted(starts, (w.start + w.end) / 2, side="right")) - 1)], []).append(w)
        for i, own in mine.items():
            out[i] = replace(out[i], words=tuple(own))
    return out


def _order(s: Segment) -> tuple[float, float, bool, str]:
    return s.start, s.end, s.kind != "speech", s.person


def _said(e: Estimates, i: int) -> str:
    """One row as text; the strongest label first, dimensions in their order."""
    quality = "" if e.quality[i] == 1 else f"{QUALITY}{np.float32(e.quality[i])}"
    values = e.values[i]
    if np.isnan(values).all():
        return f"{MISSING}{e.reason[i]}{quality}"
    order = range(len(values)) if e.taxonomy.kind == "dimensional" else np.argsort(-values, kind="stable")
    scores = []
    for k in order:
        if not math.isnan(values[k]):
            spread = "" if e.spread is None or math.isnan(e.spread[i, k]) else f"±{np.float32(e.spread[i, k])}"
            scores.append(f"{e.taxonomy.labels[k]} {np.float32(values[k])}{spread}")
    return ", ".join(scores) + quality


def _estimates(about: dict[str, Any], rows: Sequence[tuple[float, float, str, str]]) -> Estimates:
    t = about["taxonomy"]
    labels = _whole.taxonomy_of(t["name"], t["labels"], t["kind"], t["range"])
    values = np.full((len(rows), len(labels)), np.nan, np.float32)
    spread = np.full_like(values, np.nan) if about["spread"] else None
    quality, reasons = np.ones(len(rows), np.float32), []
    for i, (_, _, _, text) in enumerate(rows):
        said, _, sure = text.partition(QUALITY)
        quality[i] = float(sure) if sure else 1.0
        reasons.append(said.removeprefix(MISSING) if said.startswith(MISSING) else "")
        for score in said.split(", ") if not said.startswith(MISSING) else ():
            match = SCORE.fullmatch(score)
            if match is None:
                raise ValueError(f"{score!r}, expected a label and a number")
            k = labels.index(match[1])
            values[i, k] = float(match[2])
            if spread is not None and match[3]:
                spread[i, k] = float(match[3])
    return Estimates(
        np.array([r[0] for r in rows], np.float64), np.array([r[1] for r in rows], np.float64), values, labels, about["modality"], about["model"],
        np.array([r[2] for r in rows], object), quality, np.array(reasons, object), spread, about["projected"])


def _rounded(row: Row, step: float) -> Row:
    start, end, text = row
    if step:
        start, end = round(start / step) * step, round(end / step) * step
    return start, max(end, start + (step or 1e-3)) if end - start < TOUCHING else end, text


def _lanes(rows: Iterable[Row]) -> list[list[Row]]:
    """As few lists as are needed for rows that overlap; each by start."""
    lanes: list[list[Row]] = []
    for row in sorted(rows, key=lambda r: (r[0], r[1])):
        lane = next((lane for lane in lanes if lane[-1][1] <= row[0] + TOUCHING), None)
        if lane is None:
            lanes.append([row])
        else:
            lane.append(row)
    return lanes

