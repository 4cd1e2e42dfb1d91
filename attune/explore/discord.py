"""Discord: where a person's face, voice and words disagree more than their other moments would by chance.

Two distances between modalities: positions (valence, arousal, dominance), each modality less its own mean and in its own deviations, since
models differ in where their middle lies; and categories, Jensen-Shannon divergence in bits of Ekman's six and neutral. Of the pairs that
are there the largest counts. Chance is another moment of the same person: the distance between what the face shows here and what the
voice says then. A moment is discordant when it is further apart than 97.5 in 100 of those by one of the two. If modalities had nothing to do
with each other, at most five in 100 moments would be, and the more they agree, the fewer.

    >>> happy, sad = np.eye(3)[0], np.eye(3)[1]
    >>> [round(float(d), 2) for d in between(np.stack([[happy, happy], [happy, sad]]), divergence)]
    [0.0, 1.0]
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from attune.metrics import jsd

SHARE = 0.975                            # of chance, by each of the two distances
DRAWS = 5                                # other moments paired with each moment
BINS = 2_000

Distance = Callable[[np.ndarray, np.ndarray], np.ndarray]


def divergence(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """(n,) Jensen-Shannon divergence in bits of two (n, k) distributions; NaN where either is missing."""
    out = np.full(len(p), np.nan)
    both = ~(np.isnan(p).any(axis=1) | np.isnan(q).any(axis=1))
    if both.any():
        out[both] = jsd(p[both], q[both])
    return out


def distance(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """(n,) root mean square difference of two (n, d) sets of standardised positions; NaN where either is missing."""
    return np.asarray(np.sqrt(np.mean((p - q) ** 2, axis=1)))


def between(parts: np.ndarray, how: Distance) -> np.ndarray:
    """(n,) largest distance between any two of the modalities (m, n, k); NaN where fewer than two are there."""
    largest = np.full(parts.shape[1], np.nan)
    for i in range(len(parts)):
        for j in range(i):
            largest = np.fmax(largest, how(parts[i], parts[j]))
    return largest


def chance(parts: np.ndarray, groups: np.ndarray, how: Distance, rng: np.random.Generator, draws: int = DRAWS) -> np.ndarray:
    """(draws * n,) the same with each modality's rows taken from other moments of the same group; NaN where that pairs a missing one.

    Each modality is turned round by its own number of rows among those it has, so that what was missing stays missing.
    """
    out = []
    for _ in range(draws):
        drawn = parts.copy()
        for group in np.unique(groups):
            for m in range(1, len(parts)):
                rows = np.flatnonzero((groups == group) & ~np.isnan(parts[m]).any(axis=1))
                if len(rows) > 1:
                    drawn[m, rows] = parts[m, np.roll(rows, int(rng.integers(1, len(rows))))]
        out.append(between(drawn, how))
    return np.concatenate(out)


def change(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """(n,) distance of each row (n, k) from the group's row before; NaN for the first, and beside what is missing."""
    out = np.full(len(values), np.nan)
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        out[rows[1:]] = distance(values[rows[1:]], values[rows[:-1]])
    return out


class Threshold:
    """The distance that 97.5 in 100 of the distances by chance don't reach, from counts in fine bins: a corpus needn't fit into memory."""

    def __init__(self, most: float) -> None:
        self.most, self.counts = most, np.zeros(BINS, np.int64)

    def add(self, distances: np.ndarray) -> None:
        at = (distances[~np.isnan(distances)] / self.most * BINS).astype(int)
        self.counts += np.bincount(np.clip(at, 0, BINS - 1), minlength=BINS)

    @property
    def value(self) -> float:
        """The threshold; infinity where nothing could be paired."""
        below = np.cumsum(self.counts)
        return float((np.searchsorted(below, SHARE * below[-1]) + 1) * self.most / BINS) if below[-1] else float("inf")

    def p(self, distances: np.ndarray) -> np.ndarray:
        """(n,) share of the distances by chance that are at least as large, counting this one."""
        above = np.append(np.cumsum(self.counts[::-1])[::-1], 0)
        at = np.clip((np.nan_to_num(distances) / self.most * BINS).astype(int), 0, BINS - 1)
        return np.asarray(np.where(np.isnan(distances), np.nan, (1 + above[at]) / (1 + above[0])))
