"""Ranks: which expressions are strongest, and whether two modalities rise and fall together.

Hume's paper on Expression Estimates and LEED names the five expressions with the smallest mean rank, and one Spearman correlation between face and
voice (.31 in CANDOR, .35 in RAVDESS) without saying how 48 labels of each became two columns. The three ways there are stand side by side here:

    pooled          every cell of the aligned rows is a case: n rows x k labels
    per_dimension   a correlation for each label over the rows; the median of them stands for all
    per_segment     a correlation for each row over its labels; the mean of them stands for all

Pooled and per-segment correlations are high wherever two models agree on which labels are rare (everything is more often neutral than
disgusted), so that chance is not 0. The p-value therefore comes from pairing anew the rows of one person, which keeps exactly that.

A corpus is larger than memory. `Levels` counts values rounded to half precision (three digits), and from those counts come mid-ranks,
quantiles and distributions without sorting anything.

    >>> mid_ranks(np.array([[0.1, 0.7, 0.7, np.nan]])).tolist()
    [[1.0, 2.5, 2.5, nan]]
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

STEPS = 1 << 16                          # half-precision numbers
PERMUTATIONS = 199                       # p in steps of .005
TOP = 5                                  # as in Hume's paper

Null = Literal["shift", "shuffle"]


def mid_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks 1..k along the last axis, ties at their middle; NaN stays NaN and counts for nothing."""
    values = np.asarray(values, np.float64)
    k = values.shape[-1]
    rows = values.reshape(-1, k)
    order = np.argsort(rows, axis=1, kind="stable")                                     # NaN last
    ordered = np.take_along_axis(rows, order, axis=1)
    new = np.ones_like(ordered, bool)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    at = np.arange(k)
    first = np.maximum.accumulate(np.where(new, at, 0), axis=1)
    last = np.minimum.accumulate(np.where(np.concatenate([new[:, 1:], np.ones((len(rows), 1), bool)], axis=1), at, k)[:, ::-1], axis=1)[:, ::-1]
    out = np.empty_like(rows)
    np.put_along_axis(out, order, (first + last) / 2 + 1, axis=1)
    return np.where(np.isnan(rows), np.nan, out).reshape(values.shape)


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's rank correlation of two (n,) arrays over the cases that both have; NaN if fewer than three, or one is constant.

    >>> round(spearman(np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 4, 3])), 3)
    0.8
    """
    both = ~(np.isnan(x) | np.isnan(y))
    if both.sum() < 3:
        return math.nan
    zx, zy = standardised(mid_ranks(np.stack([x[both], y[both]])))
    return float(np.mean(zx * zy)) if zx.any() and zy.any() else math.nan


def standardised(values: np.ndarray) -> np.ndarray:
    """Along the last axis: mean 0, variance 1; a constant row is all 0."""
    centred = values - values.mean(axis=-1, keepdims=True)
    spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True))
    return np.asarray(np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 1e-12))


def descending(values: np.ndarray) -> np.ndarray:
    """(n, k) ranks of the labels within each row, 1 for the strongest, ties at their middle."""
    return mid_ranks(-np.asarray(values))


# ---- counts instead of sorting ----------------------------------------------------------------------------------------------

class Levels:
    """How often each half-precision number was seen, column by column."""

    def __init__(self, columns: int) -> None:
        self.counts = np.zeros((columns, STEPS), np.int64)

    def add(self, values: np.ndarray) -> None:
        """Count (n, columns) values; NaN isn't counted."""
        for j, steps in enumerate(_steps(values).T):
            self.counts[j] += np.bincount(steps[~np.isnan(values[:, j])], minlength=STEPS)

    @property
    def n(self) -> np.ndarray:
        """(columns,) values counted."""
        return np.asarray(self.counts.sum(axis=1))

    def scores(self, values: np.ndarray) -> np.ndarray:
        """(n, columns) mid-ranks of values among all counted, scaled to mean 0 and variance 1 over those; 0 for NaN and constant columns."""
        if not hasattr(self, "_table"):
            below = np.cumsum(self.counts, axis=1)
            rank = below - self.counts / 2
            n = np.maximum(below[:, -1:], 1)
            centred = rank - (self.counts * rank).sum(axis=1, keepdims=True) / n
            spread = np.sqrt((self.counts * centred**2).sum(axis=1, keepdims=True) / n)
            self._table = np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 1e-9)
        found = np.stack([column[steps] for column, steps in zip(self._table, _steps(values).T, strict=True)], axis=1)
        return np.where(np.isnan(values), 0.0, found)

    def quantiles(self, at: Iterable[float]) -> np.ndarray:
        """(columns, q) values below which these shares of the counted lie; NaN where nothing was counted."""
        numbers, at = _numbers(), np.asarray(list(at), float)
        out = np.full((len(self.counts), len(at)), np.nan)
        for j, counts in enumerate(self.counts):
            below = np.cumsum(counts)
            if below[-1]:
                out[j] = numbers[np.searchsorted(below, np.maximum(at * below[-1], 1))]
        return out

    def histogram(self, edges: np.ndarray) -> np.ndarray:
        """(columns, bins) int: counts between the edges; what lies outside is in the first and last bin."""
        at = np.clip(np.searchsorted(edges, _numbers(), side="right") - 1, 0, len(edges) - 2)
        out = np.zeros((len(self.counts), len(edges) - 1), np.int64)
        for j, counts in enumerate(self.counts):
            np.add.at(out[j], at, counts)
        return out

    def means(self) -> np.ndarray:
        """(columns,) means; NaN where nothing was counted."""
        n = self.n
        return np.asarray(np.divide(self.counts @ _numbers(), n, out=np.full(len(n), np.nan), where=n > 0))


