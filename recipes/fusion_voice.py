"""A quick voice for trying fusers: functionals and a logistic regression, out of fold, on RAVDESS. A minute, no net.

    python recipes/fusion_voice.py --data RAVDESS --out runs/fusion_voice

Writes `voice.parquet`, a file of predictions for `attune evaluate fusion ravdess DIR --part voice=FILE`, and `voice.npz` as
`recipes/fusion_units.py` and `benchmarks/fusion_missing.py` read it: clip, truth, group, fold (five, of four actors each), `plain` (n, 8) logits
by a model that never heard the clip's actor, and `noise_20` ... `noise_0`, what it says of the same clips in noise of so many dB below the
voice. It stands in for the packaged voice net where that net's own out-of-fold outputs (`recipes/voice_prosody.py`, hours) aren't at hand, and
is weaker. The penalty is fixed, so there is nothing to choose on the scored actors. Needs scikit-learn.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from attune import perturb
from attune.datasets import Item, ravdess
from attune.evaluate.predictions import Predictions, write_predictions
from attune.evaluate.said import sound
from attune.fusion._parts import softmax
from attune.metrics import uar
from attune.voice.features import SAMPLE_RATE
from attune.voice.functionals import functionals

FOLDS = 5
COST = 0.01                              # inverse penalty for 250 standardised functionals
RATIOS = (20, 10, 5, 0)                  # dB of voice above noise
SEED = 0


def folds_of(group: np.ndarray) -> np.ndarray:
    """(n,) the fold of each clip: four neighbouring actors each, two women and two men."""
    people = np.unique(group)
    return np.searchsorted(people, group) * FOLDS // len(people)


def measured(items: list[Item], out: Path) -> dict[str, np.ndarray]:
    """Functionals (n, d) of the clips as they are, and in noise; made once."""
    if not (out / "functionals.npz").is_file():
        rng, rows = np.random.default_rng(SEED), {name: [] for name in ("plain", *(f"noise_{r}" for r in RATIOS))}
        for item in items:
            wave = sound(item, SAMPLE_RATE)
            rows["plain"].append(functionals(wave))
            for ratio in RATIOS:
                rows[f"noise_{ratio}"].append(functionals(perturb.noise(wave, ratio, rng, slope=-3.0)))
        np.savez(out / "functionals.npz", **{name: np.stack(x) for name, x in rows.items()})
    return dict(np.load(out / "functionals.npz"))


def out_of_fold(x: dict[str, np.ndarray], y: np.ndarray, fold: np.ndarray) -> dict[str, np.ndarray]:
    """condition -> (n, 8) logits; every model is fitted on clips as they are."""
    said = {name: np.empty((len(y), y.max() + 1), np.float32) for name in x}
    for f in np.unique(fold):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=COST, max_iter=2000, class_weight="balanced")).fit(x["plain"][fold != f], y[fold != f])
        for name in x:
            said[name][fold == f] = model.decision_function(x[name][fold == f])
    return said


def main() -> None:
    ask = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    ask.add_argument("--data", type=Path, required=True, help="RAVDESS")
    ask.add_argument("--out", type=Path, default=Path("runs/fusion_voice"))
    told = ask.parse_args()
    told.out.mkdir(parents=True, exist_ok=True)
    items = list(ravdess.items(told.data))
    y, group = np.array([i.values.argmax() for i in items]), np.array([i.group for i in items])
    fold = folds_of(group)
    said = out_of_fold(measured(items, told.out), y, fold)
    np.savez(told.out / "voice.npz", clip=np.array([i.id for i in items]), truth=y, group=group, fold=fold, **said)
    write_predictions(told.out / "voice.parquet", Predictions.of(
        "ravdess8", np.stack([i.values for i in items]), softmax(said["plain"]), ids=[i.id for i in items], groups=group.tolist(), fold=fold.tolist(),
        corpus="ravdess", model="functionals", split="folds", status="held-out"))
    print("UAR " + ", ".join(f"{name} {uar(y, logits.argmax(1)):.3f}" for name, logits in said.items()))


if __name__ == "__main__":
    main()
