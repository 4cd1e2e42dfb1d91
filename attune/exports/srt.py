"""SubRip captions: the words, and beside them the expression."""

from __future__ import annotations

from pathlib import Path

from attune.exports import _captions
from attune.types import Recording

NAME, SUFFIX = "srt", ".srt"
FACTS = {
    "title": "SubRip captions", "keeps": _captions.KEEPS,
    "loses": f"{_captions.LOSES}; what looks like markup (<b>); a name is told by a colon",
    "readers": "every video player and editor",
    "reference": "no standard; as VLC and ffmpeg read it",
}


def write(recording: Recording, path: Path) -> Path:
    return _captions.write(recording, path, "srt")


def read(path: Path) -> Recording:
    return _captions.read(path, "SubRip captions")


def mine(path: Path) -> bool:
    return path.suffix.lower() == ".srt" and path.is_file()
