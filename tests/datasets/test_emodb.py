"""EmoDB on a made-up tree."""

from pathlib import Path

import pytest
from trees_made import touch

from attune.datasets import emodb
from attune.errors import AttuneError
from attune.taxonomy import taxonomy


def mini(root: Path) -> None:
    touch(root, "wav/03a01Fa.wav", "wav/13b09La.wav", "wav/16a02Wb.wav")


def test_speaker_sentence_and_the_german_letter_come_from_the_name(tmp_path: Path) -> None:
    mini(tmp_path)
    found = list(emodb.items(tmp_path))
    assert [taxonomy("emodb7").labels[item.values.argmax()] for item in found] == ["joy", "boredom", "anger"]
    assert [item.split for item in found] == ["train", "dev", "test"]
    assert [(item.about["sex"], item.about["age"], item.about["sentence"]) for item in found] == [("M", 31, "a01"), ("F", 32, "b09"), ("F", 31, "a02")]


@pytest.mark.parametrize("name", ["03a01Xa", "07a01Fa"])
def test_a_letter_or_a_speaker_it_does_not_know_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(AttuneError, match=name):
        list(emodb.items(touch(tmp_path, f"{name}.wav")))


def test_every_split_but_training_has_a_man_and_a_woman() -> None:
    for split in ("dev", "test"):
        people = {who for who, where in emodb.SPLITS.items() if where == split}
        assert len(people & emodb.WOMEN) == len(people - emodb.WOMEN) == 1
