"""What the text recipes' encoders share: BERT's layer, batches of unequal length, the loss of dimensions.

The layer is Devlin et al.'s (2019), doi:10.18653/v1/N19-1423, in the size that MiniLM gave it (Wang et al. 2020, arXiv:2002.10957).
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

HIDDEN, HEADS, INNER = 384, 12, 1536


class Layer(nn.Module):
    """Self-attention and a feed-forward net, each with a residual and a layer norm after it."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.output = nn.Linear(HIDDEN, 3 * HIDDEN), nn.Linear(HIDDEN, HIDDEN)
        self.up, self.down = nn.Linear(HIDDEN, INNER), nn.Linear(INNER, HIDDEN)
        self.norm1, self.norm2 = nn.LayerNorm(HIDDEN, eps=1e-12), nn.LayerNorm(HIDDEN, eps=1e-12)
        self.drop = nn.Dropout(0.1)

    def forward(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """x (b, t, 384); bias (b, 1, 1, t), 0 at tokens and -inf at padding, or None without padding."""
        q, k, v = (part.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in self.qkv(x).split(HIDDEN, dim=-1))
        scores = q @ k.transpose(-1, -2) / math.sqrt(HIDDEN // HEADS)
        attention = self.drop((scores if bias is None else scores + bias).softmax(-1))
        x = self.norm1(x + self.drop(self.output((attention @ v).transpose(1, 2).flatten(2))))
        return self.norm2(x + self.drop(self.down(nn.functional.gelu(self.up(x)))))


def away(mask: Tensor | None) -> Tensor | None:
    """What keeps attention off padding: (b, 1, 1, t) from a mask (b, t) of ones at tokens; None without padding."""
    return None if mask is None else (1 - mask)[:, None, None] * -1e9


def mean(x: Tensor, mask: Tensor | None) -> Tensor:
    """(b, 384): the mean of x (b, t, 384) over tokens."""
    return x.mean(1) if mask is None else (x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)


def padded(ids: list[list[int]]) -> tuple[Tensor, Tensor]:
    """(b, t) numbers and mask, as long as the longest."""
    longest = max(map(len, ids))
    return (torch.tensor([i + [0] * (longest - len(i)) for i in ids]),
            torch.tensor([[1.0] * len(i) + [0.0] * (longest - len(i)) for i in ids]))


def disagreement(x: Tensor, y: Tensor) -> Tensor:
    """1 - CCC of two (b, k), the mean of the dimensions, and a tenth of the squared error."""
    error = nn.functional.mse_loss(x, y)
    if len(y) < 8:                        # a correlation of so few says nothing
        return error
    centred_x, centred_y = x - x.mean(0), y - y.mean(0)
    covariance, shift = (centred_x * centred_y).mean(0), (x.mean(0) - y.mean(0)) ** 2
    agreement = 2 * covariance / (centred_x.square().mean(0) + centred_y.square().mean(0) + shift + 1e-6)
    return (1 - agreement).mean() + 0.1 * error


def predict(net: nn.Module, ids: list[list[int]], size: int = 64) -> np.ndarray:
    """(n, k) raw values of all heads by the net in torch, in the order of the rows."""
    order = np.argsort([len(i) for i in ids], kind="stable")
    with torch.no_grad():
        outs = [net(*padded([ids[i] for i in order[at : at + size]]))[0] for at in range(0, len(order), size)]
    out = np.empty((len(ids), outs[0].shape[1]), np.float32)
    out[order] = torch.cat(outs).numpy()
    return out
