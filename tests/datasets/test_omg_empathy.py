"""OMG-Empathy on a made-up tree."""

from pathlib import Path

import numpy as np
import pytest
from trees_made import touch, write

from attune.datasets import omg_empathy
from attune.errors import MediaError

PLACES = (("Training", 1, 2), ("Training", 7, 2), ("Validation", 1, 1), ("Testing", 7, 3))


def mini(root: Path) -> None:
    """Two listeners and three stories; the last has no annotation."""
    for part, person, story in PLACES:
        touch(root, f"{part}/Videos/Subject_{person}_Story_{story}.mp4")
        if part != "Testing":
            write(root, f"{part}/Annotations/Subject_{person}_Story_{story}.csv", "valence\n0.0\n0.5\n-0.2\n")


def test_the_folder_is_the_split_and_the_story_does_not_cross(tmp_path: Path) -> None:
    mini(tmp_path)
    found = list(omg_empathy.items(tmp_path))
    assert sorted((item.split, item.about["person"], item.group) for item in found) == [
        ("dev", "omg_empathy-1", "omg_empathy-story-1"), ("test", "omg_empathy-7", "omg_empathy-story-3"),
        ("train", "omg_empathy-1", "omg_empathy-story-2"), ("train", "omg_empathy-7", "omg_empathy-story-2"),
    ]


def test_a_row_is_a_frame_and_only_valence_was_rated(tmp_path: Path) -> None:
    mini(tmp_path)
    found = {item.id: item for item in omg_empathy.items(tmp_path, frames_per_second=10)}
    np.testing.assert_allclose(found["Subject_1_Story_2"].trace[:, :2], [[0, 0], [0.1, 0.5], [0.2, -0.2]], rtol=1e-6)
    np.testing.assert_allclose(found["Subject_1_Story_2"].values, [0.1, np.nan, np.nan], rtol=1e-6)
    assert found["Subject_7_Story_3"].trace is None
    assert np.isnan(found["Subject_7_Story_3"].values).all()


def test_ratings_beyond_the_scale_are_an_error(tmp_path: Path) -> None:
    mini(tmp_path)
    write(tmp_path, "Training/Annotations/Subject_1_Story_2.csv", "valence\n50\n")
    with pytest.raises(MediaError, match="from -1 to 1"):
        list(omg_empathy.items(tmp_path))
