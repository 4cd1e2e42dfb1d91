"""What models said of a file before, so that another fusion, baseline or table doesn't decode it again.

A stage (faces, voice, who speaks, recognised words) of a file is an `.npz` whose name is the SHA-256 of all that it depends on: the file's content,
the settings that the stage reads, its model's weights, the libraries' versions, and our own code of the stage. Anything else may change and the stage
is still known; if one of them changes, it is measured anew. What comes back is bit for bit what was measured.

    DIR/face/3f/3f09...npz        faces, the face model's estimates, a picture of each person, mouths, what had to be said about the picture
    DIR/voice/a1/a17b...npz       the voice model's estimates, stretches of speech
    DIR/speakers/70/70c2...npz    turns with their speakers' names; no vectors of voices
    DIR/words/5e/5e01...npz       what a recogniser heard; not of one that doesn't say which files it runs by

No pictures are kept but the small ones of people, and these not with `portraits=False`. Deleting the folder costs nothing but time.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import threading
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from attune import weights
from attune.media import Media
from attune.settings import Settings
from attune.taxonomy import taxonomy
from attune.timeline import Mouths
from attune.types import Estimates, Faces, Segment

VERSION = 1
SETTINGS = {                             # of `Settings`, what each stage reads
    "face": ("face", "fps", "min_face", "face_score", "search", "patience", "speakers", "portraits", "batch"),
    "voice": ("voice", "granularity", "pause", "window", "hop", "speech", "batch"),
    "speakers": ("speakers", "pause", "speech"),
    "words": ("language",),
}
CODE = {                                 # of ours, what each stage runs through
    "face": ("face", "media", "measure.py", "checkpoints", "checkpoints/nets"), "voice": ("voice", "media", "measure.py", "checkpoints", "checkpoints/nets"),
    "speakers": ("voice", "media", "measure.py"),
    "words": ("text/recognisers", "media", "measure.py"),
}
LIBRARIES = (
    "av", "numpy", "onnxruntime", "torch", "transformers", "mtcnn", "silero-vad", "resemblyzer", "pyannote.audio", "faster-whisper", "ctranslate2",
)
STREAM = {"face": "picture", "voice": "sound", "speakers": "sound", "words": "sound"}


@dataclass(frozen=True)
class Known:
    """A stage's arrays, and its facts in plain types."""

    arrays: dict[str, np.ndarray]
    facts: dict[str, Any]


class Cache:
    """A folder of stages. content: what identifies the file's content, if it is known already; else it is read.

    >>> import tempfile
    >>> Cache(tempfile.mkdtemp()).get("face", "0" * 64) is None
    True
    """

    def __init__(self, folder: str | Path, *, content: str = "") -> None:
        self.folder, self._content = Path(folder), content

    def key(self, stage: str, media: Media, settings: Settings, model: ModuleType | None, more: Sequence[Any] = ()) -> str | None:
        """The name of a file's stage; None for media that are no file. more: what else it depends on, such as the words' times."""
        if media.path is None:
            return None
        if not self._content:
            with media.path.open("rb") as file:
                self._content = hashlib.file_digest(file, "sha256").hexdigest()
        chosen = settings.asdict()
        facts = {
            "version": VERSION, "content": self._content, "settings": {name: chosen[name] for name in SETTINGS[stage]}, "more": repr(more),
            "weights": [weights.digest(path) for path in weights.files(model) if path.is_file()] if model and hasattr(model, "WEIGHTS") else None,
            "model": _code_of(model), **({"stated": model.FACTS} if model and hasattr(model, "FACTS") else {}),
            "libraries": {name: _version(name) for name in LIBRARIES}, "code": _code(stage), "providers": weights.providers(),
        }
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def get(self, stage: str, key: str | None, media: Media | None = None) -> Known | None:
        """A stage that was kept, and media told that its stream has been read; None if it wasn't kept, or is damaged."""
        try:
            with self._place(stage, key or "").open("rb") as file, np.load(file, allow_pickle=False) as kept:
                arrays = {name: kept[name] for name in kept.files}
            known = Known(arrays, json.loads(str(arrays.pop("facts"))))
            if media is not None:
                media.remember(STREAM[stage], known.facts["end"], known.facts["told"])
            return known
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def put(self, stage: str, key: str | None, known: Known, media: Media, end: float) -> None:
        """Keep a stage, whole or not at all, with what reading its stream up to `end` (s) found."""
        if key is None:
            return
        known = joined(known, Known({}, {"end": end, "told": list(media.told(STREAM[stage]))}))
        place = self._place(stage, key)
        place.parent.mkdir(parents=True, exist_ok=True)
        half = place.with_name(f"{place.name}.{os.getpid()}-{threading.get_ident()}.half")
        with half.open("wb") as file:
            arrays: dict[str, Any] = {"facts": np.array(json.dumps(known.facts)), **known.arrays}
            np.savez_compressed(file, **arrays)
        os.replace(half, place)

    def _place(self, stage: str, key: str) -> Path:
        return self.folder / stage / key[:2] / f"{key}.npz"


