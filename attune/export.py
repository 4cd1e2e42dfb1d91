"""Recordings to files and back: Parquet by default, CSV and JSON for those who want them.

A recording is a folder:

    table.parquet        a row per segment and person: words, every modality's estimates aligned, the fused ones
    estimates/*.parquet  each model's estimates on their own grid; each file says its taxonomy, model and projection
    faces.parquet        boxes, landmarks, tracks, pose, sharpness
    recording.json       source, settings, versions, notes, segments with words
    portraits/*.jpg      one small picture per person, unless they were refused

While a run is under way `partial/` collects what is finished; `open` reads that too, and says that it is not the whole.
Columns of projected labels end in `_projected`.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from attune.align import align
from attune.errors import MissingExtra, RecordingError, UnknownName, unknown
from attune.taxonomy import Taxonomy, taxonomy
from attune.types import Estimates, Faces, Recording, Segment

VERSION = 1
FORMATS = ("parquet", "csv", "json")
MISSING = {"face": "no face", "voice": "no speech", "text": "no words", "fused": "nothing measured"}


# ---- tables -----------------------------------------------------------------------------------------------------------------

def table(recording: Recording) -> pa.Table:
    """The time-aligned table: a row per segment and person, columns by modality, taxonomy and label.

    start, end (s) · kind · person · text · then for each set of estimates `face.ferplus8.happiness` ..., and for each modality
    `face.quality` (0..1) and `face.reason` (why it is missing, else empty) · `fused.from`: the modalities that carried the row.
    """
    rows = recording.segments
    columns: dict[str, Any] = {
        "start": np.array([s.start for s in rows], np.float64), "end": np.array([s.end for s in rows], np.float64),
        "kind": pa.array([s.kind for s in rows], pa.string()), "person": pa.array([s.person for s in rows], pa.string()),
        "text": pa.array([s.text for s in rows], pa.string()),
    }
    carried: dict[str, np.ndarray] = {}
    for e in recording.estimates:
        on_rows = e if e.modality == "fused" else align(e, rows, missing=MISSING[e.modality])
        if e.modality != "fused":
            carried[e.modality] = carried.get(e.modality, False) | ~on_rows.missing
        columns |= {f"{e.name}.{c}": v for c, v in _labels(on_rows).items()}
        columns.setdefault(f"{e.modality}.quality", on_rows.quality.astype(np.float32))
        columns.setdefault(f"{e.modality}.reason", pa.array(on_rows.reason.tolist(), pa.string()))
    columns["fused.from"] = pa.array(["+".join(m for m, there in carried.items() if there[i]) for i in range(len(rows))], pa.string())
    return pa.table(columns)


def to_frame(recording: Recording) -> Any:
    """The table as a pandas DataFrame; `MissingExtra` without pandas."""
    try:
        import pandas  # noqa: F401
    except ImportError as error:
        raise MissingExtra("this needs pandas: pip install pandas; export.table(recording) gives a pyarrow table without it") from error
    return table(recording).to_pandas()


def estimates_table(e: Estimates) -> pa.Table:
    """Estimates as a table that says what they are in its metadata; `estimates_of` is the way back."""
    facts = {"taxonomy": e.taxonomy.name, "labels": e.taxonomy.labels, "kind": e.taxonomy.kind, "range": e.taxonomy.range,
             "modality": e.modality, "model": e.model, "projected": e.projected}
    columns = {"start": e.start, "end": e.end, "person": pa.array(e.person.tolist(), pa.string()), **_labels(e),
               "quality": e.quality, "reason": pa.array(e.reason.tolist(), pa.string())}
    if e.spread is not None:
        columns |= {f"{label}.spread": e.spread[:, i] for i, label in enumerate(e.taxonomy.labels)}
    return pa.table(columns).replace_schema_metadata({"attune": json.dumps(facts)})


def estimates_of(t: pa.Table) -> Estimates:
    """Estimates from the table that `estimates_table` made."""
    facts = json.loads(t.schema.metadata[b"attune"])
    try:
        names = taxonomy(facts["taxonomy"])
    except UnknownName:
        names = Taxonomy(facts["taxonomy"], tuple(facts["labels"]), facts["kind"], tuple(facts["range"]), reference="as recorded")
    suffix = "_projected" if facts["projected"] else ""

    def matrix(tail: str) -> np.ndarray:
        return np.stack([t[f"{label}{tail}"].to_numpy() for label in facts["labels"]], axis=1).astype(np.float32)

    return Estimates(
        start=t["start"].to_numpy(), end=t["end"].to_numpy(), values=matrix(suffix), taxonomy=names, modality=facts["modality"],
        model=facts["model"], person=np.array(t["person"].to_pylist(), object), quality=t["quality"].to_numpy(),
        reason=np.array(t["reason"].to_pylist(), object), spread=matrix(".spread") if f"{facts['labels'][0]}.spread" in t.column_names else None,
        projected=facts["projected"],
    )


def faces_table(faces: Faces) -> pa.Table:
    """Faces as a table: time, x1 y1 x2 y2, five landmarks, score, track, yaw pitch roll, sharpness, quality."""
    columns: dict[str, Any] = {"time": faces.time}
    columns |= {name: faces.box[:, i] for i, name in enumerate(("x1", "y1", "x2", "y2"))}
    for i, point in enumerate(LANDMARKS):
        columns |= {f"{point}.x": faces.landmarks[:, i, 0], f"{point}.y": faces.landmarks[:, i, 1]}
    columns |= {"score": faces.score, "track": faces.track}
    columns |= {name: faces.pose[:, i] for i, name in enumerate(("yaw", "pitch", "roll"))}
    return pa.table(columns | {"sharpness": faces.sharpness, "quality": faces.quality})


def faces_of(t: pa.Table) -> Faces:
    """Faces from the table that `faces_table` made."""
    def stack(names: Iterable[str]) -> np.ndarray:
        return np.stack([t[name].to_numpy() for name in names], axis=1)

    points = stack(f"{point}.{axis}" for point in LANDMARKS for axis in "xy").reshape(-1, len(LANDMARKS), 2)
    return Faces(time=t["time"].to_numpy(), box=stack(("x1", "y1", "x2", "y2")), landmarks=points, pose=stack(("yaw", "pitch", "roll")),
                 **{name: t[name].to_numpy() for name in ("score", "track", "sharpness", "quality")})


LANDMARKS = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")


def _labels(e: Estimates) -> dict[str, np.ndarray]:
    suffix = "_projected" if e.projected else ""
    return {f"{label}{suffix}": np.ascontiguousarray(e.values[:, i]) for i, label in enumerate(e.taxonomy.labels)}


# ---- folders ----------------------------------------------------------------------------------------------------------------

def write(recording: Recording, folder: str | Path, formats: Sequence[str] = ("parquet",)) -> Path:
    """Write a recording's folder, and return it.

    `formats` chooses how the table is written, any of parquet, csv, json; what the models said is always kept as Parquet.
    """
    folder = Path(folder)
    for wanted in formats:
        if wanted not in FORMATS:
            raise unknown("format", wanted, FORMATS)
    (folder / "estimates").mkdir(parents=True, exist_ok=True)
    for e in recording.estimates:
        _parquet(estimates_table(e), folder / "estimates" / f"{e.name}.parquet")
    _parquet(faces_table(recording.faces), folder / "faces.parquet")
    rows = table(recording)
    if "parquet" in formats:
        _parquet(rows, folder / "table.parquet")
    if "csv" in formats:
        pyarrow.csv.write_csv(_nan_to_null(rows), folder / "table.csv")
    if "json" in formats:
        _text(folder / "table.json", [json.dumps(_nan_to_null(rows).to_pylist(), ensure_ascii=False, indent=1)])
    portraits = {}
    if recording.portraits:
        (folder / "portraits").mkdir(exist_ok=True)
    for i, (person, jpeg) in enumerate(recording.portraits.items(), start=1):
        portraits[person] = f"{i}.jpg"
        (folder / "portraits" / portraits[person]).write_bytes(jpeg)
    facts = {"attune_recording": VERSION, "source": recording.source, "duration": recording.duration, "media": recording.media,
             "notes": recording.notes, "settings": recording.settings, "versions": recording.versions, "portraits": portraits,
             "estimates": [e.name for e in recording.estimates]}
    shutil.rmtree(folder / "partial", ignore_errors=True)
    _text(folder / "recording.json", _json(facts, "segments", (_segment_out(s) for s in recording.segments)))
    return folder


def read(folder: str | Path) -> Recording:
    """The recording in a folder; of an unfinished one, what is there, with a note that says so.

    Raises
    ------
    RecordingError
        If the folder holds none, or a damaged one.
    """
    folder = Path(folder)
    file = folder / "recording.json"
    if not file.is_file():
        return _unfinished(folder)
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
        return Recording(
            source=facts["source"], duration=facts["duration"], segments=tuple(_segment_in(s) for s in facts["segments"]),
            faces=faces_of(pq.read_table(folder / "faces.parquet")),
            estimates=tuple(estimates_of(pq.read_table(folder / "estimates" / f"{name}.parquet")) for name in facts["estimates"]),
            settings=facts["settings"], versions=facts["versions"], notes=tuple(facts["notes"]), media=facts["media"],
            portraits={p: (folder / "portraits" / name).read_bytes() for p, name in facts["portraits"].items()},
        )
    except (OSError, KeyError, TypeError, ValueError, pa.ArrowException) as error:
        raise RecordingError(f"{folder} holds a damaged recording ({error}); measure it again") from error


class Partial:
    """What a run has finished so far, in a folder, so that a crash or a power cut loses little."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "partial"
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.count = 0

    def add(self, e: Estimates) -> None:
        """Keep some more rows."""
        self.count += 1
        _parquet(estimates_table(e), self.folder / f"{e.name}-{self.count:06d}.parquet")


