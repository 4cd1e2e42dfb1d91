"""PELD: 6,510 triples of utterances from Friends; the third answers, by one of six characters whose Big Five are known.

`items` reads the authors' `Dyadic_PELD.tsv` or Parquet (`all.parquet`), whose columns are the same: Speaker_1, Speaker_2, Personality,
and Utterance, Emotion, Sentiment 1 to 3. The first and the third utterance are Speaker_1's, whose personality it is.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attune.datasets import Item, drawn, one_hot, rows, tables

FACTS: dict[str, Any] = {
    "title": "Personality EmotionLines Dataset (Friends)",
    "citation": (
        "Wen, Z., Cao, J., Yang, R., Liu, S., & Shen, J. (2021). Automatically select emotion for response via personality-affected emotion "
        "transition. Findings of ACL-IJCNLP. doi:10.18653/v1/2021.findings-acl.444"
    ),
    "license": "none stated; emotions are MELD's (GPL-3.0) and EmoryNLP's, the transcripts Warner Bros.'",
    "license_class": "research-only",
    "obtain": "data/Dyadic_PELD.tsv of github.com/preke/PELD",
    "taxonomy": "ekman7",
    "modalities": ("text",),
    "languages": ("en",),
    "splits": {"train": "some 70 % of the conversations", "dev": "10 %", "test": "20 %"},
    "speakers": "six characters, in every split; `group` is what hangs together by shared utterances. This split is ours: the authors draw triples "
    "at random, so that utterances of a test triple are in train",
    "traps": (
        "Triples of one conversation overlap: the answer of one is the first utterance of the next.",
        "Personality is of a character as a whole (openness, conscientiousness, extraversion, agreeableness, neuroticism; 0..1): six vectors in all.",
        "Mehrabian's formula from the Big Five to pleasure, arousal and dominance takes Emotional Stability where this has neuroticism: put in 1 - N.",
        "Utterances are MELD's and EmoryNLP's: their train parts hold this test part.",
    ),
    "files": {"**/Dyadic_PELD.tsv": 1},
}

TRAITS = ("openness", "conscientiousness", "extraversion", "agreeableness", "neuroticism")
TELLING = 15                             # characters: shorter utterances ("What?") occur in many conversations


def items(root: str | Path) -> Iterator[Item]:
    """Answers; about: speaker, personality (trait -> 0..1), sentiment, context: ((speaker, utterance, emotion), ...) of the two before."""
    ((_, path),) = tables(Path(root), FACTS, train=("**/Dyadic_PELD.tsv", "all.parquet"))
    triples = list(rows(path, quoting=csv.QUOTE_MINIMAL)) if path.suffix == ".tsv" else list(rows(path))
    for number, (row, conversation) in enumerate(zip(triples, _conversations(triples), strict=True)):
        group = f"peld-{conversation}"
        context = tuple((row[f"Speaker_{n}"], row[f"Utterance_{n}"], row[f"Emotion_{n}"]) for n in (1, 2))
        personality = dict(zip(TRAITS, json.loads(row["Personality"]) if isinstance(row["Personality"], str) else row["Personality"], strict=True))
        about = {"speaker": row["Speaker_1"], "personality": personality, "sentiment": row["Sentiment_3"], "context": context}
        yield Item(str(number), drawn(group), group, one_hot("ekman7", row["Emotion_3"]), text=row["Utterance_3"], about=about)


def _conversations(triples: list[dict[str, Any]]) -> list[int]:
    """Of each triple, the number of the first one that it hangs together with through utterances that both have."""
    first = list(range(len(triples)))

    def origin(i: int) -> int:
        while first[i] != i:
            i = first[i]
        return i

    seen: dict[str, int] = {}
    for i, row in enumerate(triples):
        for text in (row["Utterance_1"], row["Utterance_2"], row["Utterance_3"]):
            if len(text) >= TELLING:
                a, b = sorted((origin(i), origin(seen.setdefault(text, i))))
                first[b] = a
    return [origin(i) for i in range(len(triples))]
