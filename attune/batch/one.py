"""One recording, measured by a worker: is it done already, fetch it, measure it, write it, say that it is done.

What a result depends on becomes its key: the file's content, the words beside it, settings, formats, every model's weights, baselines and books of voices, the
providers that the networks run on, Attune's version. A folder whose `done.json` has the key is done. `.done/KEY` says which folder has it,
so that a file that was renamed or moved meanwhile is known again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attune import __version__, report
from attune.batch import places
from attune.batch.folders import private
from attune.batch.places import Place
from attune.cache import Cache
from attune.errors import AttuneError
from attune.measure import measure, transcript_of
from attune.settings import Settings
from attune.text import recognisers
from attune.timeline import SPEAKER
from attune.types import Recording

DONE = "done.json"                       # what a folder was measured from and with; written last
INDEX = ".done"                          # key -> folder


@dataclass(frozen=True)
class Job:
    """A file and everything that measuring it takes.

    folder, out
        Where its results go, and the whole corpus of them.
    depends
        What all files' results depend on besides settings and formats: models with their weights, providers.
    cache
        A folder of `attune.cache`, "" for none.
    largest
        Bytes of a remote file that is fetched at most.
    hashed
        Read remote files to know their content, rather than believe their ETag.
    """

    source: Place
    folder: Place
    out: Place
    settings: Settings
    formats: tuple[str, ...] = ("parquet",)
    page: bool = True
    again: bool = False
    depends: str = ""
    cache: str = ""
    largest: float | None = None
    hashed: bool = False


@dataclass(frozen=True)
class Result:
    """What became of one file. seconds: its own length; kind: what kind of failure (`worker.Outcome`)."""

    source: str
    folder: Place
    summary: str = ""
    notes: tuple[str, ...] = ()
    error: str = ""
    skipped: bool = False
    kind: str = ""
    tries: int = 1
    seconds: float = 0.0


def measured(job: Job, tell: Callable[..., None]) -> Result:
    """Measure a file, unless it is done. Errors are the caller's (`mapping.map` makes outcomes of them)."""
    with ExitStack() as stack:
        known = "" if job.hashed else places.mark(job.source)
        local = None if known else stack.enter_context(places.fetched(job.source, job.largest))
        content = known or places.digest(_needed(local))
        key = key_of(job, content)
        done = None if job.again else _done(job, key)
        if done is not None:
            return Result(str(job.source), done[0], skipped=True, seconds=done[1])
        local = local or stack.enter_context(places.fetched(job.source, job.largest))
        return _measured(job, local, content, key, tell)


def key_of(job: Job, content: str) -> str:
    """SHA-256 of everything that a file's result depends on."""
    facts = {"content": content, "settings": job.settings.asdict(), "formats": sorted(job.formats), "report": job.page, "depends": job.depends,
             "attune": __version__, "files": _files(job)}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _files(job: Job) -> list[str]:
    """Contents of the files that settings name, and of the words beside the media."""
    s = job.settings
    if s.text in (None, "none", ""):
        words: list[Place] = []
    elif places.remote(job.source):
        given = transcript_of(places.name_of(job.source), s) if s.transcript else None
        words = [given] if given else places.beside(job.source)[:1]
    else:
        file = transcript_of(Path(job.source), s)
        words = [file] if file else []
    named: list[Place] = [Path(f) for f in (s.baseline, s.voices) if f and f not in ("own", "none")]
    return [places.mark(f) or hashlib.sha256(places.read(f) or b"").hexdigest() for f in (*words, *named)]


def _needed(local: Path | None) -> Path:
    assert local is not None
    return local


def _done(job: Job, key: str) -> tuple[Place, float] | None:
    """Where the result lies already, and how long the recording is: in its own folder, or in that of the name it had before."""
    own = facts_of(job.folder)
    if own and own["key"] == key:
        return job.folder, own["duration"]
    where = places.read(places.join(job.out, INDEX, key))
    if where is None:
        return None
    other = places.join(job.out, where.decode())
    facts = facts_of(other)
    if facts and facts["key"] == key and (facts["source"] == _absolute(job.source) or not places.exists(facts["source"])):      # a copy has its own folder
        return other, facts["duration"]
    return None


