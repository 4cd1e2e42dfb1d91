"""The packaged text model that may be used commercially: rows, not numbers of the training; those stand in its card."""

import numpy as np
import pytest

from attune import datasets
from attune.taxonomy import taxonomy
from attune.text.models import _minilm, minilm_emotions, minilm_open
from attune.text.models.minilm_open import load
from attune.weights import COMMERCIAL, files

GO, VAD, NAMES = taxonomy("goemotions28"), taxonomy("vad"), taxonomy(minilm_open.NAMED)


def said(text: str) -> set[str]:
    return {label for label, p in zip(GO.labels, load()([text])[0], strict=False) if p >= minilm_open.THRESHOLDS[label]}


def vad(text: str) -> dict[str, float]:
    return dict(zip(VAD.labels, load()([text])[0, len(GO) : len(GO) + 3].tolist(), strict=True))


def test_it_and_everything_it_learned_from_may_be_used_commercially() -> None:
    assert minilm_open.LICENSE_CLASS in COMMERCIAL
    classes = {name: datasets.load(name).FACTS["license_class"] for name in minilm_open.TRAINED_ON}
    assert set(classes.values()) <= COMMERCIAL, classes
    assert "share-alike" in classes.values()
    assert minilm_open.LICENSE_CLASS == "share-alike"
    assert "empathetic_dialogues" not in minilm_open.TRAINED_ON


def test_columns_are_the_labels_of_its_taxonomies_side_by_side() -> None:
    values = load()(["Thank you so much!", "lol", "!!"])
    assert values.shape == (3, len(GO) + len(VAD) + len(NAMES))
    assert ((values[:, :28] > 0) & (values[:, :28] < 1)).all()
    assert (np.abs(values[:, 28:31]) <= 1).all()
    assert ((values[:, 31:] >= 0) & (values[:, 31:] <= 1)).all()


def test_its_names_are_names_of_its_siblings_and_of_hume() -> None:
    assert set(NAMES.labels) <= set(taxonomy(minilm_emotions.NAMED).labels) <= set(taxonomy("hume53").labels)
    row = load()(["I'm terrified, I can't stop shaking."])[0]
    for name, label in _minilm.OF_GOEMOTIONS.items():
        assert row[31 + NAMES.index(name)] == row[GO.index(label)]


@pytest.mark.parametrize("nothing", ["", " ", "\u200b", "\ud800"])
def test_no_text_that_can_be_read_is_nan(nothing: str) -> None:
    values = load()([nothing, "fine"])
    assert np.isnan(values[0]).all()
    assert np.isfinite(values[1]).all()
    assert np.isnan(load().embed([nothing])).all()


@pytest.mark.parametrize(("text", "label"), [
    ("Thank you so much, this means a lot to me!", "gratitude"),
    ("I am so sorry, please forgive me.", "remorse"),
    ("I love you with all my heart.", "love"),
    ("I am furious, how dare they do this to me!", "anger"),
    ("I'm terrified, I can't stop shaking.", "fear"),
    ("Hahaha, that was hilarious", "amusement"),
    ("I feel so sad and lonely tonight.", "sadness"),
    ("That is disgusting, it makes me want to vomit.", "disgust"),
    ("The meeting is at ten.", "neutral"),
])
def test_a_plain_sentence_is_read_plainly(text: str, label: str) -> None:
    assert label in said(text)


def test_valence_and_arousal_point_the_right_way() -> None:
    joy, grief = vad("What a wonderful day, I am so happy!"), vad("The little boy died alone in the fire.")
    assert joy["valence"] > 0.2 > -0.2 > grief["valence"]
    assert vad("They screamed and ran for their lives!")["arousal"] > vad("He sat quietly by the lake.")["arousal"] + 0.1


def test_both_english_models_stand_on_one_file_of_frozen_layers_and_one_token_list() -> None:
    assert set(files(minilm_open)) & set(files(minilm_emotions)) == {_minilm.FOLDER / _minilm.VOCABULARY, _minilm.FOLDER / _minilm.FROZEN}
    own = [path for path in files(minilm_open) if path.suffix == ".onnx"]
    assert sum(path.stat().st_size for path in own) < 9.5e6
