"""How well it was told who spoke when: the diarization error rate."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import NamedTuple

import numpy as np

from attune.types import Segment

STEP = 0.01                              # s
MOST = 8                                 # speakers up to which every pairing is tried; with more, the best pairs first


class Diarization(NamedTuple):
    """Shares of the reference's speaking time; speaking at once counts for each.

    error = missed + false_alarm + confused
    """

    error: float
    missed: float
    false_alarm: float
    confused: float
    seconds: float


def diarization(reference: Sequence[Segment], found: Sequence[Segment], duration: float) -> Diarization:
    """Compare turns, speakers paired as is best for `found`; no collar, speaking at once is scored.

    Fiscus et al. (2006), The rich transcription 2006 spring meeting recognition evaluation.

    Returns NaN shares when nobody speaks in the reference.

    >>> said = diarization([Segment(0, 4, "A"), Segment(4, 8, "B")], [Segment(0, 5, "x"), Segment(5, 8, "y")], 8)
    >>> round(said.error, 3), round(said.confused, 3), said.seconds
    (0.125, 0.125, 8.0)
    """
    truth, said = _frames(reference, duration), _frames(found, duration)
    shared = (truth[:, None] & said[None]).sum(axis=2)
    spoken, heard = truth.sum(axis=0), said.sum(axis=0)
    total = float(spoken.sum())
    if total == 0:
        return Diarization(np.nan, np.nan, np.nan, np.nan, 0.0)
    missed, false = float(np.maximum(spoken - heard, 0).sum()), float(np.maximum(heard - spoken, 0).sum())
    confused = float(np.minimum(spoken, heard).sum()) - _paired(shared)
    return Diarization((missed + false + confused) / total, missed / total, false / total, confused / total, total * STEP)


class AtOnce(NamedTuple):
    """How well speech of several at once is found, whoever they are: of what was found the share that is, and of what is the share that was found;
    NaN where there is none. seconds: of the reference."""

    precision: float
    recall: float
    seconds: float


def at_once(reference: Sequence[Segment], found: Sequence[Segment], duration: float) -> AtOnce:
    """Compare the stretches in which turns overlap.

    >>> at_once([Segment(0, 4, "A"), Segment(2, 6, "B")], [Segment(0, 3, "x"), Segment(2, 6, "y")], 8)
    AtOnce(precision=1.0, recall=0.5, seconds=2.0)
    """
    truth, said = (_frames(turns, duration).sum(axis=0) > 1 for turns in (reference, found))
    both, true, told = (float(x.sum()) for x in (truth & said, truth, said))
    return AtOnce(both / told if told else np.nan, both / true if true else np.nan, true * STEP)


def _paired(shared: np.ndarray) -> float:
    """The most frames in which paired speakers agree."""
    few, many = sorted(shared.shape)
    table = shared if shared.shape[0] <= shared.shape[1] else shared.T
    if not few:
        return 0.0
    if many <= MOST:
        return float(max(sum(table[i, j] for i, j in enumerate(order)) for order in permutations(range(many), few)))
    agreed, left = 0.0, table.astype(np.float64)
    for _ in range(few):                  # more speakers than can be tried: the pair that agrees most first
        i, j = divmod(int(left.argmax()), left.shape[1])
        agreed += left[i, j]
        left[i], left[:, j] = -1, -1
    return agreed


def _frames(turns: Sequence[Segment], duration: float) -> np.ndarray:
    """(speakers, frames) bool."""
    names = list(dict.fromkeys(t.person for t in turns))
    out = np.zeros((len(names), round(duration / STEP)), bool)
    for t in turns:
        out[names.index(t.person), round(t.start / STEP) : round(t.end / STEP)] = True
    return out
