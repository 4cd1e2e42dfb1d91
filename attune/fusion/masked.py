"""One model for every subset of modalities: trained with modalities left out at random, calibrated, told what is missing.

Each modality passes its own small encoder; missing ones are replaced by nothing, with a flag that says so, and the sum of what is
there goes through a head. A modality that turns out useless on dev gets a small gate rather than a say: each encoder's output is
multiplied by a learned gate under an L1 pull. Probabilities are calibrated on dev by a temperature for each number of modalities.
Needs the extra `train` (torch).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from attune.errors import ShapeError
from attune.fusion._parts import Parts, is_categorical, present, softmax

TASKS = ("dimensions", "categories")


def space(trial: Any) -> dict[str, Any]:
    """What the search tries: 8 to 96 units, modality dropout .1 to .6, dropout 0 to .6, rate and decay."""
    return {
        "hidden": trial.suggest_int("hidden", 8, 96, log=True),
        "leave_out": trial.suggest_float("leave_out", 0.1, 0.6),
        "dropout": trial.suggest_float("dropout", 0.0, 0.6),
        "rate": trial.suggest_float("rate", 5e-4, 1e-2, log=True),
        "decay": trial.suggest_float("decay", 1e-6, 1e-2, log=True),
    }


@dataclass
class Model:
    """A `Fuser` that takes NaN rows in any modality; a row with none is NaN."""

    hidden: int = 64
    leave_out: float = 0.3
    dropout: float = 0.5
    rate: float = 2e-3
    decay: float = 3e-3
    epochs: int = 200
    patience: int = 20
    seed: int = 0
    temperatures_: dict[int, float] = field(default_factory=dict, repr=False)
    _net: Any = field(default=None, repr=False)
    _categorical: bool = field(default=False, repr=False)
    _scale: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict, repr=False)

    def fit(self, parts: Parts, y: np.ndarray, dev: tuple[Parts, np.ndarray] | None = None) -> Model:
        """Without dev, a fifth of the rows is taken to stop and to calibrate by."""
        import torch

        from attune.fusion import _nets

        self._categorical = is_categorical(y)
        self._scale = {name: (np.nanmean(a, axis=0), np.nanstd(a, axis=0) + 1e-6) for name, a in parts.items()}
        x = self._inputs(parts)
        if dev is None:
            rows, held = _nets.split_off(len(y), 0.2, self.seed)
            x, y, dev_x, dev_y = x[rows], y[rows], x[held], y[held]
        else:
            dev_x, dev_y = self._inputs(dev[0]), dev[1]
        classes = int(max(y.max(), dev_y.max())) + 1 if self._categorical else 0
        widths = [a.shape[1] for a in parts.values()]
        self._net = self._build(widths, classes or y.shape[1])
        m = len(widths)
        shuffle = torch.Generator().manual_seed(self.seed)

        def left_out(batch: torch.Tensor) -> torch.Tensor:
            """The same rows with modalities hidden at random, never the last one; the flags are the first m columns."""
            flags = batch[:, :m]
            keep = (torch.rand(flags.shape, generator=shuffle) > self.leave_out) * flags
            keep = torch.where(keep.sum(1, keepdim=True) > 0, keep, flags)
            return torch.cat([keep, batch[:, m:]], 1)

        # stop by dev as it is and by dev with each modality alone, so that no subset is forgotten
        alone = [dev_x] + [np.concatenate([np.eye(m)[[i] * len(dev_x)] * dev_x[:, :m], dev_x[:, m:]], 1) for i in range(m) if m > 1]
        stop_x = np.concatenate([a[a[:, :m].sum(1) > 0] for a in alone]).astype(np.float32)
        stop_y = np.concatenate([dev_y[a[:, :m].sum(1) > 0] for a in alone])
        _nets.trained(
            self._net, x, y, (stop_x, stop_y), classes=classes, batch=64, rate=self.rate, epochs=self.epochs, patience=self.patience,
            decay=self.decay, seed=self.seed, vary=left_out,
        )
        if self._categorical:
            self._calibrate(stop_x, stop_y, m)
        return self

    def predict(self, parts: Parts) -> np.ndarray:
        """(n, classes) probabilities or (n, k) values; a modality that isn't in `parts` is missing in every row."""
        x, m = self._inputs(parts), len(self._scale)
        count = x[:, :m].sum(1)
        said = self._said(x)
        if self._categorical:
            said = softmax(said / np.array([self.temperatures_.get(int(c), 1.0) for c in count])[:, None])
        return np.where(count[:, None] > 0, said, np.nan).astype(np.float32)

    def _calibrate(self, x: np.ndarray, y: np.ndarray, m: int) -> None:
        count, grid = x[:, :m].sum(1), np.exp(np.linspace(np.log(0.3), np.log(4), 120))
        for c in range(1, m + 1):
            rows = count == c
            if rows.sum() >= 20:
                z = self._said(x[rows])
                self.temperatures_[c] = float(min(grid, key=lambda t: -np.log(softmax(z / t)[np.arange(rows.sum()), y[rows]] + 1e-12).mean()))

    def _said(self, x: np.ndarray) -> np.ndarray:
        import torch

        with torch.no_grad():
            return np.asarray(self._net(torch.tensor(x, dtype=torch.float32)).numpy())

    def _inputs(self, parts: Parts) -> np.ndarray:
        """(n, m + sum d): a flag per modality, then standardised numbers with zeros where it is missing."""
        if strange := [name for name in parts if name not in self._scale]:
            raise ShapeError(f"{', '.join(strange)}: fitted on {', '.join(self._scale)}")
        n = len(next(iter(parts.values())))
        whole = {name: np.asarray(parts[name]) if name in parts else np.full((n, len(mean)), np.nan) for name, (mean, _) in self._scale.items()}
        columns = [np.nan_to_num((a - self._scale[name][0]) / self._scale[name][1]) for name, a in whole.items()]
        return np.concatenate([present(whole).astype(np.float32), *columns], axis=1).astype(np.float32)

    def _build(self, widths: list[int], outputs: int) -> Any:
        import torch
        from torch import nn

        torch.manual_seed(self.seed)

        class Net(nn.Module):
            def __init__(self, hidden: int, dropout: float) -> None:
                super().__init__()
                self.encoders = nn.ModuleList(nn.Linear(w, hidden) for w in widths)
                self.gates = nn.Parameter(torch.ones(len(widths)))
                self.head = nn.Sequential(nn.Linear(hidden + len(widths), hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, outputs))
                self.direct = nn.ModuleList(nn.Linear(w, outputs, bias=False) for w in widths)

            def forward(self, x: torch.Tensor) -> torch.Tensor:
                flags, numbers = x[:, : len(widths)], x[:, len(widths) :].split(widths, dim=1)
                there = [self.gates[i] * flags[:, i : i + 1] for i in range(len(widths))]
                mixed = sum(t * torch.tanh(e(n)) for t, e, n in zip(there, self.encoders, numbers, strict=True))
                straight = sum(t * d(n) for t, d, n in zip(there, self.direct, numbers, strict=True))
                return self.head(torch.cat([mixed, flags], 1)) + straight

        return Net(self.hidden, self.dropout)
