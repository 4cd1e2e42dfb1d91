"""CMU-MOSI on made-up files of its three layouts."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sequences_made import sequence, splits
from trees_made import touch, write

from attune.datasets import cmu_mosi


def mini(root: Path) -> None:
    write(root, "label.csv", "video_id,clip_id,text,label,label_T,label_A,label_V,annotation,mode\n_a-1,1,I LOVE IT,2.4,,,,Positive,train\n"
                             "b2,3,NO,-3.0,,,,Negative,valid\n")
    touch(root, "Raw/_a-1/1.mp4", "Raw/b2/3.mp4")


def test_sentiment_is_valence_alone(tmp_path: Path) -> None:
    mini(tmp_path)
    love, no = cmu_mosi.items(tmp_path)
    np.testing.assert_allclose(love.values, [0.8, np.nan, np.nan], rtol=1e-6)
    assert (no.values[0], no.split, no.path.name) == (-1, "dev", "3.mp4")


def test_parquet_has_features_times_and_both_splits(tmp_path: Path) -> None:
    row = {"utt_id": "b2_3", "video": "b2", "clip": 3, "start": 1.5, "end": 2.5, "text": "NO", "sentiment": -1.5, "fold": "test", "std_fold": "valid"}
    row |= {f"{letter}{n}": float(n) for letter, d in (("t", 12), ("a", 3), ("v", 2)) for n in reversed(range(d))}
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "dev_clean.parquet")
    (item,) = cmu_mosi.items(tmp_path)
    assert {name: rows.tolist() for name, rows in item.features.items()} == {"text": list(range(12)), "voice": [0, 1, 2], "face": [0, 1]}
    assert (item.start, item.end, item.split, item.about["official"]) == (1.5, 2.5, "dev", "dev")


def test_sequences_of_the_sdk_are_cut_at_the_stretches(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    splits(tmp_path / "cmu_mosi_std_folds.py", train=["b2"], valid=["c3"], test=["d4"])
    sequence(tmp_path / "CMU_MOSI_Opinion_Labels.csd", {"b2": [(0, 2, [-1.5]), (2, 4, [3.0])], "unlisted": [(0, 1, [0.0])]})
    sequence(tmp_path / "CMU_MOSI_TimestampedWords.csd", {"b2": [(0, 1, [b"sp"]), (1, 1.9, [b"no"]), (2, 3, [b"yes"]), (3, 4, [b"yes"])]})
    sequence(tmp_path / "CMU_MOSI_COVAREP.csd", {"b2": [(t, t + 0.5, [t, 0.0]) for t in np.arange(0, 4, 0.5)]})
    no, yes = cmu_mosi.items(tmp_path)
    assert [(i.text, i.split, i.start, i.end, i.values[0]) for i in (no, yes)] == [("no", "train", 0, 2, -0.5), ("yes yes", "train", 2, 4, 1)]
    assert yes.features["voice"][:, 0].tolist() == [2, 2.5, 3, 3.5]
