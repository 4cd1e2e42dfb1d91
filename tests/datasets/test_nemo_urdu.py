"""nEMO and URDU on made-up trees."""

from pathlib import Path

import numpy as np
import pytest

from attune.datasets import nemo, urdu
from attune.errors import AttuneError


def touched(root: Path, *files: str) -> Path:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    return root


def test_nemo_official_layout_with_its_sentences(tmp_path: Path) -> None:
    touched(tmp_path, "samples/EB0_anger_1.wav", "samples/KD0_surprised_7.wav")
    (tmp_path / "data.tsv").write_text("file_id\traw_text\nEB0_anger_1.wav\tLubię czytać.\n", encoding="utf-8")
    first, second = nemo.items(tmp_path)
    assert (first.text, second.text) == ("Lubię czytać.", "")
    assert (first.split, second.split) == ("train", "dev")
    assert nemo.LABELS[int(np.nanargmax(first.values))] == "angry"
    assert nemo.LABELS[int(np.nanargmax(second.values))] == "surprised"
    assert np.isnan(first.values).tolist() == [label in ("calm", "disgust") for label in nemo.LABELS]


def test_nemo_speaker_nobody_trained_or_tuned_on_is_test(tmp_path: Path) -> None:
    assert next(nemo.items(touched(tmp_path, "samples/ZZ9_fear_3.wav"))).split == "test"


def test_nemo_refuses_an_emotion_it_does_not_know(tmp_path: Path) -> None:
    with pytest.raises(AttuneError, match="boredom"):
        list(nemo.items(touched(tmp_path, "EB0_boredom_1.wav")))


def test_urdu_official_layout(tmp_path: Path) -> None:
    touched(tmp_path, "Angry/SM1_F10_A010.wav", "Sad/SF10_F1_S01.wav", "Neutral/SM9_F1_N01.wav")
    found = {item.id: item for item in urdu.items(tmp_path)}
    assert {id: urdu.LABELS[int(np.nanargmax(item.values))] for id, item in found.items()} == {
        "SM1_F10_A010": "angry", "SF10_F1_S01": "sad", "SM9_F1_N01": "neutral"
    }
    assert found["SM1_F10_A010"].split == "dev"
    assert found["SF10_F1_S01"].split == "train"
    assert np.isnan(found["SF10_F1_S01"].values).sum() == 4


@pytest.mark.parametrize("corpus", [nemo, urdu])
def test_an_empty_folder_says_where_to_get_it(tmp_path: Path, corpus: object) -> None:
    with pytest.raises(FileNotFoundError, match=r"github\.com"):
        list(corpus.items(tmp_path))
