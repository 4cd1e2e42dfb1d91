"""Boosted trees on raw parts (`xgboost-cpu`): one regressor per dimension, or a classifier. Takes NaN as missing by itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from attune.fusion._parts import Parts, is_categorical, stacked

TASKS = ("dimensions", "categories")


def space(trial: Any) -> dict[str, Any]:
    """What the search tries: 50 to 500 trees of depth 2 to 8, rate .01 to .3, rows and columns .5 to 1, L2 .1 to 10."""
    return {
        "trees": trial.suggest_int("trees", 50, 500, log=True),
        "depth": trial.suggest_int("depth", 2, 8),
        "rate": trial.suggest_float("rate", 0.01, 0.3, log=True),
        "rows": trial.suggest_float("rows", 0.5, 1.0),
        "columns": trial.suggest_float("columns", 0.5, 1.0),
        "ridge": trial.suggest_float("ridge", 0.1, 10.0, log=True),
    }


@dataclass
class Model:
    """A `Fuser`; classes weigh equally."""

    trees: int = 200
    depth: int = 3
    rate: float = 0.05
    rows: float = 0.8
    columns: float = 0.8
    ridge: float = 1.0
    seed: int = 0
    _fitted: Any = field(default=None, repr=False)

    def fit(self, parts: Parts, y: np.ndarray, dev: tuple[Parts, np.ndarray] | None = None) -> Model:
        from sklearn.multioutput import MultiOutputRegressor
        from sklearn.utils.class_weight import compute_sample_weight
        from xgboost import XGBClassifier, XGBRegressor

        common = {
            "n_estimators": self.trees, "max_depth": self.depth, "learning_rate": self.rate, "subsample": self.rows,
            "colsample_bytree": self.columns, "reg_lambda": self.ridge, "random_state": self.seed, "n_jobs": 1,
        }
        x = stacked(parts)
        if is_categorical(y):
            self._fitted = XGBClassifier(**common).fit(x, y, sample_weight=compute_sample_weight("balanced", y))
        else:
            self._fitted = MultiOutputRegressor(XGBRegressor(**common)).fit(x, y)
        return self

    def predict(self, parts: Parts) -> np.ndarray:
        """(n, classes) probabilities or (n, k) values."""
        x = stacked(parts)
        return np.asarray(self._fitted.predict_proba(x) if hasattr(self._fitted, "predict_proba") else self._fitted.predict(x), np.float32)
