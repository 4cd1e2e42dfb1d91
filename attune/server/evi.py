"""`/v0/evi/chat`: the events of Hume's Empathic Voice Interface, for clients written for it. Text comes back; speech (`audio_output`) only where the
server was started with `--speak`, and then in a machine's voice.

    from a client   session_settings, audio_input, user_input, assistant_input, pause_assistant_message, resume_assistant_message
    to a client     chat_metadata, user_message (with prosody's 48 scores), assistant_message (a sentence each), audio_output, assistant_end, user_interruption,
                    error

Sound is raw 16-bit PCM once `session_settings.audio` has said so, and turns end with a second of silence; else each `audio_input` is a whole file and
a turn. Words are known where a recogniser is installed; without one, a turn is answered by how it sounded. Whoever speaks or writes while a reply
is on its way interrupts it. The reply comes from the same model as that of `/v1/chat/completions`; the conversation ends with the connection.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import json
import threading
import time
import uuid
from collections.abc import Generator
from typing import Any

import av
import numpy as np
from fastapi import APIRouter, WebSocket
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.websockets import WebSocketDisconnect

from attune.agent import Agent, Answer, boundaries, speech
from attune.agent.microphone import Turns
from attune.agent.persona import names as personas
from attune.agent.persona import persona
from attune.errors import AttuneError, SettingError
from attune.server.hearing import Asked, BusyError, ears_of, scores_of
from attune.server.openai import LONGEST, client_of
from attune.server.service import Service
from attune.server.uploads import decoded

SAMPLE_RATE = 16_000                     # Hz
RATES = (8_000, 96_000)                  # of a client's sound
TRY_LATER = 1013
IGNORED = ("tool_response", "tool_error")

router = APIRouter()


@router.websocket("/v0/evi/chat")
async def chat(socket: WebSocket) -> None:
    """A conversation."""
    service, session = Service.of(socket), str(uuid.uuid4())
    owner = service.owner(socket)
    await socket.accept()
    why = service.streams.refused(owner)
    if why:
        await socket.send_json({"type": "error", "code": "E0700", "slug": "too_many_chats", "message": why})
        await socket.close(TRY_LATER)
        return
    service.streams.sessions[session] = owner
    talk = Chat(socket, service, session)
    try:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):      # gone while we said something
            await talk.run()
    finally:
        await talk.stop()
        await service.streams.close(session)


class Chat:
    """One client's conversation."""

    def __init__(self, socket: WebSocket, service: Service, session: str) -> None:
        self.socket, self.service, self.session = socket, service, session
        wanted = socket.query_params.get("config_id", "")
        self.agent = Agent(client_of(), persona=wanted if wanted in personas() else "attune", settings=service.config.settings)
        self.custom: str | None = None
        self.sound: _Sound | None = None
        self.reply: asyncio.Task[None] | None = None
        self.paused = False
        self.clock = 0                                        # ms of the conversation, as turns go by

    async def run(self) -> None:
        await self._send("chat_metadata", chat_id=self.session, chat_group_id=self.session, request_id=str(uuid.uuid4()))
        start = "session_settings["
        first = {k.removeprefix(start).rstrip("]").replace("][", "."): v for k, v in self.socket.query_params.items() if k.startswith(start)}
        if first:
            await self._guarded(self._settings(_nested(first)))
        while True:
            came = await self.socket.receive()
            if came["type"] == "websocket.disconnect":
                return
            text = came.get("text")
            if text is None:
                text = (came.get("bytes") or b"").decode("utf-8", "replace")
            if len(text) > self.service.config.limits.stream_bytes:
                await self._error("E0709", "too_large", f"the message has {len(text)} bytes; at most {self.service.config.limits.stream_bytes} are taken")
                continue
            await self._guarded(self._take(text))

    async def stop(self) -> None:
        if self.reply is not None:
            self.reply.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self.reply

    async def _guarded(self, step: Any) -> None:
        try:
            await step
        except BusyError as error:
            await self._error("E0710", "busy", str(error))
        except AttuneError as error:
            await self._error("E0707", "malformed", str(error))

    # ---- what comes ---------------------------------------------------------------------------------------------------------

    async def _take(self, text: str) -> None:
        message = decoded(text)
        if not isinstance(message, dict) or not isinstance(message.get("type"), str):
            raise SettingError("a message without type; expected session_settings, audio_input, user_input, assistant_input, pause_assistant_message ...")
        kind = message["type"]
        if kind == "session_settings":
            await self._settings(message)
        elif kind == "user_input":
            await self._interrupt()
            await self._turn(Asked(words=_text(message), notice=self.agent.notice), from_text=True)
        elif kind == "audio_input":
            await self._audio(message)
        elif kind == "assistant_input":
            await self._send("assistant_message", **self._said(_text(message)), from_text=True)
            self.agent.memory.answered(_text(message), {"by": "client"})
            await self._send("assistant_end")
        elif kind in ("pause_assistant_message", "resume_assistant_message"):
            self.paused = kind.startswith("pause")
        elif kind not in IGNORED:
            raise SettingError(f"a message of type {kind[:40]!r} isn't known here")

    async def _settings(self, message: dict[str, Any]) -> None:
        if message.get("custom_session_id") is not None:
            self.custom = str(message["custom_session_id"])[:200]
        if message.get("system_prompt"):
            from dataclasses import replace

            own = self.agent.persona
            self.agent.persona = replace(own, style={tag: str(message["system_prompt"])[:20_000] for tag in boundaries.languages()})
        elif message.get("persona"):
            self.agent.persona = persona(str(message["persona"]))
        audio = message.get("audio")
        if isinstance(audio, dict):
            self.sound = _Sound.of(audio)

    async def _audio(self, message: dict[str, Any]) -> None:
        data = message.get("data")
        if not isinstance(data, str):
            raise SettingError("audio_input without data; expected the sound as base64")
        try:
            raw = base64.b64decode(data, validate=True)
        except (binascii.Error, ValueError) as error:
            raise SettingError(f"the data of audio_input is no base64 ({error})") from error
        if self.sound is None:
            await self._interrupt()
            await self._turn(Asked(files=((raw, ""),), notice=self.agent.notice), from_text=False)
            return
        for turn in await run_in_threadpool(self.sound.push, raw):
            samples = np.concatenate([*turn.media.blocks(SAMPLE_RATE), np.zeros(0, np.float32)])
            await self._turn(Asked(sound=samples, notice=self.agent.notice), from_text=False, time=(round(turn.start * 1000), round(turn.end * 1000)))
        if self.sound.speaking:
            await self._interrupt()

    # ---- what is answered ---------------------------------------------------------------------------------------------------

    async def _turn(self, asked: Asked, *, from_text: bool, time: tuple[int, int] | None = None) -> None:
        turn = await ears_of(self.socket, self.service.config.settings).turn(asked)
        begin, end = time or (self.clock, self.clock + round(turn.recording.duration * 1000))
        self.clock = max(self.clock, end)
        scores = scores_of(turn) if not from_text else {}
        await self._send("user_message", message={"role": "user", "content": turn.words}, models={"prosody": {"scores": scores} if scores else None},
                         time={"begin": begin, "end": end}, interim=False, from_text=from_text, language=turn.language)
        if self.paused:
            await run_in_threadpool(self.agent.memory.heard, turn.recording)
            return
        await self._finished()
        self.reply = asyncio.create_task(self._answer(turn.recording))

    async def _answer(self, recording: Any) -> None:
        stopped, pieces = threading.Event(), None
        try:
            answer = await run_in_threadpool(lambda: self.agent.say(recording=recording))
            pieces = _unless(stopped, answer)
            async for sentence in iterate_in_threadpool(boundaries.sentences(pieces)):
                if sentence.strip():
                    said = self._said(sentence.strip())
                    await self._send("assistant_message", **said, from_text=False)
                    if self.service.config.speak:
                        await self._speak(said["id"], sentence.strip(), answer.turn.language if answer.turn else "")
            await self._send("assistant_end")
        except AttuneError as error:
            await self._error("E0711", "model", str(error))
        finally:
            stopped.set()
            if pieces is not None:
                await _closed(pieces)

    async def _speak(self, number: str, sentence: str, language: str) -> None:
        """The sentence aloud, a WAV file; a program that fails costs the sound, not the answer."""
        try:
            sound = await run_in_threadpool(speech.spoken, self.service.config.speak, sentence, language)
            await self._send("audio_output", id=number, index=0, data=base64.b64encode(sound).decode())
        except AttuneError as error:
            await self._error("E0712", "speech", str(error))

    async def _interrupt(self) -> None:
        """Stop a reply that is on its way, and say so."""
        if self.reply is None or self.reply.done():
            return
        await self.stop()
        self.reply = None
        await self._send("user_interruption", time=int(time.time() * 1000))

    async def _finished(self) -> None:
        if self.reply is not None and not self.reply.done():
            await self._interrupt()

    def _said(self, text: str) -> dict[str, Any]:
        return {"id": uuid.uuid4().hex, "message": {"role": "assistant", "content": text}, "models": {"prosody": None}, "is_quick_response": False}

    async def _send(self, kind: str, **more: Any) -> None:
        own = {"custom_session_id": self.custom} if self.custom is not None else {}
        await self.socket.send_text(json.dumps({"type": kind, **own, **more}, ensure_ascii=False))

    async def _error(self, code: str, slug: str, message: str) -> None:
        await self._send("error", code=code, slug=slug, message=message)


