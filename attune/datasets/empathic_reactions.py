"""Empathic Reactions: people read news of harm, rate their empathy and distress from 1 to 7, and write what they feel.

`items` reads the authors' `messages.csv`, the tables of the shared tasks of WASSA 2021 and 2022 (`messages_train_ready_for_WS.tsv`; dev as
`messages_dev_features_ready_for_WS_2022.tsv` beside `goldstandard_dev_2022.tsv`, whose first columns are empathy, distress, emotion), or
Parquet (`train.parquet` ... with the columns of `messages.csv`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from attune.datasets import Item, drawn, one_hot, rows, tables

FACTS: dict[str, Any] = {
    "title": "Empathic Reactions to news stories (also WASSA 2021 and 2022)",
    "citation": (
        "Buechel, S., Buffone, A., Slaff, B., Ungar, L., & Sedoc, J. (2018). Modeling empathy and distress in reaction to news stories. EMNLP. "
        "doi:10.18653/v1/D18-1507. Emotions: Tafreshi, S., et al. (2021). WASSA 2021 shared task: Predicting empathy and emotion in reaction "
        "to news stories. WASSA"
    ),
    "license": "CC BY 4.0 (essays and ratings; articles are their publishers')",
    "license_class": "attribution",
    "obtain": "data/responses/data/messages.csv of github.com/wwbp/empathic_reactions, or the data of the WASSA 2022 shared task on CodaLab",
    "taxonomy": "empathy",
    "more": ("ekman7",),
    "modalities": ("text",),
    "languages": ("en",),
    "splits": {"train": "some 70 % of the articles (WASSA: 1,860 essays)", "dev": "10 % (270)", "test": "20 % (525, without ratings)"},
    "speakers": (
        "403 people, five essays each. `group` is the article: messages.csv has no split, and ours keeps articles apart; people cross it, "
        "about['speaker'] says who. WASSA's split keeps neither apart for certain"
    ),
    "traps": (
        "Ratings were given before writing and are of one person each: the essay need not show them. r of .4 to .6 is what models reach.",
        "Empathy and distress go together (r .42 over 1,354 essays).",
        "WASSA's emotions were not the writers' own answers, as empathy and distress are: they were added later.",
        "Personality there has Emotional Stability, not neuroticism.",
    ),
    "files": {"**/messages.csv": 1},
}

TRAITS = {"conscientiousness": "conscientiousness", "openess": "openness", "extraversion": "extraversion", "agreeableness": "agreeableness",
          "stability": "emotional stability"}                                              # the columns' own spelling


def items(root: str | Path) -> Iterator[Item]:
    """Essays; about: speaker, article, and by WASSA age and personality (trait -> 1..7)."""
    root = Path(root)
    names = {"train": ("**/messages.csv", "**/messages_train*.tsv", "train.parquet"), "dev": ("**/messages_dev_features*.tsv", "dev.parquet"),
             "test": ("test.parquet",)}
    for split, path in tables(root, FACTS, **names):
        for row in _rows(path):
            group = f"article-{row['article_id']}"
            more = {"ekman7": one_hot("ekman7", row["emotion"])} if row.get("emotion") else {}
            about = {"speaker": row.get("response_id"), "article": int(row["article_id"])}
            if row.get("age"):
                about["age"] = int(float(row["age"]))
                about["personality"] = {trait: float(row[f"personality_{column}"]) for column, trait in TRAITS.items() if row.get(f"personality_{column}")}
            values = np.array([float(row["empathy"]), float(row["distress"])], np.float32)
            yield Item(row["message_id"], drawn(group) if path.name == "messages.csv" else split, group, values, text=row["essay"], more=more, about=about)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    """Rows, those of WASSA's dev part joined with their gold standard, which has no header."""
    if "dev_features" not in path.name:
        yield from rows(path)
        return
    gold = next(iter(sorted(path.parent.glob("goldstandard_dev*.tsv"))), None)
    lines = gold.read_text(encoding="utf-8").splitlines() if gold else []
    for row, line in zip(rows(path), lines, strict=bool(gold)):
        yield row | dict(zip(("empathy", "distress", "emotion"), line.split("\t"), strict=False))
