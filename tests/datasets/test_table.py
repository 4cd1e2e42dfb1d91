"""A corpus of one's own."""

from pathlib import Path

import numpy as np
import pytest
from trees_made import touch, write

from attune.datasets import check, table
from attune.errors import AttuneError, MediaError, UnknownName
from attune.taxonomy import taxonomy

ROWS = """file,start,end,person,label,split,valence,arousal,dominance,sex,age,room
a.wav,0,1.5,anna,joy,train,0.5,,-1,f,31,kitchen
a.wav,1.5,3,anna,joy;anger,train,,,,f,31,kitchen
b.mp4,,,ben,,dev,,,,m,,
c.wav,,,cleo,neutral:3;sadness:1,test,0,0,0,,,
"""


def mini(root: Path) -> None:
    write(root, "mine.csv", ROWS)
    touch(root, "a.wav", "b.mp4", "c.wav")


def of(item, name="ekman7") -> dict[str, float]:
    return {label: round(float(v), 3) for label, v in zip(taxonomy(name).labels, item.values, strict=True) if v > 0}


def test_a_row_is_an_item(tmp_path: Path) -> None:
    mini(tmp_path)
    first, _, third, fourth = table.items(tmp_path)
    assert (first.path, first.start, first.end, first.split) == (tmp_path / "a.wav", 0, 1.5, "train")
    assert (third.start, third.end, third.split, fourth.split) == (0, None, "dev", "test")
    assert first.about == {"sex": "F", "age": 31, "room": "kitchen"}


def test_one_label_several_labels_votes_and_none(tmp_path: Path) -> None:
    mini(tmp_path)
    first, second, third, fourth = table.items(tmp_path)
    assert [of(item) for item in (first, second, fourth)] == [{"joy": 1}, {"joy": 0.5, "anger": 0.5}, {"neutral": 0.75, "sadness": 0.25}]
    assert np.isnan(third.values).all()


def test_numbers_go_beside_the_labels_and_empty_ones_are_unknown(tmp_path: Path) -> None:
    mini(tmp_path)
    first, second, *_ = table.items(tmp_path)
    np.testing.assert_allclose(first.more["vad"], [0.5, np.nan, -1])
    assert np.isnan(second.more["vad"]).all()


def test_people_are_the_groups_and_files_where_nobody_is_named(tmp_path: Path) -> None:
    mini(tmp_path)
    assert [item.group for item in table.items(tmp_path)] == ["mine-anna", "mine-anna", "mine-ben", "mine-cleo"]
    write(tmp_path, "mine.csv", ROWS.replace("anna", ""))
    assert [item.group for item in table.items(tmp_path)][:2] == ["mine-a.wav", "mine-a.wav"]


def test_the_taxonomy_is_the_headers_or_the_arguments(tmp_path: Path) -> None:
    write(tmp_path, "t.csv", "# taxonomy: goemotions28\nfile;label;split\na.wav;joy;train\nb.wav;love;gratitude;train\n".replace("love;gratitude", '"love;gratitude"'))
    touch(tmp_path, "a.wav", "b.wav")
    assert [of(item, "goemotions28") for item in table.items(tmp_path)] == [{"joy": 1}, {"love": 1, "gratitude": 1}]     # not exclusive: 1 each
    assert table.facts(tmp_path)["taxonomy"] == "goemotions28"
    write(tmp_path, "t.csv", "file\tlabel\tsplit\na.wav\tcalm\ttrain\n")
    assert of(next(iter(table.items(tmp_path, "ravdess8"))), "ravdess8") == {"calm": 1}
    assert table.facts(tmp_path, "ravdess8")["taxonomy"] == "ravdess8"


def test_a_table_of_numbers_is_of_the_taxonomy_vad_on_the_stated_scale(tmp_path: Path) -> None:
    write(tmp_path, "t.csv", "# range: 1 7\ntext,valence,arousal,split\nSnow again.,7,4,train\nStill snow.,1,,test\n")
    assert (table.facts(tmp_path)["taxonomy"], table.facts(tmp_path)["more"]) == ("vad", ())
    first, second = table.items(tmp_path)
    np.testing.assert_allclose(first.values, [1, 0, np.nan])
    np.testing.assert_allclose(second.values, [-1, np.nan, np.nan])
    assert (first.text, first.path) == ("Snow again.", None)


def test_facts_say_what_the_columns_hold(tmp_path: Path) -> None:
    mini(tmp_path)
    assert (table.facts(tmp_path)["taxonomy"], table.facts(tmp_path)["more"]) == ("ekman7", ("vad",))


