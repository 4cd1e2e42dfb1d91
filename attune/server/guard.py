"""Who may ask, from where, and how much at once: before any route sees a request.

    host      on this machine only: the name asked for must be this machine's, so that a foreign name that leads here (DNS rebinding) gets nothing
    origin    web pages elsewhere may neither send nor open a stream, unless they are listed
    key       where keys are set, every request but those to `OPEN` must carry one: X-Hume-Api-Key, X-API-Key, Authorization: Bearer, ?apikey=; or be
              a link that was signed with one (signing)
    size      the body is counted while it comes
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.responses import JSONResponse

from attune.server.config import MB, Config, owner_of
from attune.server.signing import LIVE, signer

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LOCAL = ("localhost", "127.0.0.1", "::1")
OPEN = ("/", "/health", "/docs", "/openapi.json", "/favicon.ico")
OPEN_BELOW = "/static/"                  # the page's own files, which hold nothing of anybody
SAFE = ("GET", "HEAD", "OPTIONS")
NOBODY = "local"                         # the owner of what is asked without keys
CLOSE_REFUSED = 1008                     # WebSocket: policy violation

HEADERS = [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"), (b"x-frame-options", b"DENY"), (b"cache-control", b"no-store")]


class TooLarge(Exception):
    """The body has more bytes than are allowed; the application answers 413."""


def problem(status: int, code: str, message: str, **more: Any) -> JSONResponse:
    """An error in the words of the API v0, which are ours too: a code, and a sentence."""
    headers = more.pop("headers", None)
    return JSONResponse({"status": status, "code": code, "message": message, "error": message, **more}, status, headers=headers)


class Guard:
    """The outermost layer of the application."""

    def __init__(self, app: App, config: Config) -> None:
        self.app, self.config = app, config
        self.hosts = {*LOCAL, config.host, *config.names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        refused = self._host(headers) or self._origin(scope, headers) or self._key(scope, headers) or self._size(headers)
        if refused is not None:
            await self._refuse(refused, scope, receive, send)
            return
        if scope["type"] == "http":
            await self.app(scope, self._counted(receive), _with_headers(send))
        else:
            await self.app(scope, receive, send)

    def _host(self, headers: Mapping[str, str]) -> JSONResponse | None:
        if not self.config.local:                            # elsewhere the key protects
            return None
        name = _name(headers.get("host", ""))
        if name in self.hosts:
            return None
        return problem(421, "host", f"this server isn't {name[:100]!r}; ask {self.config.host}, or start it with --name {name[:100]}")

    def _origin(self, scope: Scope, headers: Mapping[str, str]) -> JSONResponse | None:
        origin = headers.get("origin")
        if origin is None or (scope["type"] == "http" and scope["method"] in SAFE) or origin in self.config.origins:
            return None
        if urlsplit(origin).netloc.lower() == headers.get("host", "").lower():
            return None
        return problem(403, "origin", f"the page {origin[:100]!r} may not ask this server; --origin {origin[:100]} would allow it")

    def _key(self, scope: Scope, headers: Mapping[str, str]) -> JSONResponse | None:
        state = scope.setdefault("state", {})
        if not self.config.keys:
            state["owner"] = NOBODY
            return None
        path = scope["path"]
        if scope["type"] == "http" and (path in OPEN or path.startswith(OPEN_BELOW)) and scope["method"] in SAFE:
            return None
        if scope["type"] == "http" and scope["method"] == "OPTIONS" and headers.get("origin") in self.config.origins:
            return None
        if path == LIVE if scope["type"] == "websocket" else path != LIVE and scope["method"] in SAFE:
            by = signer(self.config.keys, path, scope.get("query_string", b"").decode("latin-1"), time.time())
            if by is not None:
                state["owner"] = owner_of(by)
                return None
        given = _given(scope, headers)
        if given and [k for k in self.config.keys if hmac.compare_digest(k.encode(), given.encode("utf-8", "replace"))]:
            state["owner"] = owner_of(given)
            return None
        fault = {"faultstring": "Invalid ApiKey", "detail": {"errorcode": "oauth.v2.InvalidApiKey"}}
        said = "this key isn't known here" if given else "no key; send one as X-Hume-Api-Key or Authorization: Bearer"
        return problem(401, "key", said, fault=fault, headers={"WWW-Authenticate": "Bearer"})

    def _size(self, headers: Mapping[str, str]) -> JSONResponse | None:
        length = headers.get("content-length", "0")
        if not length.isdecimal():
            return problem(400, "E0101", f"Content-Length {length[:40]!r} is no number")
        return problem(413, "size", self._too_large()) if int(length) > self.config.limits.upload_bytes else None

    def _too_large(self) -> str:
        return f"the request has more than {self.config.limits.upload_bytes / MB:.0f} MB, as many as are taken here; send less at once"

    def _counted(self, receive: Receive) -> Receive:
        total = 0

        async def counting() -> Message:
            nonlocal total
            message = await receive()
            if message["type"] == "http.request":
                total += len(message.get("body", b""))
                if total > self.config.limits.upload_bytes:
                    raise TooLarge(self._too_large())
            return message

        return counting

    async def _refuse(self, answer: JSONResponse, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await answer(scope, receive, _with_headers(send))
        elif "websocket.http.response" in scope.get("extensions", {}):
            await answer(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": CLOSE_REFUSED})


def _name(host: str) -> str:
    """A host's name without its port.

    >>> _name("127.0.0.1:8000"), _name("[::1]:8000"), _name("LocalHost")
    ('127.0.0.1', '::1', 'localhost')
    """
    try:
        return (urlsplit(f"//{host}").hostname or "").lower()
    except ValueError:
        return ""


def _given(scope: Scope, headers: Mapping[str, str]) -> str:
    bearer = headers.get("authorization", "")
    asked = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    named = asked.get("apikey") or asked.get("api_key") or [""]
    return headers.get("x-hume-api-key") or headers.get("x-api-key") or (bearer[7:].strip() if bearer.lower().startswith("bearer ") else "") or named[0]


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            there = {name.lower() for name, _ in message["headers"]}
            message["headers"] = [*message["headers"], *(h for h in HEADERS if h[0] not in there)]
        await send(message)

    return sending
