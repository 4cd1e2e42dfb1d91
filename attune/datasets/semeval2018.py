"""SemEval-2018 Task 1: English tweets with eleven emotions, the intensity of four, and valence.

The same tweets were rated in several tasks: E-c (which of eleven emotions), EI-reg (how strong is anger, fear, joy or sadness,
0..1) and V-reg (valence 0..1). An item is one tweet with all that is known of it. `items` finds the official text files below a
folder by their names (`2018-E-c-En-train.txt`, `EI-reg-En-anger-train.txt`, `2018-Valence-reg-En-train.txt`), or Parquet files
`train.parquet` ... in it or in its folders `semeval2018_task1_ec` and `semeval2018_task1_reg`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from attune.datasets import SPLITS, Item, missing, rows, values_of
from attune.taxonomy import taxonomy

FACTS: dict[str, Any] = {
    "title": "SemEval-2018 Task 1: Affect in Tweets (English)",
    "citation": (
        "Mohammad, S. M., Bravo-Marquez, F., Salameh, M., & Kiritchenko, S. (2018). SemEval-2018 Task 1: Affect in tweets. SemEval. "
        "doi:10.18653/v1/S18-1001"
    ),
    "license": "annotations: free for research, commercial use on request; tweets are their writers'",
    "license_class": "research-only",
    "obtain": "SemEval2018-Task1-all-data.zip from saifmohammad.com/WebPages/SentimentEmotionLabeledData.html",
    "taxonomy": "semeval11",
    "more": ("vad", "basic6"),
    "modalities": ("text",),
    "languages": ("en",),
    "splits": {"train": "6,838 tweets with emotions, 1,181 with valence", "dev": "886, 449", "test": "3,259, 937 (files *-test-gold.txt)"},
    "speakers": "unknown: the tweets are without their writers",
    "traps": (
        "Tweets were gathered by emotion words, often hashtags, which stay in the text: a list of words does well.",
        "Intensities come from best-worst scaling within one emotion: .5 is the middle of these tweets, not half of anything.",
        "EI-reg was asked about tweets that were gathered for that emotion; the other three are unknown, not 0.",
        "Valence is 0..1 in the file and -1..1 here; arousal and dominance weren't rated.",
        "Line ends inside tweets are written as \\n, HTML entities stay (&amp;).",
    ),
    "files": {"**/*E-c-En-train.txt": 1, "**/*EI-reg-En-*-train.txt": 4, "**/*Valence-reg-En-train.txt": 1},
}

NAMES = {"E-c": ("*E-c-En-{}.txt",), "EI-reg": ("*EI-reg-En-*-{}.txt",), "V-reg": ("*Valence-reg-En-{}.txt",)}
SUFFIXES = {"train": "train", "dev": "dev", "test": "test-gold"}
PARQUET = (".", "semeval2018_task1_ec", "semeval2018_task1_reg")


def items(root: str | Path) -> Iterator[Item]:
    """One item a tweet: values NaN without E-c, more["vad"] with V-reg, more["basic6"] with EI-reg."""
    root = Path(root)
    labels = taxonomy("semeval11").labels
    for split in SPLITS:
        tweets: dict[str, dict[str, Any]] = {}
        for row in _rows(root, split):
            tweets.setdefault(row["id"], {"text": row["text"]}).update(row)
        for id, row in tweets.items():
            values = np.array([row.get(label, np.nan) for label in labels], np.float32)
            intensity = {emotion: row[f"{emotion} intensity"] for emotion in labels if f"{emotion} intensity" in row}
            more = {"basic6": values_of("basic6", intensity, known=tuple(intensity) or ("",))} if intensity else {}
            if "valence" in row:
                more["vad"] = values_of("vad", {"valence": 2 * row["valence"] - 1}, known=("valence",))
            yield Item(id, split, id, values, text=row["text"], more=more)
    if not any(True for split in SPLITS for _ in _rows(root, split)):
        raise missing(root, "2018-E-c-En-train.txt, EI-reg-En-*-train.txt or train.parquet", FACTS)


def _rows(root: Path, split: str) -> Iterator[dict[str, Any]]:
    """Rows with id, text and what one task says: labels 0 or 1, "valence", or "<emotion> intensity"."""
    labels = taxonomy("semeval11").labels
    for path in sorted(p for globs in NAMES.values() for glob in globs for p in root.rglob(glob.format(SUFFIXES[split]))):
        for row in rows(path):
            said = {"id": row["ID"], "text": row["Tweet"]}
            if "Intensity Score" in row:
                said |= _score(row["Affect Dimension"], row["Intensity Score"])
            else:
                said |= {label: float(row[label]) for label in labels}
            yield said
    for path in (root / folder / f"{split}.parquet" for folder in PARQUET):
        if path.is_file():
            for row in rows(path):
                said = {"id": row["id"], "text": row["text"]}
                yield said | (_score(row["dimension"], row["score"]) if "dimension" in row else {label: float(row[label]) for label in labels})


def _score(dimension: str, score: Any) -> dict[str, float]:
    return {dimension if dimension == "valence" else f"{dimension} intensity": float(score)}
