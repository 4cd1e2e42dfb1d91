"""Whether a probability is worth its number, and what a model gains by keeping silent where it isn't sure."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from attune.metrics.agreement import pair

BINS = 15


class Reliability(NamedTuple):
    """Bins of stated probability: edges (b + 1,), and by bin how many rows n, their mean probability said, and the share true.

    said and true are NaN where n is 0.
    """

    edges: np.ndarray
    n: np.ndarray
    said: np.ndarray
    true: np.ndarray

    @property
    def gap(self) -> float:
        """Mean distance between what was said and what was true, bins weighed by their rows."""
        return float(np.nansum(np.abs(self.true - self.said) * self.n) / self.n.sum())


def reliability(said: np.ndarray, true: np.ndarray, bins: int = BINS) -> Reliability:
    """Probabilities (m,) and whether (or in what share) they came true (m,), by bins of equal width over 0..1.

    >>> reliability(np.array([0.1, 0.9, 0.9]), np.array([0, 1, 0]), bins=2).true.tolist()
    [0.0, 0.5]
    """
    said, true = pair(np.ravel(said), np.ravel(true))
    where = np.clip((said * bins).astype(int), 0, bins - 1)
    n = np.bincount(where, minlength=bins)
    with np.errstate(invalid="ignore"):
        means = [np.bincount(where, weights=values, minlength=bins) / n for values in (said, true)]
    return Reliability(np.linspace(0, 1, bins + 1), n, *means)


def ece(y_true: np.ndarray, probabilities: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error, 0..1.

    y_true (n,) int and probabilities (n, k): of the class that is said first, Guo et al. (2017), ICML, eq. 3. y_true (n, k) of 0 and 1:
    of each label's probability for itself, mean over the labels.
    """
    if np.ndim(y_true) == 2:
        n, k = probabilities.shape
        cell = np.clip((probabilities * bins).astype(int), 0, bins - 1) + np.arange(k) * bins
        return float(np.abs(np.bincount(cell.ravel(), weights=(probabilities - y_true).ravel(), minlength=k * bins)).sum() / n / k)
    return reliability(probabilities.max(1), (probabilities.argmax(1) == y_true).astype(float), bins).gap


def ece_by_chance(probabilities: np.ndarray, bins: int = BINS, draws: int = 200, seed: int = 0) -> tuple[float, float]:
    """What `ece` would be of a model that is calibrated perfectly and as sure as this one, by the luck of so few rows alone: the mean over draws of
    the labels from probabilities (n, k), and what 95 % of draws stay below. An ECE under the second is no sign of a fault. Rows are taken as independent.

    Consistency resampling: Bröcker and Smith (2007), Weather and Forecasting 22(3), 651-661; Vaicenavicius et al. (2019), AISTATS.

    >>> mean, most = ece_by_chance(np.tile([0.7, 0.3], (50, 1)))
    >>> 0.03 < mean < 0.08 < most
    True
    """
    rng, sure = np.random.default_rng(seed), probabilities.max(1)
    found = [reliability(sure, (rng.random(len(sure)) < sure).astype(float), bins).gap for _ in range(draws)]
    return float(np.mean(found)), float(np.quantile(found, 0.95))


def brier(y_true: np.ndarray, probabilities: np.ndarray) -> float:
    """Brier score, lower is better. y_true (n,) int: sum of squared errors over the classes, 0..2 (Brier 1950, eq. 2); y_true (n, k)
    of 0 and 1: mean over the labels, 0..1.

    >>> brier(np.array([0]), np.array([[0.5, 0.5]]))
    0.5
    """
    if np.ndim(y_true) == 2:
        return float(np.mean((probabilities - y_true) ** 2))
    return float(np.mean(np.sum((probabilities - np.eye(probabilities.shape[1])[y_true]) ** 2, axis=1)))


def risk_coverage(right: np.ndarray, confidence: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coverage (n,), rising to 1, and the share of errors (n,) among the surest rows that make it up.

    right (n,) boolean, confidence (n,). Among equally sure rows each is taken to be as right as their mean: the order of rows
    doesn't count.

    >>> coverage, risk = risk_coverage(np.array([True, False]), np.array([0.9, 0.6]))
    >>> coverage.tolist(), risk.tolist()
    ([0.5, 1.0], [0.0, 0.5])
    """
    right, confidence = pair(np.asarray(right, float), confidence)
    _, level, count = np.unique(-confidence, return_inverse=True, return_counts=True)
    mean = (np.bincount(level, weights=right) / count)[level]
    rank = np.arange(1, len(right) + 1)
    return rank / len(right), 1 - np.cumsum(mean[np.argsort(-confidence, kind="stable")]) / rank


def aurc(right: np.ndarray, confidence: np.ndarray) -> float:
    """Area under the risk-coverage curve, lower is better; a model whose confidence says nothing has its share of errors.

    Geifman, Uziel and El-Yaniv (2019), ICLR.
    """
    return float(risk_coverage(right, confidence)[1].mean())


def accuracy_at(right: np.ndarray, confidence: np.ndarray, coverage: float = 0.8) -> float:
    """Accuracy on the surest rows that make up a coverage, the model keeping silent on the others."""
    _, risk = risk_coverage(right, confidence)
    return float(1 - risk[max(1, round(coverage * len(risk))) - 1])
