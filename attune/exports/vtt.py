"""WebVTT captions: the words, and beside them the expression."""

from __future__ import annotations

from pathlib import Path

from attune.exports import _captions, _files
from attune.types import Recording

NAME, SUFFIX = "vtt", ".vtt"
FACTS = {
    "title": "WebVTT captions", "keeps": _captions.KEEPS, "loses": _captions.LOSES, "readers": "browsers (<track>), VLC, video.js",
    "reference": "https://www.w3.org/TR/webvtt1/",
}


def write(recording: Recording, path: Path) -> Path:
    return _captions.write(recording, path, "vtt")


def read(path: Path) -> Recording:
    return _captions.read(path, "WebVTT captions")


def mine(path: Path) -> bool:
    return _files.glance(path).lstrip().startswith("WEBVTT")
