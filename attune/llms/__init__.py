"""Language models, one file each: `load(url, model, key=...)` gives a client with one method.

    client.stream(messages, **options) -> iterator of text pieces

`messages` are {"role": "system" | "user" | "assistant", "content": str}; closing the iterator stops the model. Errors are `LLMError`, which
say the address, what came back, and what to do. Other people's clients join through entry points of the group `attune.llms`.

    >>> names()
    ['openai']
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from attune import registry
from attune.errors import AttuneError, unknown

FOLDER = "attune.llms"


class LLMError(AttuneError, ConnectionError):
    """A language model can't be reached, refused, or answered something that isn't an answer."""


class Client(Protocol):
    """One model at one address; `name` says which."""

    name: str

    def stream(self, messages: Sequence[Mapping[str, Any]], **options: Any) -> Iterator[str]: ...


def names() -> list[str]:
    """The clients there are."""
    return registry.names(FOLDER)


def client(url: str, model: str = "", *, kind: str = "openai", key: str | None = None) -> Client:
    """A client for a model at an address.

    >>> client("http://localhost:11434/v1", "llama3.2").name
    'llama3.2'
    """
    if kind not in names():
        raise unknown("language model client", kind, names())
    made: Client = registry.load(FOLDER, kind).load(url, model, key=key)
    return made


def complete(client: Client, messages: Sequence[Mapping[str, Any]], **options: Any) -> str:
    """The whole answer."""
    return "".join(client.stream(messages, **options))
