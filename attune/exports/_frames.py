"""Tables with a row per face and picture, as OpenFace and Py-Feat write them.

What their formats have no column for (names, exact stretches of time, quality, boxes in OpenFace) stands in further columns that begin with
`attune.`; readers that go by name don't notice, and ours prefers them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

from attune import export
from attune.errors import RecordingError
from attune.exports import _files
from attune.types import SOMEONE, Estimates, Faces, Recording, Segment

OWN = "attune."
TEXTS = ("input", "approx_time", "Identity", f"{OWN}person", f"{OWN}reason", f"{OWN}source", f"{OWN}model", f"{OWN}projected")
NOT_NUMBERS = ["", "nan", "NaN", "NA", "-nan", "-nan(ind)", "nan(ind)", "None", "null", "inf", "-inf"]
RATE = 30.0                              # pictures per second, where a table doesn't say
PICTURE = 1 / RATE                       # s; how long a single picture is shown

# The 68 points of the iBUG scheme, from 0: the eye on the left of the picture is the person's right one
LEFT_EYE, RIGHT_EYE, NOSE, MOUTH_LEFT, MOUTH_RIGHT = range(36, 42), range(42, 48), 30, 48, 54
POINTS = 68

Columns = dict[str, Any]


def columns_of(path: Path, what: str, wanted: Callable[[str], bool]) -> Columns:
    """Columns by name, stripped of blanks: numbers as float64 with NaN, those in TEXTS as lists of str."""
    data = _files.data_of(path, what)
    try:
        first = _files.decoded(data.split(b"\n", 1)[0])
        header = [c.strip() for c in next(csv.reader([first]))]
        keep = [c for c in dict.fromkeys(header) if c and (wanted(c) or c.startswith(OWN))]
        unique = [c if header.index(c) == i and c else f"\x00{i}" for i, c in enumerate(header)]
        table = pyarrow.csv.read_csv(
            io.BytesIO(data), read_options=pyarrow.csv.ReadOptions(column_names=unique, skip_rows=1),
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(
                include_columns=keep, null_values=NOT_NUMBERS, column_types={c: pa.string() if c in TEXTS else pa.float64() for c in keep}))
    except (pa.ArrowException, csv.Error, UnicodeDecodeError, StopIteration) as error:
        raise RecordingError(f"{path.name} is no whole table ({str(error).splitlines()[0] if str(error) else 'no header'}); expected {what}") from error
    return {c: table[c].to_pylist() if c in TEXTS else table[c].to_numpy().astype(np.float64) for c in keep}


def head(path: Path) -> list[str]:
    """The names of a CSV file's columns, as far as a glance shows them."""
    first = _files.glance(path).split("\n", 1)[0].replace('"', "")
    return [c.strip() for c in first.split(",")]


