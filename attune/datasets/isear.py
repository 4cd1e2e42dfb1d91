"""ISEAR: three thousand students of 37 countries tell when they felt joy, fear, anger, sadness, disgust, shame and guilt.

`items` reads `isear.csv`, columns divided by "|" (the export of the authors' database that is in general use), or Parquet
(`train.parquet` ... with ID, COUN, SEX, AGE, emotion, intensity, text). Which encoding the export has couldn't be verified; UTF-8
is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attune.datasets import Item, drawn, one_hot, rows, tables
from attune.taxonomy import taxonomy

FACTS: dict[str, Any] = {
    "title": "International Survey on Emotion Antecedents and Reactions",
    "citation": (
        "Scherer, K. R., & Wallbott, H. G. (1994). Evidence for universality and cultural variation of differential emotion response "
        "patterning. Journal of Personality and Social Psychology 66(2), 310-328. doi:10.1037/0022-3514.66.2.310"
    ),
    "license": "CC BY-NC-SA 3.0, Swiss Center for Affective Sciences",
    "license_class": "non-commercial",
    "obtain": "isear databank of unige.ch/cisa, exported to isear.csv (columns divided by |) as in github.com/sinmaniphel/py_isear_dataset",
    "taxonomy": "isear7",
    "modalities": ("text",),
    "languages": ("en",),
    "splits": {"train": "some 70 % of the people", "dev": "10 %", "test": "20 %; the authors give no split, and this one is ours"},
    "speakers": "some 3,000 students, mostly of psychology; up to seven stories each, all in one split",
    "traps": (
        "The label is the question ('tell of a situation in which you felt ...'), not what the words express.",
        "Most answers were translated into English, some by the people themselves.",
        "Some answers are no stories ('No response', 'Doesn't apply'); those in square brackets are left out.",
        "Line ends are written as 'á' in the export; they become blanks.",
    ),
    "files": {"isear.csv": 1},
}

SEXES = {"1": "M", "2": "F"}


def items(root: str | Path) -> Iterator[Item]:
    """Stories; about: sex, age, country (number in the authors' codes), intensity 1 (not very) to 4 (very intense), None if not told."""
    root = Path(root)
    labels = taxonomy("isear7").labels
    for split, path in tables(root, FACTS, train=("isear.csv", "train.parquet"), dev=("dev.parquet",), test=("test.parquet",)):
        official = path.suffix == ".csv"
        count: dict[str, int] = {}
        for row in rows(path, delimiter="|") if official else rows(path):
            person, text = f"isear-{row['ID']}", row["SIT" if official else "text"].replace("á", " ").replace("\n", " ").strip()
            label = labels[int(row["EMOT"]) - 1] if official else row["emotion"]
            if text.startswith("["):
                continue
            count[person] = count.get(person, 0) + 1
            age, strength = str(row["AGE"]), int(row["INTS" if official else "intensity"])
            about = {"sex": SEXES.get(str(row["SEX"])), "age": int(age) if age.isdecimal() else None, "country": int(row["COUN"]),
                     "intensity": strength or None}
            yield Item(f"{person}-{label}-{count[person]}", drawn(person) if official else split, person, one_hot("isear7", label),
                       text=" ".join(text.split()), about=about)
