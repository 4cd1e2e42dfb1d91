"""CMU-MOSI: 93 reviews of films on YouTube; 2,199 stretches of speech, each with a sentiment from -3 to 3 by five raters.

`items` reads the films with the table that is in general use (`label.csv`: video_id, clip_id, text, label, mode; and
`Raw/<video_id>/<clip_id>.mp4`), or Parquet with published features (`train.parquet`, `dev_clean.parquet`: t0..t99 text, a0..a72 voice, v0..v99
face, one row a stretch), or the sequences of the authors' SDK (`CMU_MOSI_Opinion_Labels.csd` and what is there of
`CMU_MOSI_TimestampedWords.csd`, `CMU_MOSI_TimestampedWordVectors.csd`, `CMU_MOSI_COVAREP.csd`, `CMU_MOSI_Visual_Facet_42.csd`, with
`cmu_mosi_std_folds.py`), for which h5py must be there; the latter couldn't be tried on the real files.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from attune.datasets import Item, rows, tables, values_of
from attune.datasets._sequences import OFFICIAL, folds, stretches

FACTS: dict[str, Any] = {
    "title": "CMU Multimodal Opinion-level Sentiment Intensity",
    "citation": (
        "Zadeh, A., Zellers, R., Pincus, E., & Morency, L.-P. (2016). Multimodal sentiment intensity analysis in videos: Facial gestures and "
        "verbal messages. IEEE Intelligent Systems 31(6), 82-88. doi:10.1109/MIS.2016.94"
    ),
    "license": "free for research by the authors' SDK; the films are their makers'",
    "license_class": "research-only",
    "obtain": "CMU_MOSI of github.com/CMU-MultiComp-Lab/CMU-MultimodalSDK; label.csv and Raw as prepared for github.com/thuiar/MMSA",
    "taxonomy": "vad",
    "modalities": ("text", "voice", "face", "features"),
    "languages": ("en",),
    "splits": {"train": "1,284 stretches, 52 films", "dev": "229, 10", "test": "686, 31; the Parquet files divide otherwise: train 1,447, dev 346"},
    "speakers": "89, one film each for most; `group` is the film, which the official split respects",
    "traps": (
        "Sentiment is for or against the film, judged from all three at once. It stands as valence (over 3) here, which it isn't quite: a cheerful "
        "voice may damn a film.",
        "The posted text and video features (100 each) were learnt on the labels of their train part: video CCC .655 within it, .049 on test. Naive "
        "stacking hurts there. Parquet keeps that part as train, and stretches that it hasn't seen as dev; about['official'] is the official split.",
        "Text is most of it: voice and face add little in published work.",
        "Whether stretches with a sentiment of 0 count as positive, or are left out, changes published accuracies by points.",
    ),
    "files": {"label.csv": 1, "Raw/*/*.mp4": 2_199},
}

FEATURES = {"text": "t", "voice": "a", "face": "v"}
STREAMS = {"words": "TimestampedWords", "text": "TimestampedWordVectors", "voice": "COVAREP", "face": "Visual_Facet_42"}
TOP = 3                                   # strongest sentiment


def items(root: str | Path) -> Iterator[Item]:
    """Stretches; values: valence alone; features (d,) each with Parquet, (t, d) by the SDK; about: turn, official (split)."""
    root = Path(root)
    if labels := sorted(root.rglob("CMU_MOSI_Opinion_Labels.csd")):
        streams = {name: path for name, file in STREAMS.items() for path in sorted(root.rglob(f"CMU_MOSI_{file}.csd"))}
        splits = folds(root, FACTS)
        for film, turn, start, end, rated, text, features in stretches(labels[0], streams):
            if film in splits:
                yield _item(splits[film], splits[film], film, turn, rated[0], text=text, start=start, end=end, features=features)
        return
    for split, path in tables(root, FACTS, train=("label.csv", "train.parquet"), dev=("dev_clean.parquet",), test=("test_clean.parquet",)):
        columns: dict[str, list[str]] = {}
        for row in rows(path):
            if path.suffix == ".csv":
                film, turn, official = row["video_id"], row["clip_id"], OFFICIAL[row["mode"]]
                yield _item(official, official, film, turn, row["label"], text=row["text"], path=root / "Raw" / film / f"{turn}.mp4")
                continue
            for name, letter in FEATURES.items():
                columns.setdefault(name, sorted((c for c in row if c[0] == letter and c[1:].isdecimal()), key=lambda c: int(c[1:])))
            features = {name: np.array([row[c] for c in of], np.float32) for name, of in columns.items()}
            yield _item(split, OFFICIAL[row["std_fold"]], row["video"], row["clip"], row["sentiment"], text=row["text"], start=row["start"],
                        end=row["end"], features=features)


def _item(split: str, official: str, film: str, turn: Any, sentiment: Any, **rest: Any) -> Item:
    values = values_of("vad", {"valence": float(sentiment) / TOP}, known=("valence",))
    return Item(f"{film}_{turn}", split, f"cmu_mosi-{film}", values, about={"turn": int(turn), "official": official}, **rest)
