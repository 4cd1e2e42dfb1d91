"""How well a face can be seen: size, sharpness, pose and the detector's score, each 0..1, and their geometric mean.

    quality = (size x sharpness x facing x score) ^ (1/4)

    size       0 at 16 pixels across, 1 from 80 on
    sharpness  variance of the Laplacian of the aligned face, relative to its contrast: v / (v + SHARP)
    facing     1 up to 15 degrees of yaw or pitch, 0 at 75
    score      0 at a detector's probability of .8, 1 at 1

One unusable side makes the whole unusable; no side can make up for another. It says how far to trust a row; it drops nothing.
"""

from __future__ import annotations

import numpy as np

from attune.face import align
from attune.face.align import Array

SIDE = 64                                # pixels of the aligned face that sharpness is judged on
SHARP = 0.02                             # variance of the Laplacian over that of the picture where sharpness is one half: a good
                                         # picture (0.22) blurred by a Gaussian of 1/37 of the face's width; clips had 0.12 to 0.33
FRAMING = align.FER * (SIDE / align.FER_SIDE)

# A coarse head: from the eyes' line to the mouth's, in distances between the eyes, as align.FER has them
NOSE = 0.53                              # the nose's tip, on the way from the eyes' line (0) to the mouth's (1), seen from the front
MOUTH = 1.05                             # from the eyes' line to the mouth's
DEPTH = 0.5                              # how far the nose's tip stands out


def aligned(frame: Array, landmarks: Array) -> Array:
    """The face as (64, 64, 3) uint8, framed as FER2013's pictures are."""
    return align.crop(frame, landmarks, FRAMING, (SIDE, SIDE))


def frames(template: Array | None, size: tuple[int, int]) -> bool:
    """Whether a model's crops show what `aligned` shows, and no larger: its template (5, 2), in a square of `size`, lies as `FRAMING` does."""
    height, width = size
    return template is not None and height == width <= SIDE and np.allclose(np.asarray(template) * (SIDE / width), FRAMING)


def gray(picture: Array) -> Array:
    """(..., 3) uint8 RGB -> (...) float32 luminance 0..255, ITU-R BT.601."""
    return np.asarray(picture @ np.array([0.299, 0.587, 0.114], np.float32))


def sharpness(face: Array) -> float:
    """Sharpness 0..1 of an aligned face (64, 64, 3) uint8; the same for dark and bright, weak and strong contrast.

    Pech-Pacheco et al. (2000), ICPR: variance of the Laplacian; here over the variance of the picture.
    """
    y = gray(face)
    laplacian = y[1:-1, :-2] + y[1:-1, 2:] + y[:-2, 1:-1] + y[2:, 1:-1] - 4 * y[1:-1, 1:-1]
    contrast = float(y.var())
    if contrast < 1:
        return 0.0
    v = float(laplacian.var()) / contrast
    return v / (v + SHARP)


def pose(landmarks: Array) -> Array:
    """(3,) yaw, pitch, roll in degrees, from five points: coarse, perhaps 10 degrees off, and blind to a face's own proportions.

    Yaw is positive when the nose points to the picture's right, pitch when it points down, roll clockwise.
    """
    left, right, nose, *corners = np.asarray(landmarks, np.float64) @ (1, 1j)
    eyes, mouth = (left + right) / 2, sum(corners) / 2
    across = (right - left) / max(abs(right - left), 1e-6)             # the head's own axes, as the picture shows them
    down = 1j * across
    def along(z: complex, axis: complex) -> float:
        return float((z * np.conj(axis)).real)

    height = max(along(mouth - eyes, down), 1e-6)
    width = max(abs(right - left), height / MOUTH / 3, 1e-6)           # seen from the side the eyes fall together
    middle = eyes + (mouth - eyes) * NOSE
    yaw = np.degrees(np.arctan2(along(nose - middle, across) / width, DEPTH))
    pitch = np.degrees(np.arctan2(along(nose - eyes, down) / height - NOSE, DEPTH / MOUTH))
    return np.array([yaw, pitch, align.roll(landmarks)])


def quality(box: Array, score: float, angles: Array, sharp: float) -> float:
    """Quality 0..1 of one face by the formula above."""
    yaw, pitch = map(abs, angles[:2].tolist())
    size, facing, sure = (min(max(side, 0.0), 1.0) for side in (
        (min(box[2] - box[0], box[3] - box[1]) - 16) / 64, (75 - max(yaw, pitch)) / 60, (score - 0.8) / 0.2))
    return float((size * sharp * facing * sure) ** 0.25)
