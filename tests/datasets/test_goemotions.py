"""A made-up GoEmotions of a few comments, in both layouts."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from attune.datasets import goemotions
from attune.errors import AttuneError, MediaError
from attune.taxonomy import taxonomy

LABELS = taxonomy("goemotions28").labels
ROWS = {
    "train": [('She said "fine"', "27", "a1"), ("line\u2028separator, tab\tinside", "0,17", "a2")],
    "dev": [("Thank you!", "15", "b1")],
    "test": [("[NAME] died", "25", "c1")],
}


def mini(root: Path) -> None:
    official(root)


def official(root: Path) -> Path:
    (root / "emotions.txt").write_text("\n".join(LABELS) + "\n")
    for split, rows in ROWS.items():
        (root / f"{split}.tsv").write_bytes("".join("\t".join(row) + "\n" for row in rows).encode())
    return root


def parquet(root: Path) -> Path:
    (root / "labels.txt").write_text("\n".join(LABELS))
    for split, rows in ROWS.items():
        pq.write_table(pa.table(dict(zip(("text", "labels", "id"), map(list, zip(*rows, strict=True)), strict=True))), root / f"{split}.parquet")
    return root


@pytest.mark.parametrize("layout", [official, parquet])
def test_every_comment_comes_with_its_labels_by_name(tmp_path: Path, layout) -> None:
    found = list(goemotions.items(layout(tmp_path)))
    assert [(i.text, i.split, i.id) for i in found] == [(t, split, id) for split, rows in ROWS.items() for t, _, id in rows]
    named = [{LABELS[k] for k in np.flatnonzero(i.values)} for i in found]
    assert named == [{"neutral"}, {"admiration", "joy"}, {"gratitude"}, {"sadness"}]
    assert all(i.values.shape == (28,) and i.values.dtype == np.float32 for i in found)


def test_no_comment_is_in_two_splits(tmp_path: Path) -> None:
    found = list(goemotions.items(official(tmp_path)))
    assert len({(i.group, i.split) for i in found}) == len({i.group for i in found})


def test_labels_in_another_order_are_refused(tmp_path: Path) -> None:
    official(tmp_path)
    (tmp_path / "emotions.txt").write_text("\n".join(sorted(LABELS, reverse=True)))
    with pytest.raises(AttuneError, match="expected the order of the taxonomy"):
        list(goemotions.items(tmp_path))


@pytest.mark.parametrize("ids", ["28", "-1", "joy", ""])
def test_a_number_that_is_no_label_is_an_error(tmp_path: Path, ids: str) -> None:
    official(tmp_path)
    (tmp_path / "dev.tsv").write_text(f"Thanks\t{ids}\tb9\n")
    with pytest.raises(AttuneError, match="dev, comment b9: labels"):
        list(goemotions.items(tmp_path))


def test_a_folder_without_it_says_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="google-research"):
        list(goemotions.items(tmp_path))
