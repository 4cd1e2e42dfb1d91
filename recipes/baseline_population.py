"""What is usual among people for a packaged model: the reference that personal baselines are compared with.

    python recipes/baseline_population.py FILE...

FILE are out-of-fold predictions (docs/evaluation.md): calibrated probabilities of people whom the model that gave them never saw, with
their labels. Written beside the model as NAME.population.json.
"""

from __future__ import annotations

import argparse
import importlib.resources
import json
from pathlib import Path

import numpy as np

from attune.baseline import Population
from attune.evaluate import read_predictions
from attune.evaluate.predictions import Predictions


def population(p: Predictions) -> Population:
    known = ~np.isnan(p.said).any(axis=1) & ~np.isnan(p.truth).all(axis=1)
    shown = np.array(p.taxonomy.labels)[np.nan_to_num(p.truth, nan=-1).argmax(1)]
    return Population.fit(p.said[known], p.groups[known], model=p.model, labels=p.taxonomy.labels, kind=p.taxonomy.kind, shown=shown[known])


def main() -> None:
    ask = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    ask.add_argument("files", type=Path, nargs="+")
    ask.add_argument("--modality", default="voice", choices=("face", "voice", "text"))
    told = ask.parse_args()
    for file in told.files:
        for p in read_predictions(file):
            path = Path(str(importlib.resources.files("attune"))) / told.modality / "models" / f"{p.model}.population.json"
            path.write_text(json.dumps(population(p).to_json()) + "\n", encoding="utf-8")
            print(f"{path.name}: {len(p)} moments of {len(np.unique(p.groups))} people")


if __name__ == "__main__":
    main()
