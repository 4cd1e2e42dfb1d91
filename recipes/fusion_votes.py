"""How people pool a face and a voice, learned from people: the default fuser.

    python recipes/fusion_votes.py --data DIR --out runs/fusion_votes

DIR holds CREMA-D's votes. Some ten people judged each clip by its voice alone, ten others by its face alone, ten others by both. What the
last ones said is predicted from what the first ones did, by a log-linear pool

    log p(k) = sum_m w_m(k) log s_m(k) + b(k) + const,      s_m = (V p_m + a_m prior_m) / (V + a_m),

V being ten votes. The pool is scored on actors it never saw (five folds), beside copying either side, their mean and its richer
relatives; then fitted to everybody and written to `attune/fusion/votes.json`, with its card. Needs the extra `train`.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import attune.fusion
from attune import metrics
from attune.datasets import crema_d, rows
from attune.taxonomy import taxonomy

HERE = Path(attune.fusion.__file__).parent
EKMAN = {"A": "anger", "D": "disgust", "F": "fear", "H": "joy", "S": "sadness", "N": "neutral"}
SIDES = ("voice", "face")
VOTES = 10.0                             # about as many as CREMA-D has for a clip and a way of presentation
FOLDS, SEED = 5, 0
RIDGE = (1e-4, 1e-3, 1e-2, 1e-1)         # pull of the classes' weights to their common one; chosen on other actors
STEPS, RATE = 300, 0.05


def read(root: Path) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Shares of votes (n, 6) by way of presentation ("voice", "face", "av"), and the actor of each clip."""
    counted: dict[str, dict[str, np.ndarray]] = {}
    for row in rows(root / "votes_all_clips.csv"):
        counted.setdefault(row["fileName"], {})[row["mod"]] = np.array([float(row[letter]) for letter in EKMAN])
    whole = {clip: c for clip, c in counted.items() if len(c) == 3 and all(v.sum() for v in c.values()) and clip not in crema_d.SILENT}
    votes = {side: np.stack([c[side] for c in whole.values()]) for side in (*SIDES, "av")}
    return {side: v / v.sum(1, keepdims=True) for side, v in votes.items()}, np.array([clip[:4] for clip in whole])


# The pool and its relatives ----------------------------------------------------------------------------------------------------------

class Pool(torch.nn.Module):
    """kind "one": a weight per side; "class": a weight per side and class; "cross": also from every class to every other."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        k = len(EKMAN)
        self.kind = kind
        self.amount = torch.nn.Parameter(torch.full((2,), 1.5))              # log of a_m
        self.prior = torch.nn.Parameter(torch.zeros(2, k))
        self.common = torch.nn.Parameter(torch.full((2, 1), 0.7))
        self.own = torch.nn.Parameter(torch.zeros(2, k))
        self.bias = torch.nn.Parameter(torch.zeros(k))
        self.cross = torch.nn.Parameter(torch.zeros(2, k, k))

    def smoothed(self, p: Tensor) -> Tensor:
        """(n, 2, k) shares of votes -> the same as if a_m more people had voted by the prior."""
        a = self.amount.exp()[:, None]
        return (VOTES * p + a * self.prior.softmax(1)) / (VOTES + a)

    @property
    def weights(self) -> Tensor:
        return self.common + self.own if self.kind != "one" else self.common.expand(-1, len(EKMAN))

    def forward(self, p: Tensor) -> Tensor:
        """(n, 2, k) -> logits (n, k)."""
        s = self.smoothed(p).log()
        out = (self.weights * s).sum(1) + self.bias
        return out + torch.einsum("nmk,mkj->nj", s, self.cross) if self.kind == "cross" else out

    def pull(self) -> Tensor:
        """What the ridge holds down: how far the classes are from what is common to them."""
        return self.own.square().sum() + self.bias.square().sum() + self.cross.square().sum()


def fitted(kind: str, p: np.ndarray, target: np.ndarray, ridge: float) -> Pool:
    """The pool whose predictions have the least cross-entropy with the audio-visual votes; p (n, 2, k), target (n, k)."""
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    pool, x, y = Pool(kind), torch.tensor(p, dtype=torch.float32), torch.tensor(target, dtype=torch.float32)
    optimiser = torch.optim.Adam(pool.parameters(), lr=RATE)
    for _ in range(STEPS):
        value = -(y * pool(x).log_softmax(1)).sum(1).mean() + ridge * pool.pull()
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
    return pool


def predicted(pool: Pool, p: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return pool(torch.tensor(p, dtype=torch.float32)).softmax(1).numpy()


def chosen_ridge(kind: str, p: np.ndarray, target: np.ndarray, who: np.ndarray) -> float:
    """By actors inside the training part alone."""
    inner = folds_of(who, 3)
    def held_out(ridge: float) -> float:
        return float(np.mean([metrics.jsd(target[inner == f], predicted(fitted(kind, p[inner != f], target[inner != f], ridge), p[inner == f])).mean()
                              for f in range(3)]))
    return min(RIDGE, key=held_out)


def folds_of(who: np.ndarray, folds: int) -> np.ndarray:
    """(n,) a fold per clip; an actor is in one."""
    people = np.unique(who)
    np.random.default_rng(SEED).shuffle(people)
    return np.array([np.flatnonzero(people == w)[0] % folds for w in who])


# Measuring ---------------------------------------------------------------------------------------------------------------------------

def emd(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """(n,) earth mover's distance where every class is as far from every other: half the sum of differences."""
    return np.asarray(np.abs(p - q).sum(1) / 2)


