"""A job in the words of the API v0."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from attune.server.jobs.queue import Row
from attune.server.jobs.store import Store
from attune.server.jobs.tables import CANCELLED, COMPLETED, FAILED, QUEUED


def source_of(part: Row) -> dict[str, Any]:
    """A part's source as it is told; where we keep it stays with us."""
    given = json.loads(part["source"])
    shown = {"url": ("url",), "file": ("filename", "content_type", "md5sum"), "text": (), "live": ()}[given["type"]]
    return {"type": given["type"], **{name: given[name] for name in shown}}


def details(job: Row, parts: Sequence[Row]) -> dict[str, Any]:
    """`GET /v0/batch/jobs/{id}`."""
    request = json.loads(job["request"])
    files = [{k: v for k, v in s.items() if k != "type"} for s in map(source_of, parts) if s["type"] == "file"]
    return {"type": "INFERENCE", "job_id": job["id"], "user_id": job["owner"], "request": {**request, "files": files}, "state": _state(job, parts),
            **{name: job[name] for name in ("consent", "purpose") if job[name]}}


def _state(job: Row, parts: Sequence[Row]) -> dict[str, Any]:
    state: dict[str, Any] = {"status": FAILED if job["state"] == CANCELLED else job["state"], "created_timestamp_ms": job["created"]}
    if job["state"] != QUEUED:
        state["started_timestamp_ms"] = job["started"]
    if job["state"] in (COMPLETED, FAILED, CANCELLED):
        state["ended_timestamp_ms"] = job["ended"]
    if job["state"] == COMPLETED:
        state |= {"num_predictions": sum(p["predictions"] for p in parts), "num_errors": sum(p["errors"] for p in parts)}
    elif job["state"] in (FAILED, CANCELLED):
        state["message"] = job["message"]
    return state


def predictions(store: Store, job: Row, parts: Sequence[Row]) -> list[dict[str, Any]]:
    """`GET /v0/batch/jobs/{id}/predictions`."""
    out = []
    for part in parts:
        result = store.result(job["id"], part["n"]) or {}
        out.append({"source": source_of(part), "results": result.get("results"), "error": part["message"] or None})
    return out


def callback(store: Store, job: Row, parts: Sequence[Row]) -> dict[str, Any]:
    """What is posted to `callback_url`."""
    state = _state(job, parts)
    if job["state"] == COMPLETED:
        return {"job_id": job["id"], "status": COMPLETED, "predictions": predictions(store, job, parts)}
    return {"job_id": job["id"], "status": FAILED, "error": state.get("message", "")}
