"""Prosody: eight emotions from how something is said, on the first layers of Whisper's encoder.

Whisper learned what speech sounds like from 680,000 hours of it, and its lower layers still know how it was said. Three of them (of Whisper base), as
they are, see a log-mel picture (`attune.voice.whisper_mel`); the means over time of what they say are named by small nets, and these, their
deviations and what stands inside the layers by straight lines beside them. Loudness is no matter, and no words are recognised. Both were taught
by actors.

People sound like themselves before they sound angry or sad. Whoever has heard more of a person gives the mean of that person's
embeddings, from clips of any kind without labels, and `adapted` names what departs from it, which pays from about four clips on.
`votes` says what listeners would have chosen, which is less clear-cut than what an actor meant.

    >>> model = load()
    >>> model([np.zeros(16_000, np.float32)]).shape        # silence: a row of NaN
    (1, 8)
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

TITLE = "Prosody on Whisper's first layers"
TAXONOMIES = ("ravdess8",)
LICENSE = "weights CC BY-NC-SA 4.0, as the corpora they were trained on (RAVDESS, nEMO); URDU for research only; Whisper's layers MIT"
LICENSE_CLASS: LicenceClass = "non-commercial"
REFERENCE = (
    "encoder: Radford et al. (2023) ICML; corpora: Livingstone and Russo (2018) PLoS ONE 13(5) e0196391; Cao et al. (2014) IEEE TAC 5(4) 377-390; "
    "Christop (2024) LREC-COLING; Latif et al. (2018) FIT"
)
WEIGHTS = ("prosody_whisper.onnx", "prosody_whisper_adapted.onnx")
DATA = "RAVDESS actors 1-20, CREMA-D (happy and sad clips, listeners' votes), nEMO (Polish), URDU; training speakers only"
TRAINED_ON = {"ravdess": ("train", "dev"), "crema_d": ("train",), "nemo": ("train",), "urdu": ("train",)}
TUNED_ON = {"crema_d": ("dev",), "nemo": ("dev",), "urdu": ("dev",)}        # seen when layers and versions of clips were chosen
LIMITS = (
    "acted speech of adults, mostly English and Polish; calm was taught by RAVDESS alone, disgust by RAVDESS and by votes; unknown speakers of "
    "unknown corpora are measured much less surely than the figures for RAVDESS say; short segments less surely than long ones"
)

SAMPLE_RATE = whisper_mel.SAMPLE_RATE       # Hz
MIN_SECONDS = 0.2
LABELS = 8
MEANS = 1536                                # the first columns of what is heard: means of what the layers say
VOTES = ("neutral", "happy", "sad", "angry", "fearful", "disgust")       # what CREMA-D's listeners could choose


@dataclass(frozen=True)
class Prosody:
    """Waveforms in, calibrated probabilities out."""

    net: Hearing
    beside: onnxruntime.InferenceSession

    def __call__(self, inputs: Sequence[np.ndarray]) -> np.ndarray:
        """Probabilities of the labels of ravdess8.

        Parameters
        ----------
        inputs : list of (samples,) float32 at SAMPLE_RATE, any lengths

        Returns
        -------
        (n, 8) float32, rows sum to 1; NaN where there is nothing to measure: shorter than MIN_SECONDS, digital silence, not finite.
        """
        return self.net.distribution(inputs, "probabilities")

    def embed(self, inputs: Sequence[np.ndarray]) -> np.ndarray:
        """What the net heard, before it was named: (n, d) float32, NaN as in `__call__`; d is fixed by the weights."""
        return self.net.mean(inputs, "embedding")

    def heard(self, inputs: Sequence[np.ndarray]) -> np.ndarray:
        """What Whisper's layers make of it, before anything was taught of emotions: (n, 7168) float32, NaN as in `__call__`. Over time, MEANS means and
        as many deviations of what the three layers say, then the means of what stands inside the feed-forward nets of the second and third."""
        return self.net.mean(inputs, "heard")

    def votes(self, inputs: Sequence[np.ndarray]) -> np.ndarray:
        """Shares of the votes that listeners would give, (n, 6) float32 in the order of VOTES; NaN as in `__call__`."""
        return self.net.distribution(inputs, "votes")

    def adapted(self, embeddings: np.ndarray, mean: np.ndarray, count: float) -> np.ndarray:
        """Probabilities of the labels of ravdess8 beside what is usual for one person.

        Parameters
        ----------
        embeddings : (n, d), of that person's segments (`embed`)
        mean : (d,), of everything heard of the person so far, whatever it expressed
        count : how many segments that mean is of; the fewer, the nearer the average person is assumed

        Returns
        -------
        (n, 8) float32, rows sum to 1; NaN where the embedding is.
        """
        if len(embeddings) == 0:
            return np.zeros((0, LABELS), np.float32)
        given = {"embedding": embeddings, "mean": mean, "count": count}
        return np.asarray(self.beside.run(None, {name: np.asarray(value, np.float32) for name, value in given.items()})[0])


def load() -> Prosody:
    """The packaged model."""
    net, beside = (session(Path(__file__).with_name(name)) for name in WEIGHTS)
    return Prosody(Hearing(net, MIN_SECONDS, whisper_mel.log_mel, whisper_mel.LONGEST, whisper_mel.LONGEST), beside)
