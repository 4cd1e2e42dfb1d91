"""Estimates drawn as a map: principal components, and t-SNE where scikit-learn is installed.

    >>> rows = np.array([[0.0, 0, 1], [0, 0, 2], [0, 0, 3]])
    >>> pca(rows).shares.round(2).tolist()
    [1.0, 0.0]
"""

from __future__ import annotations

import importlib.util
from typing import NamedTuple

import numpy as np

PERPLEXITY = 30.0                        # scikit-learn's default; the source doesn't say


class Components(NamedTuple):
    """places (n, 2), axes (2, d), shares (2,) of the variance."""

    places: np.ndarray
    axes: np.ndarray
    shares: np.ndarray


def pca(values: np.ndarray) -> Components:
    """Two principal components of (n, d) rows without NaN; the sign is such that the largest weight of each axis is positive."""
    centred = np.asarray(values, float) - np.mean(values, axis=0)
    _, s, axes = np.linalg.svd(centred, full_matrices=False)
    axes, s = np.pad(axes, ((0, max(0, 2 - len(axes))), (0, 0)))[:2], np.pad(s, (0, 2))
    signs = np.sign(axes[np.arange(2), np.abs(axes).argmax(axis=1)])
    axes = axes * np.where(signs == 0, 1, signs)[:, None]
    total = float((s**2).sum())
    return Components(centred @ axes.T, axes, s[:2] ** 2 / total if total else np.zeros(2))


def can_embed() -> bool:
    """Whether scikit-learn is here."""
    return importlib.util.find_spec("sklearn") is not None


def tsne(values: np.ndarray, *, perplexity: float = PERPLEXITY, seed: int = 0) -> np.ndarray:
    """(n, 2) t-SNE of (n, d) rows without NaN, from the principal components; NaN for fewer than ten rows.

    Distances between far groups mean nothing in such a map, and neither do the sizes of groups.
    """
    from sklearn.manifold import TSNE

    if len(values) < 10:
        return np.full((len(values), 2), np.nan)
    some = min(perplexity, (len(values) - 1) / 3)
    return np.asarray(TSNE(2, perplexity=some, init="pca", random_state=seed, n_jobs=1).fit_transform(np.asarray(values, np.float32)))
