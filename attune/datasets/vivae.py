"""VIVAE: eleven women utter six states without words, each from a low to a peak intensity.

A file's name is speaker, state, intensity and number, `S01_achievement_low_01.wav`. `items` finds the names wherever they lie below
a folder; the authors' `core_set` repeats a part of their `full_set`, and a name is read once. Which clips are of the core set is
known where that folder, or `metadata.csv` with a column core_set, is there.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attune.datasets import SOUNDS, Item, media, missing, named, one_hot, rows
from attune.taxonomy import taxonomy

FACTS: dict[str, Any] = {
    "title": "Variably Intense Vocalizations of Affect and Emotion corpus (VIVAE)",
    "citation": (
        "Holz, N., Larrouy-Maestri, P., & Poeppel, D. (2022). The variably intense vocalizations of affect and emotion (VIVAE) corpus "
        "prompts new perspective on nonspeech perception. Emotion 22(1), 213-225."
    ),
    "license": "CC BY-NC-SA 4.0",
    "license_class": "non-commercial",
    "obtain": "zenodo.org/records/4066235: full_set and core_set",
    "taxonomy": "vivae6",
    "modalities": ("voice",),
    "languages": (),
    "splits": {"train": "S01-S08", "dev": "S09", "test": "S10 S11"},
    "speakers": "11 women; the authors give no split, and this one is ours",
    "files": {"**/S[01][0-9]_*_*_*.*": 1085},
    "traps": (
        "Women only, in one recording room; bursts of half a second to a few seconds.",
        "At peak intensity listeners confuse the states most: pleasant and unpleasant screams are alike.",
        "Pleasure is sexual, surprise is positive, achievement is triumph: names alone mislead.",
        "The core set of 480 is within the full set: with both folders there are 1,565 files and 1,085 clips.",
    ),
}

LABELS = taxonomy("vivae6").labels
INTENSITIES = ("low", "moderate", "strong", "peak")
DEV, TEST = frozenset({"S09"}), frozenset({"S10", "S11"})


def items(root: str | Path) -> Iterator[Item]:
    """Clips in the order of their names.

    Raises
    ------
    MediaError
        If there is no sound file named like the corpus's below `root`.
    UnknownName
        If a name holds no known state or intensity.
    """
    root = Path(root)
    paths = media(root, "S[01][0-9]_*_*_*")
    if not paths:
        raise missing(root, f"S01_achievement_low_01 ({', '.join(SOUNDS[:3])} ...)", FACTS)
    core = {path.stem for path in root.glob("**/core_set/*")}
    if (root / "metadata.csv").is_file():
        core |= {Path(row["file"]).stem for row in rows(root / "metadata.csv") if row.get("core_set") == "True"}
    for path in paths:
        speaker, state, intensity, _ = path.stem.split("_")
        about: dict[str, Any] = {"sex": "F", "intensity": named(intensity, dict(zip(INTENSITIES, INTENSITIES, strict=True)), path.name)}
        if core:
            about["core"] = path.stem in core
        split = "dev" if speaker in DEV else "test" if speaker in TEST else "train"
        yield Item(path.stem, split, f"vivae-{speaker}", one_hot("vivae6", state), path, about=about)
