"""Many files: find them, measure each, lose none.

    mapping   one function over many items, by an engine (`engines/`): processes here, or Ray
    worker    the process that does the work, and the limits of its time and memory
    places    files wherever they lie
    one       one recording: known already, or measured and written
    folders   private folders of which nothing stays behind

One bad file is a line in `failures.csv`; the others are done. A file that was measured with the same settings and models is skipped, even
under another name, so running again finishes what was left. `manifest.parquet` lists the corpus.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from attune import weights
from attune.batch import places
from attune.batch.folders import sweep
from attune.batch.mapping import Limits, map
from attune.batch.one import DONE, Job, Result, folk, lasting, measured, summary
from attune.batch.places import SUFFIXES, Place, find
from attune.errors import SettingError
from attune.measure import load_models, versions
from attune.settings import Settings
from attune.text import recognisers

__all__ = ["DONE", "FAILURES", "MANIFEST", "SUFFIXES", "Limits", "Result", "find", "folders", "folk", "lasting", "manifest", "map", "run", "summary"]

FAILURES = "failures.csv"                # and failures.parquet: file, kind, error, tries
MANIFEST = "manifest.parquet"            # a row a recording
WRITABLE = ".writable"                   # is written and removed, to see that it can be
AT_ONCE = 8                              # files that a worker has in hand at most, where its networks see several inputs in a call
RETOLD = 100                             # failures after which their table is written again only at the end

FileHook = Callable[[str, str, float, float], None]
MANIFEST_SCHEMA = pa.schema([
    ("recording", pa.string()), ("source", pa.string()), ("content", pa.string()), ("key", pa.string()), ("duration", pa.float64()),
    ("people", pa.int64()), ("rows", pa.int64()), ("summary", pa.string()), ("notes", pa.string()),
])


def run(
    files: Sequence[Place], out: Place, settings: Settings, *, formats: Sequence[str] = ("parquet",), page: bool = True, again: bool = False,
    workers: int = 1, hook: FileHook | None = None, engine: str = "local", address: str | None = None, gpus: float = 0.0, limits: Limits | None = None,
    cache: str | Path | None = None, largest: float | None = None, hashed: bool = False,
) -> Iterator[Result]:
    """Measure files into folders below `out`, and yield each result as it is done.

    files, out
        Paths, or addresses that fsspec knows.
    hook
        Called as hook(file, step, done, total), in seconds of media, from several threads when there are several workers; not by Ray.
    engine, address, gpus, workers, limits
        As in `mapping.map`.
    cache, largest, hashed
        As in `one.Job`.

    Failures are also written to `out/failures.csv` and `.parquet`, which are gone when there are none; the corpus to `out/manifest.parquet`.

    Raises
    ------
    PlaceError
        If a store of `out` can't be written to: at once, before anything is measured.
    SettingError
        If the cache, or a file that the settings name, is an address.
    """
    if cache and places.remote(str(cache)):
        raise SettingError(f"the cache {cache} is an address; expected a folder of this machine or of a shared disk, such as --cache kept")
    for name in ("transcript", "baseline", "voices"):
        if places.remote(str(getattr(settings, name) or "")):
            raise SettingError(f"{name}={getattr(settings, name)!r} is an address; expected a file of this machine: copy it here first. "
                               "Words beside remote media (talk.srt beside talk.mp4) are fetched with them")
    sweep()
    files = [f if places.remote(f) else Path(f) for f in files]
    out = out if places.remote(out) else Path(out)
    depends = _depends(settings)
    jobs = [Job(f, folder, out, settings, tuple(formats), page, again, depends, str(cache or ""), largest, hashed)
            for f, folder in zip(files, folders(files, out), strict=True)]
    failed: list[Result] = []
    tell = None if hook is None else lambda index, step, done, total: hook(str(files[index]), step, done, total)
    workers = max(1, min(workers, len(jobs)))
    together = max(1, min(settings.batch, AT_ONCE, -(-len(jobs) // workers)))
    outcomes = map(measured, jobs, engine=engine, workers=workers, limits=limits, address=address, gpus=gpus, tell=tell, together=together)
    if isinstance(out, Path):
        out.mkdir(parents=True, exist_ok=True)        # only now: a wrong setting, model or engine leaves no folder behind
    places.steadily(out, lambda: _must_be_writable(out))
    for outcome in outcomes:
        job = jobs[outcome.index]
        result = replace(outcome.value, tries=outcome.tries) if outcome.kind == "" else Result(
            str(job.source), job.folder, error=outcome.error, kind=outcome.kind, tries=outcome.tries)
        if not result.error and not places.remote(out) and not Path(result.folder, DONE).is_file():
            result = replace(result, error=f"it was measured on another machine, and {out} isn't a disk that it shares with this one; give --out an address, "
                             "or a folder of a shared disk", kind="lost")
        if result.error:
            failed.append(result)
            if len(failed) <= RETOLD:
                with suppress(Exception):     # it is written again at the end
                    _write_failures(out, failed)
        yield result
    places.steadily(out, lambda: _write_failures(out, failed))
    places.steadily(out, lambda: places.write(places.join(out, MANIFEST), _parquet(manifest(out))))


def manifest(out: Place) -> pa.Table:
    """The recordings below a place that are done, a row each, by name; its `recording` is what explore's tables of facts go by."""
    found = places.children(out, DONE)
    rows = []
    for place, content in zip(found, places.read_all(found), strict=True):
        facts = json.loads(content or b"null")
        if isinstance(facts, dict) and "key" in facts:
            name = str(place).replace("\\", "/").split("/")[-2]
            rows.append({**facts, "recording": name, "notes": "; ".join(facts["notes"])})
    return pa.Table.from_pylist(rows, schema=MANIFEST_SCHEMA)


