"""What a model is trained to make small. NaN in a target means unknown, and pulls at nothing.

Votes: rows of (n, k) shares that sum to 1 over the labels that are known. Losses of exclusive and multilabel heads give one
number per row, (n,), so that a recipe can mix and weigh rows; rows of which nothing is known are 0, and `mean` leaves them out.
Concordance and contrast are about whole batches, and give one number.

Wu et al. (2024), EMO-SUPERB, for soft labels and the balance of classes; Chou et al. (2022), Exploiting co-occurrence frequency of
emotions in perceptual evaluations, for the penalty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from attune.metrics import label_set

NEVER = -1e4                             # logit of a label that isn't known: its probability is 0, its gradient too
SMOOTHING = 0.05                         # share of a label that goes to the others
TEMPERATURE = 0.07                       # of contrast
TINY = 1e-8


# Votes -----------------------------------------------------------------------------------------------------------------------------

def smoothed(shares: Tensor, amount: float = SMOOTHING) -> Tensor:
    """(n, k) shares with a part of each label given to the others: p (1 - e) + (1 - p) e / (k - 1), over the k that are known.

    Rows still sum to 1. This is how EMO-SUPERB's soft labels were made (recovered from its files).
    """
    k = (~shares.isnan()).sum(1, keepdim=True)
    return shares * (1 - amount) + (1 - shares) * amount / (k - 1).clamp(min=1)


def class_balance(shares: np.ndarray) -> np.ndarray:
    """(k,) weights of classes from the (n, k) votes of the training part; they sum to k.

    A class counts where its share is above 1/k, n_k times among N rows; its weight is (1 - b) / (1 - b^n_k) with b = (N - 1) / N.
    A class that never counts weighs as one that counts once. Cui et al. (2019), eq. 1, with the N of the corpus.

    >>> class_balance(np.array([[1.0, 0.0], [1.0, 0.0], [0.6, 0.4], [0.0, 1.0]])).round(3).tolist()
    [0.604, 1.396]
    """
    n, k = shares.shape
    count = np.maximum(label_set(shares).sum(0), 1)
    keeps = (n - 1) / n
    weight = (1 - keeps) / (1 - keeps**count)
    return np.asarray(weight * k / weight.sum())


def soft_cross_entropy(logits: Tensor, shares: Tensor, *, balance: Tensor | None = None) -> Tensor:
    """(n,) cross-entropy of softmax(logits) to shares of votes, over the labels that are known.

    balance: (k,) weights of classes; a row weighs by the weights of what was voted for, sum_k w_k p_k.
    """
    known, target = ~shares.isnan(), shares.nan_to_num()
    rows = -(target * masked_log_softmax(logits, known)).sum(1)
    return rows if balance is None else rows * (target * balance).sum(1)


def focal(logits: Tensor, shares: Tensor, *, gamma: float = 2.0, balance: Tensor | None = None) -> Tensor:
    """(n,) as `soft_cross_entropy`, with what is already well said made light by (1 - p)^gamma. Lin et al. (2017), eq. 4."""
    known, target = ~shares.isnan(), shares.nan_to_num()
    log_p = masked_log_softmax(logits, known)
    rows = -(target * (1 - log_p.exp()).clamp(min=0) ** gamma * log_p).sum(1)
    return rows if balance is None else rows * (target * balance).sum(1)


def soft_binary(logits: Tensor, shares: Tensor, *, positive: Tensor | None = None) -> Tensor:
    """(n,) binary cross-entropy of sigmoid(logits), averaged over the labels that are known; positive: (k,) weight of what is there."""
    known = ~shares.isnan()
    cells = functional.binary_cross_entropy_with_logits(logits, shares.nan_to_num(), reduction="none", pos_weight=positive)
    return (cells * known).sum(1) / known.sum(1).clamp(min=1)


def masked_log_softmax(logits: Tensor, known: Tensor) -> Tensor:
    """(n, k) log-probabilities among the known labels."""
    return logits.masked_fill(~known, NEVER).log_softmax(1)


def mean(rows: Tensor, target: Tensor) -> Tensor:
    """Average of (n,) losses over the rows of which the (n, k) target knows anything; 0, with a gradient of 0, if there is none."""
    known = (~target.isnan()).any(1)
    return (rows * known).sum() / known.sum().clamp(min=1)


# Labels that don't go together -------------------------------------------------------------------------------------------------------

Normalise = Literal["none", "largest", "sum", "rows"]


def co_occurrence(votes: np.ndarray) -> np.ndarray:
    """(k, k) P(j was chosen | i was chosen), over the rows of (n, k) votes of the training part; NaN where i never was.

    >>> co_occurrence(np.array([[3, 1, 0], [2, 0, 0]])).tolist()
    [[1.0, 0.5, 0.0], [1.0, 1.0, 0.0], [nan, nan, nan]]
    """
    chosen = (np.nan_to_num(votes) > 0).astype(float)
    count = chosen.sum(0)[:, None]
    return np.asarray(np.where(count > 0, chosen.T @ chosen / np.maximum(count, 1), np.nan))


def penalties(votes: np.ndarray, normalise: Normalise = "largest") -> np.ndarray:
    """(k, k) what it costs to say i and j together: 1 - `co_occurrence`, a zero diagonal, and 0 where nothing is known of i.

    normalise: "largest" makes the largest cost 1, "sum" all costs together, "rows" those of each row. Which of them was published
    couldn't be found out, nor the weight; both are arguments.
    """
    cost = np.nan_to_num(1 - co_occurrence(votes))
    np.fill_diagonal(cost, 0)
    if normalise == "none":
        return np.asarray(cost)
    size = {"largest": cost.max(), "sum": cost.sum(), "rows": cost.sum(1, keepdims=True)}[normalise]
    return np.asarray(cost / np.maximum(size, TINY))


def co_occurrence_penalty(probabilities: Tensor, costs: Tensor, weight: float = 1.0) -> Tensor:
    """(n,) weight * sum_ij costs_ij p_i p_j, to be added to the loss of the same rows; probabilities (n, k)."""
    return weight * torch.einsum("ni,ij,nj->n", probabilities, costs.to(probabilities), probabilities)


# Positions ---------------------------------------------------------------------------------------------------------------------------

def one_minus_ccc(said: Tensor, true: Tensor) -> Tensor:
    """1 - CCC of each dimension over its known rows, averaged; (n, d), (n, d) -> one number in 0..2.

    Population moments. A dimension with fewer than two known rows is left out; 0, with a gradient of 0, if all are.
    Lin (1989), Biometrics 45(1), eq. 1.
    """
    known = ~true.isnan() & ~said.isnan()
    count, x, y = known.sum(0).clamp(min=1), said.nan_to_num() * known, true.nan_to_num() * known
    middle_x, middle_y = x.sum(0) / count, y.sum(0) / count
    dx, dy = (x - middle_x) * known, (y - middle_y) * known
    apart = (dx.square().sum(0) + dy.square().sum(0)) / count + (middle_x - middle_y).square()
    loss = 1 - 2 * (dx * dy).sum(0) / count / (apart + TINY)
    usable = known.sum(0) >= 2
    return (loss * usable).sum() / usable.sum().clamp(min=1)


# Several corpora, several heads --------------------------------------------------------------------------------------------------------

def _exclusive(logits: Tensor, target: Tensor) -> Tensor:
    return mean(soft_cross_entropy(logits, target), target)


def _multilabel(logits: Tensor, target: Tensor) -> Tensor:
    return mean(soft_binary(logits, target), target)


OF_KIND: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "exclusive": _exclusive, "multilabel": _multilabel, "dimensional": one_minus_ccc,
}
"""Kind of a taxonomy -> the loss of its head."""


def several_heads(
    said: Mapping[str, Tensor], targets: Mapping[str, Tensor], losses: Mapping[str, Callable[[Tensor, Tensor], Tensor]],
    weights: Mapping[str, float] | None = None,
) -> Tensor:
    """Weighted sum of the losses of heads, one per taxonomy, of a batch whose rows come from corpora that know different things.

    said, targets
        Taxonomy -> (n, k); NaN in a target where a row's corpus can't say. A head that no row knows costs nothing.
    losses
        Taxonomy -> loss of (said, target), one number; `OF_KIND[taxonomy(name).kind]` fits.
    weights
        Taxonomy -> weight; 1 by default.
    """
    parts = [(1.0 if weights is None else weights.get(name, 1.0)) * losses[name](said[name], targets[name]) for name in said]
    return torch.stack(parts).sum()


# Contrast ----------------------------------------------------------------------------------------------------------------------------

def info_nce(a: Tensor, b: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """How badly row i of a finds row i of b among all rows of b, and the other way round; (n, d), (n, d), one number.

    Rows are scaled to length 1. Rows that hold NaN in either (a modality that isn't there) are left out; with fewer than two left
    there is nothing to tell apart, and the loss is 0. Oord et al. (2018); symmetric as in Radford et al. (2021).
    """
    there = ~(a.isnan().any(1) | b.isnan().any(1))
    if int(there.sum()) < 2:
        return (a.nan_to_num() * 0).sum() + (b.nan_to_num() * 0).sum()
    a, b = functional.normalize(a[there], dim=1), functional.normalize(b[there], dim=1)
    alike = a @ b.T / temperature
    own = torch.arange(len(a), device=a.device)
    return (functional.cross_entropy(alike, own) + functional.cross_entropy(alike.T, own)) / 2


def pairwise_info_nce(views: Sequence[Tensor], temperature: float = TEMPERATURE) -> Tensor:
    """`info_nce` of every pair of modalities, averaged; views: two or more (n, d), row i of each from the same clip.

    Pre-training without labels; afterwards the embeddings before the projections are joined. Franceschini et al. (2022).
    """
    pairs = [info_nce(a, b, temperature) for a, b in combinations(views, 2)]
    return torch.stack(pairs).mean()
