"""Every choice of a server, in one place; the command line and the environment fill it."""

from __future__ import annotations

import hashlib
import ipaddress
import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from attune.errors import SettingError
from attune.settings import Settings

KB, MB, GB = 2**10, 2**20, 2**30
HOUR = 3600                              # s


@dataclass(frozen=True)
class Limits:
    """How much one may ask of a server; each says what it bounds. 0 is no number: leave a limit high instead."""

    upload_bytes: int = 512 * MB         # one request, all files together
    file_bytes: int = 512 * MB           # one file, uploaded, fetched or unpacked
    json_bytes: int = 16 * MB            # the JSON of a request
    text_chars: int = 200_000            # one text
    sources: int = 100                   # files, addresses and texts in one job; Hume's own bound for addresses
    media_seconds: float = 3 * HOUR      # one recording
    job_seconds: float = 6 * HOUR        # measuring one file, by the clock
    archive_files: int = 1000            # media in one archive
    archive_bytes: int = 2 * GB          # an archive's content, unpacked
    archive_ratio: float = 200.0         # unpacked by packed; DEFLATE reaches 1032 on zeros, media about 1
    queued: int = 10_000                 # unfinished jobs, of everybody
    queued_per_key: int = 1000           # unfinished jobs, of one key
    fetch_seconds: float = 300.0         # fetching one address
    redirects: int = 3                   # followed, each checked like the first
    attempts: int = 5                    # how often a file may end the process that measures it
    stream_chars: int = 10_000           # text in one message of a stream; Hume's bound
    stream_bytes: int = 16 * MB          # one message of a stream
    stream_seconds: float = 5.0          # sound in one message of a stream; Hume's bound
    stream_pixels: int = 3000            # longest side of a streamed picture; Hume's bound
    streams: int = 32                    # open streams, of everybody
    streams_per_key: int = 8             # open streams, of one key

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not value > 0:
                raise SettingError(f"limit {name}={value!r}; expected a number above 0")


@dataclass(frozen=True)
class Config:
    """A server. `data` is the only folder it writes to.

    >>> Config(Path("d")).url
    'sqlite:///d/attune.db'
    >>> Config(Path("d"), host="0.0.0.0").checked()
    Traceback (most recent call last):
    attune.errors.SettingError: host 0.0.0.0 can be reached from other machines; give at least one key (ATTUNE_KEYS or --keys FILE), or serve on 127.0.0.1
    """

    data: Path
    database: str = ""                   # an SQLAlchemy address; empty: SQLite in `data`
    host: str = "127.0.0.1"
    port: int = 8000
    keys: tuple[str, ...] = ()           # whoever gives one may ask; without any, only this machine may
    names: tuple[str, ...] = ()          # names under which the server is reached, beside its own address
    origins: tuple[str, ...] = ()        # web pages elsewhere that may ask; none
    workers: int = 1                     # processes that measure jobs
    streamers: int = 1                   # processes that measure streams
    lease: float = 30.0                  # s until a silent worker's job is given to another
    retention: float = 7 * 24 * HOUR     # s that results are kept after a job ended
    keep_media: bool = False             # keep what was uploaded as long as the results, else delete it when the job has ended
    allow_private: bool = False          # fetch from, and call back to, addresses of the private network
    fill: bool = True                    # in Hume's lists, names that nothing measures get score 0 and basis "unreached"; else they are left out
    speak: str = ""                      # a program of this machine that speaks EVI's answers, such as espeak-ng; none
    settings: Settings = field(default_factory=Settings)
    limits: Limits = field(default_factory=Limits)

    @property
    def url(self) -> str:
        return self.database or f"sqlite:///{self.data / 'attune.db'}"

    @property
    def local(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def checked(self) -> Config:
        """Itself, if it is safe to serve; else `SettingError`."""
        if not self.local and not self.keys:
            raise SettingError(
                f"host {self.host} can be reached from other machines; give at least one key (ATTUNE_KEYS or --keys FILE), or serve on 127.0.0.1"
            )
        for key in self.keys:
            if len(key) < 16:
                raise SettingError(f"a key has {len(key)} characters; expected at least 16, such as `openssl rand -hex 24` makes")
        if self.speak:
            from attune.agent import speech

            speech.load(self.speak)
        return self

    def chosen(self, given: dict[str, Any]) -> Settings:
        """This server's settings with those that a client chose.

        Raises
        ------
        SettingError
            If they are wrong, or allow models that `commercial_safe` keeps out here.

        >>> Config(Path("d"), settings=Settings(commercial_safe=True)).chosen({"fps": 5, "commercial_safe": False})
        Traceback (most recent call last):
        attune.errors.SettingError: settings.commercial_safe=False: this server takes only models whose licence allows commercial use; leave it out, or true
        """
        if self.settings.commercial_safe and not given.get("commercial_safe", True):
            raise SettingError(f"settings.commercial_safe={given['commercial_safe']!r}: this server takes only models whose licence allows commercial use; "
                               "leave it out, or true")
        return Settings.of(**asdict(self.settings) | given)

    def to_json(self) -> str:
        """For the processes that work; without the keys, which they don't need."""
        return json.dumps(asdict(replace(self, keys=())), default=str)

    @classmethod
    def from_json(cls, text: str) -> Config:
        given: dict[str, Any] = json.loads(text)
        for name in ("keys", "names", "origins"):
            given[name] = tuple(given[name])
        return cls(**given | {"data": Path(given["data"]), "settings": Settings(**given["settings"]), "limits": Limits(**given["limits"])})


def owner_of(key: str) -> str:
    """What is stored of a key: enough to tell owners apart, nothing that opens anything."""
    return hashlib.sha256(b"attune key " + key.encode("utf-8", "replace")).hexdigest()[:16]
