"""What acting on a probability is worth, and how far ordered classes are missed.

A decision curve asks what somebody gains who acts whenever a label is at least as probable as t: t is how many false alarms one hit is
worth to them, as odds, so that every reader finds their own on the axis. Vickers & Elkin (2006), Medical Decision Making 26(6).
"""

from __future__ import annotations

import numpy as np

from attune.metrics.agreement import confusion, pair

THRESHOLDS = np.round(np.arange(0.05, 1.0, 0.05), 2)


def net_benefit(true: np.ndarray, said: np.ndarray, thresholds: np.ndarray = THRESHOLDS) -> np.ndarray:
    """(t,) net benefit per case of acting where said >= t: hits / n - false alarms / n * t / (1 - t).

    Parameters
    ----------
    true : (n,) boolean, whether the label is there
    said : (n,) probabilities
    thresholds : (t,) in 0 <= t < 1

    Returns
    -------
    At most the share of cases that have the label; acting on nobody has 0, acting on everybody `treat_all`.

    Raises
    ------
    ShapeError
        If the lengths differ.
    ValueError
        If a threshold isn't in [0, 1).

    >>> net_benefit(np.array([True, False, False, True]), np.array([0.9, 0.6, 0.1, 0.4]), np.array([0.5])).tolist()
    [0.0]
    """
    true, said = pair(np.asarray(true, bool), np.asarray(said, float))
    odds = _odds(thresholds)
    acted = said[:, None] >= np.atleast_1d(thresholds)[None, :]
    return np.asarray((acted & true[:, None]).mean(0) - (acted & ~true[:, None]).mean(0) * odds)


def treat_all(true: np.ndarray, thresholds: np.ndarray = THRESHOLDS) -> np.ndarray:
    """(t,) net benefit of acting on everybody: p - (1 - p) t / (1 - t), p being the share of cases that have the label.

    >>> treat_all(np.array([True, False, False, False]), np.array([0.2])).round(4).tolist()
    [0.0625]
    """
    share = float(np.mean(np.asarray(true, bool)))
    return np.asarray(share - (1 - share) * _odds(thresholds))


def _odds(thresholds: np.ndarray) -> np.ndarray:
    t = np.atleast_1d(np.asarray(thresholds, float))
    if not ((t >= 0) & (t < 1)).all():
        raise ValueError(f"thresholds from {t.min():g} to {t.max():g}; expected 0 <= t < 1: at 1 no number of false alarms is worth a hit")
    return np.asarray(t / (1 - t))


def qwk(y_true: np.ndarray, y_pred: np.ndarray, k: int) -> float:
    """Kappa with quadratic weights of two (n,) ordered classes 0..k-1: 1 - observed over expected squared distance, in -1..1.

    NaN where both are constant and equal. Cohen (1968), Psychological Bulletin 70(4).

    >>> qwk(np.array([0, 1, 2]), np.array([0, 1, 2]), 3)
    1.0
    """
    hits = confusion(y_true, y_pred, k)
    apart = (np.arange(k)[:, None] - np.arange(k)) ** 2
    expected = hits.sum(1)[:, None] * hits.sum(0) / hits.sum()
    by_chance = float((apart * expected).sum())
    return float(1 - (apart * hits).sum() / by_chance) if by_chance else float("nan")


def mae_classes(y_true: np.ndarray, y_pred: np.ndarray) -> float:
    """Mean distance of two (n,) ordered classes, in classes.

    >>> mae_classes(np.array([0, 3]), np.array([1, 3]))
    0.5
    """
    y_true, y_pred = pair(y_true, y_pred)
    return float(np.mean(np.abs(y_true.astype(np.int64) - y_pred.astype(np.int64))))
