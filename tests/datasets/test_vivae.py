"""VIVAE on made-up trees."""

from pathlib import Path

import pytest
from trees_made import touch, write

from attune.datasets import vivae
from attune.errors import AttuneError


def mini(root: Path) -> None:
    touch(root, "full_set/S01_achievement_low_01.wav", "full_set/S01_pain_peak_02.wav", "full_set/S09_surprise_strong_01.wav",
          "full_set/S11_fear_moderate_03.wav", "core_set/S01_pain_peak_02.wav")


def test_a_clip_of_the_core_set_is_read_once_and_marked(tmp_path: Path) -> None:
    mini(tmp_path)
    found = list(vivae.items(tmp_path))
    assert {item.id: item.about["core"] for item in found} == {
        "S01_achievement_low_01": False, "S01_pain_peak_02": True, "S09_surprise_strong_01": False, "S11_fear_moderate_03": False
    }
    assert [vivae.LABELS[item.values.argmax()] for item in found] == ["achievement", "pain", "surprise", "fear"]
    assert [item.split for item in found] == ["train", "train", "dev", "test"]
    assert {item.about["intensity"] for item in found} == set(vivae.INTENSITIES)


def test_the_compact_table_marks_the_core_set_too(tmp_path: Path) -> None:
    touch(tmp_path, "S01/S01_anger_low_01.opus", "S01/S01_anger_low_02.opus")
    write(tmp_path, "metadata.csv", "file,core_set\nS01/S01_anger_low_01.opus,False\nS01/S01_anger_low_02.opus,True\n")
    assert [item.about["core"] for item in vivae.items(tmp_path)] == [False, True]


def test_a_state_it_does_not_know_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AttuneError, match="did you mean 'pain'"):
        list(vivae.items(touch(tmp_path, "S01_pane_low_01.wav")))
