"""The training loop: it learns, and an interrupted run ends as an uninterrupted one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from attune.errors import ShapeError, UnknownName  # noqa: E402 (torch may be missing)
from attune.train import Schedule, device_of, fit, moved, seed_everything  # noqa: E402

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


def test_the_average_forgets_by_its_decay(tmp_path: Path) -> None:
    seen: list[torch.Tensor] = []

    def watched(model: torch.nn.Module, batch: Batch) -> torch.Tensor:
        seen.append(model[0].weight.detach().clone())  # type: ignore[index]
        return loss(model, batch)

    schedule = replace(SCHEDULE, steps=4, evaluate_every=4, average=0.6)
    model = fit(net(), batches(), watched, lambda m: 1.0, schedule, out=tmp_path, labels={}, say=lambda line: None)
    last = torch.load(tmp_path / "last.pt", weights_only=False)["model"]["0.weight"]
    wanted = seen[1]                                     # after the first step
    for after in (*seen[2:], last):
        wanted = 0.6 * wanted + 0.4 * after
    torch.testing.assert_close(model[0].weight.detach(), wanted)  # type: ignore[index]
    assert not torch.equal(last, wanted)


def test_batches_that_end_too_soon_are_an_error_that_says_so(tmp_path: Path) -> None:
    few = (batch for batch, _ in zip(batches(), range(5), strict=False))
    with pytest.raises(ShapeError, match="the batches ended before step 20"):
        fit(net(), few, loss, score, SCHEDULE, out=tmp_path, labels={}, say=lambda line: None)


def fitted(out: Path, score: object, schedule: Schedule = SCHEDULE, **options: object) -> torch.nn.Module:
    return fit(net(), batches(), loss, score, schedule, out=out, labels={}, say=lambda line: None, **options)  # type: ignore[arg-type]


def lines(out: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def test_several_numbers_are_logged_and_the_named_one_decides(tmp_path: Path) -> None:
    uar, loss_on_dev = iter([0.5, 0.7, 0.6]), iter([-3.0, -2.0, -1.0])
    fitted(tmp_path, lambda m: {"uar": next(uar), "likelihood": next(loss_on_dev)}, watch="uar")
    assert [(line["score"], line["uar"], line["likelihood"]) for line in lines(tmp_path)] == [(0.5, 0.5, -3), (0.7, 0.7, -2), (0.6, 0.6, -1)]
    kept = torch.load(tmp_path / "best.pt", weights_only=False)
    assert (kept["step"], kept["watch"]) == (40, "uar")


def test_a_number_that_nobody_gave_is_an_error_that_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean 'uar'"):
        fitted(tmp_path, lambda m: {"uar": 0.5}, watch="uarr")


def test_it_stops_when_patience_is_spent_and_keeps_the_best(tmp_path: Path) -> None:
    scores = iter([0.2, 0.9, 0.1, 0.3, 0.95, 0.99])
    fitted(tmp_path, lambda m: next(scores), replace(SCHEDULE, evaluate_every=10, patience=2))
    assert [line["step"] for line in lines(tmp_path)] == [10, 20, 30, 40]
    assert torch.load(tmp_path / "best.pt", weights_only=False)["step"] == 20


def test_a_run_that_stopped_early_is_not_trained_again_unless_it_may_wait_longer(tmp_path: Path) -> None:
    schedule = replace(SCHEDULE, evaluate_every=10, patience=2)
    scores = iter([0.2, 0.1, 0.1, 0.3, 0.3, 0.3])
    first = fitted(tmp_path, lambda m: next(scores), schedule)
    assert same(first, fitted(tmp_path, lambda m: next(scores), schedule))
    assert [line["step"] for line in lines(tmp_path)] == [10, 20, 30]
    fitted(tmp_path, lambda m: next(scores), replace(schedule, patience=3))
    assert [line["step"] for line in lines(tmp_path)] == [10, 20, 30, 40, 50, 60]


def test_patience_counts_on_after_an_interruption(tmp_path: Path) -> None:
    schedule = replace(SCHEDULE, evaluate_every=10, patience=3)
    scores = iter([0.5, 0.1, 0.1])

    def then_stop(model: torch.nn.Module) -> float:
        found = next(scores, None)
        if found is None:
            raise KeyboardInterrupt
        return found

    with pytest.raises(KeyboardInterrupt):
        fitted(tmp_path, then_stop, schedule)
    fitted(tmp_path, lambda m: 0.2, schedule)
    assert [line["step"] for line in lines(tmp_path)] == [10, 20, 30, 40]


def test_checkpoints_from_before_there_was_patience_are_taken_up(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole")
    with pytest.raises(RuntimeError, match="here"):
        fit(net(), stops_after(45), loss, score, SCHEDULE, out=tmp_path / "old", labels={}, say=lambda line: None)
    last = tmp_path / "old" / "last.pt"
    state = torch.load(last, weights_only=False)
    torch.save({name: state[name] for name in ("model", "optimiser", "scheduler", "averaged", "step", "best", "labels", "random")}, last)
    assert same(whole, run(tmp_path / "old"))


def stops_after(count: int) -> Iterator[Batch]:
    for i, batch in enumerate(batches()):
        if i == count:
            raise RuntimeError("here")
        yield batch


def test_a_loss_that_is_no_number_stops_the_run_and_says_where(tmp_path: Path) -> None:
    with pytest.raises(FloatingPointError, match="step 0; lower lr"):
        fit(net(), batches(), lambda m, b: loss(m, b) * float("nan"), score, SCHEDULE, out=tmp_path, labels={}, say=lambda line: None)


def test_scores_that_are_never_a_number_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(FloatingPointError, match="nothing to keep"):
        fitted(tmp_path, lambda m: float("nan"))


class Pair(NamedTuple):
    x: torch.Tensor
    name: str


def test_a_batch_of_any_build_is_moved() -> None:
    x, meta = torch.zeros(2), torch.device("meta")
    out = moved({"a": [x, (x, "words")], "b": Pair(x, "one")}, meta)
    assert out["a"][0].device == out["a"][1][0].device == out["b"].x.device == meta
    assert (out["a"][1][1], out["b"].name, type(out["b"])) == ("words", "one", Pair)


def test_a_model_without_weights_lies_on_the_cpu() -> None:
    assert device_of(torch.nn.ReLU()) == torch.device("cpu")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_a_toy_is_learnt_on_a_gpu(tmp_path: Path) -> None:
    def on_gpu(model: torch.nn.Module) -> float:
        return float((model(X.to(device_of(model))).argmax(1).cpu() == Y).float().mean())

    model = fit(net().cuda(), batches(), loss, on_gpu, SCHEDULE, out=tmp_path, labels={}, say=lambda line: None)
    assert device_of(model).type == "cuda"
    assert on_gpu(model) > 0.85
