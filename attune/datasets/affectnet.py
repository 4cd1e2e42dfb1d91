"""AffectNet: faces from the web, judged by one annotator each: one of eight expressions, valence and arousal.

`items` reads the manual annotations in the first layout (`training.csv`, `validation.csv` beside `Manually_Annotated_Images`) or in
that of the eight expressions (`train_set/images/0.jpg` with `train_set/annotations/0_exp.npy`, `0_val.npy`, `0_aro.npy`). The
automatic annotations are a net's and aren't read. The layouts are as other people's readers take them; the files themselves need an
agreement, and weren't seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from attune.datasets import Item, one_hot, rows, tables, values_of

FACTS: dict[str, Any] = {
    "title": "AffectNet (faces from the web, manual annotations)",
    "citation": (
        "Mollahosseini, A., Hasani, B., & Mahoor, M. H. (2019). AffectNet: A database for facial expression, valence, and arousal computing "
        "in the wild. IEEE Transactions on Affective Computing 10(1), 18-31. doi:10.1109/TAFFC.2017.2740923"
    ),
    "license": "agreement with the University of Denver: research only; the pictures are their photographers'",
    "license_class": "research-only",
    "obtain": "a signed agreement, mohammadmahoor.com/affectnet; Manually_Annotated with its two tables, or train_set and val_set",
    "taxonomy": "ferplus8",
    "more": ("vad",),
    "modalities": ("face",),
    "languages": (),
    "splits": {
        "train": "training.csv (414,799 rows, 287,651 with one of the eight), or train_set",
        "dev": "validation.csv (5,500 rows, 4,000 with one of the eight), or val_set; figures in papers are of these, the test set was never published",
    },
    "speakers": "unknown: nobody is named, so that a person may occur on both sides",
    "traps": (
        "One annotator a picture: two agreed on the expression of 61 % of those that both judged.",
        "Training is very unequal (half of it happy, contempt 1 %), validation is equal: accuracies don't compare with other corpora.",
        "None, Uncertain and No-Face (codes 8 to 10) are left out; their valence and arousal are -2.",
        "No dominance. Valence and arousal hang together with the expression, since the same person gave them at once.",
    ),
    "files": {"**/training.csv": 1, "**/validation.csv": 1},
}

EXPRESSIONS = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")        # codes 0..7


def items(root: str | Path) -> Iterator[Item]:
    """Pictures with one of the eight expressions; about: box (x, y, width, height) in pixels, in the layout that has it."""
    root = Path(root)
    folders = {"train": root / "train_set" / "annotations", "dev": root / "val_set" / "annotations"}
    if any(folder.is_dir() for folder in folders.values()):
        for split, folder in folders.items():
            for path in sorted(folder.glob("*_exp.npy"), key=lambda p: (len(p.name), p.name)):
                number = path.name.removesuffix("_exp.npy")
                code, valence, arousal = (float(np.load(folder / f"{number}_{what}.npy").item()) for what in ("exp", "val", "aro"))
                picture = folder.parent / "images" / f"{number}.jpg"
                yield _item(f"{folder.parent.name}/{number}", split, picture, int(code), valence, arousal, {})
        return
    for split, path in tables(root, FACTS, train=["**/training.csv"], dev=["**/validation.csv"]):
        pictures = next((p for p in sorted(root.rglob("Manually_Annotated_Images")) if p.is_dir()), root / "Manually_Annotated_Images")
        for row in rows(path):
            if (code := int(row["expression"])) < len(EXPRESSIONS):
                name, box = row["subDirectory_filePath"], [int(row[f"face_{side}"]) for side in ("x", "y", "width", "height")]
                yield _item(name, split, pictures / name, code, float(row["valence"]), float(row["arousal"]), {"box": tuple(box)})


def _item(id: str, split: str, path: Path, code: int, valence: float, arousal: float, about: dict[str, Any]) -> Item:
    positions = values_of("vad", {"valence": valence, "arousal": arousal}, known=("valence", "arousal"))
    return Item(id, split, "", one_hot("ferplus8", EXPRESSIONS[code]), path=path, more={"vad": positions}, about=about)
