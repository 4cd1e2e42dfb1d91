"""Where somebody cries, sighs or shouts without words: vocal bursts among the speech of a recording.

Three steps: sound is cut into stretches where it stands out from its background; a model of bursts judges each stretch; neighbours
that are bursts are joined and named. A detector of speech doesn't help here, since it was taught to pass over just these sounds.

    >>> stretches(np.zeros(16_000, np.float32))
    []
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from attune.voice.features import HOP, SAMPLE_RATE, WINDOW, level, log_mel

ABOVE = 12.0                             # dB above the background from which something is heard
BACKGROUND = 0.10                        # quantile of the levels that stands for the background
RANGE = 45.0                             # dB below the loudest frame; what is softer isn't looked at, however quiet the room
GAP = 0.15                               # s; a shorter pause doesn't end a stretch
SHORTEST = 0.2                           # s; less is a click, and no model measures it
LONGEST = 2.5                            # s; a longer stretch is judged in equal parts: VIVAE's bursts last 0.2 to 3 s, 0.9 on average
LIKELY = 0.9                             # probability from which a stretch is a burst; speech is far more frequent


class Judge(Protocol):
    """A model of bursts, such as `attune.voice.models.vocal_bursts`."""

    def __call__(self, inputs: Sequence[np.ndarray]) -> np.ndarray: ...

    def burst(self, inputs: Sequence[np.ndarray]) -> np.ndarray: ...


class Burst(NamedTuple):
    """start, end in s · probability that it is one · values (k,) of the model's states."""

    start: float
    end: float
    probability: float
    values: np.ndarray


def stretches(samples: np.ndarray) -> list[tuple[float, float]]:
    """Where something is heard: (n,) at 16 kHz -> starts and ends in s, in order, none shorter than `SHORTEST` or longer than `LONGEST`.

    Heard is what lies `ABOVE` the background and within `RANGE` of the loudest; gain changes nothing.
    """
    levels = level(log_mel(samples))
    if len(levels) == 0 or np.ptp(samples) == 0:
        return []
    border = max(float(np.quantile(levels, BACKGROUND)) + ABOVE, float(levels.max()) - RANGE)
    frames = np.flatnonzero(levels > min(border, float(levels.max()) - 3))
    runs = np.split(frames, np.flatnonzero(np.diff(frames) > GAP * SAMPLE_RATE / HOP) + 1)
    found = []
    for run in runs:
        start, end = int(run[0]) * HOP / SAMPLE_RATE, (int(run[-1]) * HOP + WINDOW) / SAMPLE_RATE
        parts = max(1, int(np.ceil((end - start) / LONGEST)))
        edges = np.linspace(start, end, parts + 1).tolist()
        found += [(a, b) for a, b in itertools.pairwise(edges) if b - a >= SHORTEST]
    return found


def find(samples: np.ndarray, model: Judge, *, likely: float = LIKELY) -> list[Burst]:
    """Vocal bursts in a sound.

    Parameters
    ----------
    samples : (n,) float32 at 16 kHz; some seconds to some minutes, since its own quiet moments are its background
    model : a loaded model of bursts
    likely : probability from which a stretch counts as a burst

    Returns
    -------
    Bursts in order; neighbouring stretches that are bursts are one.
    """
    def cut(start: float, end: float) -> np.ndarray:
        return samples[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)]

    places = stretches(samples)
    joined: list[tuple[float, float, float]] = []
    for (start, end), p in zip(places, model.burst([cut(*place) for place in places]), strict=True):
        if not p >= likely:                                           # NaN is none either
            continue
        if joined and start - joined[-1][1] < 1 / SAMPLE_RATE:
            joined[-1] = (joined[-1][0], end, max(joined[-1][2], float(p)))
        else:
            joined.append((start, end, float(p)))
    values = model([cut(start, end) for start, end, _ in joined])
    return [Burst(start, end, p, row) for (start, end, p), row in zip(joined, values, strict=True)]
