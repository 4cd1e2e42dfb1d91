"""FER+: 48x48 grey pictures of faces from the web, each judged by ten people.

The pictures are those of FER2013 (Goodfellow et al. 2013); the votes replace its poor labels (Barsoum et al. 2016). A vote
names one of eight emotions, "unknown" or "no face". Train on the distribution of the votes, score on the pictures where the
judges agree.

    >>> from attune.datasets import ferplus
    >>> ferplus.FACTS["taxonomy"]
    'ferplus8'
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from attune.datasets import Item, missing, one_hot, rows
from attune.errors import MediaError

FACTS: dict[str, Any] = {
    "title": "FER+ (ten raters' votes on the pictures of FER2013)",
    "citation": (
        "Barsoum, E., Zhang, C., Canton Ferrer, C., & Zhang, Z. (2016). Training deep networks for facial expression recognition "
        "with crowd-sourced label distribution. ICMI. arXiv:1608.01041. Pictures: Goodfellow, I. J., et al. (2013). Challenges in "
        "representation learning: A report on three machine learning contests. ICONIP. arXiv:1307.0414."
    ),
    "license": "votes: MIT; pictures: gathered by a web search in 2013 without clearance of rights: research only, never to be passed on",
    "license_class": "research-only",
    "obtain": (
        "fer2013.csv from the Kaggle competition 'Challenges in Representation Learning: Facial Expression Recognition Challenge'; "
        "fer2013new.csv from github.com/microsoft/FERPlus; put both into one folder"
    ),
    "taxonomy": "ferplus8",
    "more": ("ekman7",),
    "modalities": ("face",),
    "languages": (),
    "splits": {"train": "Training (28,709 rows)", "dev": "PublicTest (3,589 rows)", "test": "PrivateTest (3,589 rows)"},
    "speakers": "unknown: nobody is named, so that a person may occur on both sides of the official split",
    "traps": (
        "FER2013's own labels are poor (its 'fear' agrees with the votes 13 % of the time): `more` has them, `values` don't.",
        "The same or nearly the same picture lies in two splits: rows with about['duplicate'] must leave training.",
        "176 rows of FERPlus have no picture name and all votes on 'no face'; they are left out.",
        "Some pictures show no face at all, text, or drawings.",
        "Disgust and contempt are rare: 24 and 13 majority pictures in PublicTest.",
    ),
    "files": {"fer2013.csv": 1, "fer2013new.csv": 1},
}

EMOTIONS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")      # order of fer2013new.csv
VOTES = (*EMOTIONS, "unknown", "NF")                                                                    # NF: no face
FER2013 = ("anger", "disgust", "fear", "joy", "sadness", "surprise", "neutral")                         # codes 0..6 of fer2013.csv
WORDS = {"angry": "anger", "happy": "joy", "sad": "sadness"}                                            # its labels elsewhere
SPLITS = {"Training": "train", "PublicTest": "dev", "PrivateTest": "test"}
SIZE = 48                                # pixels


def without_single_votes(votes: np.ndarray) -> np.ndarray:
    """Votes (n, 10) with each single vote set to 0: the authors take one vote of ten for a slip (Barsoum et al. 2016, section 3).

    >>> without_single_votes(np.array([[7, 2, 1, 0, 0, 0, 0, 0, 0, 0]])).tolist()
    [[7, 2, 0, 0, 0, 0, 0, 0, 0, 0]]
    """
    return np.where(votes > 1, votes, 0)


def distribution(votes: np.ndarray) -> np.ndarray:
    """(n, 8) float64 share of each emotion among the votes (n, 10) that are left without single ones; NaN rows where no emotion
    has two votes."""
    emotions = without_single_votes(votes)[:, : len(EMOTIONS)].astype(np.float64)
    total = emotions.sum(1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return np.asarray(emotions / total)


def majority(votes: np.ndarray) -> np.ndarray:
    """(n,) index of the emotion with more than half of the votes (n, 10) that are left without single ones; -1 where there is
    none, or where it is "unknown" or "no face".

    The protocol "majority" of Barsoum et al. (2016) as their published reader carries it out; published accuracies refer to it.

    >>> majority(np.array([[6, 2, 1, 1, 0, 0, 0, 0, 0, 0], [4, 4, 0, 0, 0, 0, 0, 0, 2, 0], [0, 0, 0, 0, 0, 0, 0, 0, 9, 1]])).tolist()
    [0, -1, -1]
    """
    left = without_single_votes(votes)
    top = left.argmax(1)
    return np.where((left.max(1) > 0.5 * left.sum(1)) & (top < len(EMOTIONS)), top, -1)


def plurality(votes: np.ndarray) -> np.ndarray:
    """(n,) index of the emotion that has more votes (n, 10) than any other column; -1 where there is none, or a tie.

    Keeps more of the pictures on which people disagree than `majority` does, so accuracies on it are lower.

    >>> plurality(np.array([[4, 3, 1, 1, 1, 0, 0, 0, 0, 0], [4, 4, 0, 0, 0, 0, 0, 0, 2, 0], [1, 0, 0, 0, 0, 0, 0, 0, 9, 0]])).tolist()
    [0, -1, -1]
    """
    top = votes.argmax(1)
    alone = (votes == votes.max(1, keepdims=True)).sum(1) == 1
    return np.where(alone & (top < len(EMOTIONS)), top, -1)


def _agreed(rule: Callable[[np.ndarray], np.ndarray]) -> Callable[[Item], np.ndarray | None]:
    def values(item: Item) -> np.ndarray | None:
        top = int(rule(item.about["votes"][None])[0])
        return None if top < 0 else one_hot("ferplus8", EMOTIONS[top])

    return values


PROTOCOLS = {"majority": _agreed(majority), "plurality": _agreed(plurality)}     # which pictures count when one label is asked for


def items(root: str | Path) -> Iterator[Item]:
    """Every picture under a folder, in the official order; `group` is the same for identical pictures.

    Reads the official layout (`fer2013.csv` and `fer2013new.csv` side by side) or a folder of Parquet tables `ferplus_*.parquet`
    with lossless pictures. In the official layout only identical pictures are known as duplicates across splits.

    about: votes (10,) int in the order of `VOTES`; duplicate, whether the same picture, or nearly, lies in another split; listed, whether a table
    itself says so.

    Raises
    ------
    MediaError
        If the folder has neither, or a row of fer2013.csv isn't a picture of 48x48.
    """
    root = Path(root)
    if (root / "fer2013.csv").is_file() and (root / "fer2013new.csv").is_file():
        yield from _official(root)
    elif tables := sorted(root.glob("ferplus_*.parquet")):
        where: dict[str, set[str]] = {}
        for table in tables:
            for group in _groups(table):
                where.setdefault(group, set()).add(table.stem)
        for table in tables:
            yield from _parquet(table, where)
    else:
        raise missing(root, "fer2013.csv with fer2013new.csv, nor ferplus_*.parquet", FACTS)


def _official(root: Path) -> Iterator[Item]:
    """Rows of the two files belong together by position: the votes carry no key of the pictures but their order."""

    def pictures() -> Iterator[tuple[dict[str, str], dict[str, str], bytes]]:
        for picture, judged in zip(rows(root / "fer2013.csv"), rows(root / "fer2013new.csv"), strict=True):
            if name := judged["Image name"]:
                pixels = bytes(int(p) for p in picture["pixels"].split())
                if len(pixels) != SIZE * SIZE:
                    raise MediaError(f"{name} in fer2013.csv has {len(pixels)} pixels, expected {SIZE}x{SIZE}; get the file again")
                yield picture, judged, pixels

    where: dict[str, set[str]] = {}
    for _, judged, pixels in pictures():
        where.setdefault(_digest(pixels), set()).add(judged["Usage"])
    for picture, judged, pixels in pictures():
        group = _digest(pixels)
        grey = np.frombuffer(pixels, np.uint8).reshape(SIZE, SIZE)
        votes = np.array([int(judged[v]) for v in VOTES])
        label = FER2013[int(picture["emotion"])]
        yield _item(judged["Image name"], SPLITS[judged["Usage"]], group, grey, votes, label, len(where[group]) > 1, False)


def _groups(path: Path) -> list[str]:
    """Groups of identical pictures in a table: its mark of duplicates across splits names one of several identical ones only."""
    import pyarrow.parquet

    return [str(group) for group in pyarrow.parquet.read_table(path, columns=["exact_dup_group"])["exact_dup_group"].to_pylist()]


def _parquet(path: Path, where: Mapping[str, set[str]]) -> Iterator[Item]:
    split = {"train": "train", "valid": "dev", "test": "test"}[path.stem.split("_")[1]]
    for row in rows(path):
        votes = np.array([row[f"votes_{v}"] for v in VOTES])
        label = WORDS.get(row["fer_label"], row["fer_label"])
        group = str(row["exact_dup_group"])
        listed = bool(row["near_dup_across_split"])
        yield _item(row["name"], split, group, _webp(row["image_webp"]), votes, label, listed or len(where[group]) > 1, listed)


def _item(name: str, split: str, group: str, pixels: np.ndarray, votes: np.ndarray, label: str, duplicate: bool, listed: bool) -> Item:
    values = distribution(votes[None])[0].astype(np.float32)
    about = {"votes": votes, "duplicate": duplicate, "listed": listed}
    return Item(name, split, group, values, pixels=pixels, more={"ekman7": one_hot("ekman7", label)}, about=about)


def _webp(data: bytes) -> np.ndarray:
    import av

    frames = av.CodecContext.create("webp", "r").decode(av.Packet(data))
    return np.asarray(frames[0].to_ndarray()[..., 1])        # ARGB, all colours equal


def _digest(pixels: bytes) -> str:
    return hashlib.sha256(pixels).hexdigest()[:16]
