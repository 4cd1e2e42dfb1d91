"""Py-Feat: a Fex table, a row per face and picture with action units, emotions and pose."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from attune.errors import RecordingError
from attune.exports import _assemble, _files, _frames
from attune.exports._frames import OWN
from attune.taxonomy import taxonomy
from attune.types import PRESENCE, SOMEONE, Estimates, Recording

NAME, SUFFIX = "fex", ".csv"
FACTS = {
    "title": "Py-Feat Fex table",
    "keeps": "boxes, detector's score, pose in degrees, emotions (with contempt as an eighth column where the model has it), valence and arousal, "
             "action units; labels that no model measured end in `_projected`; Attune's own columns `attune.*` add exact times, quality and landmarks",
    "loses": "voice, words, rows and fused labels; dominance; of Py-Feat's 68 points all but five",
    "readers": "py-feat (read_feat), pandas",
    "reference": "Cheong et al. (2023), Py-Feat, Affective Science 4; feat/data.py",
}
MODEL = "py-feat"
UNIT = re.compile(r"AU(\d\d)(_r)?(_projected)?")
BASIC = {"anger": "anger", "disgust": "disgust", "fear": "fear", "happiness": "joy", "sadness": "sadness", "surprise": "surprise", "neutral": "neutral"}
AXES = ("valence", "arousal")
RECT = ("FaceRectX", "FaceRectY", "FaceRectWidth", "FaceRectHeight")
TURNS = ("Yaw", "Pitch", "Roll")
PLAIN = ("frame", "input", "approx_time", "Identity", "FaceScore", *RECT, *TURNS)
RATES = (12.0, 15.0, 24000 / 1001, 24.0, 25.0, 30000 / 1001, 30.0, 50.0, 60000 / 1001, 60.0)
LONG = 5                                 # s from which times in whole seconds tell the rate


def write(recording: Recording, path: Path) -> Path:
    face = [e for e in recording if e.modality == "face"]
    emotions = min((e for e in face if e.taxonomy.name in ("ferplus8", "ekman7")), key=lambda e: bool(e.projected), default=None)
    units = next((e for e in face if e.taxonomy.name == "facs"), None)
    axes = next((e for e in face if e.taxonomy.name == "vad"), None)
    rows = next((e for e in (emotions, units, axes) if e is not None), None)
    if rows is None:
        raise RecordingError(f"{recording.source} has no emotions, action units or valence of a face; a Fex table holds nothing else")
    rows = rows.where(np.lexsort((np.arange(len(rows)), rows.start)))
    at = _frames.beside(rows, recording.faces)
    faces = recording.faces
    rate = float((recording.media.get("video") or {}).get("fps") or _frames.RATE)
    out: dict[str, Any] = {"frame": [round(t * rate) for t in rows.start]}
    if (at >= 0).any():
        x1, y1, x2, y2 = np.concatenate([faces.box, np.full((1, 4), np.nan)])[at].T
        pose = np.concatenate([faces.pose, np.full((1, 3), np.nan)])[at]
        out |= dict(zip(RECT, (x1, y1, x2 - x1, y2 - y1), strict=True)) | {"FaceScore": np.append(faces.score, np.nan)[at]}
        out |= {name: pose[:, i] for i, name in enumerate(TURNS)}
    for e, names in ((units, _unit_names(units)), (emotions, _emotion_names(emotions)), (axes, {name: name for name in AXES})):
        values = _frames.on_rows(e, rows)
        if e is not None and values is not None:
            end = "" if e.measured else "_projected"
            columns = {f"{name}{end}": values[:, e.taxonomy.index(label)] for name, label in names.items()}
            out |= {name: list(column) for name, column in columns.items() if not np.isnan(column).all()}
    out |= {"input": [recording.source] * len(rows), "Identity": rows.person.tolist(), f"{OWN}model": [rows.model] * len(rows)}
    return _files.put(path, _frames.table(out | _frames.own_columns(recording, rows)))


def read(path: Path, fps: float | None = None) -> Recording:
    """A Fex table; `fps` is the film's rate, which the table doesn't state."""
    names = {*PLAIN, *(f"{name}{end}" for name in (*BASIC, "contempt", *AXES) for end in ("", "_projected"))}
    columns = _frames.columns_of(path, "a Fex table of Py-Feat", lambda c: c in names or bool(UNIT.fullmatch(c)) or bool(re.fullmatch(r"[xy]_\d+", c)))
    told = "FaceScore" in columns or any(c.startswith("AU") for c in columns) or set(BASIC) & set(columns)
    if "frame" not in columns or not told:
        raise RecordingError(f"{path.name} has the columns {', '.join(list(columns)[:5])!r}; expected those of Py-Feat, with frame among them")
    inputs = list(dict.fromkeys(i for i in columns.get("input", []) if i))
    if len(inputs) > 1:
        shown = ", ".join(map(_stem, inputs[:3]))
        raise RecordingError(f"{path.name} is of {len(inputs)} films or pictures ({shown} ...); expected one; split it by its column input")
    notes = []
    n = len(columns["frame"])
    _frames.checked_times(path, columns["frame"])
    if f"{OWN}start" not in columns:
        rate, said = _rate(columns, fps)
        notes.append(said)
        times = columns["frame"] / rate
    else:
        times = columns[f"{OWN}start"]
    start, end = _frames.stretches(columns, times)
    names_given = columns.get(f"{OWN}person") or columns.get("Identity") or [SOMEONE] * n
    people, note = _assemble.one_person(times, [str(p or SOMEONE) for p in names_given])
    notes += [note] if note else []
    rect = np.stack([columns.get(c, np.full(n, np.nan)) for c in RECT], axis=1)
    score = columns.get("FaceScore", np.full(n, np.nan))
    found = ~np.isnan(rect).any(axis=1) if set(RECT) <= set(columns) else np.ones(n, bool)
    quality, reason = np.where(np.isnan(score), np.where(found, 1.0, 0.0), score), list(np.where(found, "", "no face"))
    sets = []
    for values, about in (_emotions(columns), _units(columns, notes), _axes(columns)):
        if values is not None:
            about["model"] = next(iter(columns.get(f"{OWN}model") or [MODEL]))
            sets.append(_frames.estimates_of(columns, values, start, end, people, quality, reason, **about))
    points, landmarks = _frames.landmarks_of(columns, n)
    box = np.concatenate([rect[:, :2], rect[:, :2] + rect[:, 2:]], axis=1) if set(RECT) <= set(columns) else points
    pose = np.stack([columns.get(c, np.full(n, np.nan)) for c in TURNS], axis=1)
    faces = _frames.faces_of(columns, times, found, people, box=box, landmarks=landmarks, score=score, pose=pose, quality=quality)
    source = next(iter(columns.get(f"{OWN}source") or [_stem(inputs[0]) if inputs else path.stem]))
    return _assemble.recording(source, [], sets, faces=faces, origin=f"Py-Feat ({path.name})", notes=notes)


def mine(path: Path) -> bool:
    columns = _frames.head(path)
    return "frame" in columns and ("FaceScore" in columns or {"AU01", "AU12"} <= set(columns) or set(BASIC) <= set(columns))


def _rate(columns: dict[str, Any], fps: float | None) -> tuple[float, str]:
    if fps is not None:
        return fps, f"times are numbers of pictures at {fps:g} per second, as was said"
    clock = np.array([_clock(t) for t in columns.get("approx_time", [])])
    frames = columns["frame"]
    if len(clock) == len(frames) and len(clock) and np.nanmax(clock, initial=0) >= LONG:
        late = clock >= LONG
        measured = float(np.median(frames[late] / (clock[late] + 0.5)))
        rate = min(RATES, key=lambda r: abs(r - measured))
        return rate, f"times are numbers of pictures at {rate:.5g} per second, the usual rate nearest to the table's approx_time"
    return _frames.RATE, f"the table doesn't say how many pictures a second has: {_frames.RATE:g} is assumed (--fps says better)"


def _clock(text: str | None) -> float:
    """Seconds of "01:05"."""
    try:
        return float(sum(float(part) * 60**i for i, part in enumerate(reversed((text or "x").split(":")))))
    except ValueError:
        return float("nan")


def _column(columns: dict[str, Any], name: str) -> tuple[np.ndarray | None, bool]:
    """A column, and whether it is marked as projected."""
    return (columns[name], False) if name in columns else (columns.get(f"{name}_projected"), True)


def _emotions(columns: dict[str, Any]) -> tuple[np.ndarray | None, dict[str, Any]]:
    found = {name: column for name in (*BASIC, "contempt") if (column := _column(columns, name)[0]) is not None}
    if not found:
        return None, {}
    eight = "contempt" in found
    labels = taxonomy("ferplus8" if eight else "ekman7")
    values = np.full((len(columns["frame"]), len(labels)), np.nan, np.float32)
    for name, column in found.items():
        values[:, labels.index(name if eight else BASIC[name])] = column
    marked = _column(columns, next(iter(found)))[1]
    return values, {"taxonomy": labels, "projected": "not stated in the table" if marked else ""}


def _units(columns: dict[str, Any], notes: list[str]) -> tuple[np.ndarray | None, dict[str, Any]]:
    """Action units as they are: intensities, or probabilities of presence, which are marked."""
    labels = taxonomy("facs")
    matches = [m for c in columns if (m := UNIT.fullmatch(c)) and f"AU{m[1]}" in labels.labels]
    intensities = [m for m in matches if m[2]]
    matches = intensities or matches
    if not matches:
        return None, {}
    values = np.full((len(columns["frame"]), len(labels)), np.nan, np.float32)
    for m in matches:
        values[:, labels.index(f"AU{m[1]}")] = columns[m[0]]
    if intensities or matches[0][3]:
        return values, {"taxonomy": labels, "projected": "not stated in the table" if matches[0][3] else ""}
    if np.nanmax(values, initial=0) > 1 or np.nanmin(values, initial=0) < 0:
        notes.append("action units lie outside 0 to 1: they are taken as intensities, as they are")
        return values, {"taxonomy": labels, "projected": ""}
    notes.append("action units are probabilities of presence (0 to 1), not intensities (0 to 5), and marked as such")
    return values, {"taxonomy": labels, "projected": PRESENCE}


def _axes(columns: dict[str, Any]) -> tuple[np.ndarray | None, dict[str, Any]]:
    found = {name: column for name in AXES if (column := _column(columns, name)[0]) is not None}
    if not found:
        return None, {}
    labels = taxonomy("vad")
    values = np.full((len(columns["frame"]), len(labels)), np.nan, np.float32)
    for name, column in found.items():
        values[:, labels.index(name)] = column
    return values, {"taxonomy": labels, "projected": "not stated in the table" if _column(columns, next(iter(found)))[1] else ""}


def _unit_names(e: Estimates | None) -> dict[str, str]:
    """Column -> label: `AU01` for a probability of presence, `AU01_r` for an intensity."""
    return {} if e is None else {label if e.projected == PRESENCE else f"{label}_r": label for label in e.taxonomy.labels}


def _emotion_names(e: Estimates | None) -> dict[str, str]:
    if e is None:
        return {}
    return {name: name for name in (*BASIC, "contempt")} if e.taxonomy.name == "ferplus8" else dict(BASIC)


def _stem(place: str) -> str:
    """A film's name without the folders of the machine it lay on."""
    return re.split(r"[/\\]", place)[-1]
