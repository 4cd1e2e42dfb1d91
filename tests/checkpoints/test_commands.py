"""`attune models`: listed, shown, added, checked, compared and removed, as a user types it."""

import dataclasses
import json

import numpy as np
import pytest
from checkpoints_made import linear_graph
from typer.testing import CliRunner

from attune import checkpoints, registry
from attune.cli.app import app
from attune.errors import AttuneError, SettingError, UnknownName, WeightsError
from attune.evaluate import comparing
from attune.taxonomy import taxonomy

LABELS = taxonomy("goemotions28").labels
NET = registry.load("attune.face.models", "hsemotion_b0_va")


def attune(*arguments, answer=None):
    done = CliRunner(env={"COLUMNS": "200"}).invoke(app, [str(a) for a in arguments], input=answer)
    if isinstance(done.exception, AttuneError):
        raise done.exception
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A folder that holds hsemotion_b0_va as it could be published, with no sum pinned."""
    monkeypatch.setattr(NET, "CHECKPOINTS", tuple(dataclasses.replace(c, sha256={}) for c in NET.CHECKPOINTS))
    NET.load.cache_clear()
    rng = np.random.default_rng(0)
    linear_graph(tmp_path / "published" / NET.WEIGHTS[0], {"input": ["batch", 3, 224, 224]}, rng.normal(size=(3, 10)), rng.normal(size=10) / 4, over=(2, 3))
    yield tmp_path / "published"
    NET.load.cache_clear()


def test_the_list_says_what_is_packaged_what_is_here_and_what_can_be_added(published):
    before = attune("models").output
    assert "packaged" in before
    assert "whisper_small" in before
    line = next(line for line in before.splitlines() if line.startswith("hsemotion_b0_va"))
    assert "can be added" in line
    assert "research-only" in line
    attune("models", "add", "hsemotion_b0_va", "--from", published, "--yes")
    line = next(line for line in attune("models").output.splitlines() if line.startswith("hsemotion_b0_va"))
    assert "present" in line


def test_what_a_model_is_can_be_asked_before_it_is_here(published):
    shown = attune("models", "show", "hsemotion_b0_va").output
    for expected in ("Apache-2.0", "224 x 224 RGB", "vad by values, -1..1, without dominance", "not here", "no sum pinned", "Savchenko", "AffectNet", NET.CHECKPOINTS[0].revision):
        assert expected in shown
    attune("models", "add", "hsemotion_b0_va", "--from", published, "--yes")
    shown = attune("models", "show", "hsemotion_b0_va").output
    assert "here enet_b0_8_va_mtl.onnx  sha256" in shown
    assert "packaged" in attune("models", "show", "minilm_emotions").output


def test_the_licence_is_shown_and_without_a_yes_nothing_is_fetched(published):
    refused = attune("models", "add", "hsemotion_b0_va", "--from", published, answer="n\n")
    assert refused.exit_code == 1
    assert "licence: code and weights Apache-2.0" in refused.output
    assert "Do you accept the licence" in refused.output
    assert "nothing was fetched" in refused.output
    assert not NET.CHECKPOINTS[0].folder.exists()
    accepted = attune("models", "add", "hsemotion_b0_va", "--from", published, answer="y\n")
    assert accepted.exit_code == 0
    assert NET.CHECKPOINTS[0].present


def test_commercial_safe_and_offline_refuse_before_anybody_is_asked(published):
    with pytest.raises(WeightsError, match=r"hsemotion_b0_va is research-only .* refuses it"):
        attune("models", "add", "hsemotion_b0_va", "--commercial-safe")
    with pytest.raises(WeightsError, match=r"distilroberta7 is under a licence that isn't known"):
        attune("models", "add", "distilroberta7", "--commercial-safe")
    with pytest.raises(WeightsError, match="offline"):
        attune("models", "add", "hsemotion_b0_va", "--offline", "--yes")


def test_a_wrong_sum_is_refused_by_the_command(published, monkeypatch):
    pinned = tuple(dataclasses.replace(c, sha256={NET.WEIGHTS[0]: "0" * 64}) for c in NET.CHECKPOINTS)
    monkeypatch.setattr(NET, "CHECKPOINTS", pinned)
    with pytest.raises(WeightsError, match=r"expected 000000.* by its facts; it is refused"):
        attune("models", "add", "hsemotion_b0_va", "--from", published, "--yes")


def test_a_check_passes_remembers_and_notices_a_change(published):
    with pytest.raises(WeightsError, match="attune models add hsemotion_b0_va"):
        attune("models", "check", "hsemotion_b0_va")
    attune("models", "add", "hsemotion_b0_va", "--from", published, "--yes")
    first, second = attune("models", "check", "hsemotion_b0_va"), attune("models", "check", "hsemotion_b0_va")
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert "what it says was written to golden.json" in first.output
    assert "it says what it said when it was first checked" in second.output
    golden = NET.CHECKPOINTS[0].folder / "golden.json"
    before = json.loads(golden.read_text())
    before["face"]["ferplus8.anger"] += 0.1
    golden.write_text(json.dumps(before))
    third = attune("models", "check", "hsemotion_b0_va")
    assert third.exit_code == 1
    assert "largest difference 0.1000" in third.output


def test_a_packaged_model_can_be_checked_too():
    done = attune("models", "check", "prosody_tiny")
    assert done.exit_code == 0
    assert "ravdess8 sums to 1" in done.output


def test_what_was_added_can_be_removed_and_what_is_packaged_cannot(published):
    attune("models", "add", "hsemotion_b0_va", "--from", published, "--yes")
    attune("models", "remove", "hsemotion_b0_va")
    assert not NET.CHECKPOINTS[0].folder.exists()
    with pytest.raises(WeightsError, match="nothing is deleted"):
        attune("models", "remove", "minilm_emotions")
    assert "nothing to add" in attune("models", "add", "minilm_emotions").output


def test_names_that_are_none_and_families_without_a_kind_are_told():
    with pytest.raises(UnknownName, match="did you mean 'hsemotion_b0_va'"):
        attune("models", "show", "hsemotion_b0va")
    with pytest.raises(SettingError, match="add --kind face, --kind voice or --kind text"):
        attune("models", "show", "huggingface:somebody/moods:ekman7")
    shown = attune("models", "show", "huggingface:somebody/moods:ekman7", "--kind", "text").output
    assert "somebody/moods" in shown
    assert "ekman7 by softmax" in shown


def test_what_was_added_by_its_id_is_listed(tmp_path):
    assert "somebody/moods" not in attune("models").output
    for name in ("config.json", "model.safetensors", "vocab.txt"):
        (tmp_path / name).write_text("{}")
    attune("models", "add", "huggingface:somebody/moods:ekman7", "--kind", "text", "--from", tmp_path, "--yes")
    (checkpoints.folder() / "somebody--broken").mkdir()
    (checkpoints.folder() / "somebody--broken" / checkpoints.LOCK).write_text('{"id": "somebody/brok')
    assert "huggingface:somebody/moods:TAXONOMY" in attune("models").output
    attune("models", "remove", "huggingface:somebody/moods:ekman7", "--kind", "text")
    assert "somebody/moods" not in attune("models").output


# two beside each other

@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """GoEmotions in its layout, with a few sentences that plainly say something."""
    root = tmp_path_factory.mktemp("goemotions")
    texts = [("Thank you so much!", "gratitude"), ("This makes me furious.", "anger"), ("I am terrified of the dark.", "fear"), ("I love you", "love"),
             ("My dog died yesterday.", "sadness"), ("I'm so happy for you!", "joy")] * 2
    for part in ("train", "dev", "test"):
        rows = [f"{text} {part} {i}\t{LABELS.index(label)}\t{part}{i}" for i, (text, label) in enumerate(texts)]
        (root / f"{part}.tsv").write_text("\n".join(rows) + "\n")
    return root


class Says:
    """A text model that says the same of every text."""

    TAXONOMIES, WEIGHTS, MODALITY, TRAINED_ON = ("goemotions28",), (), "text", {}

    def __init__(self, name, label):
        self.__name__, self.label = name, label

    def load(self):
        row = np.array([0.9 if label == self.label else 0.1 for label in LABELS], np.float32)
        return lambda texts: np.stack([row] * len(texts))


def test_a_better_model_is_better_by_a_sure_difference(tree, tmp_path):
    good = registry.load("attune.text.models", "minilm_emotions")
    table, = comparing.compare(("same", Says("same", "joy")), ("minilm_emotions", good), "goemotions", tree, draws=50, leak="allow", cache=tmp_path)
    assert (table.taxonomy, table.n) == ("goemotions28", 12)
    row = next(r for r in table.rows if r.figure == "map")
    assert row.second > 0.9 > row.first
    assert row.difference.value == pytest.approx(row.second - row.first)
    assert row.difference.low > 0


def test_a_model_is_as_good_as_itself(tree, tmp_path):
    same = ("one", Says("one", "joy")), ("other", Says("other", "joy"))
    table, = comparing.compare(*same, "goemotions", tree, draws=20, leak="allow", cache=tmp_path)
    assert all((r.difference.value, r.difference.low, r.difference.high) == (0, 0, 0) for r in table.rows)


def test_two_models_are_compared_by_one_command(tree, monkeypatch, tmp_path):
    monkeypatch.setenv("ATTUNE_CACHE", str(tmp_path))
    done = attune("models", "compare", "minilm_emotions", "minilm_emotions", "--on", "goemotions", tree, "--allow-leak", "--draws", "10")
    assert done.exit_code == 0, done.output
    assert "12 items that both measured" in done.output
    assert "0.000 [0.000, 0.000]" in done.output
    with pytest.raises(SettingError, match="expected two of one kind"):
        attune("models", "compare", "minilm_emotions", "prosody_tiny", "--on", "goemotions", tree)
    with pytest.raises(SettingError, match="exclude each other"):
        attune("models", "compare", "minilm_emotions", "minilm_emotions", "--on", "goemotions", tree, "--allow-leak", "--drop-leak")
    with pytest.raises(WeightsError, match=r"somebody/else, .* attune models add"):      # a text's, since the other is
        attune("models", "compare", "minilm_emotions", "huggingface:somebody/else:ekman7", "--on", "goemotions", tree, "--allow-leak", "--draws", "10")
