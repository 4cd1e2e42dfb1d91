"""HSEmotion EfficientNet-B0, expressions and dimensions: eight expressions, valence and arousal of a face, by an ONNX file that needs no torch.

Weights aren't packaged: `attune models add hsemotion_b0_va`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from attune.checkpoints import ready
from attune.checkpoints.rows import Rows
from attune.face.models import _hsemotion
from attune.face.models._hsemotion import DATA, LICENSE, LIMITS, REFERENCE
from attune.weights import LicenceClass

__all__ = ["DATA", "LICENSE", "LIMITS", "REFERENCE"]

TITLE = "HSEmotion EfficientNet-B0, expressions and dimensions"
TAXONOMIES = ("ferplus8", "vad")
LICENSE_CLASS: LicenceClass = "research-only"
TRAINED_ON = {"affectnet": ("train",)}
CHECKPOINTS = (_hsemotion.checkpoint("enet_b0_8_va_mtl.onnx", "c43e056ad388d4a8dc911832b8291435b2af537f967e5870ebd731574ec7e812"),)
WEIGHTS = CHECKPOINTS[0].files
INPUT = "224 x 224 RGB in 0..1, less ImageNet's mean and over its deviation"
OUTPUT = (_hsemotion.EXPRESSIONS, _hsemotion.POSITIONS)

SIZE = (224, 224)                        # pixels, height and width of a crop


@cache
def load() -> Rows:
    """The model; `WeightsError` if its file isn't here."""
    (folder,) = ready(__name__)
    return of(folder)


def of(folder: Path) -> Rows:
    """The model of a folder."""
    return _hsemotion.net(folder / WEIGHTS[0], SIZE[0], _hsemotion.IMAGENET, TAXONOMIES)
