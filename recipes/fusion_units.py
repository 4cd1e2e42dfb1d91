"""Action units and a voice, fused: eight emotions on RAVDESS, for one clip alone and beside a person's other clips.

    python recipes/fusion_units.py --data RAVDESS --voice FILE... --out runs/fusion_units

RAVDESS holds the clips with the action units' means (`openface_au_clip_mean.csv`). FILE are out-of-fold outputs of the voice model, npz with
truth, group, fold and `plain` (n, 8) logits, one row a clip in the order of the corpus: each from a net that never heard the clip's
actor. Logistic regressions speak (face, voice, both side by side, both by likeness to groups of training clips), and the voice itself; their
log-probabilities are summed. Penalties and weights are chosen by actors inside each training part. Scored on actors that neither the nets
nor the fuser saw:

    single       nothing but the clip
    all          minus the mean of all the actor's clips, unlabelled, the clip itself among them: right for a fair sample only
    sixteen      minus the mean of 16 unlabelled clips of the actor, scored on the others; 20 draws
    neutral      less part of how two clips known to be neutral differ from others' neutral ones, scored on the others; 20 draws

What ships beside a person's own clips is none of these: each clip is compared with what others' clips of the guessed emotion are like
(`attune.fusion.units.habits`). It is scored on recordings, samples of one actor's clips that are adapted by themselves: balanced, skewed, and of a
single emotion.

Then everything is fitted once more on all actors and written to `attune/fusion/units.json` with its card. Needs scikit-learn.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import attune.fusion
from attune import metrics
from attune.baseline import Baseline, Population
from attune.datasets import ravdess
from attune.evaluate.grid import folds_by
from attune.fusion import OWN, units
from attune.fusion._parts import softmax
from attune.taxonomy import taxonomy

HERE = Path(attune.fusion.__file__).parent
LABELS = taxonomy("ravdess8").labels
FOLDS = 5                                # of four actors each
COSTS = (0.03, 0.1, 0.3)                 # inverse penalties
MEMBERS = ("face", "voice", "side by side", "alike", "itself")           # the last: the voice's own log-probabilities, untouched
ROWS = {"face": ("face",), "voice": ("voice", "itself"), "both": MEMBERS}         # which of them speak where what is there
LANDMARKS, KERNEL_COST, WIDE = 200, 3.0, 0.5                              # groups of clips that others are compared with; gamma = WIDE / inputs
COVERAGES = (1.0, 0.9, 0.8, 0.6, 0.4)    # share of clips on which it speaks, the surest first
RIDGE = 1e-3                             # on the weights of members
TRUST = ((0.0, 0.0), (0.5, 1.0), (0.5, 2.0), (1.0, 2.0))                  # n0 of face and voice for neutral clips, tried inside
DRAWS, SIXTEEN, TWO, SEED = 20, 16, 2, 0
MANY = 60                                # rows as which eight clips of one emotion are taken, for what a long recording of it would do
FLOOR = 1e-6


@dataclass(frozen=True)
class Clips:
    """face (n, d) square roots of intensities · voice (n, 8) log-probabilities · y (n,) · actor (n,) · fold (n,)."""

    face: np.ndarray
    voice: np.ndarray
    y: np.ndarray
    actor: np.ndarray
    fold: np.ndarray


def read(root: Path, voice: list[Path], columns: list[str]) -> Clips:
    """The clips in the corpus's order; `columns` are those of the table of action units.

    Raises
    ------
    ValueError
        If the voice's rows aren't the corpus's, or its folds aren't apart by actor: they would not be out of fold.
    """
    items = list(ravdess.items(root))
    named = dict(zip(units_of(root), np.stack([i.features["au"] for i in items]).T, strict=True))
    said: dict[str, np.ndarray] = {}
    for path in voice:
        stored = np.load(path)
        for name in ("truth", "group", "fold", "plain"):
            said[name] = np.concatenate([said[name], stored[name]]) if name in said else stored[name]
    y, actor = np.array([i.values.argmax() for i in items]), np.array([i.group for i in items])
    if len(said["truth"]) != len(y) or (said["truth"] != y).any() or (said["group"] != actor).any():
        raise ValueError(f"the voice's {len(said['truth'])} rows aren't the {len(y)} clips of the corpus in its order")
    if any(len(np.unique(said["fold"][actor == a])) > 1 for a in np.unique(actor)):
        raise ValueError("an actor is in two folds of the voice's outputs; they aren't out of fold")
    z = said["plain"].astype(float)
    z = z - z.max(1, keepdims=True)
    heard = np.maximum(z - np.log(np.exp(z).sum(1, keepdims=True)), np.log(FLOOR))
    return Clips(np.sqrt(np.maximum(np.stack([named[u] for u in columns], 1).astype(float), 0)), heard, y, actor, said["fold"])


def units_of(root: Path) -> list[str]:
    header = next(iter(sorted(root.rglob("openface_au_clip_mean.csv")))).open().readline().strip().split(",")
    return [name for name in header if name.startswith("AU")]


# The fuser -----------------------------------------------------------------------------------------------------------------------------

class Member:
    """Logistic regression on standardised inputs, straight or on likenesses (RBF) to the means of groups of training clips."""

    def __init__(self, cost: float, *, kernel: bool = False) -> None:
        self.cost, self.kernel = cost, kernel

    def fit(self, x: np.ndarray, y: np.ndarray) -> Member:
        self.scale = StandardScaler().fit(x)
        z = self.scale.transform(x)
        if self.kernel:
            self.gamma = WIDE / x.shape[1]
            means = KMeans(min(LANDMARKS, len(z)), n_init=1, random_state=SEED).fit(z)     # of several clips each, so that no clip itself is shipped
            shared = np.bincount(means.labels_, minlength=means.n_clusters) > 1
            self.landmarks = means.cluster_centers_[shared if shared.any() else slice(None)].round(2)
        self.net = LogisticRegression(C=KERNEL_COST if self.kernel else self.cost, max_iter=4000, class_weight="balanced").fit(self._seen(z), y)
        return self

    def logs(self, x: np.ndarray) -> np.ndarray:
        return np.log(np.maximum(self.net.predict_proba(self._seen(self.scale.transform(x))), FLOOR))

    def _seen(self, z: np.ndarray) -> np.ndarray:
        return np.exp(-self.gamma * ((z[:, None] - self.landmarks) ** 2).sum(2)) if self.kernel else z

    def plain(self) -> dict[str, Any]:
        """As numbers, so that using it needs NumPy alone: an affine map of raw inputs, or of likenesses to landmarks."""
        if not self.kernel:
            matrix = self.net.coef_ / self.scale.scale_
            return {"matrix": matrix.round(6).tolist(), "offset": (self.net.intercept_ - matrix @ self.scale.mean_).round(6).tolist()}
        return {"matrix": self.net.coef_.round(4).tolist(), "offset": self.net.intercept_.round(4).tolist(), "landmarks": self.landmarks.tolist(),
                "gamma": self.gamma, "mean": self.scale.mean_.round(6).tolist(), "deviation": self.scale.scale_.round(6).tolist()}


class Fuser:
    """Members and the weights of their log-probabilities, for a face alone, a voice alone, and both.

    Weights are those of the largest likelihood (equal classes) on what members said inside the training part of actors they hadn't seen;
    they needn't sum to one, so that they calibrate as well.
    """

    def __init__(self, cost: float) -> None:
        self.cost = cost
        self.weights: dict[str, np.ndarray] = {}
        self.unseen = np.zeros((0, 0, 0))        # (m, n, 8) what members said of the training clips, each by those that hadn't seen its actor

    def fit(self, face: np.ndarray, voice: np.ndarray, y: np.ndarray, alike: Member | None = None) -> Fuser:
        self.members = {name: alike if alike is not None and name == "alike" else Member(self.cost, kernel=name == "alike").fit(x, y)
                        for name, x in inputs(face, voice).items()}
        return self

    def said(self, face: np.ndarray, voice: np.ndarray) -> np.ndarray:
        """(m, n, 8) log-probabilities of the members and, last, of the voice as it came."""
        own = voice - voice.max(1, keepdims=True)
        own = np.maximum(own - np.log(np.exp(own).sum(1, keepdims=True)), np.log(FLOOR))
        return np.stack([*(self.members[name].logs(x) for name, x in inputs(face, voice).items()), own])

    def logs(self, face: np.ndarray, voice: np.ndarray) -> list[np.ndarray]:
        """Log-probabilities, up to a constant of the row, of the face alone, the voice alone, and both."""
        said = self.said(face, voice)
        return [np.einsum("m,mnk->nk", self.weights[row], said) for row in ROWS]


def inputs(face: np.ndarray, voice: np.ndarray) -> dict[str, np.ndarray]:
    both = np.concatenate([face, voice], 1)
    return {"face": face, "voice": voice, "side by side": both, "alike": both}


def weighted(said: np.ndarray, y: np.ndarray, used: tuple[str, ...]) -> tuple[np.ndarray, float]:
    """Weights >= 0 of the members in `used` with the largest mean log-likelihood, classes equal, and that likelihood; a little is asked of every weight."""
    which = [MEMBERS.index(name) for name in used]
    share = 1 / (len(np.unique(y)) * np.bincount(y, minlength=said.shape[2])[y])

    def cost(w: np.ndarray) -> tuple[float, np.ndarray]:
        z = np.einsum("m,mnk->nk", w, said[which])
        z = z - z.max(1, keepdims=True)
        p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
        loss = -float(share @ np.log(p[np.arange(len(y)), y]))
        gap = p.copy()
        gap[np.arange(len(y)), y] -= 1
        return loss + RIDGE * float(w @ w), np.einsum("n,nk,mnk->m", share, gap, said[which]) + 2 * RIDGE * w

    found = minimize(cost, np.full(len(which), 1 / len(which)), jac=True, bounds=[(0, None)] * len(which), method="L-BFGS-B")
    out = np.zeros(len(MEMBERS))
    out[which] = found.x
    return out, -float(found.fun)


def chosen(face: np.ndarray, voice: np.ndarray, y: np.ndarray, actor: np.ndarray) -> tuple[Fuser, float]:
    """Penalty and weights with the largest likelihood by actors inside the training part, fitted on all of it; and that likelihood."""
    inner = folds_by(actor, 4, SEED)
    said = {cost: np.empty((len(MEMBERS), len(y), len(LABELS))) for cost in COSTS}
    for f in np.unique(inner):
        held, alike = inner == f, None
        for cost, kept in said.items():
            fuser = Fuser(cost).fit(face[~held], voice[~held], y[~held], alike)
            kept[:, held], alike = fuser.said(face[held], voice[held]), fuser.members["alike"]      # the penalty isn't the likeness's: fitted once
    best, reached = None, -np.inf
    for cost, kept in said.items():
        found = {row: weighted(kept, y, used) for row, used in ROWS.items()}
        if found["both"][1] > reached:
            best, reached = Fuser(cost), found["both"][1]
            best.weights, best.unseen = {row: w for row, (w, _) in found.items()}, kept
    assert best is not None
    return best.fit(face, voice, y), reached


def apart(x: np.ndarray, actor: np.ndarray, known: dict[str, np.ndarray], usual: np.ndarray | float = 0.0, n0: float = 0.0) -> np.ndarray:
    """Minus how far the mean of each actor's known rows lies from the usual, as far as so few rows can be believed: n / (n + n0)."""
    out = np.empty_like(x)
    for a, rows in known.items():
        out[actor == a] = x[actor == a] - len(rows) / (len(rows) + n0) * (x[rows].mean(0) - usual)
    return out