def facts_of(folder: Place) -> dict[str, Any] | None:
    """What `done.json` says; None without one."""
    try:
        facts: dict[str, Any] = json.loads(places.read(places.join(folder, DONE)) or b"null")
    except ValueError:                    # of an older version, or damaged: measured anew
        return None
    return facts if isinstance(facts, dict) and {"key", "source", "duration", "content"} <= facts.keys() else None


def _free(job: Job, content: str) -> Place:
    """The folder, unless it holds the result of another file, one that was moved and is known under its old name: then one beside it."""
    facts = facts_of(job.folder)
    if facts is None or facts["content"] == content or facts["source"] == _absolute(job.source) or places.exists(facts["source"]):
        return job.folder
    name = f"{places.name_of(job.folder)}-{hashlib.sha256(str(job.source).encode()).hexdigest()[:6]}"
    return places.join(job.out, name)


def _measured(job: Job, local: Path, content: str, key: str, tell: Callable[..., None]) -> Result:
    target = _free(job, content)
    remote = places.remote(target)
    with private() if remote else nullcontext(Path(target)) as own:
        folder = own / "recording" if remote else own
        if not remote:
            places.remove(folder / DONE)          # from here on the folder is no longer what it said
        cache = Cache(job.cache, content="" if content.startswith("etag ") else content) if job.cache else None
        stay = recognisers.staying_open() if job.settings.batch > 1 else nullcontext()       # one for all files that are measured meanwhile
        try:
            with stay:
                recording = measure(local, out=folder, formats=job.formats, hook=tell, cache=cache, **job.settings.asdict())
        except AttuneError as error:
            raise _renamed(error, local, job.source) from error
        if job.page:
            report.write(recording, folder / "report.html")
        line = summary(recording)
        facts = {"key": key, "source": _absolute(job.source), "content": content, "duration": recording.duration, "people": len(recording.people),
                 "rows": len(recording.segments), "summary": line, "notes": list(recording.notes)}
        places.write(folder / DONE, json.dumps(facts, sort_keys=True, ensure_ascii=False).encode())
        if remote:
            places.remove(places.join(target, DONE))
            places.put(folder, target, last=(DONE,))
        places.write(places.join(job.out, INDEX, key), places.name_of(target).name.encode())
        return Result(str(job.source), target, summary=line, notes=recording.notes, seconds=recording.duration)


def _renamed(error: AttuneError, local: Path, source: Place) -> AttuneError:
    """The same error, with the names that its user knows instead of those of what was fetched."""
    if not places.remote(source):
        return error
    return type(error)(str(error).replace(f"{local.parent}{os.sep}", str(source).rpartition("/")[0] + "/"))


def _absolute(source: Place) -> str:
    return str(source) if places.remote(source) else os.path.abspath(source)


def summary(recording: Recording) -> str:
    """What was found, in a line; nothing of what wasn't looked for."""
    there = {e.modality for e in recording}
    heard = sum({(s.start, s.end): s.duration for s in recording.segments if s.kind == "speech"}.values())
    parts = [lasting(recording), folk(recording)]
    parts += [_count(len(recording.faces), "face", "faces")] * ("face" in there) + [f"{heard:.1f} s of speech"] * ("voice" in there)
    return ", ".join(parts)


def lasting(recording: Recording) -> str:
    """How long it is, in words."""
    return f"{recording.duration:.1f} s" if recording.duration else "a picture"


def folk(recording: Recording) -> str:
    """Who is there, in words. A voice that belongs to no face and no name may be anybody's, or several people's: it isn't counted as a person.

    >>> from attune.types import Faces
    >>> folk(Recording("talk.wav", 2.0, (), Faces.empty(), ()))
    '0 people'
    """
    known = [p for p in recording.people if p != SPEAKER]
    voices = ["voices not told apart"] * (len(known) < len(recording.people))
    return ", ".join([*([_count(len(known), "person", "people")] if known or not voices else []), *voices])


def _count(n: int, one: str, many: str) -> str:
    return f"{n} {one if n == 1 else many}"
