"""`POST /v1/links`: a link that opens without a key, for a minute; how it is signed is in `signing`."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from attune.errors import SettingError
from attune.server.config import owner_of
from attune.server.service import Service
from attune.server.signing import GOOD, LIVE, OPENED, signed

router = APIRouter(prefix="/v1", tags=["Attune"])


class Wanted(BaseModel):
    model_config = ConfigDict(extra="forbid")
    path: str = Field(max_length=200, description="/v1/recordings/ID/report or /v1/live")


@router.post("/links", summary="A link that opens without a key, for a minute")
def link(request: Request, wanted: Wanted) -> dict[str, Any]:
    """`link`: the path with a signature where this server asks for keys, else the path itself; `seconds`: how long it is good."""
    if not OPENED.fullmatch(wanted.path):
        raise SettingError(f"path: {wanted.path[:100]!r}; expected /v1/recordings/ID/report or {LIVE}")
    service = Service.of(request)
    owner = service.owner(request)
    key = next((k for k in service.config.keys if owner_of(k) == owner), None)
    return {"link": wanted.path if key is None else signed(key, wanted.path, time.time()), "seconds": GOOD}
