"""Who speaks when: one file per diarizer.

Each states TITLE, LICENSE, LICENSE_CLASS, REFERENCE and INSTALL, and has `available() -> bool`, which imports nothing heavy and looks only at this machine,
and `stream(settings) -> Diarizer`. Turns of two people overlap where both speak. None of them fetches a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Protocol

import numpy as np

from attune import registry, weights
from attune.errors import MissingExtra
from attune.settings import Settings
from attune.types import Segment

FOLDER = "attune.voice.diarizers"


class Diarizer(Protocol):
    """Sound in, turns out."""

    @property
    def duration(self) -> float:
        """Seconds of sound pushed so far."""

    def push(self, samples: np.ndarray) -> None:
        """Hear more sound, float (n,) at 16 kHz."""

    def close(self) -> None:
        """The sound is over."""

    def turns(self, speakers: str | int = "auto", book: Mapping[str, np.ndarray] | None = None) -> list[Segment]:
        """Turns by start, each with its speaker: a name of the book (name -> voiceprint), or "speaker 1", "speaker 2" in the order of appearance.

        speakers
            How many there are; "auto" finds out.
        """


def chosen(settings: Settings) -> ModuleType:
    """What tells speakers apart, as the settings choose it.

    Raises
    ------
    UnknownName
        If nothing has the name.
    MissingExtra
        If its library or model isn't here.
    WeightsError
        If its licence is refused.
    """
    module = registry.load(FOLDER, settings.diarizer)
    if settings.commercial_safe:
        weights.refuse_unless_commercial(module, settings.diarizer)
    if not module.available():
        raise MissingExtra(f"{module.TITLE} isn't here: {module.INSTALL}")
    return module
