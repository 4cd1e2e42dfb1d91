"""CREMA-D: 91 actors say twelve sentences in six emotions, and some ten people vote on what they hear, see, or both.

The voters who only heard the clip disagree with the actor's intention more often than not, so a clip's label is the
distribution of their votes. `items` reads the authors' layout (`AudioWAV/1001_DFA_ANG_XX.wav` beside
`processedResults/tabulatedVotes.csv` or `finishedResponses.csv`, and `VideoDemographics.csv`) or a folder with
`votes_all_clips.csv` and `speakers.csv`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np

from attune.datasets import FILMS, SOUNDS, Item, media, missing, named, rows, shares
from attune.taxonomy import taxonomy

FACTS: dict[str, Any] = {
    "title": "Crowd-sourced Emotional Multimodal Actors Dataset, with every vote",
    "citation": (
        "Cao, H., Cooper, D. G., Keutmann, M. K., Gur, R. C., Nenkova, A., & Verma, R. (2014). CREMA-D: Crowd-sourced emotional multimodal "
        "actors dataset. IEEE Transactions on Affective Computing 5(4), 377-390. doi:10.1109/TAFFC.2014.2336244"
    ),
    "license": "ODbL 1.0 (database), DbCL 1.0 (contents)",
    "license_class": "share-alike",
    "obtain": (
        "github.com/CheyneyComputerScience/CREMA-D (Git LFS): AudioWAV, VideoFlash, processedResults, finishedResponses.csv, "
        "VideoDemographics.csv"
    ),
    "taxonomy": "ravdess8",
    "modalities": ("voice", "face"),
    "languages": ("en",),
    "splits": {"train": "the 55 others", "dev": "1049 1053-1055 1058 1059 1061-1068 1070 1075", "test": "1048 1069 1071 1074 1076-1091"},
    "speakers": "91, 48 men and 43 women; the authors give no split, and this one is ours",
    "files": {"**/1???_*_*_*.[!fm]*": 7442, "**/1???_*_*_*.flv": None},
    "traps": (
        "1076_MTI_SAD_XX is pure silence; it is left out.",
        "On voice alone, voters agree with the intention in 41 % of the clips; most 'sad' ones are heard as neutral. Score on votes.",
        "Calm and surprised were never offered to the voters: these two labels are unknown here, not zero.",
        "Every actor says the same twelve sentences.",
        "Three pairs of files have the same bytes under two names: 1006_TIE_HAP_XX and _NEU_XX, 1017_IWW_ANG and _FEA, 1013_WSI_DIS and "
        "_SAD.",
    ),
}

LABELS = taxonomy("ravdess8").labels
VOTED = {"N": "neutral", "H": "happy", "S": "sad", "A": "angry", "F": "fearful", "D": "disgust"}
INTENDED = {"NEU": "neutral", "HAP": "happy", "SAD": "sad", "ANG": "angry", "FEA": "fearful", "DIS": "disgust"}
INTENSITY = {"LO": "low", "MD": "medium", "HI": "high", "XX": "unspecified", "X": "unspecified"}     # X: 1040_ITH_SAD_X, so named
KNOWN = np.array([label in VOTED.values() for label in LABELS])       # (8,) which labels a voter could choose
SILENT = frozenset({"1076_MTI_SAD_XX"})
DEV = frozenset({1049, 1053, 1054, 1055, 1058, 1059, *range(1061, 1069), 1070, 1075})
TEST = frozenset({1048, 1069, 1071, 1074, *range(1076, 1092)})
# Five parts of the actors for cross-validation, as EMO-SUPERB has them (Wu et al. 2024, arXiv:2402.13018)
FOLDS = (range(1037, 1055), range(1001, 1019), range(1073, 1092), range(1055, 1073), range(1019, 1037))
WAYS = {"1": "voice", "2": "face", "3": "both"}                       # how a clip was shown to those who voted

Votes = dict[str, Counter[str]]                                       # way -> label -> number


def items(root: str | Path, *, modality: Literal["voice", "face", "both"] = "voice") -> Iterator[Item]:
    """Clips that have a file and votes, by name: sounds with the votes of those who heard them, or films with those who saw (and heard).

    `values` has the shares of these votes, `about["votes"]` the counts of all three groups of voters.

    Raises
    ------
    MediaError
        If there are no votes, or no files, below `root`.
    UnknownName
        If a file's name has an emotion or an intensity that doesn't exist.
    """
    root = Path(root)
    votes = _votes(root)
    tables = [root / name for name in ("VideoDemographics.csv", "speakers.csv")]
    people = {row["ActorID"]: row for table in tables if table.is_file() for row in rows(table)}
    paths = media(root, "1???_*_*_*", SOUNDS if modality == "voice" else FILMS)
    if not paths:
        raise missing(root, f"1001_DFA_ANG_XX{' .wav, .flac, .opus ...' if modality == 'voice' else '.flv ...'}", FACTS)
    for path in paths:
        actor, sentence, intended, intensity = path.stem.split("_")
        counted = votes.get(path.stem, {})
        about = {
            "intended": named(intended, INTENDED, path.name), "intensity": named(intensity, INTENSITY, path.name), "sentence": sentence,
            "language": "en", "votes": {way: dict(count) for way, count in counted.items()}, **_person(people.get(actor)),
        }
        if path.stem in SILENT or not counted.get(modality, Counter()).total():
            continue
        split = "dev" if int(actor) in DEV else "test" if int(actor) in TEST else "train"
        yield Item(path.stem, split, f"crema_d-{actor}", shares("ravdess8", counted[modality], tuple(VOTED.values())), path, about=about)


def _person(row: dict[str, str] | None) -> dict[str, Any]:
    """What the table of actors says of one."""
    if row is None:
        return {}
    return {"sex": row["Sex"][0], "age": int(row["Age"]), "race": row["Race"], "ethnicity": row["Ethnicity"]}


def _votes(root: Path) -> dict[str, Votes]:
    """Clip to votes by way and label."""
    votes: defaultdict[str, defaultdict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    tabulated, single = root / "processedResults" / "tabulatedVotes.csv", root / "finishedResponses.csv"
    compact = root / "votes_all_clips.csv"
    if compact.is_file():
        for row in rows(compact):
            votes[row["fileName"]]["both" if row["mod"] == "av" else row["mod"]].update(_counts(row))
    elif tabulated.is_file():
        for row in rows(tabulated):                          # the first column numbers the rows: 100001 ... voice, 2 face, 3 both
            votes[row["fileName"]][WAYS[row[""][0]]].update(_counts(row))
    elif single.is_file():
        for row in rows(single):
            votes[row["clipName"]][WAYS[row["queryType"]]][VOTED[row["respEmo"]]] += 1
    else:
        raise missing(root, "votes, neither processedResults/tabulatedVotes.csv nor finishedResponses.csv,", FACTS)
    return {clip: dict(ways) for clip, ways in votes.items()}


def _counts(row: dict[str, str]) -> dict[str, int]:
    return {label: int(row[letter]) for letter, label in VOTED.items()}
