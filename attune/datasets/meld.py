"""MELD: the sitcom Friends, 13,708 utterances in 1,432 dialogues, each with an emotion and a sentiment by three raters.

`items` reads the authors' layout (`train_sent_emo.csv`, `dev_sent_emo.csv`, `test_sent_emo.csv`; films, if there are any, as
`train_splits/dia0_utt0.mp4`, `dev_splits_complete/...`, `output_repeated_splits_test/...`) or Parquet (`train.parquet` ... with the
same columns, text only).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attune.datasets import FILMS, Item, media, one_hot, rows, tables

FACTS: dict[str, Any] = {
    "title": "Multimodal EmotionLines Dataset (Friends)",
    "citation": (
        "Poria, S., Hazarika, D., Majumder, N., Naik, G., Cambria, E., & Mihalcea, R. (2019). MELD: A multimodal multi-party dataset for "
        "emotion recognition in conversations. ACL. doi:10.18653/v1/P19-1050"
    ),
    "license": "GPL-3.0 (annotations, as the authors' repository states); the films are Warner Bros.'",
    "license_class": "research-only",
    "obtain": "the three tables from data/MELD of github.com/declare-lab/MELD; films: MELD.Raw.tar.gz, linked there",
    "taxonomy": "ekman7",
    "modalities": ("text", "voice", "face"),
    "languages": ("en",),
    "splits": {"train": "9,989 utterances, 1,038 dialogues", "dev": "1,109 in 114", "test": "2,610 in 280"},
    "speakers": "304 named, six of them most of the time and in every split; `group` is the dialogue, which the official split respects",
    "traps": (
        "The same six actors are in train and test, as are scenes of one episode: figures say nothing about unknown people.",
        "Laughter of an audience in most clips, several faces in most pictures, and not always the speaker's.",
        "47 % are neutral; fear and disgust have 50 and 68 utterances in test.",
        "A few clips are broken or missing (train dia125_utt3, dev dia110_utt7) and some are minutes long by mistake (test dia38_utt4, dia220_utt0).",
        "StartTime and EndTime are of the episode, not of the clip, and some are wrong.",
        "Quotation marks are control characters of Windows-1252 in the tables; they are mended here.",
    ),
    "files": {"train_sent_emo.csv": 1, "dev_sent_emo.csv": 1, "test_sent_emo.csv": 1, "*/dia*_utt*.mp4": None},
}

FOLDERS = {"train": "train_splits", "dev": "dev_splits_complete", "test": "output_repeated_splits_test"}
MENDED = {code: bytes([code]).decode("cp1252") for code in range(0x80, 0xA0) if code not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)}


def items(root: str | Path) -> Iterator[Item]:
    """Utterances in the order of the tables, with their film where it is there; about: dialogue, turn, speaker, sentiment, season, episode."""
    root = Path(root)
    names = {split: (f"{split}_sent_emo.csv", f"{split}.parquet") for split in FOLDERS}
    for split, path in tables(root, FACTS, **names):
        films = {film.stem: film for film in media(root / FOLDERS[split], "dia*_utt*", FILMS)}
        for row in rows(path):
            dialogue, turn = int(row["Dialogue_ID"]), int(row["Utterance_ID"])
            about = {"dialogue": dialogue, "turn": turn, "speaker": row["Speaker"], "sentiment": row["Sentiment"],
                     "season": int(row["Season"]), "episode": int(row["Episode"])}
            yield Item(f"{split}-dia{dialogue}_utt{turn}", split, f"meld-{split}-{dialogue}", one_hot("ekman7", row["Emotion"]),
                       path=films.get(f"dia{dialogue}_utt{turn}"), text=row["Utterance"].translate(MENDED), about=about)
