"""Emo Pillars: 28 emotions of a text without its context, each for itself, taught by a language model.

Labels are those of its config. Weights aren't packaged: `attune models add emopillars`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from attune.checkpoints import READ_FILES, Checkpoint, ready
from attune.checkpoints.labels import Output
from attune.checkpoints.rows import Embedding
from attune.weights import LicenceClass

TITLE = "Emo Pillars, without context"
TAXONOMIES = ("goemotions28",)
LANGUAGES = ("en",)
LICENSE = "Apache-2.0 on the card of a copy of its smaller sibling; its own card wasn't seen"
LICENSE_CLASS: LicenceClass = "unknown"
REFERENCE = (
    "Shvets (2025), Emo Pillars: Knowledge distillation to support fine-grained context-aware and context-less emotion classification, Findings of ACL"
)
DATA = "Emo Pillars: 300,000 English texts that a language model wrote and labelled"
TRAINED_ON = {"goemotions": ()}
LIMITS = "learned from what a language model wrote; a text alone, without what was said before"
CHECKPOINTS = (Checkpoint("alex-shvets/roberta-large-emopillars-contextless", READ_FILES),)
WEIGHTS = CHECKPOINTS[0].files
NEEDS = ("torch", "transformers")
INPUT = "up to 512 tokens"
OUTPUT = Output("goemotions28", "sigmoid")

TOKENS = 512


@cache
def load() -> Embedding:
    """The model; `WeightsError` or `MissingExtra` if something for it isn't here."""
    (folder,) = ready(__name__)
    return of(folder)


def of(folder: Path) -> Embedding:
    """The model of a folder."""
    from attune.checkpoints import hub

    return hub.text(folder, OUTPUT, TOKENS)
