"""audformat: a database of one recording, a folder with a header and tables.

A table holds one person's rows (an index of audformat is unique): `segments-1`, `words-1`, `face.ferplus8-1` ... The header `db.yaml` is
written as JSON, which YAML includes.
"""

from __future__ import annotations

import csv
import importlib
import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from attune.errors import RecordingError
from attune.exports import _assemble, _files, _whole
from attune.types import Estimates, Faces, Recording, Segment

NAME, SUFFIX = "audformat", ""
FACTS = {
    "title": "audformat, a database of segmented tables",
    "keeps": "rows with people and kinds, words with times and confidence, every model's estimates on their own grid with quality, reasons and spread, notes",
    "loses": "times below a nanosecond, faces' places in the picture, portraits",
    "readers": "audformat, audb and the tools of audEERING; only databases that Attune wrote are read",
    "reference": "https://audeering.github.io/audformat/data-format.html",
}
HEADER = "db.yaml"
VIDEO = (".mp4", ".avi", ".mkv", ".mov", ".webm", ".flv", ".mpg")
TIME = re.compile(r"(\d+) days(?: (\d+):(\d+):(\d+(?:\.\d+)?))?")
Row = tuple[float, float, dict[str, Any]]


def write(recording: Recording, path: Path) -> Path:
    tables, rows = _tables(recording)
    schemes: dict[str, Any] = {name: {"dtype": "str"} for name in ("person", "kind", "text", "reason")}
    schemes |= {"confidence": {"dtype": "float"}, "quality": {"dtype": "float", "minimum": 0, "maximum": 1}, "segment": {"dtype": "int"},
                "spread": {"dtype": "float"}}
    for e in recording.estimates:
        low, high = e.taxonomy.range
        inside = not ((e.values < low) | (e.values > high)).any()
        bounds = {"minimum": low, "maximum": high} if inside else {}
        schemes[e.taxonomy.name] = {"dtype": "float", "description": e.taxonomy.title or e.taxonomy.name, **bounds}
    ending = Path(recording.source).suffix.lower()
    header = {
        "name": Path(recording.source).stem or "recording", "source": "attune export", "usage": "other", "languages": [],
        "description": "Measured expression of one recording; estimates of models, not ratings of people.",
        "media": {"recording": {"type": "video" if ending in VIDEO else "audio"} | ({"format": ending[1:]} if ending else {})},
        "raters": {m: {"type": "machine"} for m in dict.fromkeys(e.model for e in recording.estimates)}, "schemes": schemes, "tables": tables,
        "attune": {"source": recording.source, "duration": recording.duration, "notes": list(recording.notes), "settings": _whole.tidy(recording.settings),
                   "versions": _whole.tidy(recording.versions), "media": _whole.tidy(recording.media),
                   "sets": [{"taxonomy": _whole.taxonomy_out(e.taxonomy), "modality": e.modality, "model": e.model, "projected": e.projected,
                             "spread": e.spread is not None} for e in recording.estimates]},
    }
    for old in path.glob("db.*.csv"):
        old.unlink()
    for name, own in rows.items():
        _files.put(path / f"db.{name}.csv", _csv(recording.source, list(tables[name]["columns"]), own))
    _files.put(path / HEADER, json.dumps(header, ensure_ascii=False, indent=1) + "\n")
    return path


def read(path: Path) -> Recording:
    folder = path if path.is_dir() else path.parent
    header = _header(folder)
    facts = header.get("attune")
    if not isinstance(facts, dict):
        raise RecordingError(f"{folder.name} is an audformat database of somebody else; only those that Attune wrote are a recording")
    try:
        return _read(folder, header, facts)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise RecordingError(f"{folder.name} holds a damaged audformat database ({type(error).__name__}: {error})") from error


def mine(path: Path) -> bool:
    return (path / HEADER).is_file() or (path.name == HEADER and path.is_file())


# ---- tables -----------------------------------------------------------------------------------------------------------------

