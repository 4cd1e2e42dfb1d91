"""People disagree: distributions of votes against distributions of a model, both (n, k) with rows that sum to 1."""

from __future__ import annotations

import numpy as np

from attune.metrics.agreement import macro_f1, pair

TOLERANCE = 1e-4     # ties at 1/k and at a half are common, and the noise of floats must not decide them


def jsd(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """(n,) Jensen-Shannon divergence of the rows of two (n, k) distributions, in bits, 0..1."""
    p, q = pair(p, q)
    m = (p + q) / 2

    def kl(a: np.ndarray) -> np.ndarray:
        return np.asarray(np.sum(np.where(a > 0, a * np.log2(np.where(a > 0, a, 1) / np.where(m > 0, m, 1)), 0), axis=1))

    return np.asarray((kl(p) + kl(q)) / 2)


def cross_entropy(p: np.ndarray, q: np.ndarray, least: float = 1e-7) -> np.ndarray:
    """(n,) -sum p log q of the rows of votes p and predictions q (n, k), in nats; q below `least` counts as `least`.

    >>> cross_entropy(np.array([[0.5, 0.5]]), np.array([[0.5, 0.5]])).round(3).tolist()
    [0.693]
    """
    p, q = pair(p, q)
    return np.asarray(-np.sum(p * np.log(np.maximum(q, least)), axis=1))


def label_set(p: np.ndarray, k: int | np.ndarray | None = None) -> np.ndarray:
    """(n, k) boolean: the labels with more than a fair share, p > 1/k; k is the number of labels that could be chosen.

    Exactly a fair share doesn't count, whatever the last bits of a float say: the border is 1/k + `TOLERANCE`.

    Chou et al. (2024), EMO-SUPERB, take these as the labels of a clip.

    >>> label_set(np.array([[0.6, 0.25, 0.15, 0.0]])).tolist()
    [[True, False, False, False]]
    """
    fair = 1 / (np.shape(p)[1] if k is None else np.asarray(k, float).reshape(-1, 1) if np.ndim(k) else k)
    return np.asarray(np.nan_to_num(p, nan=0.0) > fair + TOLERANCE)


def set_f1(p: np.ndarray, q: np.ndarray) -> float:
    """Macro-F1 over labels of the `label_set` of votes p and of predictions q, both (n, k)."""
    p, q = pair(p, q)
    return macro_f1(label_set(p), label_set(q))
