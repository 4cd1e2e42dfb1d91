"""Parts of the voice recipes, on made-up clips."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")


def recipe_of(name: str):
    folder = str(Path(__file__).parents[2] / "recipes")
    sys.path.insert(0, folder)
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(folder)


@pytest.fixture(scope="module")
def shared():
    return recipe_of("_voice")


@pytest.fixture(scope="module")
def recipe():
    return recipe_of("voice_prosody")


@pytest.fixture(scope="module")
def clips(shared):
    rng = np.random.default_rng(0)
    n = 32
    waves = [0.1 * rng.normal(size=24_000).astype(np.float32) for _ in range(n)]
    corpus = np.array(["ravdess", "crema_d", "nemo_pl", "urdu"] * (n // 4))
    values = np.eye(8, dtype=np.float32)[rng.integers(0, 8, n)]
    values[np.ix_(corpus == "urdu", [1, 5, 6, 7])] = np.nan
    values[corpus == "urdu", 0] = 1
    group = np.array([f"{c}-{i % 3:02d}" for i, c in enumerate(corpus)])
    return shared.Clips(
        np.arange(n).astype(str), waves, [shared.log_mel(w) for w in waves], rng.normal(size=(n, 12)).astype(np.float32), values, group, corpus,
        np.full(n, "train"), np.full(n, "F"), np.full(n, ""), np.full(n, np.nan))


@pytest.mark.parametrize("frames", [12, 40, 200])
def test_variation_fits_the_pictures_keeps_the_bands_and_stays_finite(shared, clips, frames):
    rng, bank = np.random.default_rng(1), shared.Bank(clips.decibels)
    for _ in range(10):
        x = shared.varied(bank, np.arange(8), frames, rng)
        assert x.shape == (8, frames, 64)
        assert np.isfinite(x).all()


def test_a_batch_has_its_shares_and_the_same_seed_gives_the_same(shared, recipe, clips):
    first, again = (next(shared.batches(clips, recipe.SHARES, seed=3)) for _ in range(2))
    assert len(first.x) == sum(recipe.SHARES.values())
    assert torch.equal(first.x, again.x)
    assert (first.target[~first.known] == 0).all()
    torch.testing.assert_close(first.target.sum(1), torch.ones(len(first.x)))


def test_a_label_that_a_corpus_lacks_gets_no_gradient(shared):
    logits = torch.zeros(1, 8, requires_grad=True)
    known = torch.tensor([[True, False, True, True, True, False, False, False]])
    shared.divergence(logits, torch.eye(8)[:1], known).sum().backward()
    assert (logits.grad[~known] == 0).all()
    assert (logits.grad[known] != 0).all()


def test_one_clip_alone_is_what_it_is_in_a_batch(shared):
    torch.manual_seed(0)
    net = shared.Net().eval()
    x = torch.rand(3, 1, 41, 64)
    with torch.no_grad():
        torch.testing.assert_close(net(x)[1:2], net(x[1:2]), atol=1e-5, rtol=1e-4)


def test_what_a_person_always_says_is_gone_beside_their_habit(shared):
    rng = np.random.default_rng(0)
    e, group = rng.normal(size=(20, 5)), np.repeat(["a", "b"], 10)
    shifted = e + np.where(group == "a", 3.0, -1.0)[:, None]
    np.testing.assert_allclose(shared.centred(shifted, group), shared.centred(e, group), atol=1e-12)


def test_heads_on_functionals_learn_what_is_there(shared, recipe, clips):
    told = clips.values.copy()
    functionals = np.nan_to_num(told).repeat(2, axis=1).astype(np.float32)
    made = shared.Clips(*(functionals if f == "functionals" else getattr(clips, f) for f in clips.__dataclass_fields__))
    wide = shared.widely([functionals, functionals], made, np.ones(len(made), bool), recipe.WIDE_SHARES, seed=0, steps=600)
    acted = np.isin(made.corpus, list(recipe.WIDE_SHARES))
    with torch.no_grad():
        said = wide.out(wide.embed(torch.from_numpy(functionals))).numpy().argmax(1)
    assert (said == made.truth)[acted].mean() > 0.9


def test_weights_undo_a_scaling_and_leave_out_noise(recipe, shared):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(3000, 8))
    truth = np.array([rng.choice(8, p=row) for row in shared.softmax(logits)])
    (weight,) = recipe.likeliest((2 * logits,), truth)
    assert weight == pytest.approx(0.5, rel=0.15)
    weights = recipe.likeliest((2 * logits, rng.normal(size=logits.shape)), truth)
    assert weights[0] == pytest.approx(0.5, rel=0.15)
    assert weights[1] == min(recipe.WEIGHTS)


def test_noise_lies_as_far_below_as_asked(recipe):
    wave = np.sin(np.arange(16_000)).astype(np.float32)
    noise = recipe.with_noise(wave, 10, np.random.default_rng(0)) - wave
    assert np.mean(wave**2) / np.mean(noise**2) == pytest.approx(10, rel=0.01)


def test_a_telephone_carries_nothing_below_300_hz(recipe):
    t = np.arange(16_000) / 16_000
    low, middle = (np.sin(2 * np.pi * hz * t).astype(np.float32) for hz in (150, 1000))
    assert np.abs(recipe.by_telephone(low)).max() < 0.01
    np.testing.assert_allclose(recipe.by_telephone(middle), middle, atol=1e-3)


def test_a_room_leaves_the_beginning_and_the_length(recipe):
    wave = np.zeros(8000, np.float32)
    wave[100] = 1
    heard = recipe.in_a_room(wave, np.random.default_rng(0))
    assert heard.shape == wave.shape
    assert heard[100] == pytest.approx(1, abs=1e-3)
    assert np.abs(heard[:100]).max() < 1e-3
    assert np.sum(heard[101:] ** 2) == pytest.approx(0.5, rel=0.2)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")      # torch's, of its exporter
def test_weights_in_half_precision_say_the_same(tmp_path, shared):
    onnx, onnxruntime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    tiny = recipe_of("voice_tiny")
    layer = torch.nn.Linear(32, 8)
    tiny.halved(layer)
    path = tmp_path / "layer.onnx"
    torch.onnx.export(layer, (torch.zeros(1, 32),), str(path), input_names=["x"], output_names=["y"], dynamo=False)
    before, x = path.stat().st_size, np.random.default_rng(0).normal(size=(1, 32)).astype(np.float32)
    wanted = onnxruntime.InferenceSession(str(path)).run(None, {"x": x})[0]
    tiny.stored_in_half(path)
    onnx.checker.check_model(str(path))
    assert path.stat().st_size < before
    np.testing.assert_allclose(onnxruntime.InferenceSession(str(path)).run(None, {"x": x})[0], wanted, atol=1e-6)
