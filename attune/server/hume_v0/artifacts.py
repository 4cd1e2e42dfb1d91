"""A job's results as an archive of tables: `<part>-<source>/csv/<file>/<model>.csv`, a row a prediction, a column a name.

A name that nothing measures is an empty cell: here missing can be said.
"""

from __future__ import annotations

import csv
import io
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import IO, Any

from attune.server.config import MB
from attune.server.hume_v0.predicted import SPOKEN, WRITTEN
from attune.server.jobs.store import safe
from attune.taxonomy import taxonomy

COLUMNS = {
    "face": ("Id", "Frame", "Time", "Probability", "FaceX0", "FaceY0", "FaceWidth", "FaceHeight"),
    "prosody": ("Id", "Text", "BeginTime", "EndTime"), "burst": ("Id", "BeginTime", "EndTime"),
    "language": ("Id", "Text", "BeginPosition", "EndPosition", "BeginTime", "EndTime"),
}
BESIDE = {"Valence": "valence", "Arousal": "arousal", "Dominance": "dominance", "Quality": "quality"}


def archive(answer: Sequence[dict[str, Any]]) -> IO[bytes]:
    """The archive of what `predictions` answers, as an open file at its start."""
    out: IO[bytes] = tempfile.SpooledTemporaryFile(16 * MB)  # noqa: SIM115  (the caller sends and closes it)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as files:
        for n, one in enumerate(answer):
            source = one["source"]
            top = f"{n}-{safe(source.get('filename') or PurePosixPath(source.get('url', '')).name, source['type'])}"
            if one["error"]:
                files.writestr(f"{top}/error.txt", one["error"] + "\n")
                continue
            for prediction in one["results"]["predictions"]:
                for model, found in prediction["models"].items():
                    files.writestr(f"{top}/csv/{safe(prediction['file'], 'text')}/{model}.csv", table(model, found))
            if one["results"]["errors"]:
                files.writestr(f"{top}/errors.csv", _csv(("file", "message"), [(e["file"], e["message"]) for e in one["results"]["errors"]]))
    out.seek(0)
    return out


def table(model: str, found: dict[str, Any]) -> str:
    """One model's predictions as CSV."""
    names = taxonomy(WRITTEN if model == "language" else SPOKEN).labels
    rows = []
    for group in found["grouped_predictions"]:
        for p in group["predictions"]:
            scores = {e["name"]: e["score"] for e in p["emotions"] if e["basis"] != "unreached"}
            rows.append([*_place(model, group["id"], p), *(scores.get(name) for name in names), *(p.get(axis) for axis in BESIDE.values())])
    return _csv((*COLUMNS[model], *names, *BESIDE), rows)


def _place(model: str, group: str, p: dict[str, Any]) -> list[Any]:
    if model == "face":
        return [group, p["frame"], p["time"], p["prob"], *(p["box"][side] for side in "xywh")]
    time = p.get("time") or {}
    told = [group] if model == "burst" else [group, p.get("text")]
    place = [p["position"]["begin"], p["position"]["end"]] if model == "language" else []
    return [*told, *place, time.get("begin"), time.get("end")]


def _csv(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return out.getvalue()
