"""What recipes say of a rerun, and of rare expressions, is made from what was measured."""

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")
sys.path.insert(0, str(Path(__file__).parents[2] / "recipes"))

from _voice_card import twice
from face_ferplus import again, rare
from rerun import NOT_RUN, rerun


def test_the_same_seed_is_compared_bit_for_bit_and_others_by_their_figure():
    asked = []

    def once(seed):
        asked.append(seed)
        return [np.full(3, seed, np.float32)], 0.5 + seed / 10

    found = rerun(once, "a made-up net", [0, 1, 2])
    assert asked == [0, 0, 1, 2]
    assert found["same"] is True
    assert "equal bit for bit; seeds 0, 1, 2: 0.500 to 0.700, standard deviation 0.100" in found["sentence"]


def test_a_difference_in_the_last_bit_is_told():
    count = iter(range(9))
    found = rerun(lambda seed: ([np.array([1 + 1e-6 * next(count)])], 0.5), "a made-up net", [0, 1])
    assert found["same"] is False
    assert "values apart by up to 1.0e-06" in found["sentence"]


def test_the_card_tells_what_the_priors_adjustment_brought():
    def part(accuracy, **recall):
        return {"accuracy": {"value": accuracy}, "recall": {name: {"n": 13, "recall": value} for name, value in recall.items()}}

    now = part(0.842, fear=0.581, sadness=0.684, disgust=0.333, anger=0.801, neutral=0.844, contempt=1 / 13)
    plain = part(0.848, fear=0.435, sadness=0.624, disgust=0.25, anger=0.77, neutral=0.889, contempt=0.0)
    text = " ".join(rare(now, plain).split())
    assert "fear .435 to .581, sadness .624 to .684, disgust .250 to .333, anger .770 to .801, for .006 of accuracy and .045 of neutral's recall" in text
    assert text.endswith("of contempt 1 of 13 are found.")


def test_the_card_says_of_reruns_only_what_was_run():
    assert again({}) == ""
    assert again({"sentence": "Rerun (x): equal.", "command": "python recipes/rerun.py face"}) == "Rerun (x): equal.\nMeasured by `python recipes/rerun.py face`."


def test_a_second_whole_run_is_told_instead_of_being_missed():
    found = {"sentence": "Rerun (x): equal." + NOT_RUN, "command": "python recipes/rerun.py prosody"}
    assert "Not run" in again(found)
    assert again(found, whole=True) == "Rerun (x): equal.\nMeasured by `python recipes/rerun.py prosody`."
    assert twice({}) == ""

    def part(uar, ece):
        return {"uar": {"value": uar, "low": 0.5, "high": 0.9}, "ece": ece, "jsd": {"value": uar}, "single": {"ece": ece}}

    second = {"ravdess": {"single": part(0.71, 0.01), "adapted": part(0.72, 0.02)}, "everybody": {"ece": 0.09},
              "training_speakers": {"nemo_pl": part(0.73, 0.03), "urdu": part(0.74, 0.04), "crema_d": part(0.75, 0.05)},
              "others": {"nemo_pl": part(0.76, 0.06), "urdu": part(0.77, 0.07), "crema_d": part(0.78, 0.08)}, "unheard": {"nemo_pl": part(0.79, 0.0)}}
    text = " ".join(twice(second).split())
    assert "RAVDESS 0.710, with baseline 0.720; nEMO out of fold 0.730, dev 0.760, both 0.790 [0.500, 0.900]; URDU 0.740, dev 0.770" in text
    assert text.endswith("ECE of everybody 0.090, RAVDESS 0.010, nEMO 0.030, URDU 0.040, CREMA-D 0.050, and of dev speakers 0.060, 0.070 and 0.080.")
