"""nEMO: nine Polish actors say ninety sentences in six emotions.

A file's name is speaker_emotion_number, `EB0_anger_1.wav`. `items` finds the names wherever they lie below a folder and takes
the sentences from `data.tsv` (the authors') or `metadata.csv`, if one is there, and sex and age from the same table.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from attune.datasets import Item, media, missing, named, one_hot, rows
from attune.taxonomy import taxonomy

FACTS: dict[str, Any] = {
    "title": "nEMO: dataset of emotional speech in Polish",
    "citation": "Christop, I. (2024). nEMO: Dataset of emotional speech in Polish. LREC-COLING 2024, 12111-12116. arXiv:2404.06292.",
    "license": "CC BY-NC-SA 4.0",
    "license_class": "non-commercial",
    "obtain": "github.com/amu-cai/nEMO: samples/*.wav and data.tsv",
    "taxonomy": "ravdess8",
    "modalities": ("voice",),
    "languages": ("pl",),
    "splits": {"train": "EB0 IC0 KS0 MP0 SM0 TP0", "dev": "KD0", "test": "the two others"},
    "speakers": "9; the authors give no split, and this one is ours",
    "files": {"**/???_*_*.*": 4481},
    "traps": (
        "Calm and disgust don't occur: these two labels are unknown here, not zero.",
        "The same sentences in every emotion and of every actor: a split by sentence tells nothing about new speakers.",
    ),
}

LABELS = taxonomy("ravdess8").labels
NAMED = {"neutral": "neutral", "happiness": "happy", "sadness": "sad", "anger": "angry", "fear": "fearful", "surprised": "surprised"}
KNOWN = np.array([label in NAMED.values() for label in LABELS])       # (8,) which labels the corpus has
TRAIN, DEV = frozenset({"EB0", "IC0", "KS0", "MP0", "SM0", "TP0"}), frozenset({"KD0"})


def items(root: str | Path) -> Iterator[Item]:
    """Clips in the order of their names.

    Raises
    ------
    MediaError
        If there is no sound file named like the corpus's below `root`.
    UnknownName
        If a name holds no known emotion.
    """
    root = Path(root)
    paths = media(root, "???_*_*")
    if not paths:
        raise missing(root, "EB0_anger_1.wav, .flac, .opus ...", FACTS)
    table = _table(root)
    for path in paths:
        speaker, emotion, _ = path.stem.split("_")
        split = "train" if speaker in TRAIN else "dev" if speaker in DEV else "test"
        row = table.get(path.stem, {})
        about: dict[str, Any] = {"language": "pl"}
        if sex := row.get("sex") or row.get("gender"):
            about["sex"] = sex[0].upper()
        if age := row.get("age"):
            about["age"] = int(age)
        yield Item(
            path.stem, split, f"nemo-{speaker}", one_hot("ravdess8", named(emotion, NAMED, path.name), tuple(NAMED.values())), path,
            text=row.get("sentence") or row.get("raw_text") or "", about=about,
        )


def _table(root: Path) -> dict[str, dict[str, str]]:
    """File's stem to its row, as far as a table is there."""
    for name, file in (("data.tsv", "file_id"), ("metadata.csv", "file")):
        if (root / name).is_file():
            return {Path(row[file]).stem: row for row in rows(root / name)}
    return {}
