"""Agreement between what was labelled and what was said.

Moments are population moments everywhere. Nothing is rescaled or dropped in silence: undefined is NaN. `bootstrap` draws whole
groups (speakers), because clips of one speaker aren't independent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from attune.errors import ShapeError


class Interval(NamedTuple):
    """A figure with its interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def _pair(y_true: np.ndarray, y_pred: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    if y_true.shape != y_pred.shape or len(y_true) < 1:
        raise ShapeError(f"y_true has shape {y_true.shape}, y_pred {y_pred.shape}; expected the same, with at least one row")
    return y_true, y_pred


def _constant(values: np.ndarray) -> bool:
    return bool((values == values[0]).all())     # not var() == 0: the variance of three times 0.1 is 2e-34


def ccc(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Concordance correlation of two (n,) arrays: agreement in shape, scale and offset, in [-1, 1].

    NaN when both are constant and equal. Lin (1989), Biometrics 45(1), eq. 1.

    >>> round(ccc(np.array([0.1, 0.5, 0.9]), np.array([0.2, 0.5, 0.8])), 3)
    0.96
    """
    y_true, y_pred = _pair(y_true, y_pred)
    if _constant(y_true) and np.array_equal(y_true, y_pred):
        return float("nan")
    covariance = np.mean((y_true - y_true.mean()) * (y_pred - y_pred.mean()))
    return float(2 * covariance / (y_true.var() + y_pred.var() + (y_true.mean() - y_pred.mean()) ** 2))


def pearson(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Pearson correlation of two (n,) arrays; NaN when one is constant."""
    y_true, y_pred = _pair(y_true, y_pred)
    if _constant(y_true) or _constant(y_pred):
        return float("nan")
    return float(np.mean((y_true - y_true.mean()) * (y_pred - y_pred.mean())) / (y_true.std() * y_pred.std()))


def accuracy(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Share of equal entries."""
    y_true, y_pred = _pair(y_true, y_pred)
    return float(np.mean(y_true == y_pred))


def recalls(y_true: np.ndarray, y_pred: np.ndarray, k: int) -> np.ndarray:
    """(k,) recall of each class 0..k-1; NaN for a class that never occurs."""
    y_true, y_pred = _pair(y_true, y_pred)
    return np.array([np.mean(y_pred[y_true == c] == c) if (y_true == c).any() else np.nan for c in range(k)])


def uar(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Unweighted average recall over the classes that occur in y_true; chance is 1 / their number.

    >>> uar(np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0]))
    0.5
    """
    y_true, y_pred = _pair(y_true, y_pred)
    return float(np.mean([np.mean(y_pred[y_true == c] == c) for c in np.unique(y_true)]))


def f1(y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
    """(k,) F1 of each column of two (n, k) boolean arrays; 0 for a label that is neither there nor said."""
    y_true, y_pred = (a.astype(bool) for a in _pair(y_true, y_pred))
    hit = (y_true & y_pred).sum(0)
    return np.asarray(2 * hit / np.maximum(y_true.sum(0) + y_pred.sum(0), 1))


def macro_f1(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Mean F1 over the labels of two (n, k) boolean arrays."""
    return float(f1(y_true, y_pred).mean())


def micro_f1(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """F1 of all cells of two (n, k) boolean arrays together."""
    return float(f1(np.ravel(y_true)[:, None], np.ravel(y_pred)[:, None])[0])


def jsd(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """(n,) Jensen-Shannon divergence of the rows of two (n, k) distributions, in bits, 0..1."""
    p, q = _pair(p, q)
    m = (p + q) / 2

    def kl(a: np.ndarray) -> np.ndarray:
        return np.asarray(np.sum(np.where(a > 0, a * np.log2(np.where(a > 0, a, 1) / np.where(m > 0, m, 1)), 0), axis=1))

    return np.asarray((kl(p) + kl(q)) / 2)


def ece(y_true: np.ndarray, probabilities: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error of the top class: y_true (n,) int, probabilities (n, k). Guo et al. (2017), eq. 3."""
    top, confidence = probabilities.argmax(1), probabilities.max(1)
    where = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [abs(np.mean(top[where == b] == y_true[where == b]) - confidence[where == b].mean()) * (where == b).mean()
            for b in np.unique(where)]
    return float(np.sum(gaps))


def bootstrap(
    metric: Callable[..., float], *arrays: np.ndarray, groups: np.ndarray | None = None, draws: int = 1000, level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """A metric with a percentile interval; whole groups (speakers) are drawn with replacement, rows when there are none.

    >>> y = np.arange(20) % 2
    >>> bootstrap(accuracy, y, y, draws=20)
    Interval(value=1.0, low=1.0, high=1.0)
    """
    rng = np.random.default_rng(seed)
    n = len(arrays[0])
    members = [np.flatnonzero(groups == g) for g in np.unique(groups)] if groups is not None else [np.array([i]) for i in range(n)]
    drawn = []
    for _ in range(draws):
        pick = np.concatenate([members[i] for i in rng.integers(len(members), size=len(members))])
        drawn.append(metric(*(a[pick] for a in arrays)))
    defined = np.array(drawn)[~np.isnan(drawn)]
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2]) if len(defined) else (np.nan, np.nan)
    return Interval(float(metric(*arrays)), float(low), float(high))
