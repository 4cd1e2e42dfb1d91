"""audEERING's dimensional model: valence, arousal and dominance of a voice, by wav2vec 2.0 with half of its layers left out.

The sound is standardised, so that loudness doesn't count. Its outputs, in the order of its own config, lie around 0..1 and are laid onto
-1..1. Weights aren't packaged: `attune models add audeering_dim`.
"""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path

import numpy as np

from attune.checkpoints import HEARD_FILES, Checkpoint, labels_of, ready
from attune.checkpoints.labels import Output
from attune.checkpoints.rows import Embedding
from attune.voice.features import SAMPLE_RATE, measurable
from attune.weights import LicenceClass

__all__ = ["SAMPLE_RATE"]

TITLE = "audEERING wav2vec 2.0, dimensions"
TAXONOMIES = ("vad",)
LICENSE = "CC BY-NC-SA 4.0, by its card; commercial licences from audEERING"
LICENSE_CLASS: LicenceClass = "non-commercial"
REFERENCE = (
    "Wagner, Triantafyllopoulos, Wierstorf, Schmitt, Burkhardt, Eyben & Schuller (2023), Dawn of the transformer era in speech emotion "
    "recognition: closing the valence gap, IEEE TPAMI 45(9)"
)
DATA = "MSP-Podcast 1.7, train: segments of English podcasts, rated by listeners"
TRAINED_ON = {"msp_podcast": ("train",)}
LIMITS = "English podcasts; valence is partly read from the words that the net hears. Published CCC on MSP-Podcast 1.7: V .638, A .744, D .655"
CHECKPOINTS = (Checkpoint("audeering/wav2vec2-large-robust-12-ft-emotion-msp-dim", HEARD_FILES),)
WEIGHTS = CHECKPOINTS[0].files
NEEDS = ("torch", "transformers")
INPUT = "16 kHz, mean 0 and variance 1 by its preprocessor_config.json"
OUTPUT = Output("vad", "values", span=(0, 1))
ORDER = ("arousal", "dominance", "valence")      # by its card, where the config has no names
GOLDEN = ((np.zeros(16_000, np.float32), {            # its card, of a second of zeros, there in 0..1
    "vad.arousal": 2 * 0.5460754 - 1, "vad.dominance": 2 * 0.6062266 - 1, "vad.valence": 2 * 0.40431657 - 1}),)

MIN_SECONDS = 0.1


@cache
def load() -> Embedding:
    """The model; `WeightsError` or `MissingExtra` if something for it isn't here."""
    (folder,) = ready(__name__)
    return of(folder)


def of(folder: Path) -> Embedding:
    """The model of a folder."""
    from attune.checkpoints import hub
    from attune.checkpoints.nets import audeering

    net, prepare = audeering.net(folder), hub.heard_by(folder)
    columns, values, features = OUTPUT.columns(labels_of(folder, ORDER)), hub.whole(net, prepare), hub.whole(net.features, prepare)

    def said(samples: np.ndarray) -> np.ndarray:
        return columns(values(samples))

    return Embedding(3, partial(measurable, shortest=MIN_SECONDS), said, net.config.hidden_size, features,
                     together=hub.sounds(said, net, prepare, columns, folder.name, hub.masked(folder)))
