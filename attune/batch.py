"""Many files: find them, measure each, lose none.

One bad file is one line in `failures.csv`; the others are done. A file that was measured with the same settings and models, and
hasn't changed since, is skipped, so running again finishes what was left.
"""

from __future__ import annotations

import csv
import glob
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from attune import report
from attune.errors import AttuneError
from attune.measure import load_models, measure, versions
from attune.settings import Settings
from attune.types import Recording

FAILURES = "failures.csv"
DONE = "done.json"                       # the fingerprint of what a folder was measured from and with
SUFFIXES = frozenset((
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".wmv", ".flv", ".3gp", ".ogv",
    ".mp3", ".wav", ".flac", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".wma", ".aiff", ".aif",
    ".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".heic",
))
HEAD = 1 << 20                           # bytes of a file that its fingerprint reads, with its length

FileHook = Callable[[str, str, float, float], None]


@dataclass(frozen=True)
class Result:
    """What became of one file."""

    source: str
    folder: Path
    summary: str = ""
    notes: tuple[str, ...] = ()
    error: str = ""
    skipped: bool = False


def find(paths: Sequence[str | Path]) -> list[Path]:
    """Media files in files, folders (all the way down) and patterns, each once, in order. A named file is taken whatever its suffix;
    in folders only media suffixes count."""
    found: list[Path] = []
    for given in map(str, paths):
        path = Path(given)
        if path.is_dir():
            found += sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
        elif not path.exists() and glob.has_magic(given):
            found += sorted(p for p in map(Path, glob.glob(given, recursive=True)) if p.suffix.lower() in SUFFIXES and p.is_file())
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def run(
    files: Sequence[Path], out: Path, settings: Settings, *, formats: Sequence[str] = ("parquet",), page: bool = True, again: bool = False,
    workers: int = 1, hook: FileHook | None = None,
) -> Iterator[Result]:
    """Measure files into folders below `out`, and yield each result as it is done.

    `hook(file, step, done, total)` is called here only with one worker. Failures are also written to `out/failures.csv`, which is
    gone when there are none.
    """
    out.mkdir(parents=True, exist_ok=True)
    models = versions(load_models(settings))["models"]
    jobs = [(f, folder, settings, tuple(formats), page, again, models) for f, folder in zip(files, folders(files, out), strict=True)]
    failed: list[Result] = []
    for result in _each(jobs, workers, hook):
        if result.error:
            failed.append(result)
            _write_failures(out / FAILURES, failed)
        yield result
    if not failed:
        (out / FAILURES).unlink(missing_ok=True)


def folders(files: Sequence[Path], out: Path) -> list[Path]:
    """A folder per file, named as the file without its suffix; with it where another file would have the same.

    >>> [f.name for f in folders([Path("a.mp4"), Path("b.mp4"), Path("b.wav")], Path("out"))]
    ['a', 'b.mp4', 'b.wav']
    """
    stems = [f.stem for f in files]
    named = [f.stem if stems.count(f.stem) == 1 else f.name for f in files]
    places: list[Path] = []
    for f, name in zip(files, named, strict=True):
        if named.count(name) > 1:         # the same name in several folders: the folder tells them apart
            name = f"{name}-{hashlib.sha256(str(f.resolve().parent).encode()).hexdigest()[:6]}"
        places.append(out / name)
    return places


def _each(jobs: list[tuple[Any, ...]], workers: int, hook: FileHook | None) -> Iterator[Result]:
    if workers == 1 or len(jobs) < 2:
        for job in jobs:
            yield _one(*job, hook=hook)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        running = {pool.submit(_one, *job): job for job in jobs}
        for future in as_completed(running):
            try:
                yield future.result()
            except Exception as error:    # the worker itself died (memory, a crash below Python)
                yield Result(str(running[future][0]), running[future][1], error=f"the process that measured it ended: {error}")


def _one(
    file: Path, folder: Path, settings: Settings, formats: tuple[str, ...], page: bool, again: bool, models: dict[str, Any], *, hook: FileHook | None = None
) -> Result:
    """Measure one file; whatever goes wrong with it becomes its result."""
    try:
        mark = _fingerprint(file, settings, formats, models)
        if not again and _read(folder / DONE) == mark:
            return Result(str(file), folder, skipped=True)
        recording = measure(file, out=folder, formats=formats, hook=_bound(hook, str(file)), **settings.asdict())
        if page:
            report.write(recording, folder / "report.html")
        (folder / DONE).write_text(mark, encoding="utf-8")
        return Result(str(file), folder, summary=summary(recording), notes=recording.notes)
    except AttuneError as error:
        return Result(str(file), folder, error=str(error))
    except OSError as error:
        return Result(str(file), folder, error=f"{type(error).__name__}: {error}")
    except Exception as error:            # a defect of ours must not cost the other files
        return Result(str(file), folder, error=f"unexpected {type(error).__name__}: {error}; please report it")


def _bound(hook: FileHook | None, file: str) -> Callable[[str, float, float], None] | None:
    return None if hook is None else lambda step, done, total: hook(file, step, done, total)


def summary(recording: Recording) -> str:
    """What was found, in a line; nothing of what wasn't looked for."""
    def count(n: int, one: str, many: str) -> str:
        return f"{n} {one if n == 1 else many}"

    measured = {e.modality for e in recording}
    heard = sum({(s.start, s.end): s.duration for s in recording.segments if s.kind == "speech"}.values())
    parts = [f"{recording.duration:.1f} s" if recording.duration else "a picture", count(len(recording.people), "person", "people")]
    parts += [count(len(recording.faces), "face", "faces")] * ("face" in measured) + [f"{heard:.1f} s of speech"] * ("voice" in measured)
    return ", ".join(parts)


def _fingerprint(file: Path, settings: Settings, formats: Sequence[str], models: dict[str, Any]) -> str:
    """What the result depends on: the file's length and beginning and time, settings, weights."""
    stat = file.stat()
    with file.open("rb") as f:
        head = hashlib.sha256(f.read(HEAD)).hexdigest()
    facts = {"size": stat.st_size, "modified": stat.st_mtime_ns, "head": head, "settings": settings.asdict(), "formats": sorted(formats), "models": models}
    return json.dumps(facts, sort_keys=True)


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _write_failures(path: Path, failed: Sequence[Result]) -> None:
    with path.open("w", newline="", encoding="utf-8") as f:
        rows = csv.writer(f)
        rows.writerow(["file", "error"])
        rows.writerows([r.source, r.error] for r in failed)
