"""One label, several labels, or positions: how far two columns agree."""

from __future__ import annotations

import numpy as np

from attune.errors import ShapeError


def pair(y_true: np.ndarray, y_pred: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as arrays; `ShapeError` unless they have the same shape and at least one row."""
    y_true, y_pred = np.asarray(y_true), np.asarray(y_pred)
    if y_true.shape != y_pred.shape or len(y_true) < 1:
        raise ShapeError(f"y_true has shape {y_true.shape}, y_pred {y_pred.shape}; expected the same, with at least one row")
    return y_true, y_pred


def _constant(values: np.ndarray) -> bool:
    return bool((values == values[0]).all())     # not var() == 0: the variance of three times 0.1 is 2e-34


# Positions -------------------------------------------------------------------------------------------------------------------------

def ccc(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Concordance correlation of two (n,) arrays: agreement in shape, scale and offset, in [-1, 1].

    NaN when both are constant and equal. Lin (1989), Biometrics 45(1), eq. 1.

    >>> round(ccc(np.array([0.1, 0.5, 0.9]), np.array([0.2, 0.5, 0.8])), 3)
    0.96
    """
    y_true, y_pred = pair(y_true, y_pred)
    if _constant(y_true) and np.array_equal(y_true, y_pred):
        return float("nan")
    covariance = np.mean((y_true - y_true.mean()) * (y_pred - y_pred.mean()))
    return float(2 * covariance / (y_true.var() + y_pred.var() + (y_true.mean() - y_pred.mean()) ** 2))


def pearson(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Pearson correlation of two (n,) arrays; NaN when one is constant."""
    y_true, y_pred = pair(y_true, y_pred)
    if _constant(y_true) or _constant(y_pred):
        return float("nan")
    return float(np.mean((y_true - y_true.mean()) * (y_pred - y_pred.mean())) / (y_true.std() * y_pred.std()))


def mae(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Mean absolute error, in the unit of both."""
    y_true, y_pred = pair(y_true, y_pred)
    return float(np.mean(np.abs(y_true - y_pred)))


# One label -------------------------------------------------------------------------------------------------------------------------

def accuracy(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Share of equal entries; with one label per row the same as weighted accuracy (WA) and as micro-F1."""
    y_true, y_pred = pair(y_true, y_pred)
    return float(np.mean(y_true == y_pred))


def confusion(y_true: np.ndarray, y_pred: np.ndarray, k: int) -> np.ndarray:
    """(k, k) int: how often the class of the row was said to be the class of the column; classes 0..k-1.

    >>> confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    y_true, y_pred = pair(y_true, y_pred)
    return np.bincount(y_true.astype(np.int64) * k + y_pred, minlength=k * k).reshape(k, k)


def recalls(y_true: np.ndarray, y_pred: np.ndarray, k: int) -> np.ndarray:
    """(k,) recall of each class 0..k-1; NaN for a class that never occurs."""
    y_true, y_pred = pair(y_true, y_pred)
    return np.array([np.mean(y_pred[y_true == c] == c) if (y_true == c).any() else np.nan for c in range(k)])


def uar(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Unweighted average recall over the classes that occur in y_true; chance is 1 / their number.

    >>> uar(np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0]))
    0.5
    """
    y_true, y_pred = pair(y_true, y_pred)
    return float(np.mean([np.mean(y_pred[y_true == c] == c) for c in np.unique(y_true)]))


# Several labels --------------------------------------------------------------------------------------------------------------------

def f1(y_true: np.ndarray, y_pred: np.ndarray) -> np.ndarray:
    """(k,) F1 of each column of two (n, k) boolean arrays; 0 for a label that is neither there nor said."""
    y_true, y_pred = (a.astype(bool) for a in pair(y_true, y_pred))
    hit = (y_true & y_pred).sum(0)
    return np.asarray(2 * hit / np.maximum(y_true.sum(0) + y_pred.sum(0), 1))


def macro_f1(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Mean F1 over the labels of two (n, k) boolean arrays."""
    return float(f1(y_true, y_pred).mean())


def micro_f1(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """F1 of all cells of two (n, k) boolean arrays together."""
    return float(f1(np.ravel(y_true)[:, None], np.ravel(y_pred)[:, None])[0])


def weighted_f1(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Mean F1 over the labels of two (n, k) boolean arrays, each weighed by how often it is there; NaN if none ever is."""
    y_true, y_pred = pair(y_true, y_pred)
    there = y_true.astype(bool).sum(0)
    return float(f1(y_true, y_pred) @ there / there.sum()) if there.sum() else float("nan")


def jaccard(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Mean over rows of two (n, k) boolean arrays: labels in both, over labels in either; 1 for a row with none in either.

    The multi-label accuracy of SemEval-2018 task 1 (Mohammad et al. 2018, section 5).
    """
    y_true, y_pred = (a.astype(bool) for a in pair(y_true, y_pred))
    either = (y_true | y_pred).sum(1)
    return float(np.mean(np.where(either, (y_true & y_pred).sum(1) / np.maximum(either, 1), 1.0)))


def average_precision(y_true: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """(k,) average precision of each column: y_true (n, k) boolean, scores (n, k), higher is surer; NaN for a label never there.

    The sum over thresholds of precision times the recall gained; rows with equal scores pass the threshold together.

    >>> average_precision(np.array([[1], [0], [1], [0]]), np.array([[0.9], [0.8], [0.7], [0.1]])).round(3).tolist()
    [0.833]
    """
    y_true, scores = pair(y_true, scores)
    rank, out = np.arange(1, len(y_true) + 1), np.full(y_true.shape[1], np.nan)
    for j in np.flatnonzero(y_true.astype(bool).any(axis=0)):
        column = np.ascontiguousarray(scores[:, j])
        order = np.argsort(-column)
        hits = np.cumsum(y_true[order, j].astype(bool))
        ranked = column[order]
        at = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))      # the last of equal scores: only there a threshold can lie
        out[j] = np.sum(np.diff(hits[at], prepend=0) * hits[at] / rank[at]) / hits[-1]
    return out
