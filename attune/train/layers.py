"""Parts of nets that several recipes use: a head over a graph of labels, attentive statistics over time."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

LEAST = 0.1                              # |rank correlation| from which two labels are neighbours
NEIGHBOURS = 0.5                         # share of a label's node that comes from its neighbours
SLOPE = 0.2                              # of the leaky ReLU below zero
NODE = 300                               # width of a node's own vector, that of the published word vectors


# Labels that hang together -----------------------------------------------------------------------------------------------------------

def rank_correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's correlation of two (n,) over the rows where both are known, ties sharing their rank; NaN if one is constant."""
    known = ~(np.isnan(x) | np.isnan(y))
    a, b = _ranks(x[known]), _ranks(y[known])
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return math.nan
    a, b = a - a.mean(), b - b.mean()
    return float((a * b).sum() / math.sqrt((a**2).sum() * (b**2).sum()))


def _ranks(x: np.ndarray) -> np.ndarray:
    _, where, count = np.unique(x, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count + 1) / 2)[where])


def label_graph(classes: np.ndarray, dimensions: np.ndarray, *, least: float = LEAST, neighbours: float = NEIGHBOURS) -> np.ndarray:
    """(k + d, k + d) weights between labels, from training labels: classes (n, k) shares or one-hot, dimensions (n, d); NaN unknown.

    Labels are neighbours where |Spearman's correlation| is at least `least`; classes are never neighbours of classes, since they
    exclude each other. A node keeps 1 - `neighbours` of itself and shares the rest equally among its neighbours; the whole is
    scaled by D^-1/2 on both sides, D being the sums of its rows.

    Antoniadis et al. (2021), Exploiting emotional dependencies with graph convolutional networks, section III; ours works on any labels.

    >>> classes = np.eye(2)[[0, 0, 1, 1]]
    >>> label_graph(classes, np.array([[0.9], [0.8], [-0.7], [-0.9]])).round(2).tolist()
    [[0.5, 0.0, 0.5], [0.0, 0.5, 0.5], [0.25, 0.25, 0.5]]
    """
    k, values = classes.shape[1], np.concatenate([classes, dimensions], 1).astype(float)
    size = values.shape[1]
    near = np.zeros((size, size))
    for i in range(size):
        for j in range(max(i + 1, k), size):
            near[i, j] = near[j, i] = abs(rank_correlation(values[:, i], values[:, j])) >= least
    graph = neighbours * near / np.maximum(near.sum(1, keepdims=True), 1) + (1 - neighbours) * np.eye(size)
    scale = graph.sum(1) ** -0.5
    return np.asarray(scale[:, None] * graph * scale)


class GraphConvolution(nn.Module):
    """graph @ nodes @ weight. Kipf & Welling (2017), eq. 2, without the non-linearity."""

    def __init__(self, d_in: int, d_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(d_in, d_out))
        nn.init.uniform_(self.weight, -1 / math.sqrt(d_out), 1 / math.sqrt(d_out))

    def forward(self, nodes: Tensor, graph: Tensor) -> Tensor:
        return graph @ (nodes @ self.weight)


class LabelGraphHead(nn.Module):
    """(n, d) embeddings -> (n, k + d) outputs, classes then dimensions, by a matrix that two graph convolutions make of label nodes.

    Any embedding will do: of a face, a voice, a sentence. After training the matrix is fixed; `matrix()` gives it.

    graph
        (labels, labels) of `label_graph`.
    nodes
        (labels, any) vectors of the labels' names; without them they are random at first, and learned.
    """

    graph: Tensor

    def __init__(self, d: int, graph: np.ndarray, *, nodes: np.ndarray | None = None, hidden: int = 512) -> None:
        super().__init__()
        self.register_buffer("graph", torch.as_tensor(graph, dtype=torch.float32))
        vectors = torch.randn(len(graph), NODE) if nodes is None else torch.as_tensor(nodes, dtype=torch.float32)
        self.nodes = nn.Parameter(vectors, requires_grad=nodes is None)
        self.first, self.second = GraphConvolution(self.nodes.shape[1], hidden), GraphConvolution(hidden, d)

    def matrix(self) -> Tensor:
        """(labels, d), one row a label."""
        return self.second(functional.leaky_relu(self.first(self.nodes, self.graph), SLOPE), self.graph)  # type: ignore[no-any-return]

    def forward(self, embedding: Tensor) -> Tensor:
        return embedding @ self.matrix().T


# Time --------------------------------------------------------------------------------------------------------------------------------

class AttentiveStatistics(nn.Module):
    """(n, t, d) -> (n, 2 d): mean and standard deviation over time, weighted by attention. Okabe et al. (2018), eq. 1-5."""

    def __init__(self, d: int, hidden: int = 64) -> None:
        super().__init__()
        self.attend = nn.Sequential(nn.Linear(d, hidden), nn.Tanh(), nn.Linear(hidden, 1))

    def forward(self, x: Tensor, known: Tensor | None = None) -> Tensor:
        """known: (n, t) bool, False where a shorter row was filled up; at least one True in each row."""
        weight = self.attend(x)
        if known is not None:
            weight = weight.masked_fill(~known[..., None], -torch.inf)
            x = x.masked_fill(~known[..., None], 0.0)
        weight = weight.softmax(1)
        middle = (weight * x).sum(1)
        return torch.cat([middle, ((weight * (x - middle[:, None]) ** 2).sum(1) + 1e-5).sqrt()], 1)