# Measuring -----------------------------------------------------------------------------------------------------------------------------

def by_fold(clips: Clips, face: np.ndarray, voice: np.ndarray) -> dict[int, Fuser]:
    """A fuser per fold, which never saw the fold's actors."""
    return {f: chosen(face[clips.fold != f], voice[clips.fold != f], clips.y[clips.fold != f], clips.actor[clips.fold != f])[0] for f in np.unique(clips.fold)}


def out_of_fold(clips: Clips, fusers: dict[int, Fuser], face: np.ndarray, voice: np.ndarray) -> list[np.ndarray]:
    """Log-probabilities of the rows of `ROWS`, of every clip by the fuser of its fold."""
    out = [np.empty((len(clips.y), len(LABELS))) for _ in ROWS]
    for f, fuser in fusers.items():
        held = clips.fold == f
        for kept, part in zip(out, fuser.logs(face[held], voice[held]), strict=True):
            kept[held] = part
    return out


class Neutral:
    """Fusers for clips beside two neutral ones: how far so few are believed is chosen inside, by modality."""

    def __init__(self, clips: Clips) -> None:
        self.clips, self.fusers, self.trust = clips, {}, {}
        neutral = everybody(clips, clips.y == LABELS.index("neutral"))
        rng = np.random.default_rng(SEED + 1)
        pairs = {a: rng.choice(rows, TWO, replace=False) for a, rows in neutral.items()}
        for f in np.unique(clips.fold):
            train, best = clips.fold != f, -np.inf
            for n0 in TRUST:
                face, voice = self._inputs(f, pairs, n0)
                fuser, reached = chosen(face[train], voice[train], clips.y[train], clips.actor[train])
                if reached > best:
                    self.fusers[f], self.trust[f], best = fuser, n0, reached

    def _inputs(self, f: int, known: dict[str, np.ndarray], n0: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
        """Face and voice, all clips; what is usual is the mean neutral clip of the actors outside the fold."""
        c = self.clips
        rows = (c.fold != f) & (c.y == LABELS.index("neutral"))
        return apart(c.face, c.actor, known, c.face[rows].mean(0), n0[0]), apart(c.voice, c.actor, known, c.voice[rows].mean(0), n0[1])

    def logs(self, known: dict[str, np.ndarray]) -> list[np.ndarray]:
        out = [np.empty((len(self.clips.y), len(LABELS))) for _ in ROWS]
        for f, fuser in self.fusers.items():
            held = self.clips.fold == f
            face, voice = self._inputs(f, known, self.trust[f])
            for kept, part in zip(out, fuser.logs(face[held], voice[held]), strict=True):
                kept[held] = part
        return out


def everybody(clips: Clips, which: np.ndarray) -> dict[str, np.ndarray]:
    return {a: np.flatnonzero((clips.actor == a) & which) for a in np.unique(clips.actor)}


def drawn(clips: Clips, which: np.ndarray, count: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {a: rng.choice(rows, count, replace=False) for a, rows in everybody(clips, which).items()}


def table(clips: Clips) -> dict[str, dict[str, Any]]:
    """column -> row -> UAR with an interval by actor (over the draws: of the mean), ECE and Brier score, and accuracy by coverage."""
    anything, neutral = np.ones(len(clips.y), bool), clips.y == LABELS.index("neutral")
    all_of = everybody(clips, anything)
    whole = apart(clips.face, clips.actor, all_of), apart(clips.voice, clips.actor, all_of)
    plain = clips.face, clips.voice
    of_whole, of_neutral = by_fold(clips, *whole), Neutral(clips)
    columns: dict[str, list[tuple[list[np.ndarray], np.ndarray]]] = {
        "single": [(out_of_fold(clips, by_fold(clips, *plain), *plain), anything)], "all": [(out_of_fold(clips, of_whole, *whole), anything)],
        "sixteen": [], "neutral": [],
    }
    rng = np.random.default_rng(SEED)
    for _ in range(DRAWS):
        for column, which, count in (("sixteen", anything, SIXTEEN), ("neutral", neutral, TWO)):
            known = drawn(clips, which, count, rng)
            used = np.isin(np.arange(len(clips.y)), np.concatenate(list(known.values())))
            logs = of_neutral.logs(known) if column == "neutral" else out_of_fold(
                clips, of_whole, apart(clips.face, clips.actor, known), apart(clips.voice, clips.actor, known))
            columns[column].append((logs, ~used))
    return {column: {row: interval([(logs[i], scored) for logs, scored in runs], clips) for i, row in enumerate(ROWS)}
            | trusted([(logs[2], scored) for logs, scored in runs], clips) for column, runs in columns.items()}


def trusted(runs: list[tuple[np.ndarray, np.ndarray]], clips: Clips) -> dict[str, Any]:
    """ECE and Brier score of both, mean over draws, and accuracy of the surest share of clips."""
    found = []
    for logs, scored in runs:
        y, p = clips.y[scored], softmax(logs[scored])
        right, sure = p.argmax(1) == y, p.max(1)
        found.append([metrics.ece(y, p), metrics.brier(y, p), *(metrics.accuracy_at(right, sure, c) for c in COVERAGES),
                      *(np.quantile(sure, 1 - c) for c in COVERAGES)])
    ece, brier, *at = np.mean(found, axis=0).round(4).tolist()
    half = len(COVERAGES)
    return {"ece": ece, "brier": brier, "accuracy_at": dict(zip(map(str, COVERAGES), at[:half], strict=True)),
            "from": dict(zip(map(str, COVERAGES), at[half:], strict=True))}


def interval(runs: list[tuple[np.ndarray, np.ndarray]], clips: Clips) -> dict[str, float]:
    """UAR, mean over draws; actors are drawn for the interval, the same in every draw of clips."""
    def mean(rows: np.ndarray) -> float:
        found = []
        for logs, scored in runs:
            kept = rows[scored[rows]]
            found.append(metrics.uar(clips.y[kept], logs[kept].argmax(1)))
        return float(np.mean(found))

    found = metrics.bootstrap(lambda rows: mean(rows), np.arange(len(clips.y)), groups=clips.actor, draws=300)
    return {k: round(v, 4) for k, v in found._asdict().items()}


# Beside a person's own clips, as shipped -------------------------------------------------------------------------------------------------

def fitted(clips: Clips, columns: list[str]) -> dict[str, Any]:
    """What `attune.fusion.units` works with: the fuser for a clip alone, what is usual in others, and the fuser for clips less their person's habit.

    Habits of the training actors are found by guesses of nets that hadn't seen them, as they will be found in new people.
    """
    single, _ = chosen(clips.face, clips.voice, clips.y, clips.actor)
    guesses = {row: softmax(np.einsum("m,mnk->nk", single.weights[row], single.unseen)) for row in ROWS}
    usual: dict[str, Any] = {}
    less = {}
    for side, x in (("face", clips.face), ("voice", clips.voice)):
        means = np.stack([x[clips.y == k].mean(0) for k in range(len(LABELS))])
        n0 = {what: moments(x - guesses[row] @ means, clips.actor) for what, row in (("both", "both"), ("alone", side))}
        usual[side] = {"means": means.round(4).tolist(), "n0": n0}
        less[side] = x.copy()
        for rows in everybody(clips, np.ones(len(clips.y), bool)).values():
            less[side][rows] -= units.departure(x[rows], guesses["both"][rows], means, np.full(len(rows), n0["both"]))
    beside, _ = chosen(less["face"], less["voice"], clips.y, clips.actor)
    return {"units": [c.removesuffix("_r") for c in columns], "labels": list(LABELS),
            "single": plain_types(single), "baseline": plain_types(beside), "usual": usual}


def moments(apart: np.ndarray, actor: np.ndarray) -> float:
    """n0: how many clips of a person count as much as what is known of everyone, by the analysis of variance of `attune.baseline`."""
    labels = tuple(map(str, range(apart.shape[1])))
    return round(Population.fit(apart, actor, model="units", labels=labels, kind="embedding").ways["fair"].n0, 3)


def balanced(rng: np.random.Generator, y: np.ndarray, n: int) -> np.ndarray:
    """n clips, of every emotion as many as of any other, as far as that goes."""
    order, turn = rng.permutation(len(y)), rng.permutation(len(LABELS))
    place = np.empty(len(y), int)
    for k in range(len(LABELS)):
        own = order[y[order] == k]
        place[own] = np.arange(len(own)) * len(LABELS) + np.flatnonzero(turn == k)
    return np.argsort(place)[:n]


def skewed(rng: np.random.Generator, y: np.ndarray, n: int, emotions: int) -> np.ndarray:
    """n clips, three of four of one emotion or two, which change from draw to draw; neutral has too few clips to be one of them."""
    often = np.isin(y, rng.choice(np.delete(np.arange(len(LABELS)), LABELS.index("neutral")), emotions, replace=False))
    most = round(0.75 * n)
    return np.concatenate([rng.choice(np.flatnonzero(often), most, replace=False), rng.choice(np.flatnonzero(~often), n - most, replace=False)])


def of_one(rng: np.random.Generator, y: np.ndarray, n: int, emotion: int) -> np.ndarray:
    own = np.flatnonzero(y == emotion)
    return rng.choice(own, min(n, len(own)), replace=False)


SPARSE = "balanced, 16, heard in two of them"
Pick = Callable[[np.random.Generator, np.ndarray], np.ndarray]
RECORDINGS: list[tuple[str, list[Pick]]] = [
    *((f"balanced, {n}", [lambda rng, y, n=n: balanced(rng, y, n)] * DRAWS) for n in (2, 4, 8, 16)),
    ("all 60", [lambda rng, y: np.arange(len(y))]),
    ("three of four of one emotion, 8", [lambda rng, y: skewed(rng, y, 8, 1)] * DRAWS),
    ("three of four of two emotions, 16", [lambda rng, y: skewed(rng, y, 16, 2)] * DRAWS),
    *((f"one emotion throughout, {n}", [lambda rng, y, n=n, k=k: of_one(rng, y, n, k) for k in range(len(LABELS))]) for n in (4, 8)),
    (f"one emotion throughout, 8 taken as {MANY}", [lambda rng, y, k=k: np.resize(of_one(rng, y, 8, k), MANY) for k in range(len(LABELS))]),
    (SPARSE, [lambda rng, y: balanced(rng, y, 16)] * DRAWS),
]


def recordings(clips: Clips, of_fold: dict[int, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """recording -> UAR of its own clips by the fuser for one clip, less the mean of the recording, and less habits by guess as shipped; what that gains;
    the same for a face or a voice alone; mean log-likelihood and recall by emotion; and in which share of
    recordings it is told that they are skewed.
    of_fold: what `fitted` says without the fold's actors."""
    by_mean = {f: mean_fuser(of(clips, clips.fold != f)) for f in of_fold}
    out = {}
    for name, picks in RECORDINGS:
        said: dict[str, list[np.ndarray]] = {}
        told: dict[str, list[np.ndarray]] = {}
        for i, a in enumerate(np.unique(clips.actor)):
            own = np.flatnonzero(clips.actor == a)
            given, rng = of_fold[clips.fold[own[0]]], np.random.default_rng([SEED, i])
            drawn = [own[pick(rng, clips.y[own])] for pick in picks]
            rows, which = np.concatenate(drawn), np.repeat(np.arange(len(drawn)), [len(d) for d in drawn]).astype(str).astype(object)
            au, voice, none = clips.face[rows] ** 2, np.exp(clips.voice[rows]), np.full((len(rows), len(LABELS)), np.nan)
            if name == SPARSE:
                voice[np.concatenate([np.arange(len(d)) for d in drawn]) >= 2] = np.nan
            for what, x, z in (("", au, voice), ("face ", au, none), ("voice ", np.full_like(au, np.nan), voice)):
                habits = units.habits(x, z, which, 1, fitted=given)
                told.setdefault(what.strip() or "both", []).append(habits.shown[np.unique(which, return_index=True)[1]].max(1) > units.SKEWED)
                said.setdefault(f"{what}single", []).append(units.pool(x, z, fitted=given))
                said.setdefault(f"{what}guessed", []).append(units.pool(x, z, habits, fitted=given))
            mean = [np.concatenate([x[d] - x[d].mean(0) for d in drawn]) for x in (clips.face, clips.voice)]
            said.setdefault("mean", []).append(softmax(by_mean[clips.fold[own[0]]].logs(*mean)[2]))
            said.setdefault("rows", []).append(rows)
        rows = np.concatenate(said.pop("rows"))
        if name == SPARSE:
            said = {what: said[what] for what in ("single", "guessed")}
        y, p, actor = clips.y[rows], {what: np.concatenate(parts) for what, parts in said.items()}, clips.actor[rows]
        out[name] = {what: scored(y, q, actor) for what, q in p.items()}
        for what in ("", "face ", "voice ") if name != SPARSE else ("",):
            out[name][f"{what}gain"] = scored(y, p[f"{what}guessed"], actor, over=p[f"{what}single"])
        out[name]["told"] = {what: round(float(np.concatenate(parts).mean()), 3) for what, parts in told.items()}
        each = {what: [(y == k, k, label) for k, label in enumerate(LABELS) if (y == k).any()] for what in p}
        out[name]["likelihood"] = {what: round(float(np.mean([np.log(p[what][on, k]).mean() for on, k, _ in each[what]])), 3) for what in p}
        out[name]["recall"] = {what: {label: round(float((p[what][on].argmax(1) == k).mean()), 3) for on, k, label in each[what]} for what in p}
    return out


def file_of_voices(clips: Clips, of_fold: dict[int, dict[str, Any]]) -> dict[str, dict[str, float]]:
    """A baseline file knows habits of the voice alone: it is learned from 16 clips, and the fuser for one clip gets the other clips' voices without them."""
    rows: list[np.ndarray] = []
    said: dict[str, list[np.ndarray]] = {"single": [], "file": []}
    for f, given in of_fold.items():
        train = of(clips, clips.fold != f)
        usual = Population.fit(np.exp(train.voice), train.actor, model="voice", labels=LABELS, kind="exclusive", shown=np.array(LABELS)[train.y])
        for i, a in enumerate(np.unique(clips.actor[clips.fold == f])):
            own, rng = np.flatnonzero(clips.actor == a), np.random.default_rng([SEED, int(f), i])
            for _ in range(DRAWS):
                learned = balanced(rng, clips.y[own], SIXTEEN)
                others = np.delete(own, learned)
                voice = Baseline(str(a), usual).push(np.exp(clips.voice[own[learned]])).adapt(np.exp(clips.voice[others]))
                rows.append(others)
                said["file"].append(units.pool(clips.face[others] ** 2, voice, fitted=given))
                said["single"].append(units.pool(clips.face[others] ** 2, np.exp(clips.voice[others]), fitted=given))
    at, p = np.concatenate(rows), {what: np.concatenate(parts) for what, parts in said.items()}
    y, actor = clips.y[at], clips.actor[at]
    return {**{what: scored(y, q, actor) for what, q in p.items()}, "gain": scored(y, p["file"], actor, over=p["single"])}


def of(clips: Clips, which: np.ndarray) -> Clips:
    return Clips(clips.face[which], clips.voice[which], clips.y[which], clips.actor[which], clips.fold[which])


def mean_fuser(clips: Clips) -> Fuser:
    """For clips minus the mean of all of their actor's."""
    everything = everybody(clips, np.ones(len(clips.y), bool))
    return chosen(apart(clips.face, clips.actor, everything), apart(clips.voice, clips.actor, everything), clips.y, clips.actor)[0]


def scored(y: np.ndarray, p: np.ndarray, actor: np.ndarray, *, over: np.ndarray | None = None) -> dict[str, float]:
    """UAR of probabilities p (n, 8), or how much it is above that of `over`, with an interval by actor: as `metrics.uar`, from counts of each actor."""
    _, who = np.unique(actor, return_inverse=True)
    shape = (who.max() + 1, len(LABELS))

    def counted(where: np.ndarray) -> np.ndarray:
        out = np.zeros(shape)
        np.add.at(out, (who[where], y[where]), 1)
        return out

    total = counted(np.ones(len(y), bool))
    hits = [counted(q.argmax(1) == y) * sign for q, sign in ((p, 1), (over, -1)) if q is not None]

    def figure(actors: np.ndarray) -> float:
        there = total[actors].sum(0)
        return float((sum(hits)[actors].sum(0) / np.maximum(there, 1))[there > 0].mean())              # type: ignore[index]

    return {k: round(v, 4) for k, v in metrics.bootstrap(figure, np.arange(len(total)), draws=300)._asdict().items()}


# Shipping ------------------------------------------------------------------------------------------------------------------------------

def plain_types(fuser: Fuser) -> dict[str, Any]:
    """Members by name, and by what is there the weights of those that speak."""
    weights = {row: {name: round(float(w), 4) for name, w in zip(MEMBERS, fuser.weights[row], strict=True) if w > 1e-3} for row in ROWS}
    spoken = {name for row in weights.values() for name in row}
    return {"cost": fuser.cost, "weights": weights, "members": {name: m.plain() for name, m in fuser.members.items() if name in spoken}}


def card(facts: dict[str, Any]) -> str:
    """What `units.md` says, from what was measured."""
    columns = {"single": "single clip", "all": "all own clips", "sixteen": "16 own clips, others scored", "neutral": "2 neutral clips, others scored"}

    def rows(table: dict[str, Any]) -> str:
        def cell(column: str, row: str) -> str:
            i = table[column][row]
            return f"{i['value']:.3f} [{i['low']:.3f}, {i['high']:.3f}]"

        lines = [f"| {row} | " + " | ".join(cell(c, row) for c in columns) + " |" for row in ROWS]
        lines += [f"| {title} of both | " + " | ".join(f"{table[c][key]:.3f}" for c in columns) + " |" for title, key in (("ECE", "ece"), ("Brier", "brier"))]
        for at in map(str, COVERAGES):
            cells = (f"{table[c]['accuracy_at'][at]:.3f} (from {table[c]['from'][at]:.2f})" for c in columns)
            lines.append(f"| accuracy of both, on the surest {float(at):.0%} | " + " | ".join(cells) + " |")
        return "\n".join(lines)

    own = facts["recordings"]

    def ci(i: dict[str, float], sign: str = "") -> str:
        return f"{i['value']:{sign}.3f} [{i['low']:{sign}.3f}, {i['high']:{sign}.3f}]"

    def beside(name: str, r: dict[str, Any]) -> str:
        mean = f"{r['mean']['value']:.3f}" if "mean" in r else ""
        alone = (f"{r[f'{side} single']['value']:.3f} → {r[f'{side} guessed']['value']:.3f} ({ci(r[f'{side} gain'], '+')})" if f"{side} single" in r else ""
                 for side in ("face", "voice"))
        return f"| {name} | {r['single']['value']:.3f} | {mean} | {ci(r['guessed'])} | {ci(r['gain'], '+')} | " + " | ".join(alone) + " |"

    one, long, sure = own["one emotion throughout, 8"], own[f"one emotion throughout, 8 taken as {MANY}"], own["balanced, 8"]
    worst = sorted(one["recall"]["single"], key=lambda label: one["recall"]["guessed"][label] - one["recall"]["single"][label])[0]
    return CARD.format(
        least=OWN, beside="\n".join(beside(name, r) for name, r in own.items()), worst=worst, worst_single=one["recall"]["single"][worst],
        worst_guessed=one["recall"]["guessed"][worst], angry_single=one["recall"]["single"]["angry"], angry_guessed=one["recall"]["guessed"]["angry"],
        n0=", ".join(f"{facts['usual'][side]['n0']['both']:.2f} of the {side} ({facts['usual'][side]['n0']['alone']:.2f} where the other side is missing)"
                     for side in ("face", "voice")),
        likelihood="; ".join(f"{name}: {own[name]['likelihood']['single']:.2f}, {own[name]['likelihood']['mean']:.2f}, {own[name]['likelihood']['guessed']:.2f}"
                             for name in ("balanced, 8", "three of four of two emotions, 16", "one emotion throughout, 8")),
        told=", ".join(f"{100 * one['told'][side]:.0f} % and {100 * sure['told'][side]:.0f} % ({what})"
                       for side, what in (("both", "both sides"), ("face", "face alone"), ("voice", "voice alone"))),
        long_face=f"{long['face gain']['value']:+.3f}", long_voice=f"{long['voice gain']['value']:+.3f}",
        skewed=f"{units.SKEWED:.1f}", file=ci(facts["file_of_voices"]["file"]), file_single=f"{facts['file_of_voices']['single']['value']:.3f}",
        file_gain=ci(facts["file_of_voices"]["gain"], "+"),
        shipped_single=ci(facts["held_out_shared"]["single"]["both"]), shipped_face=ci(facts["held_out_shared"]["single"]["face"]),
        shipped_own=ci(own["all 60"]["guessed"]), shipped_face_own=ci(own["all 60"]["face guessed"]),
        head="| | " + " | ".join(columns.values()) + " |\n|---" + "|---" * len(columns) + "|", whole=rows(facts["held_out"]),
        shared=rows(facts["held_out_shared"]), **{k: facts[k] for k in ("command", "n", "actors", "columns_of_the_corpus")}, units=", ".join(facts["units"]),
        n_shared=len(facts["units"]), shares=", ".join(f"{name} {w:.2f}" for name, w in facts["single"]["weights"]["both"].items()),
        voice=facts["voice"],
    )


CARD = """\
# Action units and voice, v2

Fuses a clip's action units (mean intensities, OpenFace) with the voice model's eight probabilities into RAVDESS's eight emotions
(`ravdess8`). Used only where a face comes as intensities of action units and nothing else was measured of it; the packaged face model gives none.

**Licence class: non-commercial** (CC BY-NC-SA 4.0, RAVDESS).

## How it was learned

    {command}

{n:,} clips of {actors} actors. Balanced logistic regressions on the face (square roots of the intensities), on the voice (its log-probabilities),
on both side by side, and on how alike both are to means of training clips ("alike"), and the voice as it came ("itself"); their log-probabilities are
summed, with weights as shipped for a single clip: {shares}. Weights (largest likelihood, so that they calibrate), penalty, and how
far two neutral clips are believed are chosen by actors inside each training part. The voice's probabilities are out of fold, from models that never heard the
clip's actor: {voice}.

Habits, for `--baseline own`: how far a person's clips lie, in the mean, from what others' clips are like of the emotion that the fuser for one clip takes each
to show, believed as n / (n + n0). n0, by the analysis of variance of `attune.baseline`:
{n0}. A second set of regressions is learned on
clips less such habits. No label of the person is used.

## Results: which command reaches what

Held-out actors, UAR of eight emotions (chance .125), five folds of four actors, 95 % intervals by actor, the {n_shared} intensities as shipped.

| command | what | UAR |
|---|---|---|
| `attune import TABLE` (OpenFace: a face, nothing heard) | face, one clip | {shipped_face} |
| `attune import TABLE --baseline own` | face, beside all own clips | {shipped_face_own} |
| `attune measure --face MODEL` (one's own, of intensities) | face and voice, one clip | {shipped_single} |
| `attune measure --face MODEL --baseline own` | beside all own clips | {shipped_own} |
| `attune measure --face MODEL --baseline FILE` | the voice's habit from 16 other clips; the file knows none of the face | {file} |

(With FILE {file_gain} over {file_single}, the same clips without it.) `pyfeat_units` gives probabilities of presence; they, and those of imported
tables, aren't fused, and a note says so.

## Beside the person's own clips, as shipped

Samples of one actor's clips, each adapted by itself without labels, as `--baseline own` adapts a recording; 20 draws. *Mean*: minus the whole mean of the
sample, by regressions learned for that, which isn't shipped: it is better on a fair sample and forgets what somebody shows throughout.

| sample, clips | one clip | mean | by guess, as shipped | gain over one clip | face alone | voice alone |
|---|---|---|---|---|---|---|
{beside}

Rows of people with fewer than {least} are left as they came: from four on both sides, a face alone and a voice alone all gain surely; with two only
a face. Of clips of people who are angry in all eight of theirs, {angry_guessed:.0%} are found angry ({angry_single:.0%} one by one); what loses most is
{worst}, {worst_guessed:.0%} of {worst_single:.0%}. Mean log-likelihood, one clip, mean, by guess:
{likelihood}.

**Where it hurts.** A face or a voice alone guesses worse, and loses where one emotion lasts: in eight clips about as much as `attune.baseline` loses by
guess (benchmarks/baseline.md), in a long recording {long_face} and {long_voice}. Where an emotion has a mean probability above {skewed} in somebody's
rows, a note says that habit and expression are told apart less well there: in eight clips of one emotion and in eight balanced ones,
{told}.

## Experiments: fair samples, known neutral clips

None of the adapted columns is reached by a command. *All own clips*: inputs minus the mean of all the
person's unlabelled clips, the scored one among them. *16*: minus the mean of 16 drawn at random, scored on the others, 20 draws. *2
neutral*: minus n / (n + n0) of how far two clips known to be neutral lie from others' neutral ones. ECE, Brier score (0 to 2) and accuracy where it
may keep silent (and the confidence from which it then speaks): with weights of the other folds, nothing fitted on the scored actors. Adapted
figures must not be compared with plain ones of papers.

With all {columns_of_the_corpus} columns that the corpus publishes (intensities and presences; not shipped, other tools have no such presences):

{head}
{whole}

With the {n_shared} intensities that other tools give too, as shipped for a single clip ({units}):

{head}
{shared}

For comparison: Hume's paper on Expression Estimates and LEED reports .79 for prosody and face on a single clip, other actors, with far larger
encoders; these rows are ours, on our features.

## Limits

Acted, two sentences, 24 North American actors, faces lit and frontal; one session each, so that a habit of years was never met. A smile without other
movement may come out as calm, which RAVDESS's actors show with a slight smile. Not for decisions about a person; emotion inference at work or school is
banned in the European Union (AI Act, Article 5).
"""


def main() -> None:
    ask = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    ask.add_argument("--data", type=Path, required=True, help="RAVDESS with its action units")
    ask.add_argument("--voice", type=Path, nargs="+", required=True, help="out-of-fold logits of the voice model")
    ask.add_argument("--voice-is", default="the packaged voice net's, recipes/voice_prosody.py", help="what the card says of them")
    ask.add_argument("--out", type=Path, default=Path("runs/fusion_units"))
    ask.add_argument("--only-measure", action="store_true", help="write figures to OUT, and leave the packaged fuser and its card as they are")
    told = ask.parse_args()
    told.out.mkdir(parents=True, exist_ok=True)
    shared = [f"{label}_r" for label in taxonomy("facs").labels if f"{label}_r" in units_of(told.data)]
    full, clips = read(told.data, told.voice, units_of(told.data)), read(told.data, told.voice, shared)
    facts: dict[str, Any] = {
        "command": "python recipes/fusion_units.py --data RAVDESS --voice FILE...", "n": len(clips.y), "actors": len(np.unique(clips.actor)),
        "columns_of_the_corpus": full.face.shape[1], "voice": told.voice_is,
        "held_out": table(full), "held_out_shared": table(clips),
    }
    of_fold = {int(f): fitted(of(clips, clips.fold != f), shared) for f in np.unique(clips.fold)}
    facts |= {"recordings": recordings(clips, of_fold), "file_of_voices": file_of_voices(clips, of_fold)} | fitted(clips, shared)
    (told.out / "units.json").write_text(json.dumps(facts) + "\n")
    (told.out / "units.md").write_text(card(facts))
    if not told.only_measure:
        shutil.copy(told.out / "units.json", HERE / "units.json")
        shutil.copy(told.out / "units.md", HERE / "units.md")
    print(card(facts))


if __name__ == "__main__":
    main()
