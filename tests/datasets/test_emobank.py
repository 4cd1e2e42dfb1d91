"""A made-up EmoBank of four sentences, in both layouts."""

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from attune.datasets import SPLITS, emobank
from attune.errors import AttuneError, MediaError

COLUMNS = ("id", "split", "V", "A", "D", "text")
ROWS = [
    ("110CYL068_10_79", "train", 3.0, 3.0, 3.2, 'Remember, she said "no"?'),
    ("110CYL068_80_99", "train", 1.0, 5.0, 2.0, "Two\nlines"),
    ("wwf12_5_20", "dev", 4.5, 2.5, 3.0, "A quiet lake."),
    ("SemEval_12", "test", 2.0, 3.5, 3.0, "Bombers kill shoppers"),
]


def mini(root: Path) -> None:
    official(root)


def official(root: Path) -> Path:
    with (root / "emobank.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([COLUMNS, *ROWS])
    return root


def parquet(root: Path) -> Path:
    for split in SPLITS:
        rows = [dict(zip(COLUMNS, row, strict=True)) for row in ROWS if row[1] == split]
        pq.write_table(pa.Table.from_pylist(rows).drop_columns("split"), root / f"{split}.parquet")
    return root


@pytest.mark.parametrize("layout", [official, parquet])
def test_every_sentence_comes_with_positions_around_zero(tmp_path: Path, layout) -> None:
    found = list(emobank.items(layout(tmp_path)))
    assert [(i.id, i.split, i.text) for i in found] == [(r[0], r[1], r[5]) for r in ROWS]
    np.testing.assert_allclose(np.stack([i.values for i in found]), [[0, 0, 0.1], [-1, 1, -0.5], [0.75, -0.25, 0], [-0.5, 0.25, 0]], atol=1e-6)


def test_group_is_the_document_and_a_headline_stands_alone(tmp_path: Path) -> None:
    assert [i.group for i in emobank.items(official(tmp_path))] == ["110CYL068", "110CYL068", "wwf12", "SemEval_12"]


@pytest.mark.parametrize(("row", "message"), [
    (("x_1_2", "train", 0.5, 3, 3, "?"), "expected V, A, D from 1 to 5"),
    (("x_1_2", "train", "nan", 3, 3, "?"), "expected V, A, D from 1 to 5"),
    (("x_1_2", "valid", 3, 3, 3, "?"), "expected one of train, dev, test"),
])
def test_a_row_that_cannot_be_is_an_error(tmp_path: Path, row, message: str) -> None:
    with (official(tmp_path) / "emobank.csv").open("a", newline="") as file:
        csv.writer(file).writerow(row)
    with pytest.raises(AttuneError, match=message):
        list(emobank.items(tmp_path))


def test_a_folder_without_it_says_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="JULIELab/EmoBank"):
        list(emobank.items(tmp_path))
