"""EmoBank: ten thousand English sentences of six genres, rated for valence, arousal and dominance on a scale of 1 to 5.

`items` reads the authors' `emobank.csv` (id, split, V, A, D, text) or Parquet files per split (`train.parquet` ... with
the same columns). Ratings become positions in -1..1 by (x - 3) / 2: the middle of the self-assessment manikin is zero.

    >>> from attune.datasets import emobank
    >>> emobank.FACTS["taxonomy"]
    'vad'
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from attune.errors import AttuneError, MediaError

SPLITS = ("train", "dev", "test")
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
    "splits": {"train": "8,062 sentences", "dev": "1,000 sentences", "test": "1,000 sentences"},
    "speakers": "unknown; `group` is the document, and the official split is by sentence: every document of test has sentences in train",
    "traps": (
        "Most ratings lie within half a point of the middle: a constant is hard to beat in error, so look at correlation and CCC.",
        "Sentences of one document are in train, dev and test; 18 texts of test are in train, word for word.",
        "V, A, D join the reader's and the writer's perspective; they are means of about ten raters.",
        "Some sentences are fragments such as '..\"'.",
    ),
}


class Item(NamedTuple):
    """One sentence. values (3,) float32: valence, arousal, dominance in -1..1; group: the document it is from."""

    id: str
    split: str
    group: str
    text: str
    values: np.ndarray


def items(root: str | Path) -> Iterator[Item]:
    """The sentences in the order of the file, or of train, dev, test.

    Raises
    ------
    MediaError
        If `root` holds neither `emobank.csv` nor the Parquet files.
    AttuneError
        If a rating is outside 1..5 or a split is none of train, dev, test.
    """
    for id, split, text, ratings in _rows(Path(root)):
        if split not in SPLITS:
            raise AttuneError(f"sentence {id}: split {split!r}; expected one of {', '.join(SPLITS)}")
        if not all(1 <= r <= 5 for r in ratings):
            raise AttuneError(f"sentence {id}: ratings {ratings}; expected V, A, D from 1 to 5")
        # 110CYL068_1036_1079: a document and the sentence's first and last character in it; SemEval_12: a headline, alone
        yield Item(id, split, re.sub(r"_\d+_\d+$", "", id), text, ((np.array(ratings) - MIDDLE) / HALF).astype(np.float32))


def _rows(root: Path) -> Iterator[tuple[str, str, str, tuple[float, float, float]]]:
    """(id, split, text, (V, A, D)) of every sentence."""
    if (root / "emobank.csv").is_file():
        with (root / "emobank.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                yield row["id"], row["split"], row["text"], (float(row["V"]), float(row["A"]), float(row["D"]))
    elif (root / "train.parquet").is_file():
        import pyarrow.parquet

        for split in SPLITS:
            for row in pyarrow.parquet.read_table(root / f"{split}.parquet", columns=["id", "text", "V", "A", "D"]).to_pylist():
                yield row["id"], split, row["text"], (row["V"], row["A"], row["D"])
    else:
        raise MediaError(f"neither emobank.csv nor train.parquet in {root}; get {FACTS['obtain']}")
