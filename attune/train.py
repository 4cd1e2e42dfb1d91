"""One training loop, readable from top to bottom: data, forward, loss, backward, average, evaluate, keep the best.

A recipe brings a model, batches, a loss and a score; the loop brings the rest. It runs on one CPU thread, so that a rerun with
the same seed gives the same weights, and on a GPU if asked. Checkpoints hold weights, optimiser, step, label order and score;
a loop that finds one goes on from it. Needs the extra `train` (torch).
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

Batch = Any


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


def seed_everything(seed: int, threads: int = 1) -> None:
    """Fix torch's seed and its number of threads."""
    torch.manual_seed(seed)
    torch.set_num_threads(threads)


def fit(
    model: torch.nn.Module,
    batches: Iterable[Batch],
    loss: Callable[[torch.nn.Module, Batch], torch.Tensor],
    score: Callable[[torch.nn.Module], float],
    schedule: Schedule,
    *,
    out: Path,
    labels: dict[str, list[str]],
    parameters: list[dict[str, Any]] | None = None,
    say: Callable[[str], None] = print,
) -> torch.nn.Module:
    """Train until `schedule.steps`, and return the model with the weights that scored best on dev.

    batches yields endlessly, from its first batch: a run that goes on skips the batches it has had, and takes up torch's random
    numbers where it left them, so that it ends as an uninterrupted one; score is higher-is-better on held-out data; out gets
    `last.pt`, `best.pt` and `log.jsonl`; parameters are AdamW groups with an own "lr" where one is wanted (layer-wise decay), all
    of the model by default.
    """
    out.mkdir(parents=True, exist_ok=True)
    groups = parameters or [{"params": [p for p in model.parameters() if p.requires_grad]}]
    optimiser = torch.optim.AdamW(groups, lr=schedule.lr, weight_decay=schedule.weight_decay)

    def rate(step: int) -> float:
        warm = max(1, round(schedule.warmup * schedule.steps))
        return min(1.0, (step + 1) / warm) * 0.5 * (1 + math.cos(math.pi * min(1.0, step / schedule.steps)))

    scheduler = torch.optim.lr_scheduler.LambdaLR(optimiser, rate)
    averaged = torch.optim.swa_utils.AveragedModel(
        model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(schedule.average), use_buffers=True
    ) if schedule.average else None
    kept = averaged.module if averaged else model

    first, best, clock, running, batches = 0, -math.inf, time.monotonic(), 0.0, iter(batches)
    if (out / "last.pt").exists():
        state = torch.load(out / "last.pt", weights_only=False)
        model.load_state_dict(state["model"])
        optimiser.load_state_dict(state["optimiser"])
        scheduler.load_state_dict(state["scheduler"])
        if averaged:
            averaged.load_state_dict(state["averaged"])
        first, best = state["step"], state["best"]
        for _ in range(first):
            next(batches)
        torch.set_rng_state(state["random"])
        say(f"going on from step {first}, best so far {best:.4f}")

    for step, batch in enumerate(batches, start=first):
        if step >= schedule.steps:
            break
        model.train()
        value = loss(model, batch)
        optimiser.zero_grad(set_to_none=True)
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), schedule.clip)
        optimiser.step()
        scheduler.step()
        if averaged:
            averaged.update_parameters(model)
        running += float(value.detach())

        done = step + 1
        if done % schedule.evaluate_every and done != schedule.steps:
            continue
        kept.eval()
        with torch.no_grad():
            reached = score(kept)
        mean = running / (done % schedule.evaluate_every or schedule.evaluate_every)
        line = {"step": done, "loss": round(mean, 5), "score": round(reached, 5), "seconds": round(time.monotonic() - clock)}
        running = 0.0
        say("  ".join(f"{k} {v}" for k, v in line.items()))
        with (out / "log.jsonl").open("a") as log:
            log.write(json.dumps(line) + "\n")
        if reached > best:
            best = reached
            torch.save({"model": kept.state_dict(), "step": done, "score": best, "labels": labels, "schedule": asdict(schedule)}, out / "best.pt")
        torch.save({
            "model": model.state_dict(), "optimiser": optimiser.state_dict(), "scheduler": scheduler.state_dict(),
            "averaged": averaged.state_dict() if averaged else None, "step": done, "best": best, "labels": labels,
            "random": torch.get_rng_state(),
        }, out / "last.pt")

    kept.load_state_dict(torch.load(out / "best.pt", weights_only=False)["model"])
    kept.eval()
    return kept
