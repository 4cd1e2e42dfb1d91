"""`POST /v1/chat/completions`: any program that speaks OpenAI's interface gets answers that take expression into account.

The last user message is measured: its words, parts with sound or a picture, and scores of voice that a client sends beside it as Hume's EVI does
(`models.prosody.scores`). What was measured is added to it, and the conversation is passed on to the model that the server was started with
(`ATTUNE_LLM_URL`, `ATTUNE_LLM_MODEL`, `ATTUNE_LLM_KEY`); without one, the reflective listener answers. Sounds and pictures stay here: the model gets
words. Nothing is kept; with `attune.live` what a live session measured meanwhile is used, and its turns are remembered as long as it goes on.

    model "attune", or any model of that server     the client's own system prompt, and what was measured beside its message
    model "attune/warm"                             one of Attune's personas, with the emotion chosen in two stages

Signs of danger bring the fixed way to human help, whatever the system prompt says; the model isn't asked.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.responses import JSONResponse, Response, StreamingResponse

from attune import llms
from attune.agent import Agent, boundaries, heard, listener, prompts, why
from attune.agent.persona import names as personas
from attune.agent.persona import persona
from attune.agent.turn import Turn, lines
from attune.errors import AttuneError, MissingExtra, SettingError
from attune.llms import LLMError
from attune.server.hearing import Asked, BusyError, ears_of, kinds
from attune.server.service import Service
from attune.server.talking import Talk, lent
from attune.text import language as languages

OWN = "attune"                           # the model's name, alone or before a persona's
URL, MODEL, KEY = "ATTUNE_LLM_URL", "ATTUNE_LLM_MODEL", "ATTUNE_LLM_KEY"
MOST = 1000                              # messages of a conversation
LONGEST = 20_000                         # characters of the message that is answered
OURS = ("model", "messages", "stream", "attune", "models", "stream_options")      # what isn't passed on as it came

router = APIRouter(prefix="/v1", tags=["Agent"])


class _Open(BaseModel):
    model_config = ConfigDict(extra="allow")


class Prosody(_Open):
    scores: dict[str, float] = Field(default_factory=dict, description="Hume's 48 names, 0..1")


class Measured(_Open):
    """What a client measured itself, as Hume's EVI sends it beside a message."""

    prosody: Prosody | None = None
    face: Prosody | None = None


class Part(_Open):
    type: str = Field(max_length=40)
    text: str | None = None
    input_audio: dict[str, Any] | None = None
    image_url: dict[str, Any] | None = None


class Message(_Open):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = None
    models: Measured | None = None


class Live(BaseModel):
    """A live session of the same key, whose measurements since the last turn belong to the last user message; `start` and `end` (s of the session),
    as an answer told them, send that turn once more."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    session: str = Field(max_length=64)
    start: float | None = Field(default=None, ge=0)
    end: float | None = Field(default=None, ge=0)
    person: str = Field(default="", max_length=100)


class Options(BaseModel):
    """Attune's own: whether what is said is measured, the conversation's language, tokens for what was measured, the live session it happens in."""

    model_config = ConfigDict(extra="forbid")
    notice: bool = True
    language: str = Field(default="", max_length=35)
    budget: int = Field(default=prompts.BUDGET, ge=0, le=4000)
    live: Live | None = None


class Completion(_Open):
    """A request as OpenAI's clients make it; fields that aren't named here are passed on."""

    model: str = Field(default=OWN, max_length=200)
    messages: Annotated[list[Message], Field(min_length=1, max_length=MOST)]
    stream: bool = False
    models: Measured | None = Field(default=None, description="beside the last user message")
    attune: Options = Field(default_factory=Options)


class Failure(BaseModel):
    """An error as OpenAI's clients read it, with ours beside."""

    status: int
    code: str
    message: str
    error: dict[str, Any] | str | None = None


FAILURES: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": Failure, "description": "what the request did wrong"}, 502: {"model": Failure, "description": "the language model failed"},
    "503": {"model": Failure, "description": "too much waits; try again later"},
}


def failed(status: int, code: str, message: str) -> Response:
    """An error in OpenAI's form."""
    known = {"message": message, "type": "invalid_request_error" if status < 500 else "server_error", "param": None, "code": code}
    return JSONResponse({"status": status, "code": code, "message": message, "error": known}, status, headers={"Retry-After": "1"} if status == 503 else None)


@dataclass(frozen=True)
class Reply:
    """A reply before it is sent: its pieces, who gives it, and what is said of it."""

    pieces: Iterator[str]
    model: str
    about: dict[str, Any]


