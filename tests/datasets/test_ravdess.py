"""RAVDESS on a made-up tree."""

from pathlib import Path

import numpy as np
import pytest
from trees_made import touch, write

from attune.datasets import SOUNDS, ravdess
from attune.errors import AttuneError, MediaError

UNITS = [f"AU{i:02d}_r" for i in range(17)] + [f"AU{i:02d}_c" for i in range(18)]


def mini(root: Path) -> None:
    """Two actors of different splits, and of one take its song and its films."""
    touch(root, "Actor_12/03-01-05-01-02-01-12.wav", "Actor_12/03-02-05-01-02-01-12.wav", "Actor_12/01-01-05-01-02-01-12.mp4",
          "Actor_12/02-01-05-01-02-01-12.mp4", "Actor_22/03-01-01-01-01-02-22.wav")
    write(root, "openface_au_clip_mean.csv", f"clip,audio_file,{','.join(UNITS)}\n01-01-05-01-02-01-12,x.wav,{','.join(str(i / 10) for i in range(35))}\n")


def test_name_of_a_file_says_everything() -> None:
    assert ravdess.read_name("03-01-08-02-02-01-24") == {
        "modality": 3, "channel": 1, "emotion": "surprised", "intensity": "strong", "sentence": "Dogs are sitting by the door",
        "repetition": 1, "actor": 24, "sex": "F",
    }


@pytest.mark.parametrize("stem", ["03-01-05-01-02-01", "03-01-09-01-02-01-12", "03-01-05-01-02-01-25", "03-01-xx-01-02-01-12", ""])
def test_a_name_of_another_shape_is_refused(stem: str) -> None:
    with pytest.raises(AttuneError, match=r"actor 01-24|as in 03-01"):
        ravdess.read_name(stem)


@pytest.mark.parametrize(("asked", "stems"), [
    ({}, ["03-01-05-01-02-01-12", "03-01-01-01-01-02-22"]),
    ({"channel": "song"}, ["03-02-05-01-02-01-12"]),
    ({"channel": "both"}, ["03-01-05-01-02-01-12", "03-02-05-01-02-01-12", "03-01-01-01-01-02-22"]),
    ({"modality": "both"}, ["01-01-05-01-02-01-12"]),
    ({"modality": "face"}, ["02-01-05-01-02-01-12"]),
])
def test_speech_song_and_films_are_asked_for_by_name(tmp_path: Path, asked: dict[str, str], stems: list[str]) -> None:
    mini(tmp_path)
    assert [item.id for item in ravdess.items(tmp_path, **asked)] == stems


def test_labels_sex_and_split_come_from_the_name(tmp_path: Path) -> None:
    mini(tmp_path)
    first, second = ravdess.items(tmp_path)
    assert [ravdess.EMOTIONS[item.values.argmax()] for item in (first, second)] == ["angry", "neutral"]
    assert (first.split, second.split) == ("train", "test")
    assert (first.about["sex"], first.about["intensity"], first.text) == ("F", "normal", "Dogs are sitting by the door")


def test_what_nobody_sang_is_unknown(tmp_path: Path) -> None:
    mini(tmp_path)
    (song,) = ravdess.items(tmp_path, channel="song")
    assert np.isnan(song.values).tolist() == [label in ("disgust", "surprised") for label in ravdess.EMOTIONS]


def test_action_units_of_a_film_go_with_every_file_of_that_take(tmp_path: Path) -> None:
    mini(tmp_path)
    clips = {item.id: item for how in ("voice", "both", "face") for item in ravdess.items(tmp_path, modality=how)}
    for stem in ("03-01-05-01-02-01-12", "01-01-05-01-02-01-12", "02-01-05-01-02-01-12"):
        np.testing.assert_allclose(clips[stem].features["au"], np.arange(35) / 10, rtol=1e-6)
    assert clips["03-01-01-01-01-02-22"].features == {}


@pytest.mark.parametrize("suffix", SOUNDS)
def test_any_format_is_read_by_its_stem_and_once(tmp_path: Path, suffix: str) -> None:
    assert len(list(ravdess.items(touch(tmp_path, f"a/03-01-05-01-02-01-12{suffix}", "b/03-01-05-01-02-01-12.wav")))) == 1


def test_no_actor_is_in_two_splits(tmp_path: Path) -> None:
    touch(tmp_path, *(f"Actor_{a:02d}/03-01-0{e}-01-01-01-{a:02d}.wav" for a in range(1, 25) for e in (1, 5)))
    splits: dict[str, set[str]] = {}
    for item in ravdess.items(tmp_path):
        splits.setdefault(item.group, set()).add(item.split)
    assert len(splits) == 24
    assert all(len(s) == 1 for s in splits.values())


def test_an_empty_folder_says_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="zenodo"):
        list(ravdess.items(tmp_path))
