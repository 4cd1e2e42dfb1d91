"""A vision transformer on FER2013: seven expressions of a face.

Faces are laid out as FER2013's are. Weights aren't packaged: `attune models add vit_fer`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from attune.checkpoints import SEEN_FILES, Checkpoint, ready
from attune.checkpoints.labels import Output
from attune.checkpoints.rows import Embedding
from attune.face.align import FER, FER_SIDE
from attune.weights import LicenceClass

TITLE = "ViT on FER2013"
TAXONOMIES = ("ekman7",)
LICENSE = "Apache-2.0, by its card; FER2013, on which it was trained, was gathered by a web search without clearance of rights"
LICENSE_CLASS: LicenceClass = "research-only"
REFERENCE = "trpakov/vit-face-expression on the Hugging Face hub; Dosovitskiy et al. (2021), An image is worth 16x16 words, ICLR"
DATA = "FER2013, Training: grey pictures of 48 x 48 from a web search, with noisy labels"
TRAINED_ON = {"ferplus": ("train",)}     # the same pictures, with other labels
LIMITS = "learned on small grey pictures; FER2013's single labels are often wrong. By its card .712 of PublicTest and PrivateTest right"
CHECKPOINTS = (Checkpoint("trpakov/vit-face-expression", SEEN_FILES),)
WEIGHTS = CHECKPOINTS[0].files
NEEDS = ("torch", "transformers")
INPUT = "224 x 224 RGB, mean and deviation by its preprocessor_config.json"
OUTPUT = Output("ekman7", "softmax", names={"happy": "joy"})

SIZE = (224, 224)                        # pixels, height and width of a crop
TEMPLATE = FER * SIZE[0] / FER_SIDE      # (5, 2) where FER2013 has eyes, nose and corners of the mouth


@cache
def load() -> Embedding:
    """The model; `WeightsError` or `MissingExtra` if something for it isn't here."""
    (folder,) = ready(__name__)
    return of(folder)


def of(folder: Path) -> Embedding:
    """The model of a folder."""
    from attune.checkpoints import hub

    return hub.picture(folder, OUTPUT, SIZE)