@router.get("/models", summary="The models that can be asked, in OpenAI's form")
async def models(request: Request) -> dict[str, Any]:
    """Attune's own front, and its personas; `attune.by` says who answers. Who asks is about to talk: the process that measures turns is started."""
    ears_of(request, Service.of(request).config.settings).warm()
    own, client = (OWN, *(f"{OWN}/{p}" for p in personas())), client_of()
    who = {"by": client.name, "about": ""} if client else {"by": listener.NAME, "about": listener.about("en")}
    return {"object": "list", "data": [{"id": name, "object": "model", "created": 0, "owned_by": "attune"} for name in own], "attune": who}


@router.post("/chat/completions", summary="Chat completions in OpenAI's form, with measured expression", response_model=None,
             responses={**FAILURES, 200: {"description": "a completion, or with `stream` server-sent events",
                                          "content": {"text/event-stream": {}, "application/json": {}}}})
async def completions(request: Request, asked: Completion) -> Response:
    """The answer to a conversation; `attune` beside it says what was measured, who answered, and how long measuring took."""
    try:
        return await _completed(request, asked)
    except BusyError as error:
        return failed(503, "busy", str(error))
    except LLMError as error:
        return failed(502, "model", str(error))
    except MissingExtra as error:
        return failed(503, "extra", str(error))
    except AttuneError as error:
        return failed(400, "E0101", str(error))


async def _completed(request: Request, asked: Completion) -> Response:
    service, began = Service.of(request), time.perf_counter()
    client = client_of(asked.model)
    made, given = _read(asked), None
    if (live := asked.attune.live) is not None:
        given = await lent(service, service.owner(request), live.session, start=live.start, end=live.end, person=live.person, notice=made.notice)
        made = replace(made, seen=given.seen, talk=given.talk.memory if given.talk else None)
    try:
        turn = await ears_of(request, service.config.settings).turn(made)
    except BusyError:
        if (typed := boundaries.sign(made.words, made.language)) is None or not typed.crisis:
            raise
        turn = Turn(made.words, made.language or typed.language, heard.of_words(made.words, notice=False))
    danger = boundaries.sign(turn.words, turn.language)
    talk = given.talk if given else None
    if given and talk:
        talk.heard(turn, given.stretch, danger.kind if danger else "")
    if hasattr(client, "events") and (asked.model_extra or {}).get("tools") and not (danger and danger.crisis):
        return await _with_tools(client, asked, turn)
    reply = await run_in_threadpool(_reply, client, asked, turn, made, talk)
    if given:
        reply.about["live"] = given.about()
    reply.about["measured_ms"] = round((time.perf_counter() - began) * 1000, 1)
    if asked.stream:
        return StreamingResponse(_events(reply), media_type="text/event-stream", headers={"Cache-Control": "no-store"})
    text = await run_in_threadpool("".join, reply.pieces)
    words = len(text.split())
    choice = {"index": 0, "message": {"role": "assistant", "content": text.strip()}, "logprobs": None, "finish_reason": "stop"}
    return JSONResponse({**_about(reply), "object": "chat.completion", "choices": [choice],
                         "usage": {"prompt_tokens": 0, "completion_tokens": words, "total_tokens": words}, "attune": reply.about})


def client_of(model: str = "") -> llms.Client | None:
    """The language model that the server passes on to; None without one."""
    url = os.environ.get(URL, "")
    named = os.environ.get(MODEL, "") if model.split("/")[0] in ("", OWN) else model
    return llms.client(url, named, key=os.environ.get(KEY, "")) if url else None


# ---- what is asked ----------------------------------------------------------------------------------------------------------

def _read(asked: Completion) -> Asked:
    """The last user message as a turn."""
    last = next((m for m in reversed(asked.messages) if m.role == "user"), None)
    if last is None:
        raise SettingError(f"{len(asked.messages)} messages and none of a user; expected one with role user")
    files: list[tuple[bytes, str]] = []
    for part in last.content if isinstance(last.content, list) else ():
        if part.type == "input_audio":
            sound = part.input_audio or {}
            files.append((_bytes(str(sound.get("data", "")), "input_audio.data"), _kind(str(sound.get("format", "")))))
        elif part.type == "image_url":
            files.append(_picture(str((part.image_url or {}).get("url", ""))))
        elif part.type != "text":
            raise SettingError(f"a part of type {part.type!r}; expected text, input_audio or image_url")
    scores: dict[str, dict[str, float]] = {}
    for given in (asked.models, last.models):
        for modality, found in (("voice", given and given.prosody), ("face", given and given.face)):
            if found and found.scores:
                scores[modality] = found.scores
    words = _words(last)
    if len(words) > LONGEST:
        raise SettingError(f"the last message has {len(words)} characters; at most {LONGEST} are taken")
    return Asked(words, tuple(files), None, scores, asked.attune.language or _language(asked), _noticed(asked))


