"""POM: a thousand reviews of films on ExpoTV, judged for how the reviewer comes across: 16 traits, and sentiment.

`items` reads the features that accompany the Memory Fusion Network: `train.npz`, `valid.npz`, `test.npz` with y (n, 17), audio (n, 20, 43)
COVAREP, video (n, 20, 41) Facet; or the authors' HDF5 files (`audio_train.h5`, `video_train.h5`, `y_train.h5`, and so on), for which
h5py must be there. Twenty words a review, zeros where there is nothing. The order of the columns of y is that of the NPZ files' label_names.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from attune.datasets import Item
from attune.datasets._sequences import stacked

FACTS: dict[str, Any] = {
    "title": "Persuasive Opinion Multimedia (features)",
    "citation": (
        "Park, S., Shim, H. S., Chatterjee, M., Sagae, K., & Morency, L.-P. (2014). Computational analysis of persuasiveness in social multimedia: "
        "A novel dataset and multimodal prediction approach. ICMI. doi:10.1145/2663204.2663260. Features: Zadeh, A., et al. (2018). Memory "
        "fusion network for multi-view sequential learning. AAAI. arXiv:1802.00927"
    ),
    "license": "none found for the features; the corpus itself is by request, the films are their makers'",
    "license_class": "research-only",
    "obtain": "new_data/pom of github.com/pliang279/MFN",
    "taxonomy": "pom17",
    "modalities": ("features",),
    "languages": ("en",),
    "splits": {"train": "600 reviews", "dev": "100", "test": "203"},
    "speakers": "unknown: rows have no names, and a reviewer may have several; `group` is the row",
    "traps": (
        "Traits are how three raters saw somebody, not what they are: reserved to nervous on 1..5, the others on 1..7.",
        "Scores are means of three raters: their noise bounds every correlation.",
        "Twenty words of a review of minutes; there are no times, and the text features are missing.",
        "Late fusion beats both streams on dominant: r .281 against .242 (voice) and .190 (face), in a trial with ridge regression.",
    ),
    "files": {"train.npz": 1, "valid.npz": 1, "test.npz": 1},
}


def items(root: str | Path) -> Iterator[Item]:
    """Reviews; features voice (20, 43) and face (20, 41) float32."""
    for split, number, y, features in stacked(Path(root), FACTS):
        id = f"{split}-{number}"
        yield Item(id, split, id, np.asarray(y, np.float32), features=features)
