"""EmoBank: ten thousand English sentences of six genres, rated for valence, arousal and dominance on a scale of 1 to 5.

`items` reads the authors' `emobank.csv` (id, split, V, A, D, text) or Parquet files per split (`train.parquet` ... with
the same columns). Ratings become positions in -1..1 by (x - 3) / 2: the middle of the self-assessment manikin is zero.

    >>> from attune.datasets import emobank
    >>> emobank.FACTS["taxonomy"]
    'vad'
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from attune.datasets import SPLITS, Item, missing, rows
from attune.errors import AttuneError

MIDDLE, HALF = 3.0, 2.0                   # of the scale 1..5

FACTS: dict[str, Any] = {
    "title": "EmoBank (English sentences with valence, arousal and dominance)",
    "citation": (
        "Buechel, S., & Hahn, U. (2017). EmoBank: Studying the impact of annotation perspective and representation format on "
        "dimensional emotion analysis. EACL. aclanthology.org/E17-2092"
    ),
    "license": "CC BY-SA 4.0 (ratings); the sentences are from MASC and SemEval-2007 task 14",
    "license_class": "share-alike",
    "obtain": "corpus/emobank.csv from github.com/JULIELab/EmoBank",
    "taxonomy": "vad",
    "modalities": ("text",),
    "languages": ("en",),
    "splits": {"train": "8,062 sentences", "dev": "1,000 sentences", "test": "1,000 sentences"},
    "speakers": "unknown; `group` is the document, and the official split is by sentence: every document of test has sentences in train",
    "traps": (
        "Most ratings lie within half a point of the middle: a constant is hard to beat in error, so look at correlation and CCC.",
        "Sentences of one document are in train, dev and test; 18 texts of test are in train, word for word.",
        "V, A, D join the reader's and the writer's perspective; they are means of about ten raters.",
        "Some sentences are fragments such as '..\"'.",
    ),
    "files": {"emobank.csv": 1},
}


def items(root: str | Path) -> Iterator[Item]:
    """The sentences in the order of the file, or of train, dev, test; `group` is the document a sentence is from.

    Raises
    ------
    MediaError
        If `root` holds neither `emobank.csv` nor the Parquet files.
    AttuneError
        If a rating is outside 1..5 or a split is none of train, dev, test.
    """
    for row in _rows(Path(root)):
        id, split, ratings = row["id"], row["split"], tuple(float(row[d]) for d in "VAD")
        if split not in SPLITS:
            raise AttuneError(f"sentence {id}: split {split!r}; expected one of {', '.join(SPLITS)}")
        if not all(1 <= r <= 5 for r in ratings):
            raise AttuneError(f"sentence {id}: ratings {ratings}; expected V, A, D from 1 to 5")
        # 110CYL068_1036_1079: a document and the sentence's first and last character in it; SemEval_12: a headline, alone
        yield Item(id, split, re.sub(r"_\d+_\d+$", "", id), ((np.array(ratings) - MIDDLE) / HALF).astype(np.float32), text=row["text"])


def _rows(root: Path) -> Iterator[dict[str, Any]]:
    """Rows with id, split, V, A, D and text."""
    if (root / "emobank.csv").is_file():
        yield from rows(root / "emobank.csv")
    elif (root / "train.parquet").is_file():
        for split in SPLITS:
            yield from (row | {"split": split} for row in rows(root / f"{split}.parquet"))
    else:
        raise missing(root, "emobank.csv or train.parquet", FACTS)
