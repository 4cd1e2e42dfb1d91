"""RAVDESS: 24 North American actors say two sentences in eight emotions and two intensities.

A file's name says everything: modality-channel-emotion-intensity-sentence-repetition-actor, `03-01-05-01-02-01-12.wav`
being audio only, speech, angry, normal, "Dogs are sitting by the door", first time, actor 12 (a woman: even number).
`items` finds the names wherever they lie below a folder.

    >>> read_name("03-01-05-01-02-01-12")["emotion"]
    'angry'
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from attune.errors import AttuneError

FACTS: dict[str, Any] = {
    "title": "Ryerson Audio-Visual Database of Emotional Speech and Song: the speech, audio only",
    "citation": (
        "Livingstone, S. R., & Russo, F. A. (2018). The Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS): A dynamic, "
        "multimodal set of facial and vocal expressions in North American English. PLoS ONE 13(5), e0196391. doi:10.1371/journal.pone.0196391"
    ),
    "license": "CC BY-NC-SA 4.0; the authors sell commercial licences",
    "license_class": "non-commercial",
    "obtain": "Audio_Speech_Actors_01-24.zip of zenodo.org/records/1188976, unpacked: Actor_01 ... Actor_24",
    "taxonomy": "ravdess8",
    "splits": {"train": "actors 1-16", "dev": "actors 17-20", "test": "actors 21-24"},
    "speakers": "24, half of them women; the authors give no split, and this one is ours",
    "traps": (
        "About twelve times softer than other corpora, thirteen clips under rms .001: they are speech, not silence.",
        "Two sentences only: what a model knows about words is nothing. Neutral has no strong intensity, so half as many clips.",
        "Up to a second of silence before and after; its noise tells rooms and takes apart, not emotions.",
        "A few files are stereo. Emotion names are in the file name's third field; song (channel 02) has no disgust and no surprise.",
    ),
}

EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")      # codes 01..08
SENTENCES = ("Kids are talking by the door", "Dogs are sitting by the door")
ACTORS = {"train": range(1, 17), "dev": range(17, 21), "test": range(21, 25)}
SUFFIXES = (".wav", ".flac", ".opus")


class Item(NamedTuple):
    """One clip. group: the actor, who never crosses splits; values (8,) float32, one-hot in the order of `EMOTIONS`."""

    id: str
    split: str
    group: str
    path: Path
    text: str
    intensity: str
    values: np.ndarray


def read_name(stem: str) -> dict[str, Any]:
    """What a file's name says.

    Raises
    ------
    AttuneError
        If it isn't seven numbers of two digits, or one of them is out of range.
    """
    fields = stem.split("-")
    if len(fields) != 7 or not all(len(f) == 2 and f.isdigit() for f in fields):
        raise AttuneError(f"{stem!r}; expected seven numbers of two digits, as in 03-01-05-01-02-01-12")
    modality, channel, emotion, intensity, sentence, repetition, actor = map(int, fields)
    if not (1 <= emotion <= 8 and 1 <= intensity <= 2 and 1 <= sentence <= 2 and 1 <= actor <= 24):
        raise AttuneError(f"{stem!r}: emotion is 01-08, intensity and sentence 01-02, actor 01-24")
    return {
        "modality": modality, "channel": channel, "emotion": EMOTIONS[emotion - 1], "intensity": ("normal", "strong")[intensity - 1],
        "sentence": SENTENCES[sentence - 1], "repetition": repetition, "actor": actor, "sex": "F" if actor % 2 == 0 else "M",
    }


def items(root: str | Path) -> Iterator[Item]:
    """Clips of speech without picture (03-01-...), in the order of their names; an actor's folder or none, wav, flac or opus.

    Raises
    ------
    FileNotFoundError
        If there is no such clip below `root`.
    """
    paths = sorted((p for p in Path(root).rglob("03-01-*") if p.suffix in SUFFIXES), key=lambda p: (p.stem[-2:], p.stem))
    if not paths:
        raise FileNotFoundError(f"no 03-01-*.wav, .flac or .opus below {root}; get RAVDESS: {FACTS['obtain']}")
    for path in paths:
        said = read_name(path.stem)
        split = next(name for name, actors in ACTORS.items() if said["actor"] in actors)
        values = np.eye(len(EMOTIONS), dtype=np.float32)[EMOTIONS.index(said["emotion"])]
        yield Item(path.stem, split, f"ravdess-{said['actor']:02d}", path, said["sentence"], said["intensity"], values)
