"""TESS: two actresses of Toronto, 26 and 64 years old, say two hundred words in a carrier phrase, in seven states.

A file's name is actress, word and emotion, `OAF_back_angry.wav`: OAF is the older, YAF the younger one. `items` finds the names
wherever they lie below a folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attune.datasets import Item, media, missing, named, one_hot

FACTS: dict[str, Any] = {
    "title": "Toronto emotional speech set (TESS)",
    "citation": (
        "Dupuis, K., & Pichora-Fuller, M. K. (2010). Toronto emotional speech set (TESS). University of Toronto, Psychology Department. "
        "doi:10.5683/SP2/E8H2MF"
    ),
    "license": "CC BY-NC-ND 4.0",
    "license_class": "non-commercial",
    "obtain": "doi.org/10.5683/SP2/E8H2MF (Scholars Portal Dataverse) or tspace.library.utoronto.ca/handle/1807/24487",
    "taxonomy": "ekman7",
    "modalities": ("voice",),
    "languages": ("en",),
    "splits": {"train": "YAF, 26 years old", "test": "OAF, 64 years old"},
    "speakers": "2 women; the authors give no split, and this one is ours. There can't be a dev part with a speaker of its own",
    "files": {"**/[OY]A*_*_*.wav": 2800},
    "traps": (
        "Two speakers: random splits give 99 % and mean nothing; the test speaker differs in age, too.",
        "Surprise is pleasant surprise (ps) only.",
        "A copy that is often passed on holds everything twice, one folder in the other; each name is read once.",
        "One file is OA_bite_neutral, without the F.",
    ),
}

EMOTIONS = {
    "angry": "anger", "disgust": "disgust", "fear": "fear", "happy": "joy", "ps": "surprise", "sad": "sadness", "neutral": "neutral",
}
PEOPLE = {"OAF": ("test", 64), "OA": ("test", 64), "YAF": ("train", 26)}


def items(root: str | Path) -> Iterator[Item]:
    """Clips in the order of their names.

    Raises
    ------
    MediaError
        If there is no sound file named like the corpus's below `root`.
    UnknownName
        If a name holds no known emotion.
    """
    root = Path(root)
    paths = [path for path in media(root, "[OY]A*_*_*") if path.stem.split("_")[0] in PEOPLE]
    if not paths:
        raise missing(root, "OAF_back_angry.wav", FACTS)
    for path in paths:
        speaker, word, emotion = path.stem.split("_", 2)
        split, age = PEOPLE[speaker]
        yield Item(
            path.stem, split, f"tess-{speaker[0]}AF", one_hot("ekman7", named(emotion.lower(), EMOTIONS, path.name)), path,
            about={"sex": "F", "age": age, "sentence": word, "language": "en"},
        )
