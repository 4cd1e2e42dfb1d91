"""What strangers send: addresses to fetch, archives to unpack. Everything is counted while it comes in, and nothing is believed.

An address must lead to the public network, at every redirect, and the connection goes to the very number that was checked, so that a name that
answers differently the second time gains nothing. An archive's members are written under names of ours, one after the other, and counted as
they come out of the decompressor; links and devices are left out.
"""

from __future__ import annotations

import ipaddress
import mimetypes
import os
import socket
import tarfile
import time
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.parse import unquote, urljoin, urlsplit

from attune.batch import SUFFIXES
from attune.errors import AttuneError
from attune.server.config import MB, Limits
from attune.server.jobs.store import safe

BLOCK = 2**18                            # bytes
TEXTS, TRANSCRIPTS = frozenset((".txt",)), frozenset((".srt", ".vtt"))
PAGES = ("text/html", "application/xhtml")      # what a link to a video's web page gives
DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError, ValueError, MemoryError)


class Refused(AttuneError, ValueError):
    """Something that isn't taken in."""


class TooMuch(Refused):
    """Something that is larger than is taken in."""


@dataclass(frozen=True)
class Found:
    """A file to measure: what it is called, where it lies."""

    name: str
    path: Path

    @property
    def is_text(self) -> bool:
        return self.path.suffix.lower() in TEXTS


# ---- addresses --------------------------------------------------------------------------------------------------------------

def public(address: str) -> bool:
    """Whether a network address belongs to the public network.

    >>> [public(a) for a in ("93.184.216.34", "127.0.0.1", "10.0.0.7", "169.254.169.254", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::")]
    [True, False, False, False, False, False, False, False]
    """
    ip = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and (ip.ipv4_mapped or ip.sixtofour or ip.teredo or ip in _TRANSLATED):
        return False                     # an IPv4 address in disguise: give it openly
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")


def checked_url(url: str) -> Any:
    """An address's parts, if its form is one that is fetched; no look at the network."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Refused(f"{url[:200]!r} is no address ({error}); expected https://HOST/FILE") from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Refused(f"{url[:200]!r} isn't fetched; expected an address that begins with https:// or http://")
    if parts.username or parts.password:
        raise Refused("an address with a user name or a password in it isn't fetched; expected one that needs none")
    if any(c.isspace() or ord(c) < 32 for c in url) or port == 0:
        raise Refused(f"{url[:200]!r} is no address; expected https://HOST/FILE")
    return parts


def resolved(url: str, *, allow_private: bool) -> tuple[Any, str]:
    """An address's parts, and the network address to connect to."""
    parts = checked_url(url)
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or (443 if parts.scheme == "https" else 80), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Refused(f"{parts.hostname} isn't found ({getattr(error, 'strerror', None) or error})") from error
    numbers = [str(entry[4][0]) for entry in found]
    inside = [n for n in numbers if not public(n)]
    if inside and not allow_private:
        raise Refused(f"{parts.hostname} lies in a private network; only public addresses are fetched (--allow-private lifts this)")
    return parts, numbers[0]


@contextmanager
def opened(url: str, limits: Limits, *, allow_private: bool) -> Iterator[tuple[Any, str]]:
    """An answer's head, its body still to come, and its address; redirects followed, each checked like the first."""
    import httpx

    for _ in range(limits.redirects + 1):
        parts, number = resolved(url, allow_private=allow_private)
        host = f"[{number}]" if ":" in number else number
        straight = parts._replace(netloc=f"{host}:{parts.port}" if parts.port else host).geturl()
        with httpx.Client(timeout=30, follow_redirects=False, trust_env=False) as client:
            headers = {"Host": parts.netloc, "User-Agent": "attune", "Accept-Encoding": "identity"}
            request = client.build_request("GET", straight, headers=headers, extensions={"sni_hostname": parts.hostname})
            try:
                answer = client.send(request, stream=True)
            except httpx.HTTPError as error:
                raise Refused(f"{parts.hostname} doesn't answer ({error or type(error).__name__})") from error
            with closing(answer):
                if not answer.has_redirect_location:
                    yield answer, url
                    return
                url = urljoin(url, answer.headers["location"])
    raise Refused(f"the address leads on more than {limits.redirects} times; give the one that it ends at")


