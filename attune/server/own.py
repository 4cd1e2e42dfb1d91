"""Our own interface, `/v1`: upload, progress, recordings, tables, words, report."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse

from attune import export, exports, registry
from attune.errors import SettingError, unknown
from attune.server import uploads
from attune.server.guard import problem
from attune.server.hume_v0.answered import source_of
from attune.server.hume_v0.asked import sentence
from attune.server.intake import checked_url
from attune.server.jobs.queue import Row
from attune.server.jobs.tables import CANCELLED, ENDED, OPEN
from attune.server.service import Service
from attune.settings import Settings
from attune.text import recognisers

KIND = "attune"
LOOK = 0.5                               # s between two looks at a job whose progress is told
ALIVE = 15.0                             # s after which a silent stream says that it is alive
# a client chooses no paths on this machine, no load of its GPU, nor pictures of people, unless they are kept on purpose
OURS = ("transcript", "voices", "diarizer", "portraits", "batch")
REPORT = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; font-src data:; sandbox allow-scripts allow-downloads"

NOTICE = {
    "people": "Your face, voice and words are measured for the emotions they express, by a program. It measures expression, not what you feel, and it errs. "
              "You may ask what was measured, and have it deleted.",
    "law": "EU AI Act (Regulation 2024/1689): Art. 50(3), people exposed to emotion recognition must be informed; Art. 5(1)(f), inferring emotions of people "
           "at work or in education is prohibited, except for medical or safety reasons. GDPR Art. 6, 9 and 13 apply to recordings of people.",
}

router = APIRouter(prefix="/v1", tags=["Attune"])


class Asked(BaseModel):
    """The fields beside the files; in a form, `settings` is JSON."""

    model_config = ConfigDict(extra="forbid")

    url: str | None = None
    urls: list[str] = Field(default_factory=list)
    settings: dict[str, Any] = Field(default_factory=dict)
    consent: str = Field(default="", max_length=500, description="how the recorded people agreed")
    purpose: str = Field(default="", max_length=500, description="what the recording is measured for")
    keep_media: bool = False


UPLOAD: dict[str, Any] = {"requestBody": {"required": True, "content": {
    "multipart/form-data": {"schema": {"type": "object", "properties": {
        "file": {"type": "array", "items": {"type": "string", "format": "binary"}, "description": "media, archives, and transcripts named like their media"},
        "settings": {"type": "string", "description": "JSON, such as {\"fps\": 5, \"granularity\": \"sentence\"}"}, "consent": {"type": "string"},
        "purpose": {"type": "string"}, "keep_media": {"type": "boolean"}}}},
    "application/json": {"schema": Asked.model_json_schema(), "example": {
        "url": "https://example.org/talk.mp4", "settings": {"fps": 5}, "consent": "signed form of 3 May", "purpose": "study 12"}},
}}}


@router.post("/recordings", status_code=202, summary="Measure recordings", openapi_extra=UPLOAD)
async def submit(request: Request) -> JSONResponse:
    """Accepts, and answers at once with the job's number. Send `Idempotency-Key` to be safe from sending twice."""
    service = Service.of(request)
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind not in ("application/json", "multipart/form-data"):
        return problem(415, "E0101", f"content type {kind[:60]!r}; expected multipart/form-data or application/json")
    if kind == "application/json":
        return await _submitted(service, request, await uploads.json_of(request, service.config), [])
    form = await uploads.form_of(request, service.config)
    try:
        data: dict[str, Any] = {name: await uploads.text_of(form, name, service.config) for name in form if name != "file"}
        if data.get("settings"):
            data["settings"] = uploads.decoded(data["settings"])
        return await _submitted(service, request, data, uploads.files_of(form))
    finally:
        await form.close()


