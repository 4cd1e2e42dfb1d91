"""How many pictures a second a machine can measure: fewer while it is slow, again as many as wanted when it is not."""

from __future__ import annotations

STEPS = (1.0, 2 / 3, 1 / 2, 1 / 3, 1 / 6)       # of the wanted rate
MOST = 0.7                               # share of the time that measuring pictures may take; sound and words need the rest
LATE = 0.4                               # s that pictures may wait to be measured
EASY = 0.5                               # share of `MOST` that the next faster step may take before it is tried,
PATIENCE = 5.0                           # s after the last change
WEIGHT = 0.3                             # of the newest picture in the running means


class Pace:
    """The rate, from how long pictures took and how late they came.

    >>> pace = Pace(3.0)
    >>> [pace.after(t / 3, took=0.5, late=0.0) for t in range(4)]
    [None, 2.0, None, None]
    >>> pace.fps
    2.0
    """

    def __init__(self, fps: float) -> None:
        self._wanted, self._step, self._changed = fps, 0, float("-inf")
        self._took = self._late = 0.0
        self._count = 0

    @property
    def fps(self) -> float:
        return self._wanted * STEPS[self._step]

    @property
    def slow(self) -> bool:
        return self._step > 0

    def after(self, time: float, *, took: float, late: float) -> float | None:
        """A picture took so long, and had waited so long, s; the new rate, if it changes. The first says nothing: with it the models are loaded."""
        self._count += 1
        if self._count == 1:
            return None
        if self._count == 2:
            self._took, self._late = took, late
        self._took += WEIGHT * (took - self._took)
        self._late += WEIGHT * (late - self._late)
        rested = time - self._changed
        if (self._took * self.fps > MOST or self._late > LATE) and self._step + 1 < len(STEPS) and rested > PATIENCE / 5:
            return self._go(self._step + 1, time)
        faster = self._wanted * STEPS[max(self._step - 1, 0)]
        if self._step and rested > PATIENCE and self._took * faster < EASY * MOST and self._late < LATE / 2:
            return self._go(self._step - 1, time)
        return None

    def _go(self, step: int, time: float) -> float:
        self._step, self._changed, self._late = step, time, 0.0
        return self.fps
