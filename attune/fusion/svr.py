"""Support vector machines with a radial kernel on standardised parts: one regressor per dimension, or a classifier."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from attune.fusion._parts import Parts, is_categorical, softmax, stacked

TASKS = ("dimensions", "categories")


def space(trial: Any) -> dict[str, Any]:
    """What the search tries: C .01 to 100, epsilon .001 to .2, gamma .0001 to 1, all on a log scale."""
    return {
        "cost": trial.suggest_float("cost", 1e-2, 1e2, log=True),
        "epsilon": trial.suggest_float("epsilon", 1e-3, 2e-1, log=True),
        "gamma": trial.suggest_float("gamma", 1e-4, 1.0, log=True),
    }


@dataclass
class Model:
    """A `Fuser`. Categories come as the softmax of the one-against-rest margins: an order, not calibrated probabilities."""

    cost: float = 1.0
    epsilon: float = 0.02
    gamma: float = 0.02
    _fitted: Any = field(default=None, repr=False)

    def fit(self, parts: Parts, y: np.ndarray, dev: tuple[Parts, np.ndarray] | None = None) -> Model:
        from sklearn.multioutput import MultiOutputRegressor
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
        from sklearn.svm import SVC, SVR

        if is_categorical(y):
            member = SVC(C=self.cost, gamma=self.gamma, class_weight="balanced", decision_function_shape="ovr")
        else:
            member = MultiOutputRegressor(SVR(C=self.cost, epsilon=self.epsilon, gamma=self.gamma))
        self._fitted = make_pipeline(StandardScaler(), member).fit(stacked(parts), y)
        return self

    def predict(self, parts: Parts) -> np.ndarray:
        """(n, classes) or (n, k)."""
        x = stacked(parts)
        if not hasattr(self._fitted, "decision_function"):
            return np.asarray(self._fitted.predict(x), np.float32)
        margins = np.asarray(self._fitted.decision_function(x))
        return softmax(np.stack([-margins, margins], 1) if margins.ndim == 1 else margins).astype(np.float32)
