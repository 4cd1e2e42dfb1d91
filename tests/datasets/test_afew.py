"""AFEW on a made-up tree."""

from pathlib import Path

from trees_made import touch

from attune.datasets import afew
from attune.taxonomy import taxonomy


def mini(root: Path) -> None:
    touch(root, "Train_AFEW/Angry/000046280.avi", "Train_AFEW/Neutral/003857440.avi", "Val_AFEW/Val/Happy/000149120.avi", "Test_2016/000000001.avi")


def test_part_and_emotion_are_folders_with_or_without_others_between(tmp_path: Path) -> None:
    mini(tmp_path)
    found = list(afew.items(tmp_path))
    assert [(item.split, taxonomy("ekman7").labels[item.values.argmax()]) for item in found] == [("train", "anger"), ("train", "neutral"), ("dev", "joy")]
    assert {item.group for item in found} == {""}


def test_films_of_the_part_without_labels_are_left_out(tmp_path: Path) -> None:
    mini(tmp_path)
    assert not any("Test" in str(item.path.relative_to(tmp_path)) for item in afew.items(tmp_path))