async def _submitted(service: Service, request: Request, data: Any, files: list[Any]) -> JSONResponse:
    try:
        asked = Asked.model_validate(data)
    except ValidationError as error:
        raise SettingError(sentence(error)) from None
    urls = [*([asked.url] if asked.url else []), *asked.urls]
    for url in urls:
        checked_url(url)
    _check(asked.settings, service)
    job = await uploads.accept(
        service.queue, service.store, service.config, kind=KIND, owner=service.owner(request),
        request={"settings": asked.settings, "portraits": asked.keep_media}, files=files, urls=urls,
        consent=asked.consent, purpose=asked.purpose, keep_media=asked.keep_media, again=service.again(request))
    return JSONResponse({"id": job, "job": f"/v1/jobs/{job}", "events": f"/v1/jobs/{job}/events"}, 202)


def _check(given: dict[str, Any], service: Service) -> None:
    """Settings that a client may choose, each in its range, models that are there."""
    from attune.measure import load_models

    known = [f.name for f in fields(Settings) if f.name not in OURS]
    for name, value in given.items():
        if name not in known:
            raise unknown("setting", name, known)
        default = getattr(Settings, name)
        if isinstance(value, bool) != isinstance(default, bool) or isinstance(value, list | dict):
            raise SettingError(f"settings.{name}: {str(value)[:80]!r}; expected something like {default!r}")
        if isinstance(default, str) and not (isinstance(value, str) or value is None):
            raise SettingError(f"settings.{name}: {str(value)[:80]!r}; expected something like {default!r}")
    for name in ("face", "voice", "text"):
        if ":" in str(given.get(name)) and given[name] != getattr(service.config.settings, name):
            raise SettingError(f"settings.{name}: {str(given[name])[:80]!r}; expected a model by its name: files on this machine, and other people's "
                               "models by their address, are chosen where the server is started")
    if given.get("baseline") not in (None, "own"):
        raise SettingError(f"settings.baseline: {str(given['baseline'])[:80]!r}; expected own, or nothing: files on this machine aren't read")
    known = ["auto", "none", *registry.names(recognisers.FOLDER)]
    if (given.get("recogniser", "auto") or "none") not in known:
        raise unknown("recogniser", str(given["recogniser"]), known)
    load_models(service.config.chosen(given))


@router.get("/settings", summary="What can be chosen, with defaults, units and reasons")
def settings(request: Request) -> dict[str, Any]:
    """`here`, of the recogniser: which of them can be asked for on this machine."""
    own = Service.of(request).config.settings
    told = {f.name: {"default": getattr(own, f.name), **{k: v for k, v in f.metadata.items() if v not in ("", None)}}
            for f in fields(Settings) if f.name not in OURS}
    return told | {"recogniser": {**told["recogniser"], "here": recognisers.here()}}


@router.get("/notice", summary="What people who are measured must be told")
def notice() -> dict[str, str]:
    return NOTICE


# ---- jobs -------------------------------------------------------------------------------------------------------------------

@router.get("/jobs", summary="List jobs")
def jobs(request: Request, limit: Annotated[int, Query(ge=1, le=200)] = 50, state: Annotated[list[str], Query()] = [],  # noqa: B006
         before: Annotated[int | None, Query(ge=0, le=2**53)] = None) -> list[dict[str, Any]]:
    """Newest first; `before`: created before that time (ms), for the next page."""
    service = Service.of(request)
    for one in state:
        if one not in (*OPEN, *ENDED):
            raise SettingError(f"state={one[:40]!r}; expected one of {', '.join((*OPEN, *ENDED))}")
    return [_told(service, *found) for found in service.queue.listed(service.owner(request), limit=limit, states=state, before=before)]


@router.get("/jobs/{job_id}", summary="A job, its progress and its recordings")
def job(request: Request, job_id: str) -> Response:
    found = _found(request, job_id)
    return found if isinstance(found, Response) else JSONResponse(_told(Service.of(request), *found))


@router.delete("/jobs/{job_id}", summary="Cancel a job, or delete an ended one with all it made")
def delete(request: Request, job_id: str) -> Response:
    service, owner = Service.of(request), Service.owner(request)
    found = _found(request, job_id)
    if isinstance(found, Response):
        return found
    if service.queue.cancel(job_id, owner, retention=service.config.retention):
        now = service.queue.get(job_id, owner)
        if now is not None and now[0]["state"] == CANCELLED:
            service.store.drop_media(job_id)
        return JSONResponse({"id": job_id, "state": now[0]["state"] if now else CANCELLED, "cancel": True}, 202)
    service.store.drop(job_id)
    service.queue.forget(job_id, owner)
    return Response(status_code=204)


