"""Where fusion wins and where it must not: features that leaked their labels, and two streams that each know a little.

    python benchmarks/fusion.py --mosi DIR --pom DIR             # prints the first section of benchmarks/fusion.md

CMU-MOSI's posted features were learned on the labels of their training part, which makes naive stacking worse than text alone; the
guarded fuser must notice by itself. Fitted on that part; its weights, and the lines that scale each answer, from four fifths of the
stretches from outside it; scored on the other fifth, by film, in turn. POM: late fusion of voice and face against each alone, five
folds, `dominant`. Needs scikit-learn.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np

from attune.datasets import cmu_mosi, pom
from attune.evaluate.fusing import Fusable, parts_of
from attune.evaluate.grid import folds_by
from attune.fusion import guarded, linear
from attune.fusion._parts import Parts, taken
from attune.metrics import Interval, bootstrap_figures, ccc, pearson

FOLDS = 5


def rows(name: str, metric: Callable[[np.ndarray, np.ndarray], float], f: Fusable, said: dict[str, np.ndarray], against: str) -> list[str]:
    """Markdown rows: a figure with its interval, and its difference to another on the same draws."""
    y = f.y[:, 0]

    def figures(p: np.ndarray) -> list[Interval]:
        return bootstrap_figures(lambda r: np.array([metric(y[r], p[r]), metric(y[r], p[r]) - metric(y[r], said[against][r])]), len(y), groups=f.groups)

    out = []
    for what, p in said.items():
        value, over = figures(p)
        out.append(f"| {name} | {what} | {value} | {'' if what == against else f'{over.value:+.3f} [{over.low:+.3f}, {over.high:+.3f}]'} |")
    return out


def on_mosi(root: Path) -> list[str]:
    """Sentiment of stretches that the features' makers didn't train on."""
    items = list(cmu_mosi.items(root))
    inside = parts_of([i for i in items if i.split == "train"], cmu_mosi.FACTS, target=["valence"])
    outside = parts_of([i for i in items if i.split != "train"], cmu_mosi.FACTS, target=["valence"])
    fold, said, seen = folds_by(outside.groups, FOLDS), {}, []

    def run(make: Callable[[], linear.Model | guarded.Model], modalities: list[str]) -> np.ndarray:
        out = np.empty(len(outside.y))
        for f in range(FOLDS):
            held, rest = np.flatnonzero(fold == f), np.flatnonzero(fold != f)
            def of(parts: Parts, which: np.ndarray) -> dict[str, np.ndarray]:
                return taken(parts, which, modalities)
            everything = np.arange(len(inside.y))
            model = make().fit(of(inside.parts, everything), inside.y, (of(outside.parts, rest), outside.y[rest]))
            out[held] = model.predict(of(outside.parts, held))[:, 0]
            if isinstance(model, guarded.Model) and len(modalities) > 1 and f == 0:
                seen.extend(guarded.report(model))
        return out

    every = list(inside.parts)
    said = {"text alone": run(guarded.Model, ["text"]), "all three, guarded": run(guarded.Model, every), "all three, naive (ridge)": run(linear.Model, every)}
    lines = rows(f"MOSI, n = {len(outside.y)}, {len(np.unique(outside.groups))} films, CCC", ccc, outside, said, "text alone")
    return [*lines, "", "What the guarded fuser noticed in the first fold: " + "; ".join(seen) + "."]


def on_pom(root: Path) -> list[str]:
    """How dominant a reviewer seems."""
    f = parts_of(pom.items(root), pom.FACTS, target=["dominant"])
    fold = folds_by(f.groups, FOLDS)

    def run(modalities: list[str]) -> np.ndarray:
        out = np.empty(len(f.y))
        for k in range(FOLDS):
            held, rest = np.flatnonzero(fold == k), np.flatnonzero(fold != k)
            out[held] = guarded.Model().fit(taken(f.parts, rest, modalities), f.y[rest]).predict(taken(f.parts, held, modalities))[:, 0]
        return out

    said = {"voice alone": run(["voice"]), "face alone": run(["face"]), "both, guarded": run(["voice", "face"])}
    return rows(f"POM dominant, n = {len(f.y)}, r", pearson, f, said, "voice alone")


def main() -> None:
    ask = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    ask.add_argument("--mosi", type=Path, required=True)
    ask.add_argument("--pom", type=Path, required=True)
    told = ask.parse_args()
    mosi, on = on_mosi(told.mosi), on_pom(told.pom)
    cut = mosi.index("")
    print("# Where fusion wins, and where it must not\n\n    python benchmarks/fusion.py --mosi DIR --pom DIR\n")
    print("Held-out films or reviewers; 95 % intervals by film or reviewer; differences on the same draws.\n")
    print("| corpus | fuser | figure | against the best single |\n|---|---|---|---|")
    print("\n".join([*mosi[:cut], *on, *mosi[cut:]]))
    print("\nRAVDESS with action units, plain and with a person's own clips: [units.md](../attune/fusion/units.md). CREMA-D's votes: "
          "[votes.md](../attune/fusion/votes.md).")


if __name__ == "__main__":
    main()
