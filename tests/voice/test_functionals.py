"""Functionals of a segment: pitch that is right, and numbers that don't know the level."""

import numpy as np
import pytest

from attune.voice.features import SAMPLE_RATE, WINDOW, spectrum
from attune.voice.functionals import functionals, pitch


def buzz(hz: np.ndarray, seed: int = 0, breath: float = 0.001) -> np.ndarray:
    """Thirty harmonics of a pitch (n,) Hz that goes with time, and a little breath."""
    phase, rng = 2 * np.pi * np.cumsum(hz) / SAMPLE_RATE, np.random.default_rng(seed)
    swell = 1.1 - np.cos(2 * np.pi * 3 * np.arange(len(hz)) / SAMPLE_RATE)
    return (0.05 * swell * sum(np.sin(h * phase) / h for h in range(1, 31)) + breath * rng.normal(size=len(hz))).astype(np.float32)


@pytest.mark.parametrize("hz", [90.0, 140.0, 220.0, 400.0])
def test_pitch_of_a_steady_voice_is_within_a_third_of_a_semitone(hz: float) -> None:
    octave, periodic = pitch(spectrum(buzz(np.full(SAMPLE_RATE, hz))))
    assert np.isnan(octave).mean() < 0.1
    assert abs(np.nanmedian(octave) - np.log2(hz)) < 1 / 36
    assert np.median(periodic) > 0.8


def test_pitch_follows_a_glide() -> None:
    hz = np.linspace(120, 240, 2 * SAMPLE_RATE)
    octave, _ = pitch(spectrum(buzz(hz)))
    wanted = np.log2(hz[WINDOW // 2 :: 320][: len(octave)])
    assert np.nanmax(np.abs(octave - wanted)) < 1 / 12


def test_noise_is_unvoiced() -> None:
    octave, periodic = pitch(spectrum(np.random.default_rng(0).normal(size=SAMPLE_RATE).astype(np.float32)))
    assert np.isnan(octave).mean() > 0.95
    assert periodic.mean() < 0.5


@pytest.mark.parametrize("decibels", [-40, -20, 20])
def test_gain_changes_nothing(decibels: float) -> None:
    x = buzz(np.full(SAMPLE_RATE, 150.0))
    assert np.allclose(functionals(x), functionals(x * np.float32(10 ** (decibels / 20))), atol=2e-2)


def test_every_sound_has_the_same_number_of_finite_functionals() -> None:
    rng = np.random.default_rng(0)
    sounds = [buzz(np.full(SAMPLE_RATE, 150.0)), rng.normal(size=3200).astype(np.float32), np.zeros(SAMPLE_RATE, np.float32), np.zeros(10, np.float32),
              np.eye(1, SAMPLE_RATE, 8000, dtype=np.float32)[0], np.sin(np.arange(2 * SAMPLE_RATE)).astype(np.float32)]
    rows = [functionals(s) for s in sounds]
    assert {row.shape for row in rows} == {rows[0].shape}
    assert all(np.isfinite(row).all() for row in rows)
    assert rows[0].dtype == np.float32


def test_a_higher_voice_changes_the_pitch_alone_of_what_is_told_apart_by_octaves() -> None:
    low, high = functionals(buzz(np.full(SAMPLE_RATE, 120.0))), functionals(buzz(np.full(SAMPLE_RATE, 240.0)))
    assert np.isclose((high - low)[9], 1.0, atol=0.05)                # the mean of log2 Hz