@router.get("/jobs/{job_id}/audit", summary="What happened to a job, and when")
def audit(request: Request, job_id: str) -> Response:
    owner = Service.owner(request)
    lines = [{"time": r["time"], "event": r["event"], **json.loads(r["detail"])} for r in Service.of(request).queue.history(job_id) if r["owner"] == owner]
    return JSONResponse(lines) if lines else _unknown(job_id)


@router.get("/jobs/{job_id}/events", summary="A job's progress as server-sent events", response_class=StreamingResponse)
async def events(request: Request, job_id: str) -> Response:
    """`progress` whenever something changed, `end` once; then the stream ends."""
    found = await run_in_threadpool(_found, request, job_id)
    if isinstance(found, Response):
        return found
    return StreamingResponse(_events(request, job_id), media_type="text/event-stream")


async def _events(request: Request, job_id: str) -> AsyncIterator[str]:
    service, owner = Service.of(request), Service.owner(request)
    last, silent = None, 0.0
    while not await request.is_disconnected():
        found = await run_in_threadpool(service.queue.get, job_id, owner)
        if found is None:
            return
        said = json.dumps(_told(service, *found))
        over = found[0]["state"] in ENDED
        if said != last:
            yield f"event: {'end' if over else 'progress'}\ndata: {said}\n\n"
            last, silent = said, 0.0
        elif silent > ALIVE:
            yield ": alive\n\n"
            silent = 0.0
        if over:
            return
        await asyncio.sleep(LOOK)
        silent += LOOK


def _told(service: Service, job: Row, parts: list[Row]) -> dict[str, Any]:
    """A job as we tell it."""
    done = 1.0 if job["state"] in ENDED else job["done"]
    sources = [{**source_of(p), "state": p["state"], "error": p["message"] or None} for p in parts]
    recordings = []
    for p in parts:
        if p["state"] in ENDED:
            result = service.store.result(job["id"], p["n"]) or {}
            recordings += [{**r, "id": f"{job['id']}.{r['id']}", "link": f"/v1/recordings/{job['id']}.{r['id']}"} for r in result.get("recordings", [])]
            if p["n"] < len(sources) and (result.get("results") or {}).get("errors"):
                sources[p["n"]]["errors"] = result["results"]["errors"]
    return {
        "id": job["id"], "kind": job["kind"], "state": job["state"], "step": job["step"], "done": round(done, 4), "message": job["message"] or None,
        "created": job["created"], "started": job["started"], "ended": job["ended"], "expires": job["expires"], "consent": job["consent"] or None,
        "purpose": job["purpose"] or None, "sources": sources, "recordings": recordings,
    }


def _found(request: Request, job_id: str) -> tuple[Row, list[Row]] | Response:
    found = Service.of(request).queue.get(job_id, Service.owner(request))
    return found or _unknown(job_id)


def _unknown(job_id: str) -> JSONResponse:
    return problem(404, "job", f"no job {job_id[:40]!r}; it was never submitted with this key, or its time was over")


# ---- recordings -------------------------------------------------------------------------------------------------------------

@router.get("/recordings", summary="List recordings")
def recordings(request: Request, limit: Annotated[int, Query(ge=1, le=200)] = 50, before: Annotated[int | None, Query(ge=0, le=2**53)] = None,
               ) -> list[dict[str, Any]]:
    service = Service.of(request)
    told = [_told(service, *found) for found in service.queue.listed(service.owner(request), limit=limit, before=before, states=ENDED)]
    return [{**r, "created": one["created"], "consent": one["consent"], "purpose": one["purpose"]} for one in told for r in one["recordings"]]


@router.get("/recordings/{recording_id}", summary="A whole recording as JSON")
def recording(request: Request, recording_id: str) -> Response:
    return _exported(request, recording_id, "json")


@router.get("/recordings/{recording_id}/facts", summary="What the report shows, as data")
def facts(request: Request, recording_id: str) -> Response:
    """People with their means, series by person, taxonomies with their colours, words, settings: what a page needs to draw a recording."""
    from attune import report as page

    place = _place(request, recording_id)
    return place if isinstance(place, Response) else JSONResponse(page.facts(export.read(place)))


