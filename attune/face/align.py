"""Faces brought into one pose: cut out, turned level and scaled, so that a model finds eyes and mouth where it learned them.

Two ways. `crop` lays the five landmarks onto a model's template, by the similarity (turn, scale, shift) with the least squared
distance; `level` turns the eyes level and takes a square of 1.2 times the box, as Rios et al. do before their networks
(Multimodal Recognition of Valence, Arousal and Dominance via Late-Fusion of Text, Audio and Facial Expressions). Both smooth
before they shrink, and mirror the picture where the crop reaches beyond it.

Positions are continuous: pixel i covers [i, i + 1), its centre is i + 0.5.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from attune.errors import ShapeError

Array = np.ndarray[Any, np.dtype[Any]]

PIXEL = np.dtype("V3")                   # three bytes as one thing
ROWS = 4                                 # rows of the frame, at most, whose mean one of a crop is made of: as many even as odd ones (films are interlaced)
SHARP = -0.75                            # the cubic's slope at the next pixel; -0.5 to -1 bring shrunken pictures of FER+ nearer to what they were
XY = np.array([1, 1j])                   # points as complex numbers
FIELDS = 2.0 ** np.array([0, 20, 40])    # where red, green and blue stand in one number of 60 bits
ZOOM = 1.2                               # side of the square over the box's longer side, as Rios et al.
# Where the pictures of FER2013 (and so FER+) and CK+ have left eye, right eye, nose, corners of the mouth: medians, 48 x 48 pixels
FER = np.array([(14.9, 18.6), (33.0, 18.1), (24.0, 28.5), (16.2, 37.4), (31.3, 37.4)])
FER_SIDE = 48


def crop(frame: Array, landmarks: Array, template: Array, size: tuple[int, int]) -> Array:
    """A face with its landmarks where a template has them.

    Parameters
    ----------
    frame : (h, w, 3) uint8
    landmarks : (5, 2) float
        Pixels in the frame, finite and not all the same.
    template : (5, 2) float
        Where the crop shall have them, in its pixels.
    size : (height, width) of the crop

    Returns
    -------
    (height, width, 3) uint8

    Raises
    ------
    ShapeError
        If the landmarks can't be laid onto the template.

    Umeyama (1991), IEEE PAMI 13(4); in the plane, with points as complex numbers, it is one quotient.

    >>> crop(np.zeros((90, 160, 3), np.uint8), FER + 20, FER, (48, 48)).shape
    (48, 48, 3)
    """
    finite = bool(np.isfinite(landmarks).all())
    z, w = np.asarray(landmarks, np.float64) @ XY if finite else np.zeros(5, np.complex128), template @ XY
    middle, goal = z.sum() / len(z), w.sum() / len(w)
    spread = float(np.square(np.abs(z - middle)).sum())
    turn = np.vdot(z - middle, w - goal) / spread if spread > 0 else 0.0
    if turn == 0:
        raise ShapeError(f"landmarks {np.asarray(landmarks).tolist()} can't be laid onto a template; expected five different finite points")
    return warp(frame, 1 / turn, middle - goal / turn, size)


def shrunk(face: Array, size: tuple[int, int]) -> Array:
    """A crop (h, w, 3) uint8 made smaller, (*size, 3) uint8, by cubic convolution stretched over the pixels between, which restores some of the
    sharpness that the crop lost.

    Keys (1981), IEEE Transactions on Acoustics, Speech, and Signal Processing 29(6).

    >>> shrunk(np.full((4, 4, 3), 9, np.uint8), (3, 2)).shape
    (3, 2, 3)
    """
    (h, w), (height, width) = face.shape[:2], size
    low = (_cubic(height, h) @ face.reshape(h, -1).astype(np.float32)).reshape(height, w, 3).transpose(1, 0, 2)
    both = (_cubic(width, w) @ low.reshape(w, -1)).reshape(width, height, 3).transpose(1, 0, 2)
    return np.asarray(np.clip(both + np.float32(0.5), 0, 255)).astype(np.uint8)


@cache
def _cubic(n: int, of: int) -> Array:
    """(n, of) float32: what each of `of` pixels adds to each of n that fill the same length."""
    step = of / n
    x = np.abs(np.arange(of) + 0.5 - (np.arange(n)[:, None] + 0.5) * step) / max(step, 1)
    near, far = (SHARP + 2) * x**3 - (SHARP + 3) * x**2 + 1, SHARP * (x**3 - 5 * x**2 + 8 * x - 4)
    shares = np.where(x < 1, near, np.where(x < 2, far, 0))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float32)


def level(frame: Array, box: Array, landmarks: Array, size: int, *, zoom: float = ZOOM) -> Array:
    """A square around the face's box, turned so that the eyes are level.

    The box's centre is the crop's centre: turning the picture about the eyes and carrying the box along is the same thing.

    Parameters
    ----------
    frame : (h, w, 3) uint8
    box : (4,) xyxy pixels
    landmarks : (5, 2) pixels, eyes first
    size : side of the crop in pixels
    zoom : side of the square over the box's longer side

    Returns
    -------
    (size, size, 3) uint8

    As in Rios et al.: angle = atan2 of the line between the eyes, zoomed out by 1.2, reflected at the border.
    """
    side = zoom * max(box[2] - box[0], box[3] - box[1])
    if not (np.isfinite(side) and side > 0 and np.isfinite(landmarks).all()):
        raise ShapeError(f"a face with the box {np.asarray(box).tolist()}; expected finite numbers and an area")
    scale = side / size * np.exp(1j * np.radians(roll(landmarks)))
    centre = complex(box[0] + box[2], box[1] + box[3]) / 2
    return warp(frame, scale, centre - scale * complex(size, size) / 2, (size, size))


def roll(landmarks: Array) -> float:
    """Angle of the line from the left to the right eye as seen in the picture, in degrees; positive: clockwise."""
    dx, dy = landmarks[1] - landmarks[0]
    return float(np.degrees(np.arctan2(dy, dx)))


def warp(frame: Array, turn: complex, shift: complex, size: tuple[int, int]) -> Array:
    """The picture whose point z is the frame's point turn * z + shift (points as x + iy): bilinear, smoothed where it shrinks.

    Returns
    -------
    (*size, 3) uint8
    """
    height, width = size
    fold = max(round(abs(turn)), 1)                                    # pixels of the frame that are averaged first
    across, down = turn * (np.arange(width) + 0.5), turn * 1j * (np.arange(height) + 0.5) + shift
    x, nx, cols = _span(across.real, down.real, fold)
    y, _, rows = _span(across.imag, down.imag, fold)
    part = _packed(folded(_reflected(_reflected(frame, rows, axis=0), cols, axis=1), fold)).ravel()
    corner, right, low = (y >> 8) * nx + (x >> 8), x & 255, y & 255
    both = (right * low + 128) >> 8
    shares = {0: 256 - right - low + both, 1: right - both, nx: low - both, nx + 1: both}                # of the four pixels around, in 1/256
    mixed = sum(np.take(part, corner + step) * share for step, share in shares.items())
    return _unpacked(mixed)


def thinned(frame: Array, n: int, across: int | None = None) -> Array:
    """Every n-th pixel of every n-th row of (h, w, 3) uint8, or every `across`-th pixel. They are moved as wholes, which takes half as long as colour
    by colour.

    >>> thinned(np.arange(2 * 4 * 3, dtype=np.uint8).reshape(2, 4, 3), 2).tolist()
    [[[0, 1, 2], [6, 7, 8]]]
    """
    across = across or n
    if across == 1 or frame.strides[1:] != (3, 1):
        return frame[::n, ::across]
    pixels = np.ascontiguousarray(frame.view(PIXEL)[::n, ::across, 0])
    return pixels.view(np.uint8).reshape(*pixels.shape, 3)


def folded(part: Array, n: int) -> Array:
    """Means of n x n pixels, (h, w, 3) uint8 -> (h // n, w // n, 3) float32: down by whole rows, of which two pairs are enough; across by a matrix of
    ones, which is quickest.

    >>> folded(np.arange(2 * 4 * 3, dtype=np.uint8).reshape(2, 4, 3), 2).tolist()
    [[[7.5, 8.5, 9.5], [13.5, 14.5, 15.5]]]
    """
    height, width = part.shape[0] // n, part.shape[1] // n
    part = part[: height * n, : width * n]
    if n == 1:
        return part.astype(np.float32)
    rows = min(n, ROWS)
    first, *others = range(n) if n <= ROWS else (round(n * quarter / 4 - 1) + i for quarter in (1, 3) for i in (0, 1))
    total = part[first::n].astype(np.uint16)
    for row in others:
        np.add(total, part[row::n], out=total)
    across = total.astype(np.float32).reshape(-1, n * 3) @ np.tile(np.eye(3, dtype=np.float32), (n, 1))
    return np.asarray(across / np.float32(n * rows)).reshape(height, width, 3)


def _span(across: Array, down: Array, fold: int) -> tuple[Array, int, Array]:
    """Along one axis of the frame: positions (height, width) in 1/256 of folded pixels from the first one needed, sums of what a column and what a
    row adds to them; how many folded pixels are needed, and which of the frame's they are."""
    first = int(np.floor(across.min() + down.min())) - fold
    columns, rows = (np.rint(256 * part).astype(np.int64) for part in ((across - first) / fold - 0.5, down / fold))
    n = (int(columns.max() + rows.max()) >> 8) + 2
    return columns + rows[:, None], n, first + np.arange(n * fold)


def _packed(colours: Array) -> Array:
    """Colours (..., 3) 0..255 as one number each (...), in sixteenths, with room for a weight of 256: what is done to it is done to all three at once."""
    return np.asarray((np.rint(16 * colours).astype(np.float64) @ FIELDS).astype(np.int64))


def _unpacked(mixed: Array) -> Array:
    """The colours (..., 3) uint8 of packed ones that were weighed, with weights that sum to 256."""
    mixed = mixed + int(FIELDS.sum()) * 2048                           # a half of what is cut off
    out = np.empty((*mixed.shape, 3), np.uint8)
    for i in range(3):
        out[..., i] = mixed >> (20 * i + 12) & 255
    return out


def _reflected(frame: Array, at: Array, *, axis: int) -> Array:
    """Rows or columns of a frame; beyond its border they come back, as in a mirror standing on the last pixel."""
    n = frame.shape[axis]
    if at[0] >= 0 and at[-1] < n:
        inside = slice(at[0], at[-1] + 1)
        return frame[inside] if axis == 0 else frame[:, inside]
    period = max(2 * (n - 1), 1)
    at = at % period
    return np.take(frame, np.minimum(at, period - at) if n > 1 else at, axis=axis)
