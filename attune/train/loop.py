"""One training loop, readable from top to bottom: data, forward, loss, backward, average, evaluate, keep the best.

A recipe brings a model, batches, a loss and a score; the loop brings the rest. It trains where the model lies: on one CPU thread,
so that a rerun with the same seed gives the same weights, or on a GPU after `model.to(best_device())`. Checkpoints hold weights,
optimiser, step, label order and score; a loop that finds one goes on from it.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from attune.errors import ShapeError, unknown

Batch = Any
Score = float | Mapping[str, float]
T = TypeVar("T")


@dataclass(frozen=True)
class Schedule:
    """How to train. `lr` is the peak of a cosine with linear warm-up; `average` the decay of the moving average of the weights
    that is evaluated and kept (0: none)."""

    steps: int
    lr: float
    weight_decay: float = 0.01
    warmup: float = 0.05                 # share of the steps
    clip: float = 1.0                    # largest norm of the gradient
    average: float = 0.0
    evaluate_every: int = 500            # steps
    seed: int = 0
    patience: int = 0                    # evaluations without a better score before it stops; 0: never before `steps`


def seed_everything(seed: int, threads: int = 1) -> None:
    """Fix torch's seed and its number of threads."""
    torch.manual_seed(seed)
    torch.set_num_threads(threads)


