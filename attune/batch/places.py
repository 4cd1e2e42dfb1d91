"""Files wherever they lie: paths of this machine, and addresses that fsspec knows (s3://, gs://, az://, https://, memory:// ...).

Paths need no library. A remote file is fetched into a private temporary folder while it is measured, because decoders jump about in it, and deleted
after; only a piece of it is held in memory.
"""

from __future__ import annotations

import glob
import hashlib
import importlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

from attune.batch.folders import private
from attune.batch.worker import kind_of
from attune.errors import AttuneError, MediaError, MissingExtra, PlaceError, UnknownName

Place = str | Path
Given = TypeVar("Given")
PORTRAITS, RECORDING = "portraits", "recording.json"       # in a folder of results (`export`)
FLAT = frozenset(("s3", "s3a", "gs", "gcs", "az", "abfs", "adl", "oss", "oci"))     # stores without folders: buckets of names
TRIES, WAIT = 4, 1.0                     # of what all files depend on; s before the second, doubled each time
PIECE = 4 << 20                          # bytes copied at once
SIDECARS = (".srt", ".vtt")              # words beside the media (`measure.transcript_of`)
SUFFIXES = frozenset((
    ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".wmv", ".flv", ".3gp", ".ogv",
    ".mp3", ".wav", ".flac", ".ogg", ".oga", ".opus", ".m4a", ".aac", ".wma", ".aiff", ".aif",
    ".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".heic",
))


def remote(place: Place) -> bool:
    """Whether it is an address rather than a path.

    >>> remote("s3://bucket/talk.mp4"), remote("talk.mp4")
    (True, False)
    """
    return "://" in str(place)


def join(place: Place, *names: str) -> Place:
    """A place below another, of the same kind.

    >>> join("s3://bucket/out/", "talk"), join(Path("out"), "talk").as_posix()
    ('s3://bucket/out/talk', 'out/talk')
    """
    return "/".join([str(place).rstrip("/"), *names]) if remote(place) else Path(place, *names)


def name_of(place: Place) -> Path:
    """The last part, as a path without folders: for its name, stem and suffix."""
    return Path(str(place).rstrip("/").rpartition("/")[2]) if remote(place) else Path(Path(place).name)


def find(paths: Sequence[Place]) -> list[Place]:
    """Media files in files, folders (all the way down) and patterns, each once, in order. A named file is taken whatever its suffix;
    in folders only media suffixes count, and no hidden files (macOS leaves a ._talk.mp4 beside talk.mp4 on other systems' disks), nor the portraits
    of recordings that were measured, unless it is their folder that is named, or a pattern that names it.

    Raises
    ------
    PlaceError
        If a store can't be reached, or has no such bucket.
    """
    found: list[Place] = []
    for given in map(str, paths):
        if remote(given):
            found += steadily(given, partial(_find_remote, given))
            continue
        path = Path(given)
        if path.is_dir():
            found += _media((p for p in path.rglob("*") if p.is_file()), path.as_posix().__eq__)
        elif not path.exists() and glob.has_magic(given):
            found += _media((p for p in map(Path, glob.glob(given, recursive=True)) if p.is_file()), _names_portraits(given))
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def steadily(place: Place, do: Callable[[], Given]) -> Given:
    """Do something with a place on which a whole run depends: again after a while where an error may pass.

    Raises
    ------
    PlaceError
        Of a store, if it doesn't pass. What this machine's own files say is raised as it is.
    """
    for tries in range(1, TRIES + 1):
        try:
            return do()
        except AttuneError:
            raise
        except Exception as error:
            if not remote(place):
                raise
            if tries == TRIES or kind_of(error) != "io":
                raise PlaceError(f"{place}: {type(error).__name__}: {error}; see that the store can be reached, that its bucket is there and that "
                                 "the credentials in the environment allow it") from error
            time.sleep(WAIT * 2 ** (tries - 1))
    raise AssertionError                      # the last try returns or raises


def _find_remote(given: str) -> list[Place]:
    system, path = _system(given)
    if glob.has_magic(path):
        names, named = system.glob(path), _names_portraits(given)
    elif system.isdir(path):
        names, named = system.find(path), str(system.unstrip_protocol(path)).rstrip("/").__eq__
    else:
        return [given]
    return _media(map(system.unstrip_protocol, names), named)


def _names_portraits(pattern: str) -> Callable[[str], bool]:
    """Whether a pattern is one of files in folders of portraits, as talk/portraits/*.jpg is: then all of them are meant."""
    return lambda folder: pattern.replace("\\", "/").split("/")[-2:-1] == [PORTRAITS]


def _media(places: Iterable[Place], named: Callable[[str], bool]) -> list[Place]:
    """Those that look like media of somebody's, sorted. named: whether it is just this folder that was asked for."""
    ours: dict[str, bool] = {}
    found = []
    for place in sorted(places, key=str):
        if name_of(place).suffix.lower() in SUFFIXES and not name_of(place).name.startswith("."):
            folder = str(place).replace("\\", "/").rpartition("/")[0]
            if folder not in ours and name_of(folder).name == PORTRAITS and not named(folder):
                ours[folder] = exists(f"{folder.removesuffix(PORTRAITS)}{RECORDING}")
            if not ours.get(folder):
                found.append(place)
    return found


