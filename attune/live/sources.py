"""Where a session's pictures and sound come from: a file that is played, or this machine's camera and microphone."""

from __future__ import annotations

import queue
import sys
import threading
import time as clock
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from attune.errors import AttuneError, MediaError
from attune.live import Session
from attune.live.told import Told
from attune.measure import SAMPLE_RATE
from attune.media import Media

CHUNK = 0.1                              # s of sound pushed at once
WAITING = 64                             # pieces of a device that may wait
CAMERAS = {"linux": ("v4l2", "/dev/video0"), "darwin": ("avfoundation", "0:none"), "win32": ("dshow", "video=Camera")}
SIZE = "640x480"                         # asked of a camera; larger ones cost more and show little more

Picture = tuple[float, np.ndarray]


def play(session: Session, media: Media, *, wait: Callable[[float], None] | None = None) -> Iterator[Told]:
    """What a session tells of a file, in the order of its times.

    wait
        Called with the time (s) of each piece before it is pushed: to sleep until then. None: as fast as it goes.

    >>> session = Session()
    >>> sum(1 for _ in play(session, Media.open("samples/hello.mp4"))) > 40
    True
    """
    began = clock.monotonic()
    pictures = media.frames(session.settings.fps) if media.has_video and session.settings.face else iter(())
    picture = next(pictures, None)
    for i, block in enumerate(media.blocks(SAMPLE_RATE, CHUNK) if media.has_audio and session.settings.voice else ()):
        while picture is not None and picture[0] < (i + 1) * CHUNK:
            yield from _shown(session, picture, wait, began)
            picture = next(pictures, None)
        if wait is not None:
            wait((i + 1) * CHUNK)
        yield from session.hear(block)
    while picture is not None:
        yield from _shown(session, picture, wait, began)
        picture = next(pictures, None)
    yield from session.finish()


def _shown(session: Session, picture: Picture, wait: Callable[[float], None] | None, began: float) -> list[Told]:
    if wait is None:
        return session.see(*picture)
    wait(picture[0])
    return session.see(*picture, late=max(0.0, clock.monotonic() - began - picture[0]))


def watch(session: Session, sound: Iterable[np.ndarray] | None, pictures: Iterable[np.ndarray] | None) -> Iterator[Told]:
    """What a session tells of devices, until they end; both are read in threads of their own.

    sound : pieces (n,) float at 16 kHz as they come; pictures : (h, w, 3) uint8 as they come

    Raises
    ------
    MediaError
        If a device can't be read.
    """
    came: queue.Queue[tuple[str, float, object]] = queue.Queue(WAITING)
    began = clock.monotonic()

    def read(kind: str, pieces: Iterable[np.ndarray]) -> None:
        try:
            for piece in pieces:
                now = clock.monotonic() - began
                if kind == "sound" or (session.wanted(now) and not came.full()):       # sound waits for room, pictures don't
                    came.put((kind, now, piece))
            came.put(("over", 0.0, None))
        except Exception as error:                           # told where the session is, not in a thread that nobody sees
            came.put(("over", 0.0, error))

    given = [(kind, pieces) for kind, pieces in (("sound", sound), ("picture", pictures)) if pieces is not None]
    for kind, pieces in given:
        threading.Thread(target=read, args=(kind, pieces), daemon=True).start()
    going = len(given)
    while going:
        kind, at, piece = came.get()
        if kind == "over":
            going -= 1
            if isinstance(piece, AttuneError):
                raise piece
            if isinstance(piece, Exception):
                raise MediaError(f"a device can't be read any more: {piece}") from piece
        elif kind == "sound":
            assert isinstance(piece, np.ndarray)
            yield from session.hear(piece, max(0.0, at - len(piece) / SAMPLE_RATE) if not session.duration else None)
        else:
            assert isinstance(piece, np.ndarray)
            yield from session.see(at, piece, late=max(0.0, clock.monotonic() - began - at))
    yield from session.finish()


def camera(name: str = "") -> Iterator[np.ndarray]:
    """Pictures of a camera, (h, w, 3) uint8 RGB, as they come; "" is the system's first.

    Raises
    ------
    MediaError
        If there is none of that name, or PyAV was built without the system's interface.
    """
    import av

    system, usual = CAMERAS.get(sys.platform, ("", ""))
    if system not in av.formats_available:
        raise MediaError(f"no camera: this PyAV has no {system or 'interface to cameras'}; use the live page (attune serve), or give a file")
    try:
        container = av.open(name or usual, format=system, options={"video_size": SIZE})
    except (OSError, ValueError) as error:
        raise MediaError(f"the camera {name or usual!r} can't be opened by {system} ({error}); name another with --camera, or none") from error
    with container:
        for frame in container.decode(video=0):
            yield frame.to_ndarray(format="rgb24")
