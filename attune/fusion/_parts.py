"""What every trainable fuser is given: one array per modality, side by side, in any subset.

`Parts` maps a modality to (n, d) numbers: log-probabilities of a categorical model, values of a dimensional one, or features. A row
of NaN is a moment in which that modality is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import combinations
from typing import Any, Protocol

import numpy as np

from attune.errors import ShapeError

Parts = Mapping[str, np.ndarray]


class Fuser(Protocol):
    """Scikit-learn's manners: y is (n,) int for categories, (n, k) float for dimensions; predict gives probabilities or values."""

    def fit(self, parts: Parts, y: np.ndarray, dev: tuple[Parts, np.ndarray] | None = None) -> Fuser: ...

    def predict(self, parts: Parts) -> np.ndarray: ...


def subsets(modalities: Iterable[str]) -> list[tuple[str, ...]]:
    """All non-empty subsets, smaller ones first.

    >>> subsets(("face", "voice"))
    [('face',), ('voice',), ('face', 'voice')]
    """
    names = tuple(modalities)
    return [chosen for size in range(1, len(names) + 1) for chosen in combinations(names, size)]


def stacked(parts: Parts) -> np.ndarray:
    """(n, sum of d), modalities by name: whoever brings them in another order gets the same columns.

    Raises
    ------
    ShapeError
        If two modalities have different numbers of rows.
    """
    rows = {name: len(a) for name, a in parts.items()}
    if len(set(rows.values())) != 1:
        raise ShapeError(f"parts have {rows} rows; expected one row per moment in each")
    return np.concatenate([np.asarray(parts[name], np.float32) for name in sorted(parts)], axis=1)


def taken(parts: Parts, rows: np.ndarray, modalities: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    """Some rows of some modalities."""
    return {name: a[rows] for name, a in parts.items() if modalities is None or name in modalities}


def present(parts: Parts) -> np.ndarray:
    """(n, m) bool: which modality is there in which row."""
    return np.stack([~np.isnan(a).any(axis=1) for a in parts.values()], axis=1)


def is_categorical(y: np.ndarray) -> bool:
    return y.ndim == 1 and np.issubdtype(y.dtype, np.integer)


class PerSubset:
    """A model of its own for every subset of modalities, as Rios et al. do; a row is predicted by that of what it has.

    make() gives a fresh fuser. A row with nothing is NaN.
    """

    def __init__(self, make: Callable[[], Fuser], modalities: Iterable[str]) -> None:
        self.make, self.modalities = make, tuple(modalities)
        self.members: dict[tuple[str, ...], Fuser] = {}

    def fit(self, parts: Parts, y: np.ndarray, dev: tuple[Parts, np.ndarray] | None = None) -> PerSubset:
        there, names = present(parts), list(parts)
        for subset in subsets(self.modalities):
            rows = np.flatnonzero(there[:, [names.index(m) for m in subset]].all(axis=1))
            held = None
            if dev is not None:
                dev_there = np.flatnonzero(present(dev[0])[:, [list(dev[0]).index(m) for m in subset]].all(axis=1))
                held = (taken(dev[0], dev_there, subset), dev[1][dev_there])
            self.members[subset] = self.make().fit(taken(parts, rows, subset), y[rows], held)
        return self

    def predict(self, parts: Parts) -> np.ndarray:
        there, names = present(parts), list(parts)
        out: np.ndarray | None = None
        for subset, member in self.members.items():
            wanted = np.array([name in subset for name in names])
            rows = np.flatnonzero((there == wanted).all(axis=1))
            if not len(rows):
                continue
            said = member.predict(taken(parts, rows, subset))
            if out is None:
                out = np.full((len(there), *said.shape[1:]), np.nan, np.float32)
            out[rows] = said
        if out is None:
            raise ShapeError("no row has any of the modalities this was fitted on: " + ", ".join(self.modalities))
        return out


def softmax(z: np.ndarray) -> np.ndarray:
    """(n, k) logits to probabilities."""
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True))


def settings_of(fuser: Any) -> dict[str, Any]:
    """What a fuser was set to, for the table."""
    return {name: value for name, value in vars(fuser).items() if not name.startswith("_") and not callable(value)}
