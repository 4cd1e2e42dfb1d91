"""GoEmotions: 58 thousand Reddit comments, each with the emotions that at least two of its raters saw, out of 27 and neutral.

`items` reads the filtered set in the authors' layout (`train.tsv`, `dev.tsv`, `test.tsv`, `emotions.txt`) or as Parquet
(`train.parquet` ... with columns text, labels, id, beside `labels.txt`).

    >>> from attune.datasets import goemotions
    >>> goemotions.FACTS["taxonomy"]
    'goemotions28'
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from attune.datasets import SPLITS, Item, missing, rows
from attune.errors import AttuneError
from attune.taxonomy import taxonomy

FACTS: dict[str, Any] = {
    "title": "GoEmotions (Reddit comments with 27 emotions and neutral)",
    "citation": (
        "Demszky, D., Movshovitz-Attias, D., Ko, J., Cowen, A., Nemade, G., & Ravi, S. (2020). GoEmotions: A dataset of fine-grained "
        "emotions. ACL. doi:10.18653/v1/2020.acl-main.372"
    ),
    "license": "Apache-2.0 (the authors' repository, some mirrors state CC BY 4.0); the comments themselves are their writers'",
    "license_class": "permissive",
    "obtain": "train.tsv, dev.tsv, test.tsv and emotions.txt from the folder goemotions/data of github.com/google-research/google-research",
    "taxonomy": "goemotions28",
    "modalities": ("text",),
    "languages": ("en",),
    "splits": {"train": "43,410 comments", "dev": "5,426 comments", "test": "5,427 comments"},
    "speakers": "unknown: the filtered files don't say who wrote a comment, so that a writer may occur on both sides of the official split",
    "traps": (
        "Names and religions are masked as [NAME] and [RELIGION]; real speech has the names.",
        "Short comments ('Thank you!') repeat: 43 texts of dev and 37 of test are in train, word for word.",
        "A third of the rows is neutral; grief, pride and relief have 6, 16 and 11 rows in test: their F1 is mostly chance.",
        "Raters saw the comment without its thread, and were English speakers from India: irony and slang are often read literally.",
        "A text may hold any Unicode line separator, so rows end at '\\n' only; quotation marks are plain characters.",
    ),
    "files": {"train.tsv": 1, "dev.tsv": 1, "test.tsv": 1, "emotions.txt": 1},
}


def items(root: str | Path) -> Iterator[Item]:
    """The comments of train, dev and test, in this order; `group` is the comment.

    Raises
    ------
    MediaError
        If `root` holds neither `train.tsv` nor `train.parquet`.
    AttuneError
        If its list of labels isn't that of the taxonomy, or a row names a label that isn't in it.
    """
    root = Path(root)
    k = len(_labels(root))
    for split in SPLITS:
        for text, ids, id in _rows(root, split):
            numbers = [int(i) if i.isdecimal() else k for i in ids.split(",")]
            if max(numbers) >= k:
                raise AttuneError(f"{split}, comment {id}: labels {ids!r}; expected numbers from 0 to {k - 1} with commas")
            values = np.zeros(k, np.float32)
            values[numbers] = 1
            yield Item(id, split, id, values, text=text)


def _labels(root: Path) -> tuple[str, ...]:
    """The labels a row's numbers stand for, checked against the taxonomy: names decide, never positions."""
    expected = taxonomy(FACTS["taxonomy"]).labels
    for name in ("emotions.txt", "labels.txt"):
        if (root / name).is_file():
            found = tuple((root / name).read_text(encoding="utf-8").split())
            if found != expected:
                raise AttuneError(f"{name} lists {', '.join(found)}; expected the order of the taxonomy: {', '.join(expected)}")
    return expected


def _rows(root: Path, split: str) -> Iterator[tuple[str, str, str]]:
    """(text, numbers with commas, id) of one split."""
    if (root / f"{split}.tsv").is_file():
        with (root / f"{split}.tsv").open(encoding="utf-8", newline="\n") as lines:
            for line in lines:
                text, ids, id = line.rstrip("\r\n").rsplit("\t", 2)
                yield text, ids, id
    elif (root / f"{split}.parquet").is_file():
        yield from ((row["text"], row["labels"], row["id"]) for row in rows(root / f"{split}.parquet"))
    else:
        raise missing(root, f"{split}.tsv or {split}.parquet", FACTS)
