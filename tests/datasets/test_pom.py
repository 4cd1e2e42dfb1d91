"""POM on made-up arrays."""

from pathlib import Path

import numpy as np

from attune.datasets import pom
from attune.taxonomy import taxonomy


def mini(root: Path) -> None:
    for name in ("train", "valid", "test"):
        y = np.linspace(1, 5, 17, dtype=np.float32)[None]
        np.savez(root / f"{name}.npz", y=y, audio=np.zeros((1, 20, 43), np.float32), video=np.zeros((1, 20, 41), np.float16), label_names=np.array(taxonomy("pom17").labels))


def test_traits_stand_in_the_order_of_the_columns(tmp_path: Path) -> None:
    mini(tmp_path)
    train, *_ = pom.items(tmp_path)
    found = dict(zip(taxonomy("pom17").labels, train.values.tolist(), strict=True))
    assert (found["confident"], found["dominant"], found["humorous"]) == (1, 1.75, 5)
    assert {name: rows.shape for name, rows in train.features.items()} == {"voice": (20, 43), "face": (20, 41)}
