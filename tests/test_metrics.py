"""Metrics against published numbers, against numbers worked out by hand, and against what must always hold."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from attune import metrics
from attune.errors import ShapeError

numbers = st.integers(-1000, 1000).map(lambda i: i / 100)
pairs = st.integers(2, 30).flatmap(lambda n: st.tuples(arrays(np.float64, n, elements=numbers), arrays(np.float64, n, elements=numbers)))
classes = st.integers(1, 30).flatmap(lambda n: st.tuples(arrays(np.int64, n, elements=st.integers(0, 4)), arrays(np.int64, n, elements=st.integers(0, 4))))


def distributions(n, k=5):
    return arrays(np.float64, (n, k), elements=st.integers(0, 20)).map(lambda a: (a + 1e-9) / (a + 1e-9).sum(axis=1, keepdims=True))


# concordance and correlation

def test_ccc_is_the_one_worked_out_by_hand():
    # covariance 0.24/3, variances 0.32/3 and 0.18/3, equal means: 2 * 0.08 / (0.10667 + 0.06)
    assert metrics.ccc(np.array([0.1, 0.5, 0.9]), np.array([0.2, 0.5, 0.8])) == pytest.approx(0.96)


def test_ccc_pays_for_an_offset_as_lin_says():
    # y + b: 2 s² / (2 s² + b²), with s² = 2/3 and b = 1
    y = np.array([0.0, 1.0, 2.0])
    assert metrics.ccc(y, y + 1) == pytest.approx((4 / 3) / (4 / 3 + 1))


def test_ccc_pays_for_a_scale_as_lin_says():
    # u y around the same mean 0: 2 u / (1 + u²)
    y = np.array([-1.0, 0.0, 1.0])
    assert metrics.ccc(y, 3 * y) == pytest.approx(0.6)


def test_pearson_is_the_one_of_scipys_manual():
    # scipy.stats.pearsonr, example: [1, 2, 3, 4, 5] and [10, 9, 2.5, 6, 4] give -0.7426106572325057
    assert metrics.pearson(np.array([1, 2, 3, 4, 5]), np.array([10, 9, 2.5, 6, 4])) == pytest.approx(-0.7426106572325057)


@pytest.mark.parametrize("metric", [metrics.ccc, metrics.pearson])
@pytest.mark.parametrize("constant", [0.0, 0.1, 1 / 3, 1e6])
def test_equal_constants_have_no_correlation(metric, constant):
    assert math.isnan(metric(np.full(3, constant), np.full(3, constant)))


def test_a_constant_prediction_agrees_with_nothing():
    y = np.array([0.1, 0.5, 0.9])
    assert metrics.ccc(y, np.full(3, 0.1)) == pytest.approx(0)
    assert math.isnan(metrics.pearson(y, np.full(3, 0.1)))


@given(pairs)
def test_ccc_is_symmetric(pair):
    np.testing.assert_allclose(metrics.ccc(*pair), metrics.ccc(*pair[::-1]), atol=1e-12)


@given(pairs)
def test_ccc_is_never_beyond_pearson(pair):
    a, b = pair
    assume(len(set(a)) > 1 and len(set(b)) > 1)
    assert abs(metrics.ccc(a, b)) <= abs(metrics.pearson(a, b)) + 1e-9 <= 1 + 2e-9


@given(pairs, st.integers(1, 9), numbers)
def test_ccc_does_not_depend_on_the_unit_of_both(pair, scale, offset):
    a, b = pair
    assume(len(set(a)) > 1)
    np.testing.assert_allclose(metrics.ccc(scale * a + offset, scale * b + offset), metrics.ccc(a, b), atol=1e-9)


@given(pairs)
def test_something_varied_agrees_with_itself(pair):
    assume(len(set(pair[0])) > 1)
    assert metrics.ccc(pair[0], pair[0]) == pytest.approx(1)


# classes

def test_recall_is_the_one_of_scikit_learns_manual():
    # sklearn.metrics.recall_score, example: macro 0.33, per class 1, 0, 0
    y_true, y_pred = np.array([0, 1, 2, 0, 1, 2]), np.array([0, 2, 1, 0, 0, 1])
    assert metrics.recalls(y_true, y_pred, 3).tolist() == [1, 0, 0]
    assert metrics.uar(y_true, y_pred) == pytest.approx(1 / 3)
    assert metrics.accuracy(y_true, y_pred) == pytest.approx(1 / 3)


def test_a_class_that_never_occurs_has_no_recall_and_does_not_count():
    assert np.isnan(metrics.recalls(np.array([0, 0, 2]), np.array([0, 1, 2]), 3)).tolist() == [False, True, False]
    assert metrics.uar(np.array([0, 0, 2]), np.array([0, 1, 2])) == pytest.approx(0.75)


@given(classes)
def test_uar_is_the_mean_of_the_recalls(pair):
    assert metrics.uar(*pair) == pytest.approx(np.nanmean(metrics.recalls(*pair, 5)))


@given(classes)
def test_always_the_same_class_gets_chance(pair):
    y_true, _ = pair
    same = np.full_like(y_true, y_true[0])
    assert metrics.uar(y_true, same) == pytest.approx(1 / len(set(y_true.tolist())))


def test_f1_is_the_one_of_scikit_learns_manual():
    # sklearn.metrics.f1_score, multilabel example: 0.66666667, 1, 0.66666667
    y_true, y_pred = np.array([[0, 0, 0], [1, 1, 1], [0, 1, 1]]), np.array([[0, 0, 0], [1, 1, 1], [1, 1, 0]])
    np.testing.assert_allclose(metrics.f1(y_true, y_pred), [2 / 3, 1, 2 / 3])
    assert metrics.macro_f1(y_true, y_pred) == pytest.approx(7 / 9)
    assert metrics.micro_f1(y_true, y_pred) == pytest.approx(2 * 4 / (5 + 5))        # 4 hits, 5 there, 5 said


def test_f1_of_a_label_neither_there_nor_said_is_zero():
    assert metrics.f1(np.zeros((3, 1)), np.zeros((3, 1))).tolist() == [0]


# distributions

def test_jsd_is_the_one_of_scipys_manual():
    # scipy.spatial.distance.jensenshannon is its root: ([1,0,0],[0,1,0], base 2) is 1; ([1,0],[.5,.5]) is 0.46450140402245893 in nats
    assert metrics.jsd(np.array([[1.0, 0, 0]]), np.array([[0.0, 1, 0]])) == pytest.approx(1.0)
    assert metrics.jsd(np.array([[1.0, 0]]), np.array([[0.5, 0.5]])) == pytest.approx(0.46450140402245893**2 / math.log(2))


@given(st.integers(1, 8).flatmap(lambda n: st.tuples(distributions(n), distributions(n))))
def test_jsd_is_symmetric_and_between_nothing_and_one_bit(pair):
    there, back = metrics.jsd(*pair), metrics.jsd(*pair[::-1])
    np.testing.assert_allclose(there, back, atol=1e-12)
    assert (there >= -1e-12).all()
    assert (there <= 1 + 1e-12).all()
    np.testing.assert_allclose(metrics.jsd(pair[0], pair[0]), 0, atol=1e-12)


def test_ece_is_the_one_worked_out_by_hand():
    # bin [.8, 1): two rows said .9, one right: gap .4, weight 2/4; bin [.6, .8): two rows said .6, both right: gap .4, weight 2/4
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.4], [0.6, 0.4]])
    assert metrics.ece(np.array([0, 1, 0, 0]), probabilities, bins=5) == pytest.approx(0.4)


def test_being_sure_and_right_is_calibrated():
    assert metrics.ece(np.array([0, 1]), np.eye(2)) == 0


# intervals

def test_an_interval_repeats_with_its_seed():
    y, p = np.arange(30) % 3, np.arange(30) % 2
    again = [metrics.bootstrap(metrics.accuracy, y, p, draws=50, seed=s) for s in (1, 1, 2)]
    assert again[0] == again[1] != again[2]


def test_an_interval_holds_the_figure():
    y, p = np.arange(60) % 2, (np.arange(60) % 3 > 0).astype(int)
    figure = metrics.bootstrap(metrics.accuracy, y, p, draws=200)
    assert figure.low <= figure.value <= figure.high


def test_whole_speakers_are_drawn():
    # Two speakers, one always right, the other never: a draw of speakers is all, half or none right, never anything between.
    y, p, speaker = np.zeros(20), np.repeat([0, 1], 10), np.repeat(["ada", "ben"], 10)
    drawn = set()

    def accuracy(a, b):
        drawn.add(metrics.accuracy(a, b))
        return metrics.accuracy(a, b)

    figure = metrics.bootstrap(accuracy, y, p, groups=speaker, draws=100)
    assert drawn == {0.0, 0.5, 1.0}
    assert (figure.low, figure.high) == (0, 1)


def test_a_metric_that_is_undefined_has_an_undefined_interval():
    assert np.isnan(metrics.bootstrap(metrics.ccc, np.ones(4), np.ones(4), draws=5)).all()


def test_an_interval_is_printed_with_its_bounds():
    assert str(metrics.Interval(0.5, 0.4, 0.61234)) == "0.500 [0.400, 0.612]"


@pytest.mark.parametrize("metric", [metrics.ccc, metrics.pearson, metrics.accuracy, metrics.uar, metrics.jsd])
@pytest.mark.parametrize("lengths", [(3, 4), (0, 0)])
def test_lengths_that_differ_or_nothing_at_all_are_an_error(metric, lengths):
    with pytest.raises(ShapeError, match="expected the same, with at least one row"):
        metric(np.zeros(lengths[0]), np.zeros(lengths[1]))
