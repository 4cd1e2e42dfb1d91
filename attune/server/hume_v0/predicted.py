"""A recording in the words of Hume's Expression Measurement API v0, with its 48 and 53 names; `exports/hume_json` keeps our own labels instead.

A score is *measured* when a model was trained on that very name, *projected* when a crosswalk leads to it, and *unreached* when nothing says
anything about it. The contract has a number for each of the 48 or 53 names and no way of saying that one is missing, so an unreached name has
score 0 and basis "unreached" with `fill`, and is left out without. Fields that Hume's answers don't have (their clients pass over them):
`basis` and `spread` beside a score; `valence`, `arousal`, `dominance`, `quality`, `model`, `crosswalk` beside a prediction's emotions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from attune.errors import UnknownName
from attune.taxonomy import Taxonomy, crosswalk, taxonomy
from attune.types import SOMEONE, Estimates, Faces, Recording, Segment

SPOKEN, WRITTEN = "eee48", "hume53"      # names for face, prosody and burst; names for language
NOBODY = "unknown"                       # the group of whoever isn't told apart
DIGITS = 6

Prediction = dict[str, Any]


@dataclass(frozen=True)
class Wanted:
    """What to write of a recording; the fields of Hume's configuration that don't change the measuring."""

    identify_faces: bool = True
    identify_speakers: bool = True
    min_face_size: float = 0.0           # px
    prob_threshold: float = 0.0
    facs: bool = True
    descriptions: bool = True
    fill: bool = True


def predictions(recording: Recording, wanted: Wanted | None = None, *, flat: bool = False) -> dict[str, Any]:
    """`{"face": ..., "prosody": ..., "language": ...}`, each with `metadata` and `grouped_predictions`, for the modalities that were measured.

    flat
        The stream's shape: a list `predictions` with `bbox` and `face_id`, no groups.
    """
    wanted, out = wanted or Wanted(), {}
    for name, modality, made in (("face", "face", _faces), ("prosody", "voice", _prosody), ("language", "text", _language)):
        target = WRITTEN if name == "language" else SPOKEN
        sets = [e for e in recording.estimates if e.modality == modality]
        if not sets:
            continue
        found = made(recording, Scores.of(sets, target, fill=wanted.fill), wanted)
        out[name] = {"predictions": [_streamed(group, p) for group, p in found]} if flat else {"metadata": _metadata(recording, name), **grouped(found)}
    return out


def grouped(found: Sequence[tuple[str, Prediction]]) -> dict[str, Any]:
    """Pairs of a group and a prediction as `{"grouped_predictions": [{"id": ..., "predictions": [...]}]}`, groups in order of appearance."""
    groups: dict[str, list[Prediction]] = {}
    for group, p in found:
        groups.setdefault(group, []).append(p)
    return {"grouped_predictions": [{"id": group, "predictions": theirs} for group, theirs in groups.items()]}


@dataclass(frozen=True)
class Scores:
    """Scores by row: what a modality's estimates say in Hume's names, and everything said beside them."""

    source: Estimates | None
    names: Taxonomy
    values: np.ndarray                   # (n, k), NaN where nothing could be measured, or the name is unreached
    reached: np.ndarray                  # (k,) bool
    walk: str                            # crosswalk's name; empty: measured
    beside: dict[str, np.ndarray]        # valence, arousal, dominance (n,)
    fill: bool

    @classmethod
    def of(cls, sets: Sequence[Estimates], target: str, *, fill: bool = True) -> Scores:
        """From all estimates of one modality: those in the target's names, else the first that a crosswalk leads there from."""
        names = taxonomy(target)
        labels = [e for e in sets if e.taxonomy.kind != "dimensional"]
        direct = [e for e in labels if e.taxonomy.name == target]
        place = next(iter(direct), None) or next((e for e in labels if not e.projected and _leads(e.taxonomy, target)), None)
        vad = next((e for e in sets if e.taxonomy.name == "vad"), None)
        rows = len(place) if place is not None else len(vad) if vad is not None else 0
        values, walk = np.full((rows, len(names)), np.nan, np.float32), ""
        reached = np.zeros(len(names), bool)
        if place is not None and place.taxonomy.name == target:
            values, reached, walk = place.values, np.ones(len(names), bool), place.projected
        elif place is not None:
            way = crosswalk(place.taxonomy, target)
            values, walk = way(place.values), way.name
            reached = np.array([name not in way.coverage().unreached for name in names.labels])
        beside = {}
        if vad is not None and len(vad) == rows:
            beside = {axis: vad.label(axis) for axis in ("valence", "arousal", "dominance")}
        return cls(place if place is not None else vad, names, values, reached, walk, beside, fill)

    def __len__(self) -> int:
        return len(self.values)

    def measured(self, i: int) -> bool:
        """Whether anything was measured in this row."""
        return bool(np.isfinite(self.values[i]).any() or any(np.isfinite(v[i]) for v in self.beside.values()))

    def emotions(self, i: int) -> list[dict[str, Any]]:
        basis = "projected" if self.walk else "measured"
        out: list[dict[str, Any]] = []
        own = self.source is not None and self.source.spread is not None and not self.walk
        for k, name in enumerate(self.names.labels):
            value = float(self.values[i, k])
            if self.reached[k] and math.isfinite(value):
                entry: dict[str, Any] = {"name": name, "score": round(value, DIGITS), "basis": basis}
                if own:
                    entry["spread"] = _number(self.source.spread[i, k])      # type: ignore[union-attr, index]
                out.append(entry)
            elif self.fill:
                out.append({"name": name, "score": 0.0, "basis": "unreached"})
        return out

    def rest(self, i: int) -> dict[str, Any]:
        """What is said beside the emotions."""
        assert self.source is not None
        out: dict[str, Any] = {axis: _number(values[i]) for axis, values in self.beside.items()}
        out |= {"quality": _number(self.source.quality[i]), "model": self.source.model}
        return out | ({"crosswalk": self.walk} if self.walk else {})


