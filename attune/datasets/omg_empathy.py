"""OMG-Empathy: ten listeners hear eight stories told by an actor, and rate afterwards, frame by frame, how they felt.

`Training/Videos/Subject_1_Story_2.mp4` shows both, with `Training/Annotations/Subject_1_Story_2.csv`: a column valence, a row per
frame; `Validation` and `Testing` likewise. The split is by story, not by person. After the authors' README and scripts of others who took
part, not tried on the original.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from attune.datasets import FILMS, Item, media, missing, rows
from attune.errors import MediaError

FACTS: dict[str, Any] = {
    "title": "One-Minute Gradual Empathy dataset (OMG-Empathy)",
    "citation": (
        "Barros, P., Churamani, N., Lim, A., & Wermter, S. (2019). The OMG-Empathy dataset: Evaluating the impact of affective behavior in "
        "storytelling. ACII 2019, 311-317. doi:10.1109/ACII.2019.8925530"
    ),
    "license": "CC BY-NC-SA 3.0 DE, for research, not to be passed on",
    "license_class": "non-commercial",
    "obtain": "the authors: github.com/knowledgetechnologyuhh/OMGEmpathyChallenge; Training, Validation, Testing",
    "taxonomy": "vad",
    "modalities": ("face", "voice"),
    "languages": ("en",),
    "splits": {"train": "4 stories (folder Training)", "dev": "1 (Validation)", "test": "3 (Testing)"},
    "speakers": "10 listeners, 4 actors, in every part of the official split: `group` is the story, which doesn't cross",
    "files": {"**/Training/**/*.mp4": 40, "**/Validation/**/*.mp4": 10, "**/Test*/**/*.mp4": 30},
    "traps": (
        "Listeners are known from training: figures say nothing about new people. Personalised track: mean of the listeners' CCCs; "
        "generalised: by story.",
        "It is what the listener felt, by own account, not what the face shows.",
        "Stories 5 and 6 are named the other way round in two versions of the authors' list.",
        "Arousal and dominance weren't rated: NaN. Both people are in one picture, side by side, and in one sound.",
    ),
}

NAME = re.compile(r"Subject_(\d+)_Story_(\d+)")
PARTS = {"train": "train", "valid": "dev", "test": "test"}
FRAMES_PER_SECOND = 25.0                     # of the films, by others' scripts; the annotations have a row per frame


def items(root: str | Path, frames_per_second: float = FRAMES_PER_SECOND) -> Iterator[Item]:
    """Films by part, listener and story: `trace` (t, 4) second, valence, NaN, NaN; `values` its mean, all NaN without annotation.

    about: person (the listener), story.

    Raises
    ------
    MediaError
        If there is no film in a folder of a part, or a rating isn't in -1..1.
    """
    root = Path(root)
    films = media(root, "Subject_*_Story_*", FILMS)
    found = [(split, path) for path in films if (split := _split(path.relative_to(root)))]
    if not found:
        raise missing(root, "Training/Videos/Subject_1_Story_2.mp4", FACTS)
    ratings = {path.stem: path for path in root.rglob("Subject_*_Story_*.csv")}
    for split, path in found:
        match = NAME.fullmatch(path.stem)
        if match is None:
            raise MediaError(f"{path.name}; expected a name like Subject_1_Story_2.mp4")
        trace = _trace(ratings[path.stem], frames_per_second) if path.stem in ratings else None
        values = np.full(3, np.nan, np.float32) if trace is None else trace[:, 1:].mean(0)
        yield Item(
            path.stem, split, f"omg_empathy-story-{match[2]}", values, path, trace=trace,
            about={"language": "en", "person": f"omg_empathy-{match[1]}", "story": int(match[2])},
        )


def _split(path: Path) -> str | None:
    return next((split for folder in path.parts[:-1] for start, split in PARTS.items() if folder.lower().startswith(start)), None)


def _trace(table: Path, frames_per_second: float) -> np.ndarray:
    valence = np.array([float(row["valence"]) for row in rows(table)])
    if not len(valence) or np.abs(valence).max() > 1:
        raise MediaError(f"{table}: expected a column valence with ratings from -1 to 1, got {len(valence)} rows")
    out = np.full((len(valence), 4), np.nan, np.float32)
    out[:, 0], out[:, 1] = np.arange(len(valence)) / frames_per_second, valence
    return out