def folders(files: Sequence[Place], out: Place) -> list[Place]:
    """A folder per file, named as the file without its suffix; with it where another file would have the same.

    >>> [f.name for f in folders([Path("a.mp4"), Path("b.mp4"), Path("b.wav")], Path("out"))]
    ['a', 'b.mp4', 'b.wav']
    """
    own = [places.name_of(f) for f in files]
    stems: dict[str, int] = {}
    for part in own:
        stems[part.stem] = stems.get(part.stem, 0) + 1
    named = [part.stem if stems[part.stem] == 1 else part.name for part in own]
    times: dict[str, int] = {}
    for name in named:
        times[name] = times.get(name, 0) + 1
    found: list[Place] = []
    for f, name in zip(files, named, strict=True):
        if times[name] > 1:               # the same name in several folders: the folder tells them apart
            parent = str(f).rpartition("/")[0] if places.remote(f) else str(Path(f).resolve().parent)
            name = f"{name}-{hashlib.sha256(parent.encode()).hexdigest()[:6]}"
        found.append(places.join(out, name))
    return found


def _must_be_writable(out: Place) -> None:
    place = places.join(out, WRITABLE)
    try:
        places.write(place, b"")
        places.remove(place)
    except OSError as error:
        if not places.remote(out):
            error.filename = str(out)         # rather than a file that nobody asked for
        raise


def _depends(settings: Settings) -> str:
    """What every file's result depends on: the models with their weights, who recognises words, what networks run on."""
    facts: dict[str, Any] = {"models": versions(load_models(settings))["models"]}
    facts["recogniser"] = recognisers.first(settings.recogniser) if settings.text not in (None, "none", "") else None
    facts["providers"] = weights.providers()
    return json.dumps(facts, sort_keys=True)


def _write_failures(out: Place, failed: Sequence[Result]) -> None:
    csv, parquet = places.join(out, FAILURES), places.join(out, FAILURES.replace(".csv", ".parquet"))
    if not failed:
        places.remove(csv)
        places.remove(parquet)
        return
    table = pa.table({"file": [r.source for r in failed], "error": [r.error for r in failed], "kind": [r.kind for r in failed],
                      "tries": pa.array([r.tries for r in failed], pa.int64())})
    text = io.BytesIO()
    pyarrow.csv.write_csv(table, text)
    places.write(csv, text.getvalue())
    places.write(parquet, _parquet(table))


def _parquet(table: pa.Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, compression="zstd")
    return out.getvalue()
