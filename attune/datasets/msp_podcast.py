"""MSP-Podcast: turns of podcasts, each judged by five or more people by category and on three scales.

`Labels/labels_consensus.csv` has FileName, EmoClass, EmoAct, EmoVal, EmoDom (1-7), SpkrID, Gender, Split_Set; every vote is in
`labels_detailed.csv` (FileName, a worker, EmoClass_Major ...), sounds are in `Audios`, texts in `Transcripts`, one file each.
Names of columns are those of releases 1.10 and later as others read them, not tried on the original.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from attune.datasets import Item, media, missing, named, one_hot, rows, shares, values_of
from attune.taxonomy import rescale, taxonomy

FACTS: dict[str, Any] = {
    "title": "MSP-Podcast corpus",
    "citation": (
        "Lotfian, R., & Busso, C. (2019). Building naturalistic emotionally balanced speech corpus by retrieving emotional speech from "
        "existing podcast recordings. IEEE Transactions on Affective Computing 10(4), 471-483. doi:10.1109/TAFFC.2017.2736999"
    ),
    "license": "academic licence of the University of Texas at Dallas, signed by the institution; a commercial one is sold",
    "license_class": "research-only",
    "obtain": "lab-msp.com/MSP/MSP-Podcast.html: Audios and Labels",
    "taxonomy": "ferplus8",
    "more": ("vad",),
    "modalities": ("voice", "text"),
    "languages": ("en",),
    "splits": {"train": "Train", "dev": "Development", "test": "Test1 and Test2 (about['part']); Test3's labels are kept by the authors"},
    "speakers": "some thousand, by SpkrID; the split is the authors', without a speaker of Train in Test1",
    "files": {"**/labels_consensus.csv": 1, "**/MSP-PODCAST_*.*": None},
    "traps": (
        "Each release has more turns and other splits: state the release with every figure, never compare 1.7 with 1.11.",
        "Test2 was drawn without the retrieval by machine, so it is the less biased; its speakers, and some others, are unknown.",
        "Many turns are neutral or have no majority (X); O is other. Score on votes.",
        "Order of columns is activation, valence, dominance in some releases and not in others: read them by name.",
    ),
}

LETTERS = {
    "A": "anger", "S": "sadness", "H": "happiness", "U": "surprise", "F": "fear", "D": "disgust", "C": "contempt", "N": "neutral",
    "O": "other", "X": "no agreement",
}
WORDS = {"angry": "anger", "sad": "sadness", "happy": "happiness"}
SPLITS = {"Train": "train", "Development": "dev", "Validation": "dev", "Test1": "test", "Test2": "test"}
LABELS = taxonomy("ferplus8").labels


def items(root: str | Path) -> Iterator[Item]:
    """Turns in the order of the table, as far as their sound is there.

    `values` has the shares of the votes among the eight labels if `labels_detailed.csv` is there, else the consensus; NaN without
    either. `more["vad"]` has the mean ratings, 1-7 laid on -1..1.

    Raises
    ------
    MediaError
        If the table, or every sound, is missing.
    UnknownName
        If a category or a part doesn't exist.
    """
    root = Path(root)
    table = next(iter(sorted(root.rglob("labels_consensus.csv"))), None)
    sounds = {path.stem: path for path in media(root, "MSP-PODCAST_*")}
    if table is None or not sounds:
        raise missing(root, "MSP-PODCAST_*.wav" if table else "labels_consensus.csv", FACTS)
    votes = _votes(table.with_name("labels_detailed.csv"))
    texts = {path.stem: path for path in root.rglob("MSP-PODCAST_*.txt")}
    for row in rows(table):
        stem, part = Path(row["FileName"]).stem, row["Split_Set"]
        if stem not in sounds or part == "Test3":
            continue
        consensus = named(row["EmoClass"], LETTERS, stem)
        counted = {label: count for label, count in votes[stem].items() if label in LABELS}
        speaker = row["SpkrID"]
        about: dict[str, Any] = {"language": "en", "part": part, "consensus": consensus, "votes": dict(votes[stem])}
        if row.get("Gender") in ("Male", "Female"):
            about["sex"] = row["Gender"][0]
        yield Item(
            stem, named(part, SPLITS, stem), "" if speaker in ("", "Unknown") else f"msp_podcast-{speaker}",
            one_hot("ferplus8", consensus) if not counted and consensus in LABELS else shares("ferplus8", counted), sounds[stem],
            text=texts[stem].read_text(encoding="utf-8").strip() if stem in texts else "", more={"vad": _vad(row)}, about=about,
        )


def _vad(row: dict[str, str]) -> np.ndarray:
    columns = {"valence": "EmoVal", "arousal": "EmoAct", "dominance": "EmoDom"}
    rated = {name: float(row[column] or math.nan) for name, column in columns.items()}
    return values_of("vad", {name: float(rescale(np.array(value), (1, 7))) for name, value in rated.items()})


def _votes(path: Path) -> defaultdict[str, Counter[str]]:
    """Name -> label -> number of workers who chose it first; what they wrote themselves ("Other-...") is other."""
    votes: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for row in rows(path) if path.is_file() else ():
        chosen = row["EmoClass_Major"].strip()
        word = LETTERS.get(chosen, WORDS.get(chosen.lower(), chosen.lower()))
        votes[Path(row["FileName"]).stem][word if word in LABELS else "other"] += 1
    return votes
