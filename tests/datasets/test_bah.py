"""BAH on a made-up tree."""

from pathlib import Path

import pytest
from trees_made import touch, write

from attune.datasets import bah
from attune.errors import MediaError
from attune.taxonomy import taxonomy

FILMS = {
    "train": ("Videos/81/Visite_1/81_Question_1_2024-11-18_16-07-42_Video.mp4", 1, "Well, yes, no."),
    "val": ("Videos/82/Visite_1/82_Question_4_2024-10-02 16-03-28_Video-DESKTOP.mp4", 0, ""),
    "test": ("Videos/83/Visite_1/83_Question_7_2024-11-18_16-07-42_Video.mp4", 0, "Tea."),
}


def mini(root: Path) -> None:
    for part, (film, label, text) in FILMS.items():
        write(root, f"split-0/{part}.txt", f"{film},{label},{text}\n")
        touch(root, film)


def test_label_person_question_and_a_transcript_with_commas(tmp_path: Path) -> None:
    mini(tmp_path)
    found = list(bah.items(tmp_path))
    assert [(item.split, item.group, item.about["question"], item.text) for item in found] == [
        ("train", "bah-81", 1, "Well, yes, no."), ("dev", "bah-82", 4, ""), ("test", "bah-83", 7, "Tea.")
    ]
    assert [taxonomy("bah2").labels[item.values.argmax()] for item in found] == ["ambivalence or hesitancy", "neither", "neither"]


def test_a_line_of_another_shape_is_refused(tmp_path: Path) -> None:
    mini(tmp_path)
    write(tmp_path, "split-0/val.txt", "Videos/82/a.mp4,2,Hm.\n")
    with pytest.raises(MediaError, match="0 or 1"):
        list(bah.items(tmp_path))
