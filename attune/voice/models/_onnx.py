"""Any ONNX file that takes one sound at 16 kHz: `--voice onnx:net.toml`, the TOML beside it.

Facts of a voice: min_seconds, below which it isn't asked, standardise: whether it wants a mean of 0 and a variance of 1.
"""

from __future__ import annotations

from functools import partial
from types import ModuleType

from attune.checkpoints import graphs
from attune.checkpoints.families import of_a_graph
from attune.checkpoints.rows import standardised
from attune.voice.features import measurable
from attune.voice.models._huggingface import OWN, heard


def of(given: str) -> ModuleType:
    """The model of a file of facts."""
    return of_a_graph(
        "attune.voice.models", given, (*OWN, "standardise"), heard,
        lambda path, stated, columns, k, made: graphs.sound(
            path, partial(measurable, shortest=made.MIN_SECONDS), standardised if stated.get("standardise") else lambda samples: samples, columns, k,
            stated.get("output", "")))
