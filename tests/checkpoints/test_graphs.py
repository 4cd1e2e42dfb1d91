"""Adapters that are ONNX files: tiny graphs with the same inputs and outputs, run by the code that runs the real ones. No torch."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from checkpoints_made import fresh, linear_graph, settle, unpinned, word_tokenizer, write_config
from onnx import TensorProto

import attune
from attune import registry
from attune.cache import Cache
from attune.checkpoints import probe
from attune.errors import SettingError, ShapeError, UnknownName, WeightsError
from attune.evaluate import said
from attune.measure import load_models, versions
from attune.media import Media
from attune.settings import Settings
from attune.taxonomy import taxonomy
from attune.types import PRESENCE

SAMPLE = Path(__file__).parents[2] / "samples" / "hello.mp4"

FACES = ["hsemotion_b0_va", "hsemotion_mobilevit_va", "hsemotion_mbf_va", "hsemotion_b0", "hsemotion_b2"]
ORDER = ("anger", "contempt", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")      # alphabetical, as the library has them
WORDS = ["I'm", "so", "happy", "for", "you", "!", "This", "makes", "me", "furious", ".", "am", "terrified", "of", "the", "dark", "Thank", "much", "My", "dog", "died", "yesterday", "love"]


def face(name):
    return registry.load("attune.face.models", name)


@pytest.fixture
def hsemotion(tmp_path, monkeypatch):
    """A model of the family by name, whose net is the means of the colours times a matrix."""
    def made(name, weight=None, bias=None):
        m = face(name)
        unpinned(monkeypatch, m)
        k = 10 if "vad" in m.TAXONOMIES else 8
        rng = np.random.default_rng(0)
        weight, bias = (rng.normal(size=(3, k)) if weight is None else weight), (rng.normal(size=k) / 4 if bias is None else bias)
        linear_graph(tmp_path / name / m.WEIGHTS[0], {"input": ["batch", 3, *m.SIZE]}, weight, bias, over=(2, 3))
        settle(m, tmp_path / name)
        return m, fresh(m)

    return made


@pytest.mark.parametrize("name", FACES)
def test_a_face_model_keeps_the_contract(hsemotion, name):
    m, _ = hsemotion(name)
    wrong = [f.what for f in probe.check(m, "face", name) if f.holds is False]
    assert not wrong
    again = [f.what for f in probe.check(m, "face", name)]
    assert "it says what it said when it was first checked (largest difference 0.0000, 0.01 allowed)" in again


@pytest.mark.parametrize("name", FACES)
@pytest.mark.parametrize("label", ORDER)
def test_an_output_of_the_net_is_its_own_label_and_no_other(hsemotion, name, label):
    k = 10 if "vad" in face(name).TAXONOMIES else 8
    bias = np.zeros(k)
    bias[ORDER.index(label)] = 5.0
    m, model = hsemotion(name, np.zeros((3, k)), bias)
    row = model(probe.pictures(m)["face"][None])[0, :8]
    assert taxonomy("ferplus8").labels[int(row.argmax())] == label
    assert row.max() == pytest.approx(np.exp(5) / (np.exp(5) + 7), rel=1e-5)


def test_positions_stand_behind_the_softmax_and_dominance_is_missing(hsemotion):
    bias = np.zeros(10)
    bias[8:] = (-0.5, 0.25)                                  # valence, arousal
    m, model = hsemotion("hsemotion_b0_va", np.zeros((3, 10)), bias)
    row = model(probe.pictures(m)["dot"][None])[0]
    np.testing.assert_array_equal(row[8:], np.array([-0.5, 0.25, np.nan], np.float32))
    assert row[:8].sum() == pytest.approx(1)


@pytest.mark.parametrize(("name", "mean", "deviation"), [
    ("hsemotion_b0_va", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), ("hsemotion_b2", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ("hsemotion_mbf_va", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
])
def test_the_net_is_given_red_green_blue_as_it_was_trained_on(hsemotion, name, mean, deviation):
    k = 10 if "vad" in face(name).TAXONOMIES else 8
    weight = np.zeros((3, k))
    weight[0, 0], weight[1, 1], weight[2, 2] = 1, 1, 1       # anger hears red, contempt green, disgust blue
    m, model = hsemotion(name, weight, np.zeros(k))
    crop = np.zeros((1, *m.SIZE, 3), np.uint8)
    crop[0, ::2], crop[0, 1::2] = (200, 100, 50), (100, 60, 10)
    logits = np.zeros(8)
    logits[:3] = (np.array([150, 80, 30]) / 255 - mean) / deviation
    expected = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose([model(crop)[0, taxonomy("ferplus8").labels.index(label)] for label in ORDER], expected, rtol=1e-4)


def test_crops_of_another_size_are_refused(hsemotion):
    _, model = hsemotion("hsemotion_b0_va")
    with pytest.raises(ShapeError, match=r"expected \(224, 224, 3\) uint8"):
        model(np.zeros((1, 48, 48, 3), np.uint8))


def test_a_graph_with_another_number_of_outputs_is_refused(hsemotion):
    m, model = hsemotion("hsemotion_b0_va", np.zeros((3, 7)), np.zeros(7))
    with pytest.raises(WeightsError, match=r"gives 7 numbers, expected 10"):
        model(probe.pictures(m)["dot"][None])


def test_measure_finds_it_and_commercial_safe_refuses_it(hsemotion):
    hsemotion("hsemotion_b0")
    assert load_models(Settings(face="hsemotion_b0", voice=None, text=None))["face"].TAXONOMIES == ("ferplus8",)
    with pytest.raises(WeightsError, match=r"hsemotion_b0 is research-only .* commercial_safe refuses it"):
        load_models(Settings(face="hsemotion_b0", voice=None, text=None, commercial_safe=True))


# texts

@pytest.fixture
def goemotions(tmp_path):
    """SamLowe's model, made of a table of words, with a config whose labels are in this order."""
    def made(order, inputs=("input_ids", "attention_mask"), bias=None):
        m = registry.load("attune.text.models", "goemotions_roberta")
        folder = write_config(tmp_path / "go", id2label={str(i): label for i, label in enumerate(order)})
        word_tokenizer(folder / "tokenizer.json", WORDS)
        weight = np.random.default_rng(1).normal(size=(1, 28)) / 10
        linear_graph(folder / "onnx" / "model_quantized.onnx", {name: [1, "t"] for name in inputs}, weight, np.zeros(28) if bias is None else bias,
                     over=(1,), kind=TensorProto.INT64, outputs=("logits",))
        graph_keeps_rank(folder / "onnx" / "model_quantized.onnx")
        settle(m, folder)
        return m, fresh(m)

    return made


