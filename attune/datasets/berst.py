"""BERSt: 98 actors speak and shout nonsense phrases in seven states into a phone at nineteen places of their home.

The authors' archives `raw_train-data.zip` and so on, unpacked: a folder per part (train, validation, test) with `metadata.csv` and
`audio/.../*.wav`. Columns: file_name (or path), user_id, age, current_language, first_language, gender, phone_model, affect,
phone_position, script, shout_level. After the authors' data card and scripts of others, not tried on the original; the authors'
Parquet shards hold the same and aren't read.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attune.datasets import Item, missing, named, one_hot, rows

FACTS: dict[str, Any] = {
    "title": "Basic Emotion Random phrase Shouts (BERSt)",
    "citation": (
        "Tuttösí, P., Dhillon, M., Sang, L., Eastwood, S., Bhatia, P., Dinh, Q. M., Kapoor, A., Jin, Y., & Lim, A. (2026). BERSting at "
        "the screams: A benchmark for distanced, emotional and shouted speech recognition. Computer Speech & Language 95. arXiv:2505.00059."
    ),
    "license": "CC BY 4.0",
    "license_class": "attribution",
    "obtain": "huggingface.co/datasets/Rosie-Lab/BERSt: raw_*-data.zip, each unpacked into a folder train, validation or test",
    "taxonomy": "ekman7",
    "modalities": ("voice", "text"),
    "languages": ("en",),
    "splits": {"train": "3,503 clips, 78 actors", "dev": "488, 10", "test": "532, 10"},
    "speakers": "98, in one part each; the split is the authors'",
    "files": {"**/metadata.csv": 3, "**/*.wav": None},
    "traps": (
        "Labels are what the actor was told to show; nobody listened and judged.",
        "Shouts, distance and obstacles (a bag, another room) are meant: level tells nothing, and silence may be speech.",
        "Phrases are nonsense: a text model has nothing to read.",
        "The card counts 4,526 recordings, its parts sum to 4,523. Age is a band.",
    ),
}

PARTS = {"train": "train", "validation": "dev", "dev": "dev", "test": "test"}
EMOTIONS = {label: label for label in ("anger", "disgust", "fear", "joy", "neutral", "sadness", "surprise")}


def items(root: str | Path) -> Iterator[Item]:
    """Clips by part, in the order of its table. about: sex, band (of age), position, intensity ("shout", "no-shout", "n/a"), phone.

    Raises
    ------
    MediaError
        If there is no table in a folder of a part.
    UnknownName
        If a label doesn't exist.
    """
    root = Path(root)
    found = sorted(root.rglob("metadata.csv"))
    tables = [(split, path) for part, split in PARTS.items() for path in found if part in path.relative_to(root).parts]
    if not tables:
        raise missing(root, "train/metadata.csv", FACTS)
    for split, table in tables:
        for raw in rows(table):
            row = {name: (value or "").strip() for name, value in raw.items()}
            file = (row.get("file_name") or row["path"]).replace("\\", "/")
            about: dict[str, Any] = {
                "language": "en", "first_language": row.get("first_language", ""), "band": row.get("age", ""),
                "intensity": row.get("shout_level", ""), "position": row.get("phone_position", ""), "phone": row.get("phone_model", ""),
                "sentence": row.get("script", ""),
            }
            if (sex := row.get("gender", "").lower()) in ("female", "male", "f", "m"):
                about["sex"] = sex[0].upper()
            yield Item(
                f"{table.parent.name}/{Path(file).with_suffix('')}", split, f"berst-{row['user_id']}",
                one_hot("ekman7", named(row["affect"].lower(), EMOTIONS, file)), table.parent / file, text=row.get("script", ""),
                about=about,
            )
