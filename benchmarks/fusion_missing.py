"""What is left when a modality is missing, or noisy: one masked model, a model per subset, and late pooling, on RAVDESS.

    python recipes/fusion_voice.py --data RAVDESS --out DIR
    python benchmarks/fusion_missing.py --data RAVDESS --voice DIR/voice.npz

Face: 35 clip-mean action units, square-rooted. Voice: out-of-fold log-probabilities of that recipe. Five folds of four actors; every model is
fitted on clean, complete clips of the other sixteen (the masked one is the mean of four, each stopped by four of them). On the held-out
actors one modality is taken away from a share of the clips at random (mean of five draws), or gets noise: action units Gaussian noise in
standard deviations of each unit, the sound pink noise so many dB below it before anything is measured. Prints the table, draws
docs/images/fusion_missing.png.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from attune import figures
from attune.datasets import ravdess
from attune.fusion import linear, masked
from attune.fusion._parts import Parts, PerSubset, softmax, taken
from attune.metrics import Interval, bootstrap_figures, uar

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)     # of the held-out clips
NOISES = (0.0, 0.5, 1.0, 2.0, 4.0)       # standard deviations
RATIOS = (None, 20, 10, 5, 0)            # dB of voice above noise
DRAWS, SEED = 5, 0
NAMES = ("one masked model", "a model per subset", "late: sum of log-probabilities")


class Late:
    """The sum of the log-probabilities of one model per modality, of those that are there."""

    def __init__(self, singles: PerSubset) -> None:
        self.singles = singles

    def predict(self, parts: Parts) -> np.ndarray:
        total: Any = 0.0
        for modality, x in parts.items():
            there = ~np.isnan(x).any(axis=1)
            said = self.singles.members[modality,].predict({modality: np.nan_to_num(x)})
            total = total + np.where(there[:, None], np.log(np.maximum(said, 1e-6)), 0.0)
        return softmax(total)


class Together:
    """The mean of several masked models, each stopped by other actors, so that all sixteen were learned from."""

    def __init__(self, models: list[masked.Model]) -> None:
        self.models = models

    def predict(self, parts: Parts) -> np.ndarray:
        return np.asarray(np.mean([m.predict(parts) for m in self.models], axis=0))


def fitted(parts: Parts, y: np.ndarray, fold: np.ndarray) -> list[dict[str, Any]]:
    """The three models of each fold."""
    out = []
    for f in np.unique(fold):
        others, everybody = [g for g in np.unique(fold) if g != f], np.flatnonzero(fold != f)
        stopped = [(np.flatnonzero((fold != f) & (fold != g)), np.flatnonzero(fold == g)) for g in others]
        one = Together([masked.Model(seed=SEED).fit(taken(parts, train), y[train], (taken(parts, dev), y[dev])) for train, dev in stopped])
        each = PerSubset(linear.Model, parts).fit(taken(parts, everybody), y[everybody])
        out.append(dict(zip(NAMES, (one, each, Late(each)), strict=True)))
    return out


def said(models: list[dict[str, Any]], parts: Parts, fold: np.ndarray, k: int) -> dict[str, np.ndarray]:
    out = {name: np.empty((len(fold), k)) for name in NAMES}
    for f, of in enumerate(models):
        rows = np.flatnonzero(fold == f)
        for name, model in of.items():
            out[name][rows] = model.predict(taken(parts, rows))
    return out


def points(drawn: list[dict[str, np.ndarray]], y: np.ndarray, actor: np.ndarray) -> list[Interval]:
    """UAR of each model, mean over draws, and the masked model's lead over the two others, with intervals by actor."""
    top = [{name: p.argmax(1) for name, p in of.items()} for of in drawn]

    def value(rows: np.ndarray) -> np.ndarray:
        each = np.array([np.mean([uar(y[rows], of[name][rows]) for of in top]) for name in NAMES])
        return np.concatenate([each, each[0] - each[1:]])

    return bootstrap_figures(value, len(y), groups=actor, draws=300)


def main() -> None:
    ask = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    ask.add_argument("--data", type=Path, required=True, help="RAVDESS with its action units")
    ask.add_argument("--voice", type=Path, required=True, help="voice.npz of recipes/fusion_voice.py")
    ask.add_argument("--image", type=Path, default=Path("docs/images/fusion_missing.png"))
    told = ask.parse_args()
    items, heard = list(ravdess.items(told.data)), np.load(told.voice)
    y, actor, fold = heard["truth"], heard["group"], heard["fold"]
    if heard["clip"].tolist() != [i.id for i in items]:
        raise ValueError(f"{told.voice} has other clips than {told.data}, or in another order")
    face = np.sqrt(np.maximum(np.stack([i.features["au"] for i in items]), 0))
    logs = {name: np.log(softmax(heard[name])) for name in ("plain", *(f"noise_{r}" for r in RATIOS if r is not None))}
    whole, k, rng = {"face": face, "voice": logs["plain"]}, int(y.max()) + 1, np.random.default_rng(SEED)
    models = fitted(whole, y, fold)

    def without(modality: str, share: float) -> dict[str, np.ndarray]:
        return {**whole, modality: np.where((rng.random(len(y)) < share)[:, None], np.nan, whole[modality])}

    sweeps: dict[str, list[tuple[float, str, list[dict[str, np.ndarray]]]]] = {
        f"share of clips without {m}": [(s, f"{s:.0%}", [without(m, s) for _ in range(1 if s in (0, 1) else DRAWS)]) for s in SHARES] for m in ("face", "voice")
    }
    sweeps["noise on action units (deviations)"] = [
        (s, f"{s:g}", [{**whole, "face": face + s * face.std(0) * rng.normal(size=face.shape)} for _ in range(DRAWS if s else 1)]) for s in NOISES]
    sweeps["noise on the voice (dB below it)"] = [
        (float(i), "none" if r is None else str(r), [{**whole, "voice": logs["plain" if r is None else f"noise_{r}"]}]) for i, r in enumerate(RATIOS)]

    rows, lines = [], ["| taken away | how much | " + " | ".join(NAMES) + " | masked less per subset | masked less late sum |", "|---|---|---|---|---|---|---|"]
    for panel, sweep in sweeps.items():
        for x, tick, given in sweep:
            found = points([said(models, parts, fold, k) for parts in given], y, actor)
            rows += [{"panel": panel, "line": name, "x": x, "tick": tick, **i._asdict()} for name, i in zip(NAMES, found, strict=False)]
            leads = (f"{i.value:+.3f} [{i.low:+.3f}, {i.high:+.3f}]" for i in found[3:])
            lines.append(f"| {panel} | {tick} | " + " | ".join([*map(str, found[:3]), *leads]) + " |")
    figures.save(lambda: figures.curves(pa.Table.from_pylist(rows), y="UAR, eight emotions"), told.image)
    print("\n".join(lines))


if __name__ == "__main__":
    main()
