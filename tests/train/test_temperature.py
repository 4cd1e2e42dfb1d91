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
    """given (n, 12), logits (n, 8), labels as one of eight (n, 8), corpus (of one person each), fold."""
    rng, n = np.random.default_rng(0), 6_000
    corpus, logits = np.where(rng.random(n) < 0.8, "easy", "hard"), 4 * rng.normal(size=(n, 8))
    times = np.array([FACTORS[c] for c in corpus])[:, None]
    values = np.eye(8)[[rng.choice(8, p=row) for row in softmax(times * logits)]]
    given = rng.normal(size=(n, GIVEN)) + 3 * (corpus == "hard")[:, None] * (np.arange(GIVEN) < 5)
    return given, logits, values, corpus, rng.integers(5, size=n)


def test_each_corpus_gets_the_factor_that_it_asks_for(recipe, heard):
    times = recipe.fitted(*heard[:4]).of(heard[0])[:, 0]
    for name, wanted in FACTORS.items():
        assert np.median(times[heard[3] == name]) == pytest.approx(wanted, rel=0.12)


def test_people_who_were_left_out_are_better_calibrated_than_by_one_factor(recipe, softmax, heard):
    given, logits, values, corpus, fold = heard
    truth, one = values.argmax(1), recipe_of("voice_prosody").likeliest(logits, values)
    times = recipe.cross_fitted(given, logits, values, corpus, fold)
    assert times.shape == (len(logits), 1)
    for name in FACTORS:
        rows = corpus == name
        by_one, by_each = (metrics.ece(truth[rows], softmax(factor * logits[rows])) for factor in (one, times[rows]))
        assert by_each < by_one


def test_the_first_label_stays_first_and_what_is_far_from_all_stays_within_bounds(recipe, heard):
    given, logits, *_ = heard
    temperature = recipe.fitted(*heard[:4])
    assert np.array_equal((temperature.of(given) * logits).argmax(1), logits.argmax(1))
    far = temperature.of(1e6 * np.random.default_rng(1).normal(size=(50, GIVEN)))
    low, high = recipe.BOUNDS
    assert np.isfinite(far).all()
    assert low - 1e-6 <= far.min() <= far.max() <= high + 1e-6


def test_a_row_counts_alone_as_among_others(recipe, heard):
    temperature = recipe.fitted(*heard[:4])
    np.testing.assert_allclose(temperature.of(heard[0][3:4]), temperature.of(heard[0])[3:4], rtol=1e-5)


def test_shared_most_votes_are_no_label_and_labels_that_a_corpus_lacks_say_nothing(recipe, heard):
    assert recipe.one_label(np.array([[0.5, 0.5, np.nan], [0.4, 0.6, np.nan], [np.nan, 1, 0]])).tolist() == [False, True, True]
    given, logits, values, corpus, _ = heard
    lacking = values[:, 7] != 1
    open_values, loud = values[lacking].copy(), logits[lacking].copy()
    open_values[:, 7], loud[:, 7] = np.nan, 100.0
    times = recipe.fitted(given[lacking], loud, open_values, corpus[lacking]).of(given[lacking])[:, 0]
    assert np.median(times[corpus[lacking] == "easy"]) == pytest.approx(FACTORS["easy"], rel=0.2)
