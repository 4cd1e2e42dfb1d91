"""A part of a job measured: a file, an address, an archive or a text becomes a result that is written down.

A result is {counts: {predictions, errors}, error, results: {predictions: [{file, models}], errors: [{message, file}]}}: what the API v0 answers,
with our own recordings in folders beside it. A file whose recording is there already, from a worker that was killed, isn't measured again.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from attune import export, registry, report, weights
from attune.errors import AttuneError, MediaError, RecordingError
from attune.measure import SAMPLE_RATE, measure
from attune.media import Media
from attune.server import texts
from attune.server.config import Config
from attune.server.hume_v0 import predicted as hume
from attune.server.intake import Found, Refused, fetch, is_archive, unpack
from attune.server.plan import Plan
from attune.taxonomy import taxonomy
from attune.text import units
from attune.types import Estimates, Recording, Segment

Hook = Callable[[str, float, float], None]
Row = Any

WORDLESS = "no words: the media has no transcript and no recogniser is installed, so language wasn't measured"
PIECE = 60.0                             # s of sound in which bursts are looked for at a time


def measure_part(job: Row, part: Row, folder: Path, media: Path, config: Config, hook: Hook) -> dict[str, Any]:
    """The result of one part; an error that concerns the whole part is raised."""
    plan = replace(plan_of(job["kind"], json.loads(job["request"]), config), agreed=agreed(job))
    source = json.loads(part["source"])
    if source["type"] == "text":
        return _text(source["text"], plan, hook)
    place = media / str(part["n"])
    if source["type"] == "url":
        file = fetch(source["url"], place, config.limits, allow_private=config.allow_private)
    else:
        file = Found(source.get("filename") or source["path"], place / source["path"])
    found: list[Found] = [file]
    left: list[tuple[str, str]] = []
    if is_archive(file.path):
        shutil.rmtree(place / "unpacked", ignore_errors=True)
        found, left = unpack(file.path, place / "unpacked", config.limits)
    predictions: list[dict[str, Any]] = []
    errors = [{"message": why, "file": name} for name, why in left]
    files = []
    for k, one in enumerate(found):
        try:
            if one.is_text:
                models, notes = _written(one, plan, hook, config)
            else:
                models, notes, facts = _media(one, plan, folder / "recordings" / str(k), hook, config)
                files.append({"id": f"{part['n']}.{k}", "file": one.name, **facts})
        except (AttuneError, OSError) as error:
            errors.append({"message": _harmless(error, one), "file": one.name})
            continue
        if models:
            predictions.append({"file": one.name, "models": models})
        errors += [{"message": note, "file": one.name} for note in notes]
    whole = errors[0]["message"] if not predictions and not files and len(found) == 1 and not left and errors else None
    return {
        "counts": {"predictions": sum(count(p["models"]) for p in predictions), "errors": 0 if whole else len(errors)}, "error": whole,
        "results": None if whole else {"predictions": predictions, "errors": errors}, "recordings": files,
    }


def plan_of(kind: str, request: dict[str, Any], config: Config) -> Plan:
    """What a stored request means."""
    if kind == "hume_v0":
        from attune.server.hume_v0 import asked

        read = asked.Request.model_validate(request)
        return asked.plan(read.models, read.transcription, config.settings, fill=config.fill)
    settings = config.chosen({**request.get("settings", {}), "portraits": bool(request.get("portraits"))})
    return Plan(settings=settings, granularity=None, report=True, wanted=hume.Wanted(fill=config.fill))


def agreed(job: Row) -> tuple[str, ...]:
    """What the client said of consent and purpose, as notes that stay with the recording."""
    return tuple(f"{name}: {job[name]}" for name in ("consent", "purpose") if job[name])


def count(models: dict[str, Any]) -> int:
    return sum(len(g["predictions"]) for m in models.values() for g in m["grouped_predictions"])


# ---- media ------------------------------------------------------------------------------------------------------------------

def _media(file: Found, plan: Plan, place: Path, hook: Hook, config: Config) -> tuple[dict[str, Any], list[str], dict[str, Any]]:
    """A recording in Hume's words, what couldn't be given, and facts of ours."""
    recording = _recorded(file, plan, place, hook, config)
    if plan.granularity and plan.granularity != plan.settings.granularity:
        recording = reread(recording, plan)
    models = {k: v for k, v in hume.predictions(recording, plan.wanted).items() if k in plan.models}
    notes = [f"{name}: {why}" for name, why in plan.missing]
    if "burst" in plan.models and recording.media.get("audio"):
        models["burst"] = {"metadata": None, **hume.grouped(bursts(Media.open(file.path), plan))}
    if plan.wanted.facs and "face" in plan.asked and not any(e.taxonomy.name == "facs" for e in recording):
        notes.append("face.facs: no model of this server gives action units; facs is null")
    for name, there, why in (("face", "video", "no picture: faces weren't looked for"), ("prosody", "audio", "no sound: voices weren't measured")):
        if name in plan.asked and name in plan.models and not recording.media.get(there):
            notes.append(why)
    if "language" in plan.models:
        sure = [s.confidence for s in recording.segments if s.text and s.confidence is not None]
        if sure and np.mean(sure) < plan.threshold:
            models.pop("language", None)
            notes.append(f"the transcript's confidence is {np.mean(sure):.2f}, below the threshold of {plan.threshold}; language wasn't measured")
        elif "language" in plan.asked and "language" not in models and plan.settings.text:
            notes.append(WORDLESS)
    facts = {"duration": recording.duration, "people": list(recording.people), "notes": list(recording.notes)}
    return models, notes, facts


def _recorded(file: Found, plan: Plan, place: Path, hook: Hook, config: Config) -> Recording:
    """The recording, measured now or by a worker that came no further."""
    try:
        if (place / "recording.json").is_file():
            return export.read(place)
    except RecordingError:
        pass
    media = Media.open(file.path)
    longest = config.limits.media_seconds
    if media.duration > longest:
        raise MediaError(f"{file.name} lasts {media.duration:.0f} s; at most {longest:.0f} s are measured here")

    def counted(step: str, done: float, total: float) -> None:
        if step != "text" and done > longest:
            raise MediaError(f"{file.name} lasts more than {longest:.0f} s, as long as is measured here")
        hook(step, done, total)

    recording = measure(media, out=place, hook=counted, **plan.settings.asdict())
    if plan.agreed:
        recording = replace(recording, notes=(*recording.notes, *plan.agreed))
        export.write(recording, place)
    if plan.report:
        report.write(recording, place / "report.html")
    return recording


def reread(recording: Recording, plan: Plan) -> Recording:
    """The recording with its words read in other units than the voice was measured in; rows of other people's faces drop out."""
    said = [s for s in recording.segments if s.text and s.kind in ("speech", "window")]
    if not said or not plan.settings.text:
        return recording
    rows = units.units(said, str(plan.granularity), plan.settings.pause)
    model = registry.load("attune.text.models", plan.settings.text)
    others = tuple(e for e in recording.estimates if e.modality != "text")
    return replace(recording, segments=(*rows, *(s for s in said if (s.start, s.end, s.person) not in {(r.start, r.end, r.person) for r in rows})),
                   estimates=(*others, *texts.estimates(rows, model, plan)))


