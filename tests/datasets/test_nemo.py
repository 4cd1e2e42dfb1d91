"""nEMO on a made-up tree."""

from pathlib import Path

import numpy as np
import pytest
from trees_made import touch, write

from attune.datasets import nemo
from attune.errors import AttuneError


def mini(root: Path) -> None:
    touch(root, "samples/EB0_anger_1.wav", "samples/KD0_surprised_7.wav", "samples/ZZ9_fear_3.wav")
    write(root, "data.tsv", "file_id\traw_text\tgender\tage\nEB0_anger_1.wav\tŁąka.\tfemale\t27\n")


def test_sentences_sex_and_age_come_from_the_authors_table(tmp_path: Path) -> None:
    mini(tmp_path)
    first, second, third = nemo.items(tmp_path)
    assert (first.text, first.about["sex"], first.about["age"]) == ("Łąka.", "F", 27)
    assert (second.text, "sex" in second.about) == ("", False)
    assert nemo.LABELS[int(np.nanargmax(first.values))] == "angry"
    assert nemo.LABELS[int(np.nanargmax(second.values))] == "surprised"
    assert np.isnan(third.values).tolist() == [label in ("calm", "disgust") for label in nemo.LABELS]


def test_the_compact_table_is_read_too(tmp_path: Path) -> None:
    touch(tmp_path, "EB0/EB0_anger_1.opus")
    write(tmp_path, "metadata.csv", "file,speaker,sex,age,sentence\nEB0/EB0_anger_1.opus,EB0,F,27,Rzeka.\n")
    (item,) = nemo.items(tmp_path)
    assert (item.text, item.about["sex"]) == ("Rzeka.", "F")


def test_a_speaker_nobody_trained_or_tuned_on_is_test(tmp_path: Path) -> None:
    mini(tmp_path)
    assert [item.split for item in nemo.items(tmp_path)] == ["train", "dev", "test"]


def test_an_emotion_it_does_not_know_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AttuneError, match="boredom"):
        list(nemo.items(touch(tmp_path, "EB0_boredom_1.wav")))