def graph_keeps_rank(path):
    """The mean over a text's tokens is one number; the table wants (1, 1)."""
    import onnx

    model = onnx.load(str(path))
    for node in model.graph.node:
        if node.op_type == "ReduceMean":
            node.attribute[0].i = 1
    onnx.save(model, str(path))


def test_a_text_model_keeps_the_contract(goemotions):
    m, _ = goemotions(taxonomy("goemotions28").labels)
    wrong = [f.what for f in probe.check(m, "text", "goemotions_roberta") if f.holds is False]
    assert all("plain sentences" in what for what in wrong)      # a random net can't know what sentences say, and the check notices
    assert wrong


@pytest.mark.parametrize("seed", range(3))
def test_labels_of_a_text_come_out_by_the_name_in_the_config(goemotions, seed):
    labels = taxonomy("goemotions28").labels
    order = [labels[i] for i in np.random.default_rng(seed).permutation(28)]
    bias = np.full(28, -9.0)
    bias[order.index("gratitude")] = 3.0
    _, model = goemotions(order, bias=bias)
    row = model(["Thank you"])[0]
    assert labels[int(row.argmax())] == "gratitude"


def test_a_text_that_says_nothing_is_missing_and_what_does_not_fit_is_cut(goemotions):
    _, model = goemotions(taxonomy("goemotions28").labels, inputs=("input_ids",))
    rows = model(["", " \n", "happy " * 2000, "happy " * 510, "\ud800"])
    assert np.isnan(rows[[0, 1, 4]]).all()
    np.testing.assert_array_equal(rows[2], rows[3])              # 512 tokens, with the two around them


def test_an_input_that_nobody_knows_is_refused(goemotions):
    with pytest.raises(WeightsError, match=r"asks for pixel_values; expected input_ids"):
        goemotions(taxonomy("goemotions28").labels, inputs=("input_ids", "pixel_values"))


# any file, by its facts

FACTS = """
onnx = "net.onnx"
title = "Colours"
license = "ours"
license_class = "permissive"
size = 32
framing = "fer"
mean = [0.5, 0.5, 0.5]
deviation = [0.5, 0.5, 0.5]
output = "second"

[[heads]]
taxonomy = "iemocap4"
labels = ["sad", "Angry", "neutral", "happy"]

[[heads]]
taxonomy = "vad"
labels = ["arousal", "valence"]
span = [0, 1]
lacks = ["dominance"]
"""


