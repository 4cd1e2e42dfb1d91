"""A checkpoint takes the packaged model's place in measuring, with all of its taxonomies."""

import dataclasses

import numpy as np
import pytest
from checkpoints_made import linear_graph, settle

from attune import measure, registry
from attune.cache import Cache
from attune.errors import WeightsError

SAMPLE = "samples/hello.mp4"


@pytest.fixture
def hsemotion(tmp_path, monkeypatch):
    m = registry.load("attune.face.models", "hsemotion_b0_va")
    monkeypatch.setattr(m, "CHECKPOINTS", tuple(dataclasses.replace(c, sha256={}) for c in m.CHECKPOINTS))
    m.load.cache_clear()
    rng = np.random.default_rng(0)
    linear_graph(tmp_path / "net" / m.WEIGHTS[0], {"input": ["batch", 3, 224, 224]}, rng.normal(size=(3, 10)), rng.normal(size=10) / 4, over=(2, 3))
    settle(m, tmp_path / "net")
    yield m
    m.load.cache_clear()


@pytest.fixture
def brightness(tmp_path):
    """A voice model of one's own with two taxonomies."""
    linear_graph(tmp_path / "ear.onnx", {"x": [1, "t", 64]}, np.random.default_rng(0).normal(size=(64, 6)) / 20, np.zeros(6), over=(1,))
    (tmp_path / "ear.toml").write_text(
        'onnx = "ear.onnx"\nhears = "mel"\n[[heads]]\ntaxonomy = "iemocap4"\nlabels = ["sad", "angry", "neutral", "happy"]\n'
        '[[heads]]\ntaxonomy = "vad"\nlabels = ["valence", "arousal"]\nlacks = ["dominance"]\n')
    return f"onnx:{tmp_path / 'ear.toml'}"


def test_every_taxonomy_of_a_model_is_measured_and_none_is_projected_where_it_is_measured(hsemotion, brightness):
    recording = measure(SAMPLE, face="hsemotion_b0_va", voice=brightness, text=None)
    there = {(e.modality, e.taxonomy.name): e for e in recording.estimates if e.modality in ("face", "voice")}
    assert set(there) == {("face", "ferplus8"), ("face", "vad"), ("voice", "iemocap4"), ("voice", "vad")}
    assert not any(e.projected for e in there.values())
    for modality, other in (("face", "ferplus8"), ("voice", "iemocap4")):
        first, vad = there[modality, other], there[modality, "vad"]
        np.testing.assert_array_equal(first.start, vad.start)
        assert first.person.tolist() == vad.person.tolist() and set(first.person) == {"person 1"}
        assert np.isnan(vad.values[:, 2]).all() and not np.isnan(vad.values[:, :2]).any()
        np.testing.assert_allclose(first.values.sum(1), 1, atol=1e-5)
    fused = recording["fused.vad"]
    assert not np.isnan(fused.values[:, 0]).all()
    assert recording.versions["models"]["face"]["weights"].keys() == {"enet_b0_8_va_mtl.onnx"}


def test_what_is_kept_of_a_model_with_two_taxonomies_gives_the_same_numbers(hsemotion, brightness, tmp_path):
    known = Cache(tmp_path / "kept")
    fresh, again = (measure(SAMPLE, cache=known, face="hsemotion_b0_va", voice=brightness, text=None) for _ in range(2))
    assert [(e.modality, e.taxonomy.name) for e in fresh.estimates] == [(e.modality, e.taxonomy.name) for e in again.estimates]
    for a, b in zip(fresh.estimates, again.estimates, strict=True):
        np.testing.assert_array_equal(a.values, b.values)


def test_a_checkpoint_that_is_not_here_stops_measuring_with_the_command_that_brings_it():
    with pytest.raises(WeightsError, match="attune models add hsemotion_b2"):
        measure(SAMPLE, face="hsemotion_b2", voice=None, text=None)
