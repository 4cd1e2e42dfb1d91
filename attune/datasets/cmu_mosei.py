"""CMU-MOSEI: a thousand people talk on YouTube; 23 thousand sentences, each with a sentiment and the strength of six emotions.

`items` reads the sequences of the authors' SDK (`CMU_MOSEI_Labels.csd`, and of `CMU_MOSEI_TimestampedWords.csd`,
`CMU_MOSEI_TimestampedWordVectors.csd`, `CMU_MOSEI_COVAREP.csd`, `CMU_MOSEI_VisualFacet42.csd` what is there) with the SDK's list of splits,
`cmu_mosei_std_folds.py`; h5py must be there. Or the films with the table that is in general use, which has the sentiment alone (`label.csv`:
video_id, clip_id, text, label, mode; `Raw/<video_id>/<clip_id>.mp4`). Neither could be tried on the real files.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from attune.datasets import Item, rows, tables, values_of
from attune.datasets._sequences import OFFICIAL, folds, stretches

FACTS: dict[str, Any] = {
    "title": "CMU Multimodal Opinion Sentiment and Emotion Intensity",
    "citation": (
        "Zadeh, A. B., Liang, P. P., Poria, S., Cambria, E., & Morency, L.-P. (2018). Multimodal language analysis in the wild: CMU-MOSEI "
        "dataset and interpretable dynamic fusion graph. ACL. doi:10.18653/v1/P18-1208"
    ),
    "license": "free for research by the authors' SDK; the films are their makers'",
    "license_class": "research-only",
    "obtain": "CMU_MOSEI of github.com/CMU-MultiComp-Lab/CMU-MultimodalSDK; label.csv and Raw as prepared for github.com/thuiar/MMSA",
    "taxonomy": "basic6",
    "more": ("vad",),
    "modalities": ("text", "voice", "face", "features"),
    "languages": ("en",),
    "splits": {"train": "16,326 sentences", "dev": "1,871", "test": "4,659"},
    "speakers": "about 1,000, not named; `group` is the film, which the official split respects, a person may have several",
    "traps": (
        "Sentiment is for or against the matter, -3..3; it stands as valence (over 3), which it isn't quite. No arousal, no dominance.",
        "Emotions are 0..3 (over 3 here), means of three raters; joy is in half of the sentences, fear and surprise in a tenth, mostly faint.",
        "Published scores binarise at more than 0, which calls one rater of three a fact.",
        "COVAREP has infinite values; rows of a stream lie at their own times, so the number of rows differs between streams.",
        "Films vanish from YouTube: copies differ in how many are left.",
    ),
    "files": {"label.csv": 1, "Raw/*/*.mp4": 22_856},
}

COLUMNS = ("sentiment", "joy", "sadness", "anger", "surprise", "disgust", "fear")         # of the labels' features
STREAMS = {"words": "TimestampedWords", "text": "TimestampedWordVectors", "voice": "COVAREP", "face": "VisualFacet42"}
TOP = 3                                   # strongest sentiment and emotion


def items(root: str | Path) -> Iterator[Item]:
    """Sentences; more: vad, valence alone; features (t, d) by the SDK; about: turn."""
    root = Path(root)
    labels = next(iter(sorted(root.rglob("CMU_MOSEI_Labels.csd"))), None)
    if labels is not None:
        streams = {name: path for name, file in STREAMS.items() for path in sorted(root.rglob(f"CMU_MOSEI_{file}.csd"))}
        splits = folds(root, FACTS)
        for film, turn, start, end, rated, text, features in stretches(labels, streams):
            if film in splits:
                found = dict(zip(COLUMNS, map(float, rated), strict=True))
                emotions = values_of("basic6", {label: found[label] / TOP for label in COLUMNS[1:]})
                yield _item(splits[film], film, turn, emotions, found["sentiment"], text=text, start=start, end=end, features=features)
        return
    for _, path in tables(root, FACTS, train=("label.csv",)):
        for row in rows(path):
            emotions = np.full(6, np.nan, np.float32)
            yield _item(OFFICIAL[row["mode"]], row["video_id"], int(row["clip_id"]), emotions, float(row["label"]), text=row["text"],
                        path=root / "Raw" / row["video_id"] / f"{row['clip_id']}.mp4")


def _item(split: str, film: str, turn: int, emotions: np.ndarray, sentiment: float, **rest: Any) -> Item:
    more = {"vad": values_of("vad", {"valence": sentiment / TOP}, known=("valence",))}
    return Item(f"{film}_{turn}", split, f"cmu_mosei-{film}", emotions, more=more, about={"turn": turn}, **rest)
