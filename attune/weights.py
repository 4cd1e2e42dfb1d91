"""Weights: where they lie, what they are, and how they run.

Packaged weights lie beside their model's module, other people's checkpoints where `attune.checkpoints` says. What other packages carry
(MTCNN's arrays, Silero's ONNX file) is found without importing them; what is derived from it is cached in `cache_folder()`. Nothing here
touches a network.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import tempfile
from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Literal

from attune.errors import WeightsError

if TYPE_CHECKING:
    import onnxruntime

LicenceClass = Literal["permissive", "attribution", "share-alike", "non-commercial", "research-only", "unknown"]
ACCELERATORS = ("cuda", "rocm", "migraphx", "dml", "coreml")
COMMERCIAL: frozenset[str] = frozenset({"permissive", "attribution", "share-alike"})


def cache_folder() -> Path:
    """Where derived weights are kept: $ATTUNE_CACHE, or ~/.cache/attune."""
    return Path(os.environ.get("ATTUNE_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "attune")


def digest(path: Path) -> str:
    """First 16 hex digits of a file's SHA-256; read anew only when the file changed."""
    facts = path.stat()
    return _digest(path, facts.st_size, facts.st_mtime_ns, facts.st_ino)


@lru_cache(maxsize=64)
def _digest(path: Path, *_: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def carried(package: str, file: str, *, install: str) -> Path:
    """A file that another installed package carries; the package isn't imported.

    Raises
    ------
    WeightsError
        If the package or its file isn't there; `install` is the command that brings it.
    """
    spec = importlib.util.find_spec(package)
    path = Path(spec.origin).parent / file if spec and spec.origin else None
    if path is None or not path.is_file():
        raise WeightsError(f"{file} of the package {package!r} isn't installed; get it by: {install}")
    return path


def providers() -> list[str]:
    """What networks run on, in order: $ATTUNE_PROVIDERS, such as "cuda" or "tensorrt,cuda", then the CPU, which is the reference and the default.
    "auto": the first of `ACCELERATORS` that the installed onnxruntime has.

    Raises
    ------
    WeightsError
        If the onnxruntime that is installed doesn't have one of them.
    """
    wanted = [name.strip() for name in os.environ.get("ATTUNE_PROVIDERS", "").split(",") if name.strip()]
    if not wanted:
        return ["CPUExecutionProvider"]
    import onnxruntime

    there = {name.removesuffix("ExecutionProvider").lower(): name for name in onnxruntime.get_available_providers()}
    if wanted == ["auto"]:
        wanted = [name for name in ACCELERATORS if name in there][:1]
    for name in wanted:
        if name.lower() not in there:
            raise WeightsError(f"ATTUNE_PROVIDERS names {name!r}; the onnxruntime here has {', '.join(sorted(there))}: install onnxruntime-gpu, or unset it")
    return list(dict.fromkeys([*(there[name.lower()] for name in wanted), "CPUExecutionProvider"]))


def derived(name: str, make: Callable[[], bytes]) -> Path:
    """A file that is made of others once and kept in the cache. Several processes may do so at once: each writes its own and renames it."""
    path = cache_folder() / name
    if path.is_file():
        return path
    content = make()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=path.parent, suffix=".part")
    except OSError:                       # a cache that can't be written: this process keeps its own
        path = Path(tempfile.mkdtemp(prefix="attune-")) / path.name
        handle, part = tempfile.mkstemp(dir=path.parent, suffix=".part")
    with os.fdopen(handle, "wb") as file:
        file.write(content)
    os.replace(part, path)
    return path


@cache
def session(path: Path, threads: int = 1) -> onnxruntime.InferenceSession:
    """An ONNX session, made once per file and process; one thread, so that numbers and timings repeat. It runs on the CPU unless
    $ATTUNE_PROVIDERS says otherwise (`providers`)."""
    import onnxruntime

    if not path.is_file():
        raise WeightsError(f"no weights at {path}; a model's .onnx lies beside its module, reinstall attune or run its recipe")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = False      # a process that measures for hours stays small
    wanted = providers()
    options.enable_mem_pattern = "DmlExecutionProvider" not in wanted          # DirectML refuses to plan memory
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=wanted)
    except Exception as error:
        raise WeightsError(f"{path.name} can't be loaded ({error}); reinstall attune, or delete it from the cache") from error


def files(model: ModuleType) -> list[Path]:
    """The weight files of a model's module: beside it, or where its checkpoints (`attune.checkpoints`) lie on this machine."""
    if hasattr(model, "CHECKPOINTS"):
        return [path for checkpoint in model.CHECKPOINTS for path in checkpoint.paths]
    assert model.__file__
    return [Path(model.__file__).parent / name for name in model.WEIGHTS]


def refuse_unless_commercial(model: ModuleType, name: str) -> None:
    """Raise `WeightsError` when a model's licence doesn't allow commercial use."""
    if model.LICENSE_CLASS not in COMMERCIAL:
        what = "under a licence that isn't known" if model.LICENSE_CLASS == "unknown" else model.LICENSE_CLASS
        raise WeightsError(f"{name} is {what} ({model.LICENSE}); commercial_safe refuses it: choose another model, or none (--face none, face=None)")
