"""EMER on made-up tables that are joined by the name of the clip."""

from pathlib import Path

import numpy as np
from trees_made import touch, write

from attune.datasets import emer
from attune.taxonomy import taxonomy


def mini(root: Path) -> None:
    write(root, "v1.csv", "names,emotions,subtitles,reasons\nsample_00000001,angry,Leave!,He frowns.\nsample_00000002,worried,Hm.,\n")
    write(root, "v2.csv", "name,chinese,english\nsample_00000001,他皱眉,He frowns a lot.\nsample_00000003,她笑,She laughs.\n")
    write(root, "check-openset.csv", "name,openset\nsample_00000001,\"['angry', 'fed up']\"\n")
    touch(root, "video/sample_00000003.avi")


def test_tables_are_joined_by_clip(tmp_path: Path) -> None:
    mini(tmp_path)
    first, _, third = emer.items(tmp_path)
    assert taxonomy("ekman7").labels[np.nanargmax(first.values)] == "anger"
    assert (first.about["openset"], first.about["english"], first.about["reasons"]) == (("angry", "fed up"), "He frowns a lot.", "He frowns.")
    assert third.path.name == "sample_00000003.avi" and third.about["openset"] == ()


def test_worried_has_no_place_among_the_seven(tmp_path: Path) -> None:
    mini(tmp_path)
    _, worried, _ = emer.items(tmp_path)
    assert np.isnan(worried.values).all() and worried.about["label"] == "worried"
