"""CSV: the time-aligned table, a row per segment and person."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pyarrow as pa
import pyarrow.csv

from attune import export
from attune.errors import RecordingError, UnknownName
from attune.exports import _files, _whole
from attune.taxonomy import taxonomy
from attune.types import Estimates, Faces, Kind, Recording, Segment

NAME, SUFFIX = "csv", ".csv"
FACTS = {
    "title": "CSV, the time-aligned table",
    "keeps": "the rows of the table (times, kind, person, words) with every model's and the fused values, quality and reasons; empty is missing; "
             "`_projected` marks labels that no model measured",
    "loses": "each model's own grid (values are means over the rows), names of models and crosswalks, spread, single words' times, faces, settings",
    "readers": "spreadsheets, R, SPSS, pandas",
    "reference": "RFC 4180, in UTF-8; the columns are those of attune.export.table",
}
FIRST = ["start", "end", "kind", "person", "text"]
COLUMN = re.compile(r"(face|voice|text|fused)\.([^.]+)\.(.+?)(_projected)?")
UNSTATED = "not stated in a CSV table"


def write(recording: Recording, path: Path) -> Path:
    table = export.table(recording)
    nulls = [pa.array(c.to_numpy(), from_pandas=True) if pa.types.is_floating(c.type) else c for c in table.columns]
    out = io.BytesIO()
    pyarrow.csv.write_csv(pa.table(nulls, names=table.column_names), out)
    return _files.put(path, out.getvalue())


def read(path: Path) -> Recording:
    text = _files.text_of(path, "a table that `attune export --as csv` wrote")
    try:
        header, *rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row]
    except (csv.Error, ValueError) as error:
        raise RecordingError(f"{path.name} is no CSV table ({error})") from error
    if header[: len(FIRST)] != FIRST:
        raise RecordingError(f"{path.name} begins with the columns {', '.join(header[:5])[:80]!r}; expected {', '.join(FIRST)}")
    for n, row in enumerate(rows, 2):
        if len(row) != len(header):
            raise RecordingError(f"{path.name} row {n} has {len(row)} cells, expected {len(header)}; the file may be cut off")
    columns = dict(zip(header, zip(*rows, strict=True) if rows else [()] * len(header), strict=True))
    try:
        segments = tuple(_segment(*cells) for cells in zip(*(columns[c] for c in FIRST), strict=True))
        estimates = tuple(_estimates(segments, columns, key, labels) for key, labels in _sets(header).items())
    except (KeyError, TypeError, ValueError) as error:
        raise RecordingError(f"{path.name} holds a cell that can't be read ({error})") from error
    duration = max((s.end for s in segments), default=0.0)
    return Recording(path.stem, duration, segments, Faces.empty(), estimates, notes=("read from a CSV table, in which models aren't named",))


def mine(path: Path) -> bool:
    return _files.glance(path).replace('"', "").startswith(",".join(FIRST))


def _segment(start: str, end: str, kind: Any, person: str, text: str) -> Segment:
    if kind not in get_args(Kind):
        raise ValueError(f"kind {kind!r}, expected one of {', '.join(get_args(Kind))}")
    return Segment(float(start), float(end), person, text, kind=kind)


def _sets(header: list[str]) -> dict[tuple[str, str, bool], list[str]]:
    """(modality, taxonomy, projected) -> labels."""
    found: dict[tuple[str, str, bool], list[str]] = {}
    for column in header:
        if match := COLUMN.fullmatch(column):
            modality, name, label, projected = match.groups()
            found.setdefault((modality, name, bool(projected)), []).append(label)
    return found


def _estimates(segments: tuple[Segment, ...], columns: dict[str, Any], key: tuple[str, str, bool], labels: list[str]) -> Estimates:
    modality, name, projected = key
    end = "_projected" if projected else ""
    values = np.array([[float(v or "nan") for v in columns[f"{modality}.{name}.{label}{end}"]] for label in labels], np.float32).T
    try:
        span = taxonomy(name).range
    except UnknownName:
        span = (0.0, 1.0)
    quality = [float(v or "nan") for v in columns[f"{modality}.quality"]]
    return Estimates.of(
        segments, values, taxonomy=_whole.taxonomy_of(name, labels, span=span), modality=modality, model=UNSTATED,  # type: ignore[arg-type]
        quality=np.array(quality, np.float32), reason=list(columns[f"{modality}.reason"]), projected=UNSTATED if projected else "")
