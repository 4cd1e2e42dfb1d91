"""Inputs through a net one at a time, so that a batch is nothing but its rows, and what can't be measured is a row of NaN.

Several in a call, padded where they differ in length, are quicker on a graphics card, and let a row's last digits depend on its neighbours: that is
only done where it is asked for (`together`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from attune.errors import ShapeError
from attune.taxonomy import taxonomy

Said = Callable[[Any], np.ndarray]
FLAT = 1.0                               # grey levels: below this standard deviation a crop shows nothing


@dataclass(frozen=True)
class Rows:
    """A model: inputs -> (n, k) float32.

    k : columns
    measurable : whether an input says anything
    said : an input to its row (k,); NaN in it is kept
    together : measurable inputs to their rows (n, k) in few calls of the net (`together.Net`); None: it takes one at a time
    joins : whether it may be asked so, where that takes a look; nobody looks where it isn't asked for
    """

    k: int
    measurable: Callable[[Any], bool]
    said: Said
    together: Callable[[Sequence[Any]], np.ndarray] | None = field(default=None, kw_only=True)
    joins: Callable[[], bool] = field(default=lambda: True, kw_only=True)

    def __call__(self, inputs: Sequence[Any] | np.ndarray) -> np.ndarray:
        return filled(inputs, self.k, self.measurable, self.said)

    @property
    def many(self) -> Callable[[Sequence[Any]], np.ndarray] | None:
        """As `__call__`, with several inputs in a call of the net, so that last digits may differ; None where the net takes one at a time."""
        return self._many if self.together is not None and self.joins() else None

    def _many(self, inputs: Sequence[Any]) -> np.ndarray:
        rows = np.full((len(inputs), self.k), np.nan, np.float32)
        there = [i for i, one in enumerate(inputs) if self.measurable(one)]
        if there and self.together is not None:
            rows[there] = self.together([inputs[i] for i in there])
        return rows


@dataclass(frozen=True)
class Embedding(Rows):
    """A model that also gives what it saw before it named it.

    heard : an input to its features (d,)
    """

    d: int
    heard: Said

    def embed(self, inputs: Sequence[Any] | np.ndarray) -> np.ndarray:
        """(n, d) float32; NaN as in `__call__`."""
        return filled(inputs, self.d, self.measurable, self.heard)


def filled(inputs: Sequence[Any] | np.ndarray, k: int, measurable: Callable[[Any], bool], said: Said) -> np.ndarray:
    """(n, k) float32: what is said of each input, a row of NaN where it isn't measurable."""
    rows = np.full((len(inputs), k), np.nan, np.float32)
    for row, one in zip(rows, inputs, strict=True):
        if measurable(one):
            row[:] = said(one)
    return rows


def width(taxonomies: Sequence[str]) -> int:
    """Columns of taxonomies side by side."""
    return sum(len(taxonomy(name)) for name in taxonomies)


def written(text: str) -> bool:
    """Whether a text has a letter, a digit or a sign to read."""
    return any(c.isprintable() and not c.isspace() for c in text.encode("utf-8", "ignore").decode("utf-8"))


def shown(size: tuple[int, int]) -> Callable[[np.ndarray], bool]:
    """Whether a crop (h, w, 3) uint8 shows anything; a `ShapeError` if it has another shape or type."""

    def measurable(crop: np.ndarray) -> bool:
        crop = np.asarray(crop)
        if crop.shape != (*size, 3) or crop.dtype != np.uint8:
            raise ShapeError(f"a crop has shape {crop.shape} and type {crop.dtype}; expected ({size[0]}, {size[1]}, 3) uint8, RGB")
        return float(crop.std()) >= FLAT

    return measurable


def pixels(crop: np.ndarray, mean: Sequence[float], deviation: Sequence[float]) -> np.ndarray:
    """A crop (h, w, 3) uint8 as most nets want it: (1, 3, h, w) float32, in 0..1, then less the mean and over the deviation of each channel.

    >>> pixels(np.full((2, 2, 3), 255, np.uint8), (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)).ravel().tolist()[:2]
    [1.0, 1.0]
    """
    scaled = (crop.astype(np.float32) / np.float32(255) - np.asarray(mean, np.float32)) / np.asarray(deviation, np.float32)
    return np.ascontiguousarray(scaled.transpose(2, 0, 1)[None])


def standardised(samples: np.ndarray) -> np.ndarray:
    """Sound (t,) with mean 0 and variance 1, as wav2vec 2.0's feature extractor does it: (x - mean) / sqrt(variance + 1e-7)."""
    samples = np.asarray(samples, np.float32)
    return np.asarray((samples - samples.mean()) / np.sqrt(samples.var() + 1e-7), np.float32)