# ---- nouns as arrays and back -----------------------------------------------------------------------------------------------

def packed(name: str, what: Estimates | Faces | Mouths | list[Segment] | dict[str, np.ndarray] | None) -> Known:
    """A noun as arrays whose names begin with `name`; nothing of None."""
    if what is None:
        return Known({}, {})
    if isinstance(what, list):
        return Known({}, {name: [asdict(segment) for segment in what]})
    if isinstance(what, dict):
        return Known({f"{name}.{i}": array for i, array in enumerate(what.values())}, {name: list(what)})
    if isinstance(what, Mouths):
        return Known({f"{name}.time": what.time, f"{name}.person": _strings(what.person), f"{name}.moved": what.moved}, {name: {}})
    if isinstance(what, Faces):
        return Known({f"{name}.{f}": getattr(what, f) for f in Faces.SHAPES}, {name: {}})
    arrays = {f"{name}.{f}": getattr(what, f) for f in ("start", "end", "values", "quality")}
    arrays |= {f"{name}.{f}": _strings(getattr(what, f)) for f in ("person", "reason")}
    if what.spread is not None:
        arrays[f"{name}.spread"] = what.spread
    return Known(arrays, {name: {"taxonomy": what.taxonomy.name, "modality": what.modality, "model": what.model, "projected": what.projected}})


def estimates(known: Known, name: str) -> Estimates | None:
    """Estimates that `packed` made arrays of."""
    if name not in known.facts:
        return None
    facts, own = known.facts[name], _own(known, name)
    rows = {f.name: own[f.name] for f in fields(Estimates) if f.name in own}
    rows |= {f: own[f].astype(object) for f in ("person", "reason")}
    return Estimates(taxonomy=taxonomy(facts["taxonomy"]), modality=facts["modality"], model=facts["model"], projected=facts["projected"], **rows)


def faces(known: Known, name: str) -> Faces:
    """Faces that `packed` made arrays of."""
    return Faces(**_own(known, name))


def mouths(known: Known, name: str) -> Mouths | None:
    """Mouths that `packed` made arrays of."""
    if name not in known.facts:
        return None
    own = _own(known, name)
    return Mouths(own["time"], own["person"].tolist(), own["moved"])


def segments(known: Known, name: str) -> tuple[Segment, ...]:
    """Segments that `packed` made plain types of."""
    def read(said: dict[str, Any]) -> Segment:
        return Segment(**{**said, "words": tuple(map(read, said["words"]))})

    return tuple(map(read, known.facts[name]))


def named(known: Known, name: str) -> dict[str, np.ndarray]:
    """Arrays by name that `packed` was given as such."""
    return {person: known.arrays[f"{name}.{i}"] for i, person in enumerate(known.facts[name])}


def joined(*parts: Known) -> Known:
    """Several as one; no name twice."""
    return Known({k: v for p in parts for k, v in p.arrays.items()}, {k: v for p in parts for k, v in p.facts.items()})


def _own(known: Known, name: str) -> dict[str, np.ndarray]:
    return {k.removeprefix(f"{name}."): v for k, v in known.arrays.items() if k.startswith(f"{name}.")}


def _strings(values: Iterable[str]) -> np.ndarray:
    return np.array(list(values), dtype=np.str_)


# ---- what a stage depends on ------------------------------------------------------------------------------------------------

@cache
def _code(stage: str) -> str:
    root = Path(__file__).parent
    return _hash(sorted(f for name in CODE[stage] for f in ([root / name] if name.endswith(".py") else (root / name).glob("*.py"))))


def _code_of(model: ModuleType | None) -> str | None:
    """A model's module, and what it shares with its siblings."""
    file = Path(model.__file__) if model and model.__file__ else None
    return _hash([file, *sorted(file.parent.glob("_*.py"))]) if file and file.is_file() else None


def _hash(files: Iterable[Path]) -> str:
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


@cache
def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