def mean_of(distance: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Callable[..., float]:
    return lambda *arrays: float(distance(*arrays).mean())


def interval(value: metrics.Interval) -> dict[str, float]:
    return {name: round(v, 4) for name, v in value._asdict().items()}


def scores(target: np.ndarray, said: np.ndarray, who: np.ndarray) -> dict[str, Any]:
    return {
        "jsd": interval(metrics.bootstrap(mean_of(metrics.jsd), target, said, groups=who)),
        "emd": interval(metrics.bootstrap(mean_of(emd), target, said, groups=who)),
        "most_votes": round(float(np.mean(said.argmax(1) == target.argmax(1))), 4),
        "ece": round(metrics.reliability(said.max(1), target[np.arange(len(said)), said.argmax(1)]).gap, 4),
        "brier": round(float(((said - target) ** 2).sum(1).mean()), 4),
    }


def compared(votes: dict[str, np.ndarray], who: np.ndarray) -> dict[str, Any]:
    """Every candidate on actors it never saw."""
    target, p, fold = votes["av"], np.stack([votes[side] for side in SIDES], 1), folds_of(who, FOLDS)
    said = {"copy the voice": votes["voice"], "copy the face": votes["face"], "mean of both": p.mean(1)}
    for kind in ("one", "class", "cross"):
        out, ridges = np.empty_like(target), []
        for f in range(FOLDS):
            train = fold != f
            ridges.append(chosen_ridge(kind, p[train], target[train], who[train]))
            out[~train] = predicted(fitted(kind, p[train], target[train], ridges[-1]), p[~train])
        said[f"pool, {kind}"] = out
        print(f"pool, {kind}: ridges {ridges}", flush=True)
    table = {name: scores(target, q, who) for name, q in said.items()}
    better = min(("copy the voice", "copy the face"), key=lambda name: float(table[name]["jsd"]["value"]))
    def saved(target: np.ndarray, pooled: np.ndarray, copied: np.ndarray) -> float:
        return 1 - float(metrics.jsd(target, pooled).mean() / metrics.jsd(target, copied).mean())
    for kind in ("one", "class", "cross"):
        table[f"pool, {kind}"]["below_copy"] = interval(metrics.bootstrap(saved, target, said[f"pool, {kind}"], said[better], groups=who))
    drawn = np.stack([np.random.default_rng(SEED).multinomial(int(VOTES), q / q.sum()) for q in target]) / VOTES
    table["ten other people, if those were the true shares"] = {"jsd": {"value": round(float(metrics.jsd(target, drawn).mean()), 4)}}
    return table


def chance(votes: dict[str, np.ndarray], share: float = 0.95) -> float:
    """Divergence (bits) that two draws of ten votes from one distribution, the audio-visual one, exceed in 5 % of the clips."""
    rng = np.random.default_rng(SEED)
    one, other = (np.stack([rng.multinomial(int(VOTES), q / q.sum()) for q in votes["av"]]) / VOTES for _ in range(2))
    return float(np.quantile(metrics.jsd(one, other), share))


# Shipping ----------------------------------------------------------------------------------------------------------------------------

def spread_to(values: np.ndarray, *, share: bool = False) -> dict[str, float]:
    """(6,) by Ekman's names; surprise, which nobody could vote for, gets the mean of the others (shares are scaled to sum to 1)."""
    named = dict(zip(EKMAN.values(), values.tolist(), strict=True)) | {"surprise": float(np.mean(values))}
    total = sum(named.values()) if share else 1.0
    return {label: round(named[label] / total, 5) for label in taxonomy("ekman7").labels}


def card(facts: dict[str, Any]) -> str:
    """What `votes.md` says, from what was measured."""
    def shown(i: dict[str, float] | None) -> str:
        return f"{i['value']:.3f} [{i['low']:.3f}, {i['high']:.3f}]" if i and "low" in i else f"{i['value']:.3f}" if i else ""

    lines = [
        f"| {name} | {shown(f.get('jsd'))} | {shown(f.get('emd'))} | {f.get('most_votes', '')} | "
        f"{f.get('ece', '')} | {f.get('brier', '')} | {shown(f.get('below_copy'))} |"
        for name, f in facts["held_out"].items()
    ]
    labels = taxonomy("ekman7").labels
    face, voice = facts["weights"]["face"], facts["weights"]["voice"]
    weighed = [f"| {label} | {face[label]:.2f} | {voice[label]:.2f} | {facts['bias'][label]:+.2f} |" for label in labels]
    return CARD.format(table="\n".join(lines), weighed="\n".join(weighed), **facts, **facts["data"])


CARD = """\
# Pool of votes, v1

The default fuser: takes calibrated distributions over Ekman's six and neutral (`ekman7`) from any face, voice and text model, and pools
them as people pool a face and a voice. It measures what people would say they see and hear, not what somebody feels.

**Licence class: share-alike** ({license}); commercial use is allowed.

## How it was learned

    {command}

CREMA-D's votes on {clips:,} clips of {actors} actors: some ten people judged each by voice alone, ten others by face alone, ten others by both. A
log-linear pool predicts the last from the first two; each side counts like {votes:.0f} votes beside {amount[face]:.1f} (face) or
{amount[voice]:.1f} (voice) votes of a prior. Ridge {ridge}, chosen by actors inside the training part.

| | weight of the face | of the voice | bias |
|---|---|---|---|
{weighed}

Surprise was not offered to those people: its weights are the mean of the others. A joyful face decides for joy whatever the voice does.

## Results: held-out actors

Five folds by actor, no actor on both sides; 95 % intervals by actor. JSD in bits and EMD (classes equally far apart) between predicted
and real audio-visual shares of votes; *most votes*: share of clips where the class with most votes is the same; *saved*: how much lower the JSD
is than that of the better copy (a quarter is the reading of the shipped pool, "class"); *ECE*: mean distance between the probability of the class
said first and the share of people who chose it (15 bins); *Brier*: squared distance of the two distributions, 0 to 2.

| | JSD | EMD | most votes | ECE | Brier | saved |
|---|---|---|---|---|---|---|
{table}

"One": a weight per side; "class": a weight per side and class (shipped); "cross": also from every class to every other. The last is better on
these votes, and isn't shipped: its 72 further weights describe acted sentences and histograms of ten votes, which a model's smooth
posteriors are not.

## Discord

Two distributions that differ by more than {discord:.3f} bits differ by more than two groups of ten people who saw and heard the same do in 19 of
20 clips (drawn from the audio-visual shares). It tells sampling from disagreement; it does not tell irony from a bad microphone.

## Limits

Learned from votes, used on models' posteriors, which err in other ways; there is no corpus in reach with people's votes and our models' outputs
on both sides of the same clips. Words take the voice's mean weight, without a measurement. Twelve fixed sentences, acted, English, watched by
people in the United States. Not for decisions about a person; emotion inference at work or school is banned in the European Union (AI Act,
Article 5).
"""


def main() -> None:
    ask = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    ask.add_argument("--data", type=Path, required=True, help="folder with CREMA-D's votes")
    ask.add_argument("--out", type=Path, default=Path("runs/fusion_votes"))
    ask.add_argument("--kind", default="class", choices=("one", "class"), help="which pool is shipped")
    said = ask.parse_args()
    said.out.mkdir(parents=True, exist_ok=True)
    votes, who = read(said.data)
    table = compared(votes, who)
    p = np.stack([votes[side] for side in SIDES], 1)
    ridge = chosen_ridge(said.kind, p, votes["av"], who)
    pool = fitted(said.kind, p, votes["av"], ridge)
    with torch.no_grad():
        facts = {
            "command": f"python recipes/fusion_votes.py --data DIR --kind {said.kind}",
            "data": {"corpus": "CREMA-D", "clips": len(who), "actors": len(np.unique(who)), "license": crema_d.FACTS["license"]},
            "votes": VOTES,
            "weights": {side: spread_to(pool.weights[m].numpy()) for m, side in enumerate(SIDES)},
            "bias": spread_to(pool.bias.numpy()) | {"surprise": 0.0},
            "amount": {side: round(float(pool.amount.exp()[m]), 4) for m, side in enumerate(SIDES)},
            "prior": {side: spread_to(pool.prior.softmax(1)[m].numpy(), share=True) for m, side in enumerate(SIDES)},
            "discord": round(chance(votes), 4), "ridge": ridge, "held_out": table,
        }
    (said.out / "votes.json").write_text(json.dumps(facts, indent=1) + "\n")
    shutil.copy(said.out / "votes.json", HERE / "votes.json")
    (HERE / "votes.md").write_text(card(facts))
    print(json.dumps(facts, indent=1))


if __name__ == "__main__":
    main()
