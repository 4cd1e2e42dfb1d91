"""TESS on a made-up tree."""

from pathlib import Path

import pytest
from trees_made import touch

from attune.datasets import tess
from attune.errors import AttuneError
from attune.taxonomy import taxonomy


def mini(root: Path) -> None:
    """With the folder that copies hold twice, and the file that lacks a letter."""
    touch(root, "YAF_angry/YAF_back_angry.wav", "copy/YAF_angry/YAF_back_angry.wav", "OAF_Pleasant_surprise/OAF_bar_ps.wav", "OAF_neutral/OA_bite_neutral.wav")


def test_a_clip_is_read_once_and_both_spellings_are_the_older_woman(tmp_path: Path) -> None:
    mini(tmp_path)
    found = list(tess.items(tmp_path))
    assert [(item.id, item.group, item.about["age"]) for item in found] == [
        ("OAF_bar_ps", "tess-OAF", 64), ("OA_bite_neutral", "tess-OAF", 64), ("YAF_back_angry", "tess-YAF", 26)
    ]
    assert [taxonomy("ekman7").labels[item.values.argmax()] for item in found] == ["surprise", "neutral", "anger"]


def test_an_emotion_it_does_not_know_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AttuneError, match="bored"):
        list(tess.items(touch(tmp_path, "OAF_back_bored.wav")))
