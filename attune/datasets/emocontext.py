"""EmoContext: three turns of a chat, and whether the last is happy, sad, angry or something else.

`items` reads the organisers' tables (`train.txt`, `dev.txt`, `test.txt`: id, turn1, turn2, turn3, label, divided by tabs) or Parquet
(`train.parquet` ...).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attune.datasets import SPLITS, Item, one_hot, rows, tables

FACTS: dict[str, Any] = {
    "title": "SemEval-2019 Task 3: EmoContext",
    "citation": (
        "Chatterjee, A., Narahari, K. N., Joshi, M., & Agrawal, P. (2019). SemEval-2019 Task 3: EmoContext contextual emotion detection in "
        "text. SemEval. doi:10.18653/v1/S19-2005"
    ),
    "license": "for the shared task only, no licence stated; chats are their writers'",
    "license_class": "research-only",
    "obtain": "the organisers' data of humanizing-ai.com/emocontext.html: train.txt, dev.txt, test.txt",
    "taxonomy": "emocontext4",
    "modalities": ("text",),
    "languages": ("en",),
    "splits": {"train": "30,160 chats", "dev": "2,755", "test": "5,509"},
    "speakers": "unknown: users of a chat bot, who may occur in every split; `group` is the chat",
    "traps": (
        "Half of train is one of the three emotions, 15 % of dev and test: thresholds from train say them far too often.",
        "The second turn is a machine's.",
        "'others' isn't neutral: it may be fear, surprise or love.",
        "Scored by micro-F1 of the three emotions, without others.",
    ),
    "files": {"train.txt": 1, "dev.txt": 1, "test.txt": 1},
}


def items(root: str | Path) -> Iterator[Item]:
    """Last turns; about: context, the two turns before."""
    names = {split: (f"{split}.txt", f"{split}.parquet") for split in SPLITS}
    for split, path in tables(Path(root), FACTS, **names):
        for row in rows(path):
            id = f"{split}-{row['id']}"
            yield Item(id, split, id, one_hot("emocontext4", row["label"]), text=row["turn3"], about={"context": (row["turn1"], row["turn2"])})
