"""The grid on made-up modalities of which we know what they are worth."""

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("sklearn")

from attune.errors import LeakError, ShapeError
from attune.evaluate.grid import folds_by, grid


def made(noise, seed=0, n=240, people=20, k=1):
    """k dimensions, and one modality per entry of `noise` that sees them through so much noise."""
    rng = np.random.default_rng(seed)
    y = rng.uniform(-1, 1, (n, k)).astype(np.float32)
    parts = {m: (y + s * rng.normal(size=y.shape)).astype(np.float32) for m, s in noise.items()}
    return parts, y, rng.integers(0, people, n).astype(str)


def test_ccc_rises_with_every_modality_that_knows_something():
    result = grid(*made({"face": 0.8, "voice": 0.8, "text": 0.8}), names=["svr"], quick=True)
    ccc = {c.subset: result.figures(c)["ccc dimension 1"].value for c in result.cells}
    best_single, best_pair = (max(v for s, v in ccc.items() if len(s) == size) for size in (1, 2))
    assert best_single < best_pair < ccc["face", "voice", "text"]
    gain = result.gain(result.best(("face", "voice", "text")), result.single())["ccc dimension 1"]
    assert gain.low > 0


def test_noise_raises_nothing():
    parts, y, groups = made({"face": 0.5, "voice": 0.5})
    parts["text"] = np.random.default_rng(9).normal(size=parts["face"].shape).astype(np.float32)
    result = grid(parts, y, groups, names=["svr"], quick=True)
    with_noise, without_noise = result.best(("face", "voice", "text")), result.best(("face", "voice"))
    assert result.gain(with_noise, without_noise)["ccc dimension 1"].low < 0.005


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    """The CCC of x = y + noise as a predictor is known; of 40 made-up corpora, at least 34 intervals (95 %, by 20 speakers) hold it."""
    from attune.metrics import bootstrap, ccc

    truth = 2 * (1 / 3) / (1 / 3 + (1 / 3 + 0.25))                # y uniform in -1..1, noise of deviation .5
    held = 0
    for seed in range(40):
        parts, y, groups = made({"face": 0.5}, seed)
        found = bootstrap(ccc, y[:, 0], parts["face"][:, 0], groups=groups, draws=200)
        held += found.low <= truth <= found.high
    assert held >= 34


def test_speakers_never_cross_folds_and_folds_are_of_a_size():
    groups = np.repeat(np.arange(12), [5, 9, 20, 3, 7, 8, 30, 2, 6, 6, 4, 10])
    fold = folds_by(groups, 4)
    assert all(len(np.unique(fold[groups == g])) == 1 for g in np.unique(groups))
    assert np.bincount(fold).max() - np.bincount(fold).min() <= 8


def test_numbers_from_models_that_saw_the_speaker_are_refused():
    parts, y, groups = made({"face": 0.8, "voice": 0.8})
    everybody = np.array([set(groups)] * len(y), dtype=object)
    with pytest.raises(LeakError, match=r"voice: .*out-of-fold"):
        grid(parts, y, groups, names=["knn"], quick=True, trained_with={"voice": everybody})
    others = np.array([set(groups) - {g} for g in groups], dtype=object)
    grid(parts, y, groups, names=["knn"], quick=True, trained_with={"voice": others})


def test_finished_cells_are_not_computed_again(tmp_path):
    seen = []
    parts, y, groups = made({"face": 0.8, "voice": 0.8}, n=120)
    first = grid(parts, y, groups, names=["knn"], quick=True, out=tmp_path)
    written = {p: p.stat().st_mtime_ns for p in tmp_path.iterdir()}
    second = grid(parts, y, groups, names=["knn"], quick=True, out=tmp_path, hook=lambda *step: seen.append(step))
    assert {p: p.stat().st_mtime_ns for p in tmp_path.iterdir()} == written
    assert len(written) == 3
    assert np.array_equal(first.cells[-1].said, second.cells[-1].said)
    assert seen[-1] == ("done", 3, 3)


def test_a_search_finds_settings_by_inner_folds():
    pytest.importorskip("optuna")
    parts, y, groups = made({"face": 1.2}, n=150)
    result = grid(parts, y, groups, names=["knn"], trials=4, inner=2, outer=3)
    assert all(set(c) == {"neighbours", "weights", "power"} for c in result.cells[0].chosen)


def test_classes_are_judged_by_recall_and_f1():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 300)
    parts = {m: np.log(np.abs(np.eye(3)[y] + 0.6 * rng.normal(size=(300, 3))) + 0.05) for m in ("face", "voice")}
    result = grid(parts, y, rng.integers(0, 10, 300).astype(str), names=["weighted", "svr"], quick=True)
    assert set(result.figures(result.cells[0])) == {"uar", "f1"}
    table = result.to_markdown(every=True)
    assert table.count("\n") == 7
    assert "face + voice" in table


def test_too_few_speakers_are_named():
    parts, y, _ = made({"face": 1.0}, n=10)
    with pytest.raises(ShapeError, match="three"):
        grid(parts, y, np.zeros(10), quick=True)
