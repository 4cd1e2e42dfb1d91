"""Whisper turbo: words with times, by 0.8 billion parameters, four layers of decoder, through faster-whisper.

Its model isn't packaged: `attune models add whisper_turbo`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from attune.checkpoints import Checkpoint
from attune.text.recognisers import _whisper
from attune.text.recognisers._whisper import DATA, LICENSE, LICENSE_CLASS, NEEDS, REFERENCE
from attune.text.transcript import Transcript

__all__ = ["DATA", "LICENSE", "LICENSE_CLASS", "NEEDS", "REFERENCE"]

TITLE = "Whisper turbo"
LIMITS = "invents words where nobody speaks; needs 2 GB of memory; translates nothing"
CHECKPOINTS = (Checkpoint("mobiuslabsgmbh/faster-whisper-large-v3-turbo", _whisper.FILES),)
WEIGHTS = CHECKPOINTS[0].files
INSTALL = "pip install 'attune[whisper]' and attune models add whisper_turbo"


def available() -> bool:
    """Whether the library and the model are here; nothing is imported or fetched.

    >>> available() in (True, False)
    True
    """
    return _whisper.here(sys.modules[__name__])


def transcribe(
    sound: Any, language: str | None = None, *, hook: Callable[[str, float, float], None] | None = None, library: Any = None, keep: bool = False
) -> Transcript:
    """Words with times; as `faster_whisper.transcribe`.

    Raises
    ------
    WeightsError, MissingExtra
        If the model or the library isn't here.
    """
    return _whisper.heard(CHECKPOINTS[0], "whisper_turbo", sound, language, hook, library, keep)
