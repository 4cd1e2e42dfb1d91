"""Action units and a voice, fused: eight emotions on RAVDESS, for one clip alone and beside a person's other clips.

    python recipes/fusion_units.py --data RAVDESS --voice FILE... --out runs/fusion_units

RAVDESS holds the clips with the action units' means (`openface_au_clip_mean.csv`). FILE are out-of-fold outputs of the voice model, npz with
truth, group, fold and `plain` (n, 8) logits, one row a clip in the order of the corpus: each from a net that never heard the clip's
actor. Three logistic regressions (face, voice, both side by side) speak; their log-probabilities are averaged. Penalties and
weights are chosen by actors inside each training part. Scored on actors that neither the nets nor the fuser saw:

    single       nothing but the clip
    all          minus the mean of all the actor's clips, unlabelled, the clip itself among them
    sixteen      minus the mean of 16 unlabelled clips of the actor, scored on the others; 20 draws
    neutral      minus the mean of two clips known to be neutral, scored on the others; 20 draws

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
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import attune.fusion
from attune import metrics
from attune.datasets import ravdess
from attune.evaluate.grid import folds_by
from attune.taxonomy import taxonomy

HERE = Path(attune.fusion.__file__).parent
LABELS = taxonomy("ravdess8").labels
FOLDS = 5                                # of four actors each
COSTS = (0.03, 0.1, 0.3)                 # inverse penalties
SHARES = ((1, 1, 0), (1, 1, 1), (2, 3, 0), (2, 3, 2), (3, 2, 0), (1, 2, 1))      # of face, voice and both, tried inside
DRAWS, SIXTEEN, TWO, SEED = 20, 16, 2, 0
FLOOR = 1e-6


@dataclass(frozen=True)
class Clips:
    """face (n, d) square roots of intensities · voice (n, 8) logits · y (n,) · actor (n,) · fold (n,)."""

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
    return Clips(np.sqrt(np.maximum(np.stack([named[u] for u in units], 1).astype(float), 0)), said["plain"].astype(float), y, actor, said["fold"])


def units_of(root: Path) -> list[str]:
    header = next(iter(sorted(root.rglob("openface_au_clip_mean.csv")))).open().readline().strip().split(",")
    return [name for name in header if name.startswith("AU")]


# The fuser -----------------------------------------------------------------------------------------------------------------------------

class Fuser:
    """Three logistic regressions and the shares by which their log-probabilities are averaged."""

    def __init__(self, cost: float, shares: tuple[float, ...]) -> None:
        self.cost, self.shares = cost, np.array(shares) / sum(shares)

    def fit(self, face: np.ndarray, voice: np.ndarray, y: np.ndarray) -> Fuser:
        self.scales = [StandardScaler().fit(x) for x in self._views(face, voice)]
        self.members = [LogisticRegression(C=self.cost, max_iter=4000, class_weight="balanced").fit(s.transform(x), y)
                        for s, x in zip(self.scales, self._views(face, voice), strict=True)]
        return self

    def logs(self, face: np.ndarray, voice: np.ndarray) -> list[np.ndarray]:
        """Log-probabilities of face, voice, both side by side, and all three averaged."""
        said = [np.log(np.maximum(m.predict_proba(s.transform(x)), FLOOR))
                for m, s, x in zip(self.members, self.scales, self._views(face, voice), strict=True)]
        return [*said, sum(w * s for w, s in zip(self.shares, said, strict=True))]

    @staticmethod
    def _views(face: np.ndarray, voice: np.ndarray) -> list[np.ndarray]:
        return [face, voice, np.concatenate([face, voice], 1)]


def chosen(face: np.ndarray, voice: np.ndarray, y: np.ndarray, actor: np.ndarray) -> Fuser:
    """Penalty and shares with the highest UAR by actors inside the training part, fitted on all of it."""
    inner = folds_by(actor, 4, SEED)
    best, reached = (COSTS[0], SHARES[0]), -1.0
    for cost in COSTS:
        logs = [np.empty((len(y), len(LABELS))) for _ in range(3)]
        for f in np.unique(inner):
            held = inner == f
            for out, part in zip(logs, Fuser(cost, SHARES[0]).fit(face[~held], voice[~held], y[~held]).logs(face[held], voice[held]), strict=False):
                out[held] = part
        for shares in SHARES:
            score = metrics.uar(y, sum(w * p for w, p in zip(shares, logs, strict=True)).argmax(1))
            if score > reached:
                best, reached = (cost, shares), score
    return Fuser(*best).fit(face, voice, y)


def apart(x: np.ndarray, actor: np.ndarray, known: dict[str, np.ndarray]) -> np.ndarray:
    """Minus the mean of each actor's known rows."""
    out = np.empty_like(x)
    for a, rows in known.items():
        out[actor == a] = x[actor == a] - x[rows].mean(0)
    return out


