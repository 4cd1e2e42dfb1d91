"""The packaged prosody net: what it refuses, what it leaves unchanged, and how long recordings are cut."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from attune.voice.models import prosody_whisper as model_file

pytestmark = pytest.mark.skipif(not Path(model_file.__file__).with_name(model_file.WEIGHTS[0]).is_file(), reason="weights aren't built")
RATE = model_file.SAMPLE_RATE


def voiced(seconds: float, pitch: float = 140.0, seed: int = 0) -> np.ndarray:
    """A buzz that rises by a fifth and swells twice a second, with a little breath."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.25 * np.sin(2 * np.pi * 0.7 * t))) / RATE
    buzz = sum(np.sin(h * phase + rng.uniform(0, 6)) / h for h in range(1, 31))
    return (0.05 * buzz * (1.1 - np.cos(4 * np.pi * t)) + 0.001 * rng.normal(size=len(t))).astype(np.float32)


@pytest.fixture(scope="module")
def model() -> model_file.Prosody:
    return model_file.load()


def test_rows_are_distributions(model: model_file.Prosody) -> None:
    p = model([voiced(0.2), voiced(1.0), voiced(4.0)])
    assert p.shape == (3, 8)
    assert p.dtype == np.float32
    assert np.allclose(p.sum(1), 1, atol=1e-5)
    assert (p >= 0).all()


def test_a_batch_is_nothing_but_its_rows(model: model_file.Prosody) -> None:
    waves = [voiced(s, pitch=p, seed=i) for i, (s, p) in enumerate(((0.2, 90), (3.1, 210), (1.7, 300)))]
    assert np.array_equal(model(waves), np.concatenate([model([w]) for w in waves]))
    assert np.array_equal(model.embed(waves), np.concatenate([model.embed([w]) for w in waves]))


def test_the_same_twice_is_the_same(model: model_file.Prosody) -> None:
    assert np.array_equal(model([voiced(2.0)]), model_file.load()([voiced(2.0)]))


def test_nothing_to_measure_is_nan_and_leaves_the_others_alone(model: model_file.Prosody) -> None:
    x = voiced(1.0)
    broken = x.copy()
    broken[100] = np.inf
    p = model([np.zeros(RATE, np.float32), broken, x[: round(0.2 * RATE) - 1], np.zeros(0, np.float32), x])
    assert np.isnan(p[:4]).all()
    assert np.array_equal(p[4:], model([x]))
    assert np.isnan(model.embed([np.zeros(RATE, np.float32)])).all()


def test_very_soft_speech_is_measured(model: model_file.Prosody) -> None:
    x = voiced(2.0)
    assert np.isfinite(model([x / np.sqrt(np.mean(x**2)) * np.float32(5e-4)])).all()


def test_votes_are_shares_of_what_listeners_could_choose(model: model_file.Prosody) -> None:
    v = model.votes([voiced(1.0), np.zeros(RATE, np.float32)])
    assert v.shape == (2, len(model_file.VOTES))
    assert np.isclose(v[0].sum(), 1, atol=1e-5)
    assert np.isnan(v[1]).all()


def test_beside_a_habit_only_what_departs_from_it_counts(model: model_file.Prosody) -> None:
    e = model.embed([voiced(1.0), voiced(1.5, pitch=220, seed=1), voiced(2.0, pitch=90, seed=2)])
    mean = e.mean(0)
    p = model.adapted(e, mean, 60)
    assert p.shape == (3, 8)
    assert np.allclose(p.sum(1), 1, atol=1e-5)
    assert np.allclose(model.adapted(e + 0.5, mean + 0.5, 1e9), model.adapted(e, mean, 1e9), atol=1e-4)
    assert not np.allclose(model.adapted(e, mean, 60), model.adapted(e, mean, 0), atol=1e-3)
    assert np.array_equal(model.adapted(e, mean, 0), model.adapted(e, mean + 7, 0))
    assert model.adapted(e[:0], mean, 3).shape == (0, 8)


@pytest.mark.parametrize("decibels", [-20, 20])
def test_gain_changes_nothing(model: model_file.Prosody, decibels: float) -> None:
    x = voiced(2.5)
    assert np.allclose(model([x]), model([x * np.float32(10 ** (decibels / 20))]), atol=5e-3)        # 8-bit numbers round either way


def test_no_input_gives_no_row(model: model_file.Prosody) -> None:
    assert model([]).shape == (0, 8)
    assert model.embed([]).shape == (0, model.embed([voiced(0.5)]).shape[1])


def test_what_is_longer_than_was_taught_is_the_mean_of_its_pieces(model: model_file.Prosody) -> None:
    x = np.concatenate([voiced(15.0), voiced(15.0, pitch=260, seed=1), voiced(10.0, pitch=180, seed=2)])
    edges = [len(x) * i // 4 for i in range(5)]                       # of at most 12 s
    mean = np.log(model([x[a:b] for a, b in itertools.pairwise(edges)])).mean(0)
    assert np.allclose(model([x])[0], np.exp(mean) / np.exp(mean).sum(), atol=1e-4)


def test_a_long_recording_with_a_silent_piece_is_measured_by_the_rest(model: model_file.Prosody) -> None:
    x = np.concatenate([voiced(15.0), np.zeros(15 * RATE, np.float32), voiced(15.0, pitch=260)])
    assert np.isfinite(model([x])).all()


def test_label_order_and_facts_agree_with_the_taxonomy(model: model_file.Prosody) -> None:
    from attune.taxonomy import taxonomy

    assert sum(len(taxonomy(name)) for name in model_file.TAXONOMIES) == model([voiced(0.5)]).shape[1]
    assert taxonomy("ravdess8").labels == ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