@router.get("/formats", summary="The formats that a recording can be exported in")
def formats() -> dict[str, dict[str, str]]:
    """By the name to give as `as`: a title, and the suffix of the file."""
    found = {name: exports.load(name) for name in exports.names()}
    return {name: {"title": (module.__doc__ or name).partition(":")[0], "suffix": module.SUFFIX} for name, module in found.items() if module.SUFFIX}


@router.get("/recordings/{recording_id}/export", summary="A recording in another format")
def exported(request: Request, recording_id: str, form: Annotated[str, Query(alias="as")] = "json") -> Response:
    """`as`: any of the formats that `attune export` writes."""
    return _exported(request, recording_id, form)


@router.get("/recordings/{recording_id}/table", summary="The time-aligned table")
def table(request: Request, recording_id: str, format: Literal["json", "csv", "parquet"] = "json") -> Response:
    place = _place(request, recording_id)
    if isinstance(place, Response):
        return place
    if format == "parquet":
        return FileResponse(place / "table.parquet", media_type="application/vnd.apache.parquet", filename="table.parquet")
    import io

    import pyarrow.csv

    rows = export._nan_to_null(export.table(export.read(place)))
    if format == "json":
        return JSONResponse(rows.to_pylist())
    out = io.BytesIO()
    pyarrow.csv.write_csv(rows, out)
    return Response(out.getvalue(), media_type="text/csv", headers={"Content-Disposition": 'attachment; filename="table.csv"'})


@router.get("/recordings/{recording_id}/describe", summary="What was measured, in words")
def describe(
    request: Request, recording_id: str, form: Literal["text", "json", "cues", "vtt", "srt"] = "text",
    over: Literal["segments", "turns", "windows", "whole"] = "segments", language: str = "en", budget: Annotated[int | None, Query(ge=1)] = None,
) -> Response:
    from attune.describe import render

    place = _place(request, recording_id)
    if isinstance(place, Response):
        return place
    said = render.rendered(export.read(place), form, over=over, language=language, budget=budget)
    return Response(said, media_type="application/json") if form == "json" else PlainTextResponse(said)


@router.get("/recordings/{recording_id}/report", summary="The report, one HTML page")
def report(request: Request, recording_id: str) -> Response:
    from attune import report as page

    place = _place(request, recording_id)
    if isinstance(place, Response):
        return place
    if not (place / "report.html").is_file():
        page.write(export.read(place), place / "report.html")
    return FileResponse(place / "report.html", media_type="text/html", headers={"Content-Security-Policy": REPORT})


def _exported(request: Request, recording_id: str, name: str) -> Response:
    import tempfile

    place = _place(request, recording_id)
    if isinstance(place, Response):
        return place
    module = exports.load(name)
    if not module.SUFFIX:
        raise SettingError(f"{name} is a folder of files; expected one of {', '.join(n for n in exports.names() if exports.load(n).SUFFIX)}")
    with tempfile.TemporaryDirectory(prefix="attune-") as folder:
        file = module.write(export.read(place), Path(folder) / f"recording{module.SUFFIX}")
        data = file.read_bytes()
    kinds = {".json": "application/json", ".csv": "text/csv", ".zip": "application/zip"}
    headers = {} if module.SUFFIX == ".json" else {"Content-Disposition": f'attachment; filename="recording{module.SUFFIX}"'}
    return Response(data, media_type=kinds.get(module.SUFFIX, "application/octet-stream"), headers=headers)


def _place(request: Request, recording_id: str) -> Path | Response:
    """A recording's folder, if it is there and the client's own."""
    service = Service.of(request)
    job_id, _, number = recording_id.partition(".")
    found = service.queue.get(job_id, service.owner(request))
    if found is not None:
        place = dict(service.store.recordings(job_id)).get(number)
        if place is not None and found[0]["state"] in ENDED:
            return place
    return problem(404, "recording", f"no recording {recording_id[:60]!r}; see /v1/recordings")


