"""The recipe of the units fuser: how far few clips are believed, and what members weigh."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("scipy")

from attune.fusion._parts import softmax


@pytest.fixture(scope="module")
def recipe():
    folder = str(Path(__file__).parents[2] / "recipes")
    sys.path.insert(0, folder)
    try:
        return importlib.import_module("fusion_units")
    finally:
        sys.path.remove(folder)


def test_two_clips_are_believed_as_n_over_n_plus_n0(recipe):
    x, actor = np.array([[4.0], [6.0], [9.0], [1.0]]), np.array(["ann", "ann", "ann", "ben"])
    known = {"ann": np.array([0, 1]), "ben": np.array([3])}
    whole = recipe.apart(x, actor, known)
    assert whole.ravel().tolist() == [-1, 1, 4, 0]
    # usual 3, n0 2: ann's mean 5 lies 2 above, of which 2 / 4 counts; ben's 1 lies 2 below, of which 1 / 3 counts
    assert recipe.apart(x, actor, known, np.array([3.0]), 2.0).ravel() == pytest.approx([3, 5, 8, 1 + 2 / 3])


def test_weights_follow_what_members_know_and_undo_their_overconfidence(recipe):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 8, 1500)
    sure = 3 * np.eye(8)[y] + rng.normal(size=(1500, 8)) * np.sqrt(3)                   # log-odds as they should be, up to a factor of one
    logs = np.stack([np.log(softmax(2 * sure)), *np.log(softmax(rng.normal(size=(4, 1500, 8)).reshape(-1, 8))).reshape(4, 1500, 8)])
    weights, reached = recipe.weighted(logs, y, recipe.MEMBERS)
    assert weights[0] == pytest.approx(0.5, abs=0.15)                                     # twice too sure: half the weight
    assert (weights[1:] < 0.1).all()
    alone, worse = recipe.weighted(logs, y, ("voice",))
    assert alone[0] == 0 and worse < reached


def test_a_member_by_likeness_says_the_same_from_plain_numbers(recipe):
    from attune.fusion import units

    rng = np.random.default_rng(0)
    y = rng.integers(0, 8, 300)
    x = np.eye(8)[y] + 0.3 * rng.normal(size=(300, 8))
    for member in (recipe.Member(0.1, kernel=True), recipe.Member(0.1)):
        member.fit(x, y)
        assert units._logs(x[:20], member.plain()) == pytest.approx(member.logs(x[:20]), abs=0.02)
