"""CANDOR on a made-up tree."""

from pathlib import Path

import numpy as np
import pytest
from trees_made import touch, write

from attune.datasets import candor
from attune.errors import MediaError

TURNS = "turn_id,speaker,start,stop,utterance,backchannel\n0,ann,4.34,6.9,Is it snowing?,Mhm\n1,bob,7.1,8,Not yet.,\n"


def mini(root: Path) -> None:
    """A conversation with sound only, and one with films."""
    for name in ("c1", "c2"):
        for cut in ("backbiter", "cliffhanger", "audiophile"):
            write(root, f"{name}/transcription/transcript_{cut}.csv", TURNS if cut == "backbiter" else TURNS.rsplit("1,bob", 1)[0])
        write(root, f"{name}/survey.csv", "user_id,sex,age,overall_affect\nann,female,31.0,7\nbob,male,,5\n")
        write(root, f"{name}/processed/channel_map.json", '{"L": "ann", "R": "bob"}')
        touch(root, f"{name}/processed/{name}.mp3")
    touch(root, "c2/processed/ann.mp4", "c2/processed/bob.mp4")


def test_a_turn_is_a_stretch_of_the_sound_with_its_channel_or_of_the_speakers_film(tmp_path: Path) -> None:
    mini(tmp_path)
    found = {item.id: item for item in candor.items(tmp_path)}
    assert (found["c1/0"].path.name, found["c1/0"].about["channel"], found["c1/1"].about["channel"]) == ("c1.mp3", "L", "R")
    assert (found["c2/1"].path.name, "channel" in found["c2/1"].about) == ("bob.mp4", False)
    assert (found["c1/0"].start, found["c1/0"].end, found["c1/0"].text) == (4.34, 6.9, "Is it snowing?")


def test_nobody_rated_the_turns_but_people_answered_questions(tmp_path: Path) -> None:
    mini(tmp_path)
    first, second = list(candor.items(tmp_path))[:2]
    assert np.isnan(first.values).all()
    assert first.about["survey"]["overall_affect"] == "7"
    assert (first.about["sex"], first.about["age"], second.about["sex"], "age" in second.about) == ("F", 31, "M", False)


def test_another_way_of_cutting_is_asked_for_by_name(tmp_path: Path) -> None:
    mini(tmp_path)
    assert len(list(candor.items(tmp_path, "cliffhanger"))) == 2


def test_a_conversation_without_sound_says_so(tmp_path: Path) -> None:
    mini(tmp_path)
    (tmp_path / "c1" / "processed" / "c1.mp3").unlink()
    with pytest.raises(MediaError, match=r"processed/ann\.mp4 or processed/c1\.mp3"):
        list(candor.items(tmp_path))
