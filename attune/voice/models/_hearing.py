"""How a net that takes one picture of sound hears many sounds of any length.

One sound runs at a time, so that a batch is nothing but its rows. What is too long is measured in equal pieces;
their log-probabilities, or whatever else, are averaged by duration. What can't be measured is a row of NaN.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from attune.voice import features

if TYPE_CHECKING:
    import onnxruntime

WHOLE_SECONDS = 30.0                     # longer is cut
PIECE_SECONDS = 15.0                     # into equal pieces no longer than this


@dataclass(frozen=True)
class Hearing:
    """A net with the input "mel" (1, t, bands) and outputs (1, k); the seconds below which it isn't asked; the picture that it wants; the seconds
    from which on a sound is cut, and how long pieces are then at most."""

    net: onnxruntime.InferenceSession
    shortest: float
    picture: Callable[[np.ndarray], np.ndarray] = features.features
    whole: float = WHOLE_SECONDS
    piece: float = PIECE_SECONDS

    def distribution(self, inputs: Sequence[np.ndarray], output: str) -> np.ndarray:
        """(n, k) float32, rows sum to 1: of each input (samples,) at 16 kHz, the geometric mean over its pieces."""
        return self._rows(inputs, output, _geometric)

    def mean(self, inputs: Sequence[np.ndarray], output: str) -> np.ndarray:
        """(n, k) float32: of each input (samples,) at 16 kHz, the mean over its pieces."""
        return self._rows(inputs, output, lambda values, weights: np.asarray(np.average(values, axis=0, weights=weights), np.float32))

    def _rows(self, inputs: Sequence[np.ndarray], output: str, join: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
        k = next(int(o.shape[1]) for o in self.net.get_outputs() if o.name == output)
        rows = np.full((len(inputs), k), np.nan, np.float32)
        for row, samples in zip(rows, inputs, strict=True):
            parts = self._parts(np.asarray(samples), output)
            if parts:
                row[:] = join(*parts)
        return rows

    def _parts(self, samples: np.ndarray, output: str) -> tuple[np.ndarray, np.ndarray] | None:
        """One output for each piece, (pieces, k), and the pieces' lengths; None when nothing can be measured."""
        if not features.measurable(samples, self.shortest):
            return None
        pieces = [p for p in _pieces(samples, self.whole, self.piece) if features.measurable(p, self.shortest)]
        values = [self.net.run([output], {"mel": self.picture(p)[None]})[0][0] for p in pieces]
        return (np.stack(values), np.array([len(p) for p in pieces])) if pieces else None


def _pieces(samples: np.ndarray, whole: float, piece: float) -> list[np.ndarray]:
    """The whole, or equal pieces when it is too long."""
    if len(samples) <= whole * features.SAMPLE_RATE:
        return [samples]
    n = -(-len(samples) // int(piece * features.SAMPLE_RATE))
    edges = [len(samples) * i // n for i in range(n + 1)]
    return [samples[a:b] for a, b in itertools.pairwise(edges)]


def _geometric(p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted mean of log-probabilities (pieces, k), made probabilities again: (k,)."""
    if len(p) == 1:
        return np.asarray(p[0], np.float32)
    mean = np.average(np.log(np.maximum(p.astype(np.float64), 1e-12)), axis=0, weights=weights)
    p = np.exp(mean - mean.max())
    return np.asarray(p / p.sum(), np.float32)
