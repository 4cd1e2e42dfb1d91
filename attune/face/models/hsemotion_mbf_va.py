"""EmotiEffLib MobileFaceNet, expressions and dimensions: eight expressions, valence and arousal of a face, by an ONNX file that needs no torch.

Weights aren't packaged: `attune models add hsemotion_mbf_va`.
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

TITLE = "EmotiEffLib MobileFaceNet, expressions and dimensions"
TAXONOMIES = ("ferplus8", "vad")
LICENSE_CLASS: LicenceClass = "research-only"
TRAINED_ON = {"affectnet": ("train",)}
CHECKPOINTS = (_hsemotion.checkpoint("mbf_va_mtl.onnx", "0323ace52ea6dbe9aa4a909d20933f7b8629c3fb41249e338f4316abf2a4828c"),)
WEIGHTS = CHECKPOINTS[0].files
INPUT = "112 x 112 RGB in -1..1"
OUTPUT = (_hsemotion.EXPRESSIONS, _hsemotion.POSITIONS)

SIZE = (112, 112)                        # pixels, height and width of a crop


@cache
def load() -> Rows:
    """The model; `WeightsError` if its file isn't here."""
    (folder,) = ready(__name__)
    return of(folder)


def of(folder: Path) -> Rows:
    """The model of a folder."""
    return _hsemotion.net(folder / WEIGHTS[0], SIZE[0], _hsemotion.HALF, TAXONOMIES)
