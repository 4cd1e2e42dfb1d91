"""Predictions of Hume's Expression Measurement v0 as Attune's nouns, and back; JSON and CSV share them.

A *file* is what its batch answer says of one source: `{"file": ..., "models": {"face": {"metadata": ..., "grouped_predictions": [...]}, ...}}`.
Names decide, never positions: archives list the expressions in several orders. What Attune measured is written twice: in Hume's names
(`face`, `prosody`, `language`), for programs made for v0, and beside them set by set as it is, under `attune:face.ferplus8` and the like, which
clients pass over. Reading prefers the latter. In Hume's names a score that a crosswalk gave has the basis "projected"; v0 has a number for
each name and no way of saying that one is missing, so a name that nothing leads to has score 0 and the basis "unreached".
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from attune.errors import RecordingError
from attune.exports import _assemble, _whole
from attune.exports._frames import beside
from attune.exports._tiers import with_words
from attune.fusion import project
from attune.taxonomy import Taxonomy, crosswalks, names, taxonomy
from attune.text import units
from attune.text.cues import needed
from attune.types import PRESENCE, SOMEONE, Estimates, Faces, Modality, Recording, Segment

KEEPS = ("each model's expressions by name on their own grid, who they are of, words with times, faces' boxes and probabilities, quality; "
         "of Hume's also action units, descriptions, sentiment and toxicity")
LOSES = ("pauses and who else was in view (rows and fused labels are made again), why a row is missing (it is left out), spread, head pose and landmarks, "
         "settings; of Hume's: named entities' links, positions of words in the text")
MODELS: dict[str, tuple[Modality, str]] = {               # Hume's name -> modality, taxonomy; the first of a modality is the one that is said
    "face": ("face", "eee48"), "prosody": ("voice", "eee48"), "language": ("text", "hume53"), "burst": ("voice", "eee48"), "facemesh": ("face", "eee48"),
    "ner": ("text", "hume53"),
}
OWN = {"face": "face", "voice": "prosody", "text": "language"}
FURTHER = "attune:"                      # before the name of a set as it was measured
SENTIMENT = Taxonomy("hume_sentiment9", tuple("123456789"), "exclusive", (0.0, 1.0), reference="Hume v0: from 1, negative, to 9, positive")
TOXICITY = Taxonomy("hume_toxicity6", ("toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"), "multilabel", (0.0, 1.0), reference="Hume v0")
PICTURE = 1 / 3                          # s; how long a single one stands for: Hume takes 3 a second unless asked otherwise
UNIT = re.compile(r"AU(\d+)\b.*")
NOBODY = ("unknown", "", None)


# ---- files ------------------------------------------------------------------------------------------------------------------

def files(data: Any) -> list[dict[str, Any]]:
    """Every file in an answer, wherever the answer was cut out from."""
    if isinstance(data, list):
        return [f for d in data for f in files(d)]
    if not isinstance(data, dict):
        return []
    if isinstance(data.get("models"), dict):
        return [data]
    if any(isinstance(data.get(k), dict) and ({"grouped_predictions", "predictions"} & set(data[k])) for k in MODELS):
        return [{"models": {k: v for k, v in data.items() if k in MODELS}}]          # one message of a stream
    results = data.get("results")
    inner = results if isinstance(results, dict) else data
    given = data.get("source")
    source = given if isinstance(given, dict) else {}
    said = [*_list(inner.get("errors")), *([data["error"]] if data.get("error") else [])]
    failed = [str(e.get("message", e)) if isinstance(e, dict) else str(e) for e in said]
    return [{"file": source.get("filename") or source.get("url"), **f, "errors": failed} for f in files(inner.get("predictions"))]


def recording(file: dict[str, Any], *, origin: str) -> Recording:
    """The recording that a file's predictions give; `RecordingError` if there are none, or they are broken."""
    name = re.split(r"[/\\]", str(file.get("file") or "hume"))[-1]
    notes = [f"Hume reported: {message}" for message in file.get("errors", [])]
    sets: list[Estimates] = []
    faces, spoken, untimed = Faces.empty(), list[Segment](), False
    own = [k for k in file["models"] if k.startswith(FURTHER)]
    for key in own or sorted(file["models"], key=lambda k: [*MODELS].index(k) if k in MODELS else len(MODELS)):
        model = file["models"][key]
        try:
            rows = list(_rows(model))
            if not rows:
                continue
            modality = MODELS[key][0] if key in MODELS else str(key).removeprefix(FURTHER).split(".")[0]
            if modality not in OWN:
                notes.append(f"predictions of {key!r} aren't read")
                continue
            stretches, estimated = _stretches(rows)
            order = sorted(range(len(rows)), key=lambda i: stretches[i])           # archives list them person by person
            rows, stretches = [rows[i] for i in order], [stretches[i] for i in order]
            untimed |= estimated
            if modality == "face":
                people, note = _assemble.one_person(np.array([s[0] for s in stretches]), [_person(r) for r in rows])
                notes += [note] if note else []
            else:
                people = [_person(r) for r in rows]
            segments = [Segment(a, b, p, str(r.get("text") or "").strip(), confidence=_number(r.get("confidence")))
                        for (a, b), p, r in zip(stretches, people, rows, strict=True)]
            sets += _sets(key, modality, model, rows, segments)
            role = OWN[modality] if own else key
            if role == "face" and not len(faces):
                faces = _faces(rows, segments)
            if role in ("prosody", "language") and any(s.text for s in segments):
                spoken = _utterances(spoken, segments, words=role == "language")
            elif role == "prosody" and not spoken:
                spoken = segments
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RecordingError(f"{name}: the predictions of {key!r} can't be read ({type(error).__name__}: {error})") from error
    if not sets:
        raise RecordingError(f"{name} holds no predictions" + (f"; {notes[0]}" if notes else "; expected some of face, prosody, burst or language"))
    if untimed:
        notes.append("the words have no times: they are laid one after the other, each as long as it takes to say")
    return _assemble.recording(name, [s for s in spoken if s.duration > 0], sets, faces=faces, origin=origin, notes=notes)


