"""JSON: a whole recording in one file."""

from __future__ import annotations

import json
from pathlib import Path

from attune.errors import RecordingError
from attune.exports import _files, _whole
from attune.types import Recording

NAME, SUFFIX = "json", ".json"
FACTS = {
    "title": "JSON, the whole recording in one file",
    "keeps": "everything: rows, words, each model's estimates on their own grid, faces, settings, versions, notes, portraits",
    "loses": "nothing",
    "readers": "any programming language",
    "reference": "RFC 8259; the names are those of attune.types",
}


def write(recording: Recording, path: Path) -> Path:
    return _files.put(path, json.dumps(_whole.plain(recording), ensure_ascii=False, separators=(",", ":"), allow_nan=False) + "\n")


def read(path: Path) -> Recording:
    text = _files.text_of(path, "a recording as JSON")
    try:
        return _whole.whole(json.loads(text))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise RecordingError(f"{path.name} is no recording that `attune export --as json` wrote, or a damaged one ({type(error).__name__}: {error})") from error


def mine(path: Path) -> bool:
    return '"attune_recording"' in _files.glance(path) and path.suffix.lower() != ".yaml"
