"""Face expression v1: eight emotions as ten people would vote on them.

A thin residual net (0.9 M parameters) trained on the votes of FER+, with both mirror views averaged. It says how a group of
people would name the expression in a still picture, not what somebody feels. Trained by `recipes/face_ferplus.py`; the card
`ferplus_resnet.md` has the figures.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from attune.errors import ShapeError
from attune.weights import LicenceClass, session

TITLE = "FER+ residual net, v1"
TAXONOMIES = ("ferplus8",)
LICENSE = "votes MIT; trained on pictures gathered by a web search in 2013 without clearance of rights: for research only"
LICENSE_CLASS: LicenceClass = "research-only"
REFERENCE = (
    "Barsoum, Zhang, Canton Ferrer & Zhang (2016), Training deep networks for facial expression recognition with crowd-sourced label "
    "distribution, ICMI (votes, training on their distribution); He, Zhang, Ren & Sun (2016), Deep residual learning for image "
    "recognition, CVPR (net)"
)
WEIGHTS = ("ferplus_resnet.onnx",)
DATA = "FER+ votes on the Training part of FER2013: 48x48 grey pictures found by a web search, mostly posed or for the press"
TRAINED_ON = {"ferplus": ("train",)}      # dev of its recipe is a part of train
TAUGHT_COPIES = ("ferplus",)              # 52 pictures of PublicTest lay in what these weights learned, byte for byte; a rerun of the recipe leaves them out
LIMITS = (
    "Disgust and contempt are too rare in the data to rely on. Mild expressions, sadness above all, fall to neutral. Not measured on any "
    "other collection of pictures; a net of the same build, trained for less time, seldom said the anger and disgust that actors pose in a "
    "laboratory. "
    "Nobody's age, sex or skin is known in the data, so that errors between groups could not be measured. One still picture: no movement, "
    "no person's own neutral face."
)

SIZE = (48, 48)                          # pixels, height and width of a crop
TEMPLATE = np.array(                     # (5, 2) x, y in the crop, pixels: eyes, nose, corners of the mouth, left in the picture first;
    [[14.9, 18.6], [33.0, 18.1], [24.0, 28.5], [16.2, 37.4], [31.3, 37.4]]      # medians over FER2013, whose framing the net has learnt
)
GREY = np.array([0.299, 0.587, 0.114], np.float32)      # luma of ITU-R BT.601, by which FER2013 was made grey
FLAT = 1.0                               # grey levels: below this standard deviation a crop shows nothing


class Net:
    """Crops in, probabilities of `TAXONOMIES` out; made by `load()`."""

    def __call__(self, crops: np.ndarray) -> np.ndarray:
        """Probabilities (n, 8) float32 of crops (n, 48, 48, 3) uint8 RGB, or grey as three equal channels.

        Each row sums to 1; the row of a crop of one colour, which shows nothing, is NaN.

        Raises
        ------
        ShapeError
            If the crops have another shape or type.

        >>> load()(np.zeros((1, 48, 48, 3), np.uint8)).shape
        (1, 8)
        """
        return self._rows(crops, "probabilities", 8)

    def embed(self, crops: np.ndarray) -> np.ndarray:
        """Features (n, 192) float32 under the last layer, mean of both mirror views; NaN as in `__call__`."""
        return self._rows(crops, "features", 192)

    def _rows(self, crops: np.ndarray, output: str, d: int) -> np.ndarray:
        run = session(Path(__file__).with_suffix(".onnx")).run
        rows = np.full((len(crops), d), np.nan, np.float32)
        for row, face in zip(rows, standardised(crops), strict=True):      # one by one, so that a batch of one equals the batch
            if not np.isnan(face).any():
                row[:] = run([output], {"face": face[None, None]})[0][0]
        return rows


def standardised(crops: np.ndarray) -> np.ndarray:
    """Crops (n, 48, 48, 3) uint8 as the net wants them: (n, 48, 48) float32 grey, each with mean 0 and standard deviation 1.

    Light and contrast of a picture don't count. A crop flatter than `FLAT` is NaN throughout.
    """
    crops = np.asarray(crops)
    if crops.shape[1:] != (*SIZE, 3) or crops.dtype != np.uint8:
        raise ShapeError(f"crops have shape {crops.shape} and type {crops.dtype}; expected (n, {SIZE[0]}, {SIZE[1]}, 3) uint8, RGB")
    grey = crops.astype(np.float32) @ GREY
    deviation = grey.std((1, 2), keepdims=True)
    return np.asarray((grey - grey.mean((1, 2), keepdims=True)) / np.where(deviation < FLAT, np.nan, deviation), np.float32)


def load() -> Net:
    """The model; its weights are read at the first call and kept."""
    return Net()
