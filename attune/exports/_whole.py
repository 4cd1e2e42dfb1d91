"""A whole recording as dictionaries, lists, strings and numbers, and back: nothing is lost, NaN is None.

Numbers of 32 bits are written in the fewest digits that give them back.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from attune import taxonomy as taxonomies
from attune.errors import UnknownName
from attune.taxonomy import Taxonomy
from attune.types import Estimates, Faces, Recording, Segment

VERSION = 1


def plain(recording: Recording) -> dict[str, Any]:
    """Everything in a recording as JSON knows it."""
    return {
        "attune_recording": VERSION, "source": recording.source, "duration": recording.duration, "media": tidy(recording.media), "notes": list(recording.notes),
        "settings": tidy(recording.settings), "versions": tidy(recording.versions), "segments": [segment_out(s) for s in recording.segments],
        "estimates": [_estimates_out(e) for e in recording.estimates],
        "faces": {name: _nested(getattr(recording.faces, name)) for name in Faces.SHAPES},
        "portraits": {person: base64.b64encode(jpeg).decode() for person, jpeg in recording.portraits.items()},
    }


def whole(data: dict[str, Any]) -> Recording:
    """The recording of `plain`; KeyError, TypeError or ValueError if it is none."""
    return Recording(
        source=data["source"], duration=float(data["duration"]), segments=tuple(segment_in(s) for s in data["segments"]),
        faces=Faces(**{name: np.array(data["faces"][name], np.int64 if name == "track" else np.float64).reshape(-1, *tail)
                       for name, tail in Faces.SHAPES.items()}),
        estimates=tuple(_estimates_in(e) for e in data["estimates"]), settings=data["settings"], versions=data["versions"], notes=tuple(data["notes"]),
        portraits={person: base64.b64decode(jpeg) for person, jpeg in data["portraits"].items()}, media=data["media"],
    )


def taxonomy_out(t: Taxonomy) -> dict[str, Any]:
    return {"name": t.name, "labels": list(t.labels), "kind": t.kind, "range": list(t.range)}


def taxonomy_of(name: str, labels: Sequence[str], kind: str = "multilabel", span: Sequence[float] = (0.0, 1.0)) -> Taxonomy:
    """The taxonomy of that name if it has these labels, else one as recorded."""
    try:
        known = taxonomies.taxonomy(name)
        if known.labels == tuple(labels):
            return known
    except UnknownName:
        pass
    return Taxonomy(name, tuple(labels), kind, (float(span[0]), float(span[1])), reference="as recorded")  # type: ignore[arg-type]


def segment_out(s: Segment) -> dict[str, Any]:
    return {k: v for k, v in tidy(asdict(s)).items() if v not in ("", [], None)}


def segment_in(data: dict[str, Any]) -> Segment:
    return Segment(**{**data, "words": tuple(segment_in(w) for w in data.get("words", ()))})


def numbers(column: np.ndarray) -> list[float | None]:
    """A column of numbers; None for NaN.

    >>> numbers(np.array([0.1, np.nan], np.float32))
    [0.1, None]
    """
    if column.dtype == np.float32:
        return [None if math.isnan(v) else float(str(v)) for v in column]
    return [None if isinstance(v, float) and math.isnan(v) else v for v in column.tolist()]


def array(column: Iterable[float | None], kind: Any = np.float32) -> np.ndarray:
    """The column of `numbers`."""
    with np.errstate(over="ignore"):     # a damaged file may say 1e300
        return np.array([np.nan if v is None else v for v in column], kind)


def tidy(value: Any) -> Any:
    """Anything of settings and versions as JSON knows it: no NaN, no tuples, no NumPy."""
    if isinstance(value, dict):
        return {str(k): tidy(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [tidy(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def _estimates_out(e: Estimates) -> dict[str, Any]:
    columns = {label: numbers(e.values[:, i]) for i, label in enumerate(e.taxonomy.labels)}
    spread = None if e.spread is None else {label: numbers(e.spread[:, i].astype(np.float32)) for i, label in enumerate(e.taxonomy.labels)}
    return {"taxonomy": taxonomy_out(e.taxonomy), "modality": e.modality, "model": e.model, "projected": e.projected, "start": e.start.tolist(),
            "end": e.end.tolist(), "person": e.person.tolist(), "values": columns, "spread": spread,
            "quality": numbers(e.quality.astype(np.float32)), "reason": e.reason.tolist()}


def _estimates_in(data: dict[str, Any]) -> Estimates:
    t = data["taxonomy"]
    labels = taxonomy_of(t["name"], t["labels"], t["kind"], t["range"])

    def matrix(columns: dict[str, list[float | None]]) -> np.ndarray:
        return np.stack([array(columns[label]) for label in labels.labels], axis=1)

    return Estimates(
        start=array(data["start"], np.float64), end=array(data["end"], np.float64), values=matrix(data["values"]), taxonomy=labels,
        modality=data["modality"], model=data["model"], person=np.array(data["person"], object), quality=array(data["quality"]),
        reason=np.array(data["reason"], object), spread=None if data["spread"] is None else matrix(data["spread"]), projected=data["projected"],
    )


def _nested(values: np.ndarray) -> list[Any]:
    flat = [None if isinstance(v, float) and math.isnan(v) else v for v in values.ravel().tolist()]
    for size in values.shape[:0:-1]:
        flat = [flat[i : i + size] for i in range(0, len(flat), size)]
    return flat
