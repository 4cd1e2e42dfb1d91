"""When to search a whole picture for faces, and when it is enough to look where they were.

Searching a picture costs several times as much as looking again at a face that is known. So a picture is searched when it is the first, when
seconds have gone by (`Settings.search`), or when a known face can't be seen clearly any more; in between O-Net looks only where the faces of the
picture before were heading, and where something changed beside them just that part is searched. Nobody is lost by that, since a face that isn't found
again has the picture searched; somebody who comes without changing the picture much is noticed at the next search. Where faces are known and
nothing beside them changed even slightly, nobody came, so searches of whole pictures then wait `CALM` times as long.

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
MARGIN = 2                               # cells around those that changed, into which a face may reach that is partly of the colour that was there
MOST = 0.6                               # of a picture, at most, is a part; more is searched as a whole


class Search:
    """Faces of one recording's pictures, one after the other.

    Parameters
    ----------
    every : float
        Seconds between two searches: of the whole picture while nobody is known, else of what changed slightly, and of the whole after `CALM` times as
        long; 0: every picture is searched.
    min_face, score
        As in `detect.detect`.
    """

    def __init__(self, *, every: float = 2.0, min_face: int = 40, score: float = 0.9) -> None:
        self.every, self.min_face, self.score = every, min_face, score
        self.searched = 0                     # pictures that were searched as a whole
        self._whole: float | None = None      # when that was last done
        self._part = 0.0                      # when anything was last searched
        self._shot = np.zeros((0, 3), np.float32)          # the picture reduced, each cell as it was when it was last searched
        self._found, self._moved, self._time = NOBODY, np.zeros((0, 2)), 0.0
        self._looked = 0.0                    # when a face that the network isn't sure of was last looked at in other ways too

    def find(self, time: float, frame: Array, shot: Array) -> Found:
        """The faces of the next picture (h, w, 3) uint8, as `detect.detect` gives them; shot: the picture as `track.shot_of` reduces it."""
        changed = self._changed(time, frame, shot)
        part = around(changed, frame.shape)
        found = None if part is None and changed.any() else self._followed(time, frame)
        if found is not None and part is not None:
            found = detect.joined(found, detect.detect(frame, min_face=self.min_face, score=self.score, within=part))
            self._part, self._shot = time, np.where(changed.reshape(-1, 1), shot, self._shot)
        if found is None:
            found = detect.detect(frame, min_face=self.min_face, score=self.score)
            self._whole = self._part = self._looked = time
            self._shot, self.searched = shot, self.searched + 1
        self._moved = self._velocity(found, time - self._time)
        self._found, self._time = found, time
        return found

    def _followed(self, time: float, frame: Array) -> Found | None:
        """The faces of the picture before, where they were heading; None if one isn't seen."""
        fresh = time - self._looked + 1e-6 < LOOK
        self._looked = self._looked if fresh else time
        expected = self._found.box + np.tile(self._moved * (time - self._time), 2)
        return detect.again(frame, expected, score=self.score, looks=self._found.looks if fresh else None)

    def _changed(self, time: float, frame: Array, shot: Array) -> Array:
        """Cells (9, 16) of the picture that have to be searched, bool."""
        if self._whole is None or time - self._whole + 1e-6 >= self.every * (CALM if len(self._found.box) else 1):
            return np.ones(GRID, bool)
        beside = np.abs(shot - self._shot).max(axis=1).reshape(GRID)             # how much changed since it was last searched, where there is no face
        down, across = frame.shape[0] / GRID[0], frame.shape[1] / GRID[1]
        for x0, y0, x1, y1 in self._found.box:
            for wide, top, low in ((ROOM, y0 - ROOM * (y1 - y0), y1), (BODY, y1, frame.shape[0])):
                left, right = x0 - wide * (x1 - x0), x1 + wide * (x1 - x0)
                beside[max(int(top / down), 0) : max(int(np.ceil(low / down)), 0), max(int(left / across), 0) : max(int(np.ceil(right / across)), 0)] = 0
        much = int((beside >= CLOSE).sum()) >= CHANGED
        return np.asarray(beside >= (SLIGHT if much or time - self._part + 1e-6 >= self.every else np.inf))

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


def around(cells: Array, shape: tuple[int, ...]) -> Array | None:
    """The part of a picture of that shape which holds some of its cells (9, 16) and those beside them, xyxy pixels; None: it would be none, or most.

    >>> around(np.eye(*GRID, k=9, dtype=bool) & (np.arange(16) < 11), (90, 160)).tolist()
    [70, 0, 130, 40]
    """
    rows, columns = np.flatnonzero(cells.any(axis=1)), np.flatnonzero(cells.any(axis=0))
    if not len(rows):
        return None
    (top, low), (left, right) = ((max(at[0] - MARGIN, 0), min(at[-1] + 1 + MARGIN, n)) for at, n in zip((rows, columns), GRID, strict=True))
    if (low - top) * (right - left) > MOST * cells.size:
        return None
    height, width = shape[0] / GRID[0], shape[1] / GRID[1]
    return np.array([left * width, top * height, right * width, low * height]).astype(np.int64)
