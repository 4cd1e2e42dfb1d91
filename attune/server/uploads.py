"""Submissions: files to the data folder, then the job to the queue, then the answer; what isn't accepted leaves nothing behind."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from attune.errors import SettingError
from attune.server.config import MB, Config
from attune.server.intake import BLOCK, TRANSCRIPTS, TooMuch
from attune.server.jobs.queue import New, Queue
from attune.server.jobs.store import Store, safe

FIELDS = 32                              # form fields that aren't files


async def json_of(request: Request, config: Config) -> Any:
    """A request's JSON; `SettingError` if it is none, or too long."""
    body = bytearray()
    async for block in request.stream():
        body += block
        if len(body) > config.limits.json_bytes:
            raise TooMuch(f"the JSON has more than {config.limits.json_bytes / MB:.0f} MB; send texts as files")
    return decoded(bytes(body))


def decoded(body: bytes | str) -> Any:
    """JSON from a stranger."""
    try:
        return json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise SettingError(f"the request is no JSON ({str(error)[:100]}); expected an object such as {{\"models\": {{\"face\": {{}}}}}}") from None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


async def form_of(request: Request, config: Config) -> FormData:
    """A multipart form. Its files lie in temporary files until they are stored; the caller closes it."""
    return await request.form(max_files=config.limits.sources + FIELDS, max_fields=FIELDS, max_part_size=config.limits.json_bytes)


def files_of(form: FormData, name: str = "file") -> list[UploadFile]:
    return [value for key, value in form.multi_items() if key == name and isinstance(value, UploadFile)]


async def text_of(form: FormData, name: str, config: Config) -> str | None:
    """A field of a form that may come as a field or as a file."""
    value = form.get(name)
    if isinstance(value, UploadFile):
        data = await value.read(config.limits.json_bytes + 1)
        if len(data) > config.limits.json_bytes:
            raise TooMuch(f"the part {name!r} has more than {config.limits.json_bytes / MB:.0f} MB")
        return data.decode("utf-8", "replace")
    return value


async def accept(
    queue: Queue, store: Store, config: Config, *, kind: str, owner: str, request: dict[str, Any], files: Sequence[UploadFile] = (),
    urls: Sequence[str] = (), texts: Sequence[str] = (), **more: Any,
) -> str:
    """Store the files and submit the job; returns its number."""
    count = len(files) + len(urls) + len(texts)
    if not count:
        raise SettingError("nothing to measure; expected at least one file, address or text")
    if count > config.limits.sources:
        raise SettingError(f"{count} files, addresses and texts; at most {config.limits.sources} are taken in one job (archives hold more)")
    long = next((t for t in texts if len(t) > config.limits.text_chars), None)
    if long is not None:
        raise SettingError(f"a text has {len(long)} characters; at most {config.limits.text_chars} are read here")
    new = New(kind, owner, request, [], **more)
    try:
        sources = await run_in_threadpool(_stored, store, config, new.id, files)
        sources += [{"type": "url", "url": url} for url in urls] + [{"type": "text", "text": text} for text in texts]
        given = New(kind, owner, request, sources, id=new.id, **more)
        number = await run_in_threadpool(queue.submit, given, config.limits)
    except BaseException:
        store.drop(new.id)
        raise
    if number != new.id:                                     # the same job was sent before
        store.drop(new.id)
    return number


def _stored(store: Store, config: Config, job: str, files: Sequence[UploadFile]) -> list[dict[str, Any]]:
    """The files on disk, synced, as sources; a transcript lies beside the media that it is named like."""
    names = [safe(f.filename) for f in files]
    stems = {PurePosixPath(n).stem: i for i, n in enumerate(names) if PurePosixPath(n).suffix.lower() not in TRANSCRIPTS}
    beside = [PurePosixPath(n).suffix.lower() in TRANSCRIPTS and PurePosixPath(n).stem in stems for n in names]
    numbers = {i: n for n, i in enumerate(i for i, b in enumerate(beside) if not b)}
    sources: list[dict[str, Any]] = []
    for i, (file, name) in enumerate(zip(files, names, strict=True)):
        place = store.media(job) / str(numbers[stems[PurePosixPath(name).stem]] if beside[i] else numbers[i])
        place.mkdir(parents=True, exist_ok=True)
        digest, count = hashlib.md5(usedforsecurity=False), 0
        with (place / name).open("wb") as out:
            while block := file.file.read(BLOCK):
                count += len(block)
                if count > config.limits.file_bytes:
                    raise TooMuch(f"{name} has more than {config.limits.file_bytes / MB:.0f} MB, as many as are taken here")
                digest.update(block)
                out.write(block)
            out.flush()
            os.fsync(out.fileno())
        if not beside[i]:
            sources.append({"type": "file", "filename": file.filename or name, "content_type": file.content_type or "application/octet-stream",
                            "md5sum": digest.hexdigest(), "path": name})
    return sources
