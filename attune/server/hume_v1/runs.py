"""Runs of the API v1: every upload and every session, while it goes on and after; kept as long as jobs are, without any media or measurement."""

from __future__ import annotations

import base64
import json
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse

from attune.server.hume_v1.asked import Wrong
from attune.server.jobs.queue import New, now_ms
from attune.server.jobs.tables import COMPLETED, FAILED
from attune.server.service import Service

KIND = "hume_v1"
CAP = 100                                # events of one kind that are kept of a run
LEAST = 10.0                             # s that a run counts at least
PICTURE = 1 / 3                          # s that a picture counts
PAGE = 200                               # runs looked at a time



class ErrorBody(BaseModel):
    """Every error of the API v1."""

    type: Literal["error"] = "error"
    code: str
    message: str
    request_id: str = Field(default_factory=lambda: str(uuid.uuid4()))


ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": ErrorBody, "description": "what the request did wrong"},
    "503": {"model": ErrorBody, "description": "too much is measured; try again later"},
}

router = APIRouter(prefix="/v1/expression/run", tags=["Hume v1"], responses=ERRORS)


@dataclass
class Run:
    """One upload or session. started, ended: ms."""

    owner: str
    endpoint: Literal["audio", "video"]
    mode: Literal["realtime", "file"]
    config: dict[str, Any] = field(default_factory=dict)
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    started: int = field(default_factory=now_ms)
    ended: int | None = None
    bytes: int = 0
    seconds: float = 0.0                                      # of sound, or a third for each picture
    close_code: int | None = None
    close_reason: str | None = None
    errored: bool = False
    events: list[dict[str, Any]] = field(default_factory=list)

    def happened(self, kind: str, **detail: Any) -> None:
        """Something went wrong; at most `CAP` of a kind are kept."""
        if sum(e["kind"] == kind for e in self.events) < CAP:
            self.events.append({"seq": len(self.events), "at": _time(now_ms()), "kind": kind, **({"detail": detail} if detail else {})})

    def end(self, service: Service, *, code: int | None = None, reason: str | None = None, errored: bool = False) -> None:
        """The run is over: write it down."""
        self.ended, self.close_code, self.close_reason, self.errored = now_ms(), code, reason, errored
        if errored and self.mode == "file":
            self.seconds = 0.0
        elif self.seconds:
            self.seconds = max(self.seconds, LEAST)
        new = New(KIND, self.owner, {"run": {k: v for k, v in vars(self).items() if k != "owner"}}, [], id=self.id)
        service.queue.record(new, started=self.started, retention=service.config.retention, state=FAILED if errored else COMPLETED, message=reason or "")
        service.streams.runs.pop(self.id, None)               # only now: at every moment it is found in one place or the other

    def told(self, *, whole: bool) -> dict[str, Any]:
        out: dict[str, Any] = {
            "run_id": self.id, "user_id": self.owner, "status": self.status, "endpoint": self.endpoint, "mode": self.mode, "started_at": _time(self.started),
            "ended_at": _time(self.ended) if self.ended else None, "bytes_received": self.bytes if self.ended else None, "bytes_recorded": None,
            "metered_seconds": round(self.seconds, 3)}
        return {**out, "close_code": self.close_code, "close_reason": self.close_reason, "config": {"schema": "v4", **self.config}} if whole else out

    @property
    def status(self) -> str:
        return "live" if self.ended is None else "errored" if self.errored else "ended"


