"""Moments in one's recordings, by what they express: `attune find` over HTTP."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from attune import find
from attune.errors import RecordingError
from attune.explore.corpus import TABLE, Corpus
from attune.server.jobs.tables import ENDED
from attune.server.service import Service

PAGE = 200                               # jobs looked through at once
QUERY = 500                              # characters

router = APIRouter(prefix="/v1", tags=["Attune"])


@router.get("/find", summary="Moments in one's recordings, by what they express")
def moments(
    request: Request, query: Annotated[str, Query(max_length=QUERY, examples=["sad but smiling"])], limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    table: Annotated[str, Query(max_length=40, description="the calibration that says what a level is")] = "attune",
) -> list[dict[str, Any]]:
    """The clearest first, each with its recording, time, person, words, and what every modality says most. Nobody else's recordings are looked at."""
    service = Service.of(request)
    owned = _owned(service, Service.owner(request))
    if not owned:
        raise RecordingError("there are no recordings yet; send media to /v1/recordings first")
    corpus = Corpus(service.store.jobs, folders=list(owned))
    said = [asdict(m) | {"folder": owned[m.folder]} for m in find.find(query, corpus, limit=limit, table=table)]
    return [{"recording": m.pop("folder"), **{name: value for name, value in m.items() if name != "recording"}} for m in said]


def _owned(service: Service, owner: str) -> dict[Path, str]:
    """Folder -> number of every recording that is there for an owner."""
    owned: dict[Path, str] = {}
    before: int | None = None
    while jobs := service.queue.listed(owner, limit=PAGE, before=before, states=ENDED):
        for job, _ in jobs:
            owned |= {place: f"{job['id']}.{number}" for number, place in service.store.recordings(job["id"]) if (place / TABLE).is_file()}
        before = jobs[-1][0]["created"]
    return owned
