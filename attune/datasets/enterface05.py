"""eNTERFACE'05: some forty people of fourteen nations react to stories with five English sentences for each of six emotions, filmed.

Folders say all that names of files say wrong at times: `subject 1/anger/sentence 1/s1_an_1.avi`. `items` reads speaker and emotion
from the folders; in subject 6 the films lie in the emotion's folder, without one for each sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from attune.datasets import FILMS, Item, missing, named, one_hot

FACTS: dict[str, Any] = {
    "title": "eNTERFACE'05 Audio-Visual Emotion Database",
    "citation": (
        "Martin, O., Kotsia, I., Macq, B., & Pitas, I. (2006). The eNTERFACE'05 audio-visual emotion database. ICDE Workshops 2006, 8. "
        "doi:10.1109/ICDEW.2006.145"
    ),
    "license": "free for research; no licence text",
    "license_class": "research-only",
    "obtain": "enterface.net/enterface05, emotion database: enterface_database.zip",
    "taxonomy": "ekman7",
    "modalities": ("face", "voice"),
    "languages": ("en",),
    "splits": {"train": "subjects 1-30", "dev": "subjects 31-36", "test": "subjects 37 and up"},
    "speakers": "42 in the paper, 44 folders in the release; the authors give no split, and this one is ours",
    "files": {"**/*.avi": None},
    "traps": (
        "The paper counts 1,166 films of 42 people, the release has some 1,290 of 44: compare figures by their n.",
        "No neutral: that label is unknown here, not zero.",
        "English is foreign to most speakers; five sentences per emotion, so that words tell the emotion: audio models may read them.",
        "A few names of files lack the subject or have another one: folders are right.",
    ),
}

EMOTIONS = {"anger": "anger", "disgust": "disgust", "fear": "fear", "happiness": "joy", "sadness": "sadness", "surprise": "surprise"}
SUBJECT = re.compile(r"subject[ _-]?(\d+)", re.IGNORECASE)


def items(root: str | Path) -> Iterator[Item]:
    """Films by subject, emotion and name.

    Raises
    ------
    MediaError
        If there is no film in a folder of a subject below `root`.
    UnknownName
        If a subject has a folder that is no emotion.
    """
    root = Path(root)
    found: list[tuple[int, str, Path]] = []
    for path in root.rglob("*"):
        folders = path.relative_to(root).parts[:-1]
        if path.suffix.lower() in FILMS:
            for folder, inner in pairwise(folders):
                if match := SUBJECT.fullmatch(folder):
                    found.append((int(match[1]), named(inner.lower(), EMOTIONS, str(path.relative_to(root))), path))
    if not found:
        raise missing(root, "subject 1/anger/sentence 1/s1_an_1.avi", FACTS)
    for subject, emotion, path in sorted(found):
        split = "train" if subject <= 30 else "dev" if subject <= 36 else "test"
        sentence = path.parent.name if path.parent.name.lower().startswith("sentence") else path.stem
        yield Item(
            f"{subject:02d}/{emotion}/{sentence}/{path.stem}", split, f"enterface05-{subject:02d}",
            one_hot("ekman7", emotion, tuple(EMOTIONS.values())), path, about={"sentence": sentence, "language": "en"},
        )
