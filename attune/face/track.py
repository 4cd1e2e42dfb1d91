"""Who is who from picture to picture: a face is given to the track that it continues.

In an unbroken shot a face goes on from where it was heading, at about the same size, in about the same colours; hidden for longer
than the patience, it must look the same too. After a cut, place proves nothing by itself: a lost track takes a face back only if the
shot is framed like the one in which the track was last seen, the face stands where it stood, and it looks the same. This isn't
recognition of people: someone who comes back in another framing, in other light or in other clothes, is a new track.

Nothing here knows the future, so a recording followed in pieces has the same tracks as one followed at once.

The limits were set on 16 clips of one person each, looked at 1.5 times a second: colours around a face agreed by .975 or more from one
look to the next, by .95 or more over a whole clip, by .92 at most between two people; framings by .51 or more from look to look, and
by .47 at most between clips but for two before the same grey wall (.75), which their colours tell apart.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

import numpy as np

from attune.face import align
from attune.face.align import Array
from attune.face.quality import gray

MEMORY = 50                              # lost tracks that are remembered
SIGHTINGS = 2                            # times a track must be seen before it counts as a person, unless it is there from the first picture
CUT = 0.48                               # likeness of two pictures below which there was a cut between them
SAME_SHOT = 0.6                          # likeness of two pictures that show one framing
SAME_COLOURS = 0.93                      # least agreement of the colours around one face
SAME_FACE = 0.2                          # least correlation of a face with the lost track it continues
REACH, SPEED = 0.8, 1.5                  # how far a face may be from where it was expected, in face widths: at once, and per second
GROWTH = np.log(1.7)                     # by how much its size may change
PACE = 0.3                               # how quickly a track's remembered looks follow the latest ones


class Looks(NamedTuple):
    """How a face looks: `face` (256,) its pattern; `colours` (78,) shares of the colours around it."""

    face: Array
    colours: Array


@dataclass
class Track:
    """One face through time; `velocity` in pixels per second, `shot` the picture it was last seen in, reduced, `scene` counts cuts."""

    number: int
    time: float
    box: Array
    looks: Looks
    shot: Array
    scene: int
    velocity: Array = field(default_factory=lambda: np.zeros(2))
    sightings: int = 1
    lost: bool = False


class Tracker:
    """Gives numbers to faces, picture by picture.

    Parameters
    ----------
    patience : float
        Seconds a face may be hidden in an unbroken shot and go on as the same.
    """

    def __init__(self, patience: float = 1.5) -> None:
        self.patience = patience
        self.tracks: list[Track] = []
        self.people: list[int] = []           # numbers of the tracks that count as people, in the order in which they came to
        self._shot: Array | None = None
        self._scene = self._count = 0

    def update(self, time: float, frame: Array, boxes: Array, faces: Array, shot: Array | None = None) -> Array:
        """Give numbers to the faces of the next picture.

        Parameters
        ----------
        time : float
            Seconds into the recording, not before the last one.
        frame : (h, w, 3) uint8, RGB
        boxes : (n, 4) xyxy pixels
        faces : (n, 64, 64, 3) uint8
            The same faces, aligned as `quality.aligned` does.
        shot
            The picture reduced by `shot_of`, where somebody has it already.

        Returns
        -------
        (n,) int from 0, each at most once
        """
        shot = shot_of(frame) if shot is None else shot
        first = self._shot is None
        self._scene += self._shot is not None and likeness(self._shot, shot) < CUT
        self._shot = shot
        for track in self.tracks:
            track.lost = track.lost or track.scene != self._scene or time - track.time > self.patience
        looks = [Looks(pattern(face), colours_around(frame, box)) for face, box in zip(faces, boxes, strict=True)]
        costs = [[self._cost(track, time, box, look, shot) for box, look in zip(boxes, looks, strict=True)] for track in self.tracks]
        numbers = np.full(len(boxes), -1, np.int64)
        for row, face in assign(np.array(costs).reshape(len(self.tracks), len(boxes))):
            self._continue(self.tracks[row], time, boxes[face], looks[face], shot)
            numbers[face] = self.tracks[row].number
        for face in np.flatnonzero(numbers < 0).tolist():
            self.tracks.append(Track(self._count, time, np.array(boxes[face], np.float64), looks[face], shot, self._scene))
            numbers[face] = self._count
            self._count += 1
        if first:
            self.people = numbers.tolist()
        self._forget()
        return numbers

    def _cost(self, track: Track, time: float, box: Array, looks: Looks, shot: Array) -> float:
        """How unlikely it is that this face continues that track; infinite if it can't."""
        agree, alike = float(np.sqrt(track.looks.colours * looks.colours).sum()), float(track.looks.face @ looks.face)
        growth, gap = abs(float(np.log(width(box) / width(track.box)))), time - track.time
        reach = REACH + SPEED * gap
        if track.lost and alike < SAME_FACE:
            return np.inf
        if track.scene != self._scene:                                          # there was a cut: place and size as they were
            gap, reach = 0.0, REACH
            if likeness(track.shot, shot) < SAME_SHOT:
                return np.inf
        expected = centre(track.box) + (0 if track.lost else track.velocity * min(gap, 0.5))
        aways = [float(np.linalg.norm(centre(box) - place)) / width(track.box) for place in (expected, centre(track.box))]
        if min(aways) > reach or growth > GROWTH * (1 + min(gap, 1)) or agree < SAME_COLOURS:
            return np.inf
        unlike = np.sqrt(max(1 - agree, 0.0) / (1 - SAME_COLOURS)) + (1 - alike) / 4
        return float(aways[0] / reach + growth + unlike + 4 * track.lost)       # a face in sight goes on before a lost one comes back

    def _continue(self, track: Track, time: float, box: Array, looks: Looks, shot: Array) -> None:
        gap = time - track.time
        moved = (centre(box) - centre(track.box)) / gap if gap > 0 else np.zeros(2)
        track.velocity = np.zeros(2) if track.lost else (track.velocity + moved) / 2
        face = (1 - PACE) * track.looks.face + PACE * looks.face
        face /= max(float(np.linalg.norm(face)), 1e-6)
        track.looks = Looks(face, (1 - PACE) * track.looks.colours + PACE * looks.colours)
        track.time, track.box, track.shot, track.scene, track.lost = time, np.array(box, np.float64), shot, self._scene, False
        track.sightings += 1
        if track.sightings == SIGHTINGS and track.number not in self.people:
            self.people.append(track.number)

    def _forget(self) -> None:
        """Keep what is in sight and the lost tracks that were seen last, those seen only once first to go."""
        lost = sorted((t for t in self.tracks if t.lost), key=lambda t: (t.sightings >= SIGHTINGS, t.time, t.number))
        gone = {t.number for t in lost[: max(len(lost) - MEMORY, 0)]}
        self.tracks = [t for t in self.tracks if t.number not in gone]


