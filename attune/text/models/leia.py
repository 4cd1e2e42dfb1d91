"""LEIA: the one of five emotions that a writer would give the text, taught by writers who did.

Labels are those of its config. Weights aren't packaged: `attune models add leia`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from attune.checkpoints import READ_FILES, Checkpoint, ready
from attune.checkpoints.labels import Output
from attune.checkpoints.rows import Embedding
from attune.weights import LicenceClass

TITLE = "LEIA, base"
TAXONOMIES = ("leia5",)
LANGUAGES = ("en",)
LICENSE = "MIT, by its card"
LICENSE_CLASS: LicenceClass = "permissive"
REFERENCE = (
    "Aroyehun, Malik, Metzler, Haimerl, Di Natale & Garcia (2023), LEIA: Linguistic embeddings for the identification of affect, EPJ Data Science 12, 52"
)
DATA = "6 million posts in English whose writers named their own emotion"
TRAINED_ON = {"leia": ("train",)}
LIMITS = "posts of one network; no neutral: every text is called one of five emotions"
CHECKPOINTS = (Checkpoint("LEIA/LEIA-base", READ_FILES),)
WEIGHTS = CHECKPOINTS[0].files
NEEDS = ("torch", "transformers")
INPUT = "up to 128 tokens"
OUTPUT = Output("leia5", "softmax")

TOKENS = 128


@cache
def load() -> Embedding:
    """The model; `WeightsError` or `MissingExtra` if something for it isn't here."""
    (folder,) = ready(__name__)
    return of(folder)


def of(folder: Path) -> Embedding:
    """The model of a folder."""
    from attune.checkpoints import hub

    return hub.text(folder, OUTPUT, TOKENS)
