"""RAF-DB on a made-up tree."""

from pathlib import Path

import numpy as np
from trees_made import touch, write

from attune.datasets import raf_db
from attune.taxonomy import taxonomy


def mini(root: Path) -> None:
    """Two basic pictures, one compound; one has no aligned picture."""
    write(root, "basic/EmoLabel/list_patition_label.txt", "train_00001.jpg 5\ntest_0001.jpg 4\n")
    write(root, "compound/EmoLabel/list_patition_label.txt", "train_00001.jpg 1\n")
    touch(root, "basic/Image/aligned/train_00001_aligned.jpg", "basic/Image/original/test_0001.jpg", "compound/Image/aligned/train_00001_aligned.jpg")
    write(root, "basic/Annotation/manual/train_00001_manu_attri.txt", "1.0\t2.0\n" * 5 + "1\n2\n3\n")


def test_basic_and_compound_pictures_have_labels_of_their_own_taxonomies(tmp_path: Path) -> None:
    mini(tmp_path)
    sad, happy, compound = raf_db.items(tmp_path)
    assert [taxonomy("ekman7").labels[i.values.argmax()] for i in (sad, happy)] == ["sadness", "joy"]
    assert (sad.split, happy.split) == ("train", "test")
    assert np.isnan(compound.values).all()
    assert taxonomy("compound11").labels[compound.more["compound11"].argmax()] == "happily surprised"
    assert happy.path.parent.name == "original"                  # there is no aligned one


def test_attributes_follow_five_landmarks(tmp_path: Path) -> None:
    mini(tmp_path)
    first, second, _ = raf_db.items(tmp_path)
    assert first.about == {"sex": "F", "race": "Asian", "age_group": "40-69"}
    assert second.about == {}
