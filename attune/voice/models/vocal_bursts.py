"""Vocal bursts: cries, sighs, moans and shouts without words, told from speech and named by six states.

Two heads on what the layers of `prosody_whisper` hear, so that they cost next to nothing where that has run. `burst` says whether a stretch of
voice is such a burst rather than speech; the probabilities name the state that it expresses, and mean nothing where the stretch is
speech. `attune.voice.bursts` finds the stretches in a recording.

    >>> model = load()
    >>> model([np.zeros(16_000, np.float32)]).shape        # silence: a row of NaN
    (1, 6)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from attune.voice import whisper_mel
from attune.voice.models._hearing import Hearing
from attune.weights import LicenceClass, session

if TYPE_CHECKING:
    import onnxruntime

TITLE = "Vocal bursts"
TAXONOMIES = ("vivae6",)
LICENSE = "weights CC BY-NC-SA 4.0, as the corpora they were trained on (VIVAE, RAVDESS, nEMO); URDU for research only"
LICENSE_CLASS: LicenceClass = "non-commercial"
REFERENCE = (
    "corpus: Holz, Larrouy-Maestri and Poeppel (2022) Emotion 22(1) 213-225; speech: Livingstone and Russo (2018) PLoS ONE 13(5) e0196391; "
    "Cao et al. (2014) IEEE TAC 5(4) 377-390; Christop (2024) LREC-COLING; Latif et al. (2018) FIT"
)
WEIGHTS = ("vocal_bursts.onnx", "prosody_whisper.onnx")
DATA = "VIVAE S01-S09; as speech: training speakers of RAVDESS, CREMA-D, nEMO and URDU"
TRAINED_ON = {                            # what is told from bursts is speech of these
    "vivae": ("train", "dev", "test"), "ravdess": ("train", "dev"), "crema_d": ("train",), "nemo": ("train",), "urdu": ("train",),
}
LIMITS = (
    "bursts of nine women, acted on request in one studio; no laughter, coughs, yawns or breaths; burst or speech is all that it tells apart: "
    "music and noise were never taught; pleasure is sexual, surprise positive, achievement triumph"
)

SAMPLE_RATE = whisper_mel.SAMPLE_RATE       # Hz
MIN_SECONDS = 0.2


@dataclass(frozen=True)
class Bursts:
    """Waveforms, or their embeddings, in; calibrated probabilities out."""

    prosody: Hearing
    heads: onnxruntime.InferenceSession

    def __call__(self, inputs: Sequence[np.ndarray]) -> np.ndarray:
        """Probabilities of the labels of vivae6, given that it is a burst: (samples,) float32 at SAMPLE_RATE each -> (n, 6) float32, rows
        sum to 1; NaN where there is nothing to measure: shorter than MIN_SECONDS, digital silence, not finite."""
        return self.named(self.embed(inputs))[0]

    def burst(self, inputs: Sequence[np.ndarray]) -> np.ndarray:
        """(n,) float32, the probability that it is a burst rather than speech, where both are equally likely beforehand; NaN as above."""
        return self.named(self.embed(inputs))[1]

    def embed(self, inputs: Sequence[np.ndarray]) -> np.ndarray:
        """The means of what the layers of `prosody_whisper` heard: (n, 1536) float32, NaN as above."""
        return self.prosody.mean(inputs, "heard")[:, : self.heads.get_inputs()[0].shape[1]]

    def named(self, embeddings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What was heard, (n, 1536) -> what `__call__` and `burst` give."""
        if len(embeddings) == 0:
            return np.zeros((0, 6), np.float32), np.zeros(0, np.float32)
        states, burst = zip(*(self.heads.run(None, {"embedding": row[None]}) for row in np.asarray(embeddings, np.float32)), strict=True)
        return np.concatenate(states), np.concatenate(burst)[:, 0]


def load() -> Bursts:
    """The packaged model."""
    heads, prosody = (session(Path(__file__).with_name(name)) for name in WEIGHTS)
    return Bursts(Hearing(prosody, MIN_SECONDS, whisper_mel.log_mel, whisper_mel.LONGEST, whisper_mel.LONGEST), heads)
