"""What every reader gets: its options from words, errors that are ours, and ids that name one item."""

from pathlib import Path
from types import ModuleType

import pytest

from attune import datasets
from attune.errors import MediaError, SettingError
from attune.taxonomy import taxonomy

HEAD = "id,text,person,label,split\n"


def table(folder: Path, rows: str, head: str = HEAD) -> Path:
    (folder / "mine.csv").write_text(head + rows, encoding="utf-8")
    return folder


def test_all_items_are_read_in_their_order(tmp_path: Path) -> None:
    table(tmp_path, "1,So glad.,ann,joy,train\n2,So sad.,ben,sadness,test\n")
    assert [item.id for item in datasets.read("table", tmp_path)] == ["1", "2"]


def test_options_come_as_words_or_as_values(tmp_path: Path) -> None:
    table(tmp_path, "1,So glad.,ann,joy,\n")
    for yes in ("yes", "true", True):
        assert len(datasets.read("table", tmp_path, {"draw": yes})) == 1
    assert len(datasets.read("table", tmp_path, {"draw": "yes", "of": "goemotions28"})[0].values) == len(taxonomy("goemotions28"))
    assert datasets.facts("table", tmp_path, {"of": "goemotions28"})["taxonomy"] == "goemotions28"
    assert datasets.facts("ravdess", tmp_path, {"channel": "song"}) is datasets.load("ravdess").FACTS


@pytest.mark.parametrize(("name", "given", "expected"), [
    ("ravdess", {"chanel": "song"}, "reading ravdess has no option 'chanel'; there are: channel, modality"),
    ("ravdess", {"channel": "sung"}, "channel is 'sung'; expected one of speech, song, both"),
    ("table", {"draw": "perhaps"}, "draw is 'perhaps'; expected one of yes"),
    ("omg_empathy", {"frames_per_second": "many"}, "frames_per_second is 'many'; expected a number"),
    ("goemotions", {"draw": "yes"}, "there are: none"),
])
def test_an_option_that_cannot_be_says_what_can(tmp_path: Path, name: str, given: dict[str, str], expected: str) -> None:
    with pytest.raises(SettingError, match=expected):
        datasets.read(name, tmp_path, given)


def test_an_id_twice_is_refused_and_found_by_check(tmp_path: Path) -> None:
    table(tmp_path, "1,So glad.,ann,joy,train\n1,So sad.,ben,sadness,test\n")
    with pytest.raises(MediaError, match="1 ids are there more than once, '1' for one"):
        datasets.read("table", tmp_path)
    checked = datasets.check("table", tmp_path)
    assert checked.broken
    assert checked.problems[0] == "the id '1' is there 2 times; an id must name one item"


def test_a_folder_that_is_readable_in_part_is_not_usable(tmp_path: Path) -> None:
    table(tmp_path, "1,So glad.,ann,joy,train\n2,So sad.,ben,sadnes,test\n")
    checked = datasets.check("table", tmp_path)
    assert (checked.items, checked.broken) == ({"train": 1}, True)
    assert "did you mean 'sadness'" in checked.problems[0]


@pytest.mark.parametrize(("error", "expected"), [
    (KeyError("emotion"), "isn't laid out as made is: no 'emotion' there; `attune corpora show made`"),
    (UnicodeDecodeError("utf-8", b"\xf6", 0, 1, "invalid start byte"), "isn't UTF-8"),
    (ValueError("could not convert string to float: 'much'"), "can't be read as made: could not convert"),
    (PermissionError("not yours"), "can't be read as made: not yours"),
])
def test_what_a_folder_does_to_a_reader_is_one_of_our_errors(tmp_path: Path, error: Exception, expected: str) -> None:
    def items(root: Path) -> list[datasets.Item]:
        raise error

    made = ModuleType("attune.datasets.made")
    made.items = items  # type: ignore[attr-defined]
    with pytest.raises(MediaError, match=expected):
        datasets.read(made, tmp_path)


def test_groups_that_are_no_people_are_called_so() -> None:
    called = {name: datasets.unit(datasets.load(name).FACTS) for name in ("ravdess", "meld", "omg_empathy", "emobank", "table")}
    assert called == {"ravdess": "speakers", "meld": "groups", "omg_empathy": "groups", "emobank": "groups", "table": "speakers"}