def _tables(recording: Recording) -> tuple[dict[str, Any], dict[str, list[Row]]]:
    """The header's tables, and their rows (start, end, cells)."""
    tables: dict[str, Any] = {}
    rows: dict[str, list[Row]] = {}

    def add(kind: str, about: dict[str, Any], columns: dict[str, Any], own: list[Row]) -> None:
        for unique in _unique(own):
            name = next(f"{kind}-{i}" for i in range(1, len(tables) + 2) if f"{kind}-{i}" not in tables)
            tables[name] = {"type": "segmented", "media_id": "recording", **about, "columns": columns}
            rows[name] = unique

    people = dict.fromkeys(s.person for s in recording.segments)
    for person in people:
        own = [(i, s) for i, s in enumerate(recording.segments) if s.person == person]
        add("segments", {"what": "segments", "person": person}, {c: {"scheme_id": c} for c in ("segment", "kind", "text", "confidence")},
            [(s.start, s.end, {"segment": i, "kind": s.kind, "text": s.text, "confidence": s.confidence}) for i, s in own])
        words = [(w.start, w.end, {"segment": i, "text": w.text, "confidence": w.confidence}) for i, s in own for w in s.words]
        if words:
            add("words", {"what": "words", "person": person}, {c: {"scheme_id": c} for c in ("segment", "text", "confidence")}, words)
    for index, e in enumerate(recording.estimates):
        labels = {label: {"scheme_id": e.taxonomy.name, "rater_id": e.model} for label in e.taxonomy.labels}
        columns: dict[str, Any] = labels | {"quality": {"scheme_id": "quality"}, "reason": {"scheme_id": "reason"}}
        if e.spread is not None:
            columns |= {f"{label}.spread": {"scheme_id": "spread"} for label in labels}
        cells = {label: _whole.numbers(e.values[:, k]) for k, label in enumerate(e.taxonomy.labels)}
        cells |= {"quality": _whole.numbers(e.quality.astype(np.float32)), "reason": e.reason.tolist()}
        if e.spread is not None:
            cells |= {f"{label}.spread": _whole.numbers(e.spread[:, k].astype(np.float32)) for k, label in enumerate(e.taxonomy.labels)}
        for person in dict.fromkeys(map(str, e.person)):
            at = np.flatnonzero(e.person == person)
            own_rows = [(float(e.start[i]), float(e.end[i]), {name: column[i] for name, column in cells.items()}) for i in at]
            add(e.name, {"what": "estimates", "set": index, "person": person, **({"projected": e.projected} if e.projected else {})}, columns, own_rows)
    return tables, rows


def _unique(rows: Sequence[Row]) -> list[list[Row]]:
    """Lists in which no stretch of time comes twice."""
    lists: list[list[Row]] = []
    count: dict[tuple[str, str], int] = {}
    for row in rows:
        key = _stamp(row[0]), _stamp(row[1])
        n = count[key] = count.get(key, 0) + 1
        if n > len(lists):
            lists.append([])
        lists[n - 1].append(row)
    return lists


def _csv(file: str, columns: list[str], rows: Sequence[Row]) -> str:
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(["file", "start", "end", *columns])
    for start, end, cells in rows:
        table.writerow([file, _stamp(start), _stamp(end), *("" if cells[c] is None else cells[c] for c in columns)])
    return out.getvalue()


def _stamp(seconds: float) -> str:
    """A duration as pandas writes it: 0 days 00:00:01.500000000."""
    ns = round(seconds * 1e9)
    minutes, ns = divmod(ns, 60 * 10**9)
    hours, minutes = divmod(minutes, 60)
    return f"{hours // 24} days {hours % 24:02d}:{minutes:02d}:{ns // 10**9:02d}.{ns % 10**9:09d}"


def _seconds(stamp: str) -> float:
    match = TIME.fullmatch(stamp)
    if match is None:
        raise ValueError(f"the time {stamp!r}, expected one like '0 days 00:00:01.500000000'")
    days, hours, minutes, seconds = match.groups(default="0")
    return (int(days) * 24 + int(hours)) * 3600 + int(minutes) * 60 + float(seconds)


# ---- back -------------------------------------------------------------------------------------------------------------------