@cache
def burst_model(commercial: bool) -> ModuleType | None:
    """The model of vocal bursts, where one is installed that may be used so: it judges whether a stretch is one, too."""
    for name in registry.names("attune.voice.models"):
        module = registry.load("attune.voice.models", name)
        if (getattr(module, "BURSTS", False) or name == "vocal_bursts") and (not commercial or module.LICENSE_CLASS in weights.COMMERCIAL):
            return module
    return None


def bursts(media: Media, plan: Plan, samples: np.ndarray | None = None) -> list[tuple[str, dict[str, Any]]]:
    """Vocal bursts in Hume's words."""
    module = burst_model(plan.settings.commercial_safe)
    if module is None:
        return []
    from attune.voice import bursts as finder

    model, found = module.load(), []
    blocks: Sequence[np.ndarray] | Any = [samples] if samples is not None else _pieces(media)
    start = 0.0
    for block in blocks:
        found += [(start + b.start, start + b.end, b.probability, b.values) for b in finder.find(block, model)]
        start += len(block) / SAMPLE_RATE
    if not found:
        return []
    rows = [Segment(a, b) for a, b, _, _ in found]
    e = Estimates.of(rows, np.stack([v for *_, v in found]), taxonomy=taxonomy(module.TAXONOMIES[0]), modality="voice",
                     model=module.__name__.rpartition(".")[2])
    scores = hume.Scores.of([e], hume.SPOKEN, fill=plan.wanted.fill)
    return [(hume.NOBODY, {"time": {"begin": round(a, 3), "end": round(b, 3)}, "emotions": scores.emotions(i), "descriptions": [], "prob": round(p, 4),
                           **scores.rest(i)}) for i, (a, b, p, _) in enumerate(found)]


def _pieces(media: Media) -> Any:
    """A recording's sound, a minute at a time."""
    kept: list[np.ndarray] = []
    for block in media.blocks(SAMPLE_RATE):
        kept.append(block)
        if sum(map(len, kept)) >= PIECE * SAMPLE_RATE:
            yield np.concatenate(kept)
            kept = []
    if kept:
        yield np.concatenate(kept)


# ---- text -------------------------------------------------------------------------------------------------------------------

def _text(written: str, plan: Plan, hook: Hook) -> dict[str, Any]:
    models, notes = _read(written, plan, hook)
    predictions: list[dict[str, Any]] = [{"file": "", "models": models}] if models else []
    errors = [{"message": note, "file": ""} for note in notes]
    return {"counts": {"predictions": sum(count(p["models"]) for p in predictions), "errors": len(errors)}, "error": None, "recordings": [],
            "results": {"predictions": predictions, "errors": errors}}


def _written(file: Found, plan: Plan, hook: Hook, config: Config) -> tuple[dict[str, Any], list[str]]:
    size = file.path.stat().st_size
    if size > 4 * config.limits.text_chars:
        raise Refused(f"{file.name} has {size} bytes; texts of at most {config.limits.text_chars} characters are read here")
    try:
        return _read(file.path.read_text(encoding="utf-8-sig"), plan, hook)
    except UnicodeDecodeError as error:
        raise Refused(f"{file.name} is no text in UTF-8 (byte {error.start})") from error


def _read(written: str, plan: Plan, hook: Hook) -> tuple[dict[str, Any], list[str]]:
    notes = [f"{name}: {why}" for name, why in plan.missing if not name.startswith("face.") and name != "language"]
    for name in ("face", "prosody", "burst"):
        if name in plan.asked and name in plan.models:
            notes.append(f"{name}: a text has no {'face' if name == 'face' else 'sound'}")
    if "language" not in plan.models:
        return {}, notes
    if not plan.settings.text:                               # transcription is null, which says nothing about written words
        from attune.settings import Settings

        plan = replace(plan, settings=replace(plan.settings, text=Settings.text))
    found = texts.read(written, plan, hook)
    return {"language": {"metadata": None, **hume.grouped(found)}}, notes


def _harmless(error: Exception, file: Found) -> str:
    """The error without places of this machine."""
    return str(error).replace(str(file.path), file.name).replace(str(file.path.parent), "")
