"""CPED on made-up tables."""

from pathlib import Path

from trees_made import write

from attune.datasets import cped
from attune.taxonomy import taxonomy

HEADER = ("TV_ID,Dialogue_ID,Utterance_ID,Speaker,Gender,Age,Neuroticism,Extraversion,Openness,Agreeableness,Conscientiousness,"
          "Scene,FacePosition_LU,FacePosition_RD,Sentiment,Emotion,DA,Utterance\n")


def mini(root: Path) -> None:
    """A named speaker, and one that nobody knows."""
    row = "{0},{0}_000,{0}_000_003,{1},car,1_1,2_2,negative,astonished,question,怎么了\n"
    write(root, "train_split.csv", HEADER + row.format("01", "春,female,young,high,high,low,high,low"))
    write(root, "valid_split.csv", HEADER + row.format("30", "其他,unknown,unknown,unknown,unknown,unknown,unknown,unknown"))
    write(root, "test_split.csv", HEADER + row.format("35", "秋,male,elderly,low,low,low,low,low"))


def test_speakers_have_a_personality_where_it_is_known(tmp_path: Path) -> None:
    mini(tmp_path)
    known, unknown, _ = cped.items(tmp_path)
    assert (known.about["sex"], known.about["personality"]["openness"], known.about["turn"]) == ("F", "low", 3)
    assert (unknown.about["sex"], unknown.about["personality"]) == (None, {})
    assert taxonomy("cped13").labels[known.values.argmax()] == "astonished"


def test_the_group_is_the_series(tmp_path: Path) -> None:
    mini(tmp_path)
    assert [i.group for i in cped.items(tmp_path)] == ["cped-01", "cped-30", "cped-35"]
