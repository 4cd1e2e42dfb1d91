"""URDU: 400 natural utterances of Urdu talk shows in four emotions.

Folders are named after the emotion, files after speaker, clip and label: `Angry/SM1_F10_A010.wav`, SM for a man, SF for a
woman. `items` finds the names wherever they lie below a folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from attune.datasets import Item, media, missing, named, one_hot
from attune.taxonomy import taxonomy

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
    "modalities": ("voice",),
    "languages": ("ur",),
    "splits": {"train": "other speakers", "dev": "SF2 SF7 SM1 SM4 SM24"},
    "speakers": "about 38 by the names of the files; the authors give no split, and this one is ours",
    "files": {"**/S[FM]*_F*_*.*": 400},
    "traps": (
        "Calm, fearful, disgust and surprised don't occur: these four labels are unknown here, not zero.",
        "Most speakers were recorded in one emotion only, so that knowing the voice is knowing the label: split by speaker.",
        "Natural, overlapped by studio sound at times; all clips are 2 to 3 seconds.",
    ),
}

LABELS = taxonomy("ravdess8").labels
NAMED = {"A": "angry", "H": "happy", "N": "neutral", "S": "sad"}
KNOWN = np.array([label in NAMED.values() for label in LABELS])       # (8,) which labels the corpus has
DEV = frozenset({"SF2", "SF7", "SM1", "SM4", "SM24"})


def items(root: str | Path) -> Iterator[Item]:
    """Clips in the order of their names.

    Raises
    ------
    MediaError
        If there is no sound file named like the corpus's below `root`.
    UnknownName
        If a name's last field starts with no known emotion.
    """
    root = Path(root)
    paths = media(root, "S[FM]*_F*_*")
    if not paths:
        raise missing(root, "SM1_F10_A010.wav, .flac, .opus ...", FACTS)
    for path in paths:
        speaker, _, label = path.stem.split("_")[:3]
        values = one_hot("ravdess8", named(label[0], NAMED, path.name), tuple(NAMED.values()))
        yield Item(
            path.stem, "dev" if speaker in DEV else "train", f"urdu-{speaker}", values, path,
            about={"sex": speaker[1], "language": "ur"},
        )
