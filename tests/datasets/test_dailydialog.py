"""DailyDialog and RECCON on made-up files."""

import json
from pathlib import Path

import pytest
from trees_made import write

from attune.datasets import dailydialog
from attune.taxonomy import taxonomy


def mini(root: Path) -> None:
    write(root, "train/dialogues_train.txt", "Hi there . __eou__ Oh , you ! __eou__\n")
    write(root, "train/dialogues_emotion_train.txt", "0 6 \n")
    write(root, "validation/dialogues_validation.txt", "Go away . __eou__\n")
    write(root, "validation/dialogues_emotion_validation.txt", "1\n")


def label(item):
    return taxonomy("ekman7").labels[item.values.argmax()]


def test_codes_are_emotions_and_speakers_take_turns(tmp_path: Path) -> None:
    mini(tmp_path)
    found = list(dailydialog.items(tmp_path))
    assert [(i.split, i.text, label(i), i.about["speaker"]) for i in found] == [
        ("train", "Hi there .", "neutral", "A"), ("train", "Oh , you !", "surprise", "B"), ("dev", "Go away .", "anger", "A")]
    assert found[0].group == found[1].group


def test_causes_are_turns_and_words(tmp_path: Path) -> None:
    turns = [{"turn": 1, "speaker": "A", "utterance": "We won !", "emotion": "happines", "expanded emotion cause evidence": [1, "b"],
              "expanded emotion cause span": ["We won", "b"], "type": ["no-context", "latent"]},
             {"turn": 2, "speaker": "B", "utterance": "I see .", "emotion": "neutral"}]
    write(tmp_path, "dailydialog_valid.json", json.dumps({"va_1": [turns]}))
    joy, neutral = dailydialog.items(tmp_path)
    assert (joy.split, label(joy), joy.about["causes"]) == ("dev", "joy", ((1, "We won"), ("b", "b")))
    assert neutral.about["causes"] == ()


def test_emotions_that_do_not_fit_the_sentences_are_an_error(tmp_path: Path) -> None:
    mini(tmp_path)
    write(tmp_path, "train/dialogues_emotion_train.txt", "0\n")
    with pytest.raises(ValueError, match="zip"):
        list(dailydialog.items(tmp_path))
