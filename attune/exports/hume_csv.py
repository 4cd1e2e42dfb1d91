"""Hume v0: the tables in a batch job's artifacts, as they lie in the zip archive, in a folder, or one by one."""

from __future__ import annotations

import csv
import io
import math
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from attune.errors import RecordingError
from attune.exports import _files, _hume
from attune.taxonomy import names, taxonomy
from attune.types import Recording

NAME, SUFFIX = "hume_csv", ".zip"
FACTS = {
    "title": "Hume Expression Measurement v0, artifacts as CSV",
    "keeps": f"{_hume.KEEPS}; further sets of Attune in tables `attune_*.csv`",
    "loses": f"{_hume.LOSES}; names of models and crosswalks (a projected table's name ends in `_projected`)",
    "readers": "studies that used Hume's v0; archives of it are read. The columns of face.csv are those of published files; no published prosody.csv or "
               "language.csv was at hand, so their columns are read by name in any usual spelling",
    "reference": "Hume AI, Expression Measurement API v0 (ended 14 June 2026): batch, artifacts",
}
LARGEST = 2**30                          # bytes of one table, unpacked
PLACE = ("Frame", "Time", "Probability", "FaceX0", "FaceY0", "FaceWidth", "FaceHeight")
FIELDS = {                               # a column's name in small letters without signs -> the field of a prediction; "": not read
    **dict.fromkeys(("id", "faceid", "personid", "speakerid"), "id"), "frame": "frame", "time": "time",
    **dict.fromkeys(("probability", "prob", "faceprob"), "prob"), **dict.fromkeys(("facex0", "boxx"), "x"), **dict.fromkeys(("facey0", "boxy"), "y"),
    **dict.fromkeys(("facewidth", "boxwidth", "boxw"), "w"), **dict.fromkeys(("faceheight", "boxheight", "boxh"), "h"),
    **dict.fromkeys(("text", "word"), "text"), **dict.fromkeys(("begintime", "starttime", "timebegin", "begin", "start"), "begin"),
    **dict.fromkeys(("endtime", "timeend", "end"), "end"), "confidence": "confidence", "basis": "basis", "speakerconfidence": "speaker_confidence",
    **{name: name for name in ("quality", *taxonomy("vad").labels)},
    **dict.fromkeys(("beginposition", "endposition", "positionbegin", "positionend", "begincharacter", "endcharacter", "file", "source"), ""),
}
EXPRESSIONS = frozenset(taxonomy("hume53").labels)
KINDS = ("face", "facemesh", "prosody", "burst", "language", "ner")


def write(recording: Recording, path: Path) -> Path:
    """A zip archive with a table for each model."""
    out = io.BytesIO()
    folder = re.sub(r'[/\\:*?"<>|]', "_", recording.source) or "recording"
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, model in _hume.file_of(recording)["models"].items():
            own = key.startswith(_hume.FURTHER)
            name = f"attune_{key.removeprefix(_hume.FURTHER)}{'_projected' if model['metadata']['attune']['projected'] else ''}" if own else key
            archive.writestr(f"csv/{folder}/{name}.csv", _table(key, model))
    return _files.put(path, out.getvalue())


def read(path: Path) -> Recording:
    found = list(read_all(path))
    if len(found) > 1:
        names = ", ".join(r.source for r in found[:4])
        raise RecordingError(f"{path.name} holds the tables of {len(found)} files ({names} ...); read_all gives each, and so does `attune import`")
    return found[0]


def read_all(path: Path) -> Iterator[Recording]:
    sources: dict[str, dict[str, str]] = {}
    for place, text in _tables(path):
        kind = PurePosixPath(place).stem
        if text.strip() and _kind(kind):
            sources.setdefault(PurePosixPath(place).parent.name or path.stem, {})[kind] = text
    if not sources:
        raise RecordingError(f"{path.name} holds no table of Hume's; expected some of {', '.join(f'{k}.csv' for k in KINDS)}, in a zip archive or a folder")
    for name, tables in sources.items():
        models = {}
        for kind, text in tables.items():
            key, model = _model(kind, text, f"{name}/{kind}.csv")
            models[key] = model
        yield _hume.recording({"file": name, "models": models}, origin=f"Hume v0 ({path.name})")