def _words(message: Message) -> str:
    if isinstance(message.content, list):
        return "\n".join(p.text for p in message.content if p.type == "text" and p.text)
    return message.content or ""


def _language(asked: Completion) -> str:
    """That of the last user message, else of all of them."""
    said = [_words(m) for m in asked.messages if m.role == "user"]
    return languages.guess(said[-1:]) or languages.guess(said)


def _noticed(asked: Completion) -> bool:
    """Whether noticing is on, by the request and by what the person said so far."""
    on = asked.attune.notice
    for m in asked.messages:
        if m.role == "user" and (found := boundaries.sign(_words(m))) is not None and found.kind in ("stop_noticing", "start_noticing"):
            on = found.kind == "start_noticing" and asked.attune.notice
    return on


def _picture(url: str) -> tuple[bytes, str]:
    head, _, data = url.partition(",")
    if not (head.startswith("data:image/") and head.endswith(";base64")):
        raise SettingError(f"the picture is at {url[:60]!r}; expected its content as data:image/jpeg;base64,...: nothing is fetched here")
    return _bytes(data, "image_url.url"), _kind(head.removeprefix("data:image/").removesuffix(";base64"))


def _kind(given: str) -> str:
    if given not in kinds():
        raise SettingError(f"media of the format {given[:40]!r}; expected one of {', '.join(kinds())}")
    return given


def _bytes(data: str, where: str) -> bytes:
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise SettingError(f"{where} is no base64 ({error})") from error


# ---- who answers ------------------------------------------------------------------------------------------------------------

def _reply(client: llms.Client | None, asked: Completion, turn: Turn, made: Asked, talk: Talk | None = None) -> Reply:
    reply = _given(client, asked, turn, made, talk)
    return replace(reply, pieces=talk.remembered(reply.pieces, reply.about["by"])) if talk else reply


def _given(client: llms.Client | None, asked: Completion, turn: Turn, made: Asked, talk: Talk | None) -> Reply:
    found, tag = boundaries.sign(turn.words, turn.language), turn.language
    about: dict[str, Any] = {
        "expression": lines(turn), "candidates": [{"label": c.label, "probability": round(c.probability, 4)} for c in turn.candidates[:5]],
        "boundary": found.kind if found else None, "notice": made.notice, "causes": list(turn.causes),
        "noticed": [asdict(n) for n in why.noticed(turn.recording, tag)] if len(turn.recording.estimates) else [],
    }
    fixed = _fixed(found, asked, made, talk) if found else ""
    if fixed:
        return Reply(boundaries.sentences([fixed]), "boundary", about | {"by": "boundary"})
    before = [m for m in asked.messages if m.role == "user"][:-1]
    after = any((s := boundaries.sign(_words(m))) is not None and s.crisis for m in before)
    if client is None:
        if found is not None and found.kind in boundaries.CARE:
            return Reply(boundaries.sentences([boundaries.answer(found)]), "boundary", about | {"by": "boundary"})
        made_by = listener.reply(turn, sum(m.role == "assistant" for m in asked.messages), notice=made.notice, danger=after)
        help_again = [" ", boundaries.policy(boundaries.nearest(tag))["help"]["after"]] if after else []
        return Reply(iter([*made_by.pieces(), *help_again]), listener.NAME, about | {"by": listener.NAME, "emotion": made_by.emotion})
    notes = boundaries.care(found, after, tag)
    options = {k: v for k, v in (asked.model_extra or {}).items() if k not in OURS}
    own = asked.model.partition("/")[2] if asked.model.startswith(f"{OWN}/") else ""
    if own:
        said = [{"role": "system", "content": _system(prompts.system(persona(own), tag), asked)}, *_earlier(asked),
                {"role": "user", "content": prompts.told(turn, tag, notes=notes, budget=asked.attune.budget)}]
        first, others = prompts.proposed(turn)

        def chosen(line: str) -> None:
            about["emotion"] = prompts.choice(line, first, others).label

        pieces = prompts.without_choice(client.stream(said, **options), chosen)
    else:
        said = _beside(asked, turn, notes)
        pieces = client.stream(said, **options)
    about["by"] = client.name
    return Reply(boundaries.guarded(pieces, tag), client.name, about)


