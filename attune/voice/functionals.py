"""What a phonetician would measure of a segment: pitch, voice quality, loudness over time, rhythm, brightness, as numbers of the whole.

Nothing depends on the recording's level. Pitch is the autocorrelation's (Boersma 1993): the power spectrum's transform, divided by
the window's own, gives for each frame how periodic it is at each lag; the best path through lags, or unvoiced, is Viterbi's.

    >>> t = np.arange(16_000) / 16_000
    >>> buzz = np.sin(2 * np.pi * 150 * np.outer(t, range(1, 20))).mean(axis=1).astype(np.float32)
    >>> round(float(2 ** np.nanmedian(pitch(spectrum(buzz))[0])))
    150
"""

from __future__ import annotations

import itertools
from functools import cache

import numpy as np

from attune.voice.features import FLOOR, HOP, LOUD, MARGIN, N_FFT, N_MELS, QUIET, SAMPLE_RATE, TINY, WINDOW, level, mel_filters, spectrum

LOWEST, HIGHEST = 75.0, 600.0            # Hz of pitch; lags above 224 samples would wrap around
STEPS = 24                               # of an octave
VOICED = 0.45                            # periodicity from which a frame is voiced rather than not, on the best path
JUMP = 4.0                               # cost of an octave between two frames, in units of periodicity
TURN = 0.14                              # cost of starting or stopping the voice
HIGHER = 0.02                            # what a lag loses per octave that it is longer, against octaves too low
CEPSTRA = 20
MODULATION = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)     # Hz, edges of bands of the loudness's own spectrum
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@cache
def _lags() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """log2 Hz of the candidates, their lags in samples, the window's autocorrelation there."""
    octaves = np.log2(LOWEST) + np.arange(int(STEPS * np.log2(HIGHEST / LOWEST)) + 1) / STEPS
    lags = SAMPLE_RATE / 2**octaves
    window = np.hanning(WINDOW + 1)[:-1]
    own = np.fft.irfft(np.abs(np.fft.rfft(window, N_FFT)) ** 2)
    return octaves, lags, np.interp(lags, np.arange(N_FFT // 2), own[: N_FFT // 2] / own[0])


def pitch(power: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Power spectra (t, N_FFT // 2 + 1) -> log2 of Hz (t,), NaN where unvoiced, and periodicity 0..1 (t,)."""
    if len(power) == 0:
        return np.zeros(0), np.zeros(0)
    octaves, lags, window = _lags()
    own = np.fft.irfft(power, axis=1)[:, : N_FFT // 4]
    low = lags.astype(int)
    share = lags - low
    at = (own[:, low] * (1 - share) + own[:, low + 1] * share) / np.maximum(own[:, :1], TINY) / window
    good = np.clip(at, 0, 1) - HIGHER * (octaves[-1] - octaves)
    jump, every = JUMP * np.abs(octaves[:, None] - octaves), np.arange(len(octaves))
    score, still, back, woke = good[0], VOICED, [], []
    for row in good[1:]:                                              # score: best path that ends voiced, by lag; still: unvoiced
        costs = score - jump                                          # (to, from)
        before = costs.argmax(1)
        kept = costs[every, before]
        rises = still - TURN > kept
        best = int(score.argmax())
        falls = score[best] - TURN > still
        back.append(np.where(rises, -1, before))
        woke.append(best if falls else -1)
        score, still = row + np.where(rises, still - TURN, kept), VOICED + (score[best] - TURN if falls else still)
    state = int(score.argmax()) if score.max() > still else -1
    path = [state]
    for before, best in zip(reversed(back), reversed(woke), strict=True):
        state = int(before[state]) if state >= 0 else best
        path.append(state)
    found = np.array(path[::-1])
    finer = octaves[np.maximum(found, 0)]
    peak = np.clip(found, 1, len(octaves) - 2)                        # a parabola through three candidates
    a, b, c = (at[np.arange(len(at)), peak + d] for d in (-1, 0, 1))
    bend = a - 2 * b + c
    shift = np.where((bend < -1e-9) & (found == peak), np.clip(0.5 * (a - c) / np.where(bend < -1e-9, bend, -1), -0.5, 0.5), 0)
    periodic = np.where(found >= 0, at[np.arange(len(at)), np.maximum(found, 0)], at.max(1))
    return np.where(found >= 0, finer + shift / STEPS, np.nan), periodic.clip(0, 1)


@cache
def _cosines() -> np.ndarray:
    """(N_MELS, CEPSTRA), the discrete cosines 1 to CEPSTRA."""
    i = np.arange(N_MELS)[:, None] + 0.5
    return np.asarray(np.cos(np.pi * i * np.arange(1, CEPSTRA + 1) / N_MELS) * np.sqrt(2 / N_MELS))


def functionals(samples: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """(samples,) at 16 kHz -> (d,) float32, the same d for every sound; all 0 where there is no frame.

    scale: hears every frequency so many times as high, as in `mel_filters`.
    """
    power = spectrum(samples)
    decibels = 10 * np.log10(power @ mel_filters(scale) + TINY)
    if len(decibels) == 0:
        return np.zeros(len(functionals(np.random.default_rng(0).normal(size=SAMPLE_RATE))), np.float32)
    loudness = level(decibels)
    loud = np.quantile(loudness, LOUD)
    heard = np.flatnonzero(loudness > loud - QUIET)
    cut = slice(max(0, heard[0] - MARGIN), heard[-1] + 1 + MARGIN)
    octave, periodic = pitch(power[cut])
    octave = octave + np.log2(scale)
    decibels, loudness = np.maximum(decibels[cut] - loud, -FLOOR), np.maximum(loudness[cut] - loud, -FLOOR)
    voiced = ~np.isnan(octave)
    seconds = len(loudness) * HOP / SAMPLE_RATE
    loudest = loudness > -20
    cepstra = decibels @ _cosines()
    tilt = (decibels - decibels.mean(1, keepdims=True)) @ _slope()
    f = np.linspace(0, 1, N_MELS)
    shape = 10 ** (decibels / 10)
    centre = (shape @ f) / np.maximum(shape.sum(1), TINY)
    parts = [
        [np.log(seconds), voiced.mean(), loudest.mean(), *_runs(voiced, seconds), *_runs(loudest, seconds)],
        _summary(octave[voiced]), _moves(octave, voiced), _contour(octave, voiced),
        _summary(periodic[voiced]), _summary(loudness[loudest]), _moves(loudness, np.ones(len(loudness), bool)), _contour(loudness, loudest),
        _modulation(loudness, seconds), _modulation(np.where(voiced, octave - (np.median(octave[voiced]) if voiced.any() else 0), 0) * 12, seconds),
        _summary(tilt[loudest]), _moves(tilt, loudest), _summary(centre[loudest]), _moves(centre, loudest),
        *(_spread(cepstra[mask]) for mask in (loudest, loudest & voiced)),
        np.abs(np.diff(cepstra, axis=0))[loudest[1:] & loudest[:-1]].mean(0) if (loudest[1:] & loudest[:-1]).any() else np.zeros(CEPSTRA),
        _banded(decibels, loudest), _banded(decibels, voiced),
    ]
    return np.asarray(np.nan_to_num(np.concatenate([np.asarray(p, float).ravel() for p in parts])), np.float32)


@cache
def _slope() -> np.ndarray:
    """(N_MELS,): a spectrum times this is its regression on the band, dB from the lowest band to the highest."""
    x = np.linspace(-0.5, 0.5, N_MELS)
    return np.asarray(x / np.sum(x**2))


def _summary(x: np.ndarray) -> np.ndarray:
    """Mean, deviation, quantiles."""
    return np.array([x.mean(), x.std(), *np.quantile(x, QUANTILES)]) if len(x) else np.zeros(2 + len(QUANTILES))


def _moves(x: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """How it changes from frame to frame, where both are in the mask: mean size, deviation, share of rises, mean rise, mean fall."""
    both = mask[1:] & mask[:-1]
    d = np.diff(x)[both]
    if len(d) == 0:
        return np.zeros(5)
    return np.array([np.abs(d).mean(), d.std(), (d > 0).mean(), np.maximum(d, 0).mean(), np.minimum(d, 0).mean()])


def _contour(x: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Line and parabola through it over relative time, what is left, and the thirds' means about the mean."""
    if mask.sum() < 4:
        return np.zeros(6)
    t, y = np.linspace(-1, 1, len(x))[mask], x[mask]
    basis = np.stack([np.ones_like(t), t, t**2 - 1 / 3], 1)
    line, *_ = np.linalg.lstsq(basis, y, rcond=None)
    thirds = [y[part].mean() - y.mean() if part.any() else 0.0 for part in (t < -1 / 3, (t >= -1 / 3) & (t < 1 / 3), t >= 1 / 3)]
    return np.array([line[1], line[2], (y - basis @ line).std(), *thirds])


def _runs(mask: np.ndarray, seconds: float) -> np.ndarray:
    """Runs a second, mean length of runs and of the gaps between them, s."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
    on, off = edges[1::2] - edges[::2], edges[2::2] - edges[1:-1:2]
    return np.array([len(on) / seconds, (on.mean() if len(on) else 0) * HOP / SAMPLE_RATE, (off.mean() if len(off) else 0) * HOP / SAMPLE_RATE])


def _modulation(x: np.ndarray, seconds: float) -> np.ndarray:
    """Log of the power with which it swings in each band of MODULATION."""
    power = np.abs(np.fft.rfft((x - x.mean()) * np.hanning(len(x)), 512)) ** 2 / len(x)
    f = np.fft.rfftfreq(512, HOP / SAMPLE_RATE)
    return np.array([np.log(power[(f >= a) & (f < b)].mean() + 1e-3) for a, b in itertools.pairwise(MODULATION)])


def _spread(x: np.ndarray) -> np.ndarray:
    """Means and deviations of columns."""
    return np.concatenate([x.mean(0), x.std(0)]) if len(x) else np.zeros(2 * x.shape[1])


def _banded(decibels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Mean and deviation of sixteen wide bands."""
    wide = decibels.reshape(len(decibels), 16, -1).mean(2)
    return _spread(wide[mask]) if mask.any() else np.zeros(32)