def mine(path: Path) -> bool:
    if path.is_dir():
        return any(path.glob("**/face.csv")) or any(path.glob("**/prosody.csv")) or any(path.glob("**/language.csv")) or any(path.glob("**/burst.csv"))
    return (path.suffix.lower() == ".zip" and path.is_file()) or len(EXPRESSIONS & {c.strip() for c in _files.glance(path).split("\n", 1)[0].split(",")}) > 10


def _kind(name: str) -> str:
    """Hume's model, or a further set of Attune's, that a table's name tells; "" for another table."""
    if name.startswith("attune_"):
        return name
    return next((k for k in sorted(KINDS, key=len, reverse=True) if re.search(rf"(?:^|[^a-z]){k}(?:$|[^a-z])", name.lower())), "")


def _tables(path: Path) -> Iterator[tuple[str, str]]:
    """(place, text) of every CSV file; nothing is unpacked to a disk."""
    if path.is_dir():
        for file in sorted(path.glob("**/*.csv")):
            yield file.relative_to(path.parent).as_posix(), _files.text_of(file, "a table of Hume's")
        return
    data = _files.data_of(path, "a zip archive of Hume's artifacts, or one of its tables")
    if not data.startswith(b"PK"):
        text = _files.text_of(path, "a zip archive of Hume's artifacts, or one of its tables")
        kind = _kind(path.stem) or _guess(text)
        yield f"{path.stem}/{kind}.csv", text
        return
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for info in archive.infolist():
                if not info.filename.lower().endswith(".csv") or info.is_dir():
                    continue
                if info.file_size > LARGEST:
                    raise RecordingError(f"{path.name}: {info.filename} has {info.file_size / 2**20:,.0f} MB; expected at most {LARGEST // 2**20:,} MB")
                with archive.open(info) as table:
                    yield info.filename, _files.decoded(table.read(LARGEST))
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, OSError, UnicodeDecodeError, EOFError) as error:
        raise RecordingError(f"{path.name} is no whole zip archive ({error}); expected the artifacts of a batch job of Hume v0") from error


def _guess(text: str) -> str:
    """Of a table whose name says nothing: one with boxes is of faces, one with the language model's names of words."""
    header = {c.strip().strip('"') for c in text.split("\n", 1)[0].split(",")}
    return "face" if header & {"FaceX0", "BoxX", "Frame"} else "language" if header >= {"Annoyance", "Gratitude"} else "prosody"


def _model(kind: str, text: str, place: str) -> tuple[str, dict[str, Any]]:
    """A table as a model's predictions, in the shape they have in JSON."""
    own = kind.startswith("attune_")
    try:
        header, *rows = [r for r in csv.reader(io.StringIO(text, newline=""), strict=True) if r]
        fields = [FIELDS.get(re.sub(r"[^a-z0-9]", "", c.lower())) for c in header]
        if not own and not EXPRESSIONS & set(header):
            raise RecordingError(f"{place} has the columns {', '.join(header)[:80]!r}; expected Hume's, with expressions such as Admiration")
        if own:                           # valence is a label there, not a field beside the expressions
            fields = [None if f in taxonomy("vad").labels else f for f in fields]
        groups: dict[str, list[dict[str, Any]]] = {}
        for n, row in enumerate(rows, 2):
            if len(row) != len(header):
                raise RecordingError(f"{place} row {n} has {len(row)} cells, expected {len(header)}; it may be cut off")
            said = _prediction(header, fields, row, own=own)
            groups.setdefault(said.pop("id", ""), []).append(said)
    except (csv.Error, ValueError) as error:
        if isinstance(error, RecordingError):
            raise
        raise RecordingError(f"{place} can't be read ({error}); expected a table of Hume's") from error
    key, metadata = _kind(kind), None
    if own:
        metadata = {"attune": _about(kind, [c for c, f in zip(header, fields, strict=True) if f is None])}
        key = kind.removesuffix("_projected").replace("attune_", _hume.FURTHER, 1)
    return key, {"metadata": metadata, "grouped_predictions": [{"id": who, "predictions": said} for who, said in groups.items()]}


