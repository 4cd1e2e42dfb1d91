"""nEMO: nine Polish actors say ninety sentences in six emotions.

A file's name is speaker_emotion_number, `EB0_anger_1.wav`. `items` finds the names wherever they lie below a folder and takes
the sentences from `data.tsv` (the authors') or `metadata.csv`, if one is there.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from attune.errors import AttuneError

FACTS: dict[str, Any] = {
    "title": "nEMO: dataset of emotional speech in Polish",
    "citation": "Christop, I. (2024). nEMO: Dataset of emotional speech in Polish. LREC-COLING 2024, 12111-12116. arXiv:2404.06292.",
    "license": "CC BY-NC-SA 4.0",
    "license_class": "non-commercial",
    "obtain": "github.com/amu-cai/nEMO: samples/*.wav and data.tsv",
    "taxonomy": "ravdess8",
    "splits": {"train": "EB0 IC0 KS0 MP0 SM0 TP0", "dev": "KD0", "test": "the two others"},
    "speakers": "9; the authors give no split, and this one is ours",
    "traps": (
        "Calm and disgust don't occur: these two labels are unknown here, not zero.",
        "The same sentences in every emotion and of every actor: a split by sentence tells nothing about new speakers.",
    ),
}

LABELS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
NAMED = {"neutral": "neutral", "happiness": "happy", "sadness": "sad", "anger": "angry", "fear": "fearful", "surprised": "surprised"}
KNOWN = np.array([label in NAMED.values() for label in LABELS])       # (8,) which labels the corpus has
TRAIN, DEV = frozenset({"EB0", "IC0", "KS0", "MP0", "SM0", "TP0"}), frozenset({"KD0"})
SUFFIXES = (".wav", ".flac", ".opus")


class Item(NamedTuple):
    """One clip. values (8,) float32: 1 for its emotion in the order of `LABELS`, NaN where the corpus has no such clips."""

    id: str
    split: str
    group: str
    path: Path
    text: str
    values: np.ndarray


def items(root: str | Path) -> Iterator[Item]:
    """Clips in the order of their names.

    Raises
    ------
    FileNotFoundError
        If there is no sound file named like the corpus's below `root`.
    AttuneError
        If a name holds no known emotion.
    """
    root = Path(root)
    paths = sorted((p for p in root.rglob("???_*_*") if p.suffix in SUFFIXES), key=lambda p: p.stem)
    if not paths:
        raise FileNotFoundError(f"no sound file like EB0_anger_1.wav below {root}; get nEMO: {FACTS['obtain']}")
    sentences = _sentences(root)
    for path in paths:
        speaker, emotion, _ = path.stem.split("_")
        if emotion not in NAMED:
            raise AttuneError(f"{path.name}: emotion {emotion!r}; expected one of {', '.join(NAMED)}")
        split = "train" if speaker in TRAIN else "dev" if speaker in DEV else "test"
        values = np.where(KNOWN, np.eye(len(LABELS))[LABELS.index(NAMED[emotion])], np.nan).astype(np.float32)
        yield Item(path.stem, split, f"nemo-{speaker}", path, sentences.get(path.stem, ""), values)


def _sentences(root: Path) -> dict[str, str]:
    """File's stem to what is said, as far as a table is there."""
    for name, delimiter, file, text in (("data.tsv", "\t", "file_id", "raw_text"), ("metadata.csv", ",", "file", "sentence")):
        if (root / name).is_file():
            with (root / name).open(encoding="utf-8", newline="") as table:
                return {Path(row[file]).stem: row[text] for row in csv.DictReader(table, delimiter=delimiter)}
    return {}
