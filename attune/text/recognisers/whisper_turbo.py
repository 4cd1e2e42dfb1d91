"""Whisper turbo: words with times, by 0.8 billion parameters, four layers of decoder, through faster-whisper.

The same recogniser as `faster_whisper`, with a model that `attune models add whisper_turbo` brings here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from attune import registry
from attune.checkpoints import Checkpoint, state
from attune.text.transcript import Transcript
from attune.weights import LicenceClass

TITLE = "Whisper turbo"
LICENSE = "MIT"
LICENSE_CLASS: LicenceClass = "permissive"
REFERENCE = "Radford et al. (2022), Robust speech recognition via large-scale weak supervision, arXiv:2212.04356"
DATA = "hundreds of thousands of hours of speech with captions from the web, in about a hundred languages"
LIMITS = "invents words where nobody speaks; needs 2 GB of memory; translates nothing"
CHECKPOINTS = (Checkpoint("mobiuslabsgmbh/faster-whisper-large-v3-turbo", (
    "model.bin", "config.json", "tokenizer.json", "vocabulary.txt|vocabulary.json", "preprocessor_config.json?",
)),)
WEIGHTS = CHECKPOINTS[0].files
NEEDS = ("faster_whisper",)
INSTALL = "pip install 'attune[whisper]' and attune models add whisper_turbo"


def available() -> bool:
    """Whether the library and the model are here; nothing is imported or fetched.

    >>> available() in (True, False)
    True
    """
    return state(sys.modules[__name__]) == "present"


def transcribe(sound: Any, language: str | None = None, *, hook: Callable[[str, float, float], None] | None = None, library: Any = None) -> Transcript:
    """Words with times; as `faster_whisper.transcribe`.

    Raises
    ------
    WeightsError, MissingExtra
        If the model or the library isn't here.
    """
    folder = CHECKPOINTS[0].here("whisper_turbo")
    words: Transcript = registry.load("attune.text.recognisers", "faster_whisper").transcribe(sound, language, hook=hook, library=library, model=folder)
    return words
