"""The feed-forward fusers of Rios et al.: batch norm, a dense sigmoid layer, dropout .1, a linear layer; loss 1 - CCC; best on dev.

`multitask` learns all dimensions with one net (FF-MT), else each has its own (FF). Hidden size, optimiser and patience aren't in the
source: 32, Adam at .001 and 20 are ours, and searched. Categories: the same net with a softmax and balanced cross-entropy. Needs
the extra `train` (torch).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from attune.fusion._forward import Forward

TASKS = ("dimensions", "categories")
DROPOUT = 0.1                            # Rios et al.


def space(trial: Any) -> dict[str, Any]:
    """What the search tries: 8 to 128 hidden units, rate .0003 to .01, decay 1e-6 to .01."""
    return {
        "hidden": trial.suggest_int("hidden", 8, 128, log=True),
        "rate": trial.suggest_float("rate", 3e-4, 1e-2, log=True),
        "decay": trial.suggest_float("decay", 1e-6, 1e-2, log=True),
    }


@dataclass
class Model(Forward):
    """A `Fuser`."""

    def _net(self, inputs: int, outputs: int) -> Any:
        import torch
        from torch import nn

        torch.manual_seed(self.seed)
        return nn.Sequential(nn.BatchNorm1d(inputs), nn.Linear(inputs, self.hidden), nn.Sigmoid(), nn.Dropout(DROPOUT), nn.Linear(self.hidden, outputs))
