"""Metrics against published numbers, against numbers worked out by hand, and against what must always hold."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from attune import metrics
from attune.errors import MediaError, ShapeError
from attune.metrics import words

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


def test_a_calibrated_models_ece_by_chance_is_what_calibrated_labels_give():
    rng = np.random.default_rng(3)
    p = rng.dirichlet(np.ones(4), 150)
    mean, most = metrics.ece_by_chance(p, draws=400)
    found = [metrics.ece((p.cumsum(1) > rng.random((150, 1))).argmax(1), p) for _ in range(400)]
    assert mean == pytest.approx(np.mean(found), rel=0.05)
    assert np.mean(np.array(found) < most) == pytest.approx(0.95, abs=0.03)
    assert metrics.ece_by_chance(np.tile(p, (50, 1)))[0] < mean / 4          # more rows, less luck
    assert metrics.ece_by_chance(np.eye(3)) == (0, 0)


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


# more of classes

def test_a_confusion_adds_up_and_its_diagonal_is_what_was_right():
    y_true, y_pred = np.array([0, 1, 2, 0, 1, 2]), np.array([0, 2, 1, 0, 0, 1])
    table = metrics.confusion(y_true, y_pred, 3)
    # sklearn.metrics.confusion_matrix of the same arrays
    assert table.tolist() == [[2, 0, 0], [1, 0, 1], [0, 2, 0]]
    assert np.trace(table) / table.sum() == metrics.accuracy(y_true, y_pred)


def test_weighted_f1_is_the_one_of_scikit_learns_manual():
    # sklearn.metrics.f1_score([0, 1, 2, 0, 1, 2], [0, 2, 1, 0, 0, 1]): macro 0.26..., weighted 0.26...; with [0, 0, 0, 0, 1, 2] as truth: below
    eye = np.eye(3)
    assert metrics.weighted_f1(eye[[0, 1, 2, 0, 1, 2]], eye[[0, 2, 1, 0, 0, 1]]) == pytest.approx(0.8 / 3)
    assert metrics.weighted_f1(eye[[0, 0, 0, 0, 1, 2]], eye[[0, 2, 1, 0, 0, 1]]) == pytest.approx(4 / 6 * 2 * 2 / 7)


def test_jaccard_is_the_one_worked_out_by_hand():
    # rows: one of two in common, none of two, and nothing on both sides, which is full agreement
    y_true, y_pred = np.array([[1, 1], [1, 0], [0, 0]]), np.array([[1, 0], [0, 1], [0, 0]])
    assert metrics.jaccard(y_true, y_pred) == pytest.approx((0.5 + 0 + 1) / 3)


def test_average_precision_is_the_one_of_scikit_learns_manual():
    # sklearn.metrics.average_precision_score, example: y [0, 0, 1, 1], scores [.1, .4, .35, .8]: 0.83
    found = metrics.average_precision(np.array([[0], [0], [1], [1]]), np.array([[0.1], [0.4], [0.35], [0.8]]))
    assert found[0] == pytest.approx((1 + 2 / 3) / 2)


def test_average_precision_of_equal_scores_is_the_share_of_positives():
    y = np.array([[1], [0], [0], [1]])
    assert metrics.average_precision(y, np.full((4, 1), 0.3))[0] == pytest.approx(0.5)
    assert math.isnan(metrics.average_precision(np.zeros((4, 1)), np.ones((4, 1)))[0])


@given(arrays(np.int64, (12, 2), elements=st.integers(0, 1)), arrays(np.float64, (12, 2), elements=st.integers(0, 5)), st.permutations(range(12)))
def test_average_precision_does_not_depend_on_the_order_of_rows(y, scores, order):
    np.testing.assert_allclose(metrics.average_precision(y[order], scores[order]), metrics.average_precision(y, scores))


def test_mae_is_in_the_unit_of_both():
    assert metrics.mae(np.array([0.0, 1.0]), np.array([0.5, 0.0])) == 0.75


# votes

def test_labels_over_a_fair_share_are_not_decided_by_the_last_bit():
    third = np.float32(1) / 3
    assert metrics.label_set(np.array([[third + 1e-6, third, third]], np.float32)).tolist() == [[False, False, False]]
    assert metrics.label_set(np.array([[0.5, 0.3, 0.2]])).tolist() == [[True, False, False]]


def test_the_fair_share_depends_on_how_many_labels_could_be_chosen():
    assert metrics.label_set(np.array([[0.3, 0.4, 0.3, np.nan]]), 3).tolist() == [[False, True, False, False]]
    assert metrics.label_set(np.array([[0.3, 0.3, 0.4], [0.3, 0.4, 0.3]]), np.array([4, 3])).tolist() == [[True, True, True], [False, True, False]]


def test_set_f1_of_votes_with_themselves_is_one():
    votes = np.array([[0.6, 0.4, 0.0], [0.0, 0.5, 0.5], [0.4, 0.0, 0.6]])
    assert metrics.set_f1(votes, votes) == 1


@given(st.integers(1, 6).flatmap(lambda n: st.tuples(distributions(n), distributions(n))))
def test_cross_entropy_is_least_for_the_votes_themselves(pair):
    p, q = pair
    assert (metrics.cross_entropy(p, q) >= metrics.cross_entropy(p, p) - 1e-6).all()


# calibration and abstaining

def test_reliability_counts_every_row_once():
    said, true = np.array([0.0, 0.1, 0.5, 0.99, 1.0]), np.array([0, 0, 1, 1, 1])
    found = metrics.reliability(said, true, bins=10)
    assert found.n.sum() == 5
    assert found.n[9] == 2
    assert found.true[5] == 1
    assert math.isnan(found.said[2])


def test_brier_is_the_one_worked_out_by_hand():
    assert metrics.brier(np.array([0, 1]), np.array([[1.0, 0.0], [0.8, 0.2]])) == pytest.approx((0 + 0.64 + 0.64) / 2)
    assert metrics.brier(np.array([[1, 0]]), np.array([[0.5, 0.5]])) == 0.25


def test_ece_of_several_labels_is_the_mean_of_each_labels_own():
    y, p = np.array([[1, 0], [0, 0], [1, 1], [0, 0]]), np.array([[0.9, 0.1], [0.9, 0.1], [0.6, 0.9], [0.1, 0.3]])
    each = [metrics.ece(y[:, j : j + 1], p[:, j : j + 1]) for j in range(2)]
    assert metrics.ece(y, p) == pytest.approx(np.mean(each))
    # the first label: .9 said twice, once true; .6 true; .1 not: (|1.8 - 1| + .4 + .1) / 4
    assert each[0] == pytest.approx(1.3 / 4)


def test_silence_on_the_unsure_rows_helps_a_model_that_knows_what_it_knows():
    right, sure = np.array([True, True, True, True, False]), np.array([0.9, 0.8, 0.8, 0.7, 0.3])
    assert metrics.accuracy_at(right, sure, 0.8) == 1
    assert metrics.aurc(right, sure) == pytest.approx(0.2 / 5)
    assert metrics.aurc(right, np.ones(5)) == pytest.approx(0.2)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), min_size=1, max_size=20), st.randoms(use_true_random=False))
def test_risk_does_not_depend_on_the_order_of_rows(rows, random):
    shuffled = random.sample(rows, len(rows))
    curves = [metrics.risk_coverage(np.array([r for r, _ in of]), np.array([c for _, c in of]))[1] for of in (rows, shuffled)]
    np.testing.assert_allclose(*curves)
    assert curves[0][-1] == pytest.approx(1 - np.mean([r for r, _ in rows]))


# intervals of several figures

def test_several_figures_share_their_draws():
    y = np.arange(40) % 3
    both = metrics.bootstrap_figures(lambda rows: np.array([y[rows].mean(), 2 * y[rows].mean()]), 40, draws=30)
    assert both[1].low == pytest.approx(2 * both[0].low)
    one = metrics.bootstrap(lambda a: float(a.mean()), y, draws=30)
    assert one == both[0]


def test_one_speaker_gives_no_interval():
    figure = metrics.bootstrap(metrics.accuracy, np.ones(5), np.ones(5), groups=np.array(["ada"] * 5), draws=10)
    assert figure.value == 1
    assert math.isnan(figure.low)
    assert math.isnan(figure.high)


def test_rows_of_nobody_are_drawn_one_by_one():
    assert len(metrics.members(np.array(["ada", "", "ada", ""]), 4)) == 3
    assert len(metrics.members(None, 4)) == 4


def test_the_interval_of_a_calibration_error_is_not_pushed_up_by_drawing():
    rng = np.random.default_rng(0)
    p = rng.uniform(0.05, 0.95, (400, 1))
    y = (rng.random((400, 1)) < p).astype(float)
    plain, centred = (metrics.bootstrap_figures(lambda rows: np.array([metrics.ece(y[rows], p[rows])]), 400, draws=200, centred=c)[0] for c in ((), (0,)))
    assert centred.low <= centred.value <= centred.high
    assert plain.low > centred.low


# free words

@pytest.fixture
def wheels(tmp_path):
    (tmp_path / "forms.csv").write_text("word,base\njoyfully,joyful\njoyful,joyful\nhappy,happy\nfurious,furious\nglad,glad\nsad,sad\n", "utf-8")
    (tmp_path / "synonyms.csv").write_text("word,label\njoyful,happy\nfurious,angry\nglad,happy\nhappy,happy\nsad,sad\n", "utf-8")
    (tmp_path / "one.csv").write_text("level1,level2,level3\nGood,Happy,glee\n,,delight\nBad,Angry,rage\n,Sad,grief\n", "utf-8")
    (tmp_path / "two.csv").write_text("level1,level2,level3\nstrong,angry,rage\nweak,happy,glee\n,sad,grief\n", "utf-8")
    return words.read_wheels(tmp_path)


def test_inflections_and_synonyms_meet_on_a_wheel(wheels):
    one, two = wheels
    assert one("Joyfully ") == one("glad") == "good"
    assert (one("furious"), two("furious")) == ("bad", "strong")
    assert one("melancholy") == ""                                # no form of it is listed


def test_free_words_are_scored_as_worked_out_by_hand(wheels):
    truth, said = [["happy"], ["furious", "sad"], [], ["unknown word"]], [["joyfully", "sad"], [], ["happy"], ["happy"]]
    # two samples count; wheel one: {good} against {good, bad}, then {bad} against nothing: precision .25, recall .5
    assert words.overlap(truth, said, wheels[0]) == (0.25, 0.5, pytest.approx(1 / 3), 2)
    # wheel two: {weak} against {weak}: precision and recall .5
    assert words.overlap(truth, said, wheels[1]) == (0.5, 0.5, 0.5, 2)
    assert words.mean_overlap(truth, said, wheels).f1 == pytest.approx((1 / 3 + 0.5) / 2)


def test_nothing_to_compare_is_undefined(wheels):
    assert math.isnan(words.overlap([[]], [["happy"]], wheels[0]).f1)


def test_our_own_taxonomies_serve_as_wheels():
    by_name = {wheel.name: wheel for wheel in words.taxonomy_wheels()}
    assert by_name["parrott.primary"]("Glee") == "joy"
    assert words.overlap([["glee"]], [["bliss"]], by_name["parrott.primary"]).f1 == 1


def test_a_folder_without_a_wheel_and_a_table_without_its_columns_are_errors(tmp_path):
    with pytest.raises(MediaError, match="no wheel"):
        words.read_wheels(tmp_path)
    (tmp_path / "one.csv").write_text("a,b\n1,2\n", "utf-8")
    with pytest.raises(MediaError, match="no column 'level1'"):
        words.read_wheels(tmp_path)
