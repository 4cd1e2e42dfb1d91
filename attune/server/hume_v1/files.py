"""Uploads of the API v1: sound or pictures whole, measured as a session would measure them, only faster."""

from __future__ import annotations

import base64
import contextlib
import uuid
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse

from attune.errors import AttuneError
from attune.server import uploads
from attune.server.config import MB
from attune.server.hume_v1.asked import FRAME, IMAGE, SECOND, AudioConfig, VideoConfig, VideoFileConfig, Wrong, configured, pcm_of
from attune.server.hume_v1.body import parts_of
from attune.server.hume_v1.runs import ERRORS, PICTURE, Run, answered
from attune.server.hume_v1.seen import JPEG, PIXELS, size_of
from attune.server.service import Service
from attune.server.streaming import Broken

STATES = 16                              # sets of faces that are remembered for a next request

router = APIRouter(prefix="/v1/expression", tags=["Hume v1"], responses=ERRORS)


def _body(many: bool) -> dict[str, Any]:
    file: dict[str, Any] = {"type": "string", "format": "binary"}
    return {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": {"type": "object", "required": ["file"], "properties": {
        "file": {"type": "array", "items": file} if many else file, "config": {"type": "string", "description": "JSON"}}}}}}}


@router.post("/audio/file", summary="Measure sound", openapi_extra=_body(False))
async def audio(request: Request) -> JSONResponse:
    """A WAV file (16-bit PCM, 16 kHz, mono) or headerless samples, as `file`; `config`: {"measurement_timer_ms": 3000 to 10000}."""
    run = Run(Service.owner(request), "audio", "file")
    try:
        files, config = await _form(request, "audio_too_long")
        chosen: AudioConfig = configured(AudioConfig, config)
        if len(files) != 1:
            raise Wrong(400, "invalid_request", f"{len(files)} parts named 'file'; expected one")
        sound = pcm_of(files[0])
        run.config, run.bytes, run.seconds = chosen.model_dump(), len(files[0]), len(sound) / SECOND
        async with _measured(request, run) as ask:
            await ask(**chosen.asked())
            told = []
            for at in range(0, len(sound), FRAME * SECOND):
                told += (await ask(v1="hear", data=_text(sound[at : at + FRAME * SECOND])))["told"]
            told += (await ask(v1="close"))["told"]
    except Wrong as wrong:
        return answered(wrong)
    measurements = [{k: v for k, v in e.items() if k != "type"} for e in told if e["type"] == "measurement.result"]
    utterances = [{k: v for k, v in e.items() if k != "type"} for e in told if e["type"] == "utterance.end"]
    return _answer(run, {"received": {"audio_duration_ms": round(run.seconds * 1000)}, "utterances": utterances, "measurements": measurements})


@router.post("/video/file", summary="Measure pictures", openapi_extra=_body(True))
async def video(request: Request) -> JSONResponse:
    """JPEG pictures as parts named `file`; `config`: {"face": {"threshold", "min_size", "return_face_state"}, "face_state"}."""
    run, service = Run(Service.owner(request), "video", "file"), Service.of(request)
    try:
        files, config = await _form(request, "image_too_large")
        chosen: VideoFileConfig = configured(VideoFileConfig, config)
        if not files:
            raise Wrong(400, "invalid_request", "no part named 'file'; expected at least one picture")
        for i, data in enumerate(files):
            _check(i, data)
        config = VideoConfig(face=chosen.face.model_copy())
        run.config, run.bytes, run.seconds = config.model_dump(exclude={"face": {"return_face_state"}}), sum(map(len, files)), len(files) * PICTURE
        known = service.streams.states.get(chosen.face_state)
        state = chosen.face_state if known == run.owner else str(uuid.uuid4())
        async with _measured(request, run, session=state, keep=chosen.face.return_face_state) as ask:
            await ask(v1="seeing", threshold=chosen.face.threshold, min_size=chosen.face.min_size)
            told = []
            for i, data in enumerate(files):
                try:
                    told.append({"frame_id": i, "faces": (await ask(v1="see", data=_text(data)))["told"]})
                except Wrong as wrong:
                    raise Wrong(400, "image_decode_failed", f"picture {i}: {wrong}") from None if wrong.code == "invalid" else wrong
    except Wrong as wrong:
        return answered(wrong)
    extra = {"face_state": state} if chosen.face.return_face_state else {}
    return _answer(run, {"received": {"frames": len(files)}, "measurements": told, **extra})


def _check(i: int, data: bytes) -> None:
    if not data.startswith(JPEG):
        raise Wrong(415, "unsupported_media_type", f"picture {i} begins with {data[:4]!r}; expected a JPEG")
    if len(data) > IMAGE:
        raise Wrong(413, "image_too_large", f"picture {i} has {len(data)} bytes; at most {IMAGE / MB:.0f} MB are taken")
    try:
        width, height = size_of(data)
    except AttuneError as error:
        raise Wrong(400, "image_decode_failed", f"picture {i}: {error}") from None
    if width * height > PIXELS:
        raise Wrong(413, "image_too_large", f"picture {i} has {width} x {height} pixels; at most {PIXELS} are taken")


async def _form(request: Request, too_large: str) -> tuple[list[bytes], Any]:
    """The files of a multipart body, and its configuration."""
    parts = await parts_of(request, too_large)
    said = parts.get("config", [b""])[0]
    try:
        return parts.get("file", []), uploads.decoded(said) if said.strip() else {}
    except AttuneError as error:
        raise Wrong(400, "message_invalid", str(error)) from None


@contextlib.asynccontextmanager
async def _measured(request: Request, run: Run, *, session: str = "", keep: bool = False) -> AsyncIterator[Any]:
    """A place in a streaming process for one request: ask(...) asks it. The run is written down at the end, and not before."""
    service, session = Service.of(request), session or run.id
    known = session in service.streams.states
    why = "" if known else service.streams.refused(run.owner)
    if why:
        raise Wrong(503, "server_busy", why)
    if not known:
        service.streams.sessions[session] = run.owner
    service.streams.runs[run.id] = run

    async def ask(**message: Any) -> dict[str, Any]:
        try:
            said: dict[str, Any] = await service.streams.ask(session, message)
        except Broken:
            raise Wrong(503, "server_busy", "the process that measures was started again; send the request once more") from None
        if "error" in said:
            raise Wrong(500 if said["code"] == "internal_error" else 503 if said["code"] == "lost" else 400, said["code"], said["error"])
        return said

    reason: str | None = "error"
    try:
        yield ask
        reason = None
    except Wrong as wrong:
        run.happened("inference_failed", detail=str(wrong), retryable=wrong.status >= 500)
        raise
    finally:
        service.streams.sessions.pop(session, None)
        if keep and reason is None:
            await service.streams.remember(session, run.owner, STATES)
        elif not known:
            await service.streams.close(session)
        await run_in_threadpool(lambda: run.end(service, errored=reason is not None))


def _answer(run: Run, body: dict[str, Any]) -> JSONResponse:
    return JSONResponse({"request_id": str(uuid.uuid4()), "run_id": run.id, **body})


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
