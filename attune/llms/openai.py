"""Any endpoint that speaks OpenAI's chat completions: OpenAI's own, Ollama, llama.cpp's server, vLLM, LM Studio, a server of Attune.

    >>> load("http://localhost:8080", "qwen").url
    'http://localhost:8080/v1/chat/completions'

Answers are streamed (server-sent events); what the person said, and what was measured, is sent to that address and nowhere else.
"""

from __future__ import annotations

import json
import os
import weakref
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from attune.errors import MissingExtra, SettingError
from attune.llms import LLMError

TITLE = "OpenAI-compatible chat completions"
KEY = "OPENAI_API_KEY"                   # read only for OpenAI's own address; other servers get a key only if one is passed
OPENAI = "api.openai.com"
CONNECT, SILENT = 10.0, 120.0            # s to connect, and without a word


class OpenAI:
    """A model behind an address.

    url
        Of the server, with or without "/v1"; or the whole address of chat completions.
    model
        Empty: the first that the server lists.
    """

    def __init__(self, url: str, model: str = "", key: str | None = None, timeout: float = SILENT) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise SettingError(f"{url!r} is no address of a language model; expected something like http://localhost:11434/v1")
        base = url.rstrip("/").removesuffix("/chat/completions")
        self.base = base if parts.path.rstrip("/") else f"{base}/v1"
        self.url, self.model = f"{self.base}/chat/completions", model
        self._key = key if key is not None else os.environ.get(KEY, "") if parts.hostname == OPENAI else ""
        self._timeout = timeout
        self._http: Any = None

    @property
    def name(self) -> str:
        return self.model or self.base

    def stream(self, messages: Sequence[Mapping[str, Any]], **options: Any) -> Iterator[str]:
        """The answer, piece by piece; `options` go into the request (temperature, max_tokens ...).

        Raises
        ------
        LLMError
            If the server can't be reached, refuses, or answers something else.
        """
        for event in self.events(messages, **options):
            for choice in event.get("choices") or ():
                piece = (choice.get("delta") or {}).get("content") or ""
                if piece:
                    yield str(piece)

    def events(self, messages: Sequence[Mapping[str, Any]], **options: Any) -> Iterator[dict[str, Any]]:
        """The same as the server's own objects, `chat.completion.chunk`."""
        import httpx

        body = {"model": self.model or self._first(), "messages": list(messages), "stream": True, **options}
        try:
            with self._client().stream("POST", self.url, json=body, headers=self._headers()) as answer:
                if answer.status_code >= 400:
                    raise LLMError(self._refused(answer.status_code, answer.read()))
                kind = answer.headers.get("content-type", "")
                if "event-stream" not in kind:
                    yield self._whole(answer.read())
                    return
                for line in answer.iter_lines():
                    if not line.startswith("data:"):
                        continue
                    data = line[5:].strip()
                    if data == "[DONE]":
                        return
                    yield self._event(data)
        except httpx.HTTPError as error:
            raise LLMError(f"{self.url} doesn't answer ({error or type(error).__name__}); is the server running there?") from error

    def whole(self, messages: Sequence[Mapping[str, Any]], **options: Any) -> dict[str, Any]:
        """The server's answer in one piece, as it gives it: for what isn't text, such as calls of tools."""
        import httpx

        try:
            body = {"model": self.model or self._first(), "messages": list(messages), **options, "stream": False}
            answer = self._client().post(self.url, json=body, headers=self._headers())
        except httpx.HTTPError as error:
            raise LLMError(f"{self.url} doesn't answer ({error or type(error).__name__}); is the server running there?") from error
        if answer.status_code >= 400:
            raise LLMError(self._refused(answer.status_code, answer.content))
        return self._event(answer.text)

    def _first(self) -> str:
        import httpx

        try:
            listed = self._client().get(f"{self.base}/models", headers=self._headers()).json()["data"]
            self.model = str(listed[0]["id"])
        except (httpx.HTTPError, ValueError, KeyError, IndexError, TypeError) as error:
            raise LLMError(f"{self.base}/models lists no model ({error or type(error).__name__}); name one with --model") from error
        return self.model

    def _client(self) -> Any:
        if self._http is None:
            try:
                import httpx
            except ModuleNotFoundError as error:
                raise MissingExtra("language models are asked by httpx: pip install 'attune[agent]'") from error
            self._http = httpx.Client(timeout=httpx.Timeout(self._timeout, connect=CONNECT))
            weakref.finalize(self, self._http.close)
        return self._http

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._key}"} if self._key else {}

    def _event(self, data: str) -> dict[str, Any]:
        try:
            event = json.loads(data)
        except ValueError as error:
            raise LLMError(f"{self.url} sent {data[:120]!r}; expected JSON") from error
        if not isinstance(event, dict):
            raise LLMError(f"{self.url} sent {data[:120]!r}; expected an object with choices")
        if event.get("error"):
            raise LLMError(f"{self.url}: {_message(event)}")
        return event

    def _whole(self, body: bytes) -> dict[str, Any]:
        """An answer of a server that doesn't stream, as one event."""
        event = self._event(body.decode("utf-8", "replace"))
        try:
            text = event["choices"][0]["message"]["content"]
        except (KeyError, IndexError, TypeError) as error:
            raise LLMError(f"{self.url} answered {body[:120]!r}; expected choices with a message") from error
        return {**event, "choices": [{"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": "stop"}]}

    def _refused(self, status: int, body: bytes) -> str:
        try:
            said = _message(json.loads(body))
        except ValueError:
            said = body[:200].decode("utf-8", "replace")
        todo = {401: "; give a key", 403: "; give a key", 404: f"; has it a model {self.model!r}?", 429: "; wait a while"}.get(status, "")
        return f"{self.url} refused ({status}): {said}{todo}"


def load(url: str, model: str = "", *, key: str | None = None) -> OpenAI:
    """The client of a model; nothing is asked yet."""
    return OpenAI(url, model, key)


def _message(event: Any) -> str:
    error = event.get("error") if isinstance(event, dict) else event
    return str(error.get("message", error) if isinstance(error, dict) else error)[:300]
