"""eNTERFACE'05 on a made-up tree."""

from pathlib import Path

import numpy as np
import pytest
from trees_made import touch

from attune.datasets import enterface05
from attune.errors import AttuneError


def mini(root: Path) -> None:
    """One subject in the usual folders, one without a folder per sentence, one whose file names another subject."""
    touch(root, "subject 1/anger/sentence 1/s1_an_1.avi", "subject 6/happiness/s6_ha_2.avi", "subject 40/fear/sentence 5/s_3_fe_5.avi")


def test_folders_say_who_and_what_whatever_the_file_is_called(tmp_path: Path) -> None:
    mini(tmp_path)
    found = list(enterface05.items(tmp_path))
    assert [(item.group[-2:], item.split) for item in found] == [("01", "train"), ("06", "train"), ("40", "test")]
    assert [int(np.nanargmax(item.values)) for item in found] == [0, 3, 2]                       # anger, joy, fear
    assert [item.about["sentence"] for item in found] == ["sentence 1", "s6_ha_2", "sentence 5"]


def test_neutral_is_unknown(tmp_path: Path) -> None:
    mini(tmp_path)
    assert all(np.isnan(item.values).tolist() == [False] * 6 + [True] for item in enterface05.items(tmp_path))


def test_a_folder_that_is_no_emotion_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AttuneError, match="did you mean 'sadness'"):
        list(enterface05.items(touch(tmp_path, "subject 1/sadnes/sentence 1/a.avi")))
