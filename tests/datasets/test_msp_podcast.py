"""MSP-Podcast on a made-up tree."""

from pathlib import Path

import numpy as np
import pytest
from trees_made import touch, write

from attune.datasets import msp_podcast
from attune.errors import AttuneError

CONSENSUS = """FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set
MSP-PODCAST_0001_0001.wav,H,7.0,1.0,4.0,12,Female,Train
MSP-PODCAST_0001_0002.wav,X,4.0,4.0,4.0,Unknown,Unknown,Test2
MSP-PODCAST_0002_0001.wav,N,4.0,5.5,,9,Male,Development
MSP-PODCAST_0003_0001.wav,,,,,,,Test3
MSP-PODCAST_0004_0001.wav,S,2.0,2.0,2.0,9,Male,Development
"""
DETAILED = """FileName,Workers,EmoClass_Major,EmoClass_Second
MSP-PODCAST_0001_0001.wav,WORKER1,Happy,"Happy,Surprise"
MSP-PODCAST_0001_0001.wav,WORKER2,Happy,Happy
MSP-PODCAST_0001_0001.wav,WORKER3,Neutral,
MSP-PODCAST_0001_0001.wav,WORKER4,Other-proud,
"""


def mini(root: Path) -> None:
    """Five rows; the last has no sound."""
    write(root, "Labels/labels_consensus.csv", CONSENSUS)
    write(root, "Labels/labels_detailed.csv", DETAILED)
    write(root, "Transcripts/MSP-PODCAST_0001_0001.txt", "Rain again.\n")
    touch(root, *(f"Audios/MSP-PODCAST_{name}.wav" for name in ("0001_0001", "0001_0002", "0002_0001", "0003_0001")))


def said(item) -> dict[str, float]:
    return {label: float(v) for label, v in zip(msp_podcast.LABELS, item.values, strict=True) if v > 0}


def test_values_are_votes_if_stated_and_the_consensus_otherwise(tmp_path: Path) -> None:
    mini(tmp_path)
    voted, nobody, alone = msp_podcast.items(tmp_path)
    assert said(voted) == pytest.approx({"happiness": 2 / 3, "neutral": 1 / 3})
    assert voted.about["votes"] == {"happiness": 2, "neutral": 1, "other": 1}
    assert np.isnan(nobody.values).all()
    assert said(alone) == {"neutral": 1}


def test_parts_speakers_and_texts(tmp_path: Path) -> None:
    mini(tmp_path)
    found = list(msp_podcast.items(tmp_path))
    assert [(item.split, item.about["part"], item.group) for item in found] == [
        ("train", "Train", "msp_podcast-12"), ("test", "Test2", ""), ("dev", "Development", "msp_podcast-9")
    ]
    assert [item.text for item in found] == ["Rain again.", "", ""]


def test_ratings_are_laid_around_zero_and_an_empty_one_is_unknown(tmp_path: Path) -> None:
    mini(tmp_path)
    first, _, third = msp_podcast.items(tmp_path)
    np.testing.assert_allclose(first.more["vad"], [-1, 1, 0])
    np.testing.assert_allclose(third.more["vad"], [0.5, 0, np.nan])


def test_a_part_it_does_not_know_is_refused(tmp_path: Path) -> None:
    mini(tmp_path)
    write(tmp_path, "Labels/labels_consensus.csv", CONSENSUS.replace("Development", "Developmen"))
    with pytest.raises(AttuneError, match="did you mean 'Development'"):
        list(msp_podcast.items(tmp_path))
