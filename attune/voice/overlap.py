"""Where more than one voice speaks: a probability every 40 ms, by a small net on the picture of a stretch of speech.

The net (packaged; `recipes/voice_overlap.py`, `overlap.md`) was taught on conversations composed of single voices. It looks at lines of 16 Hz up to 3.5 kHz, in
which two voices' harmonics stand apart, and tells that there are several voices, not whose; whose is `speakers`' business.

    >>> more(np.zeros(16_000, np.float32)).shape
    (24,)
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from attune.voice.features import HOP, LOUD, SAMPLE_RATE, SCALE, WINDOW, spectrum
from attune.weights import LicenceClass, session

LICENSE = "weights ODbL 1.0 and CC BY 4.0, as the corpora they were trained on (CREMA-D, LibriSpeech)"
LICENSE_CLASS: LicenceClass = "share-alike"
WEIGHTS = Path(__file__).with_suffix(".onnx")

STEP = 2 * HOP / SAMPLE_RATE             # s from value to value
LINES = slice(4, 228)                    # of the spectrum: 62 Hz to 3.55 kHz
FLOOR = 60.0                             # dB below the stretch's loud frames; a line is softer than a band
TINY = 1e-12                             # power; keeps the logarithm of silence finite
FIRST = (WINDOW + HOP) / 2 / SAMPLE_RATE         # s; the middle of what the first value stands for
LIKELY = 0.9                             # probability from which it counts; chosen on AMI's training excerpts and five readers
STAYS = 0.1                              # below `LIKELY` by so much, and what has begun still goes on
SHORTEST = 0.2                           # s; less isn't marked


def picture(wave: np.ndarray) -> np.ndarray:
    """(n,) at 16 kHz -> (t, 224) float32, every 20 ms: decibels above `FLOOR` below the stretch's loud frames, in units of `SCALE`; gain changes nothing."""
    power = spectrum(wave)[:, LINES]
    if len(power) == 0:
        return power.astype(np.float32)
    loud = np.quantile(10 * np.log10(power.sum(axis=1) + TINY), LOUD)
    return np.asarray(np.clip(10 * np.log10(power + TINY) - loud + FLOOR, 0, None) / SCALE, np.float32)


def more(wave: np.ndarray) -> np.ndarray:
    """(n,) float at 16 kHz, a stretch of speech of up to half a minute -> (t,) probability that more than one voice speaks; the middle of value i is
    at FIRST + i STEP seconds. Nothing of less than 90 ms."""
    x = picture(wave)
    if len(x) < 2:
        return np.zeros(0, np.float32)
    return np.asarray(session(WEIGHTS).run(["more"], {"picture": x[None]})[0][0], np.float32)


def stretches(probability: np.ndarray, start: float = 0.0, *, likely: float | None = None) -> list[tuple[float, float]]:
    """Starts and ends (s) of what is probably speech at once; start: where the sound began that `more` was given.

    >>> stretches(np.array([0, 0.9] + [0.6] * 5 + [0.1]), likely=0.5)
    [(0.055, 0.295)]
    """
    likely = LIKELY if likely is None else likely
    found, began = [], -1
    for i, p in enumerate([*np.asarray(probability).tolist(), 0.0]):
        if began < 0 and p >= likely:
            began = i
        elif began >= 0 and p < likely - STAYS:
            a, b = (round(start + FIRST + (k - 0.5) * STEP, 3) for k in (began, i))
            if b - a >= SHORTEST:
                found.append((a, b))
            began = -1
    return found


