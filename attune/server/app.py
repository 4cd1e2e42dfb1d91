"""The application: routes behind the guard, workers beside it, errors as sentences."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import JSONResponse, Response

from attune import __version__
from attune.errors import AttuneError
from attune.server import evi, finding, hearing, links, live, openai, own, pages, reference
from attune.server.config import Config
from attune.server.guard import Guard, TooLarge, problem
from attune.server.hume_v0 import batch, stream
from attune.server.hume_v1 import files, realtime, runs
from attune.server.hume_v1.asked import Wrong
from attune.server.intake import TooMuch
from attune.server.jobs.afterwards import Afterwards
from attune.server.jobs.keeper import Keeper
from attune.server.jobs.queue import Full, OperationalError, Queue
from attune.server.jobs.store import Store
from attune.server.service import Service
from attune.server.streaming import Streamers

LATER = "30"                             # s; when to try again

ABOUT = """\
Expression in face, voice and language, measured on the machine that this server runs on; nothing is sent anywhere else.

Attune measures expression, it doesn't read minds. People who are measured must be told (EU AI Act, Art. 50(3)); inferring emotions at work or in
education is prohibited in the EU, save for medical and safety reasons (Art. 5(1)(f)). `consent` and `purpose` travel with every job.
"""

log = logging.getLogger("attune.server")


class Problem(BaseModel):
    """Every error: its status, the interface's code, and a sentence that says what came, what was expected and what to do."""

    status: int
    code: str
    message: str
    error: str | None = None


ERRORS: dict[int | str, dict[str, Any]] = {
    "4XX": {"model": Problem, "description": "what the request did wrong"}, "503": {"model": Problem, "description": "too much waits; try again later"},
}


def create_app(config: Config, *, worker: str = "attune.server.jobs.worker") -> FastAPI:
    """The application of a checked configuration. `worker` is the module that measures; tests put a lighter one there."""
    config = config.checked()

    @asynccontextmanager
    async def running(app: FastAPI) -> AsyncIterator[None]:
        queue, store = Queue(config.url), Store(config.data)
        keeper, after = Keeper(config, queue, worker), Afterwards(config, queue, store)
        streams = Streamers(config)
        app.state.service = Service(config, queue, store, streams)
        await run_in_threadpool(keeper.start)
        after.start()
        yield
        await streams.stop()
        await run_in_threadpool(keeper.stop)
        await run_in_threadpool(after.stop)
        queue.close()

    app = FastAPI(title="Attune", version=__version__, description=ABOUT, lifespan=running, docs_url=None, redoc_url=None, responses=ERRORS)
    for router in (batch.router, stream.router, own.router, links.router, finding.router, live.router, files.router, realtime.router, runs.router,
                   pages.router, reference.router, hearing.router, openai.router, evi.router):
        app.include_router(router)
    app.add_api_route("/health", health, methods=["GET"], tags=["Server"], summary="Whether the server works, and how much waits")
    for kind, answer in ((AttuneError, _said), (RequestValidationError, _malformed), (HTTPException, _http), (TooLarge, _too_large), (OperationalError, _away),
                         (Exception, _defect)):
        app.add_exception_handler(kind, answer)
    if config.origins:
        app.add_middleware(CORSMiddleware, allow_origins=list(config.origins), allow_methods=["*"], allow_headers=["*"])
    app.add_middleware(Guard, config=config)
    return app


def health(request: Request) -> dict[str, Any]:
    """Open to everybody, and tells nobody's secrets: only how many jobs there are in each state."""
    return {"status": "ok", "version": __version__, "jobs": Service.of(request).queue.counts()}


async def _said(request: Request, error: Exception) -> Response:
    """Our own errors are what the client did, and say so."""
    if isinstance(error, Full):
        return problem(429 if error.whose == "owner" else 503, "full", str(error), headers={"Retry-After": LATER})
    return problem(413 if isinstance(error, TooMuch) else 400, "E0101", str(error))


async def _malformed(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(p) for p in first["loc"][1:])
    said = f"{place}: {str(first.get('input'))[:80]!r}; {first['msg'][0].lower()}{first['msg'][1:]}"
    if request.url.path.startswith("/v1/expression/"):       # Hume's v1 has errors of its own
        return runs.answered(Wrong(400, "invalid_request", said))
    return problem(400, "E0101", said)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return problem(404, "path", f"nothing is at {request.url.path[:100]!r}; see /docs")
    if error.status_code == 405:
        return problem(405, "path", f"{request.method} isn't for {request.url.path[:100]!r}; see /docs", headers=dict(error.headers or {}))
    return problem(error.status_code, "E0101", str(error.detail))


async def _too_large(request: Request, error: Exception) -> Response:
    return problem(413, "size", str(error))


async def _away(request: Request, error: Exception) -> Response:
    log.error("no answer from the database: %s", error)
    return problem(503, "database", "the database doesn't answer for now; try again later", headers={"Retry-After": LATER})


async def _defect(request: Request, error: Exception) -> JSONResponse:
    log.exception("%s %s", request.method, request.url.path, exc_info=error)
    return problem(500, "defect", f"unexpected {type(error).__name__}; please report it")
