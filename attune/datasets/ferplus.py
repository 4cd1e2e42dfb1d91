"""FER+: 48x48 grey pictures of faces from the web, each judged by ten people.

The pictures are those of FER2013 (Goodfellow et al. 2013); the votes replace its poor labels (Barsoum et al. 2016). A vote
names one of eight emotions, "unknown" or "no face". Train on the distribution of the votes, score on the pictures where the
judges agree.

    >>> from attune.datasets import ferplus
    >>> ferplus.FACTS["taxonomy"]
    'ferplus8'
"""

from __future__ import annotations

import csv
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

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
    "splits": {"train": "Training (28,709 rows)", "valid": "PublicTest (3,589 rows)", "test": "PrivateTest (3,589 rows)"},
    "speakers": "unknown: nobody is named, so that a person may occur on both sides of the official split",
    "traps": (
        "FER2013's own labels are poor (its 'fear' agrees with the votes 13 % of the time): they are read, but not offered as truth.",
        "The same or nearly the same picture lies in two splits: rows with `duplicate_across_splits` must leave training.",
        "176 rows of FERPlus have no picture name and all votes on 'no face'; they are left out.",
        "Some pictures show no face at all, text, or drawings.",
        "Disgust and contempt are rare: 24 and 13 majority pictures in PublicTest.",
    ),
}

EMOTIONS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")      # order of fer2013new.csv
VOTES = (*EMOTIONS, "unknown", "NF")                                                                    # NF: no face
SPLITS = {"Training": "train", "PublicTest": "valid", "PrivateTest": "test"}
SIZE = 48                                # pixels


class Item(NamedTuple):
    """One picture and what ten people saw in it.

    id: its name, once per split · split "train", "valid" or "test" · group: the same for identical pictures · pixels (48, 48)
    uint8, grey · votes (10,) int, in the order of `VOTES` · values (8,) float32, their `distribution`, NaN where there is none ·
    duplicate_across_splits: the same picture, or nearly, lies in another split.
    """

    id: str
    split: str
    group: str
    pixels: np.ndarray
    votes: np.ndarray
    values: np.ndarray
    duplicate_across_splits: bool


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


def items(root: str | Path) -> Iterator[Item]:
    """Every picture under a folder, in the official order.

    Reads the official layout (`fer2013.csv` and `fer2013new.csv` side by side) or a folder of Parquet tables `ferplus_*.parquet`
    with lossless pictures. In the official layout only identical pictures are known as duplicates across splits.

    Raises
    ------
    MediaError
        If the folder has neither, or a row of fer2013.csv isn't a picture of 48x48.
    """
    root = Path(root)
    if (root / "fer2013.csv").is_file() and (root / "fer2013new.csv").is_file():
        yield from _official(root)
    elif tables := sorted(root.glob("ferplus_*.parquet")):
        for table in tables:
            yield from _parquet(table)
    else:
        raise MediaError(f"{root} holds neither fer2013.csv with fer2013new.csv nor ferplus_*.parquet; {FACTS['obtain']}")


def _official(root: Path) -> Iterator[Item]:
    """Rows of the two files belong together by position: the votes carry no key of the pictures but their order."""
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))

    def rows() -> Iterator[tuple[str, str, bytes, np.ndarray]]:
        with (root / "fer2013.csv").open(newline="") as pictures, (root / "fer2013new.csv").open(newline="") as judged:
            for picture, judgement in zip(csv.DictReader(pictures), csv.DictReader(judged), strict=True):
                if name := judgement["Image name"]:
                    pixels = bytes(int(p) for p in picture["pixels"].split())
                    if len(pixels) != SIZE * SIZE:
                        raise MediaError(f"{name} in fer2013.csv has {len(pixels)} pixels, expected {SIZE}x{SIZE}; get the file again")
                    yield name, SPLITS[judgement["Usage"]], pixels, np.array([int(judgement[v]) for v in VOTES])

    where: dict[str, set[str]] = {}
    for _, split, pixels, _ in rows():
        where.setdefault(_digest(pixels), set()).add(split)
    for name, split, pixels, votes in rows():
        group = _digest(pixels)
        grey = np.frombuffer(pixels, np.uint8).reshape(SIZE, SIZE)
        yield Item(name, split, group, grey, votes, _values(votes), len(where[group]) > 1)


def _parquet(path: Path) -> Iterator[Item]:
    import pyarrow.parquet as pq

    split = next(s for s in SPLITS.values() if path.stem.startswith(f"ferplus_{s}"))
    votes = [f"votes_{v}" for v in VOTES]
    columns = ["name", "image_webp", "exact_dup_group", "near_dup_across_split", *votes]
    for batch in pq.ParquetFile(path).iter_batches(1024, columns=columns):
        counts = np.stack([batch[v].to_numpy(zero_copy_only=False) for v in votes], axis=1).astype(np.int64)
        for i, (name, data, group, near) in enumerate(zip(*(batch[c].to_pylist() for c in columns[:4]), strict=True)):
            yield Item(name, split, str(group), _webp(data), counts[i], _values(counts[i]), bool(near))


def _values(votes: np.ndarray) -> np.ndarray:
    return np.asarray(distribution(votes[None])[0], np.float32)


def _webp(data: bytes) -> np.ndarray:
    import av

    frames = av.CodecContext.create("webp", "r").decode(av.Packet(data))
    return np.asarray(frames[0].to_ndarray()[..., 1])        # ARGB, all colours equal


def _digest(pixels: bytes) -> str:
    return hashlib.sha256(pixels).hexdigest()[:16]
