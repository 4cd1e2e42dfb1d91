"""Late fusion that looks outside: a modality has a say only for what it is worth on rows that nothing below it was trained on.

Posted features are often learned from the labels of their own training part (CMU-MOSI's are: video .70 within it, .00 outside). A
fuser fitted on that part trusts them, and is worse than the best modality alone. So here every modality has its own linear model, fitted
on the training rows, and the weights by which their answers are summed come from `dev`, which must be rows from outside. A modality
joins only if it raises the score of dev in four of five bootstrap draws; `verdicts_` says what became of each. Without dev the
weights come from five folds of the training rows, and a leak below them can't be noticed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from attune.fusion._parts import Parts, is_categorical
from attune.metrics import ccc, uar

TASKS = ("dimensions", "categories")
WEIGHTS = np.round(np.arange(0.05, 1.0, 0.05), 2)
DRAWS = 200


class Verdict(NamedTuple):
    """A modality's score on the rows it was fitted on and on dev, and whether it was taken; collapsed: less than half of it is left."""

    fitted: float
    dev: float
    taken: bool

    @property
    def collapsed(self) -> bool:
        return self.dev < 0.5 * self.fitted


def space(trial: Any) -> dict[str, Any]:
    return {"sure": trial.suggest_float("sure", 0.6, 0.95)}


@dataclass
class Model:
    """A `Fuser`. sure: share of bootstrap draws of dev in which a further modality must help."""

    sure: float = 0.8
    cost: float = 0.1
    seed: int = 0
    verdicts_: dict[str, Verdict] = field(default_factory=dict, repr=False)
    weights_: dict[str, float] = field(default_factory=dict, repr=False)
    _members: dict[str, Any] = field(default_factory=dict, repr=False)
    _lines: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict, repr=False)
    _categorical: bool = field(default=False, repr=False)

    def fit(self, parts: Parts, y: np.ndarray, dev: tuple[Parts, np.ndarray] | None = None) -> Model:
        """Members on (parts, y), weights on dev."""
        self._categorical = is_categorical(y)
        truth = y if dev is None else dev[1]
        raw, said, fitted = {}, {}, {}
        for name in parts:
            self._members[name] = self._member().fit(parts[name], y)
            raw[name] = self._out_of_fold(parts[name], y) if dev is None else self._raw(name, dev[0][name])
            self._lines[name] = self._line(raw[name], truth)
            said[name] = self._bent(name, raw[name])
            fitted[name] = self._score(y, self._said(name, parts[name]))
        order = sorted(said, key=lambda name: -self._score(truth, said[name]))
        self.weights_ = {order[0]: 1.0}
        mixed = said[order[0]]
        draws = np.random.default_rng(self.seed).integers(len(truth), size=(DRAWS, len(truth)))
        for name in order[1:]:
            weight = max(WEIGHTS, key=lambda w: self._score(truth, (1 - w) * mixed + w * said[name]))
            together = (1 - weight) * mixed + weight * said[name]
            helped = np.mean([self._score(truth[d], together[d]) > self._score(truth[d], mixed[d]) for d in draws])
            if helped >= self.sure:
                self.weights_ = {m: w * (1 - weight) for m, w in self.weights_.items()} | {name: float(weight)}
                mixed = together
        self.verdicts_ = {name: Verdict(fitted[name], self._score(truth, said[name]), name in self.weights_) for name in parts}
        return self

    def predict(self, parts: Parts) -> np.ndarray:
        """(n, classes) probabilities or (n, k) values; a missing modality gives its weight to the others, a row with none is NaN."""
        there = {name: ~np.isnan(np.asarray(a)).any(axis=1) for name, a in parts.items()}
        known = {name: np.where(there[name][:, None], parts[name], 0.0) for name in parts}
        # what wasn't taken still speaks where nothing else is there
        weights = {name: self.weights_.get(name, 1e-9) for name in parts}
        total = np.sum([weights[name] * there[name] for name in parts], axis=0)
        mixed = np.sum([(weights[name] * there[name])[:, None] * self._said(name, known[name]) for name in parts], axis=0)
        return np.divide(mixed, total[:, None], out=np.full(mixed.shape, np.nan), where=total[:, None] > 0).astype(np.float32)

    def _member(self) -> Any:
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler

        if self._categorical:
            return make_pipeline(StandardScaler(), LogisticRegression(C=self.cost, max_iter=2000, class_weight="balanced"))
        from sklearn.linear_model import RidgeCV

        return make_pipeline(StandardScaler(), RidgeCV(np.logspace(-1, 5, 25)))

    def _out_of_fold(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """What members fitted on four fifths of the rows say of the other fifth; speakers are the caller's business."""
        fold = np.random.default_rng(self.seed).permutation(len(y)) % 5
        out = None
        for f in range(5):
            member = self._member().fit(x[fold != f], y[fold != f])
            said = np.asarray(member.predict_proba(x[fold == f]) if self._categorical else member.predict(x[fold == f]), np.float64)
            said = said if said.ndim == 2 else said[:, None]
            out = np.zeros((len(y), said.shape[1])) if out is None else out
            out[fold == f, : said.shape[1]] = said
        assert out is not None
        return out

    def _raw(self, name: str, x: np.ndarray) -> np.ndarray:
        member = self._members[name]
        said = np.asarray(member.predict_proba(x) if self._categorical else member.predict(x), np.float64)
        return said if said.ndim == 2 else said[:, None]

    def _said(self, name: str, x: np.ndarray) -> np.ndarray:
        return self._bent(name, self._raw(name, x))

    def _bent(self, name: str, raw: np.ndarray) -> np.ndarray:
        slope, offset = self._lines[name]
        return raw if self._categorical else raw * slope + offset

    def _line(self, said: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Slope and offset that bring a member's spread and mean on dev to the truth's; a slope never turns what a member says round."""
        if self._categorical:
            return np.ones(1), np.zeros(1)
        slope = y.std(axis=0) / np.maximum(said.std(axis=0), 1e-6)
        return slope, y.mean(axis=0) - slope * said.mean(axis=0)

    def _score(self, y: np.ndarray, said: np.ndarray) -> float:
        if self._categorical:
            return uar(y, said.argmax(1))
        return float(np.nanmean([ccc(y[:, i], said[:, i]) for i in range(y.shape[1])]))


def report(model: Model) -> list[str]:
    """A sentence per modality on what was noticed."""
    lines = []
    for name, v in model.verdicts_.items():
        fate = f"weight {model.weights_[name]:.2f}" if v.taken else "no weight"
        lines.append(f"{name}: {v.fitted:.3f} where it was fitted, {v.dev:.3f} outside{', collapsed' if v.collapsed else ''}: {fate}")
    return lines
