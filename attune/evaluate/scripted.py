"""A server that speaks OpenAI's chat completions and answers by a rule: what tests and the bench talk to over real HTTP. No language model.

    with Scripted() as server:
        client = llms.client(server.url, "scripted")

`obedient`, the rule it has unless another is given, reads nothing but what it is told: it chooses the first candidate of the block, says so in the
words the block gives it, and without a block it knows nothing. Whatever it does better with measured expression is due to that block, which is
what a bench must be able to see; it says nothing of what a language model would do.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Rule = Callable[[Sequence[Mapping[str, Any]]], str]

MODEL = "scripted"
_FIRST = re.compile(r"^(?:Candidates, most likely first|Kandidaten, der wahrscheinlichste zuerst): (.+)$", re.MULTILINE)
_BEHIND = re.compile(r"[“\"„]([^”\"“]+)[”\"“]")
_PIECES = re.compile(r"\S+\s*|\s+")
_BLOCK = re.compile(r"<expression>.*</expression>", re.DOTALL)


def content(message: Mapping[str, Any]) -> str:
    """A message's text, of parts too."""
    given = message.get("content") or ""
    return given if isinstance(given, str) else "\n".join(str(p.get("text", "")) for p in given if p.get("type") == "text")


def obedient(messages: Sequence[Mapping[str, Any]]) -> str:
    """The first candidate, the words behind it, and a question; asked to judge, figures by what the reply holds.

    >>> obedient([{"role": "user", "content": "Hm.\\n\\n<expression>\\nCandidates, most likely first: sad, lonely\\n</expression>"}])
    "EMOTION: sad\\nThat sounds as if you're sad. What happened?"
    """
    last = content(messages[-1])
    if "RUBRIC" in content(messages[0]):
        return _judged(last)
    german = "auf Deutsch" in content(messages[0])
    block = _BLOCK.search(last)
    first = _FIRST.search(block[0]) if block else None
    label = first[1].split(",")[0].strip() if first else ""
    rest = next((line for line in (block[0] if block else "").splitlines() if "rests on" in line or "stützt sich" in line), "")
    behind = _BEHIND.findall(rest)
    if german:
        told = f"Das klingt {label}." if label else "Ich höre zu."
        return f"EMOTION: {label or 'none'}\n{told}{' Es geht um ' + ', '.join(behind) + '.' if behind else ''} Was ist geschehen?"
    told = f"That sounds as if you're {label}." if label else "I'm listening."
    return f"EMOTION: {label or 'none'}\n{told}{' It is about ' + ', '.join(behind) + '.' if behind else ''} What happened?"


def _judged(text: str) -> str:
    """Scores of a rubric, 1..5, from what can be counted in the reply."""
    said, _, reply = text.partition("REPLY:")
    words = {w.strip(".,!?\"'").casefold() for w in said.split() if len(w) > 3}
    shared = len({w.strip(".,!?\"'").casefold() for w in reply.split()} & words)
    feeling = any(mark in reply for mark in ("sounds as if", "klingt", "sorry", "good to hear", "leid"))
    return json.dumps({"empathy": 2 + 2 * feeling + ("?" in reply), "specificity": min(5, 1 + shared)})


class Scripted:
    """The server; a context that runs it in a thread on a free port of this machine.

    rule
        Messages -> the answer.
    delay
        Seconds before every piece, to be interrupted in.
    """

    def __init__(self, rule: Rule = obedient, *, delay: float = 0.0) -> None:
        self.rule, self.delay = rule, delay
        self.requests: list[dict[str, Any]] = []
        self.stopped = 0                                     # answers whose client went away
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"owner": self}))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Scripted:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    owner: Scripted
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None: ...

    def do_GET(self) -> None:
        self._json(200, {"object": "list", "data": [{"id": MODEL, "object": "model", "owned_by": "attune"}]})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        try:
            asked = json.loads(body)
            messages = asked["messages"]
        except (ValueError, KeyError, TypeError):
            self._json(400, {"error": {"message": "expected messages", "type": "invalid_request_error"}})
            return
        self.owner.requests.append(asked | {"authorization": self.headers.get("Authorization", "")})
        try:
            answer = self.owner.rule(messages)
        except Exception as error:                           # a rule that fails is a server that fails
            self._json(500, {"error": {"message": f"the rule failed: {error}"}})
            return
        about = {"id": "chatcmpl-scripted", "created": 0, "model": asked.get("model", MODEL)}
        if not asked.get("stream"):
            choice = {"index": 0, "message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}
            usage = {"prompt_tokens": 0, "completion_tokens": len(answer.split()), "total_tokens": len(answer.split())}
            self._json(200, {**about, "object": "chat.completion", "choices": [choice], "usage": usage})
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            for piece in _PIECES.findall(answer):
                time.sleep(self.owner.delay)
                self._event({**about, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]})
            self._event({**about, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
            self.wfile.write(b"data: [DONE]\n\n")
        except OSError:
            self.owner.stopped += 1

    def _event(self, event: Mapping[str, Any]) -> None:
        self.wfile.write(b"data: " + json.dumps(event, ensure_ascii=False).encode() + b"\n\n")
        self.wfile.flush()

    def _json(self, status: int, body: Mapping[str, Any]) -> None:
        data = json.dumps(body, ensure_ascii=False).encode()
        with suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
