"""A voice as Whisper's encoder wants it: log-mel in 80 bands every 10 ms, with the loudness of the recording taken out.

The bands, window and scale are those that Whisper was taught with (Radford et al. 2023). How far a microphone stands says nothing about the
speaker, so power is measured against the sound's own loud frames, and the quiet before and after the speech is cut away, as in `features`.

    >>> rng = np.random.default_rng(0)
    >>> speech = rng.normal(size=SAMPLE_RATE).astype(np.float32)
    >>> log_mel(speech).shape
    (100, 80)
    >>> bool(np.allclose(log_mel(speech), log_mel(speech / 100), atol=1e-3))
    True
"""

from __future__ import annotations

from functools import cache

import numpy as np

SAMPLE_RATE = 16_000                     # Hz
WINDOW, HOP = 400, 160                   # samples: 25 ms every 10 ms
N_MELS = 80
LONGEST = 12.0                           # s that nets were taught at once; longer is measured in pieces
LOUD = 0.95                              # quantile of the frames' power that stands for "loud" in this sound
LEVEL = 10.0                             # power that loud is brought to: speech at full swing, as Whisper mostly heard it
QUIET = 1e-4                             # of loud; softer before the first and after the last louder frame is cut
MARGIN = 4                               # frames kept on either side of what is louder
FLOOR = 8.0                              # decades below the loudest band of all
TINY = 1e-20                             # power


def log_mel(samples: np.ndarray) -> np.ndarray:
    """(samples,) at 16 kHz, at least 0.1 s, not silent -> (t, 80) float32, about -1 to 1.5."""
    power = mel(np.asarray(samples, np.float64))
    level = power.sum(axis=1)
    loud = float(np.quantile(level, LOUD))
    over = np.flatnonzero(level > QUIET * loud)
    decades = np.log10(power[max(0, over[0] - MARGIN) : over[-1] + 1 + MARGIN] * (LEVEL / (loud + TINY)) + TINY)
    return np.asarray((np.maximum(decades, decades.max() - FLOOR) + 4) / 4, np.float32)


def mel(samples: np.ndarray) -> np.ndarray:
    """(samples,) -> (samples // HOP, 80): power in bands; the sound is mirrored beyond its ends."""
    padded = np.pad(samples, WINDOW // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[: len(samples) // HOP * HOP : HOP]
    return np.asarray(np.abs(np.fft.rfft(frames * np.hanning(WINDOW + 1)[:-1], axis=1)) ** 2 @ filters(N_MELS))


@cache
def filters(bands: int) -> np.ndarray:
    """(WINDOW // 2 + 1, bands) triangles of area 1 on Slaney's mel scale: linear to 1 kHz, logarithmic above (Auditory Toolbox, 1998)."""
    step, bend, per = 200 / 3, 1000.0, np.log(6.4) / 27              # Hz a mel below the bend; the bend; natural logarithm a mel above it

    def hertz(m: np.ndarray) -> np.ndarray:
        return np.where(m < bend / step, m * step, bend * np.exp(per * (m - bend / step)))

    edges = hertz(np.linspace(0, bend / step + np.log(SAMPLE_RATE / 2 / bend) / per, bands + 2))
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    f = np.fft.rfftfreq(WINDOW, 1 / SAMPLE_RATE)[:, None]
    return np.asarray(np.clip(np.minimum((f - low) / (middle - low), (high - f) / (high - middle)), 0, None) * 2 / (high - low))
