"""URDU on a made-up tree."""

from pathlib import Path

import numpy as np
import pytest
from trees_made import touch

from attune.datasets import urdu
from attune.errors import AttuneError


def mini(root: Path) -> None:
    touch(root, "Angry/SM1_F10_A010.wav", "Sad/SF10_F1_S01.wav", "Neutral/SM9_F1_N01.wav")


def test_label_speaker_and_sex_come_from_the_name(tmp_path: Path) -> None:
    mini(tmp_path)
    found = {item.id: item for item in urdu.items(tmp_path)}
    assert {id: urdu.LABELS[int(np.nanargmax(item.values))] for id, item in found.items()} == {
        "SM1_F10_A010": "angry", "SF10_F1_S01": "sad", "SM9_F1_N01": "neutral"
    }
    assert [found["SM1_F10_A010"].split, found["SF10_F1_S01"].split] == ["dev", "train"]
    assert [found["SM1_F10_A010"].about["sex"], found["SF10_F1_S01"].about["sex"]] == ["M", "F"]
    assert np.isnan(found["SF10_F1_S01"].values).sum() == 4


def test_an_emotion_it_does_not_know_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AttuneError, match="X01"):
        list(urdu.items(touch(tmp_path, "SM1_F10_X01.wav")))
