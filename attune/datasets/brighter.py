"""BRIGHTER: texts in many languages with the intensity of up to six emotions, 0 (none) to 3 (high), by native speakers.

`items` reads track B of SemEval-2025 Task 11 in the organisers' layout (`track_b/train/eng.csv`, `dev`, `test`) or Parquet
(`train.parquet` ... in the folder of one language, or in folders `brighter_eng`, `brighter_deu` beside each other).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attune.datasets import SPLITS, Item, missing, named, rows, values_of

FACTS: dict[str, Any] = {
    "title": "BRIGHTER (intensities of six emotions in texts of many languages)",
    "citation": (
        "Muhammad, S. H., Ousidhoum, N., Abdulmumin, I., et al. (2025). BRIGHTER: Bridging the gap in human-annotated textual emotion "
        "recognition datasets for 28 languages. ACL. arXiv:2502.11926. Task: Muhammad, S. H., et al. (2025). SemEval-2025 Task 11: Bridging "
        "the gap in text-based emotion detection. arXiv:2503.07269"
    ),
    "license": "CC BY 4.0 (annotations; texts from several sources)",
    "license_class": "attribution",
    "obtain": "track_b of github.com/emotion-analysis-project/SemEval2025-Task11, or brighter-dataset/BRIGHTER-emotion-intensities on Hugging Face",
    "taxonomy": "basic6",
    "modalities": ("text",),
    "languages": ("en", "de", "am", "ar", "es", "ha", "pt", "ro", "ru", "uk", "zh"),
    "splits": {"train": "English 2,768 (2,763 in some copies) and German 2,603 texts", "dev": "116 (115) and 200", "test": "2,767 and 2,604"},
    "speakers": "unknown: the texts are without their writers",
    "traps": (
        "English has no disgust: unknown there, not 0. Other languages miss others.",
        "Where all are 0 the text may be neutral, or express something else.",
        "Each language has sources of its own: they differ in matter as much as in words.",
        "The dev parts are tiny: choose by cross-validation in train.",
    ),
    "files": {"**/track_b/train/*.csv": 11},
}

LANGUAGES = {"eng": "en", "deu": "de", "amh": "am", "arq": "ar", "ary": "ar", "chn": "zh", "esp": "es", "hau": "ha", "ptbr": "pt", "ron": "ro",
             "rus": "ru", "ukr": "uk"}
EMOTIONS = ("anger", "disgust", "fear", "joy", "sadness", "surprise")
TOP = 3                                   # highest intensity


def items(root: str | Path) -> Iterator[Item]:
    """Texts by split; values are intensities in 0..1, NaN for emotions that a language wasn't asked for; about: language, ISO 639-1."""
    root = Path(root)
    globs = ("track_b/{}/*.csv", "*/track_b/{}/*.csv", "{}.parquet", "brighter_*/{}.parquet")
    found = {split: sorted({p for glob in globs for p in root.glob(glob.format(split))}) for split in SPLITS}
    if not any(found.values()):
        raise missing(root, "track_b/train/*.csv or train.parquet", FACTS)
    for split, paths in found.items():
        for path in paths:
            for row in rows(path):
                row = {name.lower(): value for name, value in row.items()}
                asked = [emotion for emotion in EMOTIONS if row.get(emotion) not in (None, "")]
                values = values_of("basic6", {emotion: float(row[emotion]) / TOP for emotion in asked}, known=asked)
                language = named(row["id"].split("_")[0], LANGUAGES, f"language of {row['id']}")
                yield Item(row["id"], split, row["id"], values, text=row["text"], about={"language": language})
