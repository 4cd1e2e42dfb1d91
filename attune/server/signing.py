"""Links that open by themselves, for a minute: where a browser can't send a key as a header, its key needn't stand in an address.

A page asks for one with its key (`POST /v1/links`); the link is signed with that key, is good for one path, and names neither. Two things are opened
so: the report in a tab of its own, and the WebSocket of a live session.

    >>> link = signed("a key of sixteen or more", "/v1/recordings/7.0.0/report", 1000.0)
    >>> query = link.partition("?")[2]
    >>> signer(["another key, long too", "a key of sixteen or more"], "/v1/recordings/7.0.0/report", query, 1000.0)
    'a key of sixteen or more'
    >>> signer(["a key of sixteen or more"], "/v1/recordings/8.0.0/report", query, 1000.0) is None
    True
    >>> signer(["a key of sixteen or more"], "/v1/recordings/7.0.0/report", query, 1061.0) is None
    True
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from urllib.parse import parse_qs

LIVE = "/v1/live"
GOOD = 60                                # s that a link is good for
OPENED = re.compile(rf"/v1/recordings/[\w.-]{{1,80}}/report|{LIVE}")


def signed(key: str, path: str, now: float) -> str:
    """A path that opens until a minute from now (s since 1970)."""
    until = int(now) + GOOD
    return f"{path}?until={until}&signature={_signature(key, path, until)}"


def signer(keys: Sequence[str], path: str, query: str, now: float) -> str | None:
    """The key that signed this path and query, if one did and its time isn't over."""
    given = parse_qs(query)
    until, signature = given.get("until", [""])[0], given.get("signature", [""])[0]
    if not (signature and until.isascii() and until.isdecimal() and len(until) < 16 and now <= int(until) <= now + GOOD and OPENED.fullmatch(path)):
        return None
    return next((k for k in keys if hmac.compare_digest(_signature(k, path, int(until)).encode(), signature.encode("utf-8", "replace"))), None)


def _signature(key: str, path: str, until: int) -> str:
    return hmac.new(b"attune link " + key.encode("utf-8", "replace"), f"{until} {path}".encode(), hashlib.sha256).hexdigest()