def _unfinished(folder: Path) -> Recording:
    parts = sorted((folder / "partial").glob("*.parquet"))
    if not parts:
        raise RecordingError(f"{folder} holds no recording; expected a folder that `attune measure` wrote, with recording.json in it")
    by_name: dict[str, list[Estimates]] = {}
    for part in parts:
        e = estimates_of(pq.read_table(part))
        by_name.setdefault(e.name, []).append(e)
    estimates = tuple(Estimates.join(pieces) for pieces in by_name.values())
    until = max((float(e.end.max()) for e in estimates if len(e)), default=0.0)
    note = f"unfinished: measuring stopped after {until:.1f} s, before the table was made; measure it again for the whole"
    return Recording(source=folder.name, duration=until, segments=(), faces=Faces.empty(), estimates=estimates, notes=(note,))


def _segment_out(s: Segment) -> dict[str, Any]:
    return {k: v for k, v in _facts(s).items() if v not in ("", [], None)}


def _facts(s: Segment) -> dict[str, Any]:
    """As `dataclasses.asdict`, which takes ten times as long."""
    return {**vars(s), "words": [_facts(word) for word in s.words]}


def _segment_in(data: dict[str, Any]) -> Segment:
    return Segment(**{**data, "words": tuple(_segment_in(w) for w in data.get("words", ()))})


