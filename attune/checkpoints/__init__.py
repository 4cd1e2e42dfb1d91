"""Public checkpoints: which files a model is published as, where they lie here, and whether they are what they were.

A model of other people is a module like every other, in face/models, voice/models or text/models, that states `CHECKPOINTS` beside its
facts. Its weights aren't packaged. `attune models add NAME` shows the licence, asks, fetches (`fetch`) and writes down what it got
(`lock.json`); from then on the files must stay what they were. Nothing else ever reaches for a network.

    CHECKPOINTS = (Checkpoint("owner/name", ("config.json", "model.safetensors|pytorch_model.bin")),)
    NEEDS = ("torch",)
    def load(): (folder,) = ready(__name__); ...

What a checkpoint's own files don't carry (the code of its net) is written again in `nets`; labels go by their names (`labels`), inputs run
one at a time (`rows`), or several where that is asked for (`together`), and what transformers can load is loaded in `hub`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from attune.errors import MissingExtra, WeightsError
from attune.weights import cache_folder

FOLDER = "ATTUNE_CHECKPOINTS"            # environment variable: where checkpoints lie, by default in the cache
INSTALL = "pip install 'attune[checkpoints]'"
LOCK = "lock.json"                       # what was fetched: revision, and each file's SHA-256, size and time
State = Literal["packaged", "present", "can be added"]

# what transformers loads a classifier from
NET_FILES = ("config.json", "model.safetensors|pytorch_model.bin")
SEEN_FILES = HEARD_FILES = (*NET_FILES, "preprocessor_config.json")
READ_FILES = (
    *NET_FILES, "tokenizer.json|vocab.json|vocab.txt|sentencepiece.bpe.model|spiece.model", "tokenizer_config.json?", "special_tokens_map.json?", "vocab.json?",
    "merges.txt?", "vocab.txt?", "bpe.codes?",
)


@dataclass(frozen=True)
class Checkpoint:
    """Files that are published together.

    id
        owner/name on the Hugging Face hub, or a name of ours for what lies elsewhere (then with `url`).
    files
        As they are published. "a|b" is either of them, the first that there is; "a?" may be missing.
    revision
        The commit they are taken from. Empty: none is known here; the first that is fetched is kept.
    sha256
        Of each file, where it is known; other files are trusted when they first come, and refused when they change.
    url
        With {revision} and {file}; empty: the hub's.
    """

    id: str
    files: tuple[str, ...]
    revision: str = ""
    sha256: Mapping[str, str] = field(default_factory=dict, hash=False)
    url: str = ""

    @property
    def folder(self) -> Path:
        """Where it lies on this machine, or would."""
        return folder() / self.id.replace("/", "--")

    @property
    def paths(self) -> list[Path]:
        """The files that are used: of alternatives the first that is there, else the first; what may be missing only if it is there."""
        chosen = []
        for file in self.files:
            choices = [self.folder / name for name in alternatives(file)]
            there = next((path for path in choices if path.is_file()), None)
            if there or not file.endswith("?"):
                chosen.append(there or choices[0])
        return list(dict.fromkeys(chosen))

    @property
    def present(self) -> bool:
        return all(path.is_file() for path in self.paths)

    def here(self, name: str) -> Path:
        """The folder, once its files are all there and are what they were when they came.

        Raises
        ------
        WeightsError
            If one is missing, or has changed; `name` is the model's.
        """
        missing = [p.name for p in self.paths if not p.is_file()]
        if missing:
            raise WeightsError(
                f"{name} needs {self.id}, and {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not in {self.folder}; "
                f"get it by: attune models add {name}"
            )
        verify(self, name)
        return self.folder


def alternatives(file: str) -> list[str]:
    """The names that an entry of `Checkpoint.files` stands for.

    >>> alternatives("model.safetensors|pytorch_model.bin"), alternatives("vocab.txt?")
    (['model.safetensors', 'pytorch_model.bin'], ['vocab.txt'])
    """
    return file.removesuffix("?").split("|")


def folder() -> Path:
    """Where all checkpoints lie: $ATTUNE_CHECKPOINTS, or "checkpoints" in the cache."""
    given = os.environ.get(FOLDER)
    return Path(given) if given else cache_folder() / "checkpoints"


def state(module: ModuleType | Any) -> State:
    """Whether a model's weights are packaged, here with all that runs them, or still to be added."""
    if not hasattr(module, "CHECKPOINTS"):
        return "packaged"
    return "present" if all(c.present for c in module.CHECKPOINTS) and not lacking(module) else "can be added"


