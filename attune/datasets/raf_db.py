"""RAF-DB: faces from the web, each judged by about forty people; one of seven basic expressions, or a compound of two.

`items` reads the official folders `basic` and `compound` (each with `EmoLabel/list_patition_label.txt`, sic, `Image/aligned` or
`Image/original`, and `Annotation/manual`). The layout is as other people's readers and the release's own notes describe it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from attune.datasets import Item, missing, one_hot
from attune.taxonomy import taxonomy

FACTS: dict[str, Any] = {
    "title": "Real-world Affective Faces Database",
    "citation": (
        "Li, S., & Deng, W. (2019). Reliable crowdsourcing and deep locality-preserving learning for unconstrained facial expression "
        "recognition. IEEE Transactions on Image Processing 28(1), 356-370. doi:10.1109/TIP.2018.2868382"
    ),
    "license": "on request, non-commercial research only; the pictures are their photographers'",
    "license_class": "research-only",
    "obtain": "a request by a member of a university, whdeng.cn/RAF/model1.html; unpack basic.zip and compound.zip with the archives in them",
    "taxonomy": "ekman7",
    "more": ("compound11",),
    "modalities": ("face",),
    "languages": (),
    "splits": {"train": "basic 12,271, compound 3,162 pictures", "test": "basic 3,068, compound 792 pictures"},
    "speakers": "unknown: nobody is named, so that a person may occur on both sides of the official split",
    "traps": (
        "There is no dev part: hold one out of train, and never choose a checkpoint on test.",
        "Very unequal: 4,772 pictures of joy in train, 281 of fear.",
        "The label is the majority of the votes; their distribution is published apart, and isn't read.",
        "Compound pictures have no basic label here, basic ones no compound label: NaN.",
    ),
    "files": {"*/EmoLabel/list_patition_label.txt": 2},
}

BASIC = ("surprise", "fear", "disgust", "joy", "sadness", "anger", "neutral")              # codes 1..7; compounds: order of compound11
RACES, AGES = ("Caucasian", "African-American", "Asian"), ("0-3", "4-19", "20-39", "40-69", "70+")


def items(root: str | Path) -> Iterator[Item]:
    """Pictures of `basic`, then of `compound`; about: sex, race, age_group as annotated."""
    root = Path(root)
    folders = [root / kind for kind in ("basic", "compound") if (root / kind / "EmoLabel" / "list_patition_label.txt").is_file()]
    if not folders:
        raise missing(root, "basic/EmoLabel/list_patition_label.txt", FACTS)
    for folder in folders:
        for line in (folder / "EmoLabel" / "list_patition_label.txt").read_text(encoding="utf-8").splitlines():
            name, code = line.split()
            stem = Path(name).stem
            if folder.name == "basic":
                values, more = one_hot("ekman7", BASIC[int(code) - 1]), {}
            else:
                values = np.full(7, np.nan, np.float32)
                more = {"compound11": one_hot("compound11", taxonomy("compound11").labels[int(code) - 1])}
            aligned = folder / "Image" / "aligned" / f"{stem}_aligned.jpg"
            path = aligned if aligned.is_file() else folder / "Image" / "original" / name
            yield Item(f"{folder.name}/{stem}", stem.split("_")[0], "", values, path=path, more=more, about=_about(folder, stem))


def _about(folder: Path, stem: str) -> dict[str, Any]:
    """After five landmarks, a line each for sex (2 unsure), race and age."""
    path = folder / "Annotation" / "manual" / f"{stem}_manu_attri.txt"
    if not path.is_file():
        return {}
    sex, race, age = map(int, path.read_text(encoding="utf-8").split()[-3:])
    return {"race": RACES[race], "age_group": AGES[age]} | ({"sex": "MF"[sex]} if sex < 2 else {})
