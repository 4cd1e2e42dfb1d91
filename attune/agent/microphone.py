"""A microphone as turns: each time somebody has spoken and paused, the sound of it.

    for turn in turns(device("default")):
        print(agent.say(clip=turn))

Sound comes through PyAV from the system's own interface (ALSA on Linux, AVFoundation on macOS, DirectShow on Windows) and stays in memory: a turn's
sound is dropped when the next begins.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from attune.errors import MediaError
from attune.media import Media
from attune.voice.activity import SAMPLE_RATE, Activity

PAUSE = 1.0                              # s of silence that end a turn; an utterance ends earlier, but people think while they talk
AROUND = 0.3                             # s of sound kept before and after
LONGEST = 60.0                           # s of one turn
SYSTEMS = {"linux": ("alsa", "default"), "darwin": ("avfoundation", ":default"), "win32": ("dshow", "audio=Microphone")}


def device(name: str = "") -> Iterator[np.ndarray]:
    """Sound of a device, mono float32 at 16 kHz, as it comes; "" is the system's own choice.

    Raises
    ------
    MediaError
        If there is none of that name, or PyAV was built without the system's interface.
    """
    import av

    system, usual = SYSTEMS.get(sys.platform, ("", ""))
    if system not in av.formats_available:
        raise MediaError(f"no microphone: this PyAV has no {system or 'interface to sound devices'}; give recorded clips instead (/clip FILE)")
    try:
        container = av.open(name or usual, format=system)
    except (OSError, ValueError) as error:                   # PyAV's own errors are these
        told = f"the microphone {name or usual!r} can't be opened by {system} ({error})"
        raise MediaError(f"{told}; name another: attune live --microphone, attune chat --device") from error
    with container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
        for frame in container.decode(audio=0):
            for piece in resampler.resample(frame):
                yield piece.to_ndarray()[0]


def turns(sound: Iterable[np.ndarray], *, pause: float = PAUSE) -> Iterator[Media]:
    """Turns of a stream of sound, float (n,) at 16 kHz: `Media` that hold one each.

    >>> list(turns([np.zeros(32_000, np.float32)]))
    []
    """
    listening = Turns(pause)
    for block in sound:
        for turn in listening.push(block):
            yield turn.media
    for turn in listening.close():
        yield turn.media


class Heard(NamedTuple):
    """A turn: start and end in seconds since the sound began, and its sound."""

    start: float
    end: float
    media: Media


class Turns:
    """Sound in, turns out as soon as they are over."""

    def __init__(self, pause: float = PAUSE) -> None:
        self._activity, self._kept, self._first = Activity(pause=pause), np.zeros(0, np.float32), 0

    @property
    def speaking(self) -> bool:
        """Whether somebody speaks now."""
        return self._activity.going is not None

    def push(self, samples: np.ndarray) -> list[Heard]:
        """Hear more, float (n,) at 16 kHz."""
        self._kept = np.concatenate([self._kept, np.asarray(samples, np.float32)])
        done = [self._cut(*interval) for interval in self._activity.push(samples)]
        room = round(LONGEST * SAMPLE_RATE)
        if len(self._kept) > room:
            self._first, self._kept = self._first + len(self._kept) - room, self._kept[-room:]
        return done

    def close(self) -> list[Heard]:
        """The sound is over."""
        return [self._cut(*interval) for interval in self._activity.close()]

    def _cut(self, start: float, end: float) -> Heard:
        a, b = (round(t * SAMPLE_RATE) - self._first for t in (start - AROUND, end + AROUND))
        sound = self._kept[max(0, a) : max(1, b)].copy()
        return Heard(start, end, Media.of(waveform=sound, sample_rate=SAMPLE_RATE, name="microphone"))
