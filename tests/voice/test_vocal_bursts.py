"""The packaged model of bursts: two heads on what the prosody model heard."""

from pathlib import Path

import numpy as np
import pytest

from attune.voice.models import vocal_bursts as model_file

pytestmark = pytest.mark.skipif(not Path(model_file.__file__).with_name(model_file.WEIGHTS[0]).is_file(), reason="weights aren't built")
RATE = model_file.SAMPLE_RATE


def voiced(seconds: float, pitch: float = 140.0) -> np.ndarray:
    t = np.arange(round(seconds * RATE)) / RATE
    return (0.05 * sum(np.sin(2 * np.pi * pitch * h * t + h) / h for h in range(1, 21)) * (1.1 - np.cos(6 * np.pi * t))).astype(np.float32)


@pytest.fixture(scope="module")
def model() -> model_file.Bursts:
    return model_file.load()


def test_a_probability_for_each_sound_and_nan_for_none(model: model_file.Bursts) -> None:
    p = model.burst([voiced(0.5), np.zeros(RATE, np.float32), voiced(1.0, 400)])
    assert p.shape == (3,)
    assert np.isnan(p[1])
    assert (p[[0, 2]] >= 0).all()
    assert (p[[0, 2]] <= 1).all()


def test_embeddings_that_are_there_already_say_the_same(model: model_file.Bursts) -> None:
    sounds = [voiced(0.5), voiced(1.0, 400)]
    states, burst = model.named(model.embed(sounds))
    assert np.array_equal(states, model(sounds))
    assert np.array_equal(burst, model.burst(sounds))


def test_gain_changes_nothing(model: model_file.Bursts) -> None:
    x = voiced(1.5)
    assert np.allclose(model.burst([x]), model.burst([x * np.float32(0.1)]), atol=1e-2)


def test_no_input_gives_no_row(model: model_file.Bursts) -> None:
    assert model([]).shape == (0, 6)
    assert model.burst([]).shape == (0,)
