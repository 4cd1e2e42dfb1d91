"""A microphone as turns: each time somebody has spoken and paused, the sound of it.

    for turn in turns(device("default")):
        print(agent.say(clip=turn))

Sound comes through PyAV from the system's own interface (ALSA on Linux, AVFoundation on macOS, DirectShow on Windows) and stays in memory: a turn's
sound is dropped when the next begins.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

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
        raise MediaError(f"the microphone {name or usual!r} can't be opened by {system} ({error}); name another with --device") from error
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
    activity, kept, first = Activity(pause=pause), np.zeros(0, np.float32), 0
    for block in sound:
        kept = np.concatenate([kept, np.asarray(block, np.float32)])
        for start, end in activity.push(block):
            yield _cut(kept, first, start, end)
        room = round(LONGEST * SAMPLE_RATE)
        if len(kept) > room:
            first, kept = first + len(kept) - room, kept[-room:]
    for start, end in activity.close():
        yield _cut(kept, first, start, end)


def _cut(kept: np.ndarray, first: int, start: float, end: float) -> Media:
    a, b = (round(t * SAMPLE_RATE) - first for t in (start - AROUND, end + AROUND))
    return Media.of(waveform=kept[max(0, a) : max(1, b)].copy(), sample_rate=SAMPLE_RATE, name="microphone")
