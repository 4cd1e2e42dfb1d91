"""What a person's own moments are worth: `python benchmarks/baseline.py RUN CORPORA`.

RUN holds oof_ravdess.npz as `recipes/voice_prosody.py` leaves it: logits of RAVDESS clips by nets that never heard their actor. CORPORA
holds speech/ravdess/openface_au_clip_mean.csv, the action units of the same clips; their classifier is a logistic regression here,
over five folds of four actors each, as the voice's. Both learn nothing from the actors they are scored on.

Each actor's clips are split at random, DRAWS times, into n that the baseline sees and the others, which are scored; with all 60 it has
seen what is scored, though never a label of it. The population, and how many moments count as much as it (n0), come from the actors
of the other folds. Intervals draw actors. The tables go to benchmarks/baseline.md. Needs scikit-learn.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from attune.baseline import Baseline, Population, adapted
from attune.datasets.ravdess import EMOTIONS

DRAWS, DRAWS_TO_CHOOSE = 20, 4
RESAMPLES = 1000
GRID = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)                   # candidates for n0, moments
STRENGTHS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0)                    # candidates for the strength of a bias
K = len(EMOTIONS)
NEUTRAL = EMOTIONS.index("neutral")
MARK = "<!-- tables -->"


# What is adapted ---------------------------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Road:
    """values (n, d) of clips, what they show (n,), whose they are, the fold in which that person is held out, and how to decide."""

    name: str
    values: np.ndarray
    truth: np.ndarray
    person: np.ndarray
    fold: np.ndarray
    kind: str
    decide: Callable[[int, np.ndarray], np.ndarray]

    def population(self, fold: int) -> Population:
        """Of the people of the other folds."""
        others = self.fold != fold
        labels = EMOTIONS if self.kind == "exclusive" else tuple(f"d{i}" for i in range(self.values.shape[1]))
        return Population.fit(self.values[others], self.person[others], model=self.name, labels=labels, kind=self.kind,
                              shown=np.array(EMOTIONS)[self.truth[others]])


def softmax(z: np.ndarray) -> np.ndarray:
    z = np.exp(z - z.max(1, keepdims=True))
    return z / z.sum(1, keepdims=True)


def of_voice(run: Path) -> Road:
    stored = np.load(run / "oof_ravdess.npz")
    logits, truth, person, fold = (stored[name] for name in ("plain", "truth", "group", "fold"))
    return Road("voice, probabilities", softmax(logits), truth, person, fold, "exclusive", lambda f, p: p.argmax(1))


def of_face(corpora: Path) -> list[Road]:
    with (corpora / "speech" / "ravdess" / "openface_au_clip_mean.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    units = [name for name in rows[0] if name.startswith("AU")]
    x = np.sqrt([[float(row[name]) for name in units] for row in rows])
    what = np.array([[int(part) for part in row["clip"].split("-")] for row in rows])
    truth, person, fold = what[:, 2] - 1, what[:, 6], (what[:, 6] - 1) // 4

    def heads(values: np.ndarray) -> list[LogisticRegression]:
        made = [make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000)) for _ in np.unique(fold)]
        return [m.fit(values[fold != f], truth[fold != f]) for f, m in enumerate(made)]

    plain, p = heads(x), np.empty((len(x), K))
    for f, head in enumerate(plain):
        p[fold == f] = head.predict_proba(x[fold == f])
    centred = x.copy()
    for who in np.unique(person):
        centred[person == who] += x.mean(0) - x[person == who].mean(0)
    of_centred = heads(centred)
    return [
        Road("face, probabilities", p, truth, person, fold, "exclusive", lambda f, p: p.argmax(1)),
        Road("face, action units", x, truth, person, fold, "embedding", lambda f, v: of_centred[f].predict(v)),
    ]


# What the baseline sees --------------------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Sight:
    """How many clips are seen, which, and how they are compared.

    way
        Of `attune.baseline`: "guessed", "fair", "labelled"; or "bias", the alternative below.
    scored
        "rest": the clips that weren't seen; "seen": those that were, as if they were all of a recording; "next": each clip of all in
        a random order, by what came before it.
    estimated
        n0 by the analysis of variance, not as chosen in the other folds.
    """

    name: str
    n: int
    pick: Callable[[np.random.Generator, np.ndarray, int], np.ndarray]
    way: str = "guessed"
    scale: bool = True
    scored: str = "rest"
    estimated: bool = False


def at_random(rng: np.random.Generator, truth: np.ndarray, n: int) -> np.ndarray:
    return rng.choice(len(truth), n, replace=False)


def skewed(rng: np.random.Generator, truth: np.ndarray, n: int) -> np.ndarray:
    """Three of four clips show one of three emotions, which change from draw to draw."""
    often = np.isin(truth, rng.choice(np.delete(np.arange(K), NEUTRAL), 3, replace=False))
    most = round(0.75 * n)
    return np.concatenate([rng.choice(np.flatnonzero(often), most, replace=False), rng.choice(np.flatnonzero(~often), n - most, replace=False)])


def of_one(rng: np.random.Generator, truth: np.ndarray, n: int) -> np.ndarray:
    """All show the same emotion, which changes from draw to draw."""
    return rng.choice(np.flatnonzero(truth == rng.choice(np.delete(np.arange(K), NEUTRAL))), n, replace=False)


def neutral(rng: np.random.Generator, truth: np.ndarray, n: int) -> np.ndarray:
    return rng.choice(np.flatnonzero(truth == NEUTRAL), n, replace=False)


SIGHTS = [
    Sight("nothing", 0, at_random),
    *(sight for way in ("guessed", "fair") for sight in (
        *(Sight("any", n, at_random, way) for n in (4, 8, 16, 30)),
        Sight("all, scored themselves", 60, at_random, way, scored="seen"),
        Sight("what came before", 60, at_random, way, scored="next"),
        *(Sight("any; spread left", n, at_random, way, scale=False) for n in (8, 30) if way == "fair"),
        *(Sight("any; n0 estimated", n, at_random, way, estimated=True) for n in (4, 16)),
        *(Sight("skewed to three emotions", n, skewed, way) for n in (8, 30)),
        Sight("of a single emotion", 7, of_one, way),
        Sight("neutral only", 2, neutral, way),
        *(Sight("a recording of its own, any", n, at_random, way, scored="seen") for n in (4, 8)),
        Sight("a recording of its own, skewed", 8, skewed, way, scored="seen"),
        *(Sight("a recording of its own, a single emotion", n, of_one, way, scored="seen") for n in (4, 8)),
        Sight("a recording of its own, a single emotion; n0 estimated", 8, of_one, way, scored="seen", estimated=True),
    )),
    *(Sight("neutral only", n, neutral, "labelled") for n in (1, 2, 3)),
    *(Sight("any", n, at_random, "labelled") for n in (4, 8, 16, 30)),
    *(Sight("any", n, at_random, "bias") for n in (4, 8, 16, 30)),
]


# The alternative: a bias and a slope of log-probabilities, by which labelled clips are likeliest ------------------------------------------

def fit_bias(values: np.ndarray, truth: np.ndarray, strength: float, slope_strength: float = 20.0) -> tuple[np.ndarray, float]:
    """(K,) and a number, drawn towards 0 and 1 by a normal prior; Newton's steps. After Platt (1999), Guo et al. (2017), section 4.2."""
    z, prior, at = np.log(values), np.array([strength] * K + [slope_strength]), np.zeros(K + 1)      # biases, logarithm of the slope

    def cost(at: np.ndarray) -> float:
        return float(-np.log(biased(values, at[:K], np.exp(at[K]))[np.arange(len(z)), truth]).sum() + (prior * at**2).sum() / 2)

    for _ in range(50):
        slope = np.exp(at[K])
        p = biased(values, at[:K], slope)
        along = np.concatenate([np.broadcast_to(np.eye(K), (len(z), K, K)), slope * z[:, :, None]], 2)        # (n, K, K + 1)
        middle = np.einsum("nk,nkj->nj", p, along)
        gradient = np.einsum("nk,nkj->j", p - np.eye(K)[truth], along) + prior * at
        curve = np.einsum("nk,nki,nkj->ij", p, along, along) - middle.T @ middle + np.diag(prior)
        step, part = np.linalg.solve(curve, gradient), 1.0
        while part > 1e-6 and cost(at - part * step) > cost(at):
            part /= 2
        at = at - part * step
        if np.abs(part * step).max() < 1e-8:
            break
    return at[:K], float(np.exp(at[K]))


