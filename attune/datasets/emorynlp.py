"""EmoryNLP: Friends again, 12,606 utterances of its first four seasons, each with one of seven emotions of the Feeling Wheel.

`items` reads the authors' JSON (`emotion-detection-trn.json`, `-dev.json`, `-tst.json`), the tables with times that accompany MELD
(`emorynlp_train_final.csv` ..., fewer utterances), or Parquet (`train.parquet` ... with the columns of those tables).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attune.datasets import Item, one_hot, rows, tables

FACTS: dict[str, Any] = {
    "title": "EmoryNLP emotion detection (Friends)",
    "citation": (
        "Zahiri, S. M., & Choi, J. D. (2018). Emotion detection on TV show transcripts with sequence-based convolutional neural networks. "
        "AAAI Workshop on Affective Content Analysis. arXiv:1708.04299"
    ),
    "license": "Apache-2.0 (annotations); the transcripts are Warner Bros.'",
    "license_class": "research-only",
    "obtain": "the JSON files of github.com/emorynlp/emotion-detection, or emorynlp_*_final.csv of github.com/declare-lab/MELD",
    "taxonomy": "emorynlp7",
    "modalities": ("text",),
    "languages": ("en",),
    "splits": {"train": "77 episodes, 9,934 utterances (7,551 with times)", "dev": "11, 1,344 (954)", "test": "9, 1,328 (984)"},
    "speakers": "the characters of Friends, in every split; `group` is the episode, which the official split respects",
    "traps": (
        "The authors: 'the inter-annotator agreement of this annotation is not the greatest'; published weighted F1 is about .40.",
        "MELD and PELD are of the same series: an utterance of this train part may be in their test parts.",
        "Several speakers may share an utterance ('#ALL#').",
    ),
    "files": {"**/emotion-detection-trn.json": 1, "**/emotion-detection-dev.json": 1, "**/emotion-detection-tst.json": 1},
}

SHORT = {"train": "trn", "dev": "dev", "test": "tst"}


def items(root: str | Path) -> Iterator[Item]:
    """Utterances in the order of the files; about: dialogue (the scene), turn, speaker (a tuple), season, episode."""
    names = {s: (f"**/emotion-detection-{short}.json", f"emorynlp_{s}_final.csv", f"{s}.parquet") for s, short in SHORT.items()}
    for split, path in tables(Path(root), FACTS, **names):
        for (season, episode, scene, turn), speakers, text, label in _utterances(path):
            group = f"emorynlp-s{season:02d}_e{episode:02d}"
            about = {"dialogue": f"s{season:02d}_e{episode:02d}_c{scene:02d}", "turn": turn, "speaker": speakers, "season": season, "episode": episode}
            yield Item(f"{about['dialogue']}_u{turn:03d}", split, group, one_hot("emorynlp7", label), text=text, about=about)


def _utterances(path: Path) -> Iterator[tuple[tuple[int, int, int, int], tuple[str, ...], str, str]]:
    """((season, episode, scene, turn), speakers, text, label)."""
    if path.suffix == ".json":
        for episode in json.loads(path.read_text(encoding="utf-8"))["episodes"]:
            for scene in episode["scenes"]:
                for said in scene["utterances"]:
                    where = tuple(int(n) for n in re.findall(r"\d+", said["utterance_id"]))      # s01_e02_c01_u002
                    yield where, tuple(said["speakers"]), said["transcript"], said["emotion"]  # type: ignore[misc]
    else:
        for row in rows(path):
            where = tuple(int(row[key]) for key in ("Season", "Episode", "Scene_ID", "Utterance_ID"))
            yield where, tuple(re.findall(r"['\"]([^,]+)['\"]", row["Speaker"])), row["Utterance"], row["Emotion"]  # type: ignore[misc]