def _header(folder: Path) -> dict[str, Any]:
    text = _files.text_of(folder / HEADER, f"the header {HEADER} of an audformat database")
    try:
        header = json.loads(text)
    except (ValueError, RecursionError) as error:
        try:                              # saved again by audformat, it is YAML proper
            header = importlib.import_module("yaml").safe_load(text)
        except ImportError:
            raise RecordingError(f"{HEADER} isn't as Attune wrote it ({error}); if audformat saved it again: pip install pyyaml") from error
        except Exception as broken:       # yaml.YAMLError, of a library that may not be there
            raise RecordingError(f"{HEADER} is no YAML ({str(broken).splitlines()[0]}); expected the header of an audformat database") from broken
    if not isinstance(header, dict) or not isinstance(header.get("tables"), dict):
        raise RecordingError(f"{HEADER} names no tables; expected the header of an audformat database")
    return header


def _read(folder: Path, header: dict[str, Any], facts: dict[str, Any]) -> Recording:
    segments: dict[int, Segment] = {}
    words: dict[int, list[Segment]] = {}
    sets: dict[int, list[tuple[float, float, str, dict[str, str]]]] = {i: [] for i in range(len(facts["sets"]))}
    for name, table in header["tables"].items():
        if "what" not in table:
            continue                      # somebody added it
        person = table["person"]
        for start, end, cells in _rows(folder / f"db.{name}.csv", list(table["columns"])):
            if table["what"] == "estimates":
                sets[table["set"]].append((start, end, person, cells))
                continue
            sure = float(cells["confidence"]) if cells["confidence"] else None
            if table["what"] == "words":
                words.setdefault(int(cells["segment"]), []).append(Segment(start, end, person, cells["text"], confidence=sure))
            else:
                segments[int(cells["segment"])] = Segment(start, end, person, cells["text"], kind=cells["kind"], confidence=sure)  # type: ignore[arg-type]
    rows = [Segment(s.start, s.end, s.person, s.text, tuple(words.get(i, ())), s.kind, s.confidence) for i, s in sorted(segments.items())]
    estimates = tuple(_estimates(about, sorted(sets[i], key=lambda r: (r[0], r[1]))) for i, about in enumerate(facts["sets"]))
    return _assemble.settled(Recording(
        facts["source"], float(facts["duration"]), tuple(rows), Faces.empty(), estimates, facts["settings"], facts["versions"], tuple(facts["notes"]),
        media=facts["media"]))


def _rows(path: Path, columns: list[str]) -> list[tuple[float, float, dict[str, str]]]:
    header, *rows = csv.reader(io.StringIO(_files.text_of(path, "a table of an audformat database (as CSV)"), newline=""))
    if header != ["file", "start", "end", *columns]:
        raise ValueError(f"{path.name} has the columns {', '.join(header)[:80]!r}, not those that {HEADER} names")
    for n, row in enumerate(rows, 2):
        if len(row) != len(header):
            raise ValueError(f"{path.name} row {n} has {len(row)} cells, expected {len(header)}")
    return [(_seconds(start), _seconds(end), dict(zip(columns, cells, strict=True))) for _, start, end, *cells in rows]


def _estimates(about: dict[str, Any], rows: Sequence[tuple[float, float, str, dict[str, str]]]) -> Estimates:
    t = about["taxonomy"]
    labels = _whole.taxonomy_of(t["name"], t["labels"], t["kind"], t["range"])

    def matrix(end: str) -> np.ndarray:
        return np.array([[float(r[3][f"{label}{end}"] or "nan") for label in labels.labels] for r in rows], np.float32).reshape(-1, len(labels))

    return Estimates(
        np.array([r[0] for r in rows], np.float64), np.array([r[1] for r in rows], np.float64), matrix(""), labels, about["modality"], about["model"],
        np.array([r[2] for r in rows], object), np.array([float(r[3]["quality"] or "nan") for r in rows], np.float32),
        np.array([r[3]["reason"] for r in rows], object), matrix(".spread") if about["spread"] else None, about["projected"])
