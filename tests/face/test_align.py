"""Alignment against turns, scales and places that are known."""

from __future__ import annotations

import faces_made as made
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune.errors import ShapeError
from attune.face import align
from attune.face.detect import detect

CORNERS = np.array([(20.5, 20.5), (43.5, 20.5), (32.5, 32.5), (22.5, 44.5), (41.5, 44.5)])


def dots(landmarks: np.ndarray, shape: tuple[int, int] = (200, 260), radius: float = 4) -> np.ndarray:
    """A picture with a white dot at each landmark."""
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    away = np.min([np.hypot(x - a, y - b) for a, b in landmarks], axis=0)
    return np.repeat((np.clip(radius - away, 0, 1) * 255)[..., None], 3, axis=2).astype(np.uint8)


def middle(crop: np.ndarray, near: np.ndarray, radius: float) -> np.ndarray:
    """Centre of what is bright near a point."""
    y, x = np.mgrid[: crop.shape[0], : crop.shape[1]] + 0.5
    light = crop[..., 0].astype(float) * (np.hypot(x - near[0], y - near[1]) < radius)
    return np.array([(x * light).sum(), (y * light).sum()]) / light.sum()


@settings(max_examples=40, deadline=None)
@given(angle=st.floats(-180, 180), scale=st.floats(0.8, 3.5), x=st.floats(110, 150), y=st.floats(90, 110))
def test_landmarks_land_on_the_template_from_any_turn_and_scale(angle: float, scale: float, x: float, y: float) -> None:
    z = (CORNERS - 32) @ (1, 1j) * scale * np.exp(1j * np.radians(angle)) + complex(x, y)
    landmarks = np.stack([z.real, z.imag], axis=1)
    crop = align.crop(dots(landmarks, radius=2.5 * scale), landmarks, CORNERS, (64, 64))
    for point in CORNERS:
        assert np.hypot(*(middle(crop, point, 6) - point)) < 0.35


def test_template_in_place_gives_the_picture_itself() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    assert np.array_equal(align.crop(frame, CORNERS, CORNERS, (64, 64)), frame)


def test_quarter_turn_is_exact() -> None:
    frame = np.random.default_rng(1).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    z = (CORNERS - 32) @ (1, 1j) * 1j + complex(32, 32)
    crop = align.crop(frame, np.stack([z.real, z.imag], axis=1), CORNERS, (64, 64))
    assert np.abs(crop.astype(int) - np.rot90(frame, 1)).max() <= 1


def test_shrinking_averages_what_it_skips() -> None:
    """A fine checkerboard becomes grey, not stripes."""
    frame = np.repeat((np.indices((400, 400)).sum(axis=0) % 2 * 255).astype(np.uint8)[..., None], 3, axis=2)
    crop = align.crop(frame, CORNERS * 6, CORNERS, (64, 64))
    assert np.abs(crop.astype(int) - 127).max() <= 3


@pytest.mark.parametrize("roll", [-30, -7.5, 0, 12, 40])
def test_known_turn_is_recovered_and_the_eyes_come_out_level(roll: float) -> None:
    landmarks = made.points(320, 180, 120, roll)
    assert abs(align.roll(landmarks) - roll) < 1e-9
    crop = align.level(dots(landmarks, (360, 640), radius=5), made.box(320, 180, 120), landmarks, 224)
    scale = 224 / (1.2 * 1.25 * 120)
    turn = np.exp(-1j * np.radians(roll))
    eyes = []
    for point in landmarks[:2]:
        z = (complex(*point) - complex(320, 189)) * turn * scale + complex(112, 112)
        eyes.append(middle(crop, np.array([z.real, z.imag]), 12))
    dx, dy = eyes[1] - eyes[0]
    assert abs(np.degrees(np.arctan2(dy, dx))) < 0.5


@pytest.mark.parametrize("roll", [-20, 15])
def test_found_face_comes_out_level(roll: float) -> None:
    """From detection to the levelled crop: what the detector sees there is level within a few degrees, its own error."""
    frame = made.draw(made.picture(), 320, 170, 130, roll=roll)
    found = detect(frame)
    crop = align.level(frame, found.box[0], found.landmarks[0], 224, zoom=2)
    assert abs(align.roll(detect(crop).landmarks[0])) < 3


def test_box_fills_the_levelled_square_but_for_the_zoom() -> None:
    frame = np.zeros((300, 300, 3), np.uint8)
    frame[100:200, 110:190] = 255
    landmarks = np.array([(130, 130), (170, 130), (150, 150), (135, 170), (165, 170)], float)
    crop = align.level(frame, np.array([110, 100, 190, 200], float), landmarks, 120)
    inside = crop[..., 0] > 127
    assert inside.any(axis=1).sum() == 100 and inside.any(axis=0).sum() == 80


