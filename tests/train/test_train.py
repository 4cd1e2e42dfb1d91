"""The training loop: it learns, and an interrupted run ends as an uninterrupted one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from attune.train import Schedule, fit, seed_everything  # noqa: E402 (torch may be missing)

SCHEDULE = Schedule(steps=60, lr=0.02, average=0.8, evaluate_every=20, seed=3)
RNG = np.random.default_rng(0)
X = torch.from_numpy(RNG.normal(size=(200, 6)).astype(np.float32))
Y = (X[:, 0] * X[:, 1] > 0).long()
Batch = tuple["torch.Tensor", "torch.Tensor"]


def net() -> torch.nn.Module:
    """With dropout and batch norm, so that random numbers and buffers count."""
    seed_everything(SCHEDULE.seed)
    return torch.nn.Sequential(
        torch.nn.Linear(6, 32), torch.nn.BatchNorm1d(32), torch.nn.ReLU(), torch.nn.Dropout(0.1), torch.nn.Linear(32, 2)
    )


def batches() -> Iterator[Batch]:
    rng = np.random.default_rng(SCHEDULE.seed)
    while True:
        pick = torch.from_numpy(rng.integers(0, 200, 32))
        yield X[pick], Y[pick]


def loss(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
    x, y = batch
    return torch.nn.functional.cross_entropy(model(x), y)


def score(model: torch.nn.Module) -> float:
    return float((model(X).argmax(1) == Y).float().mean())


def run(out: Path, *, stop_at: int | None = None) -> torch.nn.Module:
    class StopHereError(Exception):
        pass

    def stream() -> Iterator[Batch]:
        for i, batch in enumerate(batches()):
            if i == stop_at:
                raise StopHereError
            yield batch

    try:
        return fit(net(), stream(), loss, score, SCHEDULE, out=out, labels={"toy": ["no", "yes"]}, say=lambda line: None)
    except StopHereError:
        return run(out)


def same(a: torch.nn.Module, b: torch.nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def test_a_toy_is_learnt(tmp_path: Path) -> None:
    assert score(run(tmp_path)) > 0.85


def test_same_seed_gives_the_same_weights(tmp_path: Path) -> None:
    assert same(run(tmp_path / "a"), run(tmp_path / "b"))


@pytest.mark.parametrize("stop_at", [25, 40, 59])
def test_an_interrupted_run_ends_as_an_uninterrupted_one(tmp_path: Path, stop_at: int) -> None:
    assert same(run(tmp_path / "whole"), run(tmp_path / "pieces", stop_at=stop_at))


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    first = run(tmp_path)
    log = (tmp_path / "log.jsonl").read_text()
    assert same(first, run(tmp_path))
    assert (tmp_path / "log.jsonl").read_text() == log


def test_checkpoint_holds_label_order_settings_and_score(tmp_path: Path) -> None:
    model = run(tmp_path)
    kept = torch.load(tmp_path / "best.pt", weights_only=False)
    assert kept["labels"] == {"toy": ["no", "yes"]}
    assert kept["schedule"]["lr"] == SCHEDULE.lr
    assert kept["score"] == pytest.approx(score(model))
    assert [json.loads(line)["step"] for line in (tmp_path / "log.jsonl").read_text().splitlines()] == [20, 40, 60]


def test_weights_that_are_kept_scored_best(tmp_path: Path) -> None:
    scores = iter([0.2, 0.9, 0.1])
    model = fit(net(), batches(), loss, lambda m: next(scores), SCHEDULE, out=tmp_path, labels={}, say=lambda line: None)
    kept = torch.load(tmp_path / "best.pt", weights_only=False)
    assert (kept["step"], kept["score"]) == (40, 0.9)
    assert not model.training
