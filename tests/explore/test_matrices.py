"""Correlation matrices: their comparison on known answers, and the order that panels share."""

import numpy as np
import pytest

from attune.errors import ShapeError
from attune.explore.matrices import Correlating, correlations, mantel, rv, shared_order


def made(seed, k=8, n=40):
    return np.corrcoef(np.random.default_rng(seed).standard_normal((n, k)), rowvar=False)


def test_a_matrix_is_like_itself_and_like_its_double():
    a = made(0)
    assert mantel(a, a).r == pytest.approx(1) and mantel(a, a).p <= 0.002
    assert rv(a, 2 * a) == pytest.approx(1)


def test_rv_of_two_matrices_worked_out_by_hand():
    """tr(AB) = 2 + 2 * .5 * -.5 = 1.5; tr(AA) = tr(BB) = 2.5."""
    a, b = np.array([[1, 0.5], [0.5, 1]]), np.array([[1, -0.5], [-0.5, 1]])
    assert rv(a, b) == pytest.approx(1.5 / 2.5)


def test_mantel_is_invariant_when_both_are_permuted_alike():
    a, b, order = made(1), made(2), np.random.default_rng(3).permutation(8)
    turned = np.ix_(order, order)
    assert mantel(a[turned], b[turned]).r == pytest.approx(mantel(a, b).r)


def test_mantel_p_is_uniform_for_unrelated_matrices():
    p = np.sort([mantel(made(2 * i), made(2 * i + 1), permutations=99, seed=i).p for i in range(150)])
    assert np.max(np.abs(np.arange(1, 151) / 150 - p)) < 1.63 / np.sqrt(150) + 0.01


def test_labels_that_never_vary_are_left_out():
    a = made(4)
    a[2] = a[:, 2] = np.nan
    assert mantel(a, a).labels == 7 and rv(a, a) == pytest.approx(1)


def test_three_labels_are_too_few_for_mantel():
    assert np.isnan(mantel(made(5, 3), made(6, 3)).r)


def test_matrices_over_different_labels_are_refused():
    with pytest.raises(ShapeError, match="the same labels"):
        rv(np.eye(3), np.eye(4))


def test_a_matrix_from_pieces_is_the_matrix():
    x = np.random.default_rng(7).dirichlet(np.ones(5), 900)
    x[10] = np.nan
    pieces = Correlating(5)
    for step in ("count", "add"):
        for piece in np.array_split(x, 4):
            getattr(pieces, step)(piece)
    assert np.abs(pieces.result() - correlations(x)).max() < 2e-3
    assert pieces.n == 899


def test_an_order_puts_together_what_goes_together():
    """Two blocks of three, interleaved."""
    block = np.array([0, 1, 0, 1, 0, 1])
    m = np.where(block[:, None] == block, 0.7, -0.5) + 0.3 * np.eye(6)
    order = shared_order([m, m])
    assert sorted(order.tolist()) == [0, 1, 2, 3, 4, 5]
    assert len({tuple(block[order[:3]]), tuple(block[order[3:]])}) == 2 and len(set(block[order[:3]])) == 1


def test_an_order_keeps_unknown_labels_last():
    m = made(8, 5)
    m[1] = m[:, 1] = np.nan
    assert shared_order([m]).tolist()[-1] == 1
