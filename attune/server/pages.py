"""The live page: what a browser gets at `/`, and the few files it is made of.

Markup, style and modules lie in `static/`, as they are sent: there is no build step, and nothing comes from anywhere else. The page's manner is the
report's: its style sheet and its small elements are sent too, the latter as a module.
"""

from __future__ import annotations

import importlib.resources
import re
from importlib.resources.abc import Traversable

from fastapi import APIRouter, Request
from starlette.responses import Response

from attune.server.guard import problem

HERE = importlib.resources.files("attune") / "server" / "static"
HOUSE = importlib.resources.files("attune") / "pages" / "report"
KINDS = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
INDEX = "index.html"

# Only what this server sends may run, show or be asked; pictures and sound come from the page's own camera, microphone and memory.
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; worker-src 'self'; "
          "connect-src 'self'{ws}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
DEVICES = "camera=(self), microphone=(self), geolocation=(), display-capture=(), payment=(), usb=()"
HOST = re.compile(r"[a-z0-9.-]+(:\d+)?|\[[0-9a-f:]+\](:\d+)?", re.I)

router = APIRouter(include_in_schema=False)


@router.get("/")
@router.head("/")
def index(request: Request) -> Response:
    """The page itself."""
    return Response(_text(HERE / INDEX), media_type="text/html", headers={
        "Content-Security-Policy": policy(request.headers.get("host", "")), "Permissions-Policy": DEVICES, "Cache-Control": "no-cache"})


@router.get("/static/{name}")
@router.head("/static/{name}")
def static(name: str) -> Response:
    """One of its files, by a name that is among them."""
    if name == "house.css":
        text = _text(HOUSE / "report.css")
    elif name == "elements.js":
        text = as_module(_text(HOUSE / name))
    elif name in {file.name for file in HERE.iterdir()} and name.rpartition(".")[2] in KINDS:
        text = _text(HERE / name)
    else:
        return problem(404, "path", f"nothing is at /static/{name[:60]}; the page is at /")
    return Response(text, media_type=KINDS[name.rpartition(".")[2]], headers={"Content-Security-Policy": "default-src 'none'", "Cache-Control": "no-cache"})


def policy(host: str) -> str:
    """What the page may do, for the address under which it was asked; "self" doesn't cover WebSockets in every browser.

    >>> policy("127.0.0.1:8000").split("; ")[6]
    "connect-src 'self' ws://127.0.0.1:8000 wss://127.0.0.1:8000"
    >>> policy("evil; script-src *").split("; ")[6]
    "connect-src 'self'"
    """
    return POLICY.format(ws=f" ws://{host} wss://{host}" if HOST.fullmatch(host) else "")


def as_module(script: str) -> str:
    """A script whose functions and constants other modules may import.

    >>> as_module("const two = 2;\\nfunction three() {\\n  const four = 4;\\n}\\n").splitlines()[-1]
    'export { two, three };'
    """
    names = re.findall(r"^(?:const|function) (\w+)", script, re.M)
    return f"{script}\nexport {{ {', '.join(names)} }};\n"


def _text(file: Traversable) -> str:
    return file.read_text(encoding="utf-8")
