"""A corpus as parts to fuse: what it publishes as features, and what models said of it, row by row.

    parts, y, groups, targets, notes = parts_of(items, facts, {"voice": predictions}, target=["dominant"])
    result = grid(parts, y, groups, targets=targets)

Sequences (t, d) become their mean and deviation over time; intensities of action units their square roots, which is worth .03 to .05 of
recall. Predictions of exclusive labels become log-probabilities, everything else stays as it is. Predictions of a model
on its own training people are refused: a fuser that learns from them trusts that model too much.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from attune.datasets import Item
from attune.errors import LeakError, ShapeError, UnknownName, unknown
from attune.evaluate.predictions import Predictions
from attune.taxonomy import taxonomy

NAMES = {"au": "face"}                   # what a corpus calls a modality's features
ROOTS = ("au",)                          # intensities
FLOOR = 1e-4


class Fusable(NamedTuple):
    """parts modality -> (n, d) · y (n,) int or (n, k) float · groups (n,) · targets, the columns of y or ("classes",) · notes."""

    parts: dict[str, np.ndarray]
    y: np.ndarray
    groups: np.ndarray
    targets: tuple[str, ...]
    notes: tuple[str, ...]


def parts_of(
    items: Iterable[Item], facts: Mapping[str, Any], predictions: Mapping[str, Predictions] | None = None, *, target: Sequence[str] = ()
) -> Fusable:
    """Items with features, joined by id with predictions; rows without a label or without any part are left out, and said so.

    target: labels to predict as numbers; by default the classes of an exclusive taxonomy, or all labels of a dimensional one.

    Raises
    ------
    LeakError
        If predictions are of people their model was trained on.
    ShapeError
        If there is nothing to fuse.
    UnknownName
        If a target is no label of the corpus.
    """
    items, of = list(items), taxonomy(facts["taxonomy"])
    for name in target:
        if name not in of.labels:
            raise unknown(f"label of {of.name}", name, of.labels)
    given = dict(predictions or {})
    for modality, p in given.items():
        if bad := sorted(set(p.statuses.tolist()) & {"in-sample", "tuned"}):
            raise LeakError(f"{modality}: {', '.join(bad)} predictions of {p.model}; a fuser needs out-of-fold ones, of people the model never saw")
    columns: dict[str, list[np.ndarray | None]] = {}
    for name in dict.fromkeys(n for i in items for n in i.features):
        columns[NAMES.get(name, name)] = [_row(name, i.features[name]) if name in i.features else None for i in items]
    for modality, p in given.items():
        where = {str(key): r for r, key in enumerate(p.ids.tolist())}
        said = np.log(np.maximum(p.said, FLOOR)) if p.taxonomy.kind == "exclusive" else p.said
        columns[modality] = [said[where[i.id]] if i.id in where else None for i in items]
    columns = {name: rows for name, rows in columns.items() if any(r is not None for r in rows)}
    if not columns:
        raise ShapeError("nothing to fuse: the corpus has no features, and no predictions were given (--part voice=FILE)")
    values = np.stack([i.values for i in items])
    chosen = [of.index(name) for name in target] or (list(range(len(of))) if of.kind == "dimensional" else [])
    chosen = [c for c in chosen if target or not np.isnan(values[:, c]).all()]
    labelled = ~np.isnan(values[:, chosen]).any(axis=1) if chosen else ~np.isnan(values).all(axis=1)
    there = np.array([all(rows[r] is not None for rows in columns.values()) for r in range(len(items))])
    keep = np.flatnonzero(labelled & there)
    if not len(keep):
        raise ShapeError(f"no item has a label and all of {', '.join(columns)}; do the predictions' ids match the corpus's?")
    parts = {name: np.stack([np.asarray(rows[r], np.float32) for r in keep]) for name, rows in columns.items()}
    parts = {name: a[:, ~np.isnan(a).all(axis=0)] for name, a in parts.items()}
    y = values[keep][:, chosen].astype(np.float32) if chosen else _classes(values[keep])
    notes = (f"{len(items) - len(keep)} of {len(items)} items left out: no label, or a part missing",) if len(keep) < len(items) else ()
    groups = np.array([items[r].group or items[r].id for r in keep])
    return Fusable(parts, y, groups, tuple(of.labels[c] for c in chosen) or ("classes",), notes)


def read_parts(given: Sequence[str], read: Any) -> dict[str, Predictions]:
    """MODALITY=FILE arguments to predictions; a file with several taxonomies gives its first."""
    out = {}
    for text in given:
        modality, _, path = text.partition("=")
        if not path:
            raise UnknownName(f"--part {text}; expected MODALITY=FILE, as in --part voice=oof.parquet")
        found = read(path)
        out[modality] = found[0] if isinstance(found, list | tuple) else found
    return out


def _row(name: str, x: np.ndarray) -> np.ndarray:
    x = np.asarray(x, np.float32)
    if name in ROOTS:
        x = np.sqrt(np.maximum(x, 0))
    if x.ndim == 1:
        return x
    kept = x[~np.isnan(x).all(axis=1)]
    return np.concatenate([kept.mean(0), kept.std(0)]) if len(kept) else np.full(2 * x.shape[1], np.nan, np.float32)


def _classes(values: np.ndarray) -> np.ndarray:
    """(n,) the label with most votes, numbered among those that occur."""
    top = np.nan_to_num(values, nan=-1).argmax(1)
    return np.unique(top, return_inverse=True)[1].astype(np.int64)