def biased(values: np.ndarray, bias: np.ndarray, slope: float) -> np.ndarray:
    return softmax(slope * np.log(values) + bias)


# Counting ------------------------------------------------------------------------------------------------------------------------------

def hits(road: Road, sight: Sight, draws: int, amount: Sequence[float] | None = None) -> np.ndarray:
    """(people, 3, K): clips of each label that are scored, found plainly, and found adapted, over all draws; amount: n0 or strength by fold."""
    out = []
    for i, who in enumerate(np.unique(road.person)):
        own = np.flatnonzero(road.person == who)
        f, truth, values = int(road.fold[own[0]]), road.truth[own], road.values[own]
        population = road.population(f) if (road.name, f) not in POPULATIONS else POPULATIONS[road.name, f]
        POPULATIONS[road.name, f] = population
        if amount is not None and sight.way != "bias":
            population = replace(population, ways={**population.ways, sight.way: replace(population.ways[sight.way], n0=amount[f])})
        plain = road.decide(f, values) == truth
        rng, counts = np.random.default_rng((7, i, sight.n)), np.zeros((3, K))
        for _ in range(draws):
            seen = sight.pick(rng, truth, sight.n)
            scored = np.setdiff1d(np.arange(len(own)), seen) if sight.scored == "rest" else seen
            if sight.scored == "next":
                said = adapted(values[seen], np.full(len(seen), who), population, form="before", fair=sight.way == "fair", scale=sight.scale)
            elif sight.way == "bias":
                said = biased(values[scored], *fit_bias(values[seen], truth[seen], 4.0 if amount is None else amount[f]))
            else:
                baseline = Baseline(str(who), population, fair=sight.way == "fair", scale=sight.scale)
                for label in np.unique(truth[seen]) if sight.way == "labelled" else [None]:
                    baseline.push(values[seen if label is None else seen[truth[seen] == label]], None if label is None else EMOTIONS[label])
                said = baseline.adapt(values[scored])
            found = road.decide(f, said) == truth[scored]
            for j, which in enumerate((np.ones(len(scored)), plain[scored], found)):
                counts[j] += np.bincount(truth[scored], which, K)
        out.append(counts)
    return np.array(out)