def _rows(model: Any) -> Iterator[dict[str, Any]]:
    """Predictions with their group's id: grouped as batch answers are, or flat as those of a stream."""
    if not isinstance(model, dict):
        return
    for group in _list(model.get("grouped_predictions")) or [{"predictions": model.get("predictions")}]:
        for row in _list(group.get("predictions")):
            yield {**row, "id": row.get("face_id", group.get("id"))}


def _stretches(rows: Sequence[dict[str, Any]]) -> tuple[list[tuple[float, float]], bool]:
    """Start and end of each row in seconds, and whether they are only estimates: written words have no times."""
    times = [r.get("time") for r in rows]
    if all(isinstance(t, dict) for t in times):
        found = [(_time(t["begin"]), _time(t["end"])) for t in times if isinstance(t, dict)]
        return [(a, max(a, b)) for a, b in found], False
    if all(isinstance(t, int | float) for t in times):
        starts = [_time(t) for t in times]
        steps = np.diff(np.unique(starts))
        step = float(np.median(steps)) if len(steps) else PICTURE
        return [(_time(r.get("begin", t)), _time(r.get("end", t + step))) for r, t in zip(rows, starts, strict=True)], False
    edges = np.concatenate([[0.0], np.cumsum([needed([str(r.get("text") or "")]) for r in rows])]).tolist()
    return list(pairwise(edges)), True


def _sets(key: str, modality: str, model: dict[str, Any], rows: Sequence[dict[str, Any]], segments: Sequence[Segment]) -> list[Estimates]:
    """The expressions of a model, and what else it says, each as a set."""
    metadata = model.get("metadata")
    facts = metadata.get("attune", {}) if isinstance(metadata, dict) else {}
    quality = np.array([q if (q := _number(r.get("quality"))) is not None else _sure(r) for r in rows], np.float32)

    def made(values: np.ndarray, t: Taxonomy, *, projected: str = "") -> Estimates:
        empty = np.isnan(values).all(axis=1)
        model_name = facts.get("model") or rows[0].get("model") or f"hume_v0_{key}"
        return Estimates.of(segments, values, taxonomy=t, modality=modality, model=model_name, quality=quality,  # type: ignore[arg-type]
                            reason=["nothing was said of it" if e else "" for e in empty], projected=projected)

    values, labels = _scores(rows, "emotions")
    out = []
    if labels:
        about = facts.get("taxonomy")
        known = _whole.taxonomy_of(about["name"], about["labels"], about["kind"], about["range"]) if about else _known(key, labels)
        out.append(made(_by_name(values, labels, known), known, projected=facts.get("projected") or _walk(rows)))
    for field, known in (("sentiment", SENTIMENT), ("toxicity", TOXICITY)):
        values, labels = _scores(rows, field)
        if labels:
            known = known if set(labels) <= set(known.labels) else _whole.taxonomy_of(f"hume_{field}", labels)
            out.append(made(_by_name(values, labels, known), known))
    values, labels = _scores(rows, "facs")
    if labels:
        out += _units(values, labels, made)
    axes = np.array([[v if (v := _number(r.get(axis))) is not None else math.nan for axis in taxonomy("vad").labels] for r in rows], np.float32)
    if not np.isnan(axes).all():          # a server of Attune's wrote it, and didn't say how it came to these
        out.append(made(axes, taxonomy("vad"), projected="not stated"))
    values, labels = _scores(rows, "descriptions")
    if labels:
        out.append(made(values, _whole.taxonomy_of(f"hume_{'descriptions' if key == 'face' else f'{key}_descriptions'}", labels)))
    return out


