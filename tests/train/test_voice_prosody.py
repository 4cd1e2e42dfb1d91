"""Parts of the voice recipes, on made-up clips."""

from dataclasses import replace

import numpy as np
import pytest
from recipe_modules import recipe_of

torch = pytest.importorskip("torch")


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
        np.arange(n).astype(str), waves, [shared.log_mel(w) for w in waves], values, group, corpus,
        np.full(n, "train"), np.full(n, "F"), np.full(n, ""), np.full(n, np.nan))


@pytest.mark.parametrize("frames", [12, 40, 200])
def test_variation_fits_the_pictures_keeps_the_bands_and_stays_finite(shared, clips, frames):
    rng, bank = np.random.default_rng(1), shared.Bank(clips.decibels)
    for _ in range(10):
        x = shared.varied(bank, np.arange(8), frames, rng)
        assert x.shape == (8, frames, 64)
        assert np.isfinite(x).all()


def test_a_batch_has_its_shares_and_the_same_seed_gives_the_same(shared, clips):
    tiny = recipe_of("voice_tiny")
    first, again = (next(shared.batches(clips, tiny.SHARES, seed=3)) for _ in range(2))
    assert len(first.x) == sum(tiny.SHARES.values())
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


def heard_of(clips, noise: float = 0.0) -> np.ndarray:
    """What would be heard if it were the labels, each twice, and something for everybody."""
    rng = np.random.default_rng(0)
    return (np.nan_to_num(clips.values).repeat(2, axis=1) + 0.1 * rng.normal(size=(len(clips), 16))).astype(np.float32)


def test_nets_learn_what_is_there(recipe, clips, tmp_path, monkeypatch):
    monkeypatch.setattr(recipe, "SCHEDULE", replace(recipe.SCHEDULE, steps=120, evaluate_every=120))
    x = heard_of(clips)
    net = recipe.learned(clips, np.ones(len(clips), bool), [x, x], tmp_path)
    known = ~np.isnan(clips.values)
    logits, embeddings = recipe.said(net, x)
    assert (np.where(known, logits, -np.inf).argmax(1) == clips.truth).mean() > 0.9
    assert embeddings.shape == (len(clips), recipe.MEMBERS * recipe.HIDDEN + 8)
    with torch.no_grad():
        members = torch.stack(net.members(torch.from_numpy(x))).mean(0)
    np.testing.assert_allclose(logits, members.numpy() + embeddings[:, -8:], atol=1e-5)
    again = recipe.learned(clips, np.ones(len(clips), bool), [x, x], tmp_path)                # read, not taught anew
    np.testing.assert_array_equal(recipe.said(again, x)[0], logits)


def test_straight_lines_see_what_the_nets_do_not_and_each_part_for_itself(recipe, clips, tmp_path, monkeypatch):
    monkeypatch.setattr(recipe, "SCHEDULE", replace(recipe.SCHEDULE, steps=2, evaluate_every=2))
    monkeypatch.setattr(recipe, "MEANS", 8)
    monkeypatch.setattr(recipe, "PARTS", (slice(8), slice(8, None)))
    noise = np.random.default_rng(0).normal(size=(len(clips), 8)).astype(np.float32)
    x = np.concatenate([noise, heard_of(clips)], 1)
    rows = np.arange(len(clips)) % 2 == 0
    shares = {name: 1.0 for name in np.unique(clips.corpus[rows])}
    net = recipe.learned(clips, rows, [x, x + 0.01], tmp_path, shares)
    assert [hidden.in_features for hidden in net.hidden] == [8] * recipe.MEMBERS
    straight, known = recipe.said(net, x)[1][:, -8:], ~np.isnan(clips.values)
    assert (np.where(known, straight, -np.inf).argmax(1) == clips.truth)[~rows].mean() > 0.8
    alone = recipe.Net(x[rows].mean(0), x[rows].std(0) + 1e-6)
    alone.mean[8:], alone.deviation[8:] = 0.0, 1e9                       # the second part is nothing: the first one's lines stay what they were
    np.testing.assert_allclose(recipe.lines(alone, clips, rows, [x, x + 0.01], shares)[:, :8], net.lines[:, :8], atol=1e-5)


def test_a_batch_takes_each_corpus_by_its_share_and_known_versions(recipe, clips):
    x = [np.full((len(clips), 16), v, np.float32) for v in range(3)]
    only = {"ravdess": 3.0, "urdu": 1.0}
    given, target, known = next(recipe.batches(clips, np.ones(len(clips), bool), x, only, seed=0))
    assert given.shape == (recipe.BATCH, 16)
    assert set(given[:, 0].tolist()) == {0.0, 1.0, 2.0}
    assert 0.6 < float(known.all(1).float().mean()) < 0.9              # RAVDESS knows all labels, URDU four
    assert (target[~known] == 0).all()


def test_a_factor_undoes_a_scaling_and_leaves_open_labels_out(recipe, shared):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(3000, 8))
    values = np.eye(8)[[rng.choice(8, p=row) for row in shared.softmax(logits)]]
    assert recipe.likeliest(2 * logits, values) == pytest.approx(0.5, rel=0.1)
    values[:, 7], logits[:, 7] = np.nan, 100.0
    assert recipe.likeliest(2 * logits[values[:, 7] != 1], values) < 1.0


