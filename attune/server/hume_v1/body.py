"""Multipart bodies as the API v1's clients send them: parts of bytes by name, whether or not a part says its file name (Hume's client doesn't)."""

from __future__ import annotations

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from attune.server.config import MB
from attune.server.hume_v1.asked import REQUEST, Wrong

PARTS = 2000                             # in one body


class _Parts:
    """Collects the parts of one body."""

    def __init__(self) -> None:
        self.found: list[tuple[str, bytearray]] = []
        self._header, self._value, self._name = bytearray(), bytearray(), ""

    def on_part_begin(self) -> None:
        self._name = ""

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def on_header_end(self) -> None:
        if bytes(self._header).lower() == b"content-disposition":
            self._name = parse_options_header(bytes(self._value))[1].get(b"name", b"").decode("utf-8", "replace")
        self._header, self._value = bytearray(), bytearray()

    def on_headers_finished(self) -> None:
        if len(self.found) >= PARTS:
            raise Wrong(400, "invalid_request", f"more than {PARTS} parts")
        self.found.append((self._name, bytearray()))

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        self.found[-1][1].extend(data[start:end])


async def parts_of(request: Request, too_large: str) -> dict[str, list[bytes]]:
    """Name -> the parts of that name. `Wrong` if it is no multipart body, or a larger one than is taken, which has the code `too_large`."""
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind.lower() != b"multipart/form-data" or not options.get(b"boundary"):
        raise Wrong(415, "unsupported_media_type", "expected multipart/form-data with a part named 'file'")
    parts, count = _Parts(), 0
    try:
        parser = MultipartParser(options[b"boundary"], {
            "on_part_begin": parts.on_part_begin, "on_header_field": parts.on_header_field, "on_header_value": parts.on_header_value,
            "on_header_end": parts.on_header_end, "on_headers_finished": parts.on_headers_finished, "on_part_data": parts.on_part_data})
        async for block in request.stream():
            count += len(block)
            if count > REQUEST:
                raise Wrong(413, too_large, f"the request has more than {REQUEST / MB:.0f} MB; send less at once")
            parser.write(block)
        parser.finalize()
    except (FormParserError, ValueError) as error:
        raise Wrong(400, "invalid_request", f"the body is no multipart form ({error})") from None
    out: dict[str, list[bytes]] = {}
    for name, data in parts.found:
        out.setdefault(name, []).append(bytes(data))
    return out
