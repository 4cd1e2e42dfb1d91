"""RAVDESS: 24 North American actors say and sing two sentences in eight emotions and two intensities.

A file's name says everything: modality-channel-emotion-intensity-sentence-repetition-actor, `03-01-05-01-02-01-12.wav`
being audio only, speech, angry, normal, "Dogs are sitting by the door", first time, actor 12 (a woman: even number).
`items` finds the names wherever they lie below a folder. Action units that OpenFace saw in the films, averaged by clip, are
taken from `openface_au_clip_mean.csv` if that is there: columns clip, then 17 intensities (0-5) and 18 presences (0-1).

    >>> read_name("03-01-05-01-02-01-12")["emotion"]
    'angry'
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np

from attune.datasets import FILMS, SOUNDS, Item, media, missing, one_hot, rows
from attune.errors import AttuneError

FACTS: dict[str, Any] = {
    "title": "Ryerson Audio-Visual Database of Emotional Speech and Song",
    "citation": (
        "Livingstone, S. R., & Russo, F. A. (2018). The Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS): A dynamic, "
        "multimodal set of facial and vocal expressions in North American English. PLoS ONE 13(5), e0196391. "
        "doi:10.1371/journal.pone.0196391"
    ),
    "license": "CC BY-NC-SA 4.0; the authors sell commercial licences",
    "license_class": "non-commercial",
    "obtain": "Audio_Speech_Actors_01-24.zip of zenodo.org/records/1188976, unpacked: Actor_01 ... Actor_24; song and films are there, too",
    "taxonomy": "ravdess8",
    "modalities": ("voice", "face"),
    "languages": ("en",),
    "splits": {"train": "actors 1-16", "dev": "actors 17-20", "test": "actors 21-24"},
    "speakers": "24, half of them women; the authors give no split, and this one is ours",
    "files": {"**/03-01-*.*": 1440, "**/03-02-*.*": None, "**/01-0[12]-*.mp4": None},
    "traps": (
        "About twelve times softer than other corpora, thirteen clips under rms .001: they are speech, not silence.",
        "Two sentences only: what a model knows about words is nothing. Neutral has no strong intensity, so half as many clips.",
        "Up to a second of silence before and after; its noise tells rooms and takes apart, not emotions.",
        "A few files are stereo. Emotion names are in the file name's third field; song (channel 02) has no disgust and no surprise.",
        "Actor 18 didn't sing: 1,012 songs, not 1,056. Sound, film and film without sound are of one take: they belong in one split.",
    ),
}

EMOTIONS = ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised")      # codes 01..08
SENTENCES = ("Kids are talking by the door", "Dogs are sitting by the door")
ACTORS = {"train": range(1, 17), "dev": range(17, 21), "test": range(21, 25)}
MODALITIES = {"both": "01", "face": "02", "voice": "03"}
CHANNELS = {"speech": "01", "song": "02", "both": "0[12]"}
SUNG = EMOTIONS[:6]


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


def items(
    root: str | Path, channel: Literal["speech", "song", "both"] = "speech", *, modality: Literal["voice", "face", "both"] = "voice"
) -> Iterator[Item]:
    """Clips by actor and name: sounds, films without sound ("face") or films with sound ("both").

    Songs have NaN for disgust and surprised, which nobody sang. `features` has "au" (35,) where the table of action units has
    the clip.

    Raises
    ------
    MediaError
        If there is no such clip below `root`.
    """
    root = Path(root)
    pattern = f"{MODALITIES[modality]}-{CHANNELS[channel]}-*"
    paths = sorted(media(root, pattern, SOUNDS if modality == "voice" else FILMS), key=lambda p: (p.stem[-2:], p.stem))
    if not paths:
        raise missing(root, f"{pattern} (sound or film)", FACTS)
    units = _units(root)
    for path in paths:
        said = read_name(path.stem)
        split = next(name for name, actors in ACTORS.items() if said["actor"] in actors)
        seen = units.get(path.stem[3:])
        values = one_hot("ravdess8", said["emotion"], SUNG if said["channel"] == 2 else EMOTIONS)
        yield Item(
            path.stem, split, f"ravdess-{said['actor']:02d}", values, path, text=said["sentence"],
            features={} if seen is None else {"au": seen},
            about={"sex": said["sex"], "intensity": said["intensity"], "sentence": said["sentence"], "language": "en"},
        )


def _units(root: Path) -> dict[str, np.ndarray]:
    """The name of a clip without its modality -> (35,) means of action units."""
    table = root / "openface_au_clip_mean.csv"
    if not table.is_file():
        return {}
    return {
        row["clip"][3:]: np.array([float(value) for name, value in row.items() if name.startswith("AU")], np.float32) for row in rows(table)
    }
