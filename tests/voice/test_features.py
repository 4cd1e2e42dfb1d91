"""The picture of a voice: level-free, frame by frame, finite."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune.voice import features as f


def voiced(seconds: float = 1.5, pitch: float = 140.0, seed: int = 0) -> np.ndarray:
    """A buzz of forty harmonics that swells and fades three times, with a little breath."""
    t = np.arange(round(seconds * f.SAMPLE_RATE)) / f.SAMPLE_RATE
    rng = np.random.default_rng(seed)
    buzz = sum(np.sin(2 * np.pi * pitch * h * t + rng.uniform(0, 6)) / h for h in range(1, 41))
    return (0.1 * buzz * (1.05 - np.cos(2 * np.pi * 3 * t / seconds)) + 0.001 * rng.normal(size=len(t))).astype(np.float32)


def test_a_tone_lights_the_band_it_lies_in() -> None:
    t = np.arange(f.SAMPLE_RATE) / f.SAMPLE_RATE
    for hz in (200.0, 1000.0, 4000.0):
        band = int(f.log_mel(np.sin(2 * np.pi * hz * t).astype(np.float32)).mean(0).argmax())
        centre = np.fft.rfftfreq(f.N_FFT, 1 / f.SAMPLE_RATE) @ f.mel_filters()[:, band]
        assert abs(centre - hz) < 0.05 * hz + 20


def test_filters_have_area_one_and_cover_the_range() -> None:
    assert np.allclose(f.mel_filters().sum(0), 1)
    hz = np.fft.rfftfreq(f.N_FFT, 1 / f.SAMPLE_RATE)
    inside = (hz > f.F_MIN + 30) & (hz < f.F_MAX - 200)
    assert (f.mel_filters()[inside].sum(1) > 0).all()


def test_centres_are_where_bands_are_most_open() -> None:
    hz = np.fft.rfftfreq(f.N_FFT, 1 / f.SAMPLE_RATE)
    assert np.abs(hz[f.mel_filters().argmax(0)] - f.centres()).max() <= f.SAMPLE_RATE / f.N_FFT
    assert (np.diff(f.centres()) > 0).all()


def test_what_is_heard_lies_between_the_quiet_ends() -> None:
    decibels = np.full((50, f.N_MELS), -90.0)
    decibels[20:30] = -20.0
    assert f.heard(decibels) == (20 - f.MARGIN, 30 + f.MARGIN)
    assert f.heard(decibels[20:30]) == (0, 10)
    assert len(f.normalise(decibels)) == 10 + 2 * f.MARGIN


@pytest.mark.parametrize("decibels", [-40, -20, 20])
def test_gain_changes_nothing(decibels: float) -> None:
    x = voiced()
    assert np.allclose(f.features(x), f.features(x * np.float32(10 ** (decibels / 20))), atol=1e-3)


def test_silence_around_speech_changes_nothing_but_its_edges() -> None:
    x = voiced()
    still = 1e-6 * np.random.default_rng(1).normal(size=16 * f.HOP).astype(np.float32)
    assert abs(len(f.features(np.concatenate([still, x, still]))) - len(f.features(x))) <= 2 * f.MARGIN + 4


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 40))
def test_frames_of_pieces_are_the_frames_of_the_whole(cut: int) -> None:
    x = voiced(1.0)
    at = cut * f.HOP
    first, second = x[: at + f.WINDOW - f.HOP], x[at:]
    assert np.array_equal(np.concatenate([f.log_mel(first), f.log_mel(second)]), f.log_mel(x))


def test_fewer_samples_than_a_window_give_no_frame() -> None:
    assert f.features(np.zeros(f.WINDOW - 1, np.float32)).shape == (0, f.N_MELS)
    assert f.log_mel(np.zeros(f.WINDOW, np.float32)).shape == (1, f.N_MELS)


def test_digital_silence_inside_speech_stays_finite() -> None:
    x = voiced()
    x[8000:12000] = 0
    picture = f.features(x)
    assert np.isfinite(picture).all()
    assert picture.min() == 0


def test_very_soft_speech_is_measurable_and_silence_is_not() -> None:
    x = voiced()
    soft = x / np.sqrt(np.mean(x**2)) * np.float32(5e-4)
    assert f.measurable(soft, 0.2)
    assert not f.measurable(np.zeros(16_000, np.float32), 0.2)
    assert not f.measurable(np.full(16_000, 0.3, np.float32), 0.2)
    assert not f.measurable(np.where(np.arange(len(x)) == 5, np.nan, x), 0.2)
    assert not f.measurable(x[: round(0.2 * f.SAMPLE_RATE) - 1], 0.2)
    assert not f.measurable(np.stack([x, x]), 0.2)
