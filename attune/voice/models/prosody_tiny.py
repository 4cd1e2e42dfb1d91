"""Tiny prosody: eight emotions from how something is said, by a net of ninety-eight thousand parameters.

A student taught by a larger net's probabilities (Hinton et al. 2015; in the manner of Wav2Small, Kounadis-Bastian et al. 2024), for live and edge use,
where `prosody_whisper` is too large. How sure it may be hangs on functionals of the same picture. Weights are stored in half precision and
computed in single. It has no personal baseline.

    >>> model = load()
    >>> model([np.zeros(16_000, np.float32)]).shape        # silence: a row of NaN
    (1, 8)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from attune.voice import features
from attune.voice.models._hearing import Hearing
from attune.weights import LicenceClass, session

TITLE = "Prosody, tiny"
TAXONOMIES = ("ravdess8",)
LICENSE = "weights CC BY-NC-SA 4.0, as the corpora they were trained on (RAVDESS, nEMO); URDU for research only"
LICENSE_CLASS: LicenceClass = "non-commercial"
REFERENCE = (
    "distillation: Hinton, Vinyals and Dean (2015) arXiv:1503.02531; Kounadis-Bastian et al. (2024) Wav2Small, arXiv:2408.13920; "
    "corpora: as prosody_whisper"
)
WEIGHTS = ("prosody_tiny.onnx",)
DATA = "RAVDESS actors 1-20, CREMA-D (happy and sad clips), nEMO (Polish), URDU; training speakers only, with prosody_whisper as teacher"
TRAINED_ON = {"ravdess": ("train", "dev"), "crema_d": ("train",), "nemo": ("train",), "urdu": ("train",)}
TUNED_ON = {"crema_d": ("dev",), "nemo": ("dev",), "urdu": ("dev",)}
LIMITS = (
    "acted speech of adults, mostly English and Polish; what limits its teacher limits it: unknown speakers of unknown corpora are measured "
    "much less surely than the figures for RAVDESS say"
)

SAMPLE_RATE = features.SAMPLE_RATE       # Hz
MIN_SECONDS = 0.2


@dataclass(frozen=True)
class Tiny:
    """Waveforms in, calibrated probabilities out."""

    net: Hearing

    def __call__(self, inputs: Sequence[np.ndarray]) -> np.ndarray:
        """Probabilities of the labels of ravdess8: (samples,) float32 at SAMPLE_RATE each -> (n, 8) float32, rows sum to 1; NaN where
        there is nothing to measure: shorter than MIN_SECONDS, digital silence, not finite."""
        return self.net.distribution(inputs, "probabilities")

    def embed(self, inputs: Sequence[np.ndarray]) -> np.ndarray:
        """What the net heard, before it was named: (n, d) float32, NaN as in `__call__`."""
        return self.net.mean(inputs, "embedding")


def load() -> Tiny:
    """The packaged model."""
    return Tiny(Hearing(session(Path(__file__).with_name(WEIGHTS[0])), MIN_SECONDS))