@pytest.fixture
def colours(tmp_path):
    linear_graph(tmp_path / "net.onnx", {"x": [1, 3, "h", "w"]}, np.zeros((3, 6)), np.array([0, 9, 0, 0, 1, 0.5]), over=(2, 3), outputs=("first", "second"))
    (tmp_path / "net.toml").write_text(FACTS)
    return f"onnx:{tmp_path / 'net.toml'}"


def test_any_file_is_a_model_by_its_facts(colours):
    m = registry.load("attune.face.models", colours)
    assert (m.TAXONOMIES, m.SIZE, m.LICENSE_CLASS, m.TITLE) == (("iemocap4", "vad"), (32, 32), "permissive", "Colours")
    row = m.load()(probe.pictures(m)["dot"][None])[0]
    assert taxonomy("iemocap4").labels[int(row[:4].argmax())] == "angry"
    np.testing.assert_array_equal(row[4:], np.array([0, 1, np.nan], np.float32))
    assert not [f.what for f in probe.check(m, "face", "colours") if f.holds is False]
    assert m is registry.load("attune.face.models", colours)
    assert m.TEMPLATE.shape == (5, 2)
    assert m.load() is m.load()


@pytest.mark.parametrize(("old", "new", "message"), [
    ('license_class = "permissive"', 'licence_class = "permissive"', "no fact 'licence_class'; did you mean 'license_class'"),
    ('license_class = "permissive"', 'license_class = "free"', "license_class = 'free'; expected one of permissive"),
    ('taxonomy = "iemocap4"', 'taxonomy = "iemocap5"', "no taxonomy 'iemocap5'; did you mean 'iemocap"),
    ('labels = ["sad", "Angry", "neutral", "happy"]', "", "names no labels"), ('onnx = "net.onnx"', "", "has no onnx"),
    ('framing = "fer"', 'framing = "wide"', "framing = 'wide'; expected level or fer"), ("size = 32", "size = ", "isn't TOML"),
    ('onnx = "net.onnx"', 'onnx = "nets.onnx"', r"says onnx = \"nets.onnx\", and there is no file"),
    ('labels = ["sad", "Angry", "neutral", "happy"]', 'labels = ["sad", "Angry", "neutral"]', "has no happy, labels of iemocap4"),
])
def test_facts_that_cannot_be_are_told(tmp_path, colours, old, new, message):
    path = tmp_path / "wrong.toml"
    path.write_text(FACTS.replace(old, new))
    with pytest.raises((SettingError, UnknownName, WeightsError), match=message):
        registry.load("attune.face.models", f"onnx:{path}")


UNITS = """
onnx = "net.onnx"
size = 32
projected = "presence"
taxonomy = "facs"
kind = "sigmoid"
labels = ["AU12", "AU01"]
lacks = [{lacks}]
"""


@pytest.fixture
def units(tmp_path):
    """A net of two action units, and its facts."""
    linear_graph(tmp_path / "net.onnx", {"x": [1, 3, "h", "w"]}, np.zeros((3, 2)), np.array([9.0, -9.0]), over=(2, 3))
    labels = taxonomy("facs").labels
    return UNITS.format(lacks=", ".join(f'"{u}"' for u in labels if u not in ("AU12", "AU01")))


def test_action_units_by_probability_are_stated_as_presences_and_measured_as_such(tmp_path, units):
    (tmp_path / "units.toml").write_text(units)
    recording = attune.measure(SAMPLE, face=f"onnx:{tmp_path / 'units.toml'}", voice=None, text=None)
    found = recording["face.facs"]
    assert found.projected == PRESENCE and found.measured
    np.testing.assert_allclose(found.label("AU12"), 1, atol=1e-3)
    np.testing.assert_allclose(found.label("AU01"), 0, atol=1e-3)


@pytest.mark.parametrize(("folder", "old", "new", "message"), [
    ("face", 'projected = "presence"', "", "these are probabilities.*state projected = \"presence\""),
    ("face", '"presence"', '"presense"', "projected = 'presense'; expected 'presence'"),
    ("voice", "size = 32\n", "", "for models of faces whose only taxonomy is facs"),
    ("face", "lacks = [", 'names = { smile = "AU99" }\nlacks = [', "AU99"),
])
def test_presences_that_cannot_be_are_told(tmp_path, units, folder, old, new, message):
    (tmp_path / "wrong.toml").write_text(units.replace(old, new))
    with pytest.raises((SettingError, UnknownName), match=message):
        registry.load(f"attune.{folder}.models", f"onnx:{tmp_path / 'wrong.toml'}")


