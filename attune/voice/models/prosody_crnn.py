"""Prosody v1: eight emotions from how something is said, by a small convolutional recurrent net on log-mel pictures.

The net sees no loudness (`attune.voice.features`), knows no words, and was taught by actors. One segment runs at a time, so that
a batch is nothing but its rows; what is longer than half a minute is measured in parts, and their log-probabilities are averaged
by duration.

    >>> model = load()
    >>> model([np.zeros(16_000, np.float32)]).shape        # silence: a row of NaN
    (1, 8)
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from attune.voice import features
from attune.weights import LicenceClass, session

if TYPE_CHECKING:
    import onnxruntime

TITLE = "Prosody CRNN"
TAXONOMIES = ("ravdess8",)
LICENSE = "weights CC BY-NC-SA 4.0, as the corpora they were trained on (RAVDESS, nEMO); URDU for research only"
LICENSE_CLASS: LicenceClass = "non-commercial"
REFERENCE = (
    "corpora: Livingstone and Russo (2018) PLoS ONE 13(5) e0196391; Cao et al. (2014) IEEE TAC 5(4) 377-390; Christop (2024) LREC-COLING; "
    "Latif et al. (2018) FIT. Pooling: Okabe et al. (2018) Interspeech"
)
WEIGHTS = ("prosody_crnn.onnx",)
DATA = "RAVDESS actors 1-20, CREMA-D (happy and sad clips, listeners' votes), nEMO (Polish), URDU; training speakers only"
LIMITS = (
    "acted speech of adults, mostly English and Polish; calm was taught by RAVDESS alone, disgust by RAVDESS and by votes; unknown speakers of "
    "unknown corpora are measured much less surely than the figures for RAVDESS say; short segments less surely than long ones"
)

SAMPLE_RATE = features.SAMPLE_RATE       # Hz
MIN_SECONDS = 0.2
WHOLE_SECONDS = 30.0                     # longer is cut
PIECE_SECONDS = 15.0                     # into equal pieces no longer than this
LABELS = 8


@dataclass(frozen=True)
class Prosody:
    """Waveforms in, calibrated probabilities out."""

    net: onnxruntime.InferenceSession

    def __call__(self, inputs: Sequence[np.ndarray]) -> np.ndarray:
        """Probabilities of the labels of ravdess8.

        Parameters
        ----------
        inputs : list of (samples,) float32 at SAMPLE_RATE, any lengths

        Returns
        -------
        (n, 8) float32, rows sum to 1; NaN where there is nothing to measure: shorter than MIN_SECONDS, digital silence, not finite.
        """
        rows = [self._parts(samples, "probabilities") for samples in inputs]
        return np.stack([_geometric(*row) if row else np.full(LABELS, np.nan, np.float32) for row in rows]) if rows else _none(LABELS)

    def embed(self, inputs: Sequence[np.ndarray]) -> np.ndarray:
        """What the net heard, before it was named: (n, d) float32, NaN as in `__call__`; d is fixed by the weights."""
        d = int(self.net.get_outputs()[1].shape[1])
        rows = [self._parts(samples, "embedding") for samples in inputs]
        return np.stack([np.average(row[0], axis=0, weights=row[1]).astype(np.float32) if row else np.full(d, np.nan, np.float32) for row in rows]
                        ) if rows else _none(d)

    def _parts(self, samples: np.ndarray, output: str) -> tuple[np.ndarray, np.ndarray] | None:
        """One output for each piece, (pieces, k), and the pieces' lengths; None when nothing can be measured."""
        samples = np.asarray(samples)
        if not features.measurable(samples, MIN_SECONDS):
            return None
        pieces = [p for p in _pieces(samples) if features.measurable(p, MIN_SECONDS)]
        values = [self.net.run([output], {"mel": features.features(p)[None]})[0][0] for p in pieces]
        return (np.stack(values), np.array([len(p) for p in pieces])) if pieces else None


def load() -> Prosody:
    """The packaged model."""
    return Prosody(session(Path(__file__).with_name(WEIGHTS[0])))


def _pieces(samples: np.ndarray) -> list[np.ndarray]:
    """The whole, or equal pieces when it is too long."""
    if len(samples) <= WHOLE_SECONDS * SAMPLE_RATE:
        return [samples]
    n = -(-len(samples) // int(PIECE_SECONDS * SAMPLE_RATE))
    edges = [len(samples) * i // n for i in range(n + 1)]
    return [samples[a:b] for a, b in itertools.pairwise(edges)]


def _geometric(p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted mean of log-probabilities (pieces, k), made probabilities again: (k,)."""
    if len(p) == 1:
        return np.asarray(p[0], np.float32)
    mean = np.average(np.log(np.maximum(p.astype(np.float64), 1e-12)), axis=0, weights=weights)
    p = np.exp(mean - mean.max())
    return np.asarray(p / p.sum(), np.float32)


def _none(k: int) -> np.ndarray:
    return np.zeros((0, k), np.float32)