def _fixed(found: boundaries.Sign, asked: Completion, made: Asked, talk: Talk | None) -> str:
    """The answer that no model is asked for; "" where there is none."""
    if found.crisis or found.kind in ("stop_noticing", "start_noticing"):
        return boundaries.answer(found)
    if talk is not None and found.kind == "forget":
        talk.forget()
        return boundaries.answer(found)
    if talk is not None and found.kind == "why" and made.notice:
        agent = Agent(language=made.language)
        agent.memory = talk.memory
        return agent.why(made.words, found.language) or str(boundaries.policy(found.language)["answers"]["nothing_noticed"])
    if found.kind != "why":
        return ""
    users = [m for m in asked.messages if m.role == "user"]
    before = next((m for m in reversed(users[:-1]) if _words(m).strip()), None)
    if before is None or not made.notice:
        return str(boundaries.policy(found.language)["answers"]["nothing_noticed" if made.notice else "noticing_is_off"])
    given = {"voice": before.models.prosody.scores} if before.models and before.models.prosody else None
    agent = Agent(language=made.language)
    str(agent.say(_words(before), scores=given))
    return agent.why("", found.language)


def _beside(asked: Completion, turn: Turn, notes: list[str]) -> list[dict[str, Any]]:
    """The client's messages, with what was measured behind the last one's words, and the rules behind its system prompt."""
    block = prompts.beside(turn, turn.language, notes=notes, budget=asked.attune.budget)
    content = "\n\n".join(p for p in (prompts.harmless(turn.words), block) if p)
    return [{"role": "system", "content": _system(prompts.front(turn.language), asked)}, *_earlier(asked), {"role": "user", "content": content}]


def _system(rules: str, asked: Completion) -> str:
    """The client's own system prompt, and ours behind it."""
    return "\n\n".join([*(_words(m) for m in asked.messages if m.role in ("system", "developer")), rules])


def _earlier(asked: Completion) -> list[dict[str, Any]]:
    """The messages before the last of the user, and calls of tools, without what only Attune reads; behind it nothing is kept but tools' results."""
    at = max(i for i, m in enumerate(asked.messages) if m.role == "user")
    out = []
    for m in asked.messages[:at]:
        if m.role not in ("system", "developer"):
            plain = m.model_dump(exclude_none=True, exclude={"models"})
            plain.pop("time", None)
            out.append(plain | {"content": prompts.harmless(_words(m)) if m.role == "user" else plain.get("content", "")})
    return out


async def _with_tools(client: Any, asked: Completion, turn: Turn) -> Response:
    """A request that may end in calls of tools: measured and passed on, the answer given as it comes."""
    options = {k: v for k, v in (asked.model_extra or {}).items() if k not in OURS}
    at = max(i for i, m in enumerate(asked.messages) if m.role == "user")
    rest = [m.model_dump(exclude_none=True, exclude={"models"}) for m in asked.messages[at + 1 :]]
    said = [*_beside(asked, turn, boundaries.care(boundaries.sign(turn.words, turn.language), False, turn.language)), *rest]
    if not asked.stream:
        return JSONResponse(await run_in_threadpool(lambda: client.whole(said, **options)))
    return StreamingResponse(_raw(client.events(said, **options)), media_type="text/event-stream")


# ---- how it is sent ---------------------------------------------------------------------------------------------------------

def _about(reply: Reply) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid.uuid4().hex[:24]}", "created": int(time.time()), "model": reply.model}


async def _events(reply: Reply) -> AsyncIterator[bytes]:
    """Server-sent events; what was measured stands in the first."""
    head = {**_about(reply), "object": "chat.completion.chunk"}

    def event(delta: dict[str, Any], end: str | None = None, **more: Any) -> bytes:
        return _line({**head, "choices": [{"index": 0, "delta": delta, "finish_reason": end}], **more})

    yield event({"role": "assistant", "content": ""}, attune=reply.about)
    try:
        async for piece in iterate_in_threadpool(reply.pieces):
            yield event({"content": piece})
        yield event({}, "stop")
    except AttuneError as error:
        yield _line({"error": {"message": str(error), "type": "model", "code": "model"}})
    finally:
        with suppress(ValueError, AttributeError):           # its thread may still wait for a piece
            reply.pieces.close()  # type: ignore[attr-defined]
    yield b"data: [DONE]\n\n"


async def _raw(events: Iterator[dict[str, Any]]) -> AsyncIterator[bytes]:
    try:
        async for one in iterate_in_threadpool(events):
            yield _line(one)
    except LLMError as error:
        yield _line({"error": {"message": str(error), "type": "model", "code": "model"}})
    yield b"data: [DONE]\n\n"


def _line(event: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(event, ensure_ascii=False).encode() + b"\n\n"
