"""The default fuser: pools modalities as people do, learned from people who saw, heard, or did both.

Some ten people judged each clip of CREMA-D by voice alone, ten others by face alone, ten others by both; the pool predicts the
last from the first two (`recipes/fusion_votes.py`, figures on its card `votes.md`). Each modality's posterior p counts like
V = 10 votes times its quality, beside a_m votes of what people say of anything, so that what is hardly seen hardly counts:

    s_m(k) = (V q_m p_m(k) + a_m prior_m(k)) / (V q_m + a_m)
    log p(k) = c sum_m w_m(k) log s_m(k) + b(k) + const

What the data can't say is ours. A modality that is alone is left as it is. One whose model has only some of the labels says nothing about the others:
it takes the others' word for how likely those are, and shares out what is left as it would have. A label that nobody can say
is NaN. Surprise, which those people weren't offered, gets
the mean of the other labels. Words, of which CREMA-D's actors had none of their own, get a voice's mean weight and amount for every
label, and no prior of their own: no corpus in reach has all three with people's votes on each, and which labels a voice tells badly
(joy) says nothing about words. The weights of any two or three modalities are scaled (c) to those of face and voice
together, since agreement of three was never measured and must not make sure by counting twice.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from attune.taxonomy import taxonomy

TITLE = "Pool of votes: as people combine a face and a voice"
LICENSE = "ODbL 1.0 / DbCL 1.0 (CREMA-D's votes, from which the weights were learned)"
LICENSE_CLASS = "share-alike"
REFERENCE = "Votes: Cao et al. (2014), IEEE Transactions on Affective Computing 5(4). Pool: Genest & Zidek (1986), Statistical Science 1(1)."
WEIGHTS = ("votes.json",)
CATEGORIES = "ekman7"
SURE = 1e-4                              # no modality alone can veto a label


@cache
def facts() -> dict[str, Any]:
    """What the recipe wrote: weights, amounts, priors, bias, the threshold of discord, and how it was measured."""
    read: dict[str, Any] = json.loads((Path(__file__).parent / WEIGHTS[0]).read_text(encoding="utf-8"))
    return read


def _column(what: str, side: str = "") -> np.ndarray:
    """(7,) in the order of the taxonomy."""
    table = facts()[what][side] if side else facts()[what]
    return np.array([table[label] for label in taxonomy(CATEGORIES).labels])


def _side(modality: str) -> tuple[float, np.ndarray, np.ndarray]:
    """Amount, prior (7,) and weights (7,) of a modality."""
    if modality != "text":
        return facts()["amount"][modality], _column("prior", modality), _column("weights", modality)
    flat = np.ones(len(taxonomy(CATEGORIES)))
    return facts()["amount"]["voice"], flat / len(flat), flat * _column("weights", "voice").mean()


def pool(modalities: Sequence[str], p: np.ndarray, quality: np.ndarray) -> np.ndarray:
    """Pooled distributions: p (m, n, 7), NaN where a modality is missing or has no such label, quality (m, n) in 0..1 -> (n, 7).

    A row that only one modality has is that modality's; a row that none has is NaN, and so is a label that none has.

    >>> joy, sadness = np.eye(7)[3], np.eye(7)[4]
    >>> pooled = pool(["face", "voice"], np.stack([joy, sadness])[:, None], np.ones((2, 1)))
    >>> taxonomy("ekman7").labels[int(pooled[0].argmax())]
    'joy'
    """
    there, said = ~np.isnan(p).all(axis=2), ~np.isnan(p).all(axis=0)                     # (m, n), (n, 7)
    known = np.where(there[:, :, None], completed(p), 1 / p.shape[2])
    votes = facts()["votes"] * np.where(there, quality, 0.0)[:, :, None]
    total, logs = np.zeros(p.shape[1:]), np.zeros((p.shape[1], p.shape[2]))
    for m, modality in enumerate(modalities):
        amount, prior, weight = _side(modality)
        smoothed = (votes[m] * known[m] + amount * prior) / (votes[m] + amount)
        logs += np.where(there[m][:, None], weight * np.log(np.maximum(smoothed, SURE)), 0.0)
        total += np.where(there[m][:, None], weight, 0.0)
    pair = _column("weights", "face") + _column("weights", "voice")
    scale = np.divide(pair, total, out=np.ones_like(total), where=total > 0)
    logits = scale * logs + _column("bias")
    logits = np.where(said | ~said.any(axis=1, keepdims=True), logits, -np.inf)
    out = np.exp(logits - logits.max(axis=1, keepdims=True))
    out /= out.sum(axis=1, keepdims=True)
    count = there.sum(axis=0)
    alone = np.where(there[:, :, None], p, 0.0).sum(axis=0)                              # the one that is there, when one is
    out = np.where((count == 1)[:, None], alone, out)
    return np.where(said, out, np.nan)


def completed(p: np.ndarray) -> np.ndarray:
    """Distributions (m, n, k), NaN where a modality has no such label -> the same, such labels as likely as the others say in the mean.

    What a modality says of its own labels keeps its proportions. A label that nobody has gets 0; a modality that is missing altogether is all 0.

    >>> completed(np.array([[[0.5, 0.3, 0.2]], [[0.5, 0.5, np.nan]]]))[1, 0].round(2).tolist()
    [0.4, 0.4, 0.2]
    """
    known = ~np.isnan(p)
    filled, count = np.where(known, p, 0.0), known.sum(axis=0)
    mean = np.divide(filled.sum(axis=0), count, out=np.zeros(p.shape[1:]), where=count > 0)
    borrowed = np.where(~known & known.any(axis=2, keepdims=True), mean, 0.0)
    total = borrowed.sum(axis=2, keepdims=True)
    return np.asarray(filled * np.maximum(1 - total, 0.0) + borrowed / np.maximum(total, 1.0))
