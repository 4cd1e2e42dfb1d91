"""AffectNet on made-up trees of both layouts."""

from pathlib import Path

import numpy as np
from trees_made import touch, write

from attune.datasets import affectnet
from attune.taxonomy import taxonomy

HEADER = "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal\n"


def mini(root: Path) -> None:
    """One happy, one contemptuous face, and one that isn't a face."""
    write(root, "Manually_Annotated_file_lists/training.csv", f"{HEADER}1/a.jpg,10,11,90,91,1;2,1,0.5,0.25\n2/b.jpg,0,0,9,9,1;2,10,-2,-2\n")
    write(root, "Manually_Annotated_file_lists/validation.csv", f"{HEADER}3/c.jpg,0,0,9,9,1;2,7,-0.5,0.5\n")
    touch(root, "Manually_Annotated_Images/1/a.jpg", "Manually_Annotated_Images/2/b.jpg", "Manually_Annotated_Images/3/c.jpg")


def said(item):
    return taxonomy("ferplus8").labels[int(item.values.argmax())]


def test_codes_are_expressions_and_what_is_no_face_is_left_out(tmp_path: Path) -> None:
    mini(tmp_path)
    happy, contempt = affectnet.items(tmp_path)
    assert (said(happy), said(contempt), happy.split, contempt.split) == ("happiness", "contempt", "train", "dev")
    assert happy.about["box"] == (10, 11, 90, 91)
    np.testing.assert_array_equal(happy.more["vad"], np.array([0.5, 0.25, np.nan], np.float32))


def test_the_later_layout_has_a_file_a_number(tmp_path: Path) -> None:
    for number, code in (("0", "6"), ("10", "0"), ("9", "4")):
        touch(tmp_path, f"val_set/images/{number}.jpg", f"val_set/annotations/{number}_lnd.npy")
        for what, value in (("exp", code), ("val", "-0.4"), ("aro", "0.6")):
            np.save(tmp_path / "val_set" / "annotations" / f"{number}_{what}.npy", np.array(value))
    found = list(affectnet.items(tmp_path))
    assert [(i.path.name, said(i), i.split) for i in found] == [("0.jpg", "anger", "dev"), ("9.jpg", "fear", "dev"), ("10.jpg", "neutral", "dev")]
    np.testing.assert_allclose(found[0].more["vad"][:2], [-0.4, 0.6])
