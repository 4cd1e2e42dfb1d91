"""A live session in JSON: what is told on the way, and what a client is told first. docs/live.md describes every message."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from attune import registry
from attune.live.told import Failed, Fused, Hint, Rate, Said, Seen, Speech, Spoken, Told
from attune.measure import Models
from attune.report import _taxonomy
from attune.taxonomy import taxonomy
from attune.text import recognisers
from attune.types import Estimates, Segment

DIGITS = 4
FUSED = ("ekman7", "vad")                # taxonomies of what is fused
TOP = 5                                  # labels of words that are told, the strongest

Message = dict[str, Any]


def message(told: Told) -> Message:
    """One thing that a session told."""
    if isinstance(told, Seen):
        return _seen(told)
    if isinstance(told, Speech):
        return {"type": "speech", "time": _number(told.time), "on": told.on}
    if isinstance(told, Spoken):
        return _spoken(told)
    if isinstance(told, Fused):
        return _fused(told)
    if isinstance(told, Said):
        return {"type": "said", "text": told.text, "time": _number(told.time)}
    if isinstance(told, Hint):
        about = {"modality": told.modality, "code": told.code}
        return {"type": "hint_over", **about} if told.over else {"type": "hint", **about, "text": told.text}
    if isinstance(told, Failed):
        return {"type": "error", "code": "recogniser_failed", "message": told.text, "retryable": True}
    assert isinstance(told, Rate)
    return {"type": "rate", "fps": round(told.fps, 3)}


def about(models: Models, recogniser: str | None = None) -> Message:
    """What a session measures with: models with their licences, what hears the words, taxonomies with their colours."""
    names = dict.fromkeys([*(t for m in models.values() for t in m.TAXONOMIES), *FUSED])
    return {
        "models": {modality: {"name": m.__name__.rpartition(".")[2], "title": m.TITLE, "license": m.LICENSE, "license_class": m.LICENSE_CLASS}
                   for modality, m in models.items()},
        "recogniser": {"name": recogniser, "title": registry.load(recognisers.FOLDER, recogniser).TITLE} if recogniser else None,
        "taxonomies": {name: _taxonomy(taxonomy(name)) for name in names},
    }


def _seen(told: Seen) -> Message:
    main, vad = told.estimates[0], _axes(told.estimates)
    faces = [{
        "person": str(main.person[i]), "track": int(told.faces.track[i]), "box": _numbers(told.faces.box[i], 1),
        "landmarks": [_numbers(point, 1) for point in told.faces.landmarks[i]], "score": _number(told.faces.score[i]), "quality": _number(main.quality[i]),
        "hints": [hint.replace("_", " ") for hint in told.hints[i]], "reason": str(main.reason[i]) or None, "values": _values(main, i),
        "vad": _values(vad, i) if vad is not None else {}, "projected": bool(vad is not None and vad.projected),
    } for i in range(len(told.faces))]
    return {"type": "face", "time": _number(told.time), "sent": _number(told.time), "size": list(told.size), "taxonomy": main.taxonomy.name,
            "faces": faces, "took": round(told.took * 1000, 1)}


def _spoken(told: Spoken) -> Message:
    main, vad = told.estimates[0], _axes(told.estimates)
    out: Message = {"type": told.modality, "start": _number(main.start[0]), "end": _number(main.end[0]), "person": str(main.person[0]),
                    "taxonomy": main.taxonomy.name, "quality": _number(main.quality[0]), "reason": str(main.reason[0]) or None,
                    "values": _values(main, 0), "vad": _values(vad, 0) if vad is not None else {},
                    "projected": bool(vad is not None and vad.projected), "took": round(told.took * 1000, 1)}
    if told.modality == "text":
        strongest = sorted(out["values"].items(), key=lambda kv: -(kv[1] or 0.0))[:TOP]
        return {**out, "text": told.text, "values": dict(strongest), "words": [_word(w) for w in told.words], "recogniser": told.recogniser or None}
    return {**out, "interim": told.interim}


def _word(word: Segment) -> Message:
    return {"start": _number(word.start), "end": _number(word.end), "text": word.text,
            "confidence": None if word.confidence is None else _number(word.confidence)}


def _fused(told: Fused) -> Message:
    by = {e.taxonomy.name: e for e in told.estimates}
    first, pool = told.estimates[0], by.get("pool")
    carried = _values(pool, 0) if pool is not None else {}
    shares = {str(part): share for part in told.parts if (share := carried.get(part)) is not None}
    return {"type": "fused", "start": _number(first.start[0]), "end": _number(first.end[0]), "person": str(first.person[0]),
            "values": _values(by["ekman7"], 0) if "ekman7" in by else {}, "vad": _values(by["vad"], 0) if "vad" in by else {}, "from": list(told.parts),
            "discord": carried.get("discord"), "carried": max(shares, key=lambda m: shares[m]) if shares else None, "shares": shares, "interim": told.interim}


def _axes(estimates: tuple[Estimates, ...]) -> Estimates | None:
    return next((e for e in estimates if e.taxonomy.name == "vad"), None)


def _values(e: Estimates, i: int) -> dict[str, float | None]:
    return {label: _number(v) for label, v in zip(e.taxonomy.labels, e.values[i].tolist(), strict=True)}


def _number(value: float | np.floating[Any], digits: int = DIGITS) -> float | None:
    return round(float(value), digits) if math.isfinite(value) else None


def _numbers(values: np.ndarray, digits: int) -> list[float | None]:
    return [_number(v, digits) for v in values.tolist()]
