"""ESConv: 1,300 conversations in which crowd workers support somebody in distress, with the strategy of each answer.

`items` reads the authors' `ESConv.json` (a list of conversations with emotion_type, problem_type, situation, survey_score and dialog), or
Parquet (`train.parquet` ... with dialog, turn, speaker, strategy, text), which doesn't say the seeker's emotion.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from attune.datasets import Item, drawn, one_hot, rows, tables

FACTS: dict[str, Any] = {
    "title": "Emotional Support Conversation",
    "citation": (
        "Liu, S., Zheng, C., Demasi, O., Sabour, S., Li, Y., Yu, Z., Jiang, Y., & Huang, M. (2021). Towards emotional support dialog systems. "
        "ACL. doi:10.18653/v1/2021.acl-long.269"
    ),
    "license": "CC BY-NC 4.0",
    "license_class": "non-commercial",
    "obtain": "ESConv.json of github.com/thu-coai/Emotional-Support-Conversation",
    "taxonomy": "esconv11",
    "modalities": ("text",),
    "languages": ("en",),
    "splits": {"train": "some 70 % of the conversations", "dev": "10 %", "test": "20 %; the JSON has no split, and this one is ours"},
    "speakers": "crowd workers, not named; `group` is the conversation, so that a worker may occur on both sides",
    "traps": (
        "The emotion is the seeker's, chosen from a list before they talk: it holds for the conversation, not for an utterance.",
        "What the supporter says has no emotion (NaN) but a strategy; strategies are the supporter's own statement, and 'Others' is frequent.",
        "Half of the conversations are about anxiety or depression. Workers were paid to seek support: no clinical sample.",
        "The conversations of the Parquet file are called dev_0 and so on: presumably a part of another division, whatever its name.",
    ),
    "files": {"ESConv.json": 1},
}


def items(root: str | Path) -> Iterator[Item]:
    """Utterances; about: dialogue, turn, role ("seeker", "supporter"), strategy, and by the JSON problem, situation, intensity (before, after)."""
    root, names = Path(root), {"train": ("ESConv.json", "train.parquet"), "dev": ("dev.parquet",), "test": ("test.parquet",)}
    for split, path in tables(root, FACTS, **names):
        for dialogue, turn, role, text, strategy, emotion, more in _official(path) if path.suffix == ".json" else _parquet(path):
            group = f"esconv-{dialogue}"
            values = one_hot("esconv11", emotion) if emotion and role == "seeker" else np.full(11, np.nan, np.float32)
            about = {"dialogue": dialogue, "turn": turn, "role": role, "strategy": strategy} | more
            yield Item(f"{dialogue}-{turn}", drawn(group) if path.suffix == ".json" else split, group, values, text=text, about=about)


def _official(path: Path) -> Iterator[tuple[str, int, str, str, str | None, str, dict[str, Any]]]:
    """(dialogue, turn, role, text, strategy, emotion, what else); the seeker rates the emotion 1..5 before and after."""
    for number, talk in enumerate(rows(path)):
        rated = talk.get("survey_score", {}).get("seeker", {})
        intensity = tuple(int(rated[f"{when}_emotion_intensity"]) for when in ("initial", "final") if rated.get(f"{when}_emotion_intensity"))
        more = {"problem": talk["problem_type"], "situation": talk["situation"], "intensity": intensity}
        for turn, said in enumerate(talk["dialog"]):
            yield str(number), turn, said["speaker"], said["content"].strip(), said["annotation"].get("strategy"), talk["emotion_type"], more


def _parquet(path: Path) -> Iterator[tuple[str, int, str, str, str | None, str, dict[str, Any]]]:
    for row in rows(path):
        yield row["dialog"], row["turn"], row["speaker"], row["text"], row["strategy"], "", {}
