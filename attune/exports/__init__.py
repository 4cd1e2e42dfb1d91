"""Recordings in the formats that researchers exchange, one file each; adding a format is adding a file.

    exports.write(recording, "talk.eaf", "eaf")
    recording = exports.read("talk.eaf")                  # any of them; the format is told from the content

A format's module states

    NAME, SUFFIX              what it is called here, and how its files end ("" for a folder)
    FACTS                     title, keeps, loses, readers (who else reads it), reference: all of them sentences
    write(recording, path)    the path that was written
    read(path)                the recording, as far as the format carries one
    mine(path)                whether a file looks like one of these; a glance, no reading
    read_all(path)            only where one file may hold several recordings: all of them

What a format can't carry is in FACTS["loses"], never filled in. A file that is damaged, empty or something else is a `RecordingError`.

    >>> "eaf" in names()
    True
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from attune import registry
from attune.errors import RecordingError, unknown
from attune.types import Recording

FOLDER = "attune.exports"


def names() -> list[str]:
    """Names of the formats, sorted."""
    return registry.names(FOLDER)


def load(name: str) -> ModuleType:
    """The module of a format; `UnknownName` with the nearest if there is none."""
    if name not in names():
        raise unknown("export format", name, names())
    return registry.load(FOLDER, name)


def write(recording: Recording, path: str | Path, name: str) -> Path:
    """Write a recording as one of the formats; what it loses is in that format's FACTS.

    Raises
    ------
    UnknownName
        For another format.
    RecordingError
        If the recording has nothing that the format could hold.
    """
    written: Path = load(name).write(recording, Path(path))
    return written


def read(path: str | Path, name: str | None = None) -> Recording:
    """The one recording in a file or folder.

    Raises
    ------
    RecordingError
        If it is damaged, none of the formats, or holds several recordings (see `read_all`).
    """
    recording: Recording = load(name or recognised(path)).read(Path(path))
    return recording


def read_all(path: str | Path, name: str | None = None) -> Iterator[Recording]:
    """Every recording in a file or folder; only Hume's archives hold more than one."""
    module = load(name or recognised(path))
    yield from module.read_all(Path(path)) if hasattr(module, "read_all") else [module.read(Path(path))]


def beside_own(recording: Recording) -> Recording:
    """An imported recording, its labels fused again less the habits of its people: what `attune.measure` does with `baseline="own"`.

    Habits are found in the recording itself, by guess; a note says whose were, and whose couldn't be.
    """
    from attune.exports import _assemble

    return _assemble.beside_own(recording)


def recognised(path: str | Path) -> str:
    """The name of a file's format, by a glance at its content.

    Raises
    ------
    RecordingError
        If it can't be opened or is none of them.
    """
    path = Path(path)
    if not path.exists():
        raise RecordingError(f"{path} doesn't exist; expected a file or folder in one of the formats: {', '.join(names())}")
    for name in names():
        if load(name).mine(path):
            return name
    raise RecordingError(f"{path.name} is in no format that is known by its look; expected one of {', '.join(names())} (--as says which)")
