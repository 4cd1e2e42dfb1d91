"""The interface's own page at `/docs`, drawn by Swagger UI out of the package `fastapi-offline`: FastAPI's usual page would fetch it from elsewhere."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from fastapi import APIRouter
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import FileResponse, Response

from attune.server.guard import problem

FILES = {"swagger-ui-bundle.js": "text/javascript", "swagger-ui.css": "text/css"}
POLICY = "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'"

router = APIRouter(include_in_schema=False)


@router.get("/docs")
def docs() -> Response:
    """What can be asked, with examples, to be tried out."""
    page = get_swagger_ui_html(openapi_url="/openapi.json", title="Attune: the interface", swagger_favicon_url="/static/attune.svg",
                               swagger_js_url="/static/reference/swagger-ui-bundle.js", swagger_css_url="/static/reference/swagger-ui.css")
    page.headers["Content-Security-Policy"] = POLICY
    return page


@router.get("/static/reference/{name}")
def part(name: str) -> Response:
    """One of the files that draw it."""
    spec = importlib.util.find_spec("fastapi_offline")
    place = Path(spec.origin).parent / "static" / name if spec and spec.origin and name in FILES else None
    if place is None or not place.is_file():
        return problem(404, "path", f"nothing is at /static/reference/{name[:60]}; the page at /docs needs: pip install fastapi-offline")
    return FileResponse(place, media_type=FILES[name])
