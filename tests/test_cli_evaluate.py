"""`attune evaluate` and `attune corpora` as a user types them, on a made-up tree in GoEmotions' layout."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Literal

import pytest

from attune.cli import evaluating
from attune.datasets import Item, one_hot
from attune.errors import MediaError
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
    assert "2 of 10 evaluated items meet what minilm_emotions was trained on (the same text: 2)" in stopped.stderr
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


def test_a_table_of_ones_own_is_read_with_its_options_and_checked_before(tmp_path):
    (tmp_path / "mine.csv").write_text("text,person,label,split\nI am so happy today,ann,joy,\nThis makes me furious,ben,anger,\n", encoding="utf-8")
    options = ("--split", "all", "--model", "minilm_emotions", "--draws", "10", "--out", tmp_path / "out", "--cache", tmp_path / "kept")
    stopped = attune("evaluate", "table", tmp_path, *options)
    assert stopped.returncode == 2
    assert "--with draw=yes" in stopped.stderr
    done = attune("evaluate", "table", tmp_path, *options, "--with", "draw=yes")
    assert done.returncode == 0, done.stderr
    assert "attune evaluate table DIR --split all --model minilm_emotions --with draw=yes" in done.stdout
    for wrong, expected in (("draw", "as in --with channel=song"), ("draws=yes", "there are: of, draw")):
        assert expected in attune("evaluate", "table", tmp_path, *options, "--with", wrong).stderr
    (tmp_path / "mine.csv").write_text("text,person,label,split\nSo happy,ann,joy,test\nSo sad,ben,sadnes,test\n", encoding="utf-8")
    checked = attune("corpora", "check", "table", tmp_path)
    assert checked.returncode == 1
    assert "did you mean 'sadness'" in checked.stdout
    assert "can't be evaluated before that is mended" in checked.stdout


def test_options_of_a_reader_are_shown():
    assert "--with channel=speech, song, both" in attune("corpora", "show", "ravdess").stdout


def films_and_sounds(there):
    """A corpus of sounds and films of the same takes, of which a folder has some."""
    module = ModuleType("attune.datasets.made")

    def items(root, *, modality: Literal["voice", "face", "both"] = "voice"):
        suffix = ".wav" if modality == "voice" else ".mp4"
        if modality not in there:
            raise MediaError(f"no {modality} here")
        return [Item("a", "test", "ann", one_hot("ekman7", "joy"), Path(modality + suffix))]

    module.items = items
    return module


@pytest.mark.parametrize(("there", "modality", "found"), [
    (("voice", "face", "both"), "voice", "voice.wav"), (("voice", "face", "both"), "face", "face.mp4"), (("voice", "both"), "face", "both.mp4"),
    (("both",), "voice", "both.mp4"),
])
def test_a_model_gets_what_a_folder_has_of_its_modality(there, modality, found):
    read = evaluating._Reading(films_and_sounds(there), Path(), {})
    assert [str(item.path) for item in read(modality)] == [found]
    assert read(modality) is read(modality)


def test_what_a_folder_lacks_or_was_asked_for_is_said():
    with pytest.raises(MediaError, match="no both here"):
        evaluating._Reading(films_and_sounds(("voice",)), Path(), {})("face")
    asked = evaluating._Reading(films_and_sounds(("voice", "face")), Path(), {"modality": "voice"})
    assert [str(item.path) for item in asked("face")] == ["voice.wav"]