def stretches(columns: Columns, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Start and end of each row: a picture lasts as long as the step between pictures usually is."""
    if f"{OWN}start" in columns:
        return columns[f"{OWN}start"], columns[f"{OWN}end"]
    steps = np.diff(np.unique(times[~np.isnan(times)]))
    return times, times + (float(np.median(steps)) if len(steps) else PICTURE)


def checked_times(path: Path, times: np.ndarray) -> np.ndarray:
    if not len(times):
        raise RecordingError(f"{path.name} has a header but no rows; expected a row per picture")
    bad = np.flatnonzero(~np.isfinite(times) | (times < 0))
    if len(bad):
        raise RecordingError(f"{path.name} row {bad[0] + 2} has no time; expected a number of the picture or seconds from 0")
    return times


def estimates_of(
    columns: Columns, values: np.ndarray, start: np.ndarray, end: np.ndarray, people: Sequence[str], quality: np.ndarray, reason: Sequence[str], **about: Any
) -> Estimates:
    """One set on all rows of the table."""
    own = columns.get(f"{OWN}reason")
    why = [w or "" for w in own] if own else list(reason)
    empty = np.isnan(values).all(axis=1)
    why = [(w or "not in the table") if missing else "" for w, missing in zip(why, empty, strict=True)]
    rows = [Segment(float(a), float(b), p) for a, b, p in zip(start, end, people, strict=True)]
    return Estimates.of(rows, values, modality="face", quality=columns.get(f"{OWN}quality", quality), reason=why, **about)


def landmarks_of(columns: Columns, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """(box (n, 4), five landmarks (n, 5, 2)) from the 68 points; NaN without them."""
    if not all(f"{axis}_{i}" in columns for axis in "xy" for i in range(POINTS)):
        return np.full((rows, 4), np.nan), np.full((rows, 5, 2), np.nan)
    points = np.stack([np.stack([columns[f"{axis}_{i}"] for i in range(POINTS)], axis=1) for axis in "xy"], axis=2)        # (n, 68, 2)
    box = np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)
    eyes = [points[:, eye].mean(axis=1) for eye in (LEFT_EYE, RIGHT_EYE)]
    return box, np.stack([*eyes, points[:, NOSE], points[:, MOUTH_LEFT], points[:, MOUTH_RIGHT]], axis=1)


def faces_of(
    columns: Columns, times: np.ndarray, found: np.ndarray, people: Sequence[str], *, box: np.ndarray, landmarks: np.ndarray, score: np.ndarray,
    pose: np.ndarray, quality: np.ndarray,
) -> Faces:
    """Faces of the rows in which one was found; tracks are the people, by order."""
    own = [c for c in columns if c.startswith(f"{OWN}face.")]
    if own:
        there = ~np.isnan(columns[f"{OWN}face.time"])
        table = pa.table({c.removeprefix(f"{OWN}face."): columns[c][there].astype(np.int64 if c.endswith(".track") else np.float64) for c in own})
        return export.faces_of(table)
    names = list(dict.fromkeys(people))
    track = np.array([-1 if p == SOMEONE else names.index(p) for p in people], np.int64)
    n = len(times)
    return Faces(times[found], box[found], landmarks[found], score[found], track[found], pose[found], np.full(n, np.nan)[found], quality[found])


def own_columns(recording: Recording, e: Estimates) -> dict[str, list[Any]]:
    """The further columns, for the rows of a set."""
    out: dict[str, list[Any]] = {
        f"{OWN}person": e.person.tolist(), f"{OWN}start": e.start.tolist(), f"{OWN}end": e.end.tolist(),
        f"{OWN}quality": [str(np.float32(q)) for q in e.quality], f"{OWN}reason": e.reason.tolist(), f"{OWN}source": [recording.source] * len(e)}
    at = beside(e, recording.faces)
    table = export.faces_table(recording.faces).to_pydict()
    return out | {f"{OWN}face.{name}": [column[i] if i >= 0 else "" for i in at] for name, column in table.items()} if len(recording.faces) else out


def beside(e: Estimates, faces: Faces) -> np.ndarray:
    """(n,) for each row its face, -1 without one: row by row if there are as many, else by the picture they are of."""
    if len(e) == len(faces) and ((faces.time >= e.start - PICTURE) & (faces.time < e.end + PICTURE)).all():
        return np.arange(len(e))
    out = np.full(len(e), -1)
    order = np.argsort(faces.time, kind="stable")
    times, missing = faces.time[order], e.missing
    for start in np.unique(e.start):
        rows = np.flatnonzero(e.start == start)
        here = order[np.searchsorted(times, start - 1e-9) : np.searchsorted(times, e.end[rows].max() - 1e-9)]
        seen = rows if len(rows) == len(here) else rows[~missing[rows]]
        if len(seen) == len(here):
            out[seen] = here
    return out


def on_rows(e: Estimates | None, rows: Estimates) -> np.ndarray | None:
    """(n, k) values of another set on the same rows (person and start); NaN where it has none."""
    if e is None:
        return None
    where = {(str(p), round(float(t), 6)): i for i, (p, t) in enumerate(zip(e.person, e.start, strict=True))}
    at = [where.get((str(p), round(float(t), 6)), -1) for p, t in zip(rows.person, rows.start, strict=True)]
    padded = np.concatenate([e.values, np.full((1, len(e.taxonomy)), np.nan, e.values.dtype)])
    return np.asarray(padded[at])


def table(columns: Mapping[str, Sequence[Any]]) -> str:
    """CSV with a header; NaN and None are empty."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow(["" if v is None or v != v else str(v) if isinstance(v, np.floating) else v for v in row])
    return out.getvalue()