def fetch(url: str, folder: Path, limits: Limits, *, allow_private: bool = False) -> Found:
    """A file from an address, in `folder`, whole or not at all."""
    import httpx

    with opened(url, limits, allow_private=allow_private) as (answer, last):
        if answer.status_code != 200:
            raise Refused(f"the address answers {answer.status_code} {answer.reason_phrase}; expected a file (200)")
        if answer.headers.get("content-type", "").lower().startswith(PAGES):
            raise Refused("the address leads to a web page; expected the media file itself")
        stated = answer.headers.get("content-length", "0")
        if stated.isdecimal() and int(stated) > limits.file_bytes:
            raise TooMuch(_too_large(int(stated), limits))
        name = safe(unquote(PurePosixPath(urlsplit(last).path).name))
        if "." not in name:
            name += mimetypes.guess_extension(answer.headers.get("content-type", "").split(";")[0].strip()) or ""
        folder.mkdir(parents=True, exist_ok=True)
        half, until, count = folder / ".half", time.monotonic() + limits.fetch_seconds, 0
        try:
            with half.open("wb") as out:
                for block in answer.iter_raw(BLOCK):
                    count += len(block)
                    if count > limits.file_bytes:
                        raise TooMuch(_too_large(count, limits))
                    if time.monotonic() > until:
                        raise Refused(f"fetching took longer than {limits.fetch_seconds:.0f} s, as long as is allowed here")
                    out.write(block)
        except httpx.HTTPError as error:
            raise Refused(f"the file broke off after {count} bytes ({error or type(error).__name__})") from error
    os.replace(half, folder / name)
    return Found(name, folder / name)


# ---- archives ---------------------------------------------------------------------------------------------------------------

def is_archive(path: Path) -> bool:
    """Whether a file is one that is unpacked: zip, tar, tar.gz, tar.bz2, tar.xz; told from its content."""
    name = path.name.lower()
    if name.endswith((".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")):
        return True
    with path.open("rb") as f:
        return f.read(4) in (b"PK\x03\x04", b"PK\x05\x06")


def unpack(path: Path, folder: Path, limits: Limits) -> tuple[list[Found], list[tuple[str, str]]]:
    """The files in an archive, and pairs of a member's name and why it isn't one of them.

    Raises
    ------
    Refused
        If it is damaged or encrypted, names places outside of itself, or holds more than is allowed.
    """
    found: list[Found] = []
    left: list[tuple[str, str]] = []
    places: dict[str, Path] = {}
    budget = _Budget(limits, path.stat().st_size)
    try:
        for name, source in _members(path):
            where = PurePosixPath(name.replace("\\", "/"))
            if where.is_absolute() or ".." in where.parts or (where.parts and ":" in where.parts[0]):
                raise Refused(f"the archive names a place outside of itself ({name[:100]!r}); expected plain relative names")
            if any(part.startswith((".", "__MACOSX")) for part in where.parts) or source is None:
                continue
            ending = where.suffix.lower()
            if ending not in SUFFIXES | TEXTS | TRANSCRIPTS:
                left.append((str(where), f"{ending or 'no ending'} is no media; expected a video, a sound file, a picture or .txt"))
                continue
            place = places.setdefault(str(where.parent), folder / str(len(places)))
            place.mkdir(parents=True, exist_ok=True)
            target = place / safe(where.name)
            if target.exists():
                left.append((str(where), "another file has the same name"))
                continue
            with target.open("wb") as out:
                budget.next_file()
                while block := source.read(BLOCK):
                    budget.take(len(block))
                    out.write(block)
            if ending not in TRANSCRIPTS:                    # a transcript lies beside its media, and is found there
                found.append(Found(str(where), target))
    except Refused:
        raise
    except DAMAGED as error:
        raise Refused(f"the archive is damaged or encrypted ({type(error).__name__}: {str(error)[:200]})") from error
    if not found and not left:
        raise Refused("the archive holds no files")
    return found, left


class _Budget:
    """What an archive may still give."""

    def __init__(self, limits: Limits, packed: int) -> None:
        self.limits, self.files, self.own, self.total = limits, 0, 0, 0
        self.most = min(limits.archive_bytes, max(MB, round(packed * limits.archive_ratio)))

    def next_file(self) -> None:
        self.files, self.own = self.files + 1, 0
        if self.files > self.limits.archive_files:
            raise Refused(f"the archive holds more than {self.limits.archive_files} files, as many as are allowed here")

    def take(self, count: int) -> None:
        self.own, self.total = self.own + count, self.total + count
        if self.own > self.limits.file_bytes:
            raise TooMuch(_too_large(self.own, self.limits))
        if self.total > self.most:
            raise Refused(f"the archive unpacks to more than {self.most / MB:.0f} MB, more than its size allows for media")


def _members(path: Path) -> Iterator[tuple[str, IO[bytes] | None]]:
    """Names and contents; None for what isn't a plain file."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                link = (entry.external_attr >> 16) & 0o170000 not in (0, 0o100000)
                if entry.is_dir() or link:
                    yield entry.filename, None
                    continue
                with archive.open(entry) as source:
                    yield entry.filename, source
        return
    with tarfile.open(path, "r|*") as tar:
        for member in tar:
            yield member.name, tar.extractfile(member) if member.isreg() else None


def _too_large(count: int, limits: Limits) -> str:
    return f"a file of {count / MB:.0f} MB or more; at most {limits.file_bytes / MB:.0f} MB are taken here"
