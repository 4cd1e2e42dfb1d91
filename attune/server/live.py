"""`/v1/live`: one's own expression while it happens, over a WebSocket. docs/live.md describes every message.

Two tasks a connection: one takes what the client sends, the other has it measured, in order, by a streaming process and sends what that tells.
Between them waits what hasn't been measured yet: of pictures only the newest, of sound all of it, up to `BEHIND` seconds. So a slow machine looks
at fewer pictures, and late ones never pile up.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import math
import struct
import time
import uuid
from collections import deque
from typing import Any, Literal

from fastapi import APIRouter, Request, WebSocket
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocketDisconnect

from attune.errors import AttuneError
from attune.server.config import MB
from attune.server.hume_v0.asked import sentence
from attune.server.jobs.queue import New, now_ms
from attune.server.own import NOTICE, _check
from attune.server.service import Service
from attune.server.streaming import Broken
from attune.server.talking import Talk
from attune.server.uploads import decoded

KIND = "live"
SAMPLE_RATE = 16_000                     # Hz, of the sound that is taken
IDLE = 60.0                              # s without a message after which a session ends
AHEAD = 5.0                              # s that sound and pictures may be ahead of the clock: nobody's camera is faster than time
BEHIND = 30.0                            # s of sound that may wait to be measured
CHUNK = 5.0                              # s of sound in one message, at most
PICTURE = 4 * MB                         # bytes of one picture, at most
CONTROLS = 50                            # messages in JSON in any ten seconds, at most
FRESH = 6.0                              # s that what was told counts as now
WORDS = 0.2                              # s between two looks for words that are being recognised, while nothing comes
UNHEARD = 10.0                           # s that the end waits for them
STARTS = 5                               # tries to start
NORMAL, REFUSED, DEFECT, LATER = 1000, 1008, 1011, 1013     # WebSocket close codes

log = logging.getLogger("attune.live")
router = APIRouter(tags=["Live"])


class _Said(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Start(_Said):
    type: Literal["start"]
    settings: dict[str, Any] = Field(default_factory=dict)
    record: bool = False
    consent: str = Field(default="", max_length=500)
    purpose: str = Field(default="", max_length=500)
    baseline: Literal["none", "own"] = "none"
    language: str = Field(default="", max_length=35)
    share: bool = False


class Mute(_Said):
    type: Literal["mute"]
    modality: Literal["face", "voice", "text"]
    on: bool


class Words(_Said):
    type: Literal["words"]
    start: float = Field(ge=0)
    end: float = Field(ge=0)
    text: str = Field(max_length=10_000)
    person: str = Field(default="", max_length=100)


class Forget(_Said):
    type: Literal["forget"]
    what: Literal["conversation", "measured"]


KINDS: dict[str, type[_Said]] = {"mute": Mute, "words": Words, "forget": Forget}


class Trouble(Exception):
    """What is wrong with a message: the code and the sentence of an `error`."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


@router.websocket("/v1/live")
async def live(socket: WebSocket) -> None:
    """Measure pictures, sound and words as they come."""
    service = Service.of(socket)
    owner = service.owner(socket)
    await socket.accept()
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):          # gone while we told something
        why = service.streams.refused(owner)
        if why:
            await _error(socket, "full", why, retryable=True)
            await socket.close(LATER)
            return
        await Conversation(socket, service, owner).run()


@router.get("/v1/live", summary="Live sessions that may be asked for what is measured now")
def sessions(request: Request) -> list[dict[str, Any]]:
    """Those of the same key that were started with `share`, the newest first; docs/live.md says what each tells."""
    service = Service.of(request)
    owner = service.owner(request)
    return [one.now() for one in reversed(list(service.streams.live.values())) if one.owner == owner and one.start.share]


