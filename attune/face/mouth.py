"""How much a mouth moves: a hint at who is speaking.

From one picture of a face to the next, brought into one pose, the mouth of somebody who talks changes more than the eyes and brows; a head that turns
and a light that changes move both. So the motion is the mouth's change over the upper face's, and 1 is a face at rest. Three pictures a second
are few, but enough in sum: over some seconds talkers had 1.2 to 2.1, and people who made faces or were still 0.6 to 1.1 (`benchmarks/speakers.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from attune.face.align import Array
from attune.face.quality import gray

MOUTH, UPPER = (slice(42, 62), slice(16, 48)), (slice(14, 36), slice(10, 54))      # rows and columns of a face of 64 x 64, framed as FER2013's are
NEAR = 1                                 # pixels by which a part may have slipped between two pictures
GAP = 1.0                                # s; pictures further apart say nothing about motion
TINY = 0.02                              # change, in standard deviations of the face, below which all is noise


@dataclass(frozen=True)
class Motion:
    """Parallel arrays: when a face was seen (s), whose it was (track), and how much its mouth had moved (ratio)."""

    time: Array = field(default_factory=lambda: np.zeros(0))
    track: Array = field(default_factory=lambda: np.zeros(0, np.int64))
    moved: Array = field(default_factory=lambda: np.zeros(0))


class Mouths:
    """Follows the mouths of one recording, picture by picture; 20 bytes are kept for each face in each."""

    def __init__(self) -> None:
        self._last: dict[int, tuple[float, Array]] = {}
        self._rows: list[tuple[float, int, float]] = []

    def push(self, time: float, tracks: Array, faces: Array) -> None:
        """Look at the faces (m, 64, 64, 3) uint8, as `quality.aligned` makes them, of the next picture; tracks (m,)."""
        for track, face in zip(tracks.tolist(), faces, strict=True):
            now = gray(face)
            now = (now - now.mean()) / (now.std() + 1)
            before = self._last.get(track)
            if before and time - before[0] <= GAP:
                self._rows.append((time, track, float((_change(now, before[1], MOUTH) + TINY) / (_change(now, before[1], UPPER) + TINY))))
            self._last[track] = (time, now)
        for track in [t for t, (when, _) in self._last.items() if time - when > GAP]:
            del self._last[track]

    @property
    def motion(self) -> Motion:
        """Everything so far."""
        if not self._rows:
            return Motion()
        time, track, moved = zip(*self._rows, strict=True)
        return Motion(np.array(time), np.array(track, np.int64), np.array(moved))


def _change(now: Array, before: Array, part: tuple[slice, slice]) -> float:
    """Mean difference of a part of two faces, where it fits best."""
    rows, columns = part
    there = now[rows, columns]
    return min(
        float(np.abs(there - before[rows.start + dy : rows.stop + dy, columns.start + dx : columns.stop + dx]).mean())
        for dy in range(-NEAR, NEAR + 1) for dx in range(-NEAR, NEAR + 1)
    )
