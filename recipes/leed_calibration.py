"""Ranks of a packaged model's scores on a reference corpus: what "very" means in the calibration "attune".

    python recipes/leed_calibration.py face  ferplus_resnet  ferplus=DIR --split train --sample 6000
    python recipes/leed_calibration.py text  minilm_emotions goemotions=DIR --split train --sample 6000
    python recipes/leed_calibration.py voice prosody_whisper    ravdess=DIR crema_d=DIR nemo=DIR --split train dev

Runs the model over a sample of the corpora (evenly taken, test parts refused) and writes `attune/calibrations/<model>.json`: for each
label the score from which on it counts as said, how often it is said, and knots of tie-aware mid-rank percentiles. To be run again
whenever a model is trained again; a test compares the weights' hash. `--compare dev` also prints how far the ranks would move if they
were taken on another split.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from attune import datasets, registry, weights
from attune.describe.calibration import LEAST_SAID, Ranks, ranks_facts
from attune.media import Media
from attune.taxonomy import taxonomy

HERE = Path(__file__).resolve().parent.parent / "attune" / "calibrations"
CHANCE = 2.0                             # an exclusive label is said from twice the probability of guessing on
BATCH = 64


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("modality", choices=("face", "voice", "text"))
    ask.add_argument("model")
    ask.add_argument("corpora", nargs="+", metavar="NAME=DIR", help="a corpus in attune.datasets, and where it lies")
    ask.add_argument("--split", nargs="+", default=["train"], choices=("train", "dev"))
    ask.add_argument("--sample", type=int, default=0, help="items per corpus at most; 0 for all")
    ask.add_argument("--held-out", action="store_true", help="the model wasn't trained on these items")
    ask.add_argument("--compare", choices=("train", "dev"), help="a second split, to see how far ranks move")
    ask.add_argument("--out", type=Path, default=HERE)
    given = ask.parse_args()
    roots = dict(pair.split("=", 1) for pair in given.corpora)
    module = registry.load(f"attune.{given.modality}.models", given.model)
    began = time.perf_counter()
    values, counted = measured(module, given.modality, roots, given.split, given.sample)
    print(f"{len(values)} items in {time.perf_counter() - began:.0f} s", flush=True)
    found = {name: facts(values[:, columns], module, name) for name, columns in columns_of(module).items()}
    if given.compare:
        others, _ = measured(module, given.modality, roots, [given.compare], given.sample)
        for name, columns in columns_of(module).items():
            compare(values[:, columns], others[:, columns], module, name)
    corpora = [{"name": corpus, "title": datasets.load(corpus).FACTS["title"], "split": given.split, "n": n} for corpus, n in counted.items()]
    report = {
        "model": given.model, "modality": given.modality, "weights": {path.name: weights.digest(path) for path in weights.files(module)},
        "corpora": corpora, "n": len(values), "held_out": given.held_out, "least_said": LEAST_SAID, "taxonomies": found,
    }
    path = given.out / f"{given.model}.json"
    path.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    print(f"{path}: {path.stat().st_size / 1e3:.0f} kB")


def measured(module: ModuleType, modality: str, roots: dict[str, str], splits: Sequence[str], sample: int) -> tuple[np.ndarray, dict[str, int]]:
    """What the model says of the items, (n, columns) float32 without rows of NaN, and how many of each corpus."""
    model, rows, counted = module.load(), [], {}
    for corpus, root in roots.items():
        items = [item for item in datasets.load(corpus).items(root) if item.split in splits]
        if sample and len(items) > sample:
            items = [items[i] for i in np.linspace(0, len(items) - 1, sample).round().astype(int)]
        here = [np.asarray(model(inputs)) for inputs in batches(items, modality)]
        said = np.concatenate(here)
        said = said[~np.isnan(said).all(axis=1)]
        counted[corpus] = len(said)
        rows.append(said)
    return np.concatenate(rows), counted


def batches(items: Sequence[Any], modality: str) -> Iterator[Any]:
    """A few items at a time, as the model takes them."""
    for at in range(0, len(items), BATCH):
        some = items[at : at + BATCH]
        if modality == "face":
            pictures = [np.asarray(i.pixels) for i in some]
            yield np.stack([np.repeat(p[..., None], 3, axis=2) if p.ndim == 2 else p for p in pictures])
        elif modality == "voice":
            yield [Media.open(i.path).waveform() for i in some]
        else:
            yield [i.text for i in some]


def columns_of(module: ModuleType) -> dict[str, slice]:
    """The columns of each set of labels that has degrees; dimensions have bands of their own."""
    out, at = {}, 0
    for name in module.TAXONOMIES:
        labels = taxonomy(name)
        if labels.kind != "dimensional":
            out[name] = slice(at, at + len(labels))
        at += len(labels)
    return out


def least_of(module: ModuleType, name: str) -> dict[str, float]:
    """From which score on a label counts as said: the model's own thresholds, else twice the chance."""
    labels = taxonomy(name)
    own = getattr(module, "THRESHOLDS", {})
    return {label: float(own.get(label, CHANCE / len(labels) if labels.kind == "exclusive" else 0.5)) for label in labels.labels}


def ranks_of(values: np.ndarray, module: ModuleType, name: str) -> tuple[dict[str, Ranks], Ranks]:
    """Ranks of each label, and of all that is said, whatever the label."""
    least = least_of(module, name)
    own = {label: Ranks.of(values[:, i], least[label]) for i, label in enumerate(taxonomy(name).labels)}
    said = np.concatenate([values[values[:, i] >= np.float32(least[label]), i] for i, label in enumerate(own)])
    return own, Ranks.of(said, min(least.values()))


def facts(values: np.ndarray, module: ModuleType, name: str) -> dict[str, Any]:
    """One taxonomy of the file, rounded as far as a 32-bit number goes."""
    own, pooled = ranks_of(values, module, name)
    for label, ranks in own.items():
        few = "  ranked among all labels" if ranks.said < LEAST_SAID else ""
        print(f"{name}.{label:15s} said from {ranks.least:.2f} on, {ranks.said:5d} times; .5 ranks {ranks.rank(0.5):.2f}{few}")

    def plain(ranks: Ranks) -> dict[str, Any]:
        out = ranks_facts(ranks)
        return out | {"values": [round(v, 7) for v in out["values"]], "percentiles": [round(p, 6) for p in out["percentiles"]], "least": round(out["least"], 7),
                      "below": round(out["below"], 6)}

    return {"probabilities": True, "labels": {label: plain(ranks) for label, ranks in own.items()}, "pooled": plain(pooled)}


def compare(a: np.ndarray, b: np.ndarray, module: ModuleType, name: str) -> None:
    """How far ranks differ between two samples, over scores from least to 1."""
    (own, _), (others, _) = ranks_of(a, module, name), ranks_of(b, module, name)
    for label, ranks in own.items():
        other = others[label]
        if min(ranks.said, other.said) >= LEAST_SAID:
            grid = np.linspace(ranks.least, 1, 200)
            apart = max(abs(ranks.rank(v) - other.rank(v)) for v in grid)
            print(f"{name}.{label:15s} {ranks.said:5d} and {other.said:5d} cases: ranks at most {apart:.3f} apart")


if __name__ == "__main__":
    main()
