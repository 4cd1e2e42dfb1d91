"""Made-up computational sequences as CMU's SDK writes them; h5py must be there."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np


def sequence(path: Path, films: Mapping[str, Sequence[tuple[float, float, list]]]) -> None:
    """A .csd file: of each film rows of (start, end, features)."""
    import h5py

    with h5py.File(path, "w") as file:
        for film, rows in films.items():
            file[f"{path.stem}/data/{film}/intervals"] = np.array([(start, end) for start, end, _ in rows])
            file[f"{path.stem}/data/{film}/features"] = np.array([values for _, _, values in rows])


def splits(path: Path, **films: list[str]) -> None:
    """The SDK's list of splits."""
    path.write_text("".join(f"standard_{name}_fold={ids!r}\n" for name, ids in films.items()), encoding="utf-8")
