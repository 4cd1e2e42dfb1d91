"""Sessions of the API v1 over a WebSocket: sound or pictures as they come, every message answered in order.

What ends a session is told as an `error` that isn't retryable, then `session.closed`, then the connection is closed.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import time
from typing import Any, Literal

from fastapi import APIRouter, WebSocket
from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocketDisconnect

from attune.errors import AttuneError
from attune.server.config import MB
from attune.server.hume_v1.asked import FRAME, IMAGE, SECOND, AudioConfig, VideoConfig, Wrong, configured
from attune.server.hume_v1.runs import PICTURE, Run
from attune.server.hume_v1.seen import JPEG, PIXELS, size_of
from attune.server.service import Service
from attune.server.streaming import Broken
from attune.server.uploads import decoded

IDLE = 60.0                              # s without a message
AHEAD = 10.0                             # s of sound, and
BURST = 6                                # pictures, that may come at once; after that as time goes by
RATE = 3.0                               # pictures a second
FAILURES = 5                             # measurements in a row that fail, after which a session ends
LARGEST = {"audio": 1 * MB, "video": IMAGE}      # bytes of one message
NORMAL, REFUSED, LOST, LATER = 1000, 1008, 1011, 1013        # WebSocket close codes

router = APIRouter()


class Over(Exception):
    """The session ends: the reason that is told, with the error's code and sentence, if there is one."""

    def __init__(self, reason: str, code: str = "", message: str = "") -> None:
        super().__init__(message)
        self.reason, self.code = reason, code


@router.websocket("/v1/expression/audio/realtime")
async def audio(socket: WebSocket) -> None:
    """Measure speech while it is spoken."""
    await _Session(socket, "audio").run_it()


@router.websocket("/v1/expression/video/realtime")
async def video(socket: WebSocket) -> None:
    """Measure faces, picture by picture."""
    await _Session(socket, "video").run_it()