def mark(place: Place) -> str:
    """What tells a remote file's content without reading it: its ETag and size; "" where there is no ETag, and of a path."""
    if not remote(place):
        return ""
    system, path = _system(place)
    facts = system.info(path)
    tag = next((facts[name] for name in ("ETag", "etag", "md5Hash", "content_md5") if facts.get(name)), None)
    return f"etag {str(tag).strip(chr(34))} {facts.get('size')}" if tag else ""


def digest(path: Path) -> str:
    """SHA-256 of a file of this machine, all of it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def beside(place: Place) -> list[Place]:
    """Files of words beside a media file."""
    stem = str(place)[: len(str(place)) - len(name_of(place).suffix)]
    there = (f"{stem}{ending}" for ending in SIDECARS)
    return [side if remote(side) else Path(side) for side in there if exists(side)]


@contextmanager
def fetched(place: Place, largest: float | None = None) -> Iterator[Path]:
    """The file on this machine, with the words beside it; what had to be fetched is deleted after.

    Raises
    ------
    MediaError
        If it is larger than `largest` bytes.
    """
    if not remote(place):
        yield Path(place)
        return
    with private() as folder:
        for file in (*beside(place), place):
            _fetch(file, folder / name_of(file), largest)
        yield folder / name_of(place)


def _fetch(place: Place, path: Path, largest: float | None) -> None:
    system, inside = _system(place)
    too_large = f"{place} is larger than {(largest or 0) / 1e9:g} GB, the limit of what is fetched; raise --largest"
    if largest is not None and (system.info(inside).get("size") or 0) > largest:
        raise MediaError(too_large)
    copied = 0
    with system.open(inside, "rb", block_size=PIECE, cache_type="readahead") as source, path.open("wb") as out:
        while piece := source.read(PIECE):
            copied += len(piece)
            if largest is not None and copied > largest:       # the size wasn't stated, or was wrong
                raise MediaError(too_large)
            out.write(piece)


def put(folder: Path, place: Place, last: Iterable[str] = ()) -> None:
    """A folder's files to a place; those named `last` after all others, so that they are there only when the rest is."""
    system, inside = _system(place)
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    for file in sorted(files, key=lambda p: p.name in set(last)):
        target = f"{inside}/{file.relative_to(folder).as_posix()}"
        _make_folder(system, target)
        system.put_file(str(file), target)


def _make_folder(system: Any, inside: str) -> None:
    """The folder of a file, in stores that have folders; the others would make a bucket, of a name mistyped."""
    known = {system.protocol} if isinstance(system.protocol, str) else set(system.protocol)
    if not known & FLAT:
        system.makedirs(inside.rpartition("/")[0], exist_ok=True)


def read(place: Place) -> bytes | None:
    """All of a small file; None if it isn't there."""
    if not remote(place):
        return Path(place).read_bytes() if Path(place).is_file() else None
    system, inside = _system(place)
    try:
        content: bytes = system.cat_file(inside)
    except FileNotFoundError:
        return None
    return content


def read_all(places: Sequence[Place]) -> list[bytes | None]:
    """Many small files; a remote store is asked for several at once."""
    if not places or not remote(places[0]):
        return [read(place) for place in places]
    system, _ = _system(places[0])
    inside = [_system(place)[1] for place in places]
    there = system.cat(inside, on_error="omit") if len(inside) > 1 else {inside[0]: read(places[0])}
    return [there.get(path) for path in inside]


def write(place: Place, content: bytes) -> None:
    """A small file, whole or not at all."""
    if remote(place):
        system, inside = _system(place)
        _make_folder(system, inside)
        system.pipe_file(inside, content)
        return
    path = Path(place)
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.half")        # copies of a file may be done at the same time
    half.write_bytes(content)
    os.replace(half, path)


def remove(place: Place) -> None:
    """A file, if it is there."""
    if not remote(place):
        Path(place).unlink(missing_ok=True)
    elif exists(place):
        system, inside = _system(place)
        system.rm_file(inside)


def exists(place: Place) -> bool:
    if not remote(place):
        return Path(place).exists()
    system, inside = _system(place)
    return bool(system.exists(inside))


def children(place: Place, name: str) -> list[Place]:
    """Files of that name in the folders right below a place, sorted."""
    if not remote(place):
        return list[Place](sorted(Path(place).glob(f"*/{name}")))
    system, inside = _system(place)
    return [system.unstrip_protocol(found) for found in sorted(system.glob(f"{inside.rstrip('/')}/*/{name}"))]


def _system(place: Place) -> tuple[Any, str]:
    """fsspec's file system of an address, and the path inside it."""
    scheme, _, rest = str(place).partition("://")
    try:
        system = _opened(scheme)
    except ImportError as error:
        raise MissingExtra(f"{place} needs fsspec and the library of its store ({error}): pip install 'attune[scale]'") from error
    except ValueError as error:
        raise UnknownName(f"no kind of address {scheme!r} ({error}); expected s3, gs, az, https, memory, file ...") from error
    system.invalidate_cache()                 # others write there too
    return system, str(system._strip_protocol(f"{scheme}://{rest}"))


@cache
def _opened(scheme: str) -> Any:
    return importlib.import_module("fsspec").filesystem(scheme)
