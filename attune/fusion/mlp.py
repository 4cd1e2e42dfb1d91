"""Concatenation and a multilayer perceptron: what the field compares late fusion with. Two hidden layers with ReLU and dropout.

Needs the extra `train` (torch).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from attune.fusion._forward import Forward

TASKS = ("dimensions", "categories")


def space(trial: Any) -> dict[str, Any]:
    """What the search tries: 16 to 128 units, dropout .1 to .6, and rate and decay as `ff`."""
    return {
        "hidden": trial.suggest_int("hidden", 16, 128, log=True),
        "dropout": trial.suggest_float("dropout", 0.1, 0.6),
        "rate": trial.suggest_float("rate", 3e-4, 1e-2, log=True),
        "decay": trial.suggest_float("decay", 1e-6, 1e-2, log=True),
    }


@dataclass
class Model(Forward):
    """A `Fuser`; all dimensions in one net."""

    hidden: int = 64
    dropout: float = 0.3
    multitask: bool = True

    def _net(self, inputs: int, outputs: int) -> Any:
        import torch
        from torch import nn

        torch.manual_seed(self.seed)
        return nn.Sequential(
            nn.BatchNorm1d(inputs), nn.Linear(inputs, self.hidden), nn.ReLU(), nn.Dropout(self.dropout),
            nn.Linear(self.hidden, self.hidden), nn.ReLU(), nn.Dropout(self.dropout), nn.Linear(self.hidden, outputs),
        )