def test_the_table_itself_may_be_named(tmp_path: Path) -> None:
    mini(tmp_path)
    write(tmp_path, "other.csv", ROWS)
    with pytest.raises(MediaError, match="2 tables"):
        list(table.items(tmp_path))
    assert len(list(table.items(tmp_path / "mine.csv"))) == 4


@pytest.mark.parametrize(("old", "new", "error", "message"), [
    ("anna,joy,train", "anna,joy,", MediaError, r"mine\.csv, line 2: no split; write train, dev or test.* or ask for draw=True"),
    ("anna,joy,train", "anna,joy,trian", UnknownName, r"line 2: .*did you mean 'train'"),
    ("joy;anger", "joy;angre", UnknownName, r"line 3: .*did you mean 'anger'"),
    ("joy;anger", "joy:many", UnknownName, r"line 3: joy has 'many' votes; expected a number from 0 on"),
    ("joy;anger", "joy:-1;anger:2", UnknownName, r"line 3: joy has '-1' votes"),
    ("a.wav,0,", "a.wav,9,", MediaError, r"line 2: it ends at .* s and starts at 9 s"),
    ("a.wav,0,", "a.wav,-1,", MediaError, r"line 2: start is -1, expected 0 to inf$"),
    ("file,", "# range: 1\nfile,", MediaError, r"the range '1'; expected two numbers, the lower first"),
    ("file,", "# range: 7 7\nfile,", MediaError, r"the range '7 7'; expected two numbers"),
    ("file,", "# taxonomy: goemotions28\n# range: low high\nfile,", MediaError, r"the range 'low high'"),
    ("anna,joy,train,0.5,,-1,f,31,kitchen", "anna,joy,train,0.5,,-1,f,31,kitchen, the small one", MediaError, r"line 2: more cells than the 12 columns; .*quotes"),
    ("train,0.5", "train,5", MediaError, r"line 2: valence is 5, expected -1 to 1; a first line '# range: 1 7'"),
    ("train,0.5", "train,high", MediaError, r"line 2: valence is 'high', expected a number"),
    ("a.wav,0,", "a.wav,early,", MediaError, r"line 2: start is 'early', expected a number"),
    ("file,", "sound,", MediaError, r"expected file \(or text\)"),
])
def test_a_row_that_cannot_be_says_where_and_what_to_do(tmp_path: Path, old: str, new: str, error: type[AttuneError], message: str) -> None:
    write(tmp_path, "mine.csv", ROWS.replace(old, new))
    with pytest.raises(error, match=message):
        list(table.items(tmp_path))


def test_an_intensity_lies_in_the_range_of_its_taxonomy(tmp_path: Path) -> None:
    write(tmp_path, "t.csv", "# taxonomy: goemotions28\ntext,label,split\nSo glad.,joy:0.7;love:3,train\n")
    with pytest.raises(UnknownName, match=r"line 3: love is 3; labels of goemotions28 lie in 0 to 1"):
        list(table.items(tmp_path))


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_a_table_in_another_encoding_is_told_to_be_saved_anew(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "t.csv").write_bytes("text,label,split\nSchön!,joy,train\n".encode(encoding))
    with pytest.raises(MediaError, match=r"isn't UTF-8 .*save it as UTF-8"):
        list(table.items(tmp_path))


def test_lines_are_counted_with_the_header_and_an_empty_table_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "t.csv", "# mine\n\nfile,label,split\na.wav,jou,train\n")
    with pytest.raises(UnknownName, match=r"t\.csv, line 4"):
        list(table.items(tmp_path))
    for text in ("", "file,label,split\n"):
        write(tmp_path, "t.csv", text)
        with pytest.raises(MediaError, match="and a row"):
            list(table.items(tmp_path))


def test_a_split_can_be_drawn_by_person(tmp_path: Path) -> None:
    write(tmp_path, "t.csv", "file,person,label,split\n" + "".join(f"{i}.wav,p{i % 40},joy,\n" for i in range(200)))
    splits: dict[str, set[str]] = {}
    for item in table.items(tmp_path, draw=True):
        splits.setdefault(item.group, set()).add(item.split)
    assert all(len(where) == 1 for where in splits.values())
    assert set().union(*splits.values()) == {"train", "dev", "test"}


def test_a_person_in_two_splits_is_found_by_check(tmp_path: Path) -> None:
    mini(tmp_path)
    write(tmp_path, "mine.csv", ROWS.replace("ben", "anna"))
    assert "mine-anna is in dev and train" in check("table", tmp_path).problems
