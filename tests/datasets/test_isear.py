"""ISEAR on made-up tables."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from trees_made import write

from attune.datasets import isear
from attune.taxonomy import taxonomy


def mini(root: Path) -> None:
    """Two people, one of whom has no answer to a question, and two to another."""
    write(root, "isear.csv", "ID|COUN|SEX|AGE|EMOT|INTS|SIT|STATE|\n11001|1|1|33|1|4|When I á\nsaw a friend.|1|\n11001|1|1|33|6|0|[ No response.]|1|\n"
                             "11002|20|2|21|7|2|I was late.|1|\n11002|20|2|21|7|3|And again.|1|\n".replace("á\n", "á"))


def test_codes_are_words_and_line_ends_are_blanks(tmp_path: Path) -> None:
    mini(tmp_path)
    joy, late, again = isear.items(tmp_path)
    assert (joy.text, joy.about) == ("When I saw a friend.", {"sex": "M", "age": 33, "country": 1, "intensity": 4})
    assert [taxonomy("isear7").labels[i.values.argmax()] for i in (joy, late, again)] == ["joy", "guilt", "guilt"]


def test_all_stories_of_a_person_are_in_one_split(tmp_path: Path) -> None:
    write(tmp_path, "isear.csv", "ID|COUN|SEX|AGE|EMOT|INTS|SIT|\n" + "".join(f"{11000 + p}|1|2|20|{e}|1|Story.|\n" for p in range(60) for e in (1, 2, 3)))
    found = list(isear.items(tmp_path))
    assert len({(i.group, i.split) for i in found}) == len({i.group for i in found}) == 60
    assert {i.split for i in found} == {"train", "dev", "test"}


def test_parquet_keeps_its_own_split(tmp_path: Path) -> None:
    row = {"ID": "7", "COUN": "2", "SEX": "0", "AGE": "0", "emotion": "shame", "intensity": "3", "text": "I fell."}
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "dev.parquet")
    (item,) = isear.items(tmp_path)
    assert (item.split, item.about["sex"], item.about["intensity"]) == ("dev", None, 3)
