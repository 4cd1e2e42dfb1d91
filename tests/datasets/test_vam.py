"""Vera am Mittag on a made-up table."""

from pathlib import Path

import numpy as np
import pytest
from trees_made import touch, write

from attune.datasets import vam
from attune.errors import MediaError

TABLE = """File;Speaker;Sex;Valence;Activation;Dominance;Raters
v1_001.wav;A;w;-0.5;0.25;0.75;17
v1_002.wav;A;w;0;-1;1;17
v2_001;B;m;-0.25;0;0;6
"""


def mini(root: Path) -> None:
    write(root, "ratings.csv", TABLE)
    touch(root, "part1/v1_001.wav", "part1/v1_002.wav", "part2/v2_001.wav")


def test_ratings_stand_in_the_order_of_the_taxonomy(tmp_path: Path) -> None:
    mini(tmp_path)
    np.testing.assert_allclose(np.stack([item.values for item in vam.items(tmp_path)]), [[-0.5, 0.25, 0.75], [0, -1, 1], [-0.25, 0, 0]])


def test_speaker_sex_and_raters(tmp_path: Path) -> None:
    mini(tmp_path)
    found = list(vam.items(tmp_path))
    assert [(item.group, item.about["sex"], item.about["raters"]) for item in found] == [("vam-A", "F", 17), ("vam-A", "F", 17), ("vam-B", "M", 6)]
    assert found[0].split == found[1].split


@pytest.mark.parametrize(("old", "new", "message"), [("-0.5;0.25", "-1.5;0.25", "from -1 to 1"), ("v2_001", "v3_001", "v3_001")])
def test_a_rating_or_a_file_that_cannot_be_is_an_error(tmp_path: Path, old: str, new: str, message: str) -> None:
    mini(tmp_path)
    write(tmp_path, "ratings.csv", TABLE.replace(old, new))
    with pytest.raises(MediaError, match=message):
        list(vam.items(tmp_path))


def test_another_table_beside_it_is_passed_over(tmp_path: Path) -> None:
    mini(tmp_path)
    write(tmp_path, "a_notes.txt", "file\tremark\nv1_001.wav\tnoisy\n")
    assert len(list(vam.items(tmp_path))) == 3
