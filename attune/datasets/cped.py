"""CPED: 133 thousand utterances of forty Chinese television series, with 13 emotions, dialogue acts and the speakers' Big Five.

`items` reads the authors' tables (`train_split.csv`, `valid_split.csv`, `test_split.csv`) or Parquet with the same columns
(`train_part.parquet`, which is the authors' valid part; it stands for train where nothing else is there).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attune.datasets import Item, one_hot, rows, tables

FACTS: dict[str, Any] = {
    "title": "Chinese Personalized and Emotional Dialogue dataset",
    "citation": (
        "Chen, Y., Fan, W., Xing, X., Pang, J., Huang, M., Han, W., Tie, Q., & Xu, X. (2022). CPED: A large-scale Chinese personalized and "
        "emotional dialogue dataset for conversational AI. arXiv:2205.14727"
    ),
    "license": "Apache-2.0 by the repository, for academic use by its text; the series are their makers'",
    "license_class": "research-only",
    "obtain": "data/CPED of github.com/scutcyr/CPED: train_split.csv, valid_split.csv, test_split.csv (features of face and voice by request)",
    "taxonomy": "cped13",
    "modalities": ("text",),
    "languages": ("zh",),
    "splits": {"train": "94,187 utterances", "dev": "11,137", "test": "27,438"},
    "speakers": "392 characters; `group` is the television series, so that actors, roles and plots stay together",
    "traps": (
        "Emotions were judged from the film; the text alone often doesn't say them.",
        "Personality is high, low or unknown, judged for a character as a whole: no scores.",
        "negative-other and positive-other are a fifth of the utterances; grateful is rare (13 of 11,137).",
        "Bit parts are one speaker, 其他 (others), of unknown sex and age.",
    ),
    "files": {"train_split.csv": 1, "valid_split.csv": 1, "test_split.csv": 1},
}

SEXES = {"female": "F", "male": "M"}
TRAITS = ("Neuroticism", "Extraversion", "Openness", "Agreeableness", "Conscientiousness")


def items(root: str | Path) -> Iterator[Item]:
    """Utterances; about: dialogue, turn, speaker, sex, age_group, personality (trait -> "high" or "low"), act, sentiment, scene."""
    names = {"train": ("train_split.csv", "train_part.parquet"), "dev": ("valid_split.csv", "dev.parquet"), "test": ("test_split.csv", "test.parquet")}
    for split, path in tables(Path(root), FACTS, **names):
        for row in rows(path):
            traits = {trait.lower(): row[trait] for trait in TRAITS if row[trait] in ("high", "low")}
            about = {"dialogue": row["Dialogue_ID"], "turn": int(row["Utterance_ID"].split("_")[-1]), "speaker": row["Speaker"],
                     "sex": SEXES.get(row["Gender"]), "age_group": row["Age"], "personality": traits, "act": row["DA"],
                     "sentiment": row["Sentiment"], "scene": row["Scene"]}
            yield Item(row["Utterance_ID"], split, f"cped-{row['TV_ID']}", one_hot("cped13", row["Emotion"]), text=row["Utterance"], about=about)
