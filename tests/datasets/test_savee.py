"""SAVEE on made-up trees."""

from pathlib import Path

from trees_made import touch

from attune.datasets import savee
from attune.taxonomy import taxonomy


def mini(root: Path) -> None:
    touch(root, "AudioData/DC/a01.wav", "AudioData/DC/sa01.wav", "AudioData/JK/su12.wav", "AudioData/KL/n30.wav", "AudioVisualClip/DC/a1.avi")


def labels(found: list) -> list[str]:
    return [taxonomy("ekman7").labels[item.values.argmax()] for item in found]


def test_sadness_and_surprise_both_start_with_s(tmp_path: Path) -> None:
    mini(tmp_path)
    found = list(savee.items(tmp_path))
    assert dict(zip((item.id for item in found), labels(found), strict=True)) == {
        "DC_a01": "anger", "DC_sa01": "sadness", "JK_su12": "surprise", "KL_n30": "neutral"
    }
    assert {item.group: item.split for item in found} == {"savee-DC": "train", "savee-JK": "dev", "savee-KL": "test"}


def test_a_flat_copy_is_the_same(tmp_path: Path) -> None:
    touch(tmp_path, "ALL/DC_a01.wav", "ALL/JK_su12.wav", "ALL/readme.wav")
    assert [item.id for item in savee.items(tmp_path)] == ["DC_a01", "JK_su12"]


def test_a_film_has_the_id_of_its_sound_with_or_without_a_leading_zero(tmp_path: Path) -> None:
    mini(tmp_path)
    assert [item.id for item in savee.items(tmp_path, modality="both")] == ["DC_a01"]
