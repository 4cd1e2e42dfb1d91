"""Pictures that nobody will look at, and that no picture is made of that somebody will: these needn't be decoded.

Of the pictures in each step of the sampling grid only the first is looked at. The others are decoded because later ones build upon them; but on some
none does that is looked at. There are two kinds. The last ones before the stream begins anew, with a picture that stands for itself (IDR), or ends: phones,
whose streams begin anew every second or so, make many of these, x264 few. They wait until that is known, and are let go.

And those of which no other is made, B pictures mostly. H.264 says so in each (nal_ref_idc is 0; ITU-T H.264, 7.4.1), and FFmpeg leaves these out when
it is told to. It is told to while the packet at hand can't be the first of its step, since one with an earlier time in that step went before. The pictures
that are sampled are the same to the bit.

HEVC's pictures that none of their own layer builds upon may still serve a higher layer, other codecs don't say, and a stream that shows one field
in a packet would be halved: they are decoded whole, as are files once something in them was damaged or out of time.
"""

from __future__ import annotations

from collections.abc import Sequence
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


SLICES, IDR = {1, 2, 5}, 5               # kinds of H.264's units that hold a picture; of one that stands for itself, and behind which nothing counts
PARAMETERS = {7, 8, 13, 15}              # kinds that later pictures are read by
WAITING = 250                            # pictures, at most, that wait for it to turn out whether they are needed


def units(packet: Any) -> list[int]:
    """The kinds of a packet's units in order (nal_unit_type; ITU-T H.264, 7.4.1), where each is preceded by its length, as in MP4 and Matroska
    (ISO/IEC 14496-15, 5.3.3); none where that isn't so."""
    head = packet.stream.codec_context.extradata or b""
    if len(head) < 5 or head[0] != 1:
        return []
    data, size, at, kinds = memoryview(packet), (head[4] & 3) + 1, 0, []
    while at + size < len(data):
        length = int.from_bytes(data[at : at + size], "big")
        kinds.append(data[at + size] & 31)
        at += size + length
    return kinds if at == len(data) else []


def anew(packet: Any) -> bool:
    """Whether the stream begins anew with this packet, so that nothing behind it is made of anything before."""
    if not packet.is_keyframe:
        return False
    kinds = units(packet)
    return IDR in kinds and not (SLICES - {IDR}) & set(kinds[: kinds.index(IDR)])


def needless(packets: Sequence[Any]) -> bool:
    """Whether the stream may begin anew without these, its last ones: they hold pictures, and nothing by which others are read."""
    return all(kinds and not PARAMETERS & set(kinds) for kinds in map(units, packets)) and not any(map(redescribed, packets))


def redescribed(packet: Any) -> bool:
    """Whether a packet may bring new parameters beside its units, as the first of each further sample description of an MP4 does
    (ISO/IEC 14496-12, 8.5.2): films joined without encoding them anew. PyAV before 16.1 doesn't tell."""
    return not hasattr(packet, "has_sidedata") or bool(packet.has_sidedata("new_extradata"))


def fits(container: Any, stream: Any) -> bool:
    """Whether a stream says which of its pictures no other is made of."""
    return stream.codec_context.name == "h264" and bool(FORMATS & set(container.format.name.split(",")))
