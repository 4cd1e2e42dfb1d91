"""Any classifier of texts on the Hugging Face hub: `--text huggingface:owner/name:taxonomy`, or a TOML of facts.

Facts of a text: tokens, the longest input, and languages.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

from attune.checkpoints import READ_FILES
from attune.checkpoints.families import of_the_hub
from attune.checkpoints.labels import Output
from attune.checkpoints.rows import Embedding

OWN = ("tokens",)
TOKENS = 512


def of(given: str) -> ModuleType:
    """The model of an id and a taxonomy, or of a file of facts."""
    return of_the_hub("attune.text.models", given, READ_FILES, OWN, read, load)


def load(folder: Path, output: Output, stated: dict[str, Any], made: ModuleType) -> Embedding:
    """The model of a folder."""
    from attune.checkpoints import hub

    return hub.text(folder, output, made.TOKENS, stated.get("labels", ()))


def read(stated: dict[str, Any]) -> dict[str, Any]:
    """TOKENS."""
    return {"TOKENS": int(stated.get("tokens", TOKENS))}
