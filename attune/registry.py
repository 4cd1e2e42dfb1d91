"""A folder of modules is a registry: the file's name is the thing's name, and nothing else is edited.

Other people's packages join through entry points of the group named like the folder:

    [project.entry-points."attune.voice.models"]
    my_net = "my_package.my_net"

A file `_family.py` with `of(given)` makes members as they are asked for: "family:given", as in "onnx:my_net.toml".

    >>> "ferplus_resnet" in names("attune.face.models")
    True
"""

from __future__ import annotations

import importlib
import importlib.resources
import sys
import threading
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType

from attune.errors import unknown

_MAKING = threading.RLock()


def names(folder: str) -> list[str]:
    """Names in a folder, written as a package ("attune.face.models"), sorted; nothing is imported."""
    files = importlib.resources.files(folder).iterdir()
    own = {f.name[:-3] for f in files if f.name.endswith(".py") and not f.name.startswith("_")}
    return sorted(own | {e.name for e in _entries(folder, tuple(sys.path))})


def load(folder: str, name: str) -> ModuleType:
    """The module of that name, or the member of a family ("family:given").

    Raises
    ------
    UnknownName
        If neither the folder nor an entry point has it.
    """
    family, colon, given = name.partition(":")
    if colon:
        with _MAKING:                     # once, though several threads ask: each would load its own weights
            return _member(folder, family, given)
    for entry in _entries(folder, tuple(sys.path)):
        if entry.name == name:
            module: ModuleType = entry.load()
            return module
    if name not in names(folder):
        raise unknown(folder.removeprefix("attune.").replace(".", " ").removesuffix("s"), name, names(folder))
    return importlib.import_module(f"{folder}.{name}")


@cache
def _member(folder: str, family: str, given: str) -> ModuleType:
    files = importlib.resources.files(folder).iterdir()
    families = {f.name[1:-3] for f in files if f.name.startswith("_") and not f.name.startswith("__") and f.name.endswith(".py")}
    module = importlib.import_module(f"{folder}._{family}") if family in families else None
    if not hasattr(module, "of"):
        raise unknown(f"family of {folder.removeprefix('attune.').replace('.', ' ')}", family, ["huggingface", "onnx"])
    made: ModuleType = module.of(given)      # type: ignore[union-attr]
    return made


@cache
def _entries(folder: str, path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """Entry points of a group; looked for once for a search path, because it reads every installed package's metadata (some 15 ms)."""
    return tuple(entry_points(group=folder))