def lacking(module: ModuleType | Any) -> list[str]:
    """Libraries that a model runs by, its NEEDS, and that aren't installed; nothing is imported."""
    return [package for package in getattr(module, "NEEDS", ()) if importlib.util.find_spec(package) is None]


def ready(module: ModuleType | Any | str) -> list[Path]:
    """The folder of each of a model's checkpoints, once all is there to run it; what `load()` begins with.

    module
        The model, or the name of its module.

    Raises
    ------
    WeightsError
        If files are missing or have changed.
    MissingExtra
        If a library is missing.
    """
    module = sys.modules[module] if isinstance(module, str) else module
    name = getattr(module, "CALLED", module.__name__.rpartition(".")[2])
    folders = [checkpoint.here(name) for checkpoint in module.CHECKPOINTS]
    missing = lacking(module)
    if missing:
        raise MissingExtra(f"{name} needs {' and '.join(missing)}: {getattr(module, 'INSTALL', INSTALL)}")
    return folders


# The lock ----------------------------------------------------------------------------------------------------------------------------

def sha256(path: Path) -> str:
    """All 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def locked(checkpoint: Checkpoint) -> dict[str, Any]:
    """What was written down when it came: {"id", "revision", "files": {name: {"sha256", "bytes", "mtime"}}}; empty if nothing was.

    Raises
    ------
    WeightsError
        If the file is no longer readable as that.
    """
    path = checkpoint.folder / LOCK
    if not path.is_file():
        return {}
    try:
        read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(read["files"], dict):
            raise TypeError
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"{path} can't be read as a lock; delete {checkpoint.folder} and add the model again") from error
    return read


def write_lock(checkpoint: Checkpoint, revision: str) -> dict[str, Any]:
    """Write down what lies in the folder now."""
    files = {_name(checkpoint, p): _seen(p) for p in checkpoint.paths}
    lock = {"id": checkpoint.id, "revision": revision, "files": files}
    (checkpoint.folder / LOCK).write_text(json.dumps(lock, indent=1) + "\n", encoding="utf-8")
    return lock


def verify(checkpoint: Checkpoint, name: str, *, again: bool = False) -> None:
    """Refuse files that aren't those that are pinned, or that came.

    again
        Read every byte; otherwise only where size or time of change differ from the lock's.

    Raises
    ------
    WeightsError
        Naming the file, what was expected and what came.
    """
    lock = locked(checkpoint)
    known: dict[str, Any] = lock.get("files", {})
    for path in checkpoint.paths:
        file = _name(checkpoint, path)
        entry, pinned = known.get(file), checkpoint.sha256.get(file)
        came: str | None = entry["sha256"] if entry else None
        untouched = came if entry and (entry["bytes"], entry["mtime"]) == _stat(path) else None
        if pinned is None and entry is None:
            raise WeightsError(
                f"{file} of {checkpoint.id} lies in {checkpoint.folder}, but nothing says what it should be; let it be checked in by: "
                f"attune models add {name} --from {checkpoint.folder}"
            )
        found = untouched if untouched and not again else sha256(path)
        for expected, whose in ((pinned, "its facts"), (came, f"the {LOCK} of the day it was added")):
            if expected is not None and found != expected:
                raise WeightsError(
                    f"{file} of {checkpoint.id} has the SHA-256 {found[:16]}..., expected {expected[:16]}... by {whose}: it was changed or is "
                    f"damaged; delete {checkpoint.folder} and add {name} again"
                )


def _name(checkpoint: Checkpoint, path: Path) -> str:
    return path.relative_to(checkpoint.folder).as_posix()


def _seen(path: Path) -> dict[str, Any]:
    size, mtime = _stat(path)
    return {"sha256": sha256(path), "bytes": size, "mtime": mtime}


def _stat(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns


_SPELT = {
    "Hope-Optimism": "Hope_Enthusiasm_Optimism", "Impatience-Irritability": "Impatience_and_Irritability", "Jealousy-Envy": "Jealousy_&_Envy",
    "Intoxication-Altered States": "Intoxication_Altered_States_of_Consciousness",
}


# Config files ------------------------------------------------------------------------------------------------------------------------

def stem(label: str) -> str:
    """How LAION's files spell a label of emonet40, in the case of the label.

    >>> stem("Pleasure-Ecstasy"), stem("Jealousy-Envy")
    ('Pleasure_Ecstasy', 'Jealousy_&_Envy')
    """
    return _SPELT.get(label, label.replace("-", "_").replace(" ", "_"))


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file of a checkpoint; `WeightsError` if it is missing or damaged."""
    try:
        read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise WeightsError(f"no {path.name} in {path.parent}; add the model again") from error
    except ValueError as error:
        raise WeightsError(f"{path} isn't JSON ({error}); add the model again") from error
    return read


