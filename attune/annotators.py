"""Ratings over time to targets of segments: several raters to one trace, their delay, and what a segment is then worth.

Raters who move a slider while they watch differ in where they put the middle, and react late. Ringeval et al. (AVEC 2015-2019)
centre each trace by how far its rater agrees with the others, and shift it by the delay at which a model, or another trace, fits best;
Rios et al. do so. Everything is in seconds, so traces of any rate will do; NaN where a rater said nothing.

    >>> t = np.arange(0, 10, 0.1)
    >>> truth = np.sin(t)
    >>> raters = np.stack([truth + 0.3, truth - 0.1])
    >>> trace = gold(raters)
    >>> round(float(np.corrcoef(trace, truth)[0, 1]), 3)
    1.0
    >>> targets(t, trace, np.array([[0.0, 1.0], [4.0, 5.0]]), delay=0.0).shape
    (2,)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from attune.errors import ShapeError
from attune.metrics import ccc

STEP, LAST, PATIENCE = 0.4, 9.6, 3       # s, s, steps without a better one: the search of the AVEC 2018 baseline


def agreement(ratings: np.ndarray) -> np.ndarray:
    """(r,) mean CCC of each rater with the others, over the moments both rated; ratings (r, t) with NaN.

    Raises
    ------
    ShapeError
        If there are fewer than two raters.
    """
    ratings = _checked(ratings)
    if len(ratings) < 2:
        raise ShapeError("one rater agrees with nobody; expected (raters, t) with at least two raters")
    found = np.full((len(ratings), len(ratings)), np.nan)
    for i, one in enumerate(ratings):
        for j, other in enumerate(ratings):
            both = ~np.isnan(one) & ~np.isnan(other)
            if i != j and both.sum() > 1:
                found[i, j] = ccc(one[both], other[both])
    return np.asarray([np.nan if np.isnan(row).all() else np.nanmean(row) for row in found])


def gold(ratings: np.ndarray) -> np.ndarray:
    """(t,) one trace of several raters' (r, t): their mean, put where the raters who agree with the others put theirs.

        g(t) = mean_r x_r(t) - mean x + sum_r c_r m_r / sum_r c_r,      c_r: `agreement`, m_r: the rater's own mean

    A rater who agrees with nobody (c_r below 0) has no say about the middle. One rater's trace is returned as it is; a moment
    that nobody rated is NaN.
    """
    ratings = _checked(ratings)
    if len(ratings) == 1 or np.isnan(ratings).all():
        return np.array(ratings[0])
    c = np.maximum(np.nan_to_num(agreement(ratings)), 0.0)
    said = ~np.isnan(ratings)
    own = np.array([row[ok].mean() if ok.any() else 0.0 for row, ok in zip(ratings, said, strict=True)])
    c = c * said.any(axis=1)
    middle = float((c * own).sum() / c.sum()) if c.sum() > 0 else float(np.nanmean(ratings))
    # each rater about the own middle, so that who rated a moment doesn't move it
    count = said.sum(axis=0)
    total = np.where(said, ratings - own[:, None], 0.0).sum(axis=0)
    return np.asarray(np.divide(total, count, out=np.full(ratings.shape[1], np.nan), where=count > 0) + middle)


def targets(
    time: np.ndarray, trace: np.ndarray, segments: np.ndarray, *, delay: float = 0.0, how: Literal["mean", "centre"] = "mean"
) -> np.ndarray:
    """What each segment is worth: (n,) or (n, k) from a trace (t,) or (t, k) at `time` (t,) s, and segments (n, 2) start, end in s.

    how "mean" is the mean of the trace over [start + delay, end + delay), as Rios et al. say; "centre" its value at the middle
    plus delay, as the AVEC 2018 code searches. A segment shorter than a step takes the nearest moment; beyond the last moment the last
    is taken; NaN where nobody rated.
    """
    time, trace, segments = np.asarray(time, np.float64), np.asarray(trace, np.float64), np.asarray(segments, np.float64)
    if len(time) != len(trace) or segments.ndim != 2 or segments.shape[1] != 2:
        raise ShapeError(f"time {time.shape}, trace {trace.shape}, segments {segments.shape}; expected (t,), (t,) or (t, k), and (n, 2)")
    if len(time) == 0:
        return np.full((len(segments), *trace.shape[1:]), np.nan)
    out = np.empty((len(segments), *trace.shape[1:]))
    for i, (start, end) in enumerate(segments + delay):
        first, last = np.searchsorted(time, [start, end], side="left")
        if how == "centre" or last <= first:
            first = int(np.abs(time - (start + end) / 2).argmin())
            last = first + 1
        part = trace[first:last]
        there = ~np.isnan(part)
        count = there.sum(axis=0)
        out[i] = np.divide(np.where(there, part, 0).sum(axis=0), count, out=np.full(trace.shape[1:], np.nan), where=count > 0)
    return out


@dataclass(frozen=True)
class Delay:
    """Seconds, the score there, and every delay tried with its score."""

    seconds: float
    score: float
    tried: dict[float, float]


def search_delay(score: Callable[[float], float], *, step: float = STEP, last: float = LAST, patience: int = PATIENCE) -> Delay:
    """The delay 0, step, ... last (s) with the highest score, stopping when so many steps brought no better one.

    score(delay) is the dev CCC of a model fitted to targets delayed by so much, or the CCC of two traces. NaN never wins.

    >>> search_delay(lambda d: -abs(d - 2.0)).seconds
    2.0
    """
    tried: dict[float, float] = {}
    best = 0.0
    for i in range(round(last / step) + 1):
        delay = round(i * step, 6)
        value = float(score(delay))
        tried[delay] = -np.inf if np.isnan(value) else value
        if tried[delay] > tried[best]:
            best = delay
        if round((delay - best) / step) >= patience:
            break
    return Delay(best, tried[best], tried)


@dataclass(frozen=True)
class Correction:
    """A bias and a scale that dev accepted: predictions become (p - centre) * scale + centre + bias."""

    bias: float = 0.0
    scale: float = 1.0
    centre: float = 0.0

    def __call__(self, predicted: np.ndarray) -> np.ndarray:
        return np.asarray((np.asarray(predicted) - self.centre) * self.scale + self.centre + self.bias)


def correction(truth: np.ndarray, predicted: np.ndarray) -> Correction:
    """The gap between the means, then the ratio of deviations, each kept only if the dev CCC rises by it.

    >>> y = np.linspace(-1, 1, 50)
    >>> correction(y, y / 2 + 0.3)(np.array([0.8])).round(2).tolist()
    [1.0]
    """
    best = Correction(centre=float(np.mean(predicted)))
    for candidate in (
        Correction(float(np.mean(truth) - np.mean(predicted)), 1.0, best.centre),
        Correction(float(np.mean(truth) - np.mean(predicted)), float(np.std(truth) / max(np.std(predicted), 1e-12)), best.centre),
    ):
        if ccc(truth, candidate(predicted)) > ccc(truth, best(predicted)):
            best = candidate
    return best


def pooled_and_per_recording(truth: np.ndarray, predicted: np.ndarray, recording: np.ndarray) -> tuple[float, float]:
    """CCC of all rows together, and the mean of the recordings' own (those where it is defined)."""
    own = [ccc(truth[recording == r], predicted[recording == r]) for r in np.unique(recording)]
    return ccc(truth, predicted), float(np.nanmean(own)) if np.isfinite(own).any() else float("nan")


def _checked(ratings: np.ndarray) -> np.ndarray:
    ratings = np.asarray(ratings, np.float64)
    if ratings.ndim != 2 or 0 in ratings.shape:
        raise ShapeError(f"ratings has shape {ratings.shape}, expected (raters, t)")
    return ratings