def test_results_depend_on_what_a_file_of_facts_states_and_not_on_where_it_lies(tmp_path, colours):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        shutil.copy(tmp_path / "net.onnx", tmp_path / folder)
        (tmp_path / folder / "net.toml").write_text(FACTS.replace("[0, 1]", "[-1, 1]") if folder == "b" else FACTS)
    kept = Cache(tmp_path / "kept", content="x")

    def depends(path):
        module = registry.load("attune.face.models", f"onnx:{path}")
        return versions({"face": module})["models"]["face"]["facts"], kept.key("face", Media.open(SAMPLE), Settings(), module), said.digest(module)

    here, there, other = (depends(p) for p in (tmp_path / "net.toml", tmp_path / "a" / "net.toml", tmp_path / "b" / "net.toml"))
    assert here[0] == there[0] != other[0]
    assert here[1] != other[1] and here[2] != other[2]


def test_other_names_for_labels_are_another_model_of_the_hub_too(tmp_path):
    def depends(names):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.toml"
        path.write_text(f'id = "somebody/moods"\ntaxonomy = "iemocap4"\nnames = {{ a = "{names[0]}", b = "{names[1]}" }}\n')
        module = registry.load("attune.text.models", f"huggingface:{path}")
        return versions({"text": module})["models"]["text"]["facts"], said.digest(module)

    one, same, other = depends(("happy", "sad")), depends(("happy", "sad")), depends(("sad", "happy"))
    assert one == same and one[0] != other[0] and one[1] != other[1]


def test_a_file_of_facts_that_is_not_there_and_a_family_that_is_none_are_told(tmp_path):
    with pytest.raises(SettingError, match=r"expected a TOML file of facts"):
        registry.load("attune.face.models", f"onnx:{tmp_path / 'no.toml'}")
    with pytest.raises(UnknownName, match=r"no family of face models 'onyx'; did you mean 'onnx'"):
        registry.load("attune.face.models", "onyx:net.toml")


def test_a_missing_output_is_told(tmp_path, colours):
    path = tmp_path / "third.toml"
    path.write_text(FACTS.replace('output = "second"', 'output = "third"'))
    m = registry.load("attune.face.models", f"onnx:{path}")
    with pytest.raises(WeightsError, match=r"has no output 'third'; it has first, second"):
        m.load()(probe.pictures(m)["dot"][None])


def test_any_sound_and_any_text_by_their_facts(tmp_path):
    linear_graph(tmp_path / "ear.onnx", {"x": [1, "t"]}, np.array([[1.0, 0, 0, 0]]), np.zeros(4), over=(1,))
    graph_keeps_rank(tmp_path / "ear.onnx")
    (tmp_path / "ear.toml").write_text('onnx = "ear.onnx"\nmin_seconds = 0.5\nhears = "standardised"\ntaxonomy = "iemocap4"\nlabels = ["sad", "angry", "neutral", "happy"]\n')
    ear = registry.load("attune.voice.models", f"onnx:{tmp_path / 'ear.toml'}")
    assert (ear.SAMPLE_RATE, ear.MIN_SECONDS) == (16_000, 0.5)
    rows = ear.load()([*probe.sounds(ear).values(), np.ones(7_999, np.float32)])
    np.testing.assert_allclose(rows[:5], 0.25, atol=1e-4)        # standardised, every mean is 0
    assert np.isnan(rows[5]).all()

    linear_graph(tmp_path / "eye.onnx", {"input_ids": [1, "t"], "token_type_ids": [1, "t"]}, np.ones((1, 4)), np.arange(4.0), over=(1,), kind=TensorProto.INT64)
    graph_keeps_rank(tmp_path / "eye.onnx")
    word_tokenizer(tmp_path / "words.json", WORDS)
    (tmp_path / "eye.toml").write_text(
        'onnx = "eye.onnx"\ntokenizer = "words.json"\ntokens = 16\nlanguages = ["en"]\ntaxonomy = "iemocap4"\nlabels = ["sad", "angry", "neutral", "happy"]\n')
    eye = registry.load("attune.text.models", f"onnx:{tmp_path / 'eye.toml'}")
    assert eye.LANGUAGES == ("en",)
    assert taxonomy("iemocap4").labels[int(eye.load()(["so happy"])[0].argmax())] == "happy"