POPULATIONS: dict[tuple[str, int], Population] = {}


def uars(counts: np.ndarray) -> np.ndarray:
    """(2,) plain and adapted, over the labels that are scored."""
    total = counts.sum(0)
    there = total[0] > 0
    return (total[1:, there] / total[0, there]).mean(1)


def chosen(road: Road, way: str) -> list[float]:
    """n0 (or strength) for each fold: what is best for the people of the other folds with 4, 8 and 16 clips drawn at random."""
    folds = np.array([road.fold[road.person == who][0] for who in np.unique(road.person)])
    grid = STRENGTHS if way == "bias" else GRID
    table = np.zeros((len(grid), len(np.unique(folds))))
    for g, amount in enumerate(grid):
        for n in (4, 8, 16):
            counts = hits(road, Sight("", n, at_random, way), DRAWS_TO_CHOOSE, [amount] * len(np.unique(folds)))
            table[g] += [uars(counts[folds != f])[1] for f in np.unique(folds)]
    return [grid[g] for g in table.argmax(0)]


def row(road: Road, sight: Sight, amount: Sequence[float]) -> str:
    once = sight.n == 0 or (sight.n == 60 and sight.scored == "seen")
    counts = hits(road, sight, 1 if once else DRAWS, None if sight.estimated else amount)
    rng = np.random.default_rng(0)
    drawn = np.array([uars(counts[rng.integers(len(counts), size=len(counts))]) for _ in range(RESAMPLES)])
    plain, found = uars(counts)
    low, high = np.quantile(drawn[:, 1], [0.025, 0.975])
    least, most = np.quantile(drawn[:, 1] - drawn[:, 0], [0.025, 0.975])
    return (f"| {sight.way} | {sight.name} | {'0 to 59' if sight.scored == 'next' else sight.n} | {plain:.3f} | {found:.3f} [{low:.3f}, {high:.3f}] | "
            f"{found - plain:+.3f} [{least:+.3f}, {most:+.3f}] |")


def section(road: Road) -> list[str]:
    ways = ("guessed", "fair", "labelled", "bias") if road.kind == "exclusive" else ("fair", "labelled")
    amounts = {way: chosen(road, way) for way in ways}
    lines = [f"## {road.name[0].upper()}{road.name[1:]}", "", f"{len(road.truth):,} clips of {len(np.unique(road.person))} actors.", "",
             "| way | n0 (strength) chosen, by fold | n0 by analysis of variance |", "|---|---|---|"]
    for way, found in amounts.items():
        estimated = [POPULATIONS[road.name, f].ways[way].n0 for f in range(len(found))] if way != "bias" else []
        lines.append(f"| {way} | {', '.join(f'{a:g}' for a in found)} | {', '.join(f'{n0:.1f}' for n0 in estimated)} |")
    lines += ["", "| way | what it sees | clips | plain | adapted | gain |", "|---|---|---|---|---|---|"]
    return [*lines, *(row(road, s, amounts[s.way]) for s in SIGHTS if s.way in ways), ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("corpora", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    given = parser.parse_args()
    roads = [of_voice(given.run), *of_face(given.corpora)]
    text = "\n".join(line for road in roads for line in section(road))
    said = given.out.read_text(encoding="utf-8").partition(MARK)[0] if given.out.exists() else ""        # by people; the rest is ours
    given.out.write_text(f"{said}{MARK}\n\n{text}", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
