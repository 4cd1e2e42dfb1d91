"""EMER: clips of Chinese films and series, described at length: what is seen and heard, which emotions, and why.

`items` joins whatever tables (CSV or Parquet) lie in a folder by the name of the clip: those of the first release (names, emotions,
subtitles, reasons), of the second (name, chinese, english) and of open-vocabulary labels (name, openset: `check-openset.csv`); and
adds films `sample_*.mp4` where they are. The names of the authors' files couldn't be verified beyond that.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from attune.datasets import FILMS, Item, media, missing, one_hot, rows

FACTS: dict[str, Any] = {
    "title": "Explainable Multimodal Emotion Reasoning",
    "citation": (
        "Lian, Z., Sun, H., Sun, L., Gu, H., Wen, Z., Zhang, S., et al. (2023). Explainable multimodal emotion recognition. arXiv:2306.15401. Clips: "
        "Lian, Z., et al. (2023). MER 2023: Multi-label learning, modality robustness, and semi-supervised learning. ACM Multimedia"
    ),
    "license": "CC BY-NC 4.0 (descriptions); the films are their makers', on request",
    "license_class": "non-commercial",
    "obtain": "github.com/zeroQiaoba/AffectGPT (descriptions), MERTools/MER2024/ov_store/check-openset.csv; clips: MER 2023's agreement",
    "taxonomy": "ekman7",
    "modalities": ("text", "voice", "face"),
    "languages": ("zh",),
    "splits": {"test": "all: 100 clips of the first release, 332 of the second, 39 of them in both; made to evaluate, there is no train part"},
    "speakers": "actors, not named",
    "traps": (
        "The truth is free text; about['openset'] are words of any kind, to be compared by groups of synonyms, not by equality.",
        "One-word emotions only in the first release; 'worried' has no place in ekman7: NaN, the word in about['label'].",
        "Descriptions of the second release were written by language models from clues and checked by people.",
        "Subtitles of the first release are translations into English; what is said is Chinese.",
    ),
    "files": {"*.csv": None},
}

WORDS = {"angry": "anger", "happy": "joy", "sad": "sadness", "surprise": "surprise", "surprised": "surprise", "neutral": "neutral", "worried": None}
KNOWN = ("anger", "joy", "sadness", "surprise", "neutral")


def items(root: str | Path) -> Iterator[Item]:
    """Clips by name; about: label, openset (a tuple of words), reasons, english and chinese (descriptions), as far as tables say."""
    root = Path(root)
    clips: dict[str, dict[str, Any]] = {}
    for path in sorted(p for p in root.glob("*") if p.suffix in (".csv", ".parquet")):
        for row in rows(path):
            if name := row.get("name") or row.get("names"):
                clips.setdefault(name, {}).update(row)
    if not clips:
        raise missing(root, "table (.csv, .parquet) with a column name or names", FACTS)
    films = {film.stem: film for film in media(root, "sample_*", FILMS)}
    for name, row in sorted(clips.items()):
        label = WORDS.get(row.get("emotions") or "")
        values = one_hot("ekman7", label, KNOWN) if label else np.full(7, np.nan, np.float32)
        openset = tuple(word for part in (row.get("openset") or "").strip("[]").split(",") if (word := part.strip(" '\"")))
        about = {"label": row.get("emotions"), "openset": openset} | {what: row[what] for what in ("reasons", "english", "chinese") if row.get(what)}
        yield Item(name, "test", "", values, path=films.get(name), text=row.get("subtitles") or "", about=about)
