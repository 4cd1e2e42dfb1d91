"""What every model in attune/{face,voice,text}/models must keep; a new one is found by itself.

Inputs are made by `attune.checkpoints.probe`: pictures of noise and stripes, tones and noise, sentences. Models whose weights are fetched
by the user state the same facts; their numbers are tried on tiny checkpoints, in tests/checkpoints. `tests/golden/<model>.json` holds what
a model said of these inputs when it was made, by label: {"made": ..., "tolerance": ..., "values": {input: {label: value}}}; it is written by

    python tests/contracts/test_models.py attune.text.models minilm_emotions
"""

import ast
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
from attune.checkpoints import Checkpoint, state
from attune.checkpoints.labels import Output
from attune.checkpoints.probe import AMONG, INPUTS, MEANT, NOTHING, batch, columns, language
from attune.checkpoints.probe import by_label as labelled
from attune.errors import AttuneError, MissingExtra, WeightsError
from attune.taxonomy import names as taxonomies
from attune.taxonomy import taxonomy
from attune.weights import LicenceClass, files

FOLDERS = {"face": "attune.face.models", "voice": "attune.voice.models", "text": "attune.text.models"}
GOLDENS = Path(__file__).parents[1] / "golden"
MODELS = [(kind, name) for kind, folder in FOLDERS.items() for name in registry.names(folder)]
RECOGNISERS = [("recogniser", name) for name in registry.names("attune.text.recognisers")]
ALL = {**FOLDERS, "recogniser": "attune.text.recognisers"}


def fetched(kind: str, name: str) -> bool:
    """Whether its weights are fetched by the user."""
    return hasattr(registry.load(ALL[kind], name), "CHECKPOINTS")


def each(models: list[tuple[str, str]]):
    return pytest.mark.parametrize(("kind", "name"), models, ids=[f"{kind}-{name}" for kind, name in models])


PACKAGED = [m for m in MODELS if not fetched(*m)]
every_model, packaged_model = each(MODELS), each(PACKAGED)
adapter = each([m for m in MODELS + RECOGNISERS if fetched(*m)])


def module(kind: str, name: str) -> ModuleType:
    return registry.load(FOLDERS[kind], name)


def loaded(kind: str, name: str):
    if not all(path.is_file() for path in files(module(kind, name))):
        pytest.skip("weights are missing; test_weights_lie_beside_the_module fails for it")
    return module(kind, name).load()


@cache
def said(kind: str, name: str) -> tuple[list, np.ndarray]:
    """The inputs, and what the model says of them in one batch."""
    inputs = list(INPUTS[kind](module(kind, name)).values())
    return inputs, loaded(kind, name)(batch(kind, inputs))


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


# models of other people

@adapter
def test_where_weights_are_published_and_what_the_outputs_are_is_stated(kind, name):
    m = registry.load(ALL[kind], name)
    assert isinstance(m.CHECKPOINTS, tuple)
    for checkpoint in m.CHECKPOINTS:
        assert isinstance(checkpoint, Checkpoint)
        assert re.fullmatch(r"[\w.-]+/[\w.-]+", checkpoint.id)
        assert checkpoint.files
        assert all(re.fullmatch(r"[0-9a-f]{64}", known) for known in checkpoint.sha256.values())
        assert not checkpoint.sha256 or checkpoint.revision, "a pinned file needs a pinned revision"
        assert set(checkpoint.sha256) <= {name for entry in checkpoint.files for name in entry.removesuffix("?").split("|")}
    assert m.LICENSE_CLASS in get_args(LicenceClass)
    for fact in ("TITLE", "LICENSE", "REFERENCE", "DATA", "LIMITS"):
        assert getattr(m, fact).strip(), fact
    assert tuple(file for checkpoint in m.CHECKPOINTS for file in checkpoint.files) == m.WEIGHTS
    if kind != "recogniser":
        assert m.INPUT.strip()
        outputs = getattr(m, "OUTPUTS", getattr(m, "OUTPUT", None))
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        assert all(isinstance(output, Output) for output in outputs)
        assert tuple(output.taxonomy for output in outputs) == m.TAXONOMIES


@adapter
def test_importing_it_imports_nothing_heavy(kind, name):
    tree = ast.parse(Path(registry.load(ALL[kind], name).__file__).read_text(encoding="utf-8"))
    top = {alias.name.split(".")[0] for node in tree.body if isinstance(node, ast.Import) for alias in node.names}
    top |= {node.module.split(".")[0] for node in tree.body if isinstance(node, ast.ImportFrom)}
    assert not top & {"torch", "transformers", "funasr", "mediapipe", "feat", "onnxruntime", "tokenizers", "faster_whisper"}


@adapter
def test_without_its_weights_it_says_how_to_get_them(kind, name, tmp_path, monkeypatch):
    monkeypatch.setenv("ATTUNE_CHECKPOINTS", str(tmp_path))
    m = registry.load(ALL[kind], name)
    assert state(m) == "can be added" or not m.CHECKPOINTS
    with pytest.raises((WeightsError, MissingExtra), match=f"attune models add {name}|pip install") as caught:
        m.transcribe(np.zeros(16_000, np.float32)) if kind == "recogniser" else m.load()
    assert isinstance(caught.value, AttuneError)
    assert list(tmp_path.iterdir()) == []


