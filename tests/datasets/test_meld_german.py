"""German MELD on made-up tables."""

from pathlib import Path

from trees_made import write

from attune.datasets import meld_german

HEADER = "sentence_id,dialogue_id,utterance_de,speaker,label\n"


def mini(root: Path) -> None:
    """The middle one of three has no subtitle; two rows of test share their numbers."""
    write(root, "train_de.csv", HEADER + '0,0,"Was, jetzt?",Ann,surprise\n1,0,"NOT FOUND",Bo,neutral\n2,0,"Ja.",Ann,joy\n')
    write(root, "dev_de.csv", HEADER + '0,0,"Nein.",Bo,anger\n')
    write(root, "test_de.csv", HEADER + '0,0,"Hm.",Bo,neutral\n0,0,"Na gut.",Bo,neutral\n')


def test_placeholders_are_left_out(tmp_path: Path) -> None:
    mini(tmp_path)
    assert [(i.text, i.about["turn"]) for i in meld_german.items(tmp_path) if i.split == "train"] == [("Was, jetzt?", 0), ("Ja.", 2)]


def test_rows_with_the_same_numbers_have_different_names(tmp_path: Path) -> None:
    mini(tmp_path)
    assert [i.id for i in meld_german.items(tmp_path) if i.split == "test"] == ["test-0-0", "test-0-0-2"]
