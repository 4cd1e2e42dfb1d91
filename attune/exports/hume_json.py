"""Hume v0: predictions of a batch job as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from attune.errors import RecordingError
from attune.exports import _files, _hume
from attune.types import Recording

NAME, SUFFIX = "hume_json", ".json"
FACTS = {
    "title": "Hume Expression Measurement v0, predictions as JSON",
    "keeps": _hume.KEEPS,
    "loses": _hume.LOSES,
    "readers": "notebooks and studies written for Hume's v0 (hume 0.13 for Python); archives of it are read, of batch jobs and single messages of streams",
    "reference": "Hume AI, Expression Measurement API v0 (ended 14 June 2026): batch, predictions",
}


def write(recording: Recording, path: Path) -> Path:
    file = _hume.file_of(recording)
    answer = [{"source": {"type": "file", "filename": recording.source, "content_type": None, "md5sum": None},
               "results": {"predictions": [file], "errors": []}, "error": None}]
    return _files.put(path, json.dumps(answer, ensure_ascii=False, separators=(",", ":"), allow_nan=False) + "\n")


def read(path: Path) -> Recording:
    found = list(read_all(path))
    if len(found) > 1:
        names = ", ".join(r.source for r in found[:4])
        raise RecordingError(f"{path.name} holds the predictions of {len(found)} files ({names} ...); read_all gives each, and so does `attune import`")
    return found[0]


def read_all(path: Path) -> Iterator[Recording]:
    text = _files.text_of(path, "predictions of Hume v0 as JSON")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecordingError(f"{path.name} is no whole JSON ({error}); expected predictions of Hume v0") from error
    files = _hume.files(data)
    if not files:
        failed = [str(d["error"]) for d in data if isinstance(d, dict) and d.get("error")] if isinstance(data, list) else []
        why = f"Hume reported: {failed[0]}" if failed else "expected the answer of a batch job of Hume v0"
        raise RecordingError(f"{path.name} holds no predictions; {why}")
    for file in files:
        yield _hume.recording(file, origin=f"Hume v0 ({path.name})")


def mine(path: Path) -> bool:
    head = _files.glance(path)
    told = any(f'"{word}"' in head for word in ("grouped_predictions", "emotions", "predictions"))
    return head.lstrip()[:1] in ("[", "{") and told and '"attune_recording"' not in head