def _walk(rows: Sequence[dict[str, Any]]) -> str:
    """The crosswalk of scores that Attune projected, "" of any others."""
    marked = any(r.get("basis") == "projected" or any(s.get("basis") == "projected" for s in _list(r.get("emotions"))) for r in rows)
    return str(next((r["crosswalk"] for r in rows if r.get("crosswalk")), "not stated")) if marked else ""


def _units(values: np.ndarray, labels: Sequence[str], made: Any) -> list[Estimates]:
    """Action units: those of the taxonomy `facs` by their number, as scores that they are there, and all of them under Hume's names."""
    facs = taxonomy("facs")
    described = {text: label for label, text in facs.descriptions.items()}
    labels = [described.get(label, label) for label in labels]
    exact = set(labels) <= set(facs.labels)
    mapped = np.full((len(values), len(facs)), np.nan, np.float32)
    for i, label in enumerate(labels):
        match = UNIT.fullmatch(label)
        if match and (unit := f"AU{int(match[1]):02d}") in facs.labels:
            mapped[:, facs.index(unit)] = values[:, i]
    if exact:                             # intensities that Attune wrote
        return [made(mapped, facs)]
    own = made(values, _whole.taxonomy_of("hume_facs", labels))
    return [own, made(mapped, facs, projected=PRESENCE)] if not np.isnan(mapped).all() else [own]


def _known(key: str, labels: Sequence[str]) -> Taxonomy:
    """Hume's taxonomy of a model; a second one of the same modality gets a name of its own."""
    modality, name = MODELS[key]
    known = taxonomy(name)
    if not set(labels) <= set(known.labels):
        return _whole.taxonomy_of(f"hume_{key}", labels)
    return known if OWN[modality] == key else replace(known, name=f"{name}_{key}")


def _scores(rows: Sequence[dict[str, Any]], field: str) -> tuple[np.ndarray, list[str]]:
    """(n, k) scores of a field and the names in it, in the order in which they came."""
    found: dict[str, int] = {}
    cells = []
    for i, r in enumerate(rows):
        for score in _list(r.get(field)):
            if isinstance(value := score["score"], bool) or not isinstance(value, int | float | None):
                raise ValueError(f"the score {value!r} of {score['name']!r}, expected a number")
            unsaid = value is None or score.get("basis") == "unreached"
            cells.append((i, found.setdefault(str(score["name"]), len(found)), math.nan if unsaid else value))
    values = np.full((len(rows), len(found)), np.nan, np.float32)
    for i, k, value in cells:
        values[i, k] = value
    return values, list(found)


def _by_name(values: np.ndarray, labels: Sequence[str], known: Taxonomy) -> np.ndarray:
    out = np.full((len(values), len(known)), np.nan, np.float32)
    for i, label in enumerate(labels):
        out[:, known.index(label)] = values[:, i]
    return out


def _faces(rows: Sequence[dict[str, Any]], segments: Sequence[Segment]) -> Faces:
    found = [(r, s, box) for r, s in zip(rows, segments, strict=True) if isinstance(box := r.get("box", r.get("bbox")), dict)]
    n = len(found)
    box = np.array([[float(b["x"]), float(b["y"]), float(b["x"]) + float(b["w"]), float(b["y"]) + float(b["h"])] for _, _, b in found], np.float64)
    people = list(dict.fromkeys(s.person for s in segments))
    sure = np.array([_sure(r) for r, _, _ in found], np.float64)
    quality = np.array([q if (q := _number(r.get("quality"))) is not None else _sure(r) for r, _, _ in found], np.float64)
    return Faces(
        np.array([_time(r["time"]) if isinstance(r.get("time"), int | float) else s.start for r, s, _ in found], np.float64), box.reshape(n, 4),
        np.full((n, 5, 2), np.nan), sure, np.array([-1 if s.person == SOMEONE else people.index(s.person) for _, s, _ in found], np.int64),
        np.full((n, 3), np.nan), np.full(n, np.nan), quality)


def _utterances(before: Sequence[Segment], said: Sequence[Segment], *, words: bool) -> list[Segment]:
    """What was spoken: prosody's utterances if there are any, with the words of the language model in them; else its words, joined."""
    if not words:
        return list(said)
    single = [w for w in said if w.text and not w.text.strip().count(" ")]
    if before:
        if len(single) < len([w for w in said if w.text]) or [(s.start, s.end, s.text) for s in before] == [(s.start, s.end, s.text) for s in said]:
            return list(before)
        kinds: dict[tuple[str, str], list[Segment]] = {}
        for w in single:
            home = next((s for s in before if s.start <= (w.start + w.end) / 2 < s.end), None)
            if home is not None:
                kinds.setdefault(("speech", home.person), []).append(replace(w, person=home.person))
        return with_words(before, kinds)
    if len(single) < len([w for w in said if w.text]):
        return list(said)
    return units.units(sorted(single, key=lambda s: s.start), "utterance", _assemble.PAUSE)


