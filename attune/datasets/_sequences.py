"""Published features: how the Memory Fusion Network's arrays and the computational sequences of CMU's SDK are read.

Both come as HDF5, for which h5py must be there; Attune itself doesn't need it. The names of the SDK's files and their inner layout
(a group `data`, in it a group a film with `features` (n, d) and `intervals` (n, 2) in seconds) are as other people's readers take them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from attune.datasets import missing, tables
from attune.errors import MissingExtra

Features = dict[str, np.ndarray]
OFFICIAL = {"train": "train", "valid": "dev", "test": "test"}
STREAMS = {"text": "text", "audio": "voice", "video": "face"}


def opened(path: Path) -> Any:
    """An HDF5 file.

    Raises
    ------
    MissingExtra
        If h5py isn't installed.
    """
    try:
        import h5py  # type: ignore[import-not-found, unused-ignore]
    except ImportError as error:
        raise MissingExtra(f"{path.name} is HDF5, which needs h5py: pip install h5py") from error
    return h5py.File(path, "r")


def stacked(root: Path, facts: Mapping[str, Any]) -> Iterator[tuple[str, int, np.ndarray, Features]]:
    """(split, row, y (k,), features (t, d)) of `train.npz` ... or of `y_train.h5` with `audio_train.h5`, `video_train.h5`, `text_train_emb.h5`."""
    for split, path in tables(root, facts, **{split: (f"{own}.npz", f"y_{own}.h5") for own, split in OFFICIAL.items()}):
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                held = {name: arrays[name] for name in ("y", *STREAMS) if name in arrays}
        else:
            own = path.stem.removeprefix("y_")
            files = {"y": path, "text": path.with_name(f"text_{own}_emb.h5")} | {n: path.with_name(f"{n}_{own}.h5") for n in ("audio", "video")}
            held = {name: _only(file) for name, file in files.items() if file.is_file()}
        for i, y in enumerate(held["y"].reshape(len(held["y"]), -1)):
            yield split, i, y, {STREAMS[name]: np.asarray(array[i], np.float32) for name, array in held.items() if name != "y"}


def _only(path: Path) -> np.ndarray:
    """The one array of an HDF5 file, whatever it is called."""
    with opened(path) as file:
        return np.asarray(next(iter(file.values())))


def folds(root: Path, facts: Mapping[str, Any]) -> dict[str, str]:
    """Film -> split, from the SDK's own list (`cmu_mosei_std_folds.py`), which is read as text and not run."""
    path = next(iter(sorted(root.rglob("*_std_folds.py"))), None)
    if path is None:
        raise missing(root, "*_std_folds.py (the official split, from mmsdk/mmdatasdk/dataset/standard_datasets)", facts)
    text = path.read_text(encoding="utf-8")
    lists = {split: re.search(rf"standard_{own}_fold\s*=\s*(\[[^\]]*\])", text) for own, split in OFFICIAL.items()}
    return {film: split for split, found in lists.items() if found for film in ast.literal_eval(found[1])}


def stretches(labels: Path, streams: Mapping[str, Path]) -> Iterator[tuple[str, int, float, float, np.ndarray, str, Features]]:
    """(film, number, start, end, labels (k,), words, features): of each stream the rows whose middle lies in the stretch.

    streams
        Name -> file; "words" holds words, "sp" where nobody speaks.
    """
    files = {name: opened(path) for name, path in streams.items()}
    data = {name: file[next(iter(file))]["data"] for name, file in files.items()}
    with opened(labels) as file:
        for film, rated in file[next(iter(file))]["data"].items():
            held = {name: (np.asarray(d[film]["intervals"]).mean(1), np.asarray(d[film]["features"])) for name, d in data.items() if film in d}
            order = np.asarray(rated["intervals"])
            for number, ((start, end), values) in enumerate(zip(order, np.asarray(rated["features"]), strict=True)):
                within = {name: rows[(middle >= start) & (middle < end)] for name, (middle, rows) in held.items()}
                words = [w.decode() if isinstance(w, bytes) else str(w) for w in within.pop("words", np.empty((0, 1))).ravel()]
                features = {name: rows.astype(np.float32) for name, rows in within.items() if len(rows)}
                yield film, number, float(start), float(end), values, " ".join(w for w in words if w != "sp"), features
    for file in files.values():
        file.close()
