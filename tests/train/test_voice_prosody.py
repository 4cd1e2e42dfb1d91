"""Parts of the prosody recipe, on made-up clips."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def recipe():
    spec = importlib.util.spec_from_file_location("voice_prosody", Path(__file__).parents[2] / "recipes" / "voice_prosody.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def clips(recipe):
    rng = np.random.default_rng(0)
    n = 32
    waves = [0.1 * rng.normal(size=24_000).astype(np.float32) for _ in range(n)]
    corpus = np.array(["ravdess", "crema_d", "nemo_pl", "urdu"] * (n // 4))
    values = np.eye(8, dtype=np.float32)[rng.integers(0, 8, n)]
    values[np.ix_(corpus == "urdu", [1, 5, 6, 7])] = np.nan
    values[corpus == "urdu", 0] = 1
    return recipe.Clips(waves, [recipe.log_mel(w) for w in waves], values, np.arange(n).astype(str), corpus, np.full(n, "train"))


def test_variation_keeps_the_bands_and_stays_finite(recipe, clips):
    rng = np.random.default_rng(1)
    for _ in range(50):
        x = recipe.varied(clips.decibels[0], rng)
        assert x.shape[1] == 64
        assert len(x) >= 12
        assert np.isfinite(x).all()


@pytest.mark.parametrize("frames", [3, 10, 40])
def test_a_picture_is_made_to_fit(recipe, frames):
    picture = np.arange(10, dtype=np.float32)[:, None] * np.ones(64, np.float32)
    assert recipe.fitted(picture, frames, np.random.default_rng(0)).shape == (frames, 64)


def test_a_batch_has_its_shares_and_the_same_seed_gives_the_same(recipe, clips):
    first, again = (next(recipe.batches(clips, recipe.SHARES, seed=3)) for _ in range(2))
    assert len(first.x) == sum(recipe.SHARES.values())
    assert torch.equal(first.x, again.x)
    assert (first.target[~first.known] == 0).all()
    torch.testing.assert_close(first.target.sum(1), torch.ones(len(first.x)))


def test_a_label_that_a_corpus_lacks_gets_no_gradient(recipe):
    logits = torch.zeros(1, 8, requires_grad=True)
    known = torch.tensor([[True, False, True, True, True, False, False, False]])
    recipe.divergence(logits, torch.eye(8)[:1], known).sum().backward()
    assert (logits.grad[~known] == 0).all()
    assert (logits.grad[known] != 0).all()


def test_one_clip_alone_is_what_it_is_in_a_batch(recipe):
    torch.manual_seed(0)
    net = recipe.Net().eval()
    x = torch.rand(3, 1, 41, 64)
    with torch.no_grad():
        torch.testing.assert_close(net(x)[1:2], net(x[1:2]), atol=1e-5, rtol=1e-4)


def test_temperature_undoes_a_scaling(recipe):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4000, 8))
    p = recipe.softmax(logits)
    truth = np.array([rng.choice(8, p=row) for row in p])
    assert recipe.temperature(3 * logits, truth) == pytest.approx(3, rel=0.15)
