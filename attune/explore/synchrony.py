"""Whether two people's expressions move together: windowed cross-correlation, against windows that never met.

Boker, Rotondo, Xu & King (2002, Psychological Methods 7(3)) correlate two series window by window and lag by lag; Ramseyer & Tschacher
(2011, J. Consulting and Clinical Psychology 79(3)) take the mean of the absolute Fisher z over lags and compare it with what the same two
people show when the windows of one are paired with other windows of the other. What both do anyway (settling down, looking away) is in
both, so that only what happens at the same time counts.

    >>> t = np.arange(1800) / 3                                # ten minutes at three a second
    >>> drift = np.cumsum(np.random.default_rng(0).standard_normal(1800))
    >>> found = synchrony(drift, np.roll(drift, 3), rate=3.0)
    >>> found.p < 0.05, found.lag                              # the second follows by a second
    (True, 1.0)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from attune.errors import ShapeError

WINDOW, LAG = 30.0, 5.0                  # s, as Ramseyer and Tschacher's minute halved; and theirs
LEAST = 0.5                              # of a window must have been measured in both
FEWEST = 4                               # windows, or nothing is said
PERMUTATIONS = 499


@dataclass(frozen=True)
class Synchrony:
    """strength: mean absolute Fisher z over windows and lags; chance and threshold (95 %): of windows paired anew; z: distance in deviations.

    start, windows
        (w,) seconds, and the strength of each window; NaN where too little was measured.
    lags, profile
        (l,) seconds, positive where the second person follows, and the mean signed r at each.
    lag
        Where the profile is highest.
    """

    strength: float
    chance: float
    threshold: float
    z: float
    p: float
    lag: float
    start: np.ndarray
    windows: np.ndarray
    lags: np.ndarray
    profile: np.ndarray


def gridded(time: np.ndarray, values: np.ndarray, *, start: float, end: float, rate: float) -> np.ndarray:
    """A series on a regular grid: the mean of the values in each 1/rate seconds, gaps of up to two steps bridged, longer ones NaN."""
    n = max(0, int((end - start) * rate))
    at = np.floor((time - start) * rate).astype(int)
    ok = (at >= 0) & (at < n) & ~np.isnan(values)
    total, count = np.bincount(at[ok], values[ok], n), np.bincount(at[ok], minlength=n)
    out = np.divide(total, count, out=np.full(n, np.nan), where=count > 0)
    there = np.flatnonzero(count)
    if len(there) > 1:
        near = np.searchsorted(there, np.arange(n))
        left, right = there[np.clip(near - 1, 0, len(there) - 1)], there[np.clip(near, 0, len(there) - 1)]
        bridge = np.isnan(out) & (right - left <= 3) & (left < np.arange(n)) & (right > np.arange(n))
        out[bridge] = np.interp(np.flatnonzero(bridge), there, out[there])
    return np.asarray(out)


def synchrony(
    a: np.ndarray, b: np.ndarray, *, rate: float, window: float = WINDOW, lag: float = LAG, permutations: int = PERMUTATIONS, seed: int = 0
) -> Synchrony:
    """Synchrony of two series (n,) on one grid of `rate` values a second, NaN where missing.

    Raises
    ------
    ShapeError
        If the series differ in length.
    """
    if np.shape(a) != np.shape(b):
        raise ShapeError(f"series of {np.shape(a)} and {np.shape(b)} values; expected both on one grid")
    size, most = max(2, round(window * rate)), round(lag * rate)
    w = len(a) // size
    first, second = (np.asarray(v[: w * size], float).reshape(w, size) for v in (a, b))
    lags = np.arange(-most, most + 1)
    enough = [(~np.isnan(v)).mean(axis=1) >= LEAST if w else np.zeros(0, bool) for v in (first, second)]
    z = np.full((len(lags), w, w), np.nan, np.float32)                                  # lag, window of a, window of b
    for i, shift in enumerate(lags.tolist()):
        x, y = (first[:, : size - shift], second[:, shift:]) if shift >= 0 else (first[:, -shift:], second[:, : size + shift])
        r = _unit(x) @ _unit(y).T
        z[i] = np.arctanh(np.clip(r, -0.999, 0.999))
    z[:, ~enough[0]] = np.nan
    z[:, :, ~enough[1]] = np.nan
    strength = np.abs(z).mean(axis=0)                                                   # (w, w)
    own, met = np.diag(strength), np.diagonal(z, axis1=1, axis2=2)                      # (w,), (lags, w)
    start = np.arange(w) * size / rate
    kept = np.flatnonzero(enough[0] & enough[1])
    if len(kept) < FEWEST:
        none = math.nan
        return Synchrony(none, none, none, none, none, none, start, own.astype(float), lags / rate, np.full(len(lags), np.nan))
    rng, m = np.random.default_rng(seed), strength[np.ix_(kept, kept)]
    n = len(kept)
    drawn = m[np.arange(n), _strangers(n, permutations, rng)].mean(axis=1).astype(float)
    found = float(np.diag(m).mean())
    profile = np.tanh(met[:, kept].mean(axis=1))
    return Synchrony(
        found, float(drawn.mean()), float(np.quantile(drawn, 0.95)), float((found - drawn.mean()) / (drawn.std() or math.nan)),
        float((1 + (drawn >= found).sum()) / (1 + permutations)), float(lags[int(np.argmax(profile))] / rate), start, own.astype(float),
        lags / rate, profile.astype(float))


def _unit(rows: np.ndarray) -> np.ndarray:
    """Rows less their mean, of length 1; what is missing is at the mean, and a constant row is 0."""
    count = np.maximum((~np.isnan(rows)).sum(axis=1, keepdims=True), 1)
    centred = np.nan_to_num(rows - np.nansum(rows, axis=1, keepdims=True) / count)
    length = np.sqrt((centred**2).sum(axis=1, keepdims=True))
    return np.asarray(np.divide(centred, length, out=np.zeros_like(centred), where=length > 1e-9), np.float32)


def _strangers(n: int, permutations: int, rng: np.random.Generator) -> np.ndarray:
    """(p, n) permutations of 0..n-1 in which nobody meets their own: turned round, and shuffled where that leaves nobody in place."""
    out = rng.permuted(np.tile(np.arange(n), (permutations, 1)), axis=1)
    for row in out:
        own = np.flatnonzero(row == np.arange(n))
        while len(own):
            other = rng.integers(n, size=len(own))
            for i, j in zip(own.tolist(), other.tolist(), strict=True):
                row[i], row[j] = row[j], row[i]
            own = np.flatnonzero(row == np.arange(n))
    return out
