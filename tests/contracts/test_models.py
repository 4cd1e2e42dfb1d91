"""What every model in attune/{face,voice,text}/models must keep; a new one is found by itself.

Inputs are made here: pictures of noise and stripes, tones and noise, sentences. `tests/golden/<model>.json` holds what a model said
of the inputs `GOLDEN` when it was made, by label: {"made": ..., "tolerance": ..., "values": {input: {label: value}}}; it is written by

    python tests/contracts/test_models.py attune.text.models minilm_emotions
"""

import json
import re
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import get_args

import numpy as np
import pytest

from attune import registry
from attune.taxonomy import names as taxonomies
from attune.taxonomy import taxonomy
from attune.weights import LicenceClass, files

FOLDERS = {"face": "attune.face.models", "voice": "attune.voice.models", "text": "attune.text.models"}
GOLDENS = Path(__file__).parents[1] / "golden"
MODELS = [(kind, name) for kind, folder in FOLDERS.items() for name in registry.names(folder)]
every_model = pytest.mark.parametrize(("kind", "name"), MODELS, ids=[f"{kind}-{name}" for kind, name in MODELS])


def module(kind: str, name: str) -> ModuleType:
    return registry.load(FOLDERS[kind], name)


def loaded(kind: str, name: str):
    if not all(path.is_file() for path in files(module(kind, name))):
        pytest.skip("weights are missing; test_weights_lie_beside_the_module fails for it")
    return module(kind, name).load()


# inputs, by name

