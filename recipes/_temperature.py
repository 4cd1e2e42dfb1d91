"""How sure a net's logits may be of a sound: temperature scaling (Guo et al. 2017) with a temperature that depends on what is heard.

    Joy et al. (2023), Sample-dependent adaptive temperature scaling for improved calibration, AAAI.

One factor for everything leaves some recordings too sure and others not sure enough: a net is right more often in one corpus than in another, and
hears which is which. So the factor is the exponential of a line on the first principal directions of what is heard, fitted on people whom the
nets that named them hadn't heard, everybody with the same weight. It never changes which label comes first.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from _voice import divergence
from torch import nn

BOUNDS = 0.2, 0.8                        # of the factor: about what it is over the clips that it is fitted on
DECAY = 0.1                              # of the line's slopes
FAR = 4.0                                # deviations from the mean that a column is counted as, at most


class Temperature(nn.Module):
    """(n, d) of what a net is given -> (n, 1), what to multiply its logits by."""

    def __init__(self, mean: np.ndarray, deviation: np.ndarray, slope: np.ndarray, start: float, bounds: tuple[float, float] = BOUNDS) -> None:
        super().__init__()
        self.bounds = bounds
        for name, value in {"mean": mean, "deviation": deviation, "slope": slope, "start": np.array([start])}.items():
            self.register_buffer(name, torch.from_numpy(np.asarray(value, np.float32)))

    def forward(self, given: torch.Tensor) -> torch.Tensor:
        x = ((given - self.mean) / self.deviation).clamp(-FAR, FAR)
        return ((x * self.slope).sum(1, keepdim=True) + self.start).clamp(*(float(np.log(b)) for b in self.bounds)).exp()

    def of(self, given: np.ndarray) -> np.ndarray:
        """The same for arrays."""
        with torch.no_grad():
            return np.asarray(self(torch.from_numpy(np.asarray(given, np.float32))).numpy())


def fitted(given: np.ndarray, logits: np.ndarray, values: np.ndarray, group: np.ndarray, bounds: tuple[float, float] = BOUNDS,
           directions: int = 1) -> Temperature:
    """With which logits (n, k) make the label, or the one with most votes, likeliest; values (n, k): NaN where a corpus has no such label; group (n,): who."""
    rows = one_label(values)
    given, logits, values, group = given[rows].astype(np.float64), logits[rows], values[rows], group[rows]
    mean, deviation = given.mean(0), given.std(0) + 1e-6
    x = np.clip((given - mean) / deviation, -FAR, FAR)
    direction = np.linalg.eigh(x.T @ x / len(x))[1][:, -directions:]
    direction /= (x @ direction).std(0)
    known = torch.from_numpy(~np.isnan(values))
    wanted = nn.functional.one_hot(torch.from_numpy(np.nan_to_num(values, nan=-1).argmax(1)), values.shape[1]).double()
    names, which, count = np.unique(group, return_inverse=True, return_counts=True)
    weight, along = torch.from_numpy(1 / count[which] / len(names)), torch.from_numpy(x @ direction)
    line = torch.tensor([0.0] * directions + [np.log(sum(bounds) / 2)], dtype=torch.float64, requires_grad=True)
    said, optimiser = torch.from_numpy(logits.astype(np.float64)), torch.optim.LBFGS([line], max_iter=200, line_search_fn="strong_wolfe")

    def value() -> torch.Tensor:
        optimiser.zero_grad()
        times = (along @ line[:-1] + line[-1]).exp()[:, None]
        loss = (weight * divergence(times * said, wanted, known)).sum() + DECAY * (line[:-1] ** 2).sum()
        loss.backward()
        return loss

    optimiser.step(value)
    slopes = line.detach().numpy()
    return Temperature(mean, deviation, direction @ slopes[:-1], slopes[-1], bounds)


def cross_fitted(given: np.ndarray, logits: np.ndarray, values: np.ndarray, group: np.ndarray, fold: np.ndarray, **options: Any) -> np.ndarray:
    """(n, 1), for each row the factor that the other folds ask for; options: of `fitted`."""
    times = np.empty((len(logits), 1), np.float32)
    for f in np.unique(fold):
        rest = fold != f
        times[~rest] = fitted(given[rest], logits[rest], values[rest], group[rest], **options).of(given[~rest])
    return times


def one_label(values: np.ndarray) -> np.ndarray:
    """(n,) whether one label has most votes, of those (n, k) that a corpus has: two that share them are no label."""
    most = np.sort(np.nan_to_num(values, nan=-1), 1)
    return np.asarray(most[:, -1] > most[:, -2] + 1e-4)
