"""CK+ on a made-up tree."""

from pathlib import Path

import numpy as np
from trees_made import touch, write

from attune.datasets import ck_plus
from attune.taxonomy import taxonomy


def mini(root: Path) -> None:
    """Two people, one expression each, and a film without a label."""
    write(root, "Emotion/S005/001/S005_001_00000011_emotion.txt", "   3.0000000e+00\n")
    write(root, "Emotion/S010/002/S010_002_00000014_emotion.txt", "   7.0000000e+00\n")
    write(root, "FACS/S005/001/S005_001_00000011_facs.txt", "   9.0000000e+00   5.0000000e+00\n   1.7000000e+01   0.0000000e+00\n")
    touch(root, *(f"cohn-kanade-images/S005/001/S005_001_{n:08d}.png" for n in (1, 11)), "cohn-kanade-images/S010/002/S010_002_00000014.png",
          "cohn-kanade-images/S011/001/S011_001_00000014.png")


def test_the_last_picture_has_the_label_and_the_action_units(tmp_path: Path) -> None:
    mini(tmp_path)
    disgust, surprise = ck_plus.items(tmp_path)
    assert [taxonomy("ferplus8").labels[np.nanargmax(i.values)] for i in (disgust, surprise)] == ["disgust", "surprise"]
    assert disgust.path.name == "S005_001_00000011.png"
    assert disgust.about["action_units"] == {9: 5, 17: 0}


def test_neutral_was_never_a_label(tmp_path: Path) -> None:
    mini(tmp_path)
    assert all(np.isnan(i.values[taxonomy("ferplus8").index("neutral")]) for i in ck_plus.items(tmp_path))