class _Session:
    """One connection."""

    def __init__(self, socket: WebSocket, endpoint: Literal["audio", "video"]) -> None:
        self.socket, self.service, self.endpoint = socket, Service.of(socket), endpoint
        self.kind: type[Any] = AudioConfig if endpoint == "audio" else VideoConfig
        self.config: Any = self.kind()
        self.run = Run(self.service.owner(socket), endpoint, "realtime", self.config.model_dump())
        self.began, self.fresh = time.monotonic(), True
        self.frames = self.failed = self.results = self.seen = 0
        self.produced: dict[str, int] = {"utterances": 0, "measurements": 0} if endpoint == "audio" else {"measurements": 0}
        self.code: int | None = LOST
        self.reason: str | None = "error"
        self.errored = True

    async def run_it(self) -> None:
        await self.socket.accept()
        streams = self.service.streams
        try:
            why = streams.refused(self.run.owner)
            if why:
                await self._error("rate_limited", why, retryable=True)
                await self.socket.close(LATER)
                return
            streams.sessions[self.run.id], streams.runs[self.run.id] = self.run.owner, self.run
        except (WebSocketDisconnect, RuntimeError):
            return
        try:
            await self._conversation()
        except (WebSocketDisconnect, RuntimeError):           # gone while it was told something
            pass
        finally:
            await streams.close(self.run.id)
            await run_in_threadpool(lambda: self.run.end(self.service, code=self.code, reason=self.reason, errored=self.errored))

    async def _conversation(self) -> None:
        try:
            await self._ask(**self.config.asked())
            await self._send(type="session.created", session_id=self.run.id, **self.config.model_dump())
            while await self._next():
                pass
        except Over as over:
            self.code, self.reason, self.errored = NORMAL if not over.code else REFUSED, over.reason, bool(over.code)
            if over.code:
                await self._error(over.code, str(over), retryable=False)
            await self._closed(over.reason)
            await self.socket.close(self.code)

    async def _next(self) -> bool:
        """Answer the next message; whether there was one."""
        try:
            came = await asyncio.wait_for(self.socket.receive(), IDLE)
        except TimeoutError:
            await self._finish()
            raise Over("idle_timeout") from None
        if came["type"] == "websocket.disconnect":
            code = came.get("code")
            self.code, self.reason = (LOST, "error") if code in (None, 1006) else (code, came.get("reason") or None)
            self.errored = self.code == LOST
            return False
        data = came.get("bytes")
        if data is None:
            await self._control(came.get("text") or "")
        elif len(data) > LARGEST[self.endpoint]:
            self.run.happened("message_too_large", limit_bytes=LARGEST[self.endpoint])
            raise Over("error", "message_too_large", f"a message of {len(data)} bytes; at most {LARGEST[self.endpoint]} are taken")
        elif self.endpoint == "audio":
            await self._sound(data)
        else:
            await self._picture(data)
        return True

    async def _control(self, text: str) -> None:
        if len(text) > LARGEST[self.endpoint]:
            raise Over("error", "message_too_large", f"a message of {len(text)} characters; at most {LARGEST[self.endpoint]} are taken")
        try:
            given = decoded(text)
        except AttuneError as error:
            await self._error("message_invalid", str(error), retryable=True)
            return
        kind = given.get("type") if isinstance(given, dict) else None
        if kind == "session.close":
            await self._finish()
            raise Over("client_request")
        if kind != "session.update":
            await self._error("message_invalid", f"a message of type {str(kind)[:40]!r}; expected session.update or session.close", retryable=True)
            return
        if not self.fresh:
            raise Over("error", "config_invalid", "session.update after the first frame; send it before")
        try:
            self.config = configured(self.kind, given)
        except Wrong as wrong:
            raise Over("error", "config_invalid", str(wrong)) from None
        self.run.config = self.config.model_dump()
        await self._ask(**self.config.asked())
        await self._send(type="session.updated", **self.config.model_dump())

    async def _sound(self, data: bytes) -> None:
        self.fresh = False
        if not data or len(data) % 2 or len(data) > FRAME * SECOND:
            await self._rejected("invalid_audio_frame", f"a frame of {len(data)} bytes; expected s16le: an even number above 0, at most {FRAME} s")
            return
        seconds = len(data) / SECOND
        if self.run.seconds + seconds > time.monotonic() - self.began + AHEAD:
            await self._rejected("rate_limited", f"the sound comes faster than time goes by, more than {AHEAD:.0f} s ahead; send this frame again in a while")
            return
        self.frames += 1
        self.run.bytes += len(data)
        self.run.seconds += seconds
        await self._tell(await self._ask(v1="hear", data=base64.b64encode(data).decode()))

    async def _picture(self, data: bytes) -> None:
        self.fresh = False
        if self.seen >= (time.monotonic() - self.began) * RATE + BURST:
            await self._rejected("rate_limited", f"more than {RATE:.0f} pictures a second; drop this one, or send it again in a while")
            return
        self.seen += 1
        self.run.bytes += len(data)
        self.run.seconds += PICTURE
        try:
            if not data.startswith(JPEG):
                raise Wrong(400, "invalid", f"the frame begins with {data[:4]!r}; expected a JPEG")
            width, height = size_of(data)
            if width * height > PIXELS:
                raise Wrong(400, "invalid", f"the picture has {width} x {height} pixels; at most {PIXELS} are taken")
            faces = (await self._ask(v1="see", data=base64.b64encode(data).decode()))["told"]
        except (Wrong, AttuneError) as wrong:
            if isinstance(wrong, Wrong) and wrong.code != "invalid":
                self.failed += 1
                self.run.happened("inference_failed", retryable=True, consecutive=self.failed)
                if self.failed >= FAILURES:
                    raise Over("error", "internal_error", str(wrong)) from None
                self.frames += 1
                await self._error("internal_error", str(wrong), retryable=True)
                return
            await self._rejected("invalid_image_frame", str(wrong))
            return
        self.frames, self.failed = self.frames + 1, 0
        self.produced["measurements"] += len(faces)
        await self._send(type="measurement.result", frame_id=self.results, faces=faces)
        self.results += 1

    async def _finish(self) -> None:
        """The sound is over: what was under way."""
        if self.endpoint == "audio":
            await self._tell(await self._ask(v1="close"))

    async def _tell(self, said: dict[str, Any]) -> None:
        self.produced = said["produced"]
        for event in said["told"]:
            await self.socket.send_json(event)

    async def _closed(self, reason: str) -> None:
        received = {"frames": self.frames} | ({"audio_duration_ms": round(self.run.seconds * 1000)} if self.endpoint == "audio" else {})
        await self._send(type="session.closed", session_id=self.run.id, reason=reason, received=received, produced=self.produced)

    async def _rejected(self, code: str, message: str) -> None:
        self.run.happened(code, **({} if code == "rate_limited" else {"detail": message}))
        await self._error(code, message, retryable=True)

    async def _error(self, code: str, message: str, *, retryable: bool) -> None:
        await self._send(type="error", code=code, message=message, retryable=retryable)

    async def _send(self, **message: Any) -> None:
        await self.socket.send_json(message)

    async def _ask(self, **message: Any) -> dict[str, Any]:
        """What the process that measures says; a picture that can't be measured is `Wrong`, anything else ends the session."""
        try:
            said: dict[str, Any] = await self.service.streams.ask(self.run.id, message)
        except Broken:
            said = {"error": "the process that measures was started again", "code": "lost"}
        if "error" not in said:
            return said
        if message["v1"] == "see":
            if said["code"] == "lost":                        # a new process knows nothing of this session yet
                with contextlib.suppress(Broken):
                    await self.service.streams.ask(self.run.id, self.config.asked())
            raise Wrong(500, said["code"], said["error"])
        self.run.happened("inference_failed", retryable=False, consecutive=1)
        raise Over("error", "internal_error", said["error"])
