"""CK+: 123 adults pose; each film begins neutral and ends at the peak of one of seven expressions, coded by FACS.

`items` yields the last picture of the 327 films whose action units fit an expression, in the official layout:
`Emotion/S005/001/S005_001_00000011_emotion.txt` beside `cohn-kanade-images/S005/001/S005_001_00000011.png` and
`FACS/S005/001/S005_001_00000011_facs.txt`, as the release's notes describe it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attune.datasets import Item, drawn, missing, one_hot

FACTS: dict[str, Any] = {
    "title": "Extended Cohn-Kanade (posed faces, with FACS)",
    "citation": (
        "Lucey, P., Cohn, J. F., Kanade, T., Saragih, J., Ambadar, Z., & Matthews, I. (2010). The extended Cohn-Kanade dataset (CK+): A "
        "complete dataset for action unit and emotion-specified expression. CVPR Workshops, 94-101. doi:10.1109/CVPRW.2010.5543262"
    ),
    "license": "agreement with the University of Pittsburgh: non-commercial research only",
    "license_class": "research-only",
    "obtain": "a signed agreement, jeffcohn.net/resources; unpack the pictures, Emotion_labels.zip and FACS_labels.zip into one folder",
    "taxonomy": "ferplus8",
    "modalities": ("face",),
    "languages": (),
    "splits": {"train": "some 70 % of the people", "dev": "10 %", "test": "20 %"},
    "speakers": "123, of whom 118 have a labelled film; the authors leave one person out at a time, and this split is ours",
    "traps": (
        "Posed, frontal and at full strength: accuracies near .95 say nothing about faces in talk.",
        "Labels follow from the action units, so that a model of both knows one from the other.",
        "Neutral is never a label (the films begin with it): unknown here. Contempt has 18 films, fear 25.",
        "Only a few people allowed their picture to be shown.",
        "Copies with three pictures a film, cut to 48x48, are common on the web: the pictures of one person cross their splits.",
    ),
    "files": {"Emotion/*/*/*_emotion.txt": 327, "cohn-kanade-images/*/*/*.png": None},
}

EXPRESSIONS = {1: "anger", 2: "contempt", 3: "disgust", 4: "fear", 5: "happiness", 6: "sadness", 7: "surprise"}


def items(root: str | Path) -> Iterator[Item]:
    """The peaks, in the order of people; about: action_units, unit -> intensity 1..5 (A..E), 0 where none was given."""
    root = Path(root)
    paths = sorted(root.glob("Emotion/*/*/*_emotion.txt"))
    if not paths:
        raise missing(root, "Emotion/*/*/*_emotion.txt", FACTS)
    for path in paths:
        stem, person, take = path.name.removesuffix("_emotion.txt"), path.parts[-3], path.parts[-2]
        values = one_hot("ferplus8", EXPRESSIONS[round(float(path.read_text()))], known=tuple(EXPRESSIONS.values()))
        coded = root / "FACS" / person / take / f"{stem}_facs.txt"
        lines = [line.split() for line in coded.read_text().splitlines() if line.strip()] if coded.is_file() else []
        units = {round(float(unit)): round(float(strength)) for unit, strength in lines}
        group = f"ck_plus-{person}"
        yield Item(stem, drawn(group), group, values, path=root / "cohn-kanade-images" / person / take / f"{stem}.png",
                   about={"action_units": units})
