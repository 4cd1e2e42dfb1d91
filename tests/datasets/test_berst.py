"""BERSt on a made-up tree."""

from pathlib import Path

import pytest
from trees_made import touch, write

from attune.datasets import berst
from attune.errors import AttuneError
from attune.taxonomy import taxonomy

HEADER = "file_name,user_id,age,current_language,first_language,gender,phone_model,audio_id,affect,phone_position,script,shout_level\n"


def mini(root: Path) -> None:
    """Spaces after values, and a backslash in a path, as they are there."""
    for part, rows in {
        "train": "audio\\u1\\final\\1.wav,u1,20-40,english,french,female ,Pixel,a1,joy ,backpack,Ninety pink pans,shout\n"
                 "audio/u1/final/2.wav,u1,20-40,english,french,female,Pixel,a1,anger,near,Ninety pink pans,no-shout\n",
        "validation": "audio/u2/final/1.wav,u2,40-60,english,english,other,Moto,a2,neutral,far,A purple lid,n/a\n",
        "test": "audio/u3/final/1.wav,u3,20-40,english,english,male,Moto,a3,disgust,far,A purple lid,shout\n",
    }.items():
        write(root, f"{part}/metadata.csv", HEADER + rows)
    touch(root, *(f"{part}/audio/{who}/final/{i}.wav" for part, who, i in
                  [("train", "u1", 1), ("train", "u1", 2), ("validation", "u2", 1), ("test", "u3", 1)]))


def test_rows_become_items_with_the_parts_as_splits(tmp_path: Path) -> None:
    mini(tmp_path)
    found = list(berst.items(tmp_path))
    assert [(item.split, item.group, taxonomy("ekman7").labels[item.values.argmax()]) for item in found] == [
        ("train", "berst-u1", "joy"), ("train", "berst-u1", "anger"), ("dev", "berst-u2", "neutral"), ("test", "berst-u3", "disgust")
    ]
    assert [item.about.get("sex") for item in found] == ["F", "F", None, "M"]
    assert (found[0].text, found[0].about["intensity"], found[0].about["position"]) == ("Ninety pink pans", "shout", "backpack")


def test_a_label_it_does_not_know_is_refused(tmp_path: Path) -> None:
    mini(tmp_path)
    write(tmp_path, "test/metadata.csv", HEADER + "audio/u3/final/1.wav,u3,20,e,e,male,Moto,a3,disgus,far,A,shout\n")
    with pytest.raises(AttuneError, match="did you mean 'disgust'"):
        list(berst.items(tmp_path))
