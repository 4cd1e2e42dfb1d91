"""EmpatheticDialogues: somebody tells of a situation in which they felt one of 32 emotions, and somebody listens.

`items` reads the authors' `train.csv`, `valid.csv`, `test.csv` (conv_id, utterance_idx, context, prompt, speaker_idx, utterance), or
Parquet (`train.parquet` ... with Dialog_ID, Type, Actor, Text, emotion, silver_intent_or_emotion), which adds an intent or emotion that
a model gave to every utterance. `intents` reads the utterances whose intent people judged.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from attune.datasets import Item, missing, one_hot, rows, tables

FACTS: dict[str, Any] = {
    "title": "EmpatheticDialogues",
    "citation": (
        "Rashkin, H., Smith, E. M., Li, M., & Boureau, Y.-L. (2019). Towards empathetic open-domain conversation models: A new benchmark and "
        "dataset. ACL. doi:10.18653/v1/P19-1534. Intents: Welivita, A., & Pu, P. (2020). A taxonomy of empathetic response intents in human "
        "social conversations. COLING. arXiv:2012.04080"
    ),
    "license": "CC BY-NC 4.0",
    "license_class": "non-commercial",
    "obtain": "empatheticdialogues.tar.gz, linked in github.com/facebookresearch/EmpatheticDialogues; intents: github.com/anuradha1992/EmpatheticIntents",
    "taxonomy": "empathetic32",
    "modalities": ("text",),
    "languages": ("en",),
    "splits": {
        "train": "19,533 dialogues by the paper (Parquet 19,830)", "dev": "2,770 (Parquet 2,496)", "test": "2,547",
    },
    "speakers": "810 crowd workers; `group` is the dialogue. The authors keep those who tell apart between splits, listeners may cross",
    "traps": (
        "The emotion is that of the whole situation, given before it was written: single utterances may express nothing of it.",
        "It belongs to the teller; what the listener says has no label (NaN).",
        "Neighbours are hard to tell apart by design (angry, furious, annoyed): say how often the right one is among the first five, too.",
        "Commas are written _comma_ in the official files, whose quotation marks are plain characters and whose test rows have more columns.",
        "The Parquet files, with intents, divide the dialogues anew: never train on one layout and test on the other.",
        "silver_intent_or_emotion is a model's guess (hence silver): not a truth to score on.",
    ),
    "files": {"train.csv": 1, "valid.csv": 1, "test.csv": 1},
}


def items(root: str | Path) -> Iterator[Item]:
    """Of each dialogue its situation (turn 0), then its utterances; about: dialogue, turn, role ("situation", "speaker", "listener"), intent."""
    names = {"train": ("train.csv", "train.parquet"), "dev": ("valid.csv", "dev.parquet"), "test": ("test.csv", "test.parquet")}
    for split, path in tables(Path(root), FACTS, **names):
        turns: dict[str, int] = {}
        for dialogue, role, text, emotion, intent in _utterances(path):
            turn = turns[dialogue] = turns.get(dialogue, -1) + 1
            values = np.full(32, np.nan, np.float32) if role == "listener" else one_hot("empathetic32", emotion)
            about = {"dialogue": dialogue, "turn": turn, "role": role} | ({"intent": intent} if intent else {})
            yield Item(f"{dialogue}-{turn}", split, dialogue, values, text=text, about=about)


def _utterances(path: Path) -> Iterator[tuple[str, str, str, str, str]]:
    """(dialogue, role, text, emotion, intent)."""
    if path.suffix == ".parquet":
        for row in rows(path):
            role = "situation" if row["Type"] == "situation" else row["Actor"]
            yield row["Dialog_ID"], role, row["Text"], row["emotion"], row["silver_intent_or_emotion"] or ""
        return
    before = ""
    for row in rows(path, quoting=csv.QUOTE_NONE):
        dialogue, emotion = row["conv_id"], row["context"]
        if dialogue != before:
            yield dialogue, "situation", row["prompt"].replace("_comma_", ","), emotion, ""
        role = "speaker" if int(row["utterance_idx"]) % 2 else "listener"
        yield dialogue, role, row["utterance"].replace("_comma_", ","), emotion, ""
        before = dialogue


def intents(root: str | Path) -> list[tuple[str, str]]:
    """(utterance, intent) of `intent_manual.parquet`: some five hundred utterances of listeners, "acknowledging", "questioning" and so on."""
    path = Path(root) / "intent_manual.parquet"
    if not path.is_file():
        raise missing(Path(root), path.name, FACTS)
    return [(row["text"], row["intent"]) for row in rows(path)]