@router.get("", summary="Runs, the newest first")
def listed(
    request: Request, page_size: Annotated[int, Query(ge=1, le=100)] = 20, cursor: str | None = None, user_id: str | None = None,
    status: Literal["live", "ended", "errored"] | None = None, mode: Literal["realtime", "file"] | None = None,
    endpoint: Literal["audio", "video"] | None = None, started_before: datetime | None = None, started_after: datetime | None = None,
) -> JSONResponse:
    before, after = (None if t is None else round(_aware(t).timestamp() * 1000) for t in (started_before, started_after))
    try:
        place = None if cursor is None else json.loads(base64.urlsafe_b64decode(cursor.encode()))
        last = None if place is None else (int(place[0]), str(place[1]))
    except (ValueError, KeyError, IndexError, TypeError):
        return answered(Wrong(400, "invalid_request", f"cursor {str(cursor)[:40]!r} isn't one that this server gave"))
    found: list[Run] = []
    for run in _all(request, last):
        if (last is not None and (run.started, run.id) >= last) or (before is not None and run.started >= before):
            continue
        if after is not None and run.started < after:
            break
        if all(asked in (None, is_) for asked, is_ in ((user_id, run.owner), (status, run.status), (mode, run.mode), (endpoint, run.endpoint))):
            found.append(run)
        if len(found) > page_size:
            break
    page: dict[str, Any] = {"runs": [run.told(whole=False) for run in found[:page_size]]}
    if len(found) > page_size:
        page["next_cursor"] = base64.urlsafe_b64encode(json.dumps([found[page_size - 1].started, found[page_size - 1].id]).encode()).decode()
    return JSONResponse(page)


@router.get("/{run_id}", summary="A run")
def one(request: Request, run_id: str) -> JSONResponse:
    run = _found(request, run_id)
    return run if isinstance(run, JSONResponse) else JSONResponse(run.told(whole=True))


@router.get("/{run_id}/events", summary="What went wrong in a run")
def events(request: Request, run_id: str, page_size: Annotated[int, Query(ge=1, le=1000)] = 100, cursor: str | None = None) -> JSONResponse:
    run = _found(request, run_id)
    if isinstance(run, JSONResponse):
        return run
    if cursor is not None and not cursor.isdecimal():
        return answered(Wrong(400, "invalid_request", f"cursor {cursor[:40]!r} isn't one that this server gave"))
    first = int(cursor or 0)
    capped = [kind for kind, n in Counter(e["kind"] for e in run.events).items() if n >= CAP]
    page: dict[str, Any] = {"events": run.events[first : first + page_size], "at_cap": bool(capped), "capped_kinds": capped, "gaps": False}
    if first + page_size < len(run.events):
        page["next_cursor"] = str(first + page_size)
    return JSONResponse(page)


def answered(wrong: Wrong) -> JSONResponse:
    """An error in the words of the API v1."""
    return JSONResponse(ErrorBody(code=wrong.code, message=str(wrong)).model_dump(), wrong.status)


def _all(request: Request, last: tuple[int, str] | None) -> Any:
    """The owner's runs, the newest first, from a place on."""
    service, owner = Service.of(request), Service.owner(request)
    going = [r for r in service.streams.runs.values() if r.owner == owner]
    before = None if last is None else last[0] + 1
    while True:
        page = [_read(owner, job["request"]) for job, _ in service.queue.listed(owner, kind=KIND, limit=PAGE, before=before)]
        oldest, there = page[-1].started if len(page) == PAGE else -1, {r.id for r in page}
        yield from sorted([r for r in going if r.started >= oldest and r.id not in there] + page, key=lambda r: (r.started, r.id), reverse=True)
        going = [r for r in going if r.started < oldest]
        if len(page) < PAGE:
            return
        before = oldest


def _found(request: Request, run_id: str) -> Run | JSONResponse:
    service, owner = Service.of(request), Service.owner(request)
    going = service.streams.runs.get(run_id)
    if going is not None and going.owner == owner:
        return going                                          # type: ignore[no-any-return]
    found = service.queue.get(run_id, owner)
    if found is None or found[0]["kind"] != KIND:
        return answered(Wrong(404, "not_found", f"no run {run_id[:40]!r}; it was never made with this key, or its time was over"))
    return _read(owner, found[0]["request"])


def _read(owner: str, request: str) -> Run:
    return Run(owner=owner, **json.loads(request)["run"])


def _aware(t: datetime) -> datetime:
    return t if t.tzinfo else t.replace(tzinfo=UTC)


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
