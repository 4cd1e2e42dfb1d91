"""Faces drawn by code, plain but good enough for the detector, and pictures to put them in. No photograph is needed or kept."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

# Where a drawn face of width 1 has left eye, right eye, nose, corners of the mouth, from its centre
POINTS = np.array([(-0.21, -0.12), (0.21, -0.12), (0.0, 0.12), (-0.17, 0.32), (0.17, 0.32)])
SKIN, HAIR, SHIRT = (224, 176, 150), (60, 40, 30), (70, 90, 150)


def picture(height: int = 360, width: int = 640, *, colour: tuple[int, int, int] = (120, 130, 125), seed: int = 0) -> Array:
    """A wall (h, w, 3) uint8, a little lighter at the top, with a little noise."""
    wall = np.array(colour) + np.linspace(12, -12, height)[:, None, None] + np.random.default_rng(seed).normal(0, 1.5, (height, width, 1))
    return np.clip(wall, 0, 255).astype(np.uint8)


def draw(
    frame: Array, x: float, y: float, size: float, *, roll: float = 0.0, smile: float = 0.5,
    skin: tuple[int, int, int] = SKIN, hair: tuple[int, int, int] = HAIR, shirt: tuple[int, int, int] = SHIRT,
) -> Array:
    """The frame with a face of width `size` around (x, y), turned by `roll` degrees clockwise; landmarks are at `points(...)`."""
    reach = 2.4 * size
    x0, y0 = max(int(x - reach), 0), max(int(y - reach), 0)
    part = frame[y0 : max(int(y + reach), 0), x0 : max(int(x + reach), 0)]
    u, v = np.meshgrid(np.arange(part.shape[1], dtype=np.float32) + (x0 + 0.5 - x), np.arange(part.shape[0], dtype=np.float32) + (y0 + 0.5 - y))
    turn = complex(np.exp(-1j * np.radians(roll)))
    u, v = ((u * turn.real - v * turn.imag) / np.float32(size), (u * turn.imag + v * turn.real) / np.float32(size))
    soft = 1.5 / size

    def blob(cx: float, cy: float, rx: float, ry: float, edge: float = soft) -> Array:
        away = np.sqrt(((u - cx) / rx) ** 2 + ((v - cy) / ry) ** 2)
        return np.clip((1 - away) * min(rx, ry) / edge + 0.5, 0, 1)[..., None]

    out = part.astype(np.float32)

    def paint(where: Array, colour: Any, strength: float = 1.0) -> None:
        out[:] += (np.array(colour, np.float32) - out) * (where * np.float32(strength))

    tone = np.array(skin, np.float64)
    paint(blob(0, 1.5, 1.05, 0.75), shirt)
    paint(blob(0, -0.12, 0.62, 0.78), hair)
    paint(blob(0, 0.7, 0.24, 0.4), tone * 0.8)
    head = blob(0, 0.05, 0.47, 0.64, 0.06)
    paint(head, tone * 0.8)
    paint(head * blob(0, 0.05, 0.4, 0.58, 0.3), np.minimum(tone * 1.06, 255))
    paint(blob(0, -0.62, 0.5, 0.24), hair)
    for side in (-1, 1):
        paint(blob(side * 0.21, -0.13, 0.16, 0.12, 0.12), tone * 0.72, 0.8)
        paint(blob(side * 0.21, -0.12, 0.095, 0.05), (238, 236, 232))
        paint(blob(side * 0.21, -0.12, 0.048, 0.05), (50, 35, 25))
        paint(blob(side * 0.21, -0.165, 0.11, 0.02), (70, 45, 35))
        paint(blob(side * 0.22, -0.25, 0.14, 0.032, 0.02), (45, 30, 24))
        paint(blob(side * 0.27, 0.16, 0.12, 0.1, 0.12), np.minimum(tone * (1.05, 0.92, 0.9), 255), 0.6)
        paint(blob(side * 0.06, 0.165, 0.04, 0.022), tone * 0.45)
    paint(blob(-0.06, 0.02, 0.03, 0.16, 0.05), tone * 0.82, 0.7)
    paint(blob(0, 0.09, 0.04, 0.11, 0.06), np.minimum(tone * 1.1, 255), 0.8)
    paint(blob(0, 0.19, 0.1, 0.025, 0.03), tone * 0.7, 0.7)
    bow = 1 - (u / 0.18) ** 2                                          # 1 in the middle of the mouth, 0 in its corners
    away = np.abs(v - 0.32 - 0.06 * smile * bow)
    paint(np.clip((0.06 * np.sqrt(np.maximum(bow, 0)) - away) / soft, 0, 1)[..., None], (172, 88, 84))
    paint((np.clip((0.008 - away) / soft + 0.5, 0, 1) * (bow > 0))[..., None], (90, 30, 35))
    paint(blob(0, 0.46, 0.16, 0.03, 0.06), tone * 0.85, 0.6)
    whole = frame.copy()
    whole[y0 : y0 + part.shape[0], x0 : x0 + part.shape[1]] = np.clip(out + 0.5, 0, 255)
    return whole


def points(x: float, y: float, size: float, roll: float = 0.0) -> Array:
    """(5, 2) landmarks of a face drawn there."""
    z = (POINTS @ (1, 1j)) * size * np.exp(1j * np.radians(roll)) + complex(x, y)
    return np.stack([z.real, z.imag], axis=1)


def box(x: float, y: float, size: float) -> Array:
    """(4,) box of an upright face drawn there."""
    return np.array([x - size / 2, y - 0.55 * size, x + size / 2, y + 0.7 * size])
