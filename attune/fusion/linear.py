"""Ridge regression or logistic regression on standardised parts, side by side: the floor every other fuser must beat.

The penalty is chosen inside, by generalised cross-validation for dimensions, by a setting for categories.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from attune.fusion._parts import Parts, is_categorical, stacked

TASKS = ("dimensions", "categories")
PENALTIES = np.logspace(-1, 5, 25)


def space(trial: Any) -> dict[str, Any]:
    """What the search tries: the inverse penalty of the classifier, .003 to 10."""
    return {"cost": trial.suggest_float("cost", 3e-3, 10.0, log=True)}


@dataclass
class Model:
    """A `Fuser`."""

    cost: float = 0.1
    _fitted: Any = field(default=None, repr=False)

    def fit(self, parts: Parts, y: np.ndarray, dev: tuple[Parts, np.ndarray] | None = None) -> Model:
        from sklearn.linear_model import LogisticRegression, RidgeCV
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        member = LogisticRegression(C=self.cost, max_iter=2000, class_weight="balanced") if is_categorical(y) else RidgeCV(PENALTIES)
        self._fitted = make_pipeline(StandardScaler(), member).fit(stacked(parts), y)
        return self

    def predict(self, parts: Parts) -> np.ndarray:
        """(n, classes) probabilities or (n, k) values."""
        x = stacked(parts)
        if hasattr(self._fitted, "predict_proba"):
            return np.asarray(self._fitted.predict_proba(x), np.float32)
        said = np.asarray(self._fitted.predict(x), np.float32)
        return said if said.ndim == 2 else said[:, None]
