"""Any ONNX file that takes one sound at 16 kHz: `--voice onnx:net.toml`, the TOML beside it.

Facts of a voice: min_seconds, below which it isn't asked; hears: "sound", (1, t), "standardised" sound, of mean 0 and variance 1, or "mel",
the log-mel picture (1, t, 64) of `attune.voice.features`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from attune.checkpoints import graphs
from attune.checkpoints.families import of_a_graph
from attune.checkpoints.rows import Rows, standardised
from attune.errors import SettingError
from attune.voice.features import features, measurable
from attune.voice.models._huggingface import OWN, heard

HEARS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"sound": lambda samples: samples, "standardised": standardised, "mel": features}


def of(given: str) -> ModuleType:
    """The model of a file of facts."""
    return of_a_graph("attune.voice.models", given, (*OWN, "hears"), heard, load)


def load(path: Path, stated: dict[str, Any], columns: graphs.Columns, k: int, made: ModuleType) -> Rows:
    """The model of a graph; a `SettingError` if it hears what nobody makes."""
    hears = stated.get("hears", "sound")
    if hears not in HEARS:
        raise SettingError(f"hears = {hears!r}; expected one of {', '.join(HEARS)}")
    return graphs.sound(path, partial(measurable, shortest=made.MIN_SECONDS), HEARS[hears], columns, k, stated.get("output", ""))
