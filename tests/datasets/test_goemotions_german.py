"""German GoEmotions on made-up tables."""

from pathlib import Path

import numpy as np
from trees_made import write

from attune.datasets import goemotions_german
from attune.taxonomy import taxonomy

HEADER = "idx,de_text,ekman_label,en_text,original_label\n"


def mini(root: Path) -> None:
    """A comment with two labels comes twice; the same words come again later."""
    write(root, "dev.csv", HEADER + "0,Danke!,joy,Thanks!,gratitude\n1,Danke!,joy,Thanks!,love\n2,Nein.,neutral,No.,neutral\n3,Danke!,joy,Thanks!,gratitude\n")
    write(root, "test.csv", HEADER + '0,"Ach, so.",surprise,Oh.,realization\n')


def test_labels_of_one_comment_are_merged(tmp_path: Path) -> None:
    mini(tmp_path)
    found = list(goemotions_german.items(tmp_path))
    labels = taxonomy("goemotions28").labels
    assert [{labels[k] for k in np.flatnonzero(i.values)} for i in found] == [{"gratitude", "love"}, {"neutral"}, {"gratitude"}, {"realization"}]
    assert [i.id for i in found] == ["dev-0", "dev-2", "dev-3", "test-0"]
    assert found[3].about["english"] == "Oh."
