"""Speech to words: one file per recogniser.

Each states TITLE and INSTALL, and has `available() -> bool`, which imports nothing heavy and looks only at this machine, and
`transcribe(sound, language=, hook=) -> Transcript` with word times. None of them fetches a model. What it heard is kept by `attune.cache` if it says which
files it runs by: CHECKPOINTS, WEIGHTS, or `files(language) -> list[Path]`. One that takes `keep=` can leave its model open for the next time.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import ModuleType
from typing import Any

from attune import registry, weights
from attune.errors import MissingExtra
from attune.text.transcript import Transcript

FOLDER = "attune.text.recognisers"
_stays: ContextVar[bool] = ContextVar("a recogniser's model stays open", default=False)


def first(wanted: str | None = "auto") -> str | None:
    """The name of the recogniser that will be used; None if there is none to use.

    wanted
        A name, "none", or "auto": the first, by name, whose library and model are on this machine.

    Raises
    ------
    UnknownName
        If nothing has the name.
    MissingExtra
        If it was asked for by name, and its library or model isn't here.

    >>> first("none") is None
    True
    """
    if wanted in (None, "", "none"):
        return None
    if wanted != "auto":
        module = registry.load(FOLDER, wanted)
        if not module.available():
            raise MissingExtra(f"{module.TITLE} or a model for it isn't here: {module.INSTALL}")
        return wanted
    return next(iter(here()), None)


def here() -> list[str]:
    """The names of those whose library and model are on this machine; nothing heavy is imported.

    >>> set(here()) <= set(registry.names(FOLDER))
    True
    """
    return [name for name in registry.names(FOLDER) if registry.load(FOLDER, name).available()]


@contextmanager
def staying_open() -> Iterator[None]:
    """Within it a recogniser's model stays open in this process once it is: for whoever hears turn after turn."""
    before = _stays.set(True)
    try:
        yield
    finally:
        _stays.reset(before)


def heard(module: ModuleType, sound: Any, language: str | None = None, hook: Callable[[str, float, float], None] | None = None) -> Transcript:
    """What a recogniser hears in a sound; its model is let go of after, but within `staying_open`."""
    more: dict[str, Any] = {"keep": True} if _stays.get() and "keep" in inspect.signature(module.transcribe).parameters else {}
    found: Transcript = module.transcribe(sound, language=language, **more, **({"hook": hook} if hook else {}))
    return found


def kept(module: ModuleType, language: str = "") -> Callable[[Any], Transcript]:
    """A recogniser for one piece of sound after the other, whose model stays open in this process, if it can."""
    def hear(sound: Any) -> Transcript:
        with staying_open():
            return heard(module, sound, language or None)

    return hear


def files(module: ModuleType, language: str = "") -> list[Path]:
    """The model's files that a recogniser runs by; empty if it doesn't say."""
    if hasattr(module, "files"):
        return list(module.files(language))
    return [path for path in weights.files(module) if path.is_file()] if hasattr(module, "WEIGHTS") else []
