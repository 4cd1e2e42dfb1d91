"""Py-Feat's detector: twenty action units of a face, as probabilities that each is there.

It looks for the face again in the crop, which is therefore wide. Py-Feat fetches its own weights when it is first used, from where its
authors publish them; here it is never asked to: they must be there. `pip install py-feat`, then run its `feat.Detector()` once.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import numpy as np

from attune.checkpoints import ready
from attune.checkpoints.labels import Output
from attune.checkpoints.rows import Rows, shown
from attune.errors import WeightsError
from attune.face.align import FER, FER_SIDE
from attune.taxonomy import taxonomy
from attune.types import PRESENCE
from attune.weights import LicenceClass

TITLE = "Py-Feat, action units"
TAXONOMIES = ("facs",)
PROJECTED = PRESENCE                      # what the columns hold isn't what the taxonomy's range means; see LIMITS
LICENSE = "Py-Feat MIT; its detectors were trained on corpora for research"
LICENSE_CLASS: LicenceClass = "research-only"
REFERENCE = "Cheong, Jolly, Xie, Byrne, Kenney & Chang (2023), Py-Feat: Python facial expression analysis toolbox, Affective Science 4"
DATA = "BP4D, DISFA, CK+, UNBC-McMaster, AFF-Wild2: faces coded for action units, mostly in laboratories"
LIMITS = (
    "says how likely a unit is there, 0..1, not how strong, as FACS's 0..5 would: 1 is a unit that is surely there, be it a trace; "
    "a face that isn't found again in the crop is NaN; slow"
)
CHECKPOINTS = ()                          # Py-Feat keeps its own
WEIGHTS = ()
NEEDS = ("feat",)
INSTALL = "pip install py-feat, then once: python -c 'import feat; feat.Detector()'"
INPUT = "224 x 224 RGB, a face with as much again around it"
OUTPUT = Output("facs", "values", span=(0, 5))

SIZE = (224, 224)                        # pixels, height and width of a crop
ROOM = 0.5                               # share of the crop's side that FER2013's framing takes
TEMPLATE = (FER / FER_SIDE - 0.5) * (ROOM * SIZE[0]) + SIZE[0] / 2      # (5, 2) eyes, nose and corners of the mouth


@cache
def load() -> Rows:
    """The model; `MissingExtra` if Py-Feat isn't installed, `WeightsError` if it would have to fetch weights."""
    ready(__name__)
    return of()


def of(library: Any = None) -> Rows:
    """The model; `library` is what has `Detector`, by default feat."""
    kept = {name: os.environ.get(name) for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")}
    os.environ.update(dict.fromkeys(kept, "1"))                  # what Py-Feat fetches by is told not to
    try:
        if library is None:
            import feat as library
        detector = library.Detector(device="cpu")
    except Exception as error:
        raise WeightsError(f"Py-Feat can't start without a network ({str(error).splitlines()[0]}); {INSTALL}") from error
    finally:
        for name, value in kept.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})
    labels = taxonomy("facs").labels

    def said(crop: np.ndarray) -> np.ndarray:
        found = detector.detect(np.ascontiguousarray(crop).transpose(2, 0, 1)[None], data_type="tensor", progress_bar=False)
        units = found.aus
        if not len(units) or not np.isfinite(np.asarray(units.iloc[0], float)).all():
            return np.full(len(labels), np.nan, np.float32)
        row = units.iloc[0]
        return OUTPUT.columns([str(name) for name in row.index])(np.asarray(row, float))

    return Rows(len(labels), shown(SIZE), said)
