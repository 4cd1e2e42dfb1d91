"""EmoNet: eight expressions, valence and arousal of a face, read where a face-alignment net looks.

Weights aren't packaged: `attune models add emonet8`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from attune.checkpoints import Checkpoint, ready
from attune.checkpoints.graphs import side_by_side
from attune.checkpoints.labels import Output
from attune.checkpoints.rows import Embedding, pixels, shown, width
from attune.weights import LicenceClass

TITLE = "EmoNet, eight expressions and dimensions"
TAXONOMIES = ("ferplus8", "vad")
LICENSE = "CC BY-NC-ND 4.0"
LICENSE_CLASS: LicenceClass = "non-commercial"
REFERENCE = (
    "Toisoul, Kossaifi, Bulat, Tzimiropoulos & Pantic (2021), Estimation of continuous valence and arousal levels from faces in naturalistic "
    "conditions, Nature Machine Intelligence 3"
)
DATA = "AffectNet, cleaned by its authors: pictures from web searches"
TRAINED_ON = {"affectnet": ("train",)}
LIMITS = (
    "still pictures. Faces are cropped level with a fifth around their box; its own crops follow the outline of 68 landmarks. "
    "Published CCC on AffectNet with eight classes: V .82, A .75"
)
CHECKPOINTS = (Checkpoint("face-analysis/emonet", ("emonet_8.pth",), "master", url="https://raw.githubusercontent.com/face-analysis/emonet/{revision}/pretrained/{file}"),)
WEIGHTS = CHECKPOINTS[0].files
NEEDS = ("torch", "transformers")
INPUT = "256 x 256 RGB in 0..1"
LABELS = ("Neutral", "Happy", "Sad", "Surprise", "Fear", "Disgust", "Anger", "Contempt")      # of the outputs, by its authors' demonstration
OUTPUT = (Output("ferplus8", "softmax"), Output("vad", "values", span=(-1, 1), lacks=("dominance",)))
DIMENSIONS = ("valence", "arousal")

SIZE = (256, 256)                        # pixels, height and width of a crop


@cache
def load() -> Embedding:
    """The model; `WeightsError` or `MissingExtra` if something for it isn't here."""
    (folder,) = ready(__name__)
    return of(folder)


def of(folder: Path) -> Embedding:
    """The model of a folder; dominance is NaN."""
    from attune.checkpoints import hub
    from attune.checkpoints.nets import emonet

    net = emonet.net(folder / WEIGHTS[0], len(LABELS))
    columns = side_by_side(*((len(labels), output.columns(labels)) for labels, output in zip((LABELS, DIMENSIONS), OUTPUT, strict=True)))

    def prepare(crop: np.ndarray):      # type: ignore[no-untyped-def]
        return hub.torch.from_numpy(pixels(crop, (0, 0, 0), (1, 1, 1)))

    values, features = hub.whole(net, prepare), hub.whole(net.features, prepare)

    def said(crop: np.ndarray) -> np.ndarray:
        return columns(values(crop))

    return Embedding(width(TAXONOMIES), shown(SIZE), said, emonet.WIDE, features, together=hub.stack(said, net, prepare, columns, folder.name))
