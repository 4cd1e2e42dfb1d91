"""Whisper's picture of a sound: the bands it was taught with, without the loudness and the quiet ends."""

import numpy as np
import pytest

from attune.voice import whisper_mel
from attune.voice.whisper_mel import HOP, N_MELS, SAMPLE_RATE, WINDOW, filters, log_mel, mel


def speech(seconds: float, seed: int = 0) -> np.ndarray:
    """Noise that comes and goes four times a second."""
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (0.1 * np.random.default_rng(seed).normal(size=len(t)) * (1.1 + np.sin(8 * np.pi * t))).astype(np.float32)


def test_a_tone_lies_in_the_band_around_it() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(SAMPLE_RATE) / SAMPLE_RATE)
    middles = np.linspace(0, 15 + 27 * np.log(SAMPLE_RATE / 2 / 1000) / np.log(6.4), N_MELS + 2)[1:-1]
    assert abs(middles[mel(tone)[50].argmax()] - 15.0) < 0.35          # 1 kHz is mel 15 on Slaney's scale


def test_every_band_has_the_same_area() -> None:
    step = SAMPLE_RATE / WINDOW
    wide = filters(N_MELS)[:, 50:].sum(0) * step                       # narrow ones fall between the bins
    assert np.allclose(wide, 1, atol=0.05)


@pytest.mark.parametrize("decibels", [-60, -20, 20])
def test_the_level_is_no_matter(decibels: float) -> None:
    x = speech(1.0).astype(np.float64)
    assert np.allclose(log_mel(x), log_mel(x * 10 ** (decibels / 20)), atol=1e-5)


def test_quiet_ends_are_cut_and_pauses_within_are_kept() -> None:
    x, quiet = speech(1.0), np.zeros(SAMPLE_RATE, np.float32)
    assert abs(len(log_mel(np.concatenate([quiet, x, quiet]))) - (SAMPLE_RATE // HOP + 2 * whisper_mel.MARGIN)) <= 4
    assert len(log_mel(np.concatenate([x, quiet, x]))) == 3 * SAMPLE_RATE // HOP


def test_nothing_lies_further_below_the_loudest_than_the_floor() -> None:
    picture = log_mel(np.concatenate([speech(0.5), 1e-9 * speech(0.5), speech(0.5)]))
    assert picture.max() - picture.min() == pytest.approx(whisper_mel.FLOOR / 4, abs=1e-5)
    assert picture.dtype == np.float32


def test_whispers_own_extractor_sees_the_same_bands() -> None:
    transformers = pytest.importorskip("transformers")
    x = speech(3.0)
    theirs = transformers.WhisperFeatureExtractor()(x, sampling_rate=SAMPLE_RATE, return_tensors="np")["input_features"][0].T[: len(x) // HOP]
    ours = np.log10(np.maximum(mel(x), 1e-10))
    ours = (np.maximum(ours, ours.max() - 8) + 4) / 4
    assert np.abs(theirs - ours)[1:-3].max() < 1e-4                    # theirs goes on with silence, ours with a mirror
