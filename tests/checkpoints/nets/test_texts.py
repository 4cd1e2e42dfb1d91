"""Texts: tiny nets of the published architectures, saved under the published names, and loaded by the code that loads the real ones."""


import numpy as np
import pytest
from checkpoints_made import fresh, settle

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from nets_made import SEVEN, roberta, superb, vit  # noqa: E402 (torch may be missing)

from attune import registry  # noqa: E402
from attune.checkpoints import probe  # noqa: E402
from attune.errors import SettingError, WeightsError  # noqa: E402
from attune.evaluate import evaluate  # noqa: E402
from attune.measure import load_models  # noqa: E402
from attune.settings import Settings  # noqa: E402
from attune.taxonomy import taxonomy  # noqa: E402


def text(name):
    return registry.load("attune.text.models", name)


MODELS = {
    "distilroberta7": ("ekman7", ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")), "emopillars": ("goemotions28", taxonomy("goemotions28").labels),
    "leia": ("leia5", ("Sadness", "Anger", "Joy", "Affection", "Fear")),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_text_model_keeps_the_contract_but_for_what_a_random_net_cannot_know(tmp_path, name):
    roberta(tmp_path / "net", MODELS[name][1])
    m = text(name)
    settle(m, tmp_path / "net")
    model = fresh(m)
    wrong = [f.what for f in probe.check(m, "text", name) if f.holds is False]
    assert all("plain sentences" in what or "published example" in what for what in wrong)
    assert ("published example" in " ".join(wrong)) == (name == "distilroberta7")
    assert model.embed(["so happy", ""]).shape == (2, 16)
    assert np.isnan(model.embed([""])).all()


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("seed", range(3))
def test_a_text_model_comes_out_by_the_names_in_its_config(tmp_path, name, seed):
    target, labels = MODELS[name]
    order = [labels[i] for i in np.random.default_rng(seed).permutation(len(labels))]
    first, second = labels[2], labels[0]
    roberta(tmp_path, order, at={first: 4.0, second: 2.0} | {label: -4.0 for label in labels if label not in (first, second)})
    row = text(name).of(tmp_path)(["so happy"])[0]
    ranked = [taxonomy(target).labels[i].casefold() for i in np.argsort(-row)]
    assert ranked[:2] == [first.casefold(), second.casefold()]
    if taxonomy(target).kind == "multilabel":
        assert row.max() == pytest.approx(1 / (1 + np.exp(-4)), abs=1e-6)
    else:
        assert row.sum() == pytest.approx(1, abs=1e-5)


def test_a_text_is_read_as_transformers_own_tokenizer_gives_it(tmp_path):
    net = roberta(tmp_path, MODELS["distilroberta7"][1])
    given = transformers.AutoTokenizer.from_pretrained(tmp_path)("so happy for you", return_tensors="pt")
    with torch.inference_mode():
        expected = dict(zip(MODELS["distilroberta7"][1], net(**given).logits.softmax(1)[0].tolist(), strict=True))
    row = text("distilroberta7").of(tmp_path)(["so happy for you"])[0]
    assert dict(zip(taxonomy("ekman7").labels, row.tolist(), strict=True)) == {label: pytest.approx(value, abs=1e-5) for label, value in expected.items()}


def test_only_so_many_tokens_are_read(tmp_path):
    roberta(tmp_path, MODELS["leia"][1])
    model = text("leia").of(tmp_path)
    np.testing.assert_array_equal(model(["happy " * 2_000])[0], model(["happy " * 126])[0])
    assert not np.array_equal(model(["happy " * 125])[0], model(["happy " * 126])[0])


def test_a_config_without_names_of_labels_is_refused(tmp_path):
    roberta(tmp_path, [f"LABEL_{i}" for i in range(7)])
    with pytest.raises(WeightsError, match=r"doesn't name its labels"):
        text("distilroberta7").of(tmp_path)


# any classifier of the hub

def test_any_text_classifier_is_a_model_by_its_id_and_a_taxonomy(tmp_path):
    labels = ("sad", "Happy", "neutral", "ANGRY")
    roberta(tmp_path / "net", labels, at={"ANGRY": 3.0})
    m = registry.load("attune.text.models", "huggingface:somebody/moods:iemocap4")
    with pytest.raises(WeightsError, match=r"needs somebody/moods, .* attune models add huggingface:somebody/moods:iemocap4"):
        m.load()
    settle(m, tmp_path / "net")
    assert taxonomy("iemocap4").labels[int(m.load()(["so happy"])[0].argmax())] == "angry"
    assert m.LICENSE_CLASS == "unknown"
    with pytest.raises(WeightsError, match=r"under a licence that isn't known"):
        load_models(Settings(face=None, voice=None, text="huggingface:somebody/moods:iemocap4", commercial_safe=True))


def test_any_classifier_with_facts_says_its_own_names_and_licence(tmp_path):
    roberta(tmp_path / "net", ("other", "cheer", "sadness", "rage", "calm"), at={"rage": 3.0, "other": 9.0})
    (tmp_path / "facts.toml").write_text(
        'id = "somebody/other"\nrevision = "abc"\ntaxonomy = "iemocap4"\nnames = { cheer = "happy", sadness = "sad", rage = "angry", calm = "neutral" }\n'
        'ignores = ["other"]\nlicense = "MIT"\nlicense_class = "permissive"\nlanguages = ["en"]\ntokens = 32\n[trained_on]\nmeld = ["train"]\n')
    m = registry.load("attune.text.models", f"huggingface:{tmp_path / 'facts.toml'}")
    settle(m, tmp_path / "net")
    assert (m.LICENSE_CLASS, m.LANGUAGES, m.TRAINED_ON, m.TOKENS, m.CHECKPOINTS[0].revision) == ("permissive", ("en",), {"meld": ("train",)}, 32, "abc")
    row = m.load()(["so happy"])[0]
    assert taxonomy("iemocap4").labels[int(row.argmax())] == "angry"
    assert row.sum() == pytest.approx(1, abs=1e-6)


def test_any_picture_and_any_sound_by_id(tmp_path):
    vit(tmp_path / "eye", [label.replace("happy", "joy") for label in SEVEN], at={"joy": 3.0})
    eye = registry.load("attune.face.models", "huggingface:somebody/eye:ekman7")
    settle(eye, tmp_path / "eye")
    assert taxonomy("ekman7").labels[int(eye.load()(np.stack([probe.pictures(eye)["face"]]))[0].argmax())] == "joy"
    superb(tmp_path / "ear", "Hubert", ("neutral", "happy", "angry", "sad"))
    ear = registry.load("attune.voice.models", "huggingface:somebody/ear:iemocap4")
    settle(ear, tmp_path / "ear")
    assert not [f.what for f in probe.check(ear, "voice", "ear") if f.holds is False]


def test_a_picture_s_size_is_the_checkpoint_s_own_unless_it_is_stated(tmp_path):
    vit(tmp_path / "eye", [label.replace("happy", "joy") for label in SEVEN], size=112, at={"joy": 3.0})
    (tmp_path / "facts.toml").write_text('id = "somebody/small-eye"\ntaxonomy = "ekman7"\nsize = 224\n')
    stated = registry.load("attune.face.models", f"huggingface:{tmp_path / 'facts.toml'}")
    settle(stated, tmp_path / "eye")
    eye = registry.load("attune.face.models", "huggingface:somebody/small-eye:ekman7")
    assert (eye.SIZE, stated.SIZE) == ((112, 112), (224, 224))
    assert taxonomy("ekman7").labels[int(eye.load()(np.stack([probe.pictures(eye)["face"]]))[0].argmax())] == "joy"
    with pytest.raises(WeightsError, match=r"wants pictures of 112 x 112.*state size = \[112, 112\]"):
        stated.load()


@pytest.mark.parametrize("given", ["somebody/moods", "moods:ekman7", ":ekman7", "somebody/moods:"])
def test_an_id_without_a_taxonomy_is_told(given):
    with pytest.raises(SettingError, match=r"expected huggingface:owner/name:taxonomy"):
        registry.load("attune.text.models", f"huggingface:{given}")


def test_a_model_of_the_hub_is_evaluated_like_any_other(tmp_path):
    from attune.datasets import Item, one_hot

    roberta(tmp_path / "net", ("sad", "happy", "neutral", "angry"), at={"angry": 3.0})
    m = registry.load("attune.text.models", "huggingface:somebody/moods2:iemocap4")
    settle(m, tmp_path / "net")
    items = [Item(str(i), "test", f"p{i % 2}", one_hot("iemocap4", label), text=f"so happy {i}") for i, label in enumerate(("angry", "sad", "angry", "angry"))]
    result = evaluate(items, m, facts={"taxonomy": "iemocap4"}, draws=10)
    assert result.scores[0].figures["accuracy"].value == 0.75
