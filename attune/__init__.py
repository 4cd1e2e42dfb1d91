"""Attune: emotional expression in face, voice and language, measured, fused, and said in words.

    import attune

    recording = attune.measure("talk.mp4")           # everybody's face, voice and words, aligned and fused
    recording["fused.vad"].label("valence")          # NumPy below
    attune.table(recording)                          # a pyarrow table; attune.to_frame(recording) for pandas
    attune.open("measured/talk")                     # the recording again, from its folder

Importing costs nothing; what a call needs arrives with the call.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "measure": ("attune.measure", "measure"), "describe": ("attune.describe", "describe"),
    "open": ("attune.export", "read"), "write": ("attune.export", "write"),
    "table": ("attune.export", "table"), "to_frame": ("attune.export", "to_frame"), "Media": ("attune.media", "Media"),
    "Settings": ("attune.settings", "Settings"), "Segment": ("attune.types", "Segment"), "Faces": ("attune.types", "Faces"),
    "Estimates": ("attune.types", "Estimates"), "Recording": ("attune.types", "Recording"), "Taxonomy": ("attune.taxonomy", "Taxonomy"),
    "Crosswalk": ("attune.taxonomy", "Crosswalk"), "AttuneError": ("attune.errors", "AttuneError"),
}
__all__ = sorted(_HOME)

if TYPE_CHECKING:
    from attune.describe import describe
    from attune.errors import AttuneError
    from attune.export import read as open
    from attune.export import table, to_frame, write
    from attune.measure import measure
    from attune.media import Media
    from attune.settings import Settings
    from attune.taxonomy import Crosswalk, Taxonomy
    from attune.types import Estimates, Faces, Recording, Segment


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'attune' has no attribute {name!r}")
    module, inside = _HOME[name]
    return getattr(importlib.import_module(module), inside)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


class _Package(ModuleType):
    """Importing the submodule `attune.measure` must not hide the function of that name."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
