"""Ranks and associations: against formulas on paper, and p-values that are what they say when nothing is there."""

import numpy as np
import pytest

from attune.explore.ranks import Associating, Levels, associate, descending, mid_ranks, spearman


def test_ties_stand_at_their_middle_and_missing_ones_stay_missing():
    assert mid_ranks(np.array([3.0, 1.0, 3.0, 3.0, np.nan])).tolist()[:4] == [3, 1, 3, 3]
    assert np.isnan(mid_ranks(np.array([3.0, np.nan]))[1])


def test_ranks_of_a_row_sum_to_what_ranks_sum_to_whatever_the_ties():
    rows = np.random.default_rng(0).integers(0, 4, (200, 9)).astype(float)
    assert np.allclose(mid_ranks(rows).sum(axis=1), 45)


def test_spearman_of_a_textbook_example():
    """Ten pairs of IQ and hours of television; 6 sum d² / (n (n² - 1)) with sum d² = 194 gives -.1757575."""
    iq = np.array([106, 86, 100, 101, 99, 103, 97, 113, 112, 110.0])
    hours = np.array([7, 0, 27, 50, 28, 29, 20, 12, 6, 17.0])
    assert spearman(iq, hours) == pytest.approx(1 - 6 * 194 / (10 * 99))


def test_spearman_does_not_see_a_monotone_change_of_scale():
    rng = np.random.default_rng(1)
    x, y = rng.random(50), rng.random(50)
    assert spearman(np.exp(5 * x), y) == pytest.approx(spearman(x, y))
    assert spearman(-x, y) == pytest.approx(-spearman(x, y))


def test_a_constant_has_no_correlation():
    assert np.isnan(spearman(np.ones(5), np.arange(5.0)))


def test_the_strongest_label_has_rank_one():
    assert descending(np.array([[0.2, 0.7, 0.1]])).tolist() == [[2, 1, 3]]


def test_counted_ranks_are_sorted_ranks_up_to_half_precision():
    x = np.random.default_rng(2).beta(0.4, 3, (4_000, 3)) * 2 - 1
    levels = Levels(3)
    for piece in np.array_split(x, 7):
        levels.add(piece)
    z = levels.scores(x)
    exact = mid_ranks(x.T).T
    assert np.abs(np.corrcoef(z[:, 0], exact[:, 0])[0, 1] - 1) < 1e-4
    assert z.mean() == pytest.approx(0, abs=1e-9) and z.std() == pytest.approx(1, abs=1e-9)


def test_counted_quantiles_means_and_histograms_are_those_of_the_values():
    x = np.random.default_rng(3).random((5_000, 1)) * 2 - 1
    levels = Levels(1)
    levels.add(np.vstack([x, [[np.nan]]]))
    assert levels.n.tolist() == [5_000]
    assert levels.means()[0] == pytest.approx(x.mean(), abs=1e-3)
    assert levels.quantiles([0.1, 0.5])[0] == pytest.approx(np.quantile(x, [0.1, 0.5]), abs=2e-3)
    assert levels.histogram(np.linspace(-1, 1, 5))[0] == pytest.approx(np.histogram(x, np.linspace(-1, 1, 5))[0], abs=8)


def test_a_value_outside_the_histogram_is_in_its_last_bin():
    levels = Levels(1)
    levels.add(np.array([[1.0], [7.0]]))
    assert levels.histogram(np.array([0, 0.5, 1.0]))[0].tolist() == [0, 2]


def made(rng, n=120, k=5, together=0.0):
    x = rng.dirichlet(np.ones(k), n)
    return x, together * x + (1 - together) * rng.dirichlet(np.ones(k), n)


def test_the_three_ways_are_the_correlations_they_say_they_are():
    x, y = made(np.random.default_rng(4), together=0.4)
    found = associate(x, y, np.zeros(len(x)))
    assert found.rho["pooled"] == pytest.approx(spearman(x.ravel(), y.ravel()), abs=2e-3)
    assert found.rho["per_dimension"] == pytest.approx(np.median([spearman(x[:, j], y[:, j]) for j in range(5)]), abs=2e-3)
    assert found.rho["per_segment"] == pytest.approx(np.mean([spearman(a, b) for a, b in zip(x, y, strict=True)]))
    assert max(found.p.values()) == 0.005


def test_pieces_give_what_the_whole_gives():
    rng = np.random.default_rng(5)
    x, y = made(rng, together=0.3)
    x[3] = np.nan
    who = np.repeat(["a", "b", "c"], 40)
    pieces = Associating(5, null="shuffle")
    for rows in (slice(0, 40), slice(40, 120)):
        pieces.count(x[rows], y[rows])
    for rows in (slice(0, 40), slice(40, 120)):
        pieces.add(x[rows], y[rows], who[rows])
    whole = associate(x, y, who)
    assert pieces.result().rho == pytest.approx(whole.rho) and pieces.result().p == whole.p and whole.n == 119


@pytest.mark.parametrize("null", ["shuffle", "shift"])
def test_p_is_uniform_when_face_and_voice_have_nothing_to_do_with_each_other(null):
    """200 corpora of independent rows: each tenth of the p-values holds about a tenth (Kolmogorov-Smirnov below its 1 % bound)."""
    rng = np.random.default_rng(6)
    p = []
    for seed in range(200):
        x, y = made(rng, n=60, k=4)
        p.append(list(associate(x, y, np.repeat([0, 1, 2], 20), null=null, permutations=99, seed=seed).p.values()))
    for column in np.sort(np.array(p), axis=0).T:
        steps = np.arange(1, 201) / 200
        assert np.max(np.abs(steps - column)) < 1.63 / np.sqrt(200) + 0.01


def test_people_who_differ_are_not_taken_for_modalities_that_agree():
    """Ada always smiles and sounds glad, Bo neither; within a person nothing goes together: rho is high, p isn't low."""
    rng = np.random.default_rng(7)
    base = np.repeat([[0.8, 0.1, 0.1], [0.1, 0.1, 0.8]], 60, axis=0)
    x, y = (base + 0.02 * rng.random(base.shape) for _ in "xy")
    found = associate(x, y, np.repeat(["Ada", "Bo"], 60))
    assert found.rho["pooled"] > 0.5 and found.p["pooled"] > 0.05


def test_slow_series_need_the_shift():
    """Independent series that drift over some ten rows: shuffling finds what isn't there far too often, turning round as often as it should."""
    rng = np.random.default_rng(8)
    low = {"shuffle": 0, "shift": 0}
    for seed in range(60):
        x, y = (np.stack([np.convolve(rng.standard_normal(159), np.ones(10), mode="valid") for _ in range(2)], axis=1) for _ in "xy")
        for null in low:
            low[null] += associate(x, y, np.zeros(150), null=null, permutations=99, seed=seed).p["per_dimension"] <= 0.05
    assert low["shuffle"] >= 9 and low["shift"] <= 7


def test_too_few_rows_say_nothing():
    found = associate(np.full((5, 3), np.nan), np.ones((5, 3)), np.zeros(5))
    assert found.n == 0 and np.isnan(found.rho["pooled"])
