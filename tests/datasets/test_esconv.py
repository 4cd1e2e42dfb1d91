"""ESConv on a made-up file."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from trees_made import write

from attune.datasets import esconv
from attune.taxonomy import taxonomy


def mini(root: Path) -> None:
    talk = {"experience_type": "Previous Experience", "emotion_type": "anxiety", "problem_type": "job crisis", "situation": "I may lose my job.",
            "survey_score": {"seeker": {"initial_emotion_intensity": "5", "final_emotion_intensity": "2"}, "supporter": {}},
            "dialog": [{"speaker": "seeker", "annotation": {}, "content": "Hello\n"},
                       {"speaker": "supporter", "annotation": {"strategy": "Question"}, "content": "How are you?"}]}
    write(root, "ESConv.json", json.dumps([talk]))


def test_the_emotion_is_the_seekers_and_the_strategy_the_supporters(tmp_path: Path) -> None:
    mini(tmp_path)
    seeker, supporter = esconv.items(tmp_path)
    assert taxonomy("esconv11").labels[seeker.values.argmax()] == "anxiety"
    assert np.isnan(supporter.values).all()
    assert (seeker.about["strategy"], supporter.about["strategy"]) == (None, "Question")
    assert (seeker.text, seeker.about["intensity"], seeker.about["problem"]) == ("Hello", (5, 2), "job crisis")


def test_parquet_says_no_emotion(tmp_path: Path) -> None:
    row = {"dialog": "dev_0", "turn": 0, "speaker": "seeker", "strategy": None, "text": "Hello"}
    pq.write_table(pa.Table.from_pylist([row]), tmp_path / "train.parquet")
    (item,) = esconv.items(tmp_path)
    assert np.isnan(item.values).all() and item.split == "train"