# ---- and back ---------------------------------------------------------------------------------------------------------------

def file_of(recording: Recording) -> dict[str, Any]:
    """A recording as the predictions of one file."""
    models = {key: named for modality, key in OWN.items() if (named := _named(recording, modality, key))}
    models |= {f"{FURTHER}{e.name}": _model(recording, e) for e in recording if e.modality in OWN}
    if not models:
        raise RecordingError(f"{recording.source} has no estimates of face, voice or words; predictions hold nothing else")
    return {"file": recording.source, "file_type": "video" if "face" in models else "audio" if "prosody" in models else "text", "models": models}


def _named(recording: Recording, modality: str, key: str) -> dict[str, Any]:
    """A modality in Hume's names: of the set that has them, else of the first measured one that a crosswalk leads there from; else empty."""
    target = taxonomy(MODELS[key][1])
    own = sorted((e for e in recording if e.modality == modality), key=lambda e: (e.taxonomy.name != target.name, bool(e.projected)))
    for e in own:
        if e.taxonomy.name == target.name:
            return _model(recording, e, basis="projected" if e.projected else "measured")
        if not e.projected and e.taxonomy.name in names() and target.name in crosswalks(e.taxonomy.name):
            return _model(recording, project(e, target), basis="projected")
    return {}


def _model(recording: Recording, e: Estimates, *, basis: str = "") -> dict[str, Any]:
    """A set in the shape of a model of Hume's; with a basis every label has a score."""
    groups: dict[str, list[dict[str, Any]]] = {}
    rate = float((recording.media.get("video") or {}).get("fps") or 30.0)
    at = beside(e, recording.faces) if e.modality == "face" else np.full(len(e), -1)
    said = {(s.person, s.start, s.end): s for s in recording.segments if s.text}
    missing, place = e.missing, 0
    for i in range(len(e)):
        if missing[i]:
            continue                      # v0 says nothing of what it didn't find
        start, end, person = float(e.start[i]), float(e.end[i]), str(e.person[i])
        scores = [{"name": label, "score": value} for label, value in zip(e.taxonomy.labels, _whole.numbers(e.values[i].astype(np.float32)), strict=True)
                  if value is not None]
        if basis:
            said_of = {s["name"]: s["score"] for s in scores}
            scores = [{"name": label, "score": said_of.get(label, 0.0), "basis": basis if label in said_of else "unreached"} for label in e.taxonomy.labels]
        row: dict[str, Any]
        if e.modality == "face":
            row = {"frame": round(start * rate), "time": start, "begin": start, "end": end, "prob": None, "box": None}
            if (k := int(at[i])) >= 0:
                (x1, y1, x2, y2), time = map(float, recording.faces.box[k]), float(recording.faces.time[k])
                row |= {"frame": round(time * rate), "time": time, "prob": float(recording.faces.score[k])}
                row["box"] = {"x": x1, "y": y1, "w": x2 - x1, "h": y2 - y1}
        else:
            s = said.get((person, start, end))
            row = {"text": s.text if s else "", "time": {"begin": start, "end": end}, "confidence": s.confidence if s else None, "speaker_confidence": None}
            if basis and e.modality == "text":
                row["position"] = {"begin": place, "end": place + len(row["text"])}
                place += len(row["text"]) + 1
        if basis:
            row |= {"basis": basis, "crosswalk": e.projected}
        groups.setdefault(person, []).append(row | {"emotions": scores, "quality": float(str(np.float32(e.quality[i])))})
    own = None if basis else {"attune": {"taxonomy": _whole.taxonomy_out(e.taxonomy), "model": e.model, "projected": e.projected}}
    return {"metadata": own, "grouped_predictions": [{"id": person or "unknown", "predictions": rows} for person, rows in groups.items()]}


# ---- values -----------------------------------------------------------------------------------------------------------------

def _person(row: dict[str, Any]) -> str:
    return SOMEONE if row.get("id") in NOBODY else str(row["id"])


def _sure(row: dict[str, Any]) -> float:
    """How sure it was of the face, 0..1; 1 where it says nothing."""
    value = _number(row.get("prob"))
    return 1.0 if value is None else min(1.0, max(0.0, value))


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) else None


def _time(value: Any) -> float:
    seconds = float(value)
    if not (math.isfinite(seconds) and seconds >= 0):
        raise ValueError(f"the time {value!r}, expected seconds from 0")
    return seconds


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
