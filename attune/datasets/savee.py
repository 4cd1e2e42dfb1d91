"""SAVEE: four Englishmen say fifteen sentences in each of six emotions and thirty in a neutral voice, filmed.

A file's name is emotion and sentence below a folder named after the speaker, `AudioData/DC/sa01.wav` and
`AudioVisualClip/DC/sa1.avi`; copies of the sound in one folder have the speaker in the name, `DC_sa01.wav`. Both are read. How the
films are numbered is after descriptions by others, not tried on the original: a leading zero may be there or not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from attune.datasets import FILMS, SOUNDS, Item, missing, one_hot

FACTS: dict[str, Any] = {
    "title": "Surrey Audio-Visual Expressed Emotion (SAVEE) Database",
    "citation": (
        "Haq, S., & Jackson, P. J. B. (2010). Multimodal emotion recognition. In W. Wang (Ed.), Machine Audition: Principles, Algorithms "
        "and Systems, 398-423. IGI Global."
    ),
    "license": "free for research, on registration",
    "license_class": "research-only",
    "obtain": "kahlan.eps.surrey.ac.uk/savee, after registration: AudioData and AudioVisualClip",
    "taxonomy": "ekman7",
    "modalities": ("voice", "face"),
    "languages": ("en",),
    "splits": {"train": "DC JE", "dev": "JK", "test": "KL"},
    "speakers": "4 men, aged 27 to 31; the authors give no split, and this one is ours",
    "files": {"**/*[adfhnu][0-9][0-9].wav": 480},
    "traps": (
        "Four men, all of one university: nothing can be said about women or age, and a split leaves one speaker each for dev and test.",
        "Neutral has twice as many clips as every emotion.",
        "Blue dots are painted on the faces in the films: a face model may learn them.",
        "Three sentences are common to all emotions, the others belong to one: words tell the emotion in part.",
    ),
}

EMOTIONS = {"a": "anger", "d": "disgust", "f": "fear", "h": "joy", "n": "neutral", "sa": "sadness", "su": "surprise"}
SPLITS = {"DC": "train", "JE": "train", "JK": "dev", "KL": "test"}
NAME = re.compile(r"(?:(DC|JE|JK|KL)_)?(a|d|f|h|n|sa|su)0?([1-9][0-9]?)")


def items(root: str | Path, *, modality: Literal["voice", "both"] = "voice") -> Iterator[Item]:
    """Clips by speaker and name: sounds, or films with sound ("both").

    Raises
    ------
    MediaError
        If there is no file named like the corpus's in a folder named like a speaker, or with the speaker in its name.
    """
    root = Path(root)
    suffixes = SOUNDS if modality == "voice" else FILMS
    found: dict[tuple[str, str, int], Path] = {}
    for path in sorted(root.rglob("*")):
        match = NAME.fullmatch(path.stem)
        if match and path.suffix.lower() in suffixes and (speaker := match[1] or path.parent.name) in SPLITS:
            found.setdefault((speaker, match[2], int(match[3])), path)
    if not found:
        raise missing(root, f"DC/a01{suffixes[0]} or DC_a01{suffixes[0]}", FACTS)
    for (speaker, emotion, number), path in sorted(found.items()):
        yield Item(
            f"{speaker}_{emotion}{number:02d}", SPLITS[speaker], f"savee-{speaker}", one_hot("ekman7", EMOTIONS[emotion]), path,
            about={"sex": "M", "sentence": f"{emotion}{number:02d}", "language": "en"},
        )
