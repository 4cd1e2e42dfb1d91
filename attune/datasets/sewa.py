"""SEWA, the German part of AVEC 2017: pairs talk by video about an advertisement; six raters follow arousal, valence and liking.

`labels/Train_01.csv` (or `Train_DE_01.csv` in the later challenges) has a row per 100 ms: recording; second; arousal; valence;
liking. `turns` and `transcriptions` have start; end, and start; end; text. Films and sounds carry the same name. After the scripts of
AVEC 2018 and a description of the 2017 layout by others, not tried on the original.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from attune.datasets import FILMS, SOUNDS, Item, media, missing
from attune.errors import MediaError
from attune.taxonomy import taxonomy

FACTS: dict[str, Any] = {
    "title": "SEWA, German recordings (AVEC 2017, and of CES in 2018 and 2019)",
    "citation": (
        "Ringeval, F., Schuller, B., Valstar, M., Gratch, J., Cowie, R., Scherer, S., Mozgai, S., Cummins, N., Schmitt, M., & Pantic, M. "
        "(2017). AVEC 2017: Real-life depression, and affect recognition workshop and challenge. AVEC '17, 3-9. "
        "doi:10.1145/3133944.3133953. Database: Kossaifi et al. (2021), IEEE TPAMI 43(3), arXiv:1901.02839."
    ),
    "license": "research only, by a signed agreement",
    "license_class": "research-only",
    "obtain": "db.sewaproject.eu, or the organisers of AVEC: labels, turns, transcriptions, video, audio",
    "taxonomy": "vad",
    "modalities": ("face", "voice", "text"),
    "languages": ("de",),
    "splits": {"train": "Train, 34 recordings", "dev": "Devel, 14"},
    "speakers": "64 in 32 pairs; the official parts share no pair. One recording shows one person",
    "files": {"labels/Train_*.csv": 34, "labels/Devel_*.csv": 14},
    "traps": (
        "Labels of Test (16 recordings) were never given out: source figures on test can't be repeated.",
        "Raters react late; shift or search the delay per dimension (AVEC 2018 and 2019: 2 s) on training data.",
        "Dominance wasn't rated and is NaN. Most of the ratings lie within a small part of -1..1.",
        "The partner's voice is heard in the sound of the other one: use the turns to know who speaks.",
        "A constant prediction has a small error: score by CCC, not by MAE alone.",
    ),
}

SPLITS = {"Train": "train", "Devel": "dev"}
K = len(taxonomy("vad"))


def items(root: str | Path) -> Iterator[Item]:
    """Recordings by name: `trace` (t, 4) second, valence, arousal, NaN; `values` its mean; the film if there is one, else the sound.

    about: liking (t,) float32 at the seconds of the trace, turns as (start, end, text), dialogue.

    Raises
    ------
    MediaError
        If there are no labels, a table isn't numbers, or a recording has neither film nor sound.
    """
    root = Path(root)
    tables = [path for part in SPLITS for path in sorted(root.glob(f"labels/{part}_*.csv"))]
    if not tables:
        raise missing(root, "labels/Train_01.csv", FACTS)
    recordings = {path.stem: path for path in media(root, "*_[0-9][0-9]*", FILMS + SOUNDS)}
    for table in tables:
        if table.stem not in recordings:
            raise missing(root, f"film or sound {table.stem}", FACTS)
        rated = _numbers(table)
        trace = np.full((len(rated), 1 + K), np.nan, np.float32)
        trace[:, [0, 2, 1]] = rated[:, :3]                                # arousal stands before valence in the file
        turns = _turns(root, table.name)
        yield Item(
            table.stem, SPLITS[table.stem.split("_")[0]], f"sewa-{table.stem}", trace[:, 1:].mean(0), recordings[table.stem],
            text=" ".join(text for *_, text in turns if text), trace=trace,
            about={"language": "de", "liking": rated[:, 3].astype(np.float32), "turns": turns},
        )


def _numbers(table: Path) -> np.ndarray:
    """(t, 4) second, arousal, valence, liking; the first column, the recording's name, and a header are skipped."""
    lines = [line.split(";")[1:5] for line in table.read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    try:
        return np.array(lines[0 if _is_number(lines[0][0]) else 1 :], float).reshape(-1, 4)
    except (ValueError, IndexError):
        raise MediaError(f"{table}: expected lines of name;second;arousal;valence;liking, got {lines[:2]}") from None


def _turns(root: Path, name: str) -> list[tuple[float, float, str]]:
    """(start, end, text) of who is filmed; texts from the transcription, or none."""
    for folder in ("transcriptions", "turns"):
        path = root / folder / name
        if path.is_file():
            lines = [[field.strip(" '\"") for field in line.split(";", 2)] for line in path.read_text(encoding="utf-8-sig").splitlines()]
            return [(float(line[0]), float(line[1]), "".join(line[2:])) for line in lines if len(line) > 1 and _is_number(line[0])]
    return []


def _is_number(text: str) -> bool:
    return text.strip().lstrip("-").replace(".", "", 1).isdigit()