def best_device() -> torch.device:
    """The GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_of(model: torch.nn.Module) -> torch.device:
    """Where the model lies; the CPU if it has no weights."""
    first = next(model.parameters(), None)
    return torch.device("cpu") if first is None else first.device


def moved(batch: T, device: torch.device) -> T:
    """A batch on a device: a tensor, or tensors in tuples, lists, dictionaries and dataclasses; the rest stays as it is."""
    out: Any = batch
    if isinstance(batch, torch.Tensor):
        out = batch.to(device)
    elif isinstance(batch, Mapping):
        out = {key: moved(part, device) for key, part in batch.items()}
    elif isinstance(batch, tuple) and hasattr(batch, "_fields"):
        out = type(batch)(*(moved(part, device) for part in batch))
    elif isinstance(batch, tuple | list):
        out = type(batch)(moved(part, device) for part in batch)
    elif is_dataclass(batch) and not isinstance(batch, type):
        out = replace(batch, **{f.name: moved(getattr(batch, f.name), device) for f in fields(batch) if f.init})
    return out  # type: ignore[no-any-return]


def fit(
    model: torch.nn.Module,
    batches: Iterable[Batch],
    loss: Callable[[torch.nn.Module, Batch], torch.Tensor],
    score: Callable[[torch.nn.Module], Score],
    schedule: Schedule,
    *,
    out: Path,
    labels: dict[str, list[str]],
    watch: str = "score",
    parameters: list[dict[str, Any]] | None = None,
    say: Callable[[str], None] = print,
) -> torch.nn.Module:
    """Train until `schedule.steps`, or until `schedule.patience` is spent; return the model with the weights that scored best on dev.

    Parameters
    ----------
    batches
        Endless, from its first batch: a run that goes on skips the batches it has had, and takes up torch's random numbers where
        it left them, so that it ends as an uninterrupted one.
    score
        On held-out data, higher is better: one number, or several by name, of which `watch` decides.
    out
        Gets `last.pt`, `best.pt` and `log.jsonl`, a line per evaluation with every named number.
    labels
        Taxonomy -> labels in the order of the outputs; kept in the checkpoints.
    watch
        Name of the number that is to rise.
    parameters
        AdamW groups with an own "lr" where one is wanted (`attune.train.optim.layerwise`); all of the model by default.

    Raises
    ------
    UnknownName
        If the score has no number of the name `watch`.
    FloatingPointError
        If the loss isn't finite any more, or no evaluation gave a number.
    ShapeError
        If the batches end before the first evaluation.
    """
    out.mkdir(parents=True, exist_ok=True)
    device = device_of(model)
    groups = parameters or [{"params": [p for p in model.parameters() if p.requires_grad]}]
    optimiser = torch.optim.AdamW(groups, lr=schedule.lr, weight_decay=schedule.weight_decay)

    def rate(step: int) -> float:
        warm = max(1, round(schedule.warmup * schedule.steps))
        return min(1.0, (step + 1) / warm) * 0.5 * (1 + math.cos(math.pi * min(1.0, step / schedule.steps)))

    scheduler = torch.optim.lr_scheduler.LambdaLR(optimiser, rate)
    decay = get_ema_multi_avg_fn(schedule.average)  # type: ignore[no-untyped-call]
    averaged = AveragedModel(model, multi_avg_fn=decay, use_buffers=True) if schedule.average else None
    kept: torch.nn.Module = averaged.module if averaged else model

    first, best, waited, clock, running, stream = 0, -math.inf, 0, time.monotonic(), 0.0, iter(batches)
    if (out / "last.pt").exists():
        state = torch.load(out / "last.pt", weights_only=False, map_location="cpu")
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        scheduler.load_state_dict(state["scheduler"])
        if averaged:
            averaged.load_state_dict(state["averaged"])
        first, best, waited = state["step"], state["best"], state.get("waited", 0)
        if 0 < schedule.patience <= waited:
            first = max(first, schedule.steps)
        else:
            skip(stream, first)
        torch.set_rng_state(state["random"])
        if state.get("random_gpu") is not None and device.type == "cuda":
            torch.cuda.set_rng_state(state["random_gpu"], device)
        say(f"going on from step {state['step']}, best so far {best:.4f}")

    for step in range(first, schedule.steps):
        batch = next(stream, None)
        if batch is None:
            break
        model.train()
        value = loss(model, moved(batch, device))
        optimiser.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), schedule.clip)
        optimiser.step()
        scheduler.step()
        if averaged:
            averaged.update_parameters(model)
        running += float(value.detach())
        if not math.isfinite(running):
            raise FloatingPointError(f"the loss is {float(value.detach())} at step {step}; lower lr={schedule.lr} or look at that batch")

        done = step + 1
        if done % schedule.evaluate_every and done != schedule.steps:
            continue
        kept.eval()
        with torch.no_grad():
            named = numbers(score(kept), watch)
        reached, mean = named[watch], running / (done % schedule.evaluate_every or schedule.evaluate_every)
        running, waited = 0.0, 0 if reached > best else waited + 1
        report(out, say, {"step": done, "loss": round(mean, 5), "score": round(reached, 5),
                          **{name: round(number, 5) for name, number in named.items() if name != "score"},
                          "seconds": round(time.monotonic() - clock)})
        if reached > best:
            best = reached
            store(out / "best.pt", {
                "model": kept.state_dict(), "step": done, "score": best, "watch": watch, "labels": labels, "schedule": asdict(schedule),
            })
        store(out / "last.pt", {
            "model": model.state_dict(), "optimiser": optimiser.state_dict(), "scheduler": scheduler.state_dict(),
            "averaged": averaged.state_dict() if averaged else None, "step": done, "best": best, "waited": waited, "labels": labels,
            "random": torch.get_rng_state(), "random_gpu": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
        })
        if 0 < schedule.patience <= waited:
            say(f"no better {watch} in {waited} evaluations; stopping at step {done}")
            break

    if not (out / "best.pt").exists():
        if not (out / "log.jsonl").exists():
            first = min(schedule.evaluate_every, schedule.steps)
            raise ShapeError(f"the batches ended before step {first}, the first evaluation; expected endless ones, or evaluate_every smaller")
        raise FloatingPointError(f"no evaluation gave a {watch} that is a number, so there is nothing to keep; look at {out / 'log.jsonl'}")
    kept.load_state_dict(torch.load(out / "best.pt", weights_only=False, map_location=device)["model"])
    kept.eval()
    return kept


# Parts of the loop -----------------------------------------------------------------------------------------------------------------

def skip(stream: Iterator[Batch], count: int) -> None:
    """Let so many batches pass."""
    for _ in range(count):
        next(stream)


def numbers(given: Score, watch: str) -> dict[str, float]:
    """What a score said, by name; a bare number is called "score", or as `watch` says."""
    named = {name: float(number) for name, number in given.items()} if isinstance(given, Mapping) else {watch: float(given)}
    if watch not in named:
        raise unknown("number in the score", watch, named)
    return named


def report(out: Path, say: Callable[[str], None], line: dict[str, float]) -> None:
    """One evaluation, said and appended to the log."""
    say("  ".join(f"{name} {number}" for name, number in line.items()))
    with (out / "log.jsonl").open("a") as log:
        log.write(json.dumps(line) + "\n")


def store(path: Path, checkpoint: dict[str, Any]) -> None:
    """Write a checkpoint whole or not at all: a run that is killed meanwhile keeps the one before."""
    part = path.with_suffix(".part")
    torch.save(checkpoint, part)
    part.replace(path)
