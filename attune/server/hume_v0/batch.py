"""The jobs' routes of the API v0: submit, list, details, predictions, artifacts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, StreamingResponse

from attune.errors import SettingError
from attune.server import uploads
from attune.server.guard import problem
from attune.server.hume_v0 import answered, artifacts
from attune.server.hume_v0.asked import request_of
from attune.server.intake import BLOCK
from attune.server.jobs.queue import Row, now_ms
from attune.server.jobs.tables import CANCELLED, COMPLETED, FAILED, OPEN
from attune.server.service import Service

KIND = "hume_v0"

router = APIRouter(prefix="/v0/batch/jobs", tags=["Hume v0, batch"])

BODY: dict[str, Any] = {"requestBody": {"required": True, "content": {
    "application/json": {"schema": {"type": "object"}, "example": {
        "models": {"face": {"fps_pred": 3}, "prosody": {"granularity": "utterance"}, "language": {"granularity": "sentence"}},
        "urls": ["https://example.org/talk.mp4"], "text": ["What a day!"], "consent": "signed form of 3 May", "purpose": "study 12"}},
    "multipart/form-data": {"schema": {"type": "object", "properties": {
        "file": {"type": "array", "items": {"type": "string", "format": "binary"}}, "json": {"type": "string"}}}},
}}}


@router.post("", summary="Submit a job", openapi_extra=BODY)
async def submit(request: Request) -> JSONResponse:
    """Files as multipart parts named `file` with the configuration in a part `json`, or JSON with `urls` and `text`.
    A transcript (.srt, .vtt) that is sent along is read for the file that it is named like.

    `models.face.facs` asks for action units; where no model gives them, `facs` is null and `errors` says so."""
    service = Service.of(request)
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind not in ("application/json", "multipart/form-data"):
        return problem(415, "E0101", f"content type {kind[:60]!r}; expected application/json or multipart/form-data")
    if kind == "application/json":
        return await _submitted(service, request, await uploads.json_of(request, service.config), [])
    form = await uploads.form_of(request, service.config)
    try:
        said = await uploads.text_of(form, "json", service.config)
        return await _submitted(service, request, uploads.decoded(said) if said else {}, uploads.files_of(form))
    finally:
        await form.close()


async def _submitted(service: Service, request: Request, data: Any, files: list[Any]) -> JSONResponse:
    asked = request_of(data)
    given = asked.model_dump(exclude_unset=True, exclude={"text", "consent", "purpose"})
    if asked.text is not None:
        given["text"] = asked.text
    job = await uploads.accept(
        service.queue, service.store, service.config, kind=KIND, owner=service.owner(request), request=given, files=files, urls=asked.urls or (),
        texts=asked.text or (), callback=asked.callback_url or "", consent=asked.consent, purpose=asked.purpose, again=service.again(request))
    return JSONResponse({"job_id": job})


@router.get("", summary="List jobs")
def listed(
    request: Request, limit: Annotated[int, Query(ge=1, le=200)] = 50, status: Annotated[list[str], Query()] = [],  # noqa: B006
    when: Literal["created_before", "created_after"] | None = None, timestamp_ms: Annotated[int | None, Query(ge=0, le=2**53)] = None,
    sort_by: Literal["created", "started", "ended"] = "created", direction: Literal["asc", "desc"] = "desc",
) -> JSONResponse:
    """Newest first; `when` and `timestamp_ms` together bound the time of creation."""
    service = Service.of(request)
    known = (*OPEN, COMPLETED, FAILED)
    for one in status:
        if one not in known:
            raise SettingError(f"status={one[:40]!r}; expected one of {', '.join(known)}")
    time = now_ms() if timestamp_ms is None else timestamp_ms
    found = service.queue.listed(
        service.owner(request), kind=KIND, limit=limit, states=[*status, *([CANCELLED] if FAILED in status else [])], by=sort_by, ascending=direction == "asc",
        before=time if when == "created_before" else None, after=time if when == "created_after" else None)
    return JSONResponse([answered.details(job, parts) for job, parts in found])


@router.get("/{job_id}", summary="Details of a job")
def details(request: Request, job_id: str) -> JSONResponse:
    found = _found(request, job_id)
    return found if isinstance(found, JSONResponse) else JSONResponse(answered.details(*found))


@router.get("/{job_id}/predictions", summary="Predictions of a completed job")
async def predictions(request: Request, job_id: str) -> JSONResponse:
    """Each score of `emotions` says its `basis`: `measured`, `projected` through a crosswalk, or `unreached` (0 because the contract wants a number).

    Scores of `facs` are how likely a unit is there, 0 to 1: presence, not the intensity of FACS (0 to 5, A to E)."""
    found = await run_in_threadpool(_ended, request, job_id)
    if isinstance(found, JSONResponse):
        return found
    return await run_in_threadpool(lambda: JSONResponse(answered.predictions(Service.of(request).store, *found)))


@router.get("/{job_id}/artifacts", summary="Predictions as an archive of CSV tables", response_class=StreamingResponse)
async def packed(request: Request, job_id: str) -> Any:
    found = await run_in_threadpool(_ended, request, job_id)
    if isinstance(found, JSONResponse):
        return found
    made = await run_in_threadpool(lambda: artifacts.archive(answered.predictions(Service.of(request).store, *found)))
    return StreamingResponse(_blocks(made), media_type="application/zip", headers={"Content-Disposition": f'attachment; filename="{job_id}.zip"'})


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while block := file.read(BLOCK):
            yield block


def _found(request: Request, job_id: str) -> tuple[Row, list[Row]] | JSONResponse:
    service = Service.of(request)
    found = service.queue.get(job_id, service.owner(request))
    if found is None or found[0]["kind"] != KIND:
        return problem(404, "job", f"no job {job_id[:40]!r}; it was never submitted with this key, or its time was over")
    return found


def _ended(request: Request, job_id: str) -> tuple[Row, list[Row]] | JSONResponse:
    found = _found(request, job_id)
    if isinstance(found, JSONResponse):
        return found
    state, message = found[0]["state"], found[0]["message"]
    if state in OPEN:
        return problem(400, "job", f"job {job_id} is {'queued' if state == OPEN[0] else 'in progress'}; ask again when its status is COMPLETED")
    return found if state == COMPLETED else problem(400, "job", f"job {job_id} failed: {message}")