@adapter
def test_the_page_of_checkpoints_speaks_of_it(kind, name):
    page = (Path(__file__).parents[2] / "docs" / "checkpoints.md").read_text(encoding="utf-8")
    assert f"`{name}`" in page, "run scripts/make_checkpoints_page.py"


# weights and cards

@packaged_model
def test_weights_lie_beside_the_module(kind, name):
    for path in files(module(kind, name)):
        assert path.is_file(), f"{path.name} is missing; run the model's recipe"
        assert path.stat().st_size > 0


@packaged_model
def test_a_card_says_how_it_was_made_and_what_it_is_worth(kind, name):
    m = module(kind, name)
    card = Path(m.__file__).with_suffix(".md")
    assert card.is_file(), f"no card {card.name} beside the model"
    text = card.read_text(encoding="utf-8").lower()
    for what, pattern in CARD.items():
        assert re.search(pattern, text), f"{card.name} says nothing of {what}"


# numbers

@packaged_model
def test_rows_are_inputs_and_columns_are_labels(kind, name):
    inputs, values = said(kind, name)
    assert values.shape == (len(inputs), sum(len(taxonomy(t)) for t in module(kind, name).TAXONOMIES))
    assert values.dtype == np.float32


@packaged_model
def test_values_are_finite_and_in_range(kind, name):
    _, values = said(kind, name)
    assert np.isfinite(values).all()
    for t, where in columns(module(kind, name)).items():
        low, high = taxonomy(t).range
        assert values[:, where].min() >= low - 1e-6
        assert values[:, where].max() <= high + 1e-6
        if taxonomy(t).kind == "exclusive":
            np.testing.assert_allclose(values[:, where].sum(axis=1), 1, atol=1e-5)


@packaged_model
def test_different_inputs_are_told_apart(kind, name):
    _, values = said(kind, name)
    assert len({row.tobytes() for row in values}) == len(values)


@packaged_model
def test_a_batch_of_one_equals_the_batch_exactly(kind, name):
    inputs, values = said(kind, name)
    model = loaded(kind, name)
    for one, row in zip(inputs, values, strict=True):
        np.testing.assert_array_equal(model(batch(kind, [one]))[0], row)


@packaged_model
def test_neighbours_and_order_change_nothing(kind, name):
    inputs, values = said(kind, name)
    np.testing.assert_array_equal(loaded(kind, name)(batch(kind, inputs[::-1])), values[::-1])


@packaged_model
def test_the_same_twice_gives_the_same(kind, name):
    inputs, values = said(kind, name)
    np.testing.assert_array_equal(module(kind, name).load()(batch(kind, inputs)), values)


@packaged_model
def test_inputs_are_left_as_they_came(kind, name):
    inputs, _ = said(kind, name)
    for now, made in zip(inputs, INPUTS[kind](module(kind, name)).values(), strict=True):
        np.testing.assert_array_equal(now, made)


@packaged_model
def test_no_inputs_give_no_rows(kind, name):
    m = module(kind, name)
    none = np.zeros((0, *m.SIZE, 3), np.uint8) if kind == "face" else []
    assert loaded(kind, name)(none).shape == (0, said(kind, name)[1].shape[1])


@packaged_model
def test_what_cannot_be_measured_is_missing_and_disturbs_nothing(kind, name):
    inputs, values = said(kind, name)
    nothing = list(NOTHING[kind](module(kind, name)).values())
    got = loaded(kind, name)(batch(kind, [*nothing, *inputs]))
    assert np.isnan(got[: len(nothing)]).all()
    np.testing.assert_array_equal(got[len(nothing) :], values)


@packaged_model
def test_an_embedding_is_one_finite_row_an_input(kind, name):
    inputs, _ = said(kind, name)
    model = loaded(kind, name)
    if not hasattr(model, "embed"):
        pytest.skip("has no embedding")
    rows = model.embed(batch(kind, inputs))
    assert rows.shape[0] == len(inputs)
    assert np.isfinite(rows).all()
    np.testing.assert_array_equal(model.embed(batch(kind, inputs[:1])), rows[:1])


@pytest.mark.parametrize("name", [name for kind, name in PACKAGED if kind == "text"])
def test_plain_sentences_get_what_they_plainly_say(name):
    said_of, meant = by_label("text", name), MEANT[language(module("text", name))]
    for t in module("text", name).TAXONOMIES:
        for sentence, label in meant.items():
            if label in taxonomy(t).labels:                           # among the three that are said first
                ranked = sorted(taxonomy(t).labels, key=lambda other: -said_of[sentence][f"{t}.{other}"])
                assert label in ranked[:AMONG], f"{sentence} is {', '.join(ranked[:3])}"
    if "vad" in module("text", name).TAXONOMIES:
        assert said_of["I'm so happy for you!"]["vad.valence"] > said_of["My dog died yesterday."]["vad.valence"]


@packaged_model
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
    return labelled(m, INPUTS[kind](m), said(kind, name)[1])


def write_golden(folder: str, name: str) -> None:
    """Write down what a model says now."""
    kind = next(k for k, f in FOLDERS.items() if f == folder)
    values = {source: {label: round(value, 4) for label, value in row.items()} for source, row in by_label(kind, name).items() if len(source) < 80}
    golden = {"made": f"python tests/contracts/test_models.py {folder} {name}", "tolerance": 0.02, "values": values}
    GOLDENS.mkdir(exist_ok=True)
    (GOLDENS / f"{name}.json").write_text(json.dumps(golden, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write_golden(*sys.argv[1:])
