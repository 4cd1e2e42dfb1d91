"""Any classifier of sound on the Hugging Face hub: `--voice huggingface:owner/name:taxonomy`, or a TOML of facts.

Facts of a voice: min_seconds, below which it isn't asked.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from attune.checkpoints import HEARD_FILES
from attune.checkpoints.families import of_the_hub
from attune.checkpoints.labels import Output
from attune.checkpoints.rows import Embedding
from attune.voice.features import SAMPLE_RATE, measurable

OWN = ("min_seconds",)
SHORTEST = 0.1                           # s


def of(given: str) -> ModuleType:
    """The model of an id and a taxonomy, or of a file of facts."""
    return of_the_hub("attune.voice.models", given, HEARD_FILES, OWN, heard, load)


def load(folder: Path, output: Output, stated: dict[str, Any], made: ModuleType) -> Embedding:
    """The model of a folder."""
    from attune.checkpoints import hub

    return hub.sound(folder, output, partial(measurable, shortest=made.MIN_SECONDS), stated.get("labels", ()))


def heard(stated: dict[str, Any]) -> dict[str, Any]:
    """SAMPLE_RATE and MIN_SECONDS."""
    return {"SAMPLE_RATE": SAMPLE_RATE, "MIN_SECONDS": float(stated.get("min_seconds", SHORTEST))}
