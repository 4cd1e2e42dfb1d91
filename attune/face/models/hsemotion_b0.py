"""HSEmotion EfficientNet-B0, expressions: eight expressions of a face, by an ONNX file that needs no torch.

Weights aren't packaged: `attune models add hsemotion_b0`.
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

TITLE = "HSEmotion EfficientNet-B0, expressions"
TAXONOMIES = ("ferplus8",)
LICENSE_CLASS: LicenceClass = "research-only"
TRAINED_ON = {"affectnet": ("train",)}
CHECKPOINTS = (_hsemotion.checkpoint("enet_b0_8_best_vgaf.onnx"),)
WEIGHTS = CHECKPOINTS[0].files
INPUT = "224 x 224 RGB in 0..1, less ImageNet's mean and over its deviation"
OUTPUT = (_hsemotion.EXPRESSIONS,)

SIZE = (224, 224)                        # pixels, height and width of a crop


@cache
def load() -> Rows:
    """The model; `WeightsError` if its file isn't here."""
    (folder,) = ready(__name__)
    return of(folder)


def of(folder: Path) -> Rows:
    """The model of a folder."""
    return _hsemotion.net(folder / WEIGHTS[0], SIZE[0], _hsemotion.IMAGENET, TAXONOMIES)
