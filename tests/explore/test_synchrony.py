"""Synchrony: found where one follows the other, not where two merely move."""

import numpy as np
import pytest

from attune.errors import ShapeError
from attune.explore.synchrony import _strangers, gridded, synchrony

RATE = 3.0


def drifting(rng, n=2_700):
    return np.convolve(rng.standard_normal(n + 8), np.ones(9) / 3, mode="valid")


def test_one_who_follows_by_a_second_is_found_with_the_second():
    a = drifting(np.random.default_rng(0))
    found = synchrony(a, np.roll(a, 3) + 0.3 * drifting(np.random.default_rng(1)), rate=RATE)
    assert found.p < 0.01 and found.strength > found.threshold > found.chance and found.lag == 1.0


def test_who_leads_has_a_negative_lag():
    a = drifting(np.random.default_rng(2))
    assert synchrony(np.roll(a, 6), a, rate=RATE).lag == -2.0


def test_p_is_uniform_for_strangers():
    rng = np.random.default_rng(3)
    p = np.sort([synchrony(drifting(rng), drifting(rng), rate=RATE, permutations=99, seed=i).p for i in range(120)])
    assert np.max(np.abs(np.arange(1, 121) / 120 - p)) < 1.63 / np.sqrt(120) + 0.01


def test_windows_with_little_measured_have_no_strength():
    a = drifting(np.random.default_rng(4))
    a[:80] = np.nan
    found = synchrony(a, drifting(np.random.default_rng(5)), rate=RATE)
    assert np.isnan(found.windows[0]) and not np.isnan(found.windows[1:]).any() and not np.isnan(found.p)


def test_a_minute_is_too_short():
    a = drifting(np.random.default_rng(6), 180)
    assert np.isnan(synchrony(a, a, rate=RATE).strength)


def test_series_of_different_length_are_refused():
    with pytest.raises(ShapeError, match="one grid"):
        synchrony(np.zeros(10), np.zeros(11), rate=RATE)


def test_nobody_meets_their_own_window_by_chance():
    drawn = _strangers(5, 50, np.random.default_rng(0))
    assert (np.sort(drawn, axis=1) == np.arange(5)).all() and (drawn != np.arange(5)).all()


def test_a_grid_bridges_one_missing_frame_and_no_long_gap():
    time = np.array([0.0, 1.0, 3.0, 9.0])
    grid = gridded(time, np.array([1.0, 2.0, 4.0, 5.0]), start=0.0, end=10.0, rate=1.0)
    assert grid[2] == 3.0 and np.isnan(grid[4:9]).all() and grid[9] == 5.0
