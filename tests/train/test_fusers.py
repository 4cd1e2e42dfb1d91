"""What every trainable fuser must keep; a new file in attune/fusion with a `Model` is found by itself."""

import importlib

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

from attune import registry
from attune.fusion._parts import PerSubset, softmax, subsets
from attune.metrics import ccc, uar

FUSERS = [n for n in registry.names("attune.fusion") if hasattr(importlib.import_module(f"attune.fusion.{n}"), "Model")]
EITHER = pytest.mark.parametrize("name", [n for n in FUSERS if n != "xgb" or importlib.util.find_spec("xgboost")])


def module(name):
    return registry.load("attune.fusion", name)


def values(seed, n=300, noise=(0.3, 0.6, 9.0)):
    """Two dimensions seen by three modalities, each with noise of its own; the third is nothing but noise."""
    rng = np.random.default_rng(seed)
    y = rng.uniform(-1, 1, (n, 2))
    return {m: y + s * rng.normal(size=y.shape) for m, s in zip(("face", "voice", "text"), noise, strict=True)}, y.astype(np.float32)


def classes(seed, n=400, height=(2.0, 1.0)):
    """Four classes as log-probabilities of two modalities."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 4, n)
    parts = {}
    for m, h in zip(("face", "voice"), height, strict=True):
        parts[m] = np.log(softmax(h * np.eye(4)[y] + rng.normal(size=(n, 4))))
    return parts, y


@EITHER
def test_it_learns_dimensions_better_than_the_best_modality_alone(name):
    model, (parts, y), (new, truth) = module(name).Model(), values(0), values(1)
    said = model.fit(parts, y).predict(new)
    assert said.shape == truth.shape
    alone = max(ccc(truth[:, 0], new[m][:, 0]) for m in new)
    assert ccc(truth[:, 0], said[:, 0]) > alone - 0.02


@EITHER
def test_it_learns_classes_better_than_the_best_modality_alone(name):
    model, (parts, y), (new, truth) = module(name).Model(), classes(0), classes(1)
    p = model.fit(parts, y).predict(new)
    assert p.shape == (400, 4)
    assert np.allclose(p.sum(1), 1, atol=1e-4)
    assert uar(truth, p.argmax(1)) > max(uar(truth, new[m].argmax(1)) for m in new) - 0.01


@EITHER
def test_the_same_twice(name):
    (parts, y), (new, _) = classes(0, 120), classes(1, 20)
    one, two = (module(name).Model().fit(parts, y).predict(new) for _ in range(2))
    assert np.array_equal(one, two)


@EITHER
def test_modalities_are_told_by_name_whatever_their_order(name):
    (parts, y), (new, _) = classes(0, 120), classes(1, 20)
    fuser = module(name).Model().fit(parts, y)
    assert np.array_equal(fuser.predict(new), fuser.predict(dict(reversed(new.items()))))


def test_the_masked_model_takes_a_modality_that_was_not_brought_for_missing():
    from attune.errors import ShapeError
    from attune.fusion.masked import Model

    (parts, y), (new, _) = classes(0), classes(1, 40)
    fuser = Model().fit(parts, y)
    gone = {"face": new["face"], "voice": np.full_like(new["voice"], np.nan)}
    assert np.array_equal(fuser.predict({"face": new["face"]}), fuser.predict(gone))
    with pytest.raises(ShapeError, match="text: fitted on face, voice"):
        fuser.predict({**new, "text": new["face"]})


@EITHER
def test_any_modality_may_be_missing_with_a_model_per_subset(name):
    parts, y = classes(0)
    new, truth = classes(1)
    new["face"][:100] = np.nan
    new["voice"][100:200] = np.nan
    fuser = PerSubset(module(name).Model, parts).fit(parts, y)
    p = fuser.predict(new)
    assert set(fuser.members) == set(subsets(parts))
    assert not np.isnan(p).any()
    assert uar(truth[200:], p[200:].argmax(1)) > 0.6


def test_the_masked_model_takes_any_subset_and_says_nothing_of_nothing():
    from attune.fusion.masked import Model

    parts, y = classes(0, 800)
    new, truth = classes(1, 800)
    new["face"][:200], new["voice"][200:400] = np.nan, np.nan
    new["face"][400:410], new["voice"][400:410] = np.nan, np.nan
    p = Model().fit(parts, y).predict(new)
    assert np.isnan(p[400:410]).all()
    assert not np.isnan(p[410:]).any()
    assert uar(truth[200:400], p[200:400].argmax(1)) > 0.65
    assert uar(truth[410:], p[410:].argmax(1)) > uar(truth[:200], p[:200].argmax(1))


def test_weights_stay_on_the_simplex_and_follow_what_a_modality_is_worth():
    from attune.fusion.weighted import Model

    parts, y = classes(0, height=(3.0, 0.2))
    weights = Model().fit(parts, y).weights_
    assert np.allclose(weights.sum(0), 1)
    assert (weights[0] > 0.7).all()                           # the face is first by name


def test_columns_that_mean_different_things_are_not_summed():
    from attune.errors import ShapeError
    from attune.fusion.weighted import Model

    with pytest.raises(ShapeError, match="same labels"):
        Model().fit({"face": np.zeros((4, 7)), "voice": np.zeros((4, 8))}, np.zeros(4, int))
