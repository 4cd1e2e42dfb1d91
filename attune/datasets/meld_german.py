"""MELD in German: its utterances aligned with the German subtitles of Friends, by time and by likeness of the sentences.

`items` reads the tables of Rios et al. (`train_de.csv`, `dev_de.csv`, `test_de.csv`) or Parquet (`train.parquet` ...). The
emotion is that of the English utterance.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attune.datasets import Item, one_hot, rows, tables

FACTS: dict[str, Any] = {
    "title": "MELD with German subtitles",
    "citation": (
        "Poria, S., Hazarika, D., Majumder, N., Naik, G., Cambria, E., & Mihalcea, R. (2019). MELD: A multimodal multi-party dataset for "
        "emotion recognition in conversations. ACL. doi:10.18653/v1/P19-1050. German: tables of the EASIER project, used by Rios et al., "
        "Multimodal recognition of valence, arousal and dominance via late-fusion of text, audio and facial expressions"
    ),
    "license": "GPL-3.0 (the authors' repository); subtitles are Warner Bros.'",
    "license_class": "research-only",
    "obtain": "data/MELD_Friends_German of github.com/a-rios/emotion_detection",
    "taxonomy": "ekman7",
    "modalities": ("text",),
    "languages": ("de",),
    "splits": {"train": "8,872 of 9,989 utterances", "dev": "987 of 1,109", "test": "2,610, every one aligned"},
    "speakers": "the characters of Friends, in every split; `group` is the dialogue, which the official split respects",
    "traps": (
        "1,117 rows of train and 122 of dev say 'NOT FOUND': no subtitle was near; they are left out.",
        "A subtitle often holds two people's words ('- Hey. - Hey.') or half a sentence, and then stands at several utterances.",
        "Subtitles shorten and translate freely; what was heard in the English voice may not be in the German words.",
        "Numbers of dialogues in train were given anew in places; orig_dialogue_id, where it is, is MELD's. Nine pairs of rows of test share "
        "their numbers; the second has -2 in its id.",
    ),
    "files": {"train_de.csv": 1, "dev_de.csv": 1, "test_de.csv": 1},
}

NOTHING = "NOT FOUND"


def items(root: str | Path) -> Iterator[Item]:
    """Utterances that have a subtitle; about: dialogue, turn, speaker, english where the table has it."""
    names = {split: (f"{split}_de.csv", f"{split}.parquet") for split in FACTS["splits"]}
    for split, path in tables(Path(root), FACTS, **names):
        seen: dict[str, int] = {}
        for row in rows(path):
            if row["utterance_de"].strip() == NOTHING:
                continue
            dialogue, turn = int(row["dialogue_id"]), int(row["sentence_id"])
            about = {"dialogue": dialogue, "turn": turn, "speaker": row["speaker"], "english": row.get("utterance_en")}
            id = f"{split}-{dialogue}-{turn}"
            seen[id] = seen.get(id, 0) + 1
            yield Item(id if seen[id] == 1 else f"{id}-{seen[id]}", split, f"meld_german-{split}-{dialogue}", one_hot("ekman7", row["label"]),
                       text=row["utterance_de"], about=about)
