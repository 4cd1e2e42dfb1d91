"""Nearest neighbours on standardised parts: the simplest fuser of Rios et al."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from attune.fusion._parts import Parts, is_categorical, stacked

TASKS = ("dimensions", "categories")


def space(trial: Any) -> dict[str, Any]:
    """What the search tries (METHODS: k 3 to 100, both weightings, city-block or Euclidean distance)."""
    return {
        "neighbours": trial.suggest_int("neighbours", 3, 100, log=True),
        "weights": trial.suggest_categorical("weights", ["uniform", "distance"]),
        "power": trial.suggest_int("power", 1, 2),
    }


@dataclass
class Model:
    """A `Fuser`: categories or all dimensions at once."""

    neighbours: int = 15
    weights: Literal["uniform", "distance"] = "distance"
    power: int = 2
    _fitted: Any = field(default=None, repr=False)

    def fit(self, parts: Parts, y: np.ndarray, dev: tuple[Parts, np.ndarray] | None = None) -> Model:
        from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        kind = KNeighborsClassifier if is_categorical(y) else KNeighborsRegressor
        member = kind(n_neighbors=min(self.neighbours, len(y)), weights=self.weights, p=self.power)
        self._fitted = make_pipeline(StandardScaler(), member).fit(stacked(parts), y)
        return self

    def predict(self, parts: Parts) -> np.ndarray:
        """(n, classes) probabilities or (n, k) values."""
        x = stacked(parts)
        return np.asarray(self._fitted.predict_proba(x) if hasattr(self._fitted, "classes_") else self._fitted.predict(x), np.float32)
