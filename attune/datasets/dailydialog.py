"""DailyDialog: 13 thousand dialogues for learners of English, each utterance with an emotion; RECCON adds its causes.

`items` reads the authors' layout (`train/dialogues_train.txt` beside `train/dialogues_emotion_train.txt`, and so for validation and
test), RECCON's (`dailydialog_train.json` ...: a part of the dialogues, with the turns and words that caused an emotion), or RECCON's
as Parquet (`train.parquet` ..., without the words).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attune.datasets import Item, named, one_hot, rows, tables

FACTS: dict[str, Any] = {
    "title": "DailyDialog, with RECCON's causes of emotions",
    "citation": (
        "Li, Y., Su, H., Shen, X., Li, W., Cao, Z., & Niu, S. (2017). DailyDialog: A manually labelled multi-turn dialogue dataset. IJCNLP. "
        "aclanthology.org/I17-1099. Causes: Poria, S., et al. (2021). Recognizing emotion cause in conversations. Cognitive Computation 13. "
        "arXiv:2012.11820"
    ),
    "license": "CC BY-NC-SA 4.0",
    "license_class": "non-commercial",
    "obtain": (
        "ijcnlp_dailydialog.zip from yanran.li/dailydialog, its inner archives unpacked; causes: data/original_annotation of "
        "github.com/declare-lab/RECCON"
    ),
    "taxonomy": "ekman7",
    "modalities": ("text",),
    "languages": ("en",),
    "splits": {
        "train": "11,118 dialogues (RECCON 834: 8,206 utterances)", "dev": "1,000 (47: 493)", "test": "1,000 (225: 2,405)",
    },
    "speakers": "A and B, who are nobody; `group` is the dialogue",
    "traps": (
        "83 % of all utterances have no emotion, which is neutral here; joy is most of the rest. RECCON chose dialogues with more of them.",
        "Textbook dialogues: clean, polite, written. Blanks stand before punctuation.",
        "Some dialogues are in two splits of the official release nearly word for word.",
        "A cause may lie in a turn after the emotion's own, or nowhere in the dialogue ('b' for background).",
    ),
    "files": {"*/dialogues_train.txt": 1, "*/dialogues_emotion_train.txt": 1},
}

CODES = ("neutral", "anger", "disgust", "fear", "joy", "sadness", "surprise")             # digits of dialogues_emotion_*.txt
WORDS = {label: label for label in CODES} | {                                             # RECCON's, with its slips
    "happiness": "joy", "happy": "joy", "excited": "joy", "sad": "sadness", "angry": "anger", "surprised": "surprise", "happines": "joy",
}


def items(root: str | Path) -> Iterator[Item]:
    """Utterances; about: dialogue, turn (from 1), speaker, and by RECCON causes, a tuple of (turn or "b", words or ""), and cause_type."""
    own = {"train": "train", "dev": "validation", "test": "test"}
    names = {
        split: (f"**/dialogues_{name}.txt", f"**/dailydialog_{name[:5]}.json", f"{split}.parquet") for split, name in own.items()
    }
    for split, path in tables(Path(root), FACTS, **names):
        for dialogue, turn, speaker, text, label, causes in _utterances(path):
            yield Item(f"{dialogue}-{turn}", split, f"dailydialog-{dialogue}", one_hot("ekman7", label), text=text,
                       about={"dialogue": dialogue, "turn": turn, "speaker": speaker} | causes)


def _utterances(path: Path) -> Iterator[tuple[str, int, str, str, str, dict[str, Any]]]:
    """(dialogue, turn, speaker, text, label, causes)."""
    if path.suffix == ".txt":
        emotions = path.with_name(path.name.replace("dialogues_", "dialogues_emotion_"))
        with path.open(encoding="utf-8") as said, emotions.open(encoding="utf-8") as judged:
            for number, (line, codes) in enumerate(zip(said, judged, strict=True), 1):
                texts = [text.strip() for text in line.split("__eou__")[:-1]]
                for turn, (text, code) in enumerate(zip(texts, codes.split(), strict=True), 1):
                    yield f"{path.stem.removeprefix('dialogues_')}_{number}", turn, "BA"[turn % 2], text, CODES[int(code)], {}
    elif path.suffix == ".json":
        for dialogue, (turns,) in json.loads(path.read_text(encoding="utf-8")).items():
            for row in turns:
                where, words = row.get("expanded emotion cause evidence", []), row.get("expanded emotion cause span", [])
                causes = {"causes": tuple(zip(where, words, strict=True)), "cause_type": tuple(row.get("type", ()))}
                yield dialogue, row["turn"], row["speaker"], row["utterance"], named(row["emotion"], WORDS, dialogue), causes
    else:
        for row in rows(path):
            causes = {"causes": tuple((turn, "") for turn in json.loads(row["cause_turns"])), "cause_type": tuple(json.loads(row["cause_type"]))}
            yield row["dialog"], row["turn"], row["speaker"], row["text"], named(row["emotion"], WORDS, row["dialog"]), causes
