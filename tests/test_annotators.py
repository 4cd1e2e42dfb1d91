"""Made-up raters whose delay and bias are known."""

import numpy as np
import pytest

from attune.annotators import PATIENCE, STEP, agreement, correction, gold, pooled_and_per_recording, search_delay, targets
from attune.errors import ShapeError
from attune.metrics import ccc

HZ = 25


def smooth(seconds, seed=0):
    """A slow curve, as expression is: noise over four seconds."""
    rng = np.random.default_rng(seed)
    kernel = np.hanning(4 * HZ)
    return np.convolve(rng.normal(size=seconds * HZ + len(kernel) - 1), kernel / kernel.sum(), "valid") * 5


def test_the_gold_standard_follows_its_formula():
    rng = np.random.default_rng(1)
    x = smooth(60) + rng.normal(size=(3, 1)) + 0.1 * rng.normal(size=(3, 60 * HZ))
    c, m = agreement(x), x.mean(1)
    assert gold(x) == pytest.approx(x.mean(0) - x.mean() + (c * m).sum() / c.sum(), abs=1e-9)


def test_a_rater_who_agrees_with_nobody_does_not_move_the_middle():
    truth = smooth(60)
    raters = np.stack([truth, truth + 0.02, -truth + 5])
    assert gold(raters).mean() == pytest.approx(truth.mean(), abs=0.05)


def test_a_rater_who_left_early_leaves_no_step():
    truth = smooth(60)
    raters = np.stack([truth + 1, truth - 1])
    raters[0, 700:] = np.nan
    out = gold(raters)
    assert abs(out[700] - out[699]) < 0.2
    assert not np.isnan(out).any()
    assert np.isnan(gold(np.full((2, 3), np.nan))).all()


@pytest.mark.parametrize("delay", [0.0, 0.8, 2.0, 3.6, 6.4])
def test_the_delay_of_raters_is_found_within_one_step(delay):
    truth, time = smooth(300), np.arange(300 * HZ) / HZ
    rng = np.random.default_rng(3)
    late = np.roll(truth, round(delay * HZ)) + 0.1 * rng.normal(size=(4, len(truth)))
    starts = np.arange(0, 280, 2.0)
    segments = np.stack([starts, starts + 1.5], 1)
    seen = targets(time, truth, segments)
    found = search_delay(lambda d: ccc(seen, targets(time, gold(late), segments, delay=d)), patience=24)
    assert abs(found.seconds - delay) <= STEP


def test_the_search_stops_when_nothing_better_comes():
    tried = search_delay(lambda d: -d).tried
    assert list(tried) == [round(i * STEP, 6) for i in range(PATIENCE + 1)]
    assert search_delay(lambda d: float("nan")).seconds == 0


def test_targets_by_mean_and_by_centre():
    time, trace = np.arange(10.0), np.arange(10.0)
    segments = np.array([[0.0, 4.0], [2.0, 2.2], [8.0, 30.0]])
    assert targets(time, trace, segments).tolist() == [1.5, 2.0, 8.5]
    assert targets(time, trace, segments, delay=2).tolist() == [3.5, 4.0, 9.0]
    assert targets(time, trace, segments[:1], how="centre").tolist() == [2.0]
    assert np.isnan(targets(time, np.full(10, np.nan), segments)).all()
    assert targets(time, np.stack([trace, -trace], 1), segments).shape == (3, 2)


def test_a_correction_is_kept_only_if_it_helps():
    y = smooth(60)
    far = 0.4 * y + 1
    assert ccc(y, correction(y, far)(far)) == pytest.approx(1, abs=1e-6)
    unrelated = correction(y, y)
    assert unrelated(y) == pytest.approx(y)


def test_pooled_differs_from_per_recording_when_recordings_have_levels():
    y = np.concatenate([smooth(20, 1), smooth(20, 2) + 5])
    p = np.concatenate([smooth(20, 3), smooth(20, 4) + 5])
    pooled, own = pooled_and_per_recording(y, p, np.repeat([0, 1], 20 * HZ))
    assert pooled > 0.7 > own


def test_wrong_shapes_are_named():
    with pytest.raises(ShapeError, match="raters"):
        gold(np.zeros(4))
    with pytest.raises(ShapeError, match="two raters"):
        agreement(np.zeros((1, 4)))
    with pytest.raises(ShapeError, match="segments"):
        targets(np.arange(3), np.arange(3), np.zeros(2))
