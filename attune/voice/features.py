"""What a voice does over time, as a picture: decibels in 64 mel bands, every 20 ms, with the loudness of the recording taken out.

How far a microphone stands, and how its gain was set, says nothing about the speaker, yet changes every number; corpora differ
by a factor of ten. So the picture is measured against the segment's own loud frames, floored at 70 dB below them, and the quiet
before and after the speech is cut away. Whatever lies within (rises, breaks, breath, rhythm, brightness) stays.

    >>> rng = np.random.default_rng(0)
    >>> speech = rng.normal(size=SAMPLE_RATE).astype(np.float32)
    >>> features(speech).shape
    (48, 64)
    >>> bool(np.allclose(features(speech), features(speech / 100), atol=1e-3))
    True
"""

from __future__ import annotations

from functools import cache

import numpy as np

SAMPLE_RATE = 16_000                     # Hz
HOP = 320                                # samples: 20 ms
WINDOW = 800                             # samples: 50 ms, so that the harmonics of a low voice (90 Hz) stand apart
N_FFT = 1024                             # the window is padded to this
N_MELS = 64
F_MIN, F_MAX = 50.0, 7_600.0             # Hz; below is hum, above are the edges of codecs
LOUD = 0.95                              # quantile of the frames' level that stands for "loud" in this segment
FLOOR = 70.0                             # dB below loud; quieter is the room
QUIET = 40.0                             # dB below loud; frames below it before the first and after the last louder one are cut
MARGIN = 2                               # frames kept on either side of what is louder
SCALE = 20.0                             # dB per unit, so that the picture spans 0..3.5
SILENCE = 1e-6                           # peak to peak; a thirtieth of a step of 16 bits: no microphone was open
TINY = 1e-20                             # power; keeps the logarithm of digital silence finite


@cache
def mel_filters(scale: float = 1.0) -> np.ndarray:
    """(N_FFT // 2 + 1, N_MELS) triangles, equally spaced on the mel scale 2595 log10(1 + f / 700), each of area 1.

    O'Shaughnessy (1987), Speech Communication: Human and Machine, for the scale.

    scale
        Hears every frequency `scale` times as high: another pitch and another throat, at the same tempo, for training. Bands that
        would lie beyond what was sampled repeat the last that doesn't.
    """
    edges = _edges() / scale
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    f = np.fft.rfftfreq(N_FFT, 1 / SAMPLE_RATE)[:, None]
    triangles = np.clip(np.minimum((f - low) / (middle - low), (high - f) / (high - middle)), 0, None)
    last = np.searchsorted(high, SAMPLE_RATE / 2, side="right") - 1
    triangles[:, last + 1 :] = triangles[:, [last]]
    return np.asarray(triangles / triangles.sum(axis=0))


def centres() -> np.ndarray:
    """(N_MELS,) Hz, the middle of each band."""
    return _edges()[1:-1]


def _edges() -> np.ndarray:
    """(N_MELS + 2,) Hz: where the first band begins, the middles, where the last one ends."""
    low, high = 2595 * np.log10(1 + np.array([F_MIN, F_MAX]) / 700)
    return np.asarray(700 * (10 ** (np.linspace(low, high, N_MELS + 2) / 2595) - 1))


def log_mel(samples: np.ndarray) -> np.ndarray:
    """Mel spectrum of every whole window: (samples,) in -1..1 at 16 kHz -> (t, N_MELS) decibels re full scale.

    Frame i sees samples [i HOP, i HOP + WINDOW) and nothing else, so pieces that overlap by WINDOW - HOP give the frames of
    the whole. t is 0 when there are fewer samples than a window.
    """
    return np.asarray(10 * np.log10(spectrum(samples) @ mel_filters() + TINY), np.float32)


def spectrum(samples: np.ndarray) -> np.ndarray:
    """Power of every whole window: (samples,) -> (t, N_FFT // 2 + 1); a sine of amplitude 1 has 1/4 in its bin."""
    if len(samples) < WINDOW:
        return np.zeros((0, N_FFT // 2 + 1))
    window = np.hanning(WINDOW + 1)[:-1]
    frames = np.lib.stride_tricks.sliding_window_view(np.asarray(samples, np.float32), WINDOW)[::HOP]
    return np.asarray(np.abs(np.fft.rfft(frames * window, N_FFT, axis=1) / window.sum()) ** 2)


def level(decibels: np.ndarray) -> np.ndarray:
    """Level of each frame, (t, N_MELS) -> (t,) dB: the sum of its bands' powers."""
    return np.asarray(10 * np.log10((10 ** (decibels.astype(np.float64) / 10)).sum(axis=1) + TINY))


def normalise(decibels: np.ndarray) -> np.ndarray:
    """Take the loudness out and the quiet ends off: (t, N_MELS) dB -> (t', N_MELS) float32 in 0..5 or so, t' <= t.

    0 is FLOOR below the segment's loud frames, and a unit is SCALE dB.
    """
    if len(decibels) == 0:
        return decibels.astype(np.float32)
    first, last = heard(decibels)
    return np.asarray(np.maximum(decibels[first:last] - np.quantile(level(decibels), LOUD) + FLOOR, 0) / SCALE, np.float32)


def heard(decibels: np.ndarray) -> tuple[int, int]:
    """What lies between the quiet ends of (t, N_MELS) dB, t > 0: from this frame, to before that one."""
    levels = level(decibels)
    loud = np.flatnonzero(levels > np.quantile(levels, LOUD) - QUIET)
    return max(0, int(loud[0]) - MARGIN), min(len(levels), int(loud[-1]) + 1 + MARGIN)


def measurable(samples: np.ndarray, shortest: float) -> bool:
    """Whether there is anything to measure: one channel of at least `shortest` seconds, all finite, and not digital silence.

    Softness is no reason: speech at a thousandth of full scale is speech.
    """
    long_enough = samples.ndim == 1 and len(samples) >= max(WINDOW, round(shortest * SAMPLE_RATE))
    return long_enough and bool(np.isfinite(samples).all()) and float(np.ptp(samples)) > SILENCE


def features(samples: np.ndarray) -> np.ndarray:
    """The picture of one segment: (samples,) at 16 kHz -> (t, N_MELS) float32; the same for training and for use."""
    return normalise(log_mel(samples))
