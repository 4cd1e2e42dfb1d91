"""Losses: golden values by hand, symmetry, and silence where nothing is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from attune import metrics  # noqa: E402 (torch may be missing)
from attune.taxonomy import taxonomy  # noqa: E402
from attune.train import losses  # noqa: E402

NAN = math.nan
T = torch.tensor


def test_smoothing_is_that_of_the_published_soft_labels() -> None:
    # p (1 - e) + (1 - p) e / (k - 1), e = .05, k = 5: .8 -> .76 + .2 * .0125, .2 -> .19 + .8 * .0125, 0 -> .0125
    out = losses.smoothed(T([[0.8, 0.2, 0.0, 0.0, 0.0]]))
    torch.testing.assert_close(out, T([[0.7625, 0.2, 0.0125, 0.0125, 0.0125]]))


def test_smoothed_rows_sum_to_one_over_what_is_known() -> None:
    out = losses.smoothed(T([[0.5, 0.5, NAN], [1.0, NAN, 0.0]]))
    torch.testing.assert_close(out.nansum(1), torch.ones(2))
    assert out.isnan().tolist() == [[False, False, True], [False, True, False]]


def test_class_balance_follows_the_effective_number_of_rows() -> None:
    # N = 100, b = .99; n = 90, 10: (1 - b)/(1 - b^n) = .016807, .104583
    shares = np.eye(2)[[0] * 90 + [1] * 10]
    weight = losses.class_balance(shares)
    raw = np.array([0.01 / (1 - 0.99**90), 0.01 / (1 - 0.99**10)])
    np.testing.assert_allclose(weight, 2 * raw / raw.sum())
    assert weight.sum() == pytest.approx(2)


def test_exactly_a_fair_share_does_not_count_for_the_balance() -> None:
    even = np.full((4, 3), 1 / 3)
    np.testing.assert_allclose(losses.class_balance(np.concatenate([even, np.eye(3)])), 1)


def test_a_class_nobody_chose_has_a_finite_weight() -> None:
    assert np.isfinite(losses.class_balance(np.eye(3)[[0, 0, 1]])).all()


def test_soft_cross_entropy_of_one_hot_is_cross_entropy() -> None:
    logits, y = torch.randn(5, 4), T([0, 1, 2, 3, 0])
    torch.testing.assert_close(losses.soft_cross_entropy(logits, torch.eye(4)[y]), torch.nn.functional.cross_entropy(logits, y, reduction="none"))


def test_soft_cross_entropy_is_least_at_the_votes() -> None:
    votes = T([[0.7, 0.2, 0.1]])
    there = losses.soft_cross_entropy(votes.log(), votes)
    assert there.item() == pytest.approx(-(votes * votes.log()).sum().item())
    assert all(losses.soft_cross_entropy(votes.log() + 0.3 * torch.randn(1, 3), votes) > there for _ in range(20))


def test_a_row_weighs_by_what_was_voted_for() -> None:
    logits, votes, balance = torch.zeros(2, 2), T([[1.0, 0.0], [0.5, 0.5]]), T([0.4, 1.6])
    torch.testing.assert_close(losses.soft_cross_entropy(logits, votes, balance=balance), math.log(2) * T([0.4, 1.0]))


@pytest.mark.parametrize("loss", [losses.soft_cross_entropy, losses.focal, losses.soft_binary])
def test_an_unknown_label_gets_no_gradient(loss: object) -> None:
    logits = torch.randn(2, 3, requires_grad=True)
    target = T([[1.0, 0.0, NAN], [NAN, NAN, NAN]])
    rows = loss(logits, target)  # type: ignore[operator]
    rows.sum().backward()
    assert rows[1] == 0
    assert (logits.grad[1] == 0).all() and logits.grad[0, 2] == 0 and (logits.grad[0, :2] != 0).all()


def test_focal_without_focus_is_cross_entropy_and_with_it_makes_the_easy_light() -> None:
    logits, y = T([[4.0, 0.0], [0.1, 0.0]]), torch.eye(2)[[0, 0]]
    plain = losses.soft_cross_entropy(logits, y)
    torch.testing.assert_close(losses.focal(logits, y, gamma=0), plain)
    share = losses.focal(logits, y) / plain
    torch.testing.assert_close(share, (1 - logits.softmax(1)[:, 0]) ** 2)


def test_mean_leaves_out_rows_of_which_nothing_is_known() -> None:
    target = T([[1.0, 0.0], [NAN, NAN]])
    assert losses.mean(T([3.0, 0.0]), target) == 3
    assert losses.mean(T([0.0]), target[1:]) == 0


def test_co_occurrence_is_a_share_of_rows() -> None:
    votes = np.array([[2, 1, 0], [1, 0, 0], [0, 3, 0], [1, 1, 0]])
    together = losses.co_occurrence(votes)
    np.testing.assert_allclose(together[:2, :2], [[1, 2 / 3], [2 / 3, 1]])
    assert np.isnan(together[2]).all()


def test_what_never_goes_together_costs_most_and_a_label_costs_nothing_by_itself() -> None:
    votes = np.array([[1, 1, 0], [1, 1, 0], [0, 0, 1]])
    cost = losses.penalties(votes)
    np.testing.assert_allclose(cost, [[0, 0, 1], [0, 0, 1], [1, 1, 0]])
    p = T([[0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.0, 1.0]])
    torch.testing.assert_close(losses.co_occurrence_penalty(p, torch.from_numpy(cost), weight=2.0), T([0.0, 1.0, 0.0]))


@pytest.mark.parametrize(("how", "total"), [("sum", 1.0), ("rows", 3.0)])
def test_costs_are_scaled_as_asked(how: losses.Normalise, total: float) -> None:
    assert losses.penalties(np.array([[1, 1, 0], [0, 1, 1], [1, 0, 0]]), how).sum() == pytest.approx(total)


def test_one_minus_ccc_agrees_with_the_metric() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 3)), rng.normal(size=(50, 3))
    y = y + 0.7 * x
    wanted = 1 - np.mean([metrics.ccc(y[:, d], x[:, d]) for d in range(3)])
    assert losses.one_minus_ccc(torch.from_numpy(x), torch.from_numpy(y)).item() == pytest.approx(wanted)


def test_one_minus_ccc_of_known_rows_alone() -> None:
    rng = np.random.default_rng(1)
    x, y = torch.from_numpy(rng.normal(size=(20, 2))).requires_grad_(), torch.from_numpy(rng.normal(size=(20, 2)))
    y[3:, 1] = NAN
    parts = [1 - metrics.ccc(y[:, 0].numpy(), x[:, 0].detach().numpy()), 1 - metrics.ccc(y[:3, 1].numpy(), x[:3, 1].detach().numpy())]
    loss = losses.one_minus_ccc(x, y)
    loss.backward()
    assert loss.item() == pytest.approx(np.mean(parts))
    assert (x.grad[3:, 1] == 0).all() and x.grad.isfinite().all()


def test_a_dimension_nobody_rated_is_left_out() -> None:
    x = torch.randn(6, 2, requires_grad=True)
    y = torch.stack([x[:, 0].detach() + 1, torch.full((6,), NAN)], 1)
    one = losses.one_minus_ccc(x[:, :1], y[:, :1])
    torch.testing.assert_close(losses.one_minus_ccc(x, y), one)
    nothing = losses.one_minus_ccc(x, torch.full((6, 2), NAN))
    nothing.backward()
    assert nothing == 0 and (x.grad == 0).all()


def test_each_corpus_pulls_only_at_the_heads_it_knows() -> None:
    names = {"ekman7": 7, "goemotions28": 28, "vad": 3}
    rows = torch.randn(6, 8)
    heads = {name: torch.randn(8, k, requires_grad=True) for name, k in names.items()}
    targets = {name: torch.full((6, k), NAN) for name, k in names.items()}
    targets["ekman7"][:3] = torch.eye(7)[[0, 1, 2]]
    targets["vad"][3:] = torch.rand(3, 3)
    of_kind = {name: losses.OF_KIND[taxonomy(name).kind] for name in names}
    total = losses.several_heads({name: rows @ w for name, w in heads.items()}, targets, of_kind, {"vad": 0.5})
    total.backward()
    alone = losses.soft_cross_entropy(rows[:3] @ heads["ekman7"], targets["ekman7"][:3]).mean()
    alone = alone + 0.5 * losses.one_minus_ccc(rows[3:] @ heads["vad"], targets["vad"][3:])
    torch.testing.assert_close(total, alone)
    assert (heads["goemotions28"].grad == 0).all()
    assert (heads["vad"].grad != 0).any()


def test_contrast_is_symmetric_and_small_where_pairs_agree() -> None:
    a, b = torch.randn(8, 5), torch.randn(8, 5)
    torch.testing.assert_close(losses.info_nce(a, b), losses.info_nce(b, a))
    assert losses.info_nce(a, 3 * a) < 0.1 < losses.info_nce(a, a.roll(1, 0))


def test_contrast_of_rows_that_are_all_alike_is_chance() -> None:
    a = torch.ones(8, 5)
    assert losses.info_nce(a, a).item() == pytest.approx(math.log(8), rel=1e-5)


def test_contrast_leaves_out_who_lacks_a_modality() -> None:
    a, b = torch.randn(6, 4), torch.randn(6, 4)
    b[2] = NAN
    there = T([0, 1, 3, 4, 5])
    torch.testing.assert_close(losses.info_nce(a, b), losses.info_nce(a[there], b[there]))
    lone = torch.full((2, 4), NAN, requires_grad=True)
    losses.info_nce(a[:2], lone).backward()
    assert (lone.grad == 0).all()


def test_contrast_of_three_modalities_is_the_mean_of_their_pairs() -> None:
    a, b, c = torch.randn(3, 6, 4)
    wanted = (losses.info_nce(a, b) + losses.info_nce(a, c) + losses.info_nce(b, c)) / 3
    torch.testing.assert_close(losses.pairwise_info_nce([a, b, c]), wanted)
