"""When to search a whole picture for faces, and when it is enough to look where they were.

Searching a picture costs several times as much as looking again at a face that is known. So a picture is searched when it is the first, when
seconds have gone by (`Settings.search`), when something changed where no face was, or when a known face can't be seen clearly any more; in between
O-Net looks only where the faces of the picture before were heading. Nobody is lost by that, since a face that isn't found again has the picture
searched; somebody who comes without changing the picture much is noticed at the next search. Where faces are known and nothing beside them changed
even slightly, nobody came, and a search waits `CALM` times as long.

What is found depends on the pictures so far and on nothing else, so a recording looked at in pieces gives the same faces as a whole one.
"""

from __future__ import annotations

import numpy as np

from attune.face import detect
from attune.face.align import Array
from attune.face.detect import NOBODY, Found
from attune.face.track import CLOSE, GRID

ROOM = 0.5                               # of a face's size around it, in which it may move without the picture being searched
BODY = 1.0                               # of its width to either side, below it: shoulders and arms may move too
CHANGED = 2                              # cells of the reduced picture (9 x 16) in which something changed
SLIGHT = 0.03                            # difference of colour, 0..1, in one cell that still may be somebody; a coder's noise makes a tenth of it
LOOK = 1.0                               # s for which further looks at a known face count
CALM = 3                                 # times `every` that may go by while there is none


class Search:
    """Faces of one recording's pictures, one after the other.

    Parameters
    ----------
    every : float
        Seconds between two searches of a picture that hardly changes, a third of those where it doesn't; 0: every picture is searched.
    min_face, score
        As in `detect.detect`.
    """

    def __init__(self, *, every: float = 2.0, min_face: int = 40, score: float = 0.9) -> None:
        self.every, self.min_face, self.score = every, min_face, score
        self.searched = 0                     # pictures that were searched as a whole
        self._last: tuple[float, Array] | None = None      # when that was last done, and the picture then, reduced
        self._found, self._moved, self._time = NOBODY, np.zeros((0, 2)), 0.0
        self._looked = 0.0                    # when a face that the network isn't sure of was last looked at in other ways too

    def find(self, time: float, frame: Array, shot: Array) -> Found:
        """The faces of the next picture (h, w, 3) uint8, as `detect.detect` gives them; shot: the picture as `track.shot_of` reduces it."""
        found = None
        if self._last and not self._due(time, frame, shot):
            step = time - self._time
            fresh = time - self._looked + 1e-6 < LOOK
            found = detect.again(frame, self._found.box + np.tile(self._moved * step, 2), score=self.score, looks=self._found.looks if fresh else None)
            self._looked = self._looked if fresh else time
        if found is None:
            found = detect.detect(frame, min_face=self.min_face, score=self.score)
            self._last, self._looked, self.searched = (time, shot), time, self.searched + 1
        self._moved = self._velocity(found, time - self._time)
        self._found, self._time = found, time
        return found

    def _due(self, time: float, frame: Array, shot: Array) -> bool:
        """Whether the whole picture has to be searched."""
        assert self._last is not None
        gone = time - self._last[0] + 1e-6
        if gone >= self.every * (CALM if len(self._found.box) else 1):
            return True
        beside = np.abs(shot - self._last[1]).max(axis=1).reshape(GRID)          # how much changed since the last search, where there is no face
        down, across = frame.shape[0] / GRID[0], frame.shape[1] / GRID[1]
        for x0, y0, x1, y1 in self._found.box:
            for wide, top, low in ((ROOM, y0 - ROOM * (y1 - y0), y1), (BODY, y1, frame.shape[0])):
                left, right = x0 - wide * (x1 - x0), x1 + wide * (x1 - x0)
                beside[max(int(top / down), 0) : max(int(np.ceil(low / down)), 0), max(int(left / across), 0) : max(int(np.ceil(right / across)), 0)] = 0
        return int((beside >= CLOSE).sum()) >= CHANGED or bool(gone >= self.every and (beside >= SLIGHT).any())

    def _velocity(self, found: Found, step: float) -> Array:
        """Pixels per second (n, 2) by which each face moved since the picture before; 0 where it isn't clear which it was."""
        moved = np.zeros((len(found.box), 2))
        if step <= 0 or not len(self._found.box):
            return moved
        here, before = ((box[:, :2] + box[:, 2:]) / 2 for box in (found.box, self._found.box))
        away = here[:, None] - before
        nearest = np.linalg.norm(away, axis=2).argmin(axis=1)
        for i, j in enumerate(nearest):
            if np.abs(away[i, j]).max() < found.box[i, 2] - found.box[i, 0] and (nearest == j).sum() == 1:
                moved[i] = away[i, j] / step
        return moved