def _about(kind: str, labels: Sequence[str]) -> dict[str, Any]:
    """What a table of Attune's is of: its name says the taxonomy, or its labels do."""
    named = kind.removesuffix("_projected").rpartition(".")[2]
    known = next((n for n in ([named] if named in names() else names()) if set(labels) <= set(taxonomy(n).labels)), None)
    found = taxonomy(known) if known else None
    about = {"name": known or named, "labels": list(found.labels) if found else list(labels), "kind": found.kind if found else "multilabel",
             "range": list(found.range) if found else [0, 1]}
    return {"taxonomy": about, "projected": "not stated in the table" if kind.endswith("_projected") else ""}


def _prediction(header: Sequence[str], fields: Sequence[str | None], row: Sequence[str], *, own: bool) -> dict[str, Any]:
    said: dict[str, Any] = {}
    scores: dict[str, list[dict[str, Any]]] = {"emotions": [], "facs": [], "descriptions": [], "sentiment": [], "toxicity": []}
    for name, field, cell in zip(header, fields, row, strict=True):
        if field is None and cell.strip():
            scores["emotions" if own else _field(name)].append({"name": name.strip(), "score": float(cell)})
        elif field and cell.strip():
            said[field] = cell if field in ("id", "text", "basis") else float(cell)
    if {"x", "y", "w", "h"} <= set(said):
        said["box"] = {k: said[k] for k in "xywh"}
    if "time" not in said and "begin" in said:
        said["time"] = {"begin": said["begin"], "end": said.get("end", said["begin"])}
    if any(isinstance(v, float) and not math.isfinite(v) for v in said.values()):
        raise ValueError(f"a number that is none in {said!r:.80}")
    return said | {k: v for k, v in scores.items() if v}


def _field(name: str) -> str:
    if name.strip() in EXPRESSIONS:
        return "emotions"
    if re.match(r"AU\d+\b|Hand ", name):
        return "facs"
    if re.fullmatch(r"(?i)sentiment[ _]?\d|\d", name.strip()):
        return "sentiment"
    return "toxicity" if name.strip().lower() in _hume.TOXICITY.labels else "descriptions"


def _table(key: str, model: dict[str, Any]) -> str:
    own = key.startswith(_hume.FURTHER)
    labels = model["metadata"]["attune"]["taxonomy"]["labels"] if own else taxonomy("hume53" if key == "language" else "eee48").labels
    face = key == "face" or key.startswith(f"{_hume.FURTHER}face.")
    times = () if face and not own else ("BeginTime", "EndTime")
    columns = ["Id", *(PLACE if face else ("Text", "Confidence", "SpeakerConfidence")), *times, "Quality", *(() if own else ("Basis",)), *labels]
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow(columns)
    for group in model["grouped_predictions"]:
        for r in group["predictions"]:
            scores = {s["name"]: s["score"] for s in r["emotions"] if s.get("basis") != "unreached"}
            box = r.get("box") or {}
            place = [r["frame"], r["time"], r["prob"], *(box.get(k) for k in "xywh")] if face else [r["text"], r["confidence"], r["speaker_confidence"]]
            at = [] if not times else [r["begin"], r["end"]] if face else [r["time"]["begin"], r["time"]["end"]]
            basis = [] if own else [r["basis"]]
            table.writerow(["" if v is None else v for v in (group["id"], *place, *at, r["quality"], *basis, *(scores.get(label) for label in labels))])
    return out.getvalue()
