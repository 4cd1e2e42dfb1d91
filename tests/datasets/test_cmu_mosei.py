"""CMU-MOSEI on made-up files of both layouts."""

from pathlib import Path

import numpy as np
import pytest
from sequences_made import sequence, splits
from trees_made import touch, write

from attune.datasets import cmu_mosei
from attune.errors import MediaError
from attune.taxonomy import taxonomy


def mini(root: Path) -> None:
    write(root, "label.csv", "video_id,clip_id,text,label,annotation,mode,label_T,label_A,label_V\n-3g5,0,\"well, yes\",1.0,Positive,train,,,\n"
                             "x,13,no,-0.5,Negative,test,,,\n")
    touch(root, "Raw/-3g5/0.mp4", "Raw/x/13.mp4")


def test_the_table_has_the_sentiment_alone(tmp_path: Path) -> None:
    mini(tmp_path)
    yes, no = cmu_mosei.items(tmp_path)
    assert np.isnan(yes.values).all()
    assert (yes.more["vad"][0], no.split, no.path.name) == (np.float32(1 / 3), "test", "13.mp4")


def test_sequences_of_the_sdk_have_emotions_by_name(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    splits(tmp_path / "cmu_mosei_std_folds.py", train=["y"], valid=["b2"], test=["z"])
    sequence(tmp_path / "CMU_MOSEI_Labels.csd", {"b2": [(0, 2, [-3.0, 0, 1, 2, 3, 0.5, 0])]})            # sentiment, happy, sad, anger, surprise, disgust, fear
    sequence(tmp_path / "CMU_MOSEI_VisualFacet42.csd", {"b2": [(0, 1, [1.0]), (1, 2, [2.0]), (2, 3, [3.0])]})
    (item,) = cmu_mosei.items(tmp_path)
    found = dict(zip(taxonomy("basic6").labels, item.values.tolist(), strict=True))
    assert found == pytest.approx({"joy": 0, "sadness": 1 / 3, "anger": 2 / 3, "surprise": 1, "disgust": 1 / 6, "fear": 0})
    assert (item.split, item.more["vad"][0], item.features["face"].tolist()) == ("dev", -1, [[1], [2]])


def test_sequences_without_the_list_of_splits_are_an_error(tmp_path: Path) -> None:
    touch(tmp_path, "CMU_MOSEI_Labels.csd")
    with pytest.raises(MediaError, match="standard_datasets"):
        list(cmu_mosei.items(tmp_path))
