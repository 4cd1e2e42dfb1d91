"""SUPERB's emotion recognition by wav2vec 2.0 base: neutral, happy, angry or sad, on layers weighed as the task learned to.

Weights aren't packaged: `attune models add superb_wav2vec2`.
"""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path

from attune.checkpoints import HEARD_FILES, Checkpoint, ready
from attune.checkpoints.labels import Output
from attune.checkpoints.rows import Embedding
from attune.voice.features import SAMPLE_RATE, measurable
from attune.weights import LicenceClass

__all__ = ["SAMPLE_RATE"]

TITLE = "SUPERB ER, wav2vec 2.0 base"
TAXONOMIES = ("iemocap4",)
LICENSE = "Apache-2.0, by its card; IEMOCAP, on which it was trained, is for research"
LICENSE_CLASS: LicenceClass = "research-only"
REFERENCE = (
    "Yang et al. (2021), SUPERB: Speech processing universal performance benchmark, Interspeech; "
    "Baevski, Zhou, Mohamed & Auli (2020), wav2vec 2.0, NeurIPS"
)
DATA = "IEMOCAP, four of its five sessions: two actors each, in English"
TRAINED_ON = {"iemocap": ("train", "dev", "test")}      # which session was left out isn't known here
LIMITS = "four classes of one laboratory's actors; everything else is called one of the four"
CHECKPOINTS = (Checkpoint("superb/wav2vec2-base-superb-er", HEARD_FILES),)
WEIGHTS = CHECKPOINTS[0].files
NEEDS = ("torch", "transformers")
INPUT = "16 kHz, standardised if its preprocessor_config.json says so"
OUTPUT = Output("iemocap4", "softmax", names={"neu": "neutral", "hap": "happy", "ang": "angry"})

MIN_SECONDS = 0.1


@cache
def load() -> Embedding:
    """The model; `WeightsError` or `MissingExtra` if something for it isn't here."""
    (folder,) = ready(__name__)
    return of(folder)


def of(folder: Path) -> Embedding:
    """The model of a folder."""
    from attune.checkpoints import hub

    return hub.sound(folder, OUTPUT, partial(measurable, shortest=MIN_SECONDS))
