"""BRIGHTER on made-up trees of both layouts."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from trees_made import write

from attune.datasets import brighter
from attune.errors import UnknownName
from attune.taxonomy import taxonomy


def mini(root: Path) -> None:
    """Two languages; English has no disgust."""
    write(root, "track_b/train/eng.csv", "id,text,anger,fear,joy,sadness,surprise\neng_train_track_b_00001,\"Well, no.\",3,0,0,1,0\n")
    write(root, "track_b/dev/deu.csv", "id,text,anger,disgust,fear,joy,sadness,surprise\ndeu_dev_track_b_00001,Igitt,0,2,0,0,0,0\n")


def test_intensities_are_thirds_and_what_was_not_asked_is_unknown(tmp_path: Path) -> None:
    mini(tmp_path)
    english, german = brighter.items(tmp_path)
    labels = taxonomy("basic6").labels
    np.testing.assert_allclose(english.values, [1, np.nan, 0, 0, 1 / 3, 0])
    assert german.values[labels.index("disgust")] == np.float32(2 / 3)
    assert [(i.split, i.about["language"]) for i in (english, german)] == [("train", "en"), ("dev", "de")]


@pytest.mark.parametrize("folder", [".", "brighter_deu"])
def test_parquet_of_one_language_or_of_several_is_read(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir(exist_ok=True)
    row = {"id": "deu_train_track_b_1", "text": "Na ja."} | dict.fromkeys(taxonomy("basic6").labels, 1)
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / folder / "train.parquet")
    (item,) = brighter.items(tmp_path)
    np.testing.assert_allclose(item.values, 1 / 3)


def test_a_language_that_nobody_knows_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, "track_b/train/xxx.csv", "id,text,anger\nxxx_train_track_b_1,?,1\n")
    with pytest.raises(UnknownName, match="language of xxx_train_track_b_1"):
        list(brighter.items(tmp_path))
