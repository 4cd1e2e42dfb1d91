"""OpenFace: a row per face and picture, with head pose and action units."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from attune.errors import RecordingError
from attune.exports import _assemble, _files, _frames
from attune.exports._frames import OWN
from attune.taxonomy import taxonomy
from attune.types import SOMEONE, Recording

NAME, SUFFIX = "openface", ".csv"
FACTS = {
    "title": "OpenFace 2 table",
    "keeps": "intensities of action units (`AU01_r` ..., 0 to 5, as in the taxonomy facs), head pose, the tracker's confidence, people as face_id; "
             "Attune's own columns `attune.*` add names, exact times, boxes and landmarks",
    "loses": "action units where none were measured: the packaged face model measures none; every other estimate, voice, words and rows. Read from "
             "OpenFace: gaze, points beyond five landmarks and the box round all, presences (`AU01_c`), and AU45 (blink), which the taxonomy facs hasn't got",
    "readers": "py-feat (read_openface), R, pandas and every script made for OpenFace",
    "reference": "https://github.com/TadasBaltrusaitis/OpenFace/wiki/Output-Format",
}
MODEL = "openface"
UNIT = re.compile(r"AU(\d\d)_r(_projected)?")
FAILED = "the tracker failed"
TURNS = ("pose_Ry", "pose_Rx", "pose_Rz")               # yaw, pitch, roll; radians, with OpenFace's signs
PLAIN = ("frame", "face_id", "face", "timestamp", "confidence", "success", *TURNS)


def write(recording: Recording, path: Path) -> Path:
    units = next((e for e in recording if e.modality == "face" and e.taxonomy.name == "facs"), None)
    rows = units if units is not None else next((e for e in recording if e.modality == "face"), None)
    if rows is None or (units is None and not len(recording.faces)):
        raise RecordingError(f"{recording.source} has neither action units (face.facs) nor faces; an OpenFace table holds nothing else")
    rows = rows.where(np.lexsort((np.arange(len(rows)), rows.start)))
    people = list(dict.fromkeys(rows.person))
    times = {t: n for n, t in enumerate(np.unique(rows.start), 1)}
    out: dict[str, list[object]] = {
        "frame": [times[t] for t in rows.start], "face_id": [people.index(p) for p in rows.person], "timestamp": rows.start.tolist(),
        "confidence": [str(np.float32(q)) for q in rows.quality], "success": [int(not m) for m in rows.missing]}
    at = _frames.beside(rows, recording.faces)
    if (at >= 0).any():
        pose = np.deg2rad(np.concatenate([recording.faces.pose, np.full((1, 3), np.nan)])[at])
        out |= {name: pose[:, i].tolist() for i, name in enumerate(TURNS)}
    if units is not None:
        end = "_projected" if rows.projected else ""
        there = ~np.isnan(rows.values).all(axis=0)
        out |= {f"{label}_r{end}": list(rows.values[:, k]) for k, label in enumerate(rows.taxonomy.labels) if there[k]}
        out |= {f"{OWN}model": [rows.model] * len(rows), f"{OWN}projected": [rows.projected] * len(rows)}
    return _files.put(path, _frames.table(out | _frames.own_columns(recording, rows)))


def read(path: Path) -> Recording:
    columns = _frames.columns_of(path, "an OpenFace table", lambda c: c in PLAIN or bool(UNIT.fullmatch(c)) or bool(re.fullmatch(r"[xy]_\d+", c)))
    if "confidence" not in columns:
        raise RecordingError(f"{path.name} has the columns {', '.join(list(columns)[:5])!r}; expected those of OpenFace, with confidence among them")
    n = len(columns["confidence"])
    notes = []
    if "timestamp" not in columns:
        notes.append(f"the table has no timestamps: {'pictures are counted at 30 per second' if 'frame' in columns else 'it is of one picture'}")
    times = columns.get("timestamp", (columns["frame"] - 1) / _frames.RATE if "frame" in columns else np.zeros(n))
    _frames.checked_times(path, times)
    start, end = _frames.stretches(columns, times)
    number = np.asarray(columns.get("face_id", columns.get("face", np.zeros(n))))
    people = [p or SOMEONE for p in columns[f"{OWN}person"]] if f"{OWN}person" in columns else [f"person {int(i) + 1}" for i in np.nan_to_num(number)]
    found = columns.get("success", np.ones(n)) > 0
    labels = taxonomy("facs")
    units = {m[0]: m for c in columns if (m := UNIT.fullmatch(c))}
    values = np.full((n, len(labels)), np.nan, np.float32)
    left_out = []
    for column, match in units.items():
        label = f"AU{match[1]}"
        if label in labels.labels:
            values[:, labels.index(label)] = np.where(found, columns[column], np.nan)
        else:
            left_out.append(label)
    if left_out:
        notes.append(f"the taxonomy facs has no {', '.join(left_out)}: left out")
    if not units:
        notes.append("the table has no intensities of action units")
    beyond = int(((values < labels.range[0]) | (values > labels.range[1])).sum())
    if beyond:
        notes.append(f"{beyond} intensities lie outside 0 to 5; they are kept as they are")
    reason = np.where(found, "no action units in the table" if not units else "", FAILED)
    projected = next(iter(columns.get(f"{OWN}projected") or [""])) or ("not stated in the table" if any(m[2] for m in units.values()) else "")
    e = _frames.estimates_of(columns, values, start, end, people, columns["confidence"], list(reason), taxonomy=labels,
                             model=next(iter(columns.get(f"{OWN}model") or [MODEL])), projected=projected)
    box, landmarks = _frames.landmarks_of(columns, n)
    pose = np.rad2deg(np.stack([columns.get(c, np.full(n, np.nan)) for c in TURNS], axis=1))
    faces = _frames.faces_of(columns, times, found, people, box=box, landmarks=landmarks, score=columns["confidence"], pose=pose, quality=columns["confidence"])
    source = next(iter(columns.get(f"{OWN}source") or [path.stem]))
    return _assemble.recording(source, [], [e], faces=faces, origin=f"OpenFace ({path.name})", notes=notes)


def mine(path: Path) -> bool:
    columns = _frames.head(path)
    return "confidence" in columns and ("success" in columns or "pose_Rx" in columns) and "FaceScore" not in columns
