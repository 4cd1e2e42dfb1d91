"""MMSA: sequences of face, voice and words for each utterance, as the models of multimodal sentiment analysis take them.

A pickle can run code when it is read; this one holds dictionaries, lists, texts, numbers and arrays of numbers, and the reader knows how to
make nothing else.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from attune.errors import RecordingError
from attune.exports import _files, _whole
from attune.types import Estimates, Recording, Segment

NAME, SUFFIX = "mmsa", ".pkl"
FACTS = {
    "title": "MMSA pickle",
    "keeps": "for each utterance its words and each modality's estimates as a padded sequence with its length, all in the set `test`; the whole recording "
             "beside them under `attune`, from which it is read back",
    "loses": "nothing for Attune; MMSA sees no labels (regression_labels is NaN: nobody has rated anything), no BERT tokens, and missing rows as padding",
    "readers": "MMSA and the models that share its data (Self-MM, MISA, MulT ...); only files that Attune wrote are read, with a reader that runs no code",
    "reference": "Mao et al. (2022), M-SENA: An Integrated Platform for Multimodal Sentiment Analysis, ACL demonstrations; keys as in MMSA's data_loader.py",
}
SETS = ("train", "valid", "test")
KEYS = {"vision": "face", "audio": "voice", "text": "text"}


def write(recording: Recording, path: Path) -> Path:
    spoken = [s for s in recording.segments if s.kind == "speech"]
    data: dict[str, Any] = {name: _set(recording, spoken if name == "test" else []) for name in SETS}
    data["attune"] = _whole.plain(recording)
    return _files.put(path, pickle.dumps(data, protocol=4))


def read(path: Path) -> Recording:
    data = loads(_files.data_of(path, "an MMSA pickle"), path.name)
    if not isinstance(data, dict) or "attune" not in data:
        keys = ", ".join(map(repr, list(data)[:5])) if isinstance(data, dict) else type(data).__name__
        raise RecordingError(f"{path.name} holds {keys}: features without times, of many films; only what `attune export --as mmsa` wrote is a recording")
    try:
        return _whole.whole(data["attune"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RecordingError(f"{path.name} holds a damaged recording ({type(error).__name__}: {error})") from error


def mine(path: Path) -> bool:
    return path.suffix.lower() in (".pkl", ".pickle") and path.is_file()


def loads(data: bytes, name: str = "the pickle") -> Any:
    """What a pickle of plain types and arrays of numbers holds.

    Raises
    ------
    RecordingError
        If it is damaged or names anything else, which is then not imported.

    >>> loads(pickle.dumps({"a": [1, "b", None]}))
    {'a': [1, 'b', None]}
    """
    try:
        return _resolved(_Restricted(io.BytesIO(data)).load())
    except RecordingError:
        raise
    except Exception as error:            # a damaged pickle raises nearly anything
        raise RecordingError(f"{name} is no whole pickle ({type(error).__name__}: {error}); expected one in MMSA's layout") from error


class _Restricted(pickle.Unpickler):
    """Makes stand-ins for arrays of numbers, and refuses every other class or function."""

    def find_class(self, module: str, name: str) -> Any:
        place = module.replace("numpy._core.", "numpy.core."), name
        if place in _ALLOWED:
            return _ALLOWED[place]
        raise RecordingError(f"the pickle asks for {module}.{name}, which is refused: it could run anything; expected plain types and arrays of numbers")

    def persistent_load(self, pid: Any) -> Any:
        raise RecordingError("the pickle refers to something outside it, which is refused; expected plain types and arrays of numbers")


class _Kind:
    """A type of numbers or texts, as NumPy pickles it: its code, then its byte order."""

    def __init__(self, code: str, *_: Any) -> None:
        self.type = np.dtype(code)
        if self.type.kind not in "biufUSO" or self.type.subdtype is not None:
            raise ValueError(f"an array of {code!r}")

    def __setstate__(self, state: Any) -> None:
        _, order, subtype, names, fields, size, *_ = state
        if subtype or names or fields or order not in "<>|=" or (self.type.kind not in "US" and size != -1):
            raise ValueError("an array of something else than numbers")
        if self.type.kind in "US":
            self.type = np.dtype(f"{self.type.kind}{int(size) // (4 if self.type.kind == 'U' else 1)}")
        self.type = self.type.newbyteorder(order)


class _Numbers:
    """An array, as NumPy pickles it: made empty, then given its shape, type, order and bytes."""

    array = np.zeros(0)

    def __setstate__(self, state: Any) -> None:
        _, shape, kind, fortran, data = state
        flat = np.array([*data], object) if kind.type.kind == "O" else np.frombuffer(data, kind.type)
        self.array = flat.reshape(shape, order="F" if fortran else "C")


def _begun(kind: Any, shape: Any, _: Any) -> _Numbers:
    if kind is not _ARRAY or shape != (0,):
        raise ValueError(f"an array that begins with the shape {shape!r}")
    return _Numbers()


def _number(kind: _Kind, data: bytes) -> Any:
    return np.frombuffer(data, kind.type, count=1)[0]


def _resolved(value: Any) -> Any:
    """Stand-ins for arrays replaced by the arrays."""
    if isinstance(value, dict):
        return {k: _resolved(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_resolved(v) for v in value]
    return value.array if isinstance(value, _Numbers) else value


_ARRAY = object()                        # numpy.ndarray, which is only ever named, never called
_ALLOWED: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _begun, ("numpy", "ndarray"): _ARRAY, ("numpy", "dtype"): _Kind, ("numpy.core.multiarray", "scalar"): _number,
}


# ---- sequences --------------------------------------------------------------------------------------------------------------

def _set(recording: Recording, spoken: list[Segment]) -> dict[str, Any]:
    out: dict[str, Any] = {
        "id": [f"{Path(recording.source).stem}$_${i}" for i in range(len(spoken))], "raw_text": [s.text for s in spoken],
        "start": [s.start for s in spoken], "end": [s.end for s in spoken], "person": [s.person for s in spoken],
        "regression_labels": np.full(len(spoken), np.nan, np.float32), "annotations": [""] * len(spoken), "feature_names": {},
    }
    for key, modality in KEYS.items():
        e = next((e for e in recording if e.modality == modality and e.measured), None)
        known = np.array([0]) if e is None else np.flatnonzero(~np.isnan(e.values).all(axis=0) | e.missing.all())     # a label that no row has is no feature
        found = [_sequence(e, s, known) for s in spoken]
        longest, width = max([1, *(len(f) for f in found)]), len(known)
        padded = np.zeros((len(spoken), longest, width), np.float32)
        for i, own in enumerate(found):
            padded[i, : len(own)] = own
        out[key] = padded
        out[f"{key}_lengths"] = [len(f) for f in found]
        out["feature_names"][modality] = [f"{e.name}.{e.taxonomy.labels[k]}" for k in known] if e is not None else []
    return out


def _sequence(e: Estimates | None, s: Segment, known: np.ndarray) -> np.ndarray:
    """(t, k) rows of this person that were measured within the segment, with the labels at the indices `known` (k,)."""
    if e is None:
        return np.zeros((0, 1), np.float32)
    at = (e.person == s.person) & (e.start < s.end) & (e.end > s.start) & ~np.isnan(e.values[:, known]).any(axis=1)
    return np.asarray(e.values[at][:, known], np.float32)