class Conversation:
    """One client's session, from its start to its end."""

    def __init__(self, socket: WebSocket, service: Service, owner: str) -> None:
        self.socket, self.service, self.owner, self.id = socket, service, owner, str(uuid.uuid4())
        self.start = Start(type="start")
        self.began, self.began_ms = 0.0, 0
        self.waiting: deque[dict[str, Any]] = deque()
        self.more = asyncio.Event()
        self.sound = 0.0                                      # s waiting
        self.received = {"audio_seconds": 0.0, "pictures": 0, "dropped": 0, "messages": 0}
        self.controls: deque[float] = deque()
        self.gone = False
        self.unheard = 0                                      # utterances whose words are being recognised
        self.talk = Talk()
        self.latest: dict[str, tuple[float, dict[str, Any]]] = {}        # type, and person -> when it was told, and what

    async def run(self) -> None:
        self.service.streams.sessions[self.id] = self.owner
        try:
            if not await self._started():
                return
            reading = asyncio.create_task(self._read())
            try:
                await self._work()
            finally:
                reading.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await reading
        finally:
            self.service.streams.live.pop(self.id, None)
            await self.service.streams.close(self.id)

    # ---- the start ----------------------------------------------------------------------------------------------------------

    async def _started(self) -> bool:
        """Wait for a start that is right; whether there was one."""
        for _ in range(STARTS):
            try:
                came = await asyncio.wait_for(self.socket.receive(), IDLE)
            except TimeoutError:
                await self._end("idle_timeout", f"nothing came for {IDLE:.0f} s")
                return False
            if came["type"] == "websocket.disconnect":
                return False
            try:
                self.start = await self._agreed(came.get("text"))
                said = await self._ask(live="start", start=self.start.model_dump())
            except Trouble as trouble:
                await _error(self.socket, trouble.code, str(trouble), retryable=True)
                continue
            self.began, self.began_ms = time.monotonic(), now_ms()
            limits = self.service.config.limits
            self.service.streams.live[self.id] = self
            await self.socket.send_json({
                "type": "started", "session": self.id, **said["about"], "notice": NOTICE,
                "limits": {"fps": said["about"]["settings"]["fps"], "picture_bytes": PICTURE, "picture_side": limits.stream_pixels, "chunk_seconds": CHUNK,
                           "session_seconds": limits.media_seconds, "idle_seconds": IDLE, "ahead_seconds": AHEAD, "sample_rate": SAMPLE_RATE}})
            return True
        await self._end("start_invalid", f"{STARTS} messages, and none of them a start")
        return False

    async def _agreed(self, text: str | None) -> Start:
        """What the first message asks for, checked."""
        if text is None:
            raise Trouble("start_first", 'the first message must be text: {"type": "start", "settings": {}, "record": false}')
        try:
            given = decoded(text)
            if not isinstance(given, dict) or given.get("type") != "start":
                raise Trouble("start_first", f'the first message must be {{"type": "start", ...}}; this is {text[:60]!r}')
            start = Start.model_validate(given)
            for name in ("baseline", "language"):
                if name in start.settings:
                    raise Trouble("start_invalid", f"settings.{name}: give {name} beside the settings")
            await run_in_threadpool(_check, start.settings, self.service)
        except ValidationError as error:
            raise Trouble("start_invalid", sentence(error)) from None
        except AttuneError as error:
            raise Trouble("start_invalid", str(error)) from None
        return start

    # ---- what comes ---------------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        """Take messages until the client stops, goes, or is silent too long; whatever happens, the session comes to its end."""
        try:
            await self._taken()
        except (WebSocketDisconnect, RuntimeError):           # gone while it was told something
            self.gone = True
            self._put({"live": "stop", "why": None})
        except Exception:
            log.exception("live session %s", self.id)
            self._put({"live": "stop", "why": ("internal_error", "a defect of the server; please report it")})

    async def _taken(self) -> None:
        longest = self.service.config.limits.media_seconds
        while True:
            try:
                came = await asyncio.wait_for(self.socket.receive(), IDLE)
            except TimeoutError:
                self._put({"live": "stop", "why": ("idle_timeout", f"nothing came for {IDLE:.0f} s")})
                return
            if came["type"] == "websocket.disconnect":
                self.gone = True
                self._put({"live": "stop", "why": None})
                return
            self.received["messages"] += 1
            try:
                if time.monotonic() - self.began > longest:
                    self._put({"live": "stop", "why": ("too_long", f"the session lasts more than {longest:.0f} s, as long as is taken here")})
                    return
                if came.get("bytes") is not None:
                    self._media(came["bytes"])
                elif await self._control(came.get("text") or ""):
                    return
            except Trouble as trouble:
                await _error(self.socket, trouble.code, str(trouble), retryable=True)

    def _media(self, data: bytes) -> None:
        """A binary message: a byte that says what it is, eight that say when, and the sound or the picture."""
        if len(data) < 10 or data[0] not in (1, 2):
            raise Trouble("message_invalid", f"a binary message of {len(data)} bytes that begins with {data[:1].hex() or 'nothing'}; expected 01 (sound) or "
                                             "02 (a picture), the time as a little-endian float64, then the data")
        (at,) = struct.unpack("<d", data[1:9])
        clock = time.monotonic() - self.began
        if not (math.isfinite(at) and at >= 0):
            raise Trouble("message_invalid", f"the time is {at}; expected seconds since the start")
        if at > clock + AHEAD:
            raise Trouble("rate_limited", f"the time is {at:.1f} s, {at - clock:.1f} s ahead of the clock; send as it happens, at most {AHEAD:.0f} s ahead")
        body = data[9:]
        if data[0] == 2:
            self._picture(at, body)
            return
        seconds = len(body) / 2 / SAMPLE_RATE
        if len(body) % 2 or seconds > CHUNK:
            raise Trouble("sound_invalid", f"{len(body)} bytes of sound; expected s16le at {SAMPLE_RATE} Hz, an even number of bytes, at most {CHUNK:.0f} s")
        if self.received["audio_seconds"] + seconds > clock + AHEAD:
            raise Trouble("rate_limited", f"the sound comes faster than time goes by, more than {AHEAD:.0f} s ahead; send it as it happens")
        if self.sound + seconds > BEHIND:
            self._put({"live": "stop", "why": ("too_slow", f"{BEHIND:.0f} s of sound wait to be measured: this machine is too slow for as many sessions")})
            raise Trouble("too_slow", "the sound can't be measured as fast as it comes")
        self.sound += seconds
        self.received["audio_seconds"] += seconds
        before = self.waiting[-1] if self.waiting else {}
        if before.get("live") == "hear" and abs(before["until"] - at) < 1e-3 and len(before["data"]) < CHUNK * SAMPLE_RATE * 2:
            before["data"] += body                            # what waits is measured at once
            before["until"] = at + seconds
        else:
            self._put({"live": "hear", "time": at, "until": at + seconds, "data": body})

    def _picture(self, at: float, body: bytes) -> None:
        if len(body) > PICTURE:
            raise Trouble("message_too_large", f"a picture of {len(body)} bytes; at most {PICTURE} are taken")
        self.received["pictures"] += 1
        old = next((one for one in self.waiting if one["live"] == "see"), None)
        if old is not None:
            self.received["dropped"] += 1
            self.waiting.remove(old)
        self._put({"live": "see", "time": at, "data": body, "came": time.monotonic()})

    async def _control(self, text: str) -> bool:
        """A message in JSON; whether it is the last."""
        now = time.monotonic()
        self.controls.append(now)
        while self.controls[0] < now - 10:
            self.controls.popleft()
        if len(self.controls) > CONTROLS:
            raise Trouble("rate_limited", f"more than {CONTROLS} messages in ten seconds")
        try:
            given = decoded(text)
        except AttuneError as error:
            raise Trouble("message_invalid", str(error)) from None
        kind = given.get("type") if isinstance(given, dict) else None
        if kind == "ping":
            await self.socket.send_json({"type": "pong", "id": given.get("id") if isinstance(given.get("id"), int | float | str) else None})
            return False
        if kind == "stop":
            self._put({"live": "stop", "why": None})
            return True
        if not isinstance(kind, str) or kind not in KINDS:
            raise Trouble("message_invalid", f"a message of type {str(kind)[:40]!r}; expected {', '.join([*KINDS, 'ping', 'stop'])}")
        try:
            said = KINDS[kind].model_validate(given).model_dump(exclude={"type"})
        except ValidationError as error:
            raise Trouble("message_invalid", sentence(error)) from None
        if kind == "words" and said["start"] > said["end"]:
            raise Trouble("message_invalid", f"words from {said['start']} to {said['end']} s; expected the start first")
        if kind == "forget":
            self.talk.forget(said["what"])
        else:
            self._put({"live": kind, **said})
        return False

    def _put(self, message: dict[str, Any]) -> None:
        self.waiting.append(message)
        self.more.set()

    # ---- what is measured ---------------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        """Have everything measured in order, and tell what comes of it, until the stop."""
        while True:
            while not self.waiting:
                self.more.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.more.wait(), WORDS if self.unheard else None)
                if not self.waiting and self.unheard:
                    self.waiting.append({"live": "tell"})
            message = self.waiting.popleft()
            if message["live"] == "stop":
                await self._stop(message["why"])
                return
            if message["live"] == "hear":
                self.sound -= len(message["data"]) / 2 / SAMPLE_RATE
            elif message["live"] == "see":
                message["late"] = time.monotonic() - message.pop("came")
            if "data" in message:
                message["data"] = base64.b64encode(message["data"]).decode()
            try:
                said = await self._ask(**message)
            except Trouble as trouble:
                if trouble.code == "session_lost":
                    await self._tell(_problem(trouble.code, str(trouble), retryable=True))
                    await self._over(None, math.nan)
                    return
                await self._tell(_problem(trouble.code, str(trouble), retryable=True))
                continue
            for one in said["told"]:
                await self._tell(one)

    async def _stop(self, why: tuple[str, str] | None) -> None:
        try:
            for one in (await self._ask(live="finish"))["told"]:
                await self._tell(one)
            until = time.monotonic() + UNHEARD
            while self.unheard and (self.start.record or not self.gone) and time.monotonic() < until:
                await asyncio.sleep(WORDS)
                for one in (await self._ask(live="tell"))["told"]:
                    await self._tell(one)
            said = await self._ask(live="stop")
        except Trouble as trouble:
            await self._tell(_problem(trouble.code, str(trouble), retryable=True))
            said = {"told": [], "duration": math.nan, "recording": None}
        for one in said["told"]:
            await self._tell(one)
        if why is not None:
            await self._tell(_problem(*why, retryable=True))
        await self._over(said["recording"], said["duration"])

    async def _over(self, kept: dict[str, Any] | None, duration: float) -> None:
        """Write down what was kept, and that there was a session; tell that it is over."""
        recording = conversation = None
        if kept is not None:
            start = self.start
            new = New(KIND, self.owner, {"settings": start.settings}, [{"type": "live"}], id=self.id, consent=start.consent, purpose=start.purpose)
            queue, retention = self.service.queue, self.service.config.retention
            await run_in_threadpool(lambda: queue.record(new, started=self.began_ms, retention=retention, predictions=kept["rows"]))
            recording = f"{self.id}.0.0"
            conversation = await run_in_threadpool(self.talk.kept, self.service.store, self.id)
        received = {**self.received, "audio_seconds": round(self.received["audio_seconds"], 3)}
        await run_in_threadpool(self.service.queue.note, self.id, self.owner, "live", **received, recorded=recording is not None,
                                consent=self.start.consent, purpose=self.start.purpose)
        await self._tell({"type": "ended", "duration": duration if math.isfinite(duration) else None, "recording": recording,
                          "report": f"/v1/recordings/{recording}/report" if recording else None, "conversation": conversation, "received": received})
        if not self.gone:
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):
                await self.socket.close(NORMAL)

    async def _ask(self, **message: Any) -> dict[str, Any]:
        """What the session's process answers; `Trouble` if it is an error."""
        try:
            said: dict[str, Any] = await self.service.streams.ask(self.id, message)
        except Broken:
            raise Trouble("session_lost", "the process that measures ended; start a new session") from None
        if "error" in said:
            raise Trouble(said["code"], said["error"])
        self.unheard = said.get("waiting", self.unheard)
        return said

    async def _tell(self, message: dict[str, Any]) -> None:
        """Tell the client, if it is still there: a session that is recorded goes on to its end without."""
        if self.start.share and message["type"] in ("said", "face", "voice", "text", "fused"):
            self.latest[f"{message['type']} {message.get('person', '')}"] = time.monotonic(), message
        if not self.gone:
            try:
                await self.socket.send_json(message)
            except (WebSocketDisconnect, RuntimeError):
                self.gone = True

    def now(self) -> dict[str, Any]:
        """What was told last, as long as it is about now; each with its age, s."""
        clock = time.monotonic()
        fresh = {name: {**message, "age": round(clock - when, 2)} for name, (when, message) in self.latest.items() if clock - when < FRESH}
        said = fresh.pop("said ", None)
        return {"session": self.id, "seconds": round(clock - self.began, 1), "record": self.start.record, "consent": self.start.consent,
                "purpose": self.start.purpose, "sentence": said["text"] if said else None, "latest": list(fresh.values())}

    async def _end(self, code: str, text: str) -> None:
        await _error(self.socket, code, text, retryable=True)
        await self.socket.close(REFUSED)


def _problem(code: str, text: str, *, retryable: bool) -> dict[str, Any]:
    return {"type": "error", "code": code, "message": text, "retryable": retryable}


async def _error(socket: WebSocket, code: str, text: str, *, retryable: bool) -> None:
    await socket.send_json(_problem(code, text, retryable=retryable))
