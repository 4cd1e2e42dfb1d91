"""The head over a graph of labels, and statistics weighted by attention."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from attune.train import Schedule, fit, seed_everything  # noqa: E402 (torch may be missing)
from attune.train.layers import AttentiveStatistics, LabelGraphHead, label_graph, rank_correlation  # noqa: E402


def test_rank_correlation_sees_any_rise_and_shares_ties() -> None:
    x = np.array([0.0, 1.0, 2.0, 3.0])
    assert rank_correlation(x, np.exp(x)) == pytest.approx(1)
    assert rank_correlation(x, -(x**3)) == pytest.approx(-1)
    # ranks 0, 1, 2, 3 and 0.5, 0.5, 2.5, 2.5: 4 / sqrt(5 * 4)
    assert rank_correlation(x, np.array([1.0, 1.0, 5.0, 5.0])) == pytest.approx(4 / np.sqrt(20))
    assert np.isnan(rank_correlation(x, np.ones(4)))
    assert rank_correlation(np.append(x, np.nan), np.append(x, 9)) == pytest.approx(1)


def made(n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Three classes: the first is pleasant, the second aroused, the third neither; two dimensions."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, n)
    dimensions = rng.normal(0, 0.2, (n, 2)) + np.array([[1.0, 0], [0, 1], [0, 0]])[y]
    return np.eye(3)[y], dimensions


def test_classes_hang_on_dimensions_and_never_on_each_other() -> None:
    graph = label_graph(*made(), least=0.6)
    np.testing.assert_allclose(graph, graph * np.array([[1, 0, 0, 1, 0], [0, 1, 0, 0, 1], [0, 0, 1, 0, 0], [1, 0, 0, 1, 0], [0, 1, 0, 0, 1]]))
    np.testing.assert_allclose(graph.sum(1), 1)
    assert graph[2, 2] == pytest.approx(1)                # a label with no neighbour is itself alone
    assert graph[0, 3] == pytest.approx(0.5)


def test_labels_that_a_row_does_not_know_say_nothing() -> None:
    classes, dimensions = made()
    gaps = dimensions.copy()
    gaps[::3, 1] = np.nan
    np.testing.assert_allclose(label_graph(classes, dimensions, least=0.6), label_graph(classes, gaps, least=0.6))


def test_the_head_learns_and_its_outputs_are_one_matrix(tmp_path) -> None:
    classes, dimensions = (torch.from_numpy(x).float() for x in made())
    rng = np.random.default_rng(1)
    x = torch.cat([classes, dimensions], 1) @ torch.from_numpy(rng.normal(size=(5, 16))).float()
    seed_everything(0)
    head = LabelGraphHead(16, label_graph(*made(), least=0.6), hidden=32)

    def batches():
        while True:
            pick = torch.from_numpy(rng.integers(0, 400, 64))
            yield x[pick], classes[pick], dimensions[pick]

    def loss(net, batch):
        out = net(batch[0])
        return torch.nn.functional.cross_entropy(out[:, :3], batch[1]) + torch.nn.functional.mse_loss(out[:, 3:], batch[2])

    fit(head, batches(), loss, lambda net: float((net(x)[:, :3].argmax(1) == classes.argmax(1)).float().mean()),
        Schedule(steps=150, lr=0.01, evaluate_every=50), out=tmp_path, labels={}, say=lambda line: None)
    with torch.no_grad():
        out = head(x)
        torch.testing.assert_close(out, x @ head.matrix().T)
    assert (out[:, :3].argmax(1) == classes.argmax(1)).float().mean() > 0.95
    assert np.corrcoef(out[:, 3], dimensions[:, 0])[0, 1] > 0.8


def test_vectors_of_names_are_taken_as_they_are() -> None:
    nodes = np.random.default_rng(0).normal(size=(5, 7))
    head = LabelGraphHead(4, np.eye(5), nodes=nodes, hidden=6)
    torch.testing.assert_close(head.nodes, torch.from_numpy(nodes).float())
    assert not head.nodes.requires_grad
    assert head(torch.zeros(2, 4)).shape == (2, 5)


def test_attentive_statistics_of_equal_weights_are_mean_and_deviation() -> None:
    pool = AttentiveStatistics(3)
    torch.nn.init.zeros_(pool.attend[2].weight)
    x = torch.randn(2, 50, 3)
    torch.testing.assert_close(pool(x), torch.cat([x.mean(1), (x.var(1, unbiased=False) + 1e-5).sqrt()], 1))


def test_what_was_filled_up_does_not_count() -> None:
    pool, x = AttentiveStatistics(3), torch.randn(1, 9, 3)
    filled = torch.cat([x, torch.full((1, 4, 3), 99.0)], 1)
    torch.testing.assert_close(pool(filled, torch.arange(13)[None] < 9), pool(x))
