"""EmoDB: ten German actors say ten everyday sentences in seven states, recorded in an anechoic room.

A file's name is speaker (two digits), sentence (a letter and two digits), first letter of the emotion's German name, and take:
`03a01Fa.wav` is actor 03, sentence a01, Freude (joy), first take. `items` finds the names wherever they lie below a folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attune.datasets import Item, media, missing, named, one_hot

FACTS: dict[str, Any] = {
    "title": "Berlin Database of Emotional Speech (EmoDB)",
    "citation": (
        "Burkhardt, F., Paeschke, A., Rolfes, M., Sendlmeier, W. F., & Weiss, B. (2005). A database of German emotional speech. "
        "Interspeech 2005, 1517-1520."
    ),
    "license": "free to download, no licence text on the site; audEERING's package of it says CC0 1.0",
    "license_class": "unknown",
    "obtain": "emodb.bilderbar.info/download/download.zip: wav/*.wav",
    "taxonomy": "emodb7",
    "modalities": ("voice",),
    "languages": ("de",),
    "splits": {"train": "03 08 09 10 11 14", "dev": "12 13", "test": "15 16"},
    "speakers": "10, half of them women; the authors give no split, and this one is ours, a man and a woman in dev and in test",
    "files": {"**/[01][0-9][ab]0[0-9][A-Z]*.*": 535},
    "traps": (
        "Takes that fewer than 80 % of the listeners recognised, or fewer than 60 % found natural, were left out: it is easier than life.",
        "The letters stand for German words: W Wut is anger, L boredom, E disgust, A Angst is fear, F Freude is joy, T sadness.",
        "The same ten sentences in every emotion; no room, no noise: what is learned here doesn't hold in other rooms.",
        "Boredom has no counterpart in most taxonomies; there is no surprise.",
    ),
}

EMOTIONS = {"W": "anger", "L": "boredom", "E": "disgust", "A": "fear", "F": "joy", "T": "sadness", "N": "neutral"}
AGES = {"03": 31, "08": 34, "09": 21, "10": 32, "11": 26, "12": 30, "13": 32, "14": 35, "15": 25, "16": 31}
WOMEN = frozenset({"08", "09", "13", "14", "16"})
SPLITS = {"12": "dev", "13": "dev", "15": "test", "16": "test"}


def items(root: str | Path) -> Iterator[Item]:
    """Clips in the order of their names.

    Raises
    ------
    MediaError
        If there is no sound file named like the corpus's below `root`.
    UnknownName
        If the speaker or the emotion's letter doesn't exist.
    """
    root = Path(root)
    paths = media(root, "[01][0-9][ab]0[0-9][A-Z]*")
    if not paths:
        raise missing(root, "03a01Fa.wav", FACTS)
    for path in paths:
        speaker, sentence, letter = path.stem[:2], path.stem[2:5], path.stem[5]
        age = named(speaker, {who: str(years) for who, years in AGES.items()}, path.name)
        yield Item(
            path.stem, SPLITS.get(speaker, "train"), f"emodb-{speaker}", one_hot("emodb7", named(letter, EMOTIONS, path.name)), path,
            about={"sex": "F" if speaker in WOMEN else "M", "age": int(age), "sentence": sentence, "language": "de"},
        )
