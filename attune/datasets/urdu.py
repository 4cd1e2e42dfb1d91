"""URDU: 400 natural utterances of Urdu talk shows in four emotions.

Folders are named after the emotion, files after speaker, clip and label: `Angry/SM1_F10_A010.wav`, SM for a man, SF for a
woman. `items` finds the names wherever they lie below a folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from attune.errors import AttuneError

FACTS: dict[str, Any] = {
    "title": "URDU: emotional utterances of talk shows",
    "citation": (
        "Latif, S., Qayyum, A., Usman, M., & Qadir, J. (2018). Cross lingual speech emotion recognition: Urdu vs. Western languages. "
        "International Conference on Frontiers of Information Technology (FIT), 88-93. doi:10.1109/FIT.2018.00023"
    ),
    "license": "research purposes only, in the authors' words",
    "license_class": "research-only",
    "obtain": "github.com/siddiquelatif/URDU-Dataset: Angry, Happy, Neutral, Sad",
    "taxonomy": "ravdess8",
    "splits": {"train": "other speakers", "dev": "SF2 SF7 SM1 SM4 SM24"},
    "speakers": "about 38 by the names of the files; the authors give no split, and this one is ours",
    "traps": (
        "Calm, fearful, disgust and surprised don't occur: these four labels are unknown here, not zero.",
        "Most speakers were recorded in one emotion only, so that knowing the voice is knowing the label: split by speaker.",
        "Natural, overlapped by studio sound at times; all clips are 2 to 3 seconds.",
    ),
}

LABELS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")
NAMED = {"A": "angry", "H": "happy", "N": "neutral", "S": "sad"}
KNOWN = np.array([label in NAMED.values() for label in LABELS])       # (8,) which labels the corpus has
DEV = frozenset({"SF2", "SF7", "SM1", "SM4", "SM24"})
SUFFIXES = (".wav", ".flac", ".opus")


class Item(NamedTuple):
    """One clip. values (8,) float32: 1 for its emotion in the order of `LABELS`, NaN where the corpus has no such clips."""

    id: str
    split: str
    group: str
    path: Path
    values: np.ndarray


def items(root: str | Path) -> Iterator[Item]:
    """Clips in the order of their names.

    Raises
    ------
    FileNotFoundError
        If there is no sound file named like the corpus's below `root`.
    AttuneError
        If a name's last field starts with no known emotion.
    """
    paths = sorted((p for p in Path(root).rglob("S[FM]*_F*_*") if p.suffix in SUFFIXES), key=lambda p: p.stem)
    if not paths:
        raise FileNotFoundError(f"no sound file like SM1_F10_A010.wav below {root}; get it: {FACTS['obtain']}")
    for path in paths:
        speaker, _, label = path.stem.split("_")[:3]
        if label[0] not in NAMED:
            raise AttuneError(f"{path.name}: emotion {label[0]!r}; expected one of {', '.join(NAMED)}")
        values = np.where(KNOWN, np.eye(len(LABELS))[LABELS.index(NAMED[label[0]])], np.nan).astype(np.float32)
        yield Item(path.stem, "dev" if speaker in DEV else "train", f"urdu-{speaker}", path, values)
