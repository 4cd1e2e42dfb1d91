"""EmotionTalk on a made-up tree."""

import json
from pathlib import Path

import numpy as np
import pytest
from trees_made import touch, write

from attune.datasets import emotiontalk
from attune.errors import AttuneError
from attune.taxonomy import taxonomy

TURNS = {"G00002_07_03_001": "03", "G00001_02_01_002": "01", "G00003_11_05_004": "05"}


def place(stem: str) -> str:
    group, dialogue, side, _ = stem.split("_")
    return f"{group}/{group}_{dialogue}/{group}_{dialogue}_{side}/{stem}"


def mini(root: Path) -> None:
    """A turn of each split; all together five judges disagree, the sound has no single judgements."""
    for stem, speaker in TURNS.items():
        final = {"emotion_result": "happy", "speaker_id": speaker, "file_name": f"{place(stem)}.mp4"}
        judges = [{"emotion_result": label} for label in ("happy", "happy", "surprised", "happy", "neutral")]
        write(root, f"Multimodal/json/{place(stem)}.json", json.dumps(final | {"data": judges, "Continuous label_result": 1}))
        write(root, f"Audio/json/{place(stem)}.json", json.dumps(final | {"emotion_result": "surprise", "content": "下雪了"}, ensure_ascii=False))
        write(root, f"Text/json/{place(stem)}.json", json.dumps(final | {"content": "下雪了"}, ensure_ascii=False))
        touch(root, f"Multimodal/mp4/{place(stem)}.mp4", f"Audio/wav/{place(stem)}.wav")


def test_values_are_shares_of_the_judges_votes(tmp_path: Path) -> None:
    mini(tmp_path)
    item = next(iter(emotiontalk.items(tmp_path)))
    np.testing.assert_allclose(item.values, [{"joy": 0.6, "surprise": 0.2, "neutral": 0.2}.get(label, 0) for label in taxonomy("ekman7").labels])
    assert (item.about["consensus"], item.about["sentiment"], item.text) == ("joy", 1, "下雪了")


def test_what_was_judged_by_sound_alone_has_its_own_label_and_file(tmp_path: Path) -> None:
    mini(tmp_path)
    item = next(iter(emotiontalk.items(tmp_path, modality="voice")))
    assert (taxonomy("ekman7").labels[item.values.argmax()], item.path.suffix, item.about["votes"]) == ("surprise", ".wav", {})


def test_the_split_is_by_group(tmp_path: Path) -> None:
    mini(tmp_path)
    assert {item.id[:6]: (item.split, item.group) for item in emotiontalk.items(tmp_path)} == {
        "G00001": ("dev", "emotiontalk-01"), "G00002": ("train", "emotiontalk-03"), "G00003": ("test", "emotiontalk-05")
    }


def test_a_label_it_does_not_know_is_refused(tmp_path: Path) -> None:
    mini(tmp_path)
    path = tmp_path / f"Multimodal/json/{place('G00001_02_01_002')}.json"
    path.write_text(path.read_text().replace('"emotion_result": "happy", "speaker', '"emotion_result": "happ", "speaker'))
    with pytest.raises(AttuneError, match="did you mean 'happy'"):
        list(emotiontalk.items(tmp_path))