def _steps(values: np.ndarray) -> np.ndarray:
    """(n, columns) index of each value among the half-precision numbers in order."""
    bits = np.nan_to_num(np.asarray(values), nan=0.0).astype(np.float16).view(np.uint16).astype(np.int64)
    bits = np.where(bits == 0x8000, 0, bits)                                            # minus zero is zero
    return np.where(bits < 0x8000, bits + 0x8000, 0xFFFF - bits)


def _numbers() -> np.ndarray:
    """(STEPS,) the half-precision numbers in order; what isn't finite is 0, and never counted."""
    steps = np.arange(STEPS)
    bits = np.where(steps >= 0x8000, steps - 0x8000, 0xFFFF - steps).astype(np.uint16)
    return np.nan_to_num(bits.view(np.float16).astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)


# ---- between two modalities -------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Association:
    """Spearman's rho between two modalities in the three ways, the mean of each when rows are paired by chance, and p (one-sided: higher).

    per_dimension
        (k,) rho of each label; `rho["per_dimension"]` is their median.
    """

    n: int
    rho: dict[str, float]
    chance: dict[str, float]
    p: dict[str, float]
    per_dimension: np.ndarray
    permutations: int
    null: Null


WAYS = ("pooled", "per_dimension", "per_segment")


class Associating:
    """Two sets of estimates of the same labels, taken in piece by piece: first all pieces to `count`, then the same to `add`.

    A group is a person (in a recording, or in all of them): its rows are paired anew under the null. "shift" turns one of the
    series round by a random number of rows, so that what follows what stays as it is; it is for turns of a conversation. "shuffle" is for
    rows that stand alone, as acted clips do.
    """

    def __init__(self, labels: int, *, null: Null = "shift", permutations: int = PERMUTATIONS, seed: int = 0) -> None:
        self.k, self.null, self.permutations = labels, null, permutations
        self.rng = np.random.default_rng(seed)
        self.own, self.flat = (Levels(labels), Levels(labels)), (Levels(1), Levels(1))
        self.n = 0
        self.sums = np.zeros((1 + permutations, 2 * labels + 1))

    def count(self, x: np.ndarray, y: np.ndarray) -> None:
        """Count (n, k) rows; those that lack a value in either are left out."""
        x, y = _both(x, y)
        self.n += len(x)
        for own, flat, values in zip(self.own, self.flat, (x, y), strict=True):
            own.add(values)
            flat.add(values.reshape(-1, 1))

    def add(self, x: np.ndarray, y: np.ndarray, groups: np.ndarray) -> None:
        """The rows again, with the group (n,) of each; all rows of a group in one piece."""
        kept = ~(np.isnan(x).any(axis=1) | np.isnan(y).any(axis=1))
        x, y = (self._scores(side, np.asarray(v)[kept]) for side, v in enumerate((x, y)))
        for rows in _rows_of(groups[kept]):
            a, b = x[rows], y[rows]
            drawn = b[self._paired(len(rows))]                                          # (p, n, 2k + k)
            self.sums[0] += self._products(a, b[None])[0]
            self.sums[1:] += self._products(a, drawn)

    def result(self) -> Association:
        """What came out, over everything added."""
        k, n = self.k, self.n
        if n < 3:
            none = dict.fromkeys(WAYS, math.nan)
            return Association(n, none, none, none, np.full(k, np.nan), self.permutations, self.null)
        pooled, dims, segment = self.sums[:, :k].sum(axis=1) / (n * k), self.sums[:, k:2 * k] / n, self.sums[:, -1] / n
        there = np.array([(own.counts > 0).sum(axis=1) > 1 for own in self.own]).all(axis=0)
        dims = np.where(there, dims, np.nan)
        median = np.nanmedian(dims, axis=1) if there.any() else np.full(len(dims), np.nan)
        ways = dict(zip(WAYS, (pooled, median, segment), strict=True))
        return Association(
            n, {w: float(v[0]) for w, v in ways.items()}, {w: float(v[1:].mean()) for w, v in ways.items()},
            {w: float((1 + (v[1:] >= v[0] - 1e-12).sum()) / len(v)) if not math.isnan(v[0]) else math.nan for w, v in ways.items()},
            dims[0], self.permutations, self.null)

    def _scores(self, side: int, values: np.ndarray) -> np.ndarray:
        """(n, 3k): standardised ranks among all cells, among the label's own, and within the row."""
        n, k = values.shape
        flat = self.flat[side].scores(values.reshape(-1, 1)).reshape(n, k)
        within = standardised(mid_ranks(values)) if n else np.zeros((0, k))
        return np.concatenate([flat, self.own[side].scores(values), within], axis=1)

    def _products(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """(p, 2k + 1) sums over rows of a (n, 3k) times b (p, n, 3k)."""
        sums = np.einsum("nc,pnc->pc", a, b)
        return np.concatenate([sums[:, : 2 * self.k], sums[:, 2 * self.k:].sum(axis=1, keepdims=True) / self.k], axis=1)

    def _paired(self, n: int) -> np.ndarray:
        """(p, n) rows to pair with 0..n-1."""
        if self.null == "shuffle":
            return self.rng.permuted(np.tile(np.arange(n), (self.permutations, 1)), axis=1)
        return (np.arange(n) + self.rng.integers(n, size=(self.permutations, 1))) % n


def associate(
    x: np.ndarray, y: np.ndarray, groups: np.ndarray, *, null: Null = "shuffle", permutations: int = PERMUTATIONS, seed: int = 0
) -> Association:
    """How two modalities' estimates (n, k) of the same labels go together, with p by pairing rows anew within each group (n,).

    >>> rng = np.random.default_rng(0)
    >>> said = rng.random((60, 4))
    >>> found = associate(said, said + rng.random((60, 4)), np.repeat(["Ada", "Bo"], 30))
    >>> 0.5 < found.rho["per_dimension"] < 0.9, found.p["per_dimension"]
    (True, 0.005)
    """
    a = Associating(np.shape(x)[1], null=null, permutations=permutations, seed=seed)
    a.count(x, y)
    a.add(x, y, np.asarray(groups))
    return a.result()


def _both(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    kept = ~(np.isnan(x).any(axis=1) | np.isnan(y).any(axis=1))
    return np.asarray(x)[kept], np.asarray(y)[kept]


def _rows_of(groups: np.ndarray) -> list[np.ndarray]:
    """Rows of each group, in their order."""
    if not len(groups):
        return []
    _, inverse = np.unique(groups.astype(str), return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    return np.split(order, np.cumsum(np.bincount(inverse))[:-1])
