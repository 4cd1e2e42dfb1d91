"""MELD on a made-up tree, with films and without."""

from pathlib import Path

from trees_made import touch, write

from attune.datasets import meld
from attune.taxonomy import taxonomy

HEADER = "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime\n"


def mini(root: Path) -> None:
    """A dialogue of two in train, with one film; the same numbers again in dev and test."""
    for split in ("dev", "test"):
        write(root, f"{split}_sent_emo.csv", HEADER + '1,"No, no.",Bo,neutral,neutral,0,0,1,1,"00:00:01,000","00:00:02,000"\n')
    write(root, "train_sent_emo.csv", HEADER + '1,He\x92s gone,Ann,sadness,negative,0,0,8,21,"00:16:16,059","00:16:21,731"\n'
                                               '2,What?,Bo,surprise,negative,0,1,8,21,"00:16:21,940","00:16:23,442"\n')
    touch(root, "train_splits/dia0_utt1.mp4")


def test_utterances_come_with_their_film_where_it_is(tmp_path: Path) -> None:
    mini(tmp_path)
    first, second, *rest = meld.items(tmp_path)
    assert (first.path, second.path.name) == (None, "dia0_utt1.mp4")
    assert [taxonomy("ekman7").labels[i.values.argmax()] for i in (first, second)] == ["sadness", "surprise"]
    assert (second.about["speaker"], second.about["turn"]) == ("Bo", 1)
    assert [i.split for i in rest] == ["dev", "test"]


def test_control_characters_become_the_quotation_marks_they_were(tmp_path: Path) -> None:
    mini(tmp_path)
    assert next(meld.items(tmp_path)).text == "He’s gone"


def test_the_same_number_in_two_splits_is_two_dialogues(tmp_path: Path) -> None:
    mini(tmp_path)
    assert len({i.group for i in meld.items(tmp_path)}) == 3
