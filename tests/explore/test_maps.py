"""Maps: principal components on known answers; t-SNE where scikit-learn is."""

import numpy as np
import pytest

from attune.explore import maps


def test_points_on_a_line_have_one_component():
    t = np.random.default_rng(0).random(30)
    found = maps.pca(t[:, None] * np.array([[3.0, 4.0, 0.0]]))
    assert found.shares == pytest.approx([1, 0]) and found.axes[0] == pytest.approx([0.6, 0.8, 0])
    assert np.abs(found.places[:, 0] - 5 * (t - t.mean())).max() < 1e-9


def test_components_do_not_depend_on_the_order_of_rows():
    x = np.random.default_rng(1).random((20, 5))
    assert np.allclose(maps.pca(x).places[::-1], maps.pca(x[::-1]).places)


def test_tsne_keeps_two_crowds_apart_and_repeats():
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(2)
    x = np.vstack([rng.normal(0, 1, (40, 6)), rng.normal(8, 1, (40, 6))])
    places = maps.tsne(x)
    assert np.array_equal(places, maps.tsne(x))
    first, second = places[:40].mean(axis=0), places[40:].mean(axis=0)
    assert np.linalg.norm(first - second) > 2 * places[:40].std()
