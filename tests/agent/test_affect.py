"""The agent's own affect: Mehrabian's temperament, a mood that moves and comes back, the tone that follows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune.agent import affect
from attune.errors import SettingError, UnknownName

MIDDLE = dict.fromkeys(affect.TRAITS, 0.5)
positions = st.lists(st.floats(-1, 1), min_size=3, max_size=3).map(np.array)


@pytest.mark.parametrize(("trait", "moved"), [                 # Mehrabian (1996), as METHODS and PELD give it: one trait at its top, the others in the middle
    ("extraversion", (0.21, 0.0, 0.60)), ("agreeableness", (0.59, 0.30, -0.32)), ("openness", (0.0, 0.15, 0.25)), ("conscientiousness", (0.0, 0.0, 0.17)),
])
def test_temperament_follows_the_published_weights(trait, moved):
    assert affect.temperament(MIDDLE | {trait: 1.0}) == pytest.approx(moved)


def test_emotional_stability_is_neuroticism_the_other_way_round():
    stable, unstable = affect.temperament(MIDDLE | {"neuroticism": 0.0}), affect.temperament(MIDDLE | {"neuroticism": 1.0})
    assert stable == pytest.approx([0.19, -0.57, 0.0])         # stable: pleased and calm
    assert unstable == pytest.approx(-stable)


def test_a_character_of_peld_has_the_temperament_of_the_formula():
    monica = dict(zip(affect.TRAITS, (0.713, 0.457, 0.457, 0.66, 0.511), strict=True))
    o, c, e, a, s = (2 * x - 1 for x in (0.713, 0.457, 0.457, 0.66, 1 - 0.511))
    assert affect.temperament(monica) == pytest.approx([0.21 * e + 0.59 * a + 0.19 * s, 0.15 * o + 0.30 * a - 0.57 * s, 0.25 * o + 0.17 * c + 0.60 * e - 0.32 * a])


@given(positions, positions, positions)
@settings(max_examples=50, deadline=None)
def test_a_mood_stays_in_range(mood, heard, home):
    assert (np.abs(affect.step(mood, heard, home)) <= 1).all()


def test_a_mood_moves_towards_what_is_heard_and_comes_home():
    home = np.zeros(3)
    sad = affect.step(home, np.array([-0.8, -0.3, -0.4]), home)
    assert (sad < 0).all()
    later = sad
    for _ in range(30):
        later = affect.step(later, np.full(3, np.nan), home)
    assert np.abs(later).max() < 0.01


def test_what_was_not_measured_moves_nothing():
    mood = np.array([0.2, 0.1, 0.0])
    assert affect.step(mood, np.array([np.nan, 0.9, np.nan]), mood)[[0, 2]] == pytest.approx(mood[[0, 2]])


def test_no_octant_has_a_hostile_tone():
    words = {word for _, word in affect.OCTANTS.values()}
    assert len(affect.OCTANTS) == 8 and not words & {"hostile", "angry", "sharp", "disdainful", "bored"}


@pytest.mark.parametrize(("traits", "error", "says"), [
    (MIDDLE | {"neuroticism": 2}, SettingError, "trait neuroticism is 2; expected a number from 0 to 1"),
    ({k: v for k, v in MIDDLE.items() if k != "openness"}, SettingError, "trait openness is None"),
    (MIDDLE | {"neurotism": 0.5}, UnknownName, "did you mean 'neuroticism'"),
])
def test_traits_out_of_place_are_errors(traits, error, says):
    with pytest.raises(error, match=says):
        affect.temperament(traits)
