"""ICT-MMMO: 370 reviews of films on YouTube and ExpoTV, each as a whole with a sentiment from 1 to 5.

`items` reads the features that accompany the Memory Fusion Network: `train.npz`, `valid.npz`, `test.npz` with y (n,), audio (n, 20, 74) COVAREP,
video (n, 20, 36) Facet and text (n, 20, 300) GloVe; or the authors' HDF5 files (`audio_train.h5`, `video_train.h5`, `text_train_emb.h5`,
`y_train.h5`, and so on), for which h5py must be there. Twenty words a review, zeros where there is nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attune.datasets import Item, values_of
from attune.datasets._sequences import stacked

FACTS: dict[str, Any] = {
    "title": "ICT Multi-Modal Movie Opinion (features)",
    "citation": (
        "Wöllmer, M., Weninger, F., Knaup, T., Schuller, B., Sun, C., Sagae, K., & Morency, L.-P. (2013). YouTube movie reviews: Sentiment analysis "
        "in an audio-visual context. IEEE Intelligent Systems 28(3), 46-53. doi:10.1109/MIS.2013.34. Features: Zadeh, A., et al. (2018). Memory "
        "fusion network for multi-view sequential learning. AAAI. arXiv:1802.00927"
    ),
    "license": "none found for the features; the corpus itself is by request, the films are their makers'",
    "license_class": "research-only",
    "obtain": "new_data/mmmo of github.com/pliang279/MFN",
    "taxonomy": "vad",
    "modalities": ("features",),
    "languages": ("en",),
    "splits": {"train": "220 reviews", "dev": "40", "test": "80"},
    "speakers": "unknown: rows have no names; a review each, so `group` is the row",
    "traps": (
        "Sentiment is for or against the film, of a whole review; it stands as valence, (y - 3) / 2.",
        "Twenty words of a review of minutes: most of it isn't there, and how they were chosen isn't said.",
        "The text features of train are missing in the NPZ files (too large); train has voice and face alone.",
        "80 reviews of test: an interval of correlation is some .2 wide on either side.",
        "There are no times.",
    ),
    "files": {"train.npz": 1, "valid.npz": 1, "test.npz": 1},
}


def items(root: str | Path) -> Iterator[Item]:
    """Reviews; features text, voice, face: (20, d) float32, as far as they are there."""
    for split, number, y, features in stacked(Path(root), FACTS):
        id = f"{split}-{number}"
        yield Item(id, split, id, values_of("vad", {"valence": (float(y[0]) - 3) / 2}, known=("valence",)), features=features)