def test_a_listeners_calibration_asks_what_one_listener_chose(recipe):
    votes = np.array([[0.7, 0.3]] * 10)
    assert recipe.of_a_listener(votes, votes) == pytest.approx(0, abs=1e-9)
    assert recipe.of_a_listener(votes, np.array([[0.9, 0.1]] * 10)) == pytest.approx(0.2)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")      # torch's, of its exporter
def test_whole_numbers_change_little(recipe, tmp_path):
    layer = torch.nn.Sequential(torch.nn.Linear(64, 128), torch.nn.ReLU(), torch.nn.Linear(128, 8), torch.nn.Softmax(2))
    x = torch.rand(1, 30, 64)
    torch.onnx.export(layer.eval(), (x,), str(tmp_path / "whole.onnx"), input_names=["mel"], output_names=["probabilities"], dynamo=False)
    small = recipe.in_whole_numbers(tmp_path / "whole.onnx", tmp_path / "small.onnx")
    assert small.stat().st_size < 0.6 * (tmp_path / "whole.onnx").stat().st_size
    apart = recipe.differing(tmp_path / "whole.onnx", small, [x.numpy(), (0.5 * x).numpy()])
    assert apart["mean"] < 0.01
    assert apart["n"] == 2


def test_a_line_carries_nothing_below_150_hz(recipe):
    t = np.arange(16_000) / 16_000
    low = np.sin(2 * np.pi * 150 * t).astype(np.float32)
    assert min(np.abs(recipe.by_line(low, np.random.default_rng(seed))).max() for seed in range(4)) < 0.01


def test_another_throat_is_as_much_higher_as_quicker(recipe):
    t = np.arange(16_000) / 16_000
    quick = recipe.quicker(np.sin(2 * np.pi * 200 * t).astype(np.float32), 1.25)
    assert len(quick) == 12_800
    assert np.abs(np.fft.rfft(quick)).argmax() * 16_000 / len(quick) == pytest.approx(250, abs=2)


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


def test_everybody_of_a_corpus_is_counted_once_by_nets_that_never_heard_them(recipe, clips):
    """Training speakers as the folds' nets say, dev speakers as the packaged model does, over the labels that the corpus has."""
    values = np.tile(np.array([0, np.nan, 0, 0, 0, 0, np.nan, 0], np.float32), (len(clips), 1))
    values[np.arange(len(clips)), np.arange(len(clips)) % 2 * 2] = 1                                # neutral, happy, neutral, ...
    dev = clips.corpus == "nemo_pl"
    clips = replace(clips, values=values, split=np.where(dev, "dev", "train"))
    right = np.eye(8, dtype=np.float32)[[2, 0, 2, 0]]
    right[:, 1] = 9                                                                                  # calm isn't among nEMO's labels
    oof = {"corpus": np.array(["nemo_pl"] * 4 + ["urdu"]), "values": values[[1, 0, 1, 0, 1]], "plain": np.concatenate([right, right[:1]]),
           "truth": np.array([2, 0, 2, 0, 2]), "group": np.array(["a", "a", "b", "b", "c"])}
    truth = clips.where(dev).truth
    found = recipe.everybody_unheard("nemo_pl", oof, lambda waves: np.eye(8)[np.zeros(len(waves), int)], clips)
    assert found["n"] == 4 + dev.sum()
    assert found["speakers"] == 2 + len(np.unique(clips.group[dev]))
    recall = {label: ((2 + (truth == label).sum()) if label == 0 else 2) / (2 + (truth == label).sum()) for label in (0, 2)}
    assert found["uar"]["value"] == pytest.approx(np.mean(list(recall.values())), abs=1e-4)


def test_out_of_fold_outputs_of_every_corpus_are_filed_for_evaluation(recipe, tmp_path):
    from attune.evaluate import read_predictions

    names = list(recipe.CORPORA)
    n = 4 * len(names)                                   # four clips of two people each, in two folds
    corpus, truth = np.repeat(names, 4), np.arange(n) % 2
    oof = {"corpus": corpus, "truth": truth, "values": np.eye(8)[truth], "plain": 4 * np.eye(8, dtype=np.float32)[truth], "clip": np.arange(n).astype(str),
           "group": np.array([f"{c}-{i // 2 % 2}" for i, c in enumerate(corpus)]), "fold": np.arange(n) // 2 % 2, "sex": np.full(n, "F")}
    recipe.filed(oof, np.ones((n, 1)), tmp_path)
    recipe.filed(oof, np.full((n, 1), 2.0), tmp_path, "another")
    assert len(list(tmp_path.glob("*.parquet"))) == 2 * len(names)
    (own,), (other,) = (read_predictions(tmp_path / f"{name}.parquet") for name in ("nemo", "nemo-another"))
    assert (own.model, other.model, own.corpus, other.corpus) == (recipe.NAME, "another", "nemo", "nemo")
    assert set(own.statuses) == {"held-out"}
    assert (own.said.argmax(1) == own.truth.argmax(1)).all()
    assert (other.said.max(1) > own.said.max(1)).all()           # factors are in what is said
