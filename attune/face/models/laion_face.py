"""Empathic Insight Face: forty emotions of a face, a head for each on SigLIP 2.

Each head gives one intensity, 0..7, laid onto 0..1. What its authors subtract for a neutral face isn't published with the weights as far
as is known here, and isn't subtracted. Weights aren't packaged: `attune models add laion_face`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from attune.checkpoints import SEEN_FILES, Checkpoint, ready, stem
from attune.checkpoints.labels import Output
from attune.checkpoints.rows import Embedding, shown
from attune.taxonomy import taxonomy
from attune.weights import LicenceClass

TITLE = "Empathic Insight Face, large"
TAXONOMIES = ("emonet40",)
LICENSE = "heads CC BY 4.0; the encoder, SigLIP 2: Apache-2.0"
LICENSE_CLASS: LicenceClass = "attribution"
REFERENCE = "Schuhmann et al. (2025), EmoNet-Face: an expert-annotated benchmark for synthetic emotion recognition, arXiv:2505.20033"
DATA = "synthetic portraits, made by a picture generator from names of emotions and annotated by a language model"
LIMITS = "learned on synthetic, posed faces; how it does on real ones isn't measured here. Heads differ in scale: compare a label with itself, not with others"
CHECKPOINTS = (
    Checkpoint("google/siglip2-so400m-patch16-384", SEEN_FILES),
    Checkpoint("laion/Empathic-Insight-Face-Large", tuple(f"model_{stem(label).lower()}_best.pth" for label in taxonomy("emonet40").labels)),
)
WEIGHTS = (*CHECKPOINTS[0].files, *CHECKPOINTS[1].files)
NEEDS = ("torch", "transformers")
INPUT = "384 x 384 RGB, mean and deviation by SigLIP 2's preprocessor_config.json"
OUTPUT = Output("emonet40", "values", span=(0, 7))

SIZE = (384, 384)                        # pixels, height and width of a crop


@cache
def load() -> Embedding:
    """The model; `WeightsError` or `MissingExtra` if something for it isn't here."""
    return of(*ready(__name__))


def of(encoder: Path, heads: Path, size: tuple[int, int] = SIZE) -> Embedding:
    """The model of a folder with the encoder and one with the heads."""
    from transformers import SiglipVisionModel

    from attune.checkpoints import hub
    from attune.checkpoints.nets.heads import head

    net, prepare = hub.strict(SiglipVisionModel, encoder), hub.seen_by(encoder, size)
    labels, d = taxonomy("emonet40").labels, net.config.hidden_size
    scored = [head(heads / f"model_{stem(label).lower()}_best.pth", d) for label in labels]
    columns, features = OUTPUT.columns(labels), hub.whole(lambda x: net(x).pooler_output, prepare)

    def said(crop: np.ndarray) -> np.ndarray:
        with hub.torch.inference_mode():
            x = hub.torch.from_numpy(features(crop))
            return columns(np.array([float(score(x)) for score in scored]))

    def together(crops: hub.torch.Tensor) -> hub.torch.Tensor:
        """(n, 3, h, w) -> (n, labels)."""
        x = net(crops).pooler_output.T
        return hub.torch.stack([score(x) for score in scored], 1)

    return Embedding(len(labels), shown(size), said, d, features, together=hub.stack(said, together, prepare, columns, encoder.name))
