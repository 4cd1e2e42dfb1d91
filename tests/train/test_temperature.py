"""A temperature that depends on what is heard: two corpora, in one of which a net errs more often, told apart by what it is given."""

import numpy as np
import pytest
from recipe_modules import recipe_of

from attune import metrics

torch = pytest.importorskip("torch")

FACTORS = {"easy": 0.7, "hard": 0.35}    # what the logits of a corpus should be multiplied by
GIVEN = 12


@pytest.fixture(scope="module")
def recipe():
    return recipe_of("_temperature")


@pytest.fixture(scope="module")
def softmax():
    return recipe_of("_voice").softmax


@pytest.fixture(scope="module")
def heard(softmax):
    """given (n, 12), logits (n, 8), labels as one of eight (n, 8), corpus, person (of 20, in folds of four), fold."""
    rng, n = np.random.default_rng(0), 6_000
    person = rng.integers(20, size=n)
    corpus, logits = np.where(person % 5 < 4, "easy", "hard"), 4 * rng.normal(size=(n, 8))
    times = np.array([FACTORS[c] for c in corpus])[:, None]
    values = np.eye(8)[[rng.choice(8, p=row) for row in softmax(times * logits)]]
    given = rng.normal(size=(n, GIVEN)) + 3 * (corpus == "hard")[:, None] * (np.arange(GIVEN) < 5)
    return given, logits, values, corpus, person, person // 5


def test_each_corpus_gets_the_factor_that_it_asks_for(recipe, heard):
    given, logits, values, corpus, person, _ = heard
    times = recipe.fitted(given, logits, values, person).of(given)[:, 0]
    for name, wanted in FACTORS.items():
        assert np.median(times[corpus == name]) == pytest.approx(wanted, rel=0.2)


def test_people_who_were_left_out_are_better_calibrated_than_by_one_factor(recipe, softmax, heard):
    given, logits, values, corpus, person, fold = heard
    truth, one = values.argmax(1), recipe_of("voice_prosody").likeliest(logits, values)
    times = recipe.cross_fitted(given, logits, values, person, fold)
    assert times.shape == (len(logits), 1)
    for name in FACTORS:
        rows = corpus == name
        by_one, by_each = (metrics.ece(truth[rows], softmax(factor * logits[rows])) for factor in (one, times[rows]))
        assert by_each < by_one


def test_what_a_fold_says_has_no_part_in_its_own_factors(recipe, heard):
    given, logits, values, _, person, fold = heard
    times, other = recipe.cross_fitted(given, logits, values, person, fold), values.copy()
    other[fold == 2] = np.roll(other[fold == 2], 3, axis=1)
    changed = recipe.cross_fitted(given, logits, other, person, fold)
    np.testing.assert_array_equal(times[fold == 2], changed[fold == 2])
    assert (times[fold != 2] != changed[fold != 2]).any()


def test_people_count_alike_however_much_they_said(recipe, heard):
    given, logits, values, _, person, _ = heard
    few = person != 4                                                       # the one who is heard most of all is hard to read
    rows = np.concatenate([np.flatnonzero(few), np.repeat(np.flatnonzero(~few), 20)])
    alike, often = (recipe.fitted(given[r], logits[r], values[r], person[r]).of(given) for r in (np.arange(len(person)), rows))
    uniform = recipe.fitted(given[rows], logits[rows], values[rows], np.arange(len(rows))).of(given)
    apart = [float(np.abs(np.log(x / alike)).mean()) for x in (often, uniform)]
    assert apart[0] < apart[1] / 2


def test_the_first_label_stays_first_and_what_is_far_from_all_stays_within_bounds(recipe, heard):
    given, logits, values, _, person, _ = heard
    temperature = recipe.fitted(given, logits, values, person)
    assert np.array_equal((temperature.of(given) * logits).argmax(1), logits.argmax(1))
    far = temperature.of(1e6 * np.random.default_rng(1).normal(size=(50, GIVEN)))
    low, high = recipe.BOUNDS
    assert np.isfinite(far).all()
    assert low - 1e-6 <= far.min() <= far.max() <= high + 1e-6


def test_a_row_counts_alone_as_among_others(recipe, heard):
    temperature = recipe.fitted(*heard[:3], heard[4])
    np.testing.assert_allclose(temperature.of(heard[0][3:4]), temperature.of(heard[0])[3:4], rtol=1e-5)


def test_shared_most_votes_are_no_label_and_labels_that_a_corpus_lacks_say_nothing(recipe, heard):
    assert recipe.one_label(np.array([[0.5, 0.5, np.nan], [0.4, 0.6, np.nan], [np.nan, 1, 0]])).tolist() == [False, True, True]
    given, logits, values, corpus, person, _ = heard
    lacking = values[:, 7] != 1
    open_values, loud = values[lacking].copy(), logits[lacking].copy()
    open_values[:, 7], loud[:, 7] = np.nan, 100.0
    times = recipe.fitted(given[lacking], loud, open_values, person[lacking]).of(given[lacking])[:, 0]
    assert np.median(times[corpus[lacking] == "easy"]) == pytest.approx(FACTORS["easy"], rel=0.2)


def test_bounds_hold(recipe, heard):
    given, logits, values, _, person, _ = heard
    narrow = recipe.fitted(given, logits, values, person, bounds=(0.5, 0.6)).of(given)
    assert narrow.min() >= 0.5 - 1e-6
    assert narrow.max() <= 0.6 + 1e-6


def test_more_directions_tell_apart_what_the_first_does_not(recipe, heard):
    given, logits, values, corpus, person, _ = heard
    louder = given.copy()                                    # seven columns that go together more than the corpora's five, and tell nothing
    louder[:, 5:] += 9 * np.random.default_rng(1).normal(size=(len(given), 1))
    apart = []
    for directions in (1, 2):
        times = recipe.fitted(louder, logits, values, person, directions=directions).of(louder)[:, 0]
        apart.append(np.median(times[corpus == "easy"]) / np.median(times[corpus == "hard"]))
    assert apart[0] == pytest.approx(1, abs=0.1)
    assert apart[1] > 1.4
