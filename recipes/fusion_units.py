"""Action units and a voice, fused: eight emotions on RAVDESS, for one clip alone and beside a person's other clips.

    python recipes/fusion_units.py --data RAVDESS --voice FILE... --out runs/fusion_units

RAVDESS holds the clips with the action units' means (`openface_au_clip_mean.csv`). FILE are out-of-fold outputs of the voice model, npz with
truth, group, fold and `plain` (n, 8) logits, one row a clip in the order of the corpus: each from a net that never heard the clip's
actor. Logistic regressions speak (face, voice, both side by side, both by likeness to groups of training clips), and the voice itself; their
log-probabilities are summed. Penalties and weights are chosen by actors inside each training part. Scored on actors that neither the nets
nor the fuser saw:

    single       nothing but the clip
    all          minus the mean of all the actor's clips, unlabelled, the clip itself among them
    sixteen      minus the mean of 16 unlabelled clips of the actor, scored on the others; 20 draws
    neutral      less part of how two clips known to be neutral differ from others' neutral ones, scored on the others; 20 draws

Then everything is fitted once more on all actors and written to `attune/fusion/units.json` with its card. Needs scikit-learn.
"""

from __future__ import annotations

import argparse
import json
import shutil
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
from attune.datasets import ravdess
from attune.evaluate.grid import folds_by
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
FLOOR = 1e-6


@dataclass(frozen=True)
class Clips:
    """face (n, d) square roots of intensities · voice (n, 8) log-probabilities · y (n,) · actor (n,) · fold (n,)."""

    face: np.ndarray
    voice: np.ndarray
    y: np.ndarray
    actor: np.ndarray
    fold: np.ndarray


def read(root: Path, voice: list[Path], units: list[str]) -> Clips:
    """The clips in the corpus's order; `units` are columns of the table of action units.

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
    return Clips(np.sqrt(np.maximum(np.stack([named[u] for u in units], 1).astype(float), 0)), heard, y, actor, said["fold"])


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
            best.weights = {row: w for row, (w, _) in found.items()}
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

    return CARD.format(
        head="| | " + " | ".join(columns.values()) + " |\n|---" + "|---" * len(columns) + "|", whole=rows(facts["held_out"]),
        shared=rows(facts["held_out_shared"]), **{k: facts[k] for k in ("command", "n", "actors", "columns_of_the_corpus")}, units=", ".join(facts["units"]),
        n_shared=len(facts["units"]), shares=", ".join(f"{name} {w:.2f}" for name, w in facts["single"]["weights"]["both"].items()),
        voice=facts["voice"],
    )


CARD = """\
# Action units and voice, v1

Fuses a clip's action units (mean intensities, OpenFace) with the voice model's eight probabilities into RAVDESS's eight emotions
(`ravdess8`). Used only where a table of action units was imported; the packaged face model gives none.

**Licence class: non-commercial** (CC BY-NC-SA 4.0, RAVDESS).

## How it was learned

    {command}

{n:,} clips of {actors} actors. Balanced logistic regressions on the face (square roots of the intensities), on the voice (its log-probabilities),
on both side by side, and on how alike both are to means of training clips ("alike"), and the voice as it came ("itself"); their log-probabilities are
summed, with weights as shipped for a single clip: {shares}. Weights (largest likelihood, so that they calibrate), penalty, and how
far two neutral clips are believed are chosen by actors inside each training part. The voice's probabilities are out of fold, from models that never heard the
clip's actor: {voice}.

## Results: held-out actors

UAR of eight emotions (chance .125), five folds of four actors, 95 % intervals by actor. *All own clips*: inputs minus the mean of all the
person's unlabelled clips, the scored one among them. *16*: minus the mean of 16 drawn at random, scored on the others, 20 draws. *2
neutral*: minus n / (n + n0) of how far two clips known to be neutral lie from others' neutral ones. ECE, Brier score (0 to 2) and accuracy where it
may keep silent (and the confidence from which it then speaks): with weights of the other folds, nothing fitted on the scored actors. Adapted
figures must not be compared with plain ones of papers.

With all {columns_of_the_corpus} columns that the corpus publishes (intensities and presences):

{head}
{whole}

With the {n_shared} intensities that other tools give too, as shipped ({units}):

{head}
{shared}

`attune measure` takes the single-clip variant, and with `--baseline own` the one for own clips, from four rows of a person on; the columns of 16 and of
two neutral clips are experiments.

For comparison: source 000 reports .79 for prosody and face on a single clip, other actors, with far larger encoders; these rows are ours, on
our features.

## Limits

Acted, two sentences, 24 North American actors, faces lit and frontal. A smile without other movement may come out as calm, which RAVDESS's
actors show with a slight smile. Person's clips must be a fair sample: skewed ones cost several points (benchmarks/baseline.md). Not for decisions
about a person; emotion inference at work or school is banned in the European Union (AI Act, Article 5).
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
        "labels": list(LABELS), "units": [u.removesuffix("_r") for u in shared], "columns_of_the_corpus": full.face.shape[1], "voice": told.voice_is,
        "held_out": table(full), "held_out_shared": table(clips),
    }
    anything = everybody(clips, np.ones(len(clips.y), bool))
    for name, given in (("single", (clips.face, clips.voice)),
                        ("baseline", (apart(clips.face, clips.actor, anything), apart(clips.voice, clips.actor, anything)))):
        facts[name] = plain_types(chosen(*given, clips.y, clips.actor)[0])
    (told.out / "units.json").write_text(json.dumps(facts) + "\n")
    (told.out / "units.md").write_text(card(facts))
    if not told.only_measure:
        shutil.copy(told.out / "units.json", HERE / "units.json")
        shutil.copy(told.out / "units.md", HERE / "units.md")
    print(card(facts))


if __name__ == "__main__":
    main()