def side(facts: dict[str, Any]) -> tuple[int, int] | None:
    """The (height, width) that a preprocessor_config.json asks for; None if it asks for none."""
    given = facts.get("crop_size") if facts.get("do_center_crop") else facts.get("size")
    if isinstance(given, int):
        return given, given
    if isinstance(given, dict):
        if "height" in given:
            return int(given["height"]), int(given["width"])
        if "shortest_edge" in given:
            return int(given["shortest_edge"]), int(given["shortest_edge"])
    return None


def labels_of(folder: Path, stated: Sequence[str] = ()) -> tuple[str, ...]:
    """The labels of a checkpoint's outputs, in its own order: `id2label` of its config.json.

    stated
        What is taken where the config has no names (none, or LABEL_0, LABEL_1, ...): the order its authors state elsewhere.

    Raises
    ------
    WeightsError
        If there are no names in either.
    """
    by_number = {int(i): str(name) for i, name in (read_json(folder / "config.json").get("id2label") or {}).items()}
    names = tuple(by_number[i] for i in sorted(by_number))
    if sorted(by_number) != list(range(len(names))):
        raise WeightsError(f"id2label of {folder / 'config.json'} numbers its labels {sorted(by_number)}; expected 0 to {len(names) - 1}")
    if names and not all(name.upper() == f"LABEL_{i}" for i, name in enumerate(names)):
        return names
    if not stated:
        raise WeightsError(f"{folder / 'config.json'} doesn't name its labels (id2label is {names or 'missing'}); state them with labels=[...]")
    return tuple(stated)


def others() -> list[tuple[str, int]]:
    """Id and bytes of what lies here and belongs to no adapter: models of the hub that were added by their id; not of one whose lock is damaged."""
    ours = {c.id for kind, name in adapters() for c in _registered(kind, name).CHECKPOINTS}
    found = []
    for path in sorted(folder().glob(f"*/{LOCK}")):
        try:
            lock = locked(Checkpoint(path.parent.name, ()))
        except WeightsError:                  # using the model says so
            continue
        if lock.get("id") and lock["id"] not in ours:
            found.append((str(lock["id"]), sum(int(entry["bytes"]) for entry in lock["files"].values())))
    return found


def _registered(kind: str, name: str) -> ModuleType:
    from attune import registry

    return registry.load(kind, name)


def adapters() -> Iterator[tuple[str, str]]:
    """(folder, name) of every model, recogniser and diarizer that states checkpoints."""
    from attune import registry

    for kind in ("face", "voice", "text"):
        for name in registry.names(f"attune.{kind}.models"):
            if hasattr(registry.load(f"attune.{kind}.models", name), "CHECKPOINTS"):
                yield f"attune.{kind}.models", name
    for folder in ("attune.text.recognisers", "attune.voice.diarizers"):
        for name in registry.names(folder):
            if hasattr(registry.load(folder, name), "CHECKPOINTS"):
                yield folder, name