def _unless(stopped: threading.Event, answer: Answer) -> Generator[str, None, None]:
    """The pieces of an answer until it is stopped; then whoever gives it is told at once, so that nobody goes on talking to no one."""
    try:
        for piece in answer:
            if stopped.is_set():
                break
            yield piece
    finally:
        answer.close()


async def _closed(pieces: Generator[str, None, None], wait: float = 0.5) -> None:
    """Close it, or give the thread that is in it the time for one more piece: what was said is then remembered before the next turn is.

    A piece that takes longer ends the answer when it comes.
    """
    until = time.monotonic() + wait
    while time.monotonic() < until:
        with contextlib.suppress(ValueError):                 # generator already executing
            pieces.close()
            return
        await asyncio.sleep(0.01)


class _Sound:
    """Raw sound of a client, as turns."""

    def __init__(self, rate: int, channels: int) -> None:
        self.rate, self.channels, self._left = rate, channels, b""
        self._resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
        self._turns = Turns()

    @classmethod
    def of(cls, audio: dict[str, Any]) -> _Sound:
        """From session settings; `SettingError` for an encoding, rate or number of channels that isn't taken."""
        encoding, rate, channels = audio.get("encoding", "linear16"), audio.get("sample_rate"), audio.get("channels", 1)
        if encoding != "linear16":
            raise SettingError(f"audio.encoding is {str(encoding)[:40]!r}; expected linear16, or whole files without audio settings")
        rate, channels = _whole(rate, "audio.sample_rate", *RATES), _whole(channels, "audio.channels", 1, 2)
        return cls(rate, channels)

    @property
    def speaking(self) -> bool:
        return self._turns.speaking

    def push(self, raw: bytes) -> list[Any]:
        raw, step = self._left + raw, 2 * self.channels
        whole = len(raw) - len(raw) % step
        self._left = raw[whole:]
        if not whole:
            return []
        frame = av.AudioFrame.from_ndarray(np.frombuffer(raw[:whole], "<i2")[None], "s16", "mono" if self.channels == 1 else "stereo")
        frame.sample_rate = self.rate
        samples = [piece.to_ndarray()[0] for piece in self._resampler.resample(frame)]
        return self._turns.push(np.concatenate([*samples, np.zeros(0, np.float32)]))


def _whole(value: Any, name: str, low: int, high: int) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = -1
    if not low <= number <= high:
        raise SettingError(f"{name} is {str(value)[:40]!r}; expected a whole number from {low} to {high}")
    return number


def _text(message: dict[str, Any]) -> str:
    text = message.get("text")
    if not isinstance(text, str) or not text.strip():
        raise SettingError(f"{message['type']} without text")
    if len(text) > LONGEST:
        raise SettingError(f"{message['type']} has {len(text)} characters; at most {LONGEST} are taken")
    return text


def _nested(flat: dict[str, str]) -> dict[str, Any]:
    """{"audio.channels": "1"} as {"audio": {"channels": "1"}}."""
    out: dict[str, Any] = {}
    for key, value in flat.items():
        *path, last = key.split(".")
        here = out
        for name in path:
            here = here.setdefault(name, {})
        here[last] = value
    return out
