"""`attune evaluate` and `attune corpora` as a user types them, on a made-up tree in GoEmotions' layout."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from attune.taxonomy import taxonomy

ROOT = Path(__file__).parent.parent
LABELS = taxonomy("goemotions28").labels
SAID = {"gratitude": "Thank you so much for that", "anger": "This makes me furious every time", "joy": "I am so happy today my friends",
        "fear": "I am terrified of what comes now", "sadness": "My dog died and I keep crying"}


def attune(*arguments, cwd=ROOT, width=140):
    return subprocess.run([sys.executable, "-m", "attune.cli", *map(str, arguments)], capture_output=True, text=True, cwd=cwd, timeout=300,
                          env={**os.environ, "COLUMNS": str(width), "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)})


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Two rows a label and split; the texts of the splits differ, save for one that is in train and in test."""
    root = tmp_path_factory.mktemp("goemotions")
    (root / "emotions.txt").write_text("\n".join(LABELS) + "\n", encoding="utf-8")
    for split in ("train", "dev", "test"):
        rows = [f"{text} {split if label != 'joy' else ''} {i}\t{LABELS.index(label)}\t{split}{label}{i}" for label, text in SAID.items() for i in range(2)]
        (root / f"{split}.tsv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def done(tree):
    return attune("evaluate", "goemotions", tree, "--split", "test", "--allow-leak", "--draws", "20", "--out", tree / "out", "--cache", tree / "kept")


def test_figures_their_status_and_the_command_are_printed(done):
    assert done.returncode == 0, done.stderr
    for expected in ("they are in the figures", "goemotions · test — minilm_emotions", "macro-F1", "mean average precision", "gratitude", "n = 10",
                     "attune evaluate goemotions DIR --split test --allow-leak --draws 20"):
        assert expected in done.stdout
    assert "Traceback" not in done.stderr


def test_files_hold_the_same_and_nothing_of_this_machine(done, tree):
    folder = tree / "out" / "goemotions-test"
    facts = json.loads((folder / "evaluation.json").read_text(encoding="utf-8"))
    assert facts["scores"][0]["figures"]["macro_f1"]["n"] == 10
    assert facts["command"].startswith("attune evaluate goemotions DIR")
    for name in ("evaluation.json", "figures.md"):
        assert str(tree) not in (folder / name).read_text(encoding="utf-8")


def test_the_predictions_of_a_run_are_scored_alike(done, tree):
    file = next((tree / "out" / "goemotions-test").glob("predictions-*.parquet"))
    again = attune("evaluate", "--predictions", file, "--draws", "20", "--out", tree / "again")
    assert again.returncode == 0, again.stderr
    first, second = (json.loads((tree / where / "evaluation.json").read_text(encoding="utf-8"))["scores"][0]
                     for where in (f"out/{'goemotions-test'}", f"again/{file.stem}"))
    assert first["figures"]["map"] == second["figures"]["map"]


def test_a_leak_stops_the_run_in_a_sentence(tree):
    stopped = attune("evaluate", "goemotions", tree, "--split", "test", "--draws", "20", "--out", tree / "out2", "--cache", tree / "kept")
    assert stopped.returncode == 2
    assert "2 of 10 evaluated items were there when minilm_emotions was trained (the same text: 2)" in stopped.stderr
    assert "--allow-leak" in stopped.stderr
    assert not (tree / "out2").exists()


def test_a_narrow_terminal_gets_the_figures_too(tree):
    narrow = attune("evaluate", "goemotions", tree, "--allow-leak", "--draws", "10", "--out", tree / "out3", "--cache", tree / "kept", width=70)
    assert narrow.returncode == 0, narrow.stderr
    assert "macro-F1" in narrow.stdout
    assert max(map(len, narrow.stdout.splitlines())) < 100           # the command apart, which isn't broken


@pytest.mark.parametrize(("arguments", "expected"), [
    (("evaluate",), "expected CORPUS and DIR"),
    (("evaluate", "goemotion", "."), "did you mean 'goemotions'"),
    (("evaluate", "goemotions", "."), "to get GoEmotions"),
    (("evaluate", "goemotions", ".", "--allow-leak", "--drop-leak"), "exclude each other"),
    (("evaluate", "--predictions", "nowhere.parquet"), "nowhere.parquet"),
    (("corpora", "check", "goemotion", "."), "did you mean 'goemotions'"),
])
def test_mistakes_are_answered_in_a_sentence(arguments, expected, tmp_path):
    more = ("--out", tmp_path) if arguments[0] == "evaluate" else ()
    wrong = attune(*arguments, *more)
    assert wrong.returncode == 2
    assert expected in wrong.stderr
    assert "Traceback" not in wrong.stderr


def test_a_model_of_another_name_is_answered_with_the_nearest(tree, tmp_path):
    wrong = attune("evaluate", "goemotions", tree, "--model", "minilm_emotion", "--out", tmp_path)
    assert "did you mean 'minilm_emotions'" in wrong.stderr


def test_every_corpus_is_listed():
    from attune import datasets

    listed = attune("corpora").stdout
    assert all(name in listed for name in datasets.names())
    shown = attune("corpora", "show", "goemotions").stdout
    assert "doi:10.18653" in shown
    assert "to get it" in shown


def test_a_folder_is_checked(tree, tmp_path):
    good = attune("corpora", "check", "goemotions", tree)
    assert good.returncode == 0, good.stderr
    assert "30 items" in good.stdout
    empty = attune("corpora", "check", "goemotions", tmp_path)
    assert empty.returncode == 1
    assert "0 items" in empty.stdout
