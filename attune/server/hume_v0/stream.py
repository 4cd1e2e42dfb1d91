"""The stream of the API v0: one answer a message, over a WebSocket, in the messages' order."""

from __future__ import annotations

import uuid
from typing import Any

from fastapi import APIRouter, WebSocket
from pydantic import Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocketDisconnect

from attune.errors import AttuneError
from attune.server.hume_v0.asked import Models, _Form, sentence
from attune.server.service import Service
from attune.server.streaming import Broken
from attune.server.uploads import decoded

router = APIRouter()

TRY_LATER, TOO_BIG = 1013, 1009          # WebSocket close codes
DATA = ("face", "prosody", "language", "burst")


class Message(_Form):
    """One message of a client."""

    data: str | None = None
    models: Models | None = None
    raw_text: bool | None = None
    payload_id: str | None = Field(default=None, max_length=200)
    job_details: bool | None = None
    stream_window_ms: float | None = Field(default=None, ge=500, le=10_000)
    reset_stream: bool | None = None


@router.websocket("/v0/stream/models")
async def models(socket: WebSocket) -> None:
    """Measure pictures, short sounds and texts as they come."""
    service, session = Service.of(socket), str(uuid.uuid4())
    owner = service.owner(socket)
    await socket.accept()
    why = service.streams.refused(owner)
    if why:
        await socket.send_json({"error": why, "code": "full"})
        await socket.close(TRY_LATER)
        return
    service.streams.sessions[session] = owner
    count, last = 0, None
    try:
        while True:
            came = await socket.receive()
            if came["type"] == "websocket.disconnect":
                break
            text = came.get("text")
            if text is None:
                text = came["bytes"].decode("utf-8", "replace")
            said, last = await _answer(service, session, text, last)
            count += 1
            await socket.send_json(said)
    except (WebSocketDisconnect, RuntimeError):              # gone while we answered
        pass
    finally:
        await service.streams.close(session)
        await run_in_threadpool(service.queue.note, session, owner, "streamed", messages=count)


async def _answer(service: Service, session: str, text: str, last: dict[str, Any] | None) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """The answer to one message, and the models that the next one may leave out."""
    about: dict[str, Any] = {}
    if len(text) > service.config.limits.stream_bytes:
        return {"error": f"the message has {len(text)} bytes; at most {service.config.limits.stream_bytes} are taken at once", "code": "E0101"}, last
    try:
        given = decoded(text)
    except AttuneError as error:
        return {"error": str(error), "code": "E0100"}, last
    if not isinstance(given, dict):
        return {"error": f"the message is a {type(given).__name__}; expected an object with data and models", "code": "E0101"}, last
    if isinstance(given.get("payload_id"), str):
        about["payload_id"] = given["payload_id"][:200]
    if given.get("job_details") is True:
        about["job_details"] = {"job_id": session}
    try:
        message = Message.model_validate(given)
    except ValidationError as error:
        return {**about, "error": sentence(error), "code": "E0101"}, last
    if message.models is not None:
        last = message.models.model_dump(exclude_none=True)
    if message.data is None:
        if not (message.job_details or message.reset_stream or message.models):
            return {**about, "error": "the message asks for nothing; expected data and models, job_details or reset_stream", "code": "E0101"}, last
        asked = {"reset_stream": message.reset_stream}
    elif not last:
        return {**about, "error": f"no models are configured; expected any of {', '.join(DATA)} in models", "code": "E0101"}, last
    else:
        asked = message.model_dump(exclude_none=True) | {"models": last}
    if message.data is None and not message.reset_stream:
        return about, last
    try:
        return {**about, **await service.streams.ask(session, asked)}, last
    except Broken:
        return {**about, "error": "the process that measures was started again; send this message once more", "code": "E0200"}, last