def frame_of(recording: Recording) -> Callable[[float], int]:
    """The number of the picture at a time, from 0."""
    fps = ((recording.media or {}).get("video") or {}).get("fps") or 0.0
    return lambda time: round(time * fps)


def box_of(faces: Faces, i: int) -> dict[str, float]:
    """Hume's box: corner, width, height, in pixels."""
    x1, y1, x2, y2 = (float(v) for v in faces.box[i])
    return {"x": round(x1, 2), "y": round(y1, 2), "w": round(x2 - x1, 2), "h": round(y2 - y1, 2)}


def _faces(recording: Recording, scores: Scores, wanted: Wanted) -> list[tuple[str, Prediction]]:
    faces, frame = recording.faces, frame_of(recording)
    assert scores.source is not None
    if len(faces) != len(scores):                            # estimates without the faces they belong to: there is no box to give
        return []
    action = _more(recording, "facs", len(scores)) if wanted.facs else None
    order = {p: f"face_{k}" for k, p in enumerate(dict.fromkeys(p for p in scores.source.person if p != SOMEONE))}
    out = []
    for i in range(len(scores)):
        box = box_of(faces, i)
        if not scores.measured(i) or min(box["w"], box["h"]) < wanted.min_face_size or faces.score[i] < wanted.prob_threshold:
            continue
        person = scores.source.person[i]
        group = order.get(person, NOBODY) if wanted.identify_faces else NOBODY
        prediction = {
            "frame": frame(float(faces.time[i])), "time": round(float(faces.time[i]), DIGITS), "prob": round(float(faces.score[i]), DIGITS), "box": box,
            "emotions": scores.emotions(i), "facs": action(i) if action else None, "descriptions": None, **scores.rest(i),
        }
        out.append((group, prediction | ({"person": person} if person != SOMEONE and wanted.identify_faces else {})))
    return out


