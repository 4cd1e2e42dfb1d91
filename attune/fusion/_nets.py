"""The short training that the small feed-forward fusers share: Adam, early stopping on dev, the best weights kept."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import numpy as np
import torch
from torch import Tensor, nn

from attune.metrics import ccc


def disagreement(said: Tensor, y: Tensor) -> Tensor:
    """1 - CCC of each column, averaged; (n, k), (n, k)."""
    centred_said, centred_y = said - said.mean(0), y - y.mean(0)
    covariance = (centred_said * centred_y).mean(0)
    shift = (said.mean(0) - y.mean(0)) ** 2
    return (1 - 2 * covariance / (centred_said.square().mean(0) + centred_y.square().mean(0) + shift + 1e-8)).mean()


def balanced(y: np.ndarray, classes: int) -> Tensor:
    """(classes,) weights by which every class counts the same."""
    count = np.bincount(y, minlength=classes)
    return torch.tensor(len(y) / (classes * np.maximum(count, 1)), dtype=torch.float32)


def score(said: np.ndarray, y: np.ndarray) -> float:
    """What dev is judged by: mean CCC of the dimensions, or mean log-likelihood with equal classes."""
    if y.ndim == 2:
        return float(np.nanmean([ccc(y[:, c], said[:, c]) for c in range(y.shape[1])]))
    z = said - said.max(1, keepdims=True)
    log_p = (z - np.log(np.exp(z).sum(1, keepdims=True)))[np.arange(len(y)), y]
    return float(np.mean([log_p[y == c].mean() for c in np.unique(y)]))


def trained(
    net: nn.Module, x: np.ndarray, y: np.ndarray, dev: tuple[np.ndarray, np.ndarray], *, classes: int = 0, batch: int, rate: float,
    epochs: int, patience: int, decay: float, seed: int, vary: Callable[[Tensor], Tensor] = lambda x: x,
) -> nn.Module:
    """Train on (n, d) and y, stop when dev hasn't risen for `patience` epochs, and return the net with its best weights.

    classes > 0: y is (n,) int and the loss the cross-entropy with equal classes; else y is (n, k) and the loss 1 - CCC.
    vary changes each batch's input (modality dropout).
    """
    torch.set_num_threads(1)
    inputs = torch.tensor(x, dtype=torch.float32)
    target = torch.tensor(y) if classes else torch.tensor(y, dtype=torch.float32)
    weight = balanced(y, classes) if classes else None
    optimiser = torch.optim.Adam(net.parameters(), lr=rate, weight_decay=decay)
    shuffle = torch.Generator().manual_seed(seed)
    held = torch.tensor(dev[0], dtype=torch.float32)
    best, kept, since = -np.inf, deepcopy(net.state_dict()), 0
    for _ in range(epochs):
        net.train()
        for pick in torch.randperm(len(inputs), generator=shuffle).split(batch):
            if len(pick) < 4:                                # no correlation, no batch statistics
                continue
            said = net(vary(inputs[pick]))
            loss = nn.functional.cross_entropy(said, target[pick], weight) if classes else disagreement(said, target[pick])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        net.eval()
        with torch.no_grad():
            reached = score(net(held).numpy(), dev[1])
        if reached > best:
            best, kept, since = reached, deepcopy(net.state_dict()), 0
        else:
            since += 1
            if since > patience:
                break
    net.load_state_dict(kept)
    return net.eval()


def split_off(n: int, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows to train on and rows to stop by, for a caller who brings no dev."""
    order = np.random.default_rng(seed).permutation(n)
    cut = max(1, round(share * n))
    return order[cut:], order[:cut]