def pictures(m: ModuleType) -> dict[str, np.ndarray]:
    h, w = m.SIZE
    y, x = np.mgrid[:h, :w]
    dot = 255 * np.exp(-((x - w / 2) ** 2 + (y - h / 2) ** 2) / (h * w / 16))
    eyes = 200 - 150 * (((abs(x - 0.3 * w) < w / 10) | (abs(x - 0.7 * w) < w / 10)) & (abs(y - 0.4 * h) < h / 14))
    smile = 200 - 150 * (abs(y - 0.78 * h + 0.9 * h * ((x - w / 2) / w) ** 2) < h / 20)
    grey = {"noise": np.random.default_rng(0).integers(0, 256, (h, w)), "stripes": 255 * (x // 4 % 2), "ramp": 255 * x / w, "dot": dot,
            "face": np.minimum(eyes, smile)}
    return {name: np.repeat(picture[:, :, None], 3, axis=2).astype(np.uint8) for name, picture in grey.items()}


def sounds(m: ModuleType) -> dict[str, np.ndarray]:
    def time(seconds: float) -> np.ndarray:
        return np.arange(round(max(seconds, m.MIN_SECONDS) * m.SAMPLE_RATE)) / m.SAMPLE_RATE

    def voice(t: np.ndarray, pitch: float, syllables: float) -> np.ndarray:
        return sum(np.sin(2 * np.pi * pitch * k * t + k) / k for k in range(1, 20)) * (1 + np.sin(2 * np.pi * syllables * t)) / 8

    noise = np.random.default_rng(0).normal(size=len(time(1.3)))
    made = {"low voice": voice(time(2.0), 110, 3), "high voice": voice(time(1.0), 240, 5), "tone": 0.3 * np.sin(2 * np.pi * 440 * time(0.7)),
            "noise": 0.1 * noise, "soft voice": 0.001 * voice(time(3.1), 180, 4)}
    return {name: sound.astype(np.float32) for name, sound in made.items()}


MEANT = {                                                    # sentences that plainly say something, by language
    "en": {"I'm so happy for you!": "joy", "This makes me furious.": "anger", "I am terrified of the dark.": "fear", "Thank you so much!": "gratitude",
           "My dog died yesterday.": "sadness", "I love you \N{HEAVY BLACK HEART}": "love", "The train leaves at nine.": "neutral"},
    "de": {"Ich freue mich so für dich!": "joy", "Das macht mich wütend.": "anger", "Ich habe furchtbare Angst im Dunkeln.": "fear",
           "Vielen, vielen Dank!": "gratitude", "Mein Hund ist gestern gestorben.": "sadness", "Der Zug fährt um neun Uhr ab.": "neutral"},
}


def language(m: ModuleType) -> str:
    return getattr(m, "LANGUAGES", ("en",))[0]


def sentences(m: ModuleType) -> dict[str, str]:
    return {s: s for s in (*MEANT[language(m)], "I wonder how that works?", "no", "word " * 600)}


INPUTS = {"face": pictures, "voice": sounds, "text": sentences}
NOTHING = {                                                  # what can't be measured
    "face": lambda m: {"one colour": np.full((*m.SIZE, 3), 128, np.uint8)},
    "voice": lambda m: {"no samples": np.zeros(0, np.float32), "digital silence": np.zeros(2 * m.SAMPLE_RATE, np.float32)},
    "text": lambda m: {"nothing": "", "blanks": " \n\t"},
}


def batch(kind: str, inputs: list):
    return np.stack(inputs) if kind == "face" else inputs


@cache
def said(kind: str, name: str) -> tuple[list, np.ndarray]:
    """The inputs, and what the model says of them in one batch."""
    inputs = list(INPUTS[kind](module(kind, name)).values())
    return inputs, loaded(kind, name)(batch(kind, inputs))


def columns(m: ModuleType) -> dict[str, slice]:
    """Where each of a model's taxonomies lies in its columns."""
    ends = np.cumsum([len(taxonomy(t)) for t in m.TAXONOMIES]).tolist()
    return {t: slice(end - len(taxonomy(t)), end) for t, end in zip(m.TAXONOMIES, ends, strict=True)}


# facts

CARD = {                                                     # what a card must speak of
    "the command that made it": r"recipes/\w+\.py", "its licence": r"licen[cs]e", "what its figures are of": r"held[ -]out|out[ -]of[ -]sample|in[ -]sample",
    "the number of cases": r"\bn\b ?(=|\|)|[\d,]+ (clips|pictures|comments|sentences)", "intervals": r"\[[-\d.]+, ?[-\d.]+\]", "calibration": r"calibrat",
    "its time on one core": r"\d ?ms\b", "its limits": r"limit", "what it isn't for": r"not for|not be used|must not|isn't for|never use",
}


def test_each_modality_has_a_model():
    assert {kind for kind, _ in MODELS} == set(FOLDERS)


@every_model
def test_facts_are_stated(kind, name):
    m = module(kind, name)
    for fact in ("TITLE", "LICENSE", "REFERENCE", "DATA", "LIMITS"):
        assert isinstance(getattr(m, fact), str), fact
        assert getattr(m, fact).strip(), fact
    assert m.LICENSE_CLASS in get_args(LicenceClass)
    assert isinstance(m.TAXONOMIES, tuple)
    assert m.TAXONOMIES
    assert set(m.TAXONOMIES) <= set(taxonomies())
    assert isinstance(m.WEIGHTS, tuple)
    assert m.__doc__


@every_model
def test_what_it_takes_is_stated(kind, name):
    m = module(kind, name)
    if kind == "face":
        assert len(m.SIZE) == 2
        assert min(m.SIZE) > 0
    if kind == "voice":
        assert m.SAMPLE_RATE in (8_000, 16_000, 22_050, 24_000, 44_100, 48_000)
        assert 0 < m.MIN_SECONDS <= 5


@every_model
def test_weights_lie_beside_the_module(kind, name):
    for path in files(module(kind, name)):
        assert path.is_file(), f"{path.name} is missing; run the model's recipe"
        assert path.stat().st_size > 0


@every_model
def test_a_card_says_how_it_was_made_and_what_it_is_worth(kind, name):
    m = module(kind, name)
    card = Path(m.__file__).with_suffix(".md")
    assert card.is_file(), f"no card {card.name} beside the model"
    text = card.read_text(encoding="utf-8").lower()
    for what, pattern in CARD.items():
        assert re.search(pattern, text), f"{card.name} says nothing of {what}"


# numbers

@every_model
def test_rows_are_inputs_and_columns_are_labels(kind, name):
    inputs, values = said(kind, name)
    assert values.shape == (len(inputs), sum(len(taxonomy(t)) for t in module(kind, name).TAXONOMIES))
    assert values.dtype == np.float32


@every_model
def test_values_are_finite_and_in_range(kind, name):
    _, values = said(kind, name)
    assert np.isfinite(values).all()
    for t, where in columns(module(kind, name)).items():
        low, high = taxonomy(t).range
        assert values[:, where].min() >= low - 1e-6
        assert values[:, where].max() <= high + 1e-6
        if taxonomy(t).kind == "exclusive":
            np.testing.assert_allclose(values[:, where].sum(axis=1), 1, atol=1e-5)


@every_model
def test_different_inputs_are_told_apart(kind, name):
    _, values = said(kind, name)
    assert len({row.tobytes() for row in values}) == len(values)


@every_model
def test_a_batch_of_one_equals_the_batch_exactly(kind, name):
    inputs, values = said(kind, name)
    model = loaded(kind, name)
    for one, row in zip(inputs, values, strict=True):
        np.testing.assert_array_equal(model(batch(kind, [one]))[0], row)


@every_model
def test_neighbours_and_order_change_nothing(kind, name):
    inputs, values = said(kind, name)
    np.testing.assert_array_equal(loaded(kind, name)(batch(kind, inputs[::-1])), values[::-1])


@every_model
def test_the_same_twice_gives_the_same(kind, name):
    inputs, values = said(kind, name)
    np.testing.assert_array_equal(module(kind, name).load()(batch(kind, inputs)), values)


@every_model
def test_inputs_are_left_as_they_came(kind, name):
    inputs, _ = said(kind, name)
    for now, made in zip(inputs, INPUTS[kind](module(kind, name)).values(), strict=True):
        np.testing.assert_array_equal(now, made)


@every_model
def test_no_inputs_give_no_rows(kind, name):
    m = module(kind, name)
    none = np.zeros((0, *m.SIZE, 3), np.uint8) if kind == "face" else []
    assert loaded(kind, name)(none).shape == (0, said(kind, name)[1].shape[1])


@every_model
def test_what_cannot_be_measured_is_missing_and_disturbs_nothing(kind, name):
    inputs, values = said(kind, name)
    nothing = list(NOTHING[kind](module(kind, name)).values())
    got = loaded(kind, name)(batch(kind, [*nothing, *inputs]))
    assert np.isnan(got[: len(nothing)]).all()
    np.testing.assert_array_equal(got[len(nothing) :], values)


@every_model
def test_an_embedding_is_one_finite_row_an_input(kind, name):
    inputs, _ = said(kind, name)
    model = loaded(kind, name)
    if not hasattr(model, "embed"):
        pytest.skip("has no embedding")
    rows = model.embed(batch(kind, inputs))
    assert rows.shape[0] == len(inputs)
    assert np.isfinite(rows).all()
    np.testing.assert_array_equal(model.embed(batch(kind, inputs[:1])), rows[:1])


@pytest.mark.parametrize("name", registry.names(FOLDERS["text"]))
def test_plain_sentences_get_what_they_plainly_say(name):
    said_of, meant = by_label("text", name), MEANT[language(module("text", name))]
    for t in module("text", name).TAXONOMIES:
        for sentence, label in meant.items():
            if label in taxonomy(t).labels:                           # among the three that are said first
                ranked = sorted(taxonomy(t).labels, key=lambda other: -said_of[sentence][f"{t}.{other}"])
                assert label in ranked[:3], f"{sentence} is {', '.join(ranked[:3])}"
    if "vad" in module("text", name).TAXONOMIES:
        assert said_of["I'm so happy for you!"]["vad.valence"] > said_of["My dog died yesterday."]["vad.valence"]


@every_model
def test_labels_stand_where_the_golden_numbers_say(kind, name):
    path = GOLDENS / f"{name}.json"
    if not path.exists():
        pytest.skip(f"no {path.name}")
    golden = json.loads(path.read_text(encoding="utf-8"))
    m = module(kind, name)
    now = by_label(kind, name)
    assert {len(row) for row in golden["values"].values()} == {sum(len(taxonomy(t)) for t in m.TAXONOMIES)}
    for source, row in golden["values"].items():
        for label, value in row.items():
            assert now[source][label] == pytest.approx(value, abs=golden["tolerance"]), f"{label} of {source!r}"


def by_label(kind: str, name: str) -> dict[str, dict[str, float]]:
    """What a model says of its inputs: input -> taxonomy.label -> value."""
    m = module(kind, name)
    _, values = said(kind, name)
    labels = [f"{t}.{label}" for t in m.TAXONOMIES for label in taxonomy(t).labels]
    return {source: dict(zip(labels, map(float, row), strict=True)) for source, row in zip(INPUTS[kind](m), values, strict=True)}


def write_golden(folder: str, name: str) -> None:
    """Write down what a model says now."""
    kind = next(k for k, f in FOLDERS.items() if f == folder)
    values = {source: {label: round(value, 4) for label, value in row.items()} for source, row in by_label(kind, name).items() if len(source) < 80}
    golden = {"made": f"python tests/contracts/test_models.py {folder} {name}", "tolerance": 0.02, "values": values}
    GOLDENS.mkdir(exist_ok=True)
    (GOLDENS / f"{name}.json").write_text(json.dumps(golden, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_golden(*sys.argv[1:])
