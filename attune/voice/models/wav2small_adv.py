"""Wav2Small: valence, arousal and dominance of a voice by a net of some ten thousand parameters, taught by large ones.

Its outputs lie around 0..1 and are laid onto -1..1. Weights aren't packaged: `attune models add wav2small_adv`.
"""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path

from attune.checkpoints import NET_FILES, Checkpoint, labels_of, ready
from attune.checkpoints.labels import Output
from attune.checkpoints.rows import Embedding
from attune.voice.features import SAMPLE_RATE, measurable
from attune.weights import LicenceClass

__all__ = ["SAMPLE_RATE"]

TITLE = "Wav2Small"
TAXONOMIES = ("vad",)
LICENSE = "CC BY-NC-SA 4.0, for research only"
LICENSE_CLASS: LicenceClass = "non-commercial"
REFERENCE = (
    "Kounadis-Bastian, Schruefer, Derington, Wierstorf, Eyben, Burkhardt & Schuller (2024), Wav2Small: distilling wav2vec2 to 72K parameters for "
    "low-resource speech emotion recognition, arXiv:2408.13920"
)
DATA = "what larger models say of MSP-Podcast 1.7, train, and of other sound"
TRAINED_ON = {"msp_podcast": ("train",)}
LIMITS = "valence is much weaker than its teachers' (it can't hear words); the code of its net is known at second hand only"
CHECKPOINTS = (Checkpoint("audeering/wav2small", NET_FILES),)
WEIGHTS = CHECKPOINTS[0].files
NEEDS = ("torch", "transformers")
INPUT = "16 kHz, mean 0 and variance 1 over the segment"
OUTPUT = Output("vad", "values", span=(0, 1))
ORDER = ("arousal", "dominance", "valence")      # by the paper, where the config has no names

MIN_SECONDS = 0.1


@cache
def load() -> Embedding:
    """The model; `WeightsError` or `MissingExtra` if something for it isn't here."""
    (folder,) = ready(__name__)
    return of(folder)


def of(folder: Path) -> Embedding:
    """The model of a folder."""
    import numpy as np

    from attune.checkpoints import hub
    from attune.checkpoints.nets import wav2small
    from attune.checkpoints.rows import standardised

    net = wav2small.net(next(p for p in (folder / "model.safetensors", folder / "pytorch_model.bin") if p.is_file()))
    columns = OUTPUT.columns(labels_of(folder, ORDER))

    def prepare(samples: np.ndarray):      # type: ignore[no-untyped-def]
        return hub.torch.from_numpy(standardised(samples))[None]

    values, features = hub.whole(net, prepare), hub.whole(net.features, prepare)

    def said(samples: np.ndarray) -> np.ndarray:
        return columns(values(samples))

    return Embedding(3, partial(measurable, shortest=MIN_SECONDS), said, net.adv.in_features, features,
                     together=hub.stack(said, net, prepare, columns, folder.name))