# Measuring -----------------------------------------------------------------------------------------------------------------------------

def by_fold(clips: Clips, face: np.ndarray, voice: np.ndarray) -> dict[int, Fuser]:
    """A fuser per fold, which never saw the fold's actors."""
    return {f: chosen(face[clips.fold != f], voice[clips.fold != f], clips.y[clips.fold != f], clips.actor[clips.fold != f]) for f in np.unique(clips.fold)}


def out_of_fold(clips: Clips, fusers: dict[int, Fuser], face: np.ndarray, voice: np.ndarray) -> list[np.ndarray]:
    """Log-probabilities of face, voice, both and all, of every clip by the fuser of its fold."""
    out = [np.empty((len(clips.y), len(LABELS))) for _ in range(4)]
    for f, fuser in fusers.items():
        held = clips.fold == f
        for kept, part in zip(out, fuser.logs(face[held], voice[held]), strict=True):
            kept[held] = part
    return out


def everybody(clips: Clips, which: np.ndarray) -> dict[str, np.ndarray]:
    return {a: np.flatnonzero((clips.actor == a) & which) for a in np.unique(clips.actor)}


def drawn(clips: Clips, which: np.ndarray, count: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    return {a: rng.choice(rows, count, replace=False) for a, rows in everybody(clips, which).items()}


def table(clips: Clips) -> dict[str, dict[str, Any]]:
    """column -> row -> UAR with an interval by actor (over the draws: of the mean)."""
    anything, neutral = np.ones(len(clips.y), bool), clips.y == LABELS.index("neutral")
    all_of = everybody(clips, anything)
    whole = apart(clips.face, clips.actor, all_of), apart(clips.voice, clips.actor, all_of)
    of_neutral = everybody(clips, neutral)
    from_neutral = apart(clips.face, clips.actor, of_neutral), apart(clips.voice, clips.actor, of_neutral)
    plain = clips.face, clips.voice
    of_whole, of_neutral_clips = by_fold(clips, *whole), by_fold(clips, *from_neutral)
    columns: dict[str, list[tuple[list[np.ndarray], np.ndarray]]] = {
        "single": [(out_of_fold(clips, by_fold(clips, *plain), *plain), anything)], "all": [(out_of_fold(clips, of_whole, *whole), anything)],
        "sixteen": [], "neutral": [],
    }
    rng = np.random.default_rng(SEED)
    for _ in range(DRAWS):
        for column, which, count, fusers in (("sixteen", anything, SIXTEEN, of_whole), ("neutral", neutral, TWO, of_neutral_clips)):
            known = drawn(clips, which, count, rng)
            used = np.isin(np.arange(len(clips.y)), np.concatenate(list(known.values())))
            test = apart(clips.face, clips.actor, known), apart(clips.voice, clips.actor, known)
            columns[column].append((out_of_fold(clips, fusers, *test), ~used))
    return {
        column: {
            row: interval([(logs[i], scored) for logs, scored in runs], clips) for i, row in enumerate(("face", "voice", "side by side", "face + voice"))
        } | {"ece": round(float(np.mean([metrics.ece(clips.y[s], calibrated(clips, logs[3])[s]) for logs, s in runs])), 4)}
        for column, runs in columns.items()
    }


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

def calibrated(clips: Clips, logs: np.ndarray) -> np.ndarray:
    """Probabilities of each fold by the temperature of the other folds: calibration as new people would see it."""
    out = np.empty_like(logs)
    for f in np.unique(clips.fold):
        held = clips.fold == f
        z = logs[held] / temperature(clips, logs, ~held)
        z = np.exp(z - z.max(1, keepdims=True))
        out[held] = z / z.sum(1, keepdims=True)
    return out


def temperature(clips: Clips, logs: np.ndarray, rows: np.ndarray | None = None) -> float:
    """Least cross-entropy of the averaged log-probabilities of some rows, out of fold."""
    rows = np.ones(len(clips.y), bool) if rows is None else rows

    def loss(t: float) -> float:
        z = logs[rows] / t
        z = z - z.max(1, keepdims=True)
        return -float((z - np.log(np.exp(z).sum(1, keepdims=True)))[np.arange(rows.sum()), clips.y[rows]].mean())

    return float(min(np.exp(np.linspace(np.log(0.3), np.log(3), 200)), key=loss))


def plain_types(fuser: Fuser) -> dict[str, Any]:
    """Every regression as an affine map of raw inputs, so that using it needs NumPy alone."""
    def member(i: int) -> dict[str, Any]:
        scale, net = fuser.scales[i], fuser.members[i]
        matrix = net.coef_ / scale.scale_
        return {"matrix": matrix.round(6).tolist(), "offset": (net.intercept_ - matrix @ scale.mean_).round(6).tolist()}

    return {"shares": fuser.shares.round(4).tolist(), "cost": fuser.cost, "members": [member(i) for i in range(3)]}


def card(facts: dict[str, Any]) -> str:
    """What `units.md` says, from what was measured."""
    columns = {"single": "single clip", "all": "all own clips", "sixteen": "16 own clips, others scored", "neutral": "2 neutral clips, others scored"}

    def rows(table: dict[str, Any]) -> str:
        def cell(column: str, row: str) -> str:
            i = table[column][row]
            return f"{i['value']:.3f} [{i['low']:.3f}, {i['high']:.3f}]"

        lines = [f"| {row} | " + " | ".join(cell(c, row) for c in columns) + " |" for row in ("face", "voice", "side by side", "face + voice")]
        return "\n".join([*lines, "| ECE of face + voice | " + " | ".join(f"{table[c]['ece']:.3f}" for c in columns) + " |"])

    return CARD.format(
        head="| | " + " | ".join(columns.values()) + " |\n|---" + "|---" * len(columns) + "|", whole=rows(facts["held_out"]),
        shared=rows(facts["held_out_shared"]), **{k: facts[k] for k in ("command", "n", "actors", "columns_of_the_corpus")}, units=", ".join(facts["units"]),
        n_shared=len(facts["units"]), shares=" : ".join(f"{s:.2f}" for s in facts["single"]["shares"]),
    )


CARD = """\
# Action units and voice, v1

Fuses a clip's action units (mean intensities, OpenFace) with the voice model's eight probabilities into RAVDESS's eight emotions
(`ravdess8`). Used only where a table of action units was imported; the packaged face model gives none.

**Licence class: non-commercial** (CC BY-NC-SA 4.0, RAVDESS).

## How it was learned

    {command}

{n:,} clips of {actors} actors. Three balanced logistic regressions (square roots of the intensities, log-probabilities of the voice, both side by
side); their log-probabilities are averaged, face : voice : both = {shares} as shipped for a single clip. Penalty and shares are chosen by actors
inside each training part. The voice's probabilities are out of fold: from nets that never heard the clip's actor.

## Results: held-out actors

UAR of eight emotions (chance .125), five folds of four actors, 95 % intervals by actor. *All own clips*: inputs minus the mean of all the
person's unlabelled clips, the scored one among them. *16*: minus the mean of 16 drawn at random, scored on the others, 20 draws. *2
neutral*: minus the mean of two clips known to be neutral. ECE after a temperature from the other folds. Adapted figures must not be
compared with plain ones of papers.

With all {columns_of_the_corpus} columns that the corpus publishes (intensities and presences):

{head}
{whole}

With the {n_shared} intensities that other tools give too, as shipped ({units}):

{head}
{shared}

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
    ask.add_argument("--out", type=Path, default=Path("runs/fusion_units"))
    told = ask.parse_args()
    told.out.mkdir(parents=True, exist_ok=True)
    shared = [f"{label}_r" for label in taxonomy("facs").labels if f"{label}_r" in units_of(told.data)]
    full, clips = read(told.data, told.voice, units_of(told.data)), read(told.data, told.voice, shared)
    facts: dict[str, Any] = {
        "command": "python recipes/fusion_units.py --data RAVDESS --voice FILE...", "n": len(clips.y), "actors": len(np.unique(clips.actor)),
        "labels": list(LABELS), "units": [u.removesuffix("_r") for u in shared], "columns_of_the_corpus": full.face.shape[1],
        "held_out": table(full), "held_out_shared": table(clips),
    }
    anything = everybody(clips, np.ones(len(clips.y), bool))
    for name, inputs in (("single", (clips.face, clips.voice)),
                         ("baseline", (apart(clips.face, clips.actor, anything), apart(clips.voice, clips.actor, anything)))):
        held = out_of_fold(clips, by_fold(clips, *inputs), *inputs)
        facts[name] = plain_types(chosen(*inputs, clips.y, clips.actor)) | {
            "temperatures": {row: round(temperature(clips, logs), 4) for row, logs in zip(("face", "voice", "side by side", "face + voice"), held, strict=True)}
        }
    facts["ece_by"] = "temperature of the other folds"
    (told.out / "units.json").write_text(json.dumps(facts) + "\n")
    shutil.copy(told.out / "units.json", HERE / "units.json")
    (HERE / "units.md").write_text(card(facts))
    print(json.dumps({k: facts[k] for k in ("held_out", "held_out_shared")}, indent=1))


if __name__ == "__main__":
    main()
