"""How the labels of one modality go together, and whether another modality's do so alike.

A correlation matrix (k, k) per set of estimates, an order of the labels shared by all panels, and two comparisons: Mantel's test, which
correlates what lies off the diagonals and draws permutations of the labels, and the RV coefficient (Robert & Escoufier 1976), the
cosine of the angle between two matrices.

    >>> one = np.array([[1, 0.8, 0.1, -0.2], [0.8, 1, 0.2, 0], [0.1, 0.2, 1, 0.4], [-0.2, 0, 0.4, 1]])
    >>> round(rv(one, one), 3), round(mantel(one, one).r, 3)
    (1.0, 1.0)
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from attune.errors import ShapeError
from attune.explore.ranks import Levels, mid_ranks, spearman, standardised

PERMUTATIONS = 999


class Correlating:
    """A Spearman matrix over rows (n, k), taken in piece by piece: first all of them to `count`, then the same to `add`."""

    def __init__(self, labels: int) -> None:
        self.levels, self.products, self.n = Levels(labels), np.zeros((labels, labels)), 0

    def count(self, values: np.ndarray) -> None:
        whole = values[~np.isnan(values).any(axis=1)]
        self.levels.add(whole)
        self.n += len(whole)

    def add(self, values: np.ndarray) -> None:
        scores = self.levels.scores(values[~np.isnan(values).any(axis=1)])
        self.products += scores.T @ scores

    def result(self) -> np.ndarray:
        """(k, k) in [-1, 1]; NaN in rows and columns of labels that never vary."""
        out = self.products / max(self.n, 1)
        out[:, np.diag(out) < 1e-9] = np.nan
        out[np.isnan(np.diag(out))] = np.nan
        return out


def correlations(values: np.ndarray) -> np.ndarray:
    """(k, k) Spearman correlations of the columns of (n, k), over rows without NaN; NaN for columns that never vary."""
    whole = np.asarray(values, float)
    whole = whole[~np.isnan(whole).any(axis=1)]
    if len(whole) < 3:
        return np.full((values.shape[1],) * 2, np.nan)
    scores = standardised(mid_ranks(whole.T))
    out = scores @ scores.T / len(whole)
    out[:, ~scores.any(axis=1)] = np.nan
    out[~scores.any(axis=1)] = np.nan
    return np.asarray(out)


def shared_order(matrices: list[np.ndarray]) -> np.ndarray:
    """(k,) an order of the labels in which neighbours correlate, the same for several (k, k) matrices of the same labels.

    The angular order of the two leading eigenvectors of their mean (Friendly 2002, American Statistician 56(4)): labels
    lie on a circle, which is cut where its gap is widest. Labels without correlations come last.
    """
    mean = np.nanmean([np.where(np.isnan(m), np.nan, m) for m in matrices], axis=0) if len(matrices) > 1 else np.array(matrices[0])
    known = ~np.isnan(np.diag(mean))
    index = np.flatnonzero(known)
    if len(index) < 3:
        return np.concatenate([index, np.flatnonzero(~known)])
    _, vectors = np.linalg.eigh(np.nan_to_num(mean[np.ix_(index, index)]))
    first, second = vectors[:, -1], vectors[:, -2]
    angle = np.arctan2(second, first)
    order = np.argsort(angle, kind="stable")
    gaps = np.diff(angle[order], append=angle[order[0]] + 2 * np.pi)
    order = np.roll(order, -(int(np.argmax(gaps)) + 1))
    if order[0] > order[-1]:
        order = order[::-1]                                                             # the sign of an eigenvector means nothing
    return np.concatenate([index[order], np.flatnonzero(~known)])


class Mantel(NamedTuple):
    """Spearman's r between what lies off the diagonals, p (one-sided), and how many labels took part."""

    r: float
    p: float
    labels: int


def mantel(a: np.ndarray, b: np.ndarray, *, permutations: int = PERMUTATIONS, seed: int = 0) -> Mantel:
    """Whether two symmetric (k, k) matrices of the same labels are alike: Mantel (1967), with ranks, as in ecology.

    Labels of one matrix are permuted, rows and columns together. Labels with NaN in either are left out; fewer than four give NaN.
    """
    a, b = _comparable(a, b)
    k = len(a)
    if k < 4:
        return Mantel(math.nan, math.nan, k)
    off = np.triu_indices(k, 1)
    x, whole = mid_ranks(a[off]), np.zeros((k, k))
    whole[off] = mid_ranks(b[off])
    whole += whole.T
    x = standardised(x)
    rng = np.random.default_rng(seed)

    def r(order: np.ndarray) -> float:
        return float(np.mean(x * standardised(whole[np.ix_(order, order)][off])))

    found = spearman(a[off], b[off])
    as_high = sum(r(rng.permutation(k)) >= found - 1e-12 for _ in range(permutations))
    return Mantel(found, (1 + as_high) / (1 + permutations), k)


def rv(a: np.ndarray, b: np.ndarray) -> float:
    """RV coefficient of two symmetric (k, k) matrices: tr(AB) / sqrt(tr(AA) tr(BB)); 1 if one is a multiple of the other.

    The ones on the diagonals are in it, so that even unrelated correlation matrices have about 1 / (1 + (k - 1) mean r²): read it beside Mantel's r.
    """
    a, b = _comparable(a, b)
    total = math.sqrt(float((a * a).sum()) * float((b * b).sum()))
    return float((a * b).sum()) / total if total else math.nan


def _comparable(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.shape != b.shape or a.ndim != 2 or a.shape[0] != a.shape[1]:
        raise ShapeError(f"matrices of shapes {a.shape} and {b.shape}; expected two square ones over the same labels")
    known = ~(np.isnan(np.diag(a)) | np.isnan(np.diag(b)))
    return a[np.ix_(known, known)], b[np.ix_(known, known)]
