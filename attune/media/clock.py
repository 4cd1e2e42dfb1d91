"""Media time: seconds from the start, out of timestamps as files carry them; and what one reading of a stream has to tell."""

from __future__ import annotations

import math

JUMP = 3600.0                            # s; a longer hole in the timestamps is an error of the clock, not a pause
BACK = 0.3                               # s; a step back by more than this is a new beginning, as of files that were strung together
SLACK = 60.0                             # s; so is what leads beyond twice the stated length and this
GRID_TOLERANCE = 0.001                   # s; Matroska rounds timestamps to milliseconds
SHORT = (1.0, 0.02)                      # a stream that ends earlier than stated by more than 1 s or 2 % is called short


class Notes:
    """What one reading of one stream has to tell."""

    def __init__(self, stream: str) -> None:
        self.stream, self.failed, self.stated = stream, 0, math.nan
        self._told: dict[str, str] = {}

    def once(self, kind: str, note: str) -> None:
        """Take down the first note of its kind."""
        self._told.setdefault(kind, note)

    def ends(self, end: float) -> None:
        """The stream was read up to here; a note if it is shorter than stated."""
        if self.stated - end > max(SHORT[0], SHORT[1] * self.stated):
            self.once("short", f"{self.stream} ends at {end:.1f} s of {self.stated:.1f} s: the file is cut short or damaged")

    def told(self) -> tuple[str, ...]:
        lost = (f"{self.stream}: {self.failed} damaged pieces were left out",) if self.failed else ()
        return (*self._told.values(), *lost)


def cell_of(time: float, fps: float) -> int:
    """The step of a grid of 1 / fps seconds that a time lies in.

    >>> cell_of(0.334, 3.0), cell_of(0.6664, 3.0)
    (1, 2)
    """
    return math.floor((time + GRID_TOLERANCE) * fps)


class Clock:
    """Media time out of a stream's own timestamps, whose wildest errors are taken out.

    `end` is where the stream has got to; a timestamp that is missing, or far from there, is read as "right after". What goes by `end` is as right
    as the lengths it was told: `sure` is how many seconds of them, behind the last timestamp, are believed when a later one seems to step back.

    >>> clock = Clock(0.0, Notes("picture"), sure=BACK)
    >>> clock.end = clock(1.0) + 0.8                             # a length that belongs to another picture
    >>> clock(1.1), clock.straight
    (1.1, True)
    """

    def __init__(self, origin: float, notes: Notes, sure: float = math.inf) -> None:
        self.end, self._sure, self._last = 0.0, sure, 0.0
        self._shift, self._notes, self._mended = -origin, notes, False

    @property
    def straight(self) -> bool:
        """Whether no timestamp has been mended so far."""
        return not self._mended

    def __call__(self, stamp: float | None) -> float:
        if stamp is None or not math.isfinite(stamp):
            self._mended, self._last = True, self.end
            return self.end
        time = stamp + self._shift
        step = time - self.end
        past = step > BACK and time > 2 * self._notes.stated + SLACK
        back = min(self.end, self._last + self._sure) - time
        if step > JUMP or back > BACK or past:
            self._notes.once("jump", f"{self._notes.stream}: the timestamps jump by {step:+.1f} s at {self.end:.1f} s; taken as no jump")
            self._shift, self._mended = self._shift - step, True
            time = self.end
        self._last = max(time, 0.0)
        return self._last
