"""What the routes share: the queue, the files, the configuration, and who asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.requests import HTTPConnection

from attune.errors import SettingError
from attune.server.config import Config
from attune.server.guard import NOBODY
from attune.server.jobs.queue import Queue
from attune.server.jobs.store import Store

NAME = 128                               # characters of an Idempotency-Key


@dataclass
class Service:
    """One running server's parts; found in every request as `Service.of(request)`."""

    config: Config
    queue: Queue
    store: Store
    streams: Any = None                  # attune.server.streaming.Streamers, while the server runs

    @classmethod
    def of(cls, request: HTTPConnection) -> Service:
        service: Service = request.app.state.service
        return service

    @staticmethod
    def owner(request: HTTPConnection) -> str:
        return str(getattr(request.state, "owner", NOBODY))

    @staticmethod
    def again(request: HTTPConnection) -> str | None:
        """The name under which sending the same job twice makes one."""
        name = request.headers.get("idempotency-key")
        if name is not None and not 0 < len(name) <= NAME:
            raise SettingError(f"Idempotency-Key has {len(name)} characters; expected 1 to {NAME}")
        return name
