"""Weighted decision-level fusion: p = sum of w_m p_m, weights on the simplex, found on a grid of a twentieth; per class on request.

Only for parts that mean the same thing in every modality: log-probabilities of the same classes, or values of the same
dimensions. A modality that is missing gives its weight to the others.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np

from attune.errors import ShapeError
from attune.fusion._parts import Parts, is_categorical
from attune.metrics import ccc

TASKS = ("dimensions", "categories")
STEP = 0.05


def space(trial: Any) -> dict[str, Any]:
    return {"per_class": trial.suggest_categorical("per_class", [False, True])}


@dataclass
class Model:
    """A `Fuser`. weights_ (m, k) after fitting, modalities by name."""

    per_class: bool = False
    weights_: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)), repr=False)
    _categorical: bool = field(default=False, repr=False)

    def fit(self, parts: Parts, y: np.ndarray, dev: tuple[Parts, np.ndarray] | None = None) -> Model:
        """Least cross-entropy of the classes, or the largest CCC of each dimension; on dev if there is one.

        Raises
        ------
        ShapeError
            If the modalities have different numbers of columns.
        """
        if len({a.shape[1] for a in parts.values()}) != 1:
            raise ShapeError(f"columns {({m: a.shape[1] for m, a in parts.items()})}; a weighted sum needs the same labels in every modality")
        parts, y = dev or (parts, y)
        self._categorical = is_categorical(y)
        x, there = self._values(parts)
        k, m = x.shape[2], len(x)
        steps = round(1 / STEP)
        simplex = np.array([w for w in product(range(steps + 1), repeat=m) if sum(w) == steps], float) / steps
        self.weights_ = np.full((m, k), 1 / m)
        columns = [[c] for c in range(k)] if self.per_class or not self._categorical else [list(range(k))]
        for column in columns:
            def score(w: np.ndarray, column: list[int] = column) -> float:
                trial = self.weights_.copy()
                trial[:, column] = w[:, None]
                said = self._sum(x, there, trial)
                if self._categorical:
                    return float(np.log(np.maximum(said[np.arange(len(y)), y], 1e-9)).mean())
                return ccc(y[:, column[0]], said[:, column[0]])
            self.weights_[:, column] = max(simplex, key=score)[:, None]
        return self

    def predict(self, parts: Parts) -> np.ndarray:
        """(n, classes) probabilities or (n, k) values."""
        return self._sum(*self._values(parts), self.weights_).astype(np.float32)

    def _values(self, parts: Parts) -> tuple[np.ndarray, np.ndarray]:
        """(m, n, k) probabilities or values, and (m, n) where they are there."""
        x = np.stack([np.asarray(parts[name], np.float64) for name in sorted(parts)])
        there = np.asarray(~np.isnan(x).any(axis=2))
        return np.nan_to_num(np.exp(x) if self._categorical else x), there

    def _sum(self, x: np.ndarray, there: np.ndarray, weights: np.ndarray) -> np.ndarray:
        w = weights[:, None, :] * there[:, :, None]
        total = w.sum(axis=0)
        out = np.divide((w * x).sum(axis=0), total, out=np.full(x.shape[1:], np.nan), where=total > 0)
        return np.asarray(out / out.sum(axis=1, keepdims=True) if self._categorical else out)
