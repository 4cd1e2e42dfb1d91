"""AFEW: short clips of films and series in seven classes, the data of the EmotiW challenges.

Folders are named after part and emotion, `Train_AFEW/Angry/000046280.avi` and `Val_AFEW/...`; folders between them don't matter.
After descriptions by others who trained on it, not tried on the original.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attune.datasets import FILMS, Item, missing, one_hot

FACTS: dict[str, Any] = {
    "title": "Acted Facial Expressions in the Wild (AFEW), EmotiW",
    "citation": (
        "Dhall, A., Goecke, R., Lucey, S., & Gedeon, T. (2012). Collecting large, richly annotated facial-expression databases from "
        "movies. IEEE MultiMedia 19(3), 34-41. doi:10.1109/MMUL.2012.26"
    ),
    "license": "research only, by a signed agreement of EmotiW; the films are others'",
    "license_class": "research-only",
    "obtain": "the organisers of EmotiW: Train_AFEW, Val_AFEW",
    "taxonomy": "ekman7",
    "modalities": ("face", "voice"),
    "languages": ("en",),
    "splits": {"train": "Train (773 clips in 2016 and later)", "dev": "Val (383)"},
    "speakers": "330 in the first release; the official parts share no film, but names don't say who acts",
    "files": {"**/Train*/**/*.avi": 773, "**/Val*/**/*.avi": 383},
    "traps": (
        "The labels of Test (593 clips, partly reality TV) were never given out: published test figures can't be repeated.",
        "Labels come from words in subtitles for the deaf, checked by few people; whole clips, often with more than one face.",
        "Fear, disgust and surprise are rare and almost never found: read recall by class.",
        "383 clips of dev choose models and report them at once in many papers.",
    ),
}

EMOTIONS = {
    "angry": "anger", "disgust": "disgust", "fear": "fear", "happy": "joy", "sad": "sadness", "surprise": "surprise", "neutral": "neutral",
}
PARTS = {"train": "train", "val": "dev"}


def items(root: str | Path) -> Iterator[Item]:
    """Clips by part, emotion and name; the group is unknown.

    Raises
    ------
    MediaError
        If there is no film in a folder of an emotion in a folder of a part.
    """
    root = Path(root)
    found: list[tuple[str, str, Path]] = []
    for path in root.rglob("*"):
        if path.suffix.lower() in FILMS:
            folders = [folder.lower() for folder in path.relative_to(root).parts[:-1]]
            part = next((split for folder in folders for start, split in PARTS.items() if folder.startswith(start)), None)
            emotion = next((EMOTIONS[folder] for folder in reversed(folders) if folder in EMOTIONS), None)
            if part and emotion:
                found.append((part, emotion, path))
    if not found:
        raise missing(root, "Train_AFEW/Angry/*.avi", FACTS)
    for part, emotion, path in sorted(found, key=lambda clip: (clip[0] != "train", *clip[1:])):
        yield Item(f"{part}/{emotion}/{path.stem}", part, "", one_hot("ekman7", emotion), path, about={"language": "en"})
