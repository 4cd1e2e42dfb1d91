"""What recipes say of a rerun, and of rare expressions, is made from what was measured."""

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")
sys.path.insert(0, str(Path(__file__).parents[2] / "recipes"))

from face_ferplus import again, rare
from rerun import rerun


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
