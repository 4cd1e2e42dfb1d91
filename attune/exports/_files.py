"""Files in, files out: opened with an error that says what was expected, written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from attune.errors import RecordingError

LARGEST = 2**30                          # bytes that are read into memory at once; a day of faces as JSON is about a third of it
GLANCE = 4096                            # bytes


def data_of(path: Path, what: str) -> bytes:
    """A file's bytes; `what` is a noun phrase for the error: "a TextGrid"."""
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise RecordingError(f"{path.name} is a folder; expected {what}")
        if size > LARGEST:
            raise RecordingError(f"{path.name} has {size / 2**20:,.0f} MB; expected {what} of at most {LARGEST // 2**20:,} MB")
        data = path.read_bytes()
    except OSError as error:
        raise RecordingError(f"{path.name} can't be opened ({error.strerror or error}); expected {what}") from error
    if not data.strip():
        raise RecordingError(f"{path.name} is empty; expected {what}")
    return data


def text_of(path: Path, what: str) -> str:
    """A file's text, in UTF-8 or, by its mark, UTF-16; line ends as they are."""
    try:
        return decoded(data_of(path, what))
    except UnicodeDecodeError as error:
        raise RecordingError(f"{path.name} is no text in UTF-8 or UTF-16 (byte {error.start}); expected {what}") from error


def decoded(data: bytes) -> str:
    return data.decode("utf-16") if data[:2] in (b"\xff\xfe", b"\xfe\xff") else data.decode("utf-8-sig")


def glance(path: Path) -> str:
    """The beginning of a file as text, "" for a folder or what can't be read."""
    if not path.is_file():
        return ""
    try:
        with path.open("rb") as file:
            head = file.read(GLANCE)
        return head[: len(head) // 2 * 2].decode("utf-16", "replace") if head[:2] in (b"\xff\xfe", b"\xfe\xff") else head.decode("utf-8-sig", "replace")
    except OSError:
        return ""


def put(path: Path, content: str | bytes) -> Path:
    """Write whole or not at all; folders on the way are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(path.name + ".half")
    half.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    os.replace(half, path)
    return path