def _more(recording: Recording, target: str, rows: int) -> Callable[[int], list[dict[str, Any]]] | None:
    """A second list of names and scores of each face, such as action units; None where no model gives one."""
    found = next((e for e in recording.estimates if e.modality == "face" and e.taxonomy.name == target and len(e) == rows), None)
    if found is None:
        return None
    titles = [(found.taxonomy.descriptions or {}).get(label, label) for label in found.taxonomy.labels]
    return lambda i: [{"name": title, "score": round(float(v), DIGITS)} for title, v in zip(titles, found.values[i], strict=True) if math.isfinite(v)]


def _prosody(recording: Recording, scores: Scores, wanted: Wanted) -> list[tuple[str, Prediction]]:
    assert scores.source is not None
    said = {(s.start, s.end, s.person): s for s in recording.segments if s.text}
    out = []
    for i in range(len(scores)):
        if not scores.measured(i):
            continue
        start, end, person = float(scores.source.start[i]), float(scores.source.end[i]), scores.source.person[i]
        segment = said.get((start, end, person))
        prediction = {
            "text": segment.text if segment else None, "time": _time(start, end), "confidence": segment.confidence if segment else None,
            "speaker_confidence": None, "emotions": scores.emotions(i), **scores.rest(i),
        }
        out.append((_speaker(person, wanted), prediction))
    return out


def _language(recording: Recording, scores: Scores, wanted: Wanted) -> list[tuple[str, Prediction]]:
    assert scores.source is not None
    e = scores.source
    said: dict[tuple[float, float, str], list[Segment]] = {}
    for s in recording.segments:
        if s.text and s.kind in ("speech", "window"):
            said.setdefault((s.start, s.end, s.person), []).append(s)
    texts, units = [], []
    for i in range(len(scores)):
        there = said.get((float(e.start[i]), float(e.end[i]), e.person[i]))
        segment = there.pop(0) if there else None
        units.append((segment.person if segment else e.person[i], _time(float(e.start[i]), float(e.end[i])), segment.confidence if segment else None))
        texts.append(segment.text if segment else "")
    return written(texts, scores, [(_speaker(person, wanted), time, sure) for person, time, sure in units])


def written(
    texts: Sequence[str], scores: Scores, units: Sequence[tuple[str, dict[str, float] | None, float | None]],
    positions: Sequence[tuple[int, int]] | None = None,
) -> list[tuple[str, Prediction]]:
    """Language predictions: one for each text with words, at its place in all of them joined by blanks, or at the given places.

    units : group, time or None, confidence or None, of each text
    """
    out, at = [], 0
    for i, (text, (group, time, sure)) in enumerate(zip(texts, units, strict=True)):
        begin, end = positions[i] if positions is not None else (at, at + len(text))
        at += len(text) + bool(text)
        if text and scores.measured(i):
            out.append((group, {
                "text": text, "position": {"begin": begin, "end": end}, "time": time, "confidence": sure, "speaker_confidence": None,
                "emotions": scores.emotions(i), "sentiment": None, "toxicity": None, **scores.rest(i),
            }))
    return out


def _streamed(group: str, p: Prediction) -> Prediction:
    """A prediction as the stream writes it."""
    if "box" in p:
        return {"face_id": group, "bbox": p["box"]} | {k: v for k, v in p.items() if k != "box"}
    return p


def _metadata(recording: Recording, name: str) -> dict[str, Any] | None:
    """Of a transcript: how sure it is, where it says so, and its language. Hume's type needs both or nothing."""
    sure = [s.confidence for s in recording.segments if s.text and s.confidence is not None]
    if name == "face" or not sure:
        return None
    return {"confidence": round(float(np.mean(sure)), DIGITS), "detected_language": recording.settings.get("language", "en")}


def _speaker(person: str, wanted: Wanted) -> str:
    return person if wanted.identify_speakers and person != SOMEONE else NOBODY


def _time(start: float, end: float) -> dict[str, float]:
    return {"begin": round(start, DIGITS), "end": round(end, DIGITS)}


def _number(value: float) -> float | None:
    return round(float(value), DIGITS) if math.isfinite(value) else None


def _leads(source: Taxonomy, target: str) -> bool:
    try:
        crosswalk(source, target)
    except UnknownName:
        return False
    return True
