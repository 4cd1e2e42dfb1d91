"""`attune evaluate words`: free words beside the words that people gave."""

import csv

import numpy as np
import pytest
from typer.testing import CliRunner

from attune.cli.app import app
from attune.datasets import Item
from attune.errors import RecordingError, SettingError
from attune.evaluate.open_words import MEAN, model_words, open_words, read_words, truth_words, words_of
from attune.metrics.words import Wheel

HALVES = Wheel("halves", {"happy": "good", "glad": "good", "sad": "bad", "angry": "bad"})


@pytest.fixture
def tree(tmp_path):
    """Three clips in EMER's layout: two with lists of words, one with a sentence."""
    with (tmp_path / "openset.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["name", "openset"], ["sample_1", "[joy, gratitude]"], ["sample_2", "[sadness]"]])
    with (tmp_path / "told.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["name", "english"], ["sample_3", "He shouts; this is anger."]])
    (tmp_path / "said.csv").write_text('id,words\nsample_1,"joy, sadness"\nsample_2,grief\nsample_3,love\n', encoding="utf-8")
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(app, ["evaluate", "words", *map(str, arguments)])


def test_words_are_joined_by_wheels_and_counted_by_hand():
    result = open_words({"a": ["happy"], "b": ["sad", "happy"], "c": ["unheard-of"]}, {"a": ["glad", "angry"], "b": ["sad"], "c": ["sad"]},
                        wheels=[HALVES], draws=10)
    of = result.wheels["halves"]
    assert (of["precision"].value, of["recall"].value, result.n["halves"]) == (0.75, 0.75, 2)
    assert result.wheels[MEAN]["f1"].value == of["f1"].value == 0.75


def test_items_without_words_said_are_left_out_and_told():
    result = open_words({"a": ["happy"], "b": ["sad"]}, {"a": ["glad"]}, wheels=[HALVES], draws=10)
    assert result.n["halves"] == 1
    assert "1 of 2 items have no words said" in result.notes[0]


def test_intervals_draw_people():
    truth, said = {str(i): ["happy"] for i in range(8)}, {str(i): ["glad" if i < 4 else "sad"] for i in range(8)}
    two = open_words(truth, said, wheels=[HALVES], groups={str(i): "ann" if i < 4 else "ben" for i in range(8)}, draws=50)
    each = open_words(truth, said, wheels=[HALVES], draws=50)
    assert two.speakers == 2
    assert (two.wheels["halves"]["recall"].low, two.wheels["halves"]["recall"].high) == (0.0, 1.0)
    assert each.wheels["halves"]["recall"].low > 0


@pytest.mark.parametrize(("truth", "said", "message"), [
    ({"a": ["happy"]}, {"b": ["happy"]}, "expected ids such as 'a'"),
    ({"a": ["unheard-of"]}, {"a": ["happy"]}, "knows a word of the truth"),
])
def test_what_cannot_be_compared_is_refused(truth, said, message):
    with pytest.raises(SettingError, match=message):
        open_words(truth, said, wheels=[HALVES], draws=10)


@pytest.mark.parametrize(("given", "expected"), [
    ("[happy, 'at ease']", ["happy", "at ease"]), ("Happy; at ease", ["happy", "at ease"]), (["Happy"], ["happy"]),
    ("He isn't happy. Angry!", ["he", "isn't", "happy", "angry"]), ("", []),
])
def test_lists_and_sentences_become_words(given, expected):
    assert words_of(given) == expected


def test_the_corpus_must_have_words_of_people():
    item = Item("a", "test", "", np.zeros(7, np.float32), about={"sex": "F"})
    with pytest.raises(SettingError, match="the corpus has: sex"):
        truth_words([item])


@pytest.mark.parametrize(("text", "message"), [("id,word\na,b\n", "no column 'words'"), ("id,words\na,b\na,c\n", "'a' twice")])
def test_a_file_that_cannot_be_meant_is_refused(tmp_path, text, message):
    (tmp_path / "said.csv").write_text(text, encoding="utf-8")
    with pytest.raises(RecordingError, match=message):
        read_words(tmp_path / "said.csv")


def test_a_model_says_its_labels_over_their_thresholds():
    class Made:
        __name__ = "made"
        TAXONOMIES = ("vad", "goemotions28")
        THRESHOLDS = {"admiration": 0.2}                       # noqa: RUF012

    values = np.zeros((2, 31))
    values[0, 3:5] = 0.3                                       # admiration over its own threshold, amusement under .5
    values[1] = np.nan
    assert model_words(Made, values, ["a", "b"]) == {"a": ["admiration"]}
    Made.TAXONOMIES = ("vad",)
    with pytest.raises(SettingError, match="positions only"):
        model_words(Made, values[:, :3], ["a", "b"])


def test_the_command_prints_and_writes_what_a_file_says(tree):
    done = run("emer", tree, "--predictions", tree / "said.csv", "--draws", 20, "--out", tree / "out")
    assert done.exit_code == 0, done.output
    for expected in ("goemotions28.ekman", MEAN, "attune evaluate words emer DIR --predictions said.csv --draws 20"):
        assert expected in done.output
    written = (tree / "out" / "emer-words-said" / "words.md").read_text(encoding="utf-8")
    assert "| goemotions28.ekman | 3 | **.500**" in written      # right of the first clip: one of two said; of the second: all; of the third: none
    assert str(tree) not in written


def test_the_command_scores_on_wheels_of_ones_own(tree):
    (tree / "wheels").mkdir()
    (tree / "wheels" / "mine.csv").write_text("level1,level2,level3\ngood,glad,joy\nbad,down,sadness\n,,grief\n", encoding="utf-8")
    done = run("emer", tree, "--predictions", tree / "said.csv", "--wheels", tree / "wheels", "--draws", 20, "--out", tree / "out")
    assert done.exit_code == 0, done.output
    assert "| mine | 2 | **.750**" in (tree / "out" / "emer-words-said" / "words.md").read_text(encoding="utf-8")


def test_whose_words_are_scored_must_be_said(tree):
    assert "--predictions FILE or --model NAME" in str(run("emer", tree).exception)
