"""What Whisper's sizes share: the recogniser `faster_whisper` with a model that `attune models add` brings here."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from attune import registry
from attune.checkpoints import Checkpoint, state
from attune.text.transcript import Transcript
from attune.weights import LicenceClass

LICENSE = "MIT"
LICENSE_CLASS: LicenceClass = "permissive"
REFERENCE = "Radford et al. (2022), Robust speech recognition via large-scale weak supervision, arXiv:2212.04356"
DATA = "hundreds of thousands of hours of speech with captions from the web, in about a hundred languages"
NEEDS = ("faster_whisper",)
FILES = ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt|vocabulary.json", "preprocessor_config.json?")


def here(module: ModuleType) -> bool:
    """Whether the library and a size's model are here; nothing is imported or fetched."""
    return state(module) == "present"


def heard(
    checkpoint: Checkpoint, name: str, sound: Any, language: str | None, hook: Callable[[str, float, float], None] | None, library: Any, keep: bool = False
) -> Transcript:
    """Words with times by the model of a checkpoint."""
    words: Transcript = registry.load("attune.text.recognisers", "faster_whisper").transcribe(
        sound, language, hook=hook, library=library, model=checkpoint.here(name), keep=keep)
    return words
