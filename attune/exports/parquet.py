"""Parquet: the folder that `attune measure` writes, see `attune.export`."""

from __future__ import annotations

from pathlib import Path

from attune import export
from attune.types import Recording

NAME, SUFFIX = "parquet", ""
FACTS = {
    "title": "Parquet, a folder of typed tables",
    "keeps": "everything, in the folder that `attune measure` writes and every other command reads",
    "loses": "nothing",
    "readers": "pandas, Polars, DuckDB, R (arrow), Spark",
    "reference": "https://parquet.apache.org/docs/file-format/",
}


def write(recording: Recording, path: Path) -> Path:
    return export.write(recording, path)


def read(path: Path) -> Recording:
    return export.read(path)


def mine(path: Path) -> bool:
    return (path / "recording.json").is_file() or (path / "partial").is_dir()
