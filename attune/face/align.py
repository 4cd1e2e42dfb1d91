"""Faces brought into one pose: cut out, turned level and scaled, so that a model finds eyes and mouth where it learned them.

Two ways. `crop` lays the five landmarks onto a model's template, by the similarity (turn, scale, shift) with the least squared
distance; `level` turns the eyes level and takes a square of 1.2 times the box, as Rios et al. do before their networks
(Multimodal Recognition of Valence, Arousal and Dominance via Late-Fusion of Text, Audio and Facial Expressions). Both smooth
before they shrink, and mirror the picture where the crop reaches beyond it.

Positions are continuous: pixel i covers [i, i + 1), its centre is i + 0.5.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from attune.errors import ShapeError

Array = np.ndarray[Any, np.dtype[Any]]

PIXEL = np.dtype("V3")                   # three bytes as one thing
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
    z, w = (np.nan_to_num(p, nan=0.0, posinf=0.0, neginf=0.0) @ (1, 1j) for p in (landmarks, template))
    spread = float(np.sum(np.abs(z - z.mean()) ** 2))
    turn = np.sum(np.conj(z - z.mean()) * (w - w.mean())) / spread if spread > 0 else 0.0
    if turn == 0 or not np.isfinite(landmarks).all():
        raise ShapeError(f"landmarks {np.asarray(landmarks).tolist()} can't be laid onto a template; expected five different finite points")
    return warp(frame, 1 / turn, z.mean() - w.mean() / turn, size)


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

    Source 001: angle = atan2 of the line between the eyes, zoomed out by 1.2, reflected at the border.
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
    at = turn * (np.arange(width) + 0.5 + 1j * (np.arange(height) + 0.5)[:, None]) + shift
    x, nx, cols = _span(at.real, fold)
    y, _, rows = _span(at.imag, fold)
    part = _folded(_reflected(_reflected(frame, rows, axis=0), cols, axis=1), fold)
    x0, y0 = np.floor(x).astype(np.int64), np.floor(y).astype(np.int64)
    fx, fy = ((p - p0).astype(np.float32)[..., None] for p, p0 in ((x, x0), (y, y0)))
    flat, corner = part.reshape(-1, 3), y0 * nx + x0

    def pixels(step: int) -> Array:
        return np.asarray(np.take(flat, corner + step, axis=0))

    top, low = pixels(0), pixels(nx)
    top += fx * (pixels(1) - top)
    low += fx * (pixels(nx + 1) - low)
    top += fy * (low - top)
    return np.asarray(top + np.float32(0.5)).astype(np.uint8)


def thinned(frame: Array, n: int) -> Array:
    """Every n-th pixel of every n-th row of (h, w, 3) uint8. Pixels are moved as wholes, which takes half as long as colour by colour.

    >>> thinned(np.arange(2 * 4 * 3, dtype=np.uint8).reshape(2, 4, 3), 2).tolist()
    [[[0, 1, 2], [6, 7, 8]]]
    """
    if n == 1 or frame.strides[1:] != (3, 1):
        return frame[::n, ::n]
    pixels = np.ascontiguousarray(frame.view(PIXEL)[::n, ::n, 0])
    return pixels.view(np.uint8).reshape(*pixels.shape, 3)


def _span(x: Array, fold: int) -> tuple[Array, int, Array]:
    """Along one axis: positions in folded pixels from the first one needed, how many are needed, and which of the frame's they are."""
    first = int(np.floor(x.min())) - fold
    place = (x - first) / fold - 0.5
    n = int(np.floor(place.max())) + 2
    return place, n, first + np.arange(n * fold)


def _folded(part: Array, n: int) -> Array:
    """Means of n x n pixels, (h, w, 3) uint8 -> (h / n, w / n, 3) float32: down by whole rows, across by a matrix of ones, which is quickest."""
    if n == 1:
        return part.astype(np.float32)
    total = part[::n].astype(np.uint16 if n < 257 else np.uint32)
    for i in range(1, n):
        np.add(total, part[i::n], out=total)
    across = total.astype(np.float32).reshape(-1, n * 3) @ np.tile(np.eye(3, dtype=np.float32), (n, 1))
    return np.asarray(across / np.float32(n**2)).reshape(len(total), -1, 3)


def _reflected(frame: Array, at: Array, *, axis: int) -> Array:
    """Rows or columns of a frame; beyond its border they come back, as in a mirror standing on the last pixel."""
    n = frame.shape[axis]
    if at[0] >= 0 and at[-1] < n:
        inside = slice(at[0], at[-1] + 1)
        return frame[inside] if axis == 0 else frame[:, inside]
    period = max(2 * (n - 1), 1)
    at = at % period
    return np.take(frame, np.minimum(at, period - at) if n > 1 else at, axis=axis)
