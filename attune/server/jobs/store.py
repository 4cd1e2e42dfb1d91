"""Files of jobs: `jobs/<id>/media/` what came in, `jobs/<id>/<part>/` what was measured; nothing outside the data folder.

A part's folder holds `result.json` once the part is measured, and not before: it is written whole or not at all.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RESULT = "result.json"
YOUNG = 3600.0                           # s; a folder without a job is left alone as long, its job may be about to be accepted
LONGEST = 80                             # characters of a file's name that are kept
_UNSAFE = re.compile(r"[^\w.\- ]+")


def safe(name: str | None, default: str = "file") -> str:
    """A stranger's file name as one that is harmless here; folders, dots at the start and odd characters are taken out.

    >>> safe("../../etc/passwd"), safe("C:\\\\evil\\\\clip.mp4"), safe("..."), safe("mein Video (1).mp4")
    ('passwd', 'clip.mp4', 'file', 'mein Video _1_.mp4')
    """
    last = re.split(r"[\\/]", name or "")[-1]
    kept = _UNSAFE.sub("_", last).strip(" .")
    stem, dot, ending = kept.rpartition(".")
    return (f"{stem[: LONGEST - len(ending) - 1]}.{ending}" if dot and len(ending) <= 8 else kept[:LONGEST]) or default


class Store:
    """The files below one data folder."""

    def __init__(self, data: Path) -> None:
        self.jobs = data / "jobs"
        self.jobs.mkdir(parents=True, exist_ok=True)
        os.chmod(data, 0o700)

    def folder(self, job: str) -> Path:
        """A job's folder; whatever isn't a job's number leads nowhere."""
        return self.jobs / str(uuid.UUID(job))

    def media(self, job: str) -> Path:
        place = self.folder(job) / "media"
        place.mkdir(parents=True, exist_ok=True)
        return place

    def part(self, job: str, n: int) -> Path:
        return self.folder(job) / str(int(n))

    def result(self, job: str, n: int) -> dict[str, Any] | None:
        """What was measured of a part; None if it isn't done."""
        file = self.part(job, n) / RESULT
        try:
            found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        return found

    def keep(self, job: str, n: int, result: dict[str, Any]) -> None:
        """Write what was measured of a part, whole or not at all."""
        folder = self.part(job, n)
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / RESULT, json.dumps(result, ensure_ascii=False, allow_nan=False))

    def recordings(self, job: str) -> Iterator[tuple[str, Path]]:
        """The recordings of a job: "part.number" and the folder."""
        for file in sorted(self.folder(job).glob("*/recordings/*/recording.json"), key=lambda f: (int(f.parts[-4]), int(f.parts[-2]))):
            yield f"{file.parts[-4]}.{file.parts[-2]}", file.parent

    def drop_media(self, job: str) -> None:
        shutil.rmtree(self.folder(job) / "media", ignore_errors=True)

    def drop(self, job: str) -> None:
        shutil.rmtree(self.folder(job), ignore_errors=True)

    def strays(self) -> list[str]:
        """Folders old enough that their jobs must be in the database, if they were accepted."""
        old = time.time() - YOUNG
        return [f.name for f in self.jobs.iterdir() if f.is_dir() and f.stat().st_mtime < old and _is_number(f.name)]


def write_whole(path: Path, text: str) -> None:
    """Write and sync a file, whole or not at all."""
    half = path.with_name(f"{path.name}.{os.getpid()}.half")
    with half.open("w", encoding="utf-8") as f:
        f.write(text)
        f.flush()
        os.fsync(f.fileno())
    os.replace(half, path)


def _is_number(name: str) -> bool:
    try:
        return str(uuid.UUID(name)) == name
    except ValueError:
        return False
