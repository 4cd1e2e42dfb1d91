"""EmoNet-Voice Bench on a made-up table."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from attune.datasets import emonet_voice
from attune.errors import AttuneError, MediaError
from attune.taxonomy import taxonomy

ROWS = [
    ("0a1b2c3d_1.mp3", "[{'human-1': {'Impatience%20and%20Irritability': 2}}, {'human-4': {'Impatience%20and%20Irritability': 1}}]"),
    ("0a1b2c3d_2.mp3", "[{'human-2': {'Shame': 0}}]"),
    ("ffffffff_1.mp3", "[{'human-2': {'Arousal': 1}}]"),
]


def table(root: Path, rows=ROWS) -> None:
    (root / "data").mkdir(exist_ok=True)
    pq.write_table(pa.table({"audioId": [{"bytes": b"ID3", "path": name} for name, _ in rows], "label": [label for _, label in rows]}),
                   root / "data" / "train-00000-of-00001.parquet")


def mini(root: Path) -> None:
    table(root)
    emonet_voice.unpack(root)


def test_one_emotion_is_known_per_row_and_the_others_are_not(tmp_path: Path) -> None:
    mini(tmp_path)
    first, second = emonet_voice.items(tmp_path)
    labels = taxonomy("emonet40").labels
    assert {label: float(v) for label, v in zip(labels, first.values, strict=True) if not np.isnan(v)} == {"Impatience-Irritability": 0.75}
    assert {label: float(v) for label, v in zip(labels, second.values, strict=True) if not np.isnan(v)} == {"Shame": 0}
    assert (first.about["votes"], first.about["raters"]) == ({"human-1": 2, "human-4": 1}, 2)
    assert first.group == second.group == "emonet_voice-0a1b2c3d"


def test_sounds_are_unpacked_once(tmp_path: Path) -> None:
    table(tmp_path)
    assert (emonet_voice.unpack(tmp_path), emonet_voice.unpack(tmp_path)) == (3, 0)
    assert (tmp_path / "audio" / "00000-0a1b2c3d_1.mp3").read_bytes() == b"ID3"


def test_sounds_still_in_the_table_are_an_error_that_says_what_to_call(tmp_path: Path) -> None:
    table(tmp_path)
    with pytest.raises(MediaError, match=r"emonet_voice\.unpack"):
        list(emonet_voice.items(tmp_path))


def test_all_forty_names_are_reached() -> None:
    assert set(emonet_voice.NAMES.values()) == set(taxonomy("emonet40").labels)


@pytest.mark.parametrize("label", ["", "[]", "[{'a': {'Shame': 1}}, {'b': {'Fear': 2}}]", "[{'a': {'Shame': 3}}]", "[{'a': 'Shame'}]", "__import__('os')"])
def test_a_label_that_is_no_label_is_refused(label: str) -> None:
    with pytest.raises(MediaError, match="one dictionary per expert"):
        emonet_voice.read_label(label)


def test_an_emotion_it_does_not_know_is_refused(tmp_path: Path) -> None:
    table(tmp_path, [("a.mp3", "[{'human-1': {'Shameful': 1}}]")])
    emonet_voice.unpack(tmp_path)
    with pytest.raises(AttuneError, match="did you mean 'Shame'"):
        list(emonet_voice.items(tmp_path))