def assign(costs: Array) -> list[tuple[int, int]]:
    """Pairs (row, column) with finite costs: the cheapest first, then pairs swap partners as long as that is cheaper in sum.

    >>> assign(np.array([[1.0, 2.0], [1.1, 9.0]]))
    [(0, 1), (1, 0)]
    """
    pairs: dict[int, int] = {}
    for flat in np.argsort(costs, axis=None, kind="stable"):
        row, column = divmod(int(flat), costs.shape[1])
        if np.isfinite(costs[row, column]) and row not in pairs and column not in pairs.values():
            pairs[row] = column
    better = True
    while better:
        better = False
        for a in pairs:
            for b in pairs:
                if costs[a, pairs[b]] + costs[b, pairs[a]] < costs[a, pairs[a]] + costs[b, pairs[b]] - 1e-9:
                    pairs[a], pairs[b], better = pairs[b], pairs[a], True
    return sorted(pairs.items())


def centre(box: Array) -> Array:
    return np.asarray((box[:2] + box[2:]) / 2)


def width(box: Array) -> float:
    """Side of a square as large as the box."""
    return float(np.sqrt(np.prod(np.maximum(box[2:] - box[:2], 1.0))))


# How pictures are compared

GRID = (9, 16)                           # cells that a picture is reduced to
CLOSE = 0.08                             # difference of two colours, 0..1, that are about the same


def shot_of(frame: Array) -> Array:
    """A picture reduced to (9 * 16, 3) float32 0..1: which colour is where in it, coarsely."""
    height, width = frame.shape[:2]
    thin = align.thinned(frame, max(height // 72, 1), max(width // 128, 1))
    down, across = (_means(n, cells) for n, cells in zip(thin.shape, GRID, strict=False))
    rows = down @ thin.reshape(len(thin), -1).astype(np.float32)
    return np.asarray(across @ rows.reshape(GRID[0], -1, 3) / 255, np.float32).reshape(-1, 3)


@cache
def _means(n: int, cells: int) -> Array:
    """(cells, n) float32: what makes means of n numbers, in equal steps; with fewer numbers than cells some come twice."""
    edges = np.linspace(0, n, cells, endpoint=False).astype(np.int64)
    last = np.maximum(np.append(edges[1:], n), edges + 1)
    at = np.arange(n)
    inside = (at >= edges[:, None]) & (at < last[:, None])
    return np.asarray(inside / inside.sum(axis=1, keepdims=True), np.float32)


def likeness(a: Array, b: Array) -> float:
    """How much two reduced pictures show one framing: the share of cells with about the same colour, 0..1."""
    return float(np.mean(np.abs(a - b).max(axis=1) < CLOSE))


# How faces are compared

HUES, LEVELS = 12, 6                     # of the histogram of colours; grey is a thirteenth hue


def pattern(face: Array) -> Array:
    """(256,) an aligned face (64, 64, 3) uint8 in grey, 16 x 16, zero mean, length 1."""
    means = _means(64, 16)
    small = (means @ gray(face) @ means.T).ravel()
    small -= small.mean()
    return np.asarray(small / max(float(np.linalg.norm(small)), 1e-6))


def colours_around(frame: Array, box: Array) -> Array:
    """Shares (78,) of the colours from a third above a face to its height below, and half its width to either side.

    That is hair, skin, neck and shoulders, and some of what is behind them.
    """
    w, h = box[2:] - box[:2]
    x0, x1 = (int(np.clip(x, 0, frame.shape[1])) for x in (box[0] - w / 2, box[2] + w / 2))
    y0, y1 = (int(np.clip(y, 0, frame.shape[0])) for y in (box[1] - h / 3, box[3] + h))
    step = max(int(min(w, h)) // 16, 1)
    r, g, b = align.thinned(frame[y0:y1, x0:x1], step).reshape(-1, 3).T.astype(np.float32, order="C")
    n = (HUES + 1) * LEVELS
    if not len(r):
        return np.full(n, 1 / n)
    high = np.maximum(np.maximum(r, g), b)
    chroma = high - np.minimum(np.minimum(r, g), b)
    some = np.maximum(chroma, 1)
    sixth = np.where(high == r, (g - b) / some, np.where(high == g, (b - r) / some + 2, (r - g) / some + 4))            # hue in sixths
    sixth = np.where(sixth < 0, sixth + 6, sixth)
    hue = np.where(chroma > 0.15 * high + 8, (sixth * (HUES / 6)).astype(np.int64) % HUES, HUES)
    level = np.minimum(high * LEVELS / 256, LEVELS - 1).astype(np.int64)
    return np.asarray(np.bincount(hue * LEVELS + level, minlength=n) / len(r))