def _plain(value: Any) -> Any:
    """JSON has no NaN, no tuples and no NumPy."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _json(facts: dict[str, Any], name: str, items: Iterable[Any]) -> Iterator[str]:
    """An object with a list as its last entry, an item a line, piece by piece: hours of words as one string would take tens of megabytes."""
    yield json.dumps(_plain(facts), ensure_ascii=False, indent=1).removesuffix("\n}") + f',\n "{name}": ['
    for i, item in enumerate(items):
        yield (",\n  " if i else "\n  ") + json.dumps(_plain(item), ensure_ascii=False)
    yield "\n ]\n}"


def _nan_to_null(t: pa.Table) -> pa.Table:
    columns = [pa.array(c.to_numpy(), from_pandas=True) if pa.types.is_floating(c.type) else c for c in t.columns]
    return pa.table(columns, names=t.column_names)


def _parquet(t: pa.Table, path: Path) -> None:
    """Write whole or not at all: a reader never sees half a file."""
    half = path.with_name(path.name + ".half")
    pq.write_table(t, half, compression="zstd")
    os.replace(half, path)
    pa.default_memory_pool().release_unused()          # else Arrow keeps it all for a next time


def _text(path: Path, pieces: Iterable[str]) -> None:
    half = path.with_name(path.name + ".half")
    with half.open("w", encoding="utf-8") as file:
        file.writelines(chain(pieces, ["\n"]))
    os.replace(half, path)
