"""Pictures that nobody will look at, and that no other picture is made of: these needn't be decoded.

Of the pictures in each step of the sampling grid only the first is looked at. The others are decoded because later ones build upon them; but on some,
B pictures mostly, none does. H.264 says so in each (nal_ref_idc is 0; ITU-T H.264, 7.4.1), and FFmpeg leaves these out when it is told
to. So it is told to while the packet at hand can't be the first of its step, since one with an earlier time in that step went before. The pictures that
are sampled are the same to the bit; files without such pictures, as most cameras and calls make them, gain nothing.

HEVC's pictures that none of their own layer builds upon may still serve a higher layer, other codecs don't say, and a stream that shows one field
in a packet would be halved: they are decoded whole, as are files once something in them was damaged or out of time.
"""

from __future__ import annotations

from typing import Any

from attune.media.clock import cell_of

FORMATS = {"mp4", "matroska"}            # a packet is a whole picture, with its time
STEPS = 64                               # of the grid that are remembered: packets are out of order by some pictures only


class Spare:
    """Told a packet's time, says whether its picture can't be sampled.

    >>> spare = Spare(fps=1.0)
    >>> [spare(t) for t in (0.0, 0.75, 0.5, 0.25, 1.0, 1.75, 0.9)]
    [False, True, True, True, False, True, True]
    >>> [spare(t) for t in (2.5, 2.0, 2.25)]             # out of order, as they are stored: 2.5 might have been the first
    [False, False, True]
    """

    def __init__(self, fps: float) -> None:
        self._fps = fps
        self._first: dict[int, float] = {}

    def __call__(self, time: float) -> bool:
        cell = cell_of(time, self._fps)
        if time > self._first.get(cell, time):
            return True
        self._first[cell] = time
        if len(self._first) > STEPS:
            del self._first[min(self._first)]
        return False


def fits(container: Any, stream: Any) -> bool:
    """Whether a stream says which of its pictures no other is made of."""
    return stream.codec_context.name == "h264" and bool(FORMATS & set(container.format.name.split(",")))
