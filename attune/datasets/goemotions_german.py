"""GoEmotions in German: its dev and test comments, translated by machine, emoji kept.

`items` reads the tables of Rios et al. (`dev.csv`, `test.csv`) or Parquet (`dev.parquet` ...), with the columns idx, de_text,
en_text, original_label, ekman_label: one row a label, so that a comment with two labels comes twice. Here it comes once.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from attune.datasets import Item, rows, tables, values_of

FACTS: dict[str, Any] = {
    "title": "GoEmotions translated into German",
    "citation": (
        "Demszky, D., Movshovitz-Attias, D., Ko, J., Cowen, A., Nemade, G., & Ravi, S. (2020). GoEmotions: A dataset of fine-grained "
        "emotions. ACL. doi:10.18653/v1/2020.acl-main.372. German: tables of the EASIER project, used by Rios et al., Multimodal "
        "recognition of valence, arousal and dominance via late-fusion of text, audio and facial expressions"
    ),
    "license": "GPL-3.0 (the authors' repository); GoEmotions is Apache-2.0, the comments are their writers'",
    "license_class": "research-only",
    "obtain": "dev.csv and test.csv from data/GoEmotions_German of github.com/a-rios/emotion_detection",
    "taxonomy": "goemotions28",
    "modalities": ("text",),
    "languages": ("de",),
    "splits": {"dev": "6,380 rows, 5,426 comments", "test": "5,427 comments; there is no train part"},
    "speakers": "unknown, as in GoEmotions; `group` is the comment",
    "traps": (
        "Rows repeat a comment once per label: merged here. Counted as rows, figures weigh comments with several labels more.",
        "A machine translated them: idioms and irony are often lost, and no German wrote so.",
        "ekman_label is the authors' grouping of each label by itself; the crosswalk to ekman7 makes the same of the merged labels.",
        "A model trained on English GoEmotions must leave out these comments' originals, which are its dev and test parts.",
    ),
    "files": {"dev.csv": 1, "test.csv": 1},
}


def items(root: str | Path) -> Iterator[Item]:
    """Comments in the order of the table; about: english, the original."""
    for split, path in tables(Path(root), FACTS, dev=("dev.csv", "dev.parquet"), test=("test.csv", "test.parquet")):
        for (text, english), repeated in groupby(rows(path), key=lambda row: (row["de_text"], row["en_text"])):
            same = list(repeated)
            id, labels = f"{split}-{same[0]['idx']}", {row["original_label"]: 1.0 for row in same}
            yield Item(id, split, id, values_of("goemotions28", labels), text=text, about={"english": english})
