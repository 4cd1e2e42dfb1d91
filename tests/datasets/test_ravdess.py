"""RAVDESS on a made-up tree."""

from pathlib import Path

import numpy as np
import pytest

from attune.datasets import ravdess
from attune.errors import AttuneError


def tree(root: Path, *files: str) -> Path:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    return root


def test_name_of_a_file_says_everything() -> None:
    assert ravdess.read_name("03-01-08-02-02-01-24") == {
        "modality": 3, "channel": 1, "emotion": "surprised", "intensity": "strong", "sentence": "Dogs are sitting by the door",
        "repetition": 1, "actor": 24, "sex": "F",
    }


@pytest.mark.parametrize("stem", ["03-01-05-01-02-01", "03-01-09-01-02-01-12", "03-01-05-01-02-01-25", "03-01-xx-01-02-01-12", ""])
def test_a_name_of_another_shape_is_refused(stem: str) -> None:
    with pytest.raises(AttuneError, match=r"actor 01-24|as in 03-01"):
        ravdess.read_name(stem)


def test_official_layout_is_read_and_song_and_video_are_left_out(tmp_path: Path) -> None:
    tree(tmp_path, "Actor_12/03-01-05-01-02-01-12.wav", "Actor_12/03-02-05-01-02-01-12.wav", "Actor_12/01-01-05-01-02-01-12.mp4",
         "Actor_02/03-01-01-01-01-02-02.wav")
    found = list(ravdess.items(tmp_path))
    assert [item.id for item in found] == ["03-01-01-01-01-02-02", "03-01-05-01-02-01-12"]
    assert [ravdess.EMOTIONS[item.values.argmax()] for item in found] == ["neutral", "angry"]
    assert found[0].values.dtype == np.float32
    assert found[0].values.sum() == 1


@pytest.mark.parametrize("suffix", ravdess.SUFFIXES)
def test_any_lossless_or_small_format_is_read_by_its_stem(tmp_path: Path, suffix: str) -> None:
    assert len(list(ravdess.items(tree(tmp_path, f"03-01-05-01-02-01-12{suffix}")))) == 1


def test_no_actor_is_in_two_splits(tmp_path: Path) -> None:
    tree(tmp_path, *(f"Actor_{a:02d}/03-01-0{e}-01-01-01-{a:02d}.wav" for a in range(1, 25) for e in (1, 5)))
    splits: dict[str, set[str]] = {}
    for item in ravdess.items(tmp_path):
        splits.setdefault(item.group, set()).add(item.split)
    assert len(splits) == 24
    assert all(len(s) == 1 for s in splits.values())


def test_an_empty_folder_says_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="zenodo"):
        list(ravdess.items(tmp_path))
