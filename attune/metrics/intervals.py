"""How much a figure would move with other people: the bootstrap, over whole groups (speakers).

Clips of one speaker aren't independent, so that drawing clips would promise too narrow an interval.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

DRAWS, LEVEL = 1000, 0.95


class Interval(NamedTuple):
    """A figure with its interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


def members(groups: Sequence[object] | np.ndarray | None, n: int) -> list[np.ndarray]:
    """Rows of each group; every row is one where nobody is named ("")."""
    if groups is None:
        return [np.array([i]) for i in range(n)]
    names = np.asarray(groups)
    if names.dtype.kind == "U" and (names == "").any():
        names = np.array([name or f"\0{i}" for i, name in enumerate(names.tolist())])
    _, inverse = np.unique(names, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    return np.split(order, np.cumsum(np.bincount(inverse))[:-1])


def bootstrap_figures(
    figures: Callable[[np.ndarray], np.ndarray], n: int, *, groups: Sequence[object] | np.ndarray | None = None, draws: int = DRAWS,
    level: float = LEVEL, seed: int = 0, centred: Sequence[int] = (),
) -> list[Interval]:
    """Several figures with percentile intervals, from the same draws of whole groups with replacement.

    Parameters
    ----------
    figures : rows (m,) int -> (f,) float
        The figures of these rows, some of which come several times. NaN where one is undefined; such draws don't count.
    n : number of rows
    groups : (n,) names; None or "": every row for itself
    centred
        Figures whose intervals are moved by the mean distance of the draws from the value, not below 0: a calibration error is a sum of
        absolute values, and drawing rows makes it larger.

    Returns
    -------
    One interval per figure; NaN bounds where no draw defines it, or where there is one group only: nothing is known about others.

    >>> y = np.arange(20) % 2
    >>> bootstrap_figures(lambda rows: np.array([y[rows].mean()]), 20, draws=20)[0].value
    0.5
    """
    rng, rows = np.random.default_rng(seed), members(groups, n)
    value = np.asarray(figures(np.arange(n)), float)
    if len(rows) < 2:
        return [Interval(v, float("nan"), float("nan")) for v in value.tolist()]
    drawn = np.array([figures(np.concatenate([rows[i] for i in rng.integers(len(rows), size=len(rows))])) for _ in range(draws)], float)
    out = []
    for j, (v, column) in enumerate(zip(value.tolist(), drawn.T, strict=True)):
        defined = column[~np.isnan(column)]
        low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2]) if len(defined) and not np.isnan(v) else (np.nan, np.nan)
        moved = defined.mean() - v if j in centred and len(defined) else 0.0
        out.append(Interval(v, float(low - moved if not moved else max(0.0, low - moved)), float(high - moved)))
    return out


def bootstrap(
    metric: Callable[..., float], *arrays: np.ndarray, groups: np.ndarray | None = None, draws: int = DRAWS, level: float = LEVEL,
    seed: int = 0,
) -> Interval:
    """A metric of arrays with a percentile interval; whole groups (speakers) are drawn with replacement, rows when there are none.

    >>> y = np.arange(20) % 2
    >>> from attune.metrics.agreement import accuracy
    >>> bootstrap(accuracy, y, y, draws=20)
    Interval(value=1.0, low=1.0, high=1.0)
    """
    def figures(rows: np.ndarray) -> np.ndarray:
        return np.array([metric(*(a[rows] for a in arrays))])

    return bootstrap_figures(figures, len(arrays[0]), groups=groups, draws=draws, level=level, seed=seed)[0]
