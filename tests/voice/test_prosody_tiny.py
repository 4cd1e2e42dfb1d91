"""The tiny prosody net, and that it hears sound as the larger one does."""

from pathlib import Path

import numpy as np
import pytest

from attune.voice.models import prosody_tiny as model_file

WEIGHTS = Path(model_file.__file__).with_name(model_file.WEIGHTS[0])
pytestmark = pytest.mark.skipif(not WEIGHTS.is_file(), reason="weights aren't built")
RATE = model_file.SAMPLE_RATE


def voiced(seconds: float, pitch: float = 140.0) -> np.ndarray:
    t = np.arange(round(seconds * RATE)) / RATE
    buzz = sum(np.sin(2 * np.pi * pitch * h * t + h) / h for h in range(1, 31))
    return (0.05 * buzz * (1.1 - np.cos(4 * np.pi * t)) + 0.001 * np.random.default_rng(0).normal(size=len(t))).astype(np.float32)


@pytest.fixture(scope="module")
def model() -> model_file.Tiny:
    return model_file.load()


def test_it_is_small() -> None:
    assert WEIGHTS.stat().st_size <= 250_000


@pytest.mark.parametrize("decibels", [-20, 20])
def test_gain_changes_nothing(model: model_file.Tiny, decibels: float) -> None:
    x = voiced(2.5)
    assert np.allclose(model([x]), model([x * np.float32(10 ** (decibels / 20))]), atol=1e-3)


def test_more_than_half_a_minute_is_the_mean_of_its_pieces(model: model_file.Tiny) -> None:
    x = np.concatenate([voiced(16.0), voiced(16.0, 260)])
    mean = np.log(model([x[a : a + len(x) // 3] for a in range(0, len(x) - 2, len(x) // 3)])).mean(0)
    assert np.allclose(model([x])[0], np.exp(mean) / np.exp(mean).sum(), atol=1e-3)


def test_no_input_gives_no_row(model: model_file.Tiny) -> None:
    assert model([]).shape == (0, 8)
    assert model.embed([]).shape == (0, model.embed([voiced(0.5)]).shape[1])