def test_beyond_the_border_the_picture_is_mirrored() -> None:
    frame = np.random.default_rng(2).integers(0, 256, (80, 90, 3)).astype(np.uint8)
    padded = np.pad(frame, ((30, 30), (30, 30), (0, 0)), mode="reflect")
    assert np.array_equal(align.warp(frame, 1, -30 - 30j, (140, 150)), padded)


def test_far_beyond_the_border_it_is_mirrored_again_and_again() -> None:
    for shape in ((1, 1), (1, 7), (2, 2), (5, 3)):
        frame = np.random.default_rng(2).integers(0, 256, (*shape, 3)).astype(np.uint8)
        padded = np.pad(frame, ((20, 20), (20, 20), (0, 0)), mode="reflect") if min(shape) > 1 else None
        out = align.warp(frame, 1, -20 - 20j, (shape[0] + 40, shape[1] + 40))
        assert out.shape == (shape[0] + 40, shape[1] + 40, 3)
        assert padded is None or np.array_equal(out, padded)


def test_crop_need_not_be_square() -> None:
    assert align.crop(made.picture(), made.points(320, 180, 100), align.FER, (40, 56)).shape == (40, 56, 3)


@pytest.mark.parametrize("bad", [np.zeros((5, 2)), np.full((5, 2), np.nan), np.full((5, 2), np.inf)])
def test_landmarks_that_are_none_are_refused(bad: np.ndarray) -> None:
    with pytest.raises(ShapeError, match="landmarks"):
        align.crop(made.picture(), bad, align.FER, (48, 48))


def test_empty_box_is_refused() -> None:
    with pytest.raises(ShapeError, match="area"):
        align.level(made.picture(), np.array([10.0, 10, 10, 10]), made.points(320, 180, 100), 48)


def test_smaller_crop_shows_every_landmark_in_its_place() -> None:
    crop = align.crop(dots(CORNERS * 4, (256, 256), radius=9), CORNERS * 4, CORNERS, (64, 64))
    small = align.shrunk(crop, (48, 40))
    for point in CORNERS * (40 / 64, 48 / 64):
        assert np.hypot(*(middle(small, point, 4) - point)) < 0.35


def test_smaller_crop_keeps_light_and_darkness_and_goes_beyond_neither() -> None:
    face = np.random.default_rng(3).integers(0, 2, (64, 64, 3)).astype(np.uint8) * 255
    small = align.shrunk(face, (48, 48))
    assert small.min() == 0 and small.max() == 255 and abs(small.mean() - face.mean()) < 2
    assert np.array_equal(align.shrunk(face, (64, 64)), face)
    assert np.array_equal(align.shrunk(np.full((64, 64, 3), 200, np.uint8), (30, 20)), np.full((30, 20, 3), 200))


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 7, 8, 16, 300])
def test_mean_of_a_square_lies_in_its_middle(n: int) -> None:
    """Of a ramp: all of its columns are looked at, and rows as far above the middle as below, to half a pixel."""
    ramp = (np.arange(2 * n) * (255 / (2 * n))).astype(np.uint8)
    across = np.repeat(np.tile(ramp, (2 * n, 1))[..., None], 3, axis=2)
    step = 255 / (2 * n)
    wanted = ramp.astype(float).reshape(2, n).mean(axis=1)
    assert np.abs(align.folded(across, n)[:, :, 0] - wanted).max() < 1e-3
    assert np.abs(align.folded(np.ascontiguousarray(across.transpose(1, 0, 2)), n)[:, :, 0].T - wanted).max() <= 0.5 * step + 1


@pytest.mark.parametrize("n", [2, 4, 5, 6, 7, 8, 9, 12, 16])
def test_stripes_of_one_row_are_grey_from_afar(n: int) -> None:
    stripes = np.zeros((2 * n, 2 * n, 3), np.uint8)
    stripes[::2] = 254
    assert np.abs(align.folded(stripes, n) - 127).max() <= 254 / n * (n % 2) / 2 + 1e-3


def test_pixels_are_left_out_in_two_measures() -> None:
    frame = np.random.default_rng(4).integers(0, 256, (11, 14, 3)).astype(np.uint8)
    assert np.array_equal(align.thinned(frame, 2, 3), frame[::2, ::3]) and np.array_equal(align.thinned(frame, 3), frame[::3, ::3])
    assert np.array_equal(align.thinned(frame[:, ::-1], 2, 3), frame[:, ::-1][::2, ::3])
