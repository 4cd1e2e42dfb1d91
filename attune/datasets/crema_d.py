"""CREMA-D: 91 actors say twelve sentences in six emotions, and some ten people vote on what they hear.

The voters who only heard the clip disagree with the actor's intention more often than not, so a clip's label is the
distribution of their votes. `items` reads the authors' layout (`AudioWAV/1001_DFA_ANG_XX.wav` beside
`processedResults/tabulatedVotes.csv` or `finishedResponses.csv`) or a folder with `votes_all_clips.csv`.
"""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from attune.errors import AttuneError

FACTS: dict[str, Any] = {
    "title": "Crowd-sourced Emotional Multimodal Actors Dataset, voices with the votes of those who only heard them",
    "citation": (
        "Cao, H., Cooper, D. G., Keutmann, M. K., Gur, R. C., Nenkova, A., & Verma, R. (2014). CREMA-D: Crowd-sourced emotional multimodal "
        "actors dataset. IEEE Transactions on Affective Computing 5(4), 377-390. doi:10.1109/TAFFC.2014.2336244"
    ),
    "license": "ODbL 1.0 (database), DbCL 1.0 (contents)",
    "license_class": "share-alike",
    "obtain": "github.com/CheyneyComputerScience/CREMA-D (Git LFS): AudioWAV, processedResults, finishedResponses.csv",
    "taxonomy": "ravdess8",
    "splits": {"train": "the 55 others", "dev": "1049 1053-1055 1058 1059 1061-1068 1070 1075", "test": "1048 1069 1071 1074 1076-1091"},
    "speakers": "91, 48 men and 43 women; the authors give no split, and this one is ours",
    "traps": (
        "1076_MTI_SAD_XX is pure silence; it is left out.",
        "On voice alone, voters agree with the intention in 41 % of the clips; most 'sad' ones are heard as neutral. Score on votes.",
        "Calm and surprised were never offered to the voters: these two labels are unknown here, not zero.",
        "Every actor says the same twelve sentences.",
    ),
}

LABELS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
VOTED = {"N": "neutral", "H": "happy", "S": "sad", "A": "angry", "F": "fearful", "D": "disgust"}
INTENDED = {"NEU": "neutral", "HAP": "happy", "SAD": "sad", "ANG": "angry", "FEA": "fearful", "DIS": "disgust"}
KNOWN = np.array([label in VOTED.values() for label in LABELS])       # (8,) which labels a voter could choose
SILENT = frozenset({"1076_MTI_SAD_XX"})
DEV = frozenset({1049, 1053, 1054, 1055, 1058, 1059, *range(1061, 1069), 1070, 1075})
TEST = frozenset({1048, 1069, 1071, 1074, *range(1076, 1092)})
SUFFIXES = (".wav", ".flac", ".opus")


class Item(NamedTuple):
    """One clip. values (8,) float32, the shares of the votes in the order of `LABELS`, NaN where nobody could vote so."""

    id: str
    split: str
    group: str
    path: Path
    intended: str
    values: np.ndarray


def items(root: str | Path) -> Iterator[Item]:
    """Clips that have a sound file and votes of people who only heard it, in the order of their names.

    Raises
    ------
    FileNotFoundError
        If there are no votes, or no sound files, below `root`.
    """
    root = Path(root)
    votes = _votes(root)
    paths = sorted((p for p in root.rglob("1???_*_*_*") if p.suffix in SUFFIXES), key=lambda p: p.stem)
    if not paths:
        raise FileNotFoundError(f"no sound file like 1001_DFA_ANG_XX.wav below {root}; get CREMA-D: {FACTS['obtain']}")
    for path in paths:
        if path.stem in SILENT or path.stem not in votes:
            continue
        actor, _, intended, _ = path.stem.split("_")
        if intended not in INTENDED:
            raise AttuneError(f"{path.name}: emotion {intended!r}; expected one of {', '.join(INTENDED)}")
        split = "dev" if int(actor) in DEV else "test" if int(actor) in TEST else "train"
        yield Item(path.stem, split, f"crema_d-{actor}", path, INTENDED[intended], _shares(votes[path.stem]))


def _shares(votes: Counter[str]) -> np.ndarray:
    """Votes by letter to (8,) shares."""
    values = np.where(KNOWN, 0.0, np.nan)
    for letter, label in VOTED.items():
        values[LABELS.index(label)] = votes[letter] / votes.total()
    return values.astype(np.float32)


def _votes(root: Path) -> dict[str, Counter[str]]:
    """Clip to votes by letter, of those who heard the voice and saw nothing."""
    votes: defaultdict[str, Counter[str]] = defaultdict(Counter)
    if (root / "votes_all_clips.csv").is_file():
        for row in _rows(root / "votes_all_clips.csv"):
            if row["mod"] == "voice":
                votes[row["fileName"]].update({letter: int(row[letter]) for letter in VOTED})
    elif (root / "processedResults" / "tabulatedVotes.csv").is_file():
        # one row per clip and way of presentation; the first column numbers the rows from 100001 for voice, 200001 face, 300001 both
        for row in _rows(root / "processedResults" / "tabulatedVotes.csv"):
            if row[""].startswith("1"):
                votes[row["fileName"]].update({letter: int(row[letter]) for letter in VOTED})
    elif (root / "finishedResponses.csv").is_file():
        for row in _rows(root / "finishedResponses.csv"):
            if row["queryType"] == "1":                     # 1 voice, 2 face, 3 both
                votes[row["clipName"]][row["respEmo"]] += 1
    else:
        raise FileNotFoundError(f"no votes in {root}: neither processedResults/tabulatedVotes.csv nor finishedResponses.csv; get CREMA-D: {FACTS['obtain']}")
    return {clip: counted for clip, counted in votes.items() if counted.total() > 0}


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)
