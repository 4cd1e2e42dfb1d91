"""Quality falls with what spoils a face, one thing at a time."""

from __future__ import annotations

from itertools import pairwise

import faces_made as made
import numpy as np

from attune.face import quality

BOX = np.array([0.0, 0.0, 100.0, 125.0])
FRONT = np.zeros(3)


def blurred(frame: np.ndarray, times: int) -> np.ndarray:
    out = frame.astype(np.float64)
    for _ in range(times):
        for axis in (0, 1):
            out = (np.roll(out, 1, axis) + 2 * out + np.roll(out, -1, axis)) / 4
    return out.astype(np.uint8)


def test_sharpness_falls_with_blur_and_stays_within_bounds() -> None:
    frame, landmarks = made.draw(made.picture(), 320, 180, 100), made.points(320, 180, 100)
    values = [quality.sharpness(quality.aligned(blurred(frame, n), landmarks)) for n in (0, 4, 16, 64)]
    assert all(a > b for a, b in pairwise(values))
    assert 0 < values[-1] < values[0] < 1


def test_sharpness_does_not_depend_on_the_light() -> None:
    face = quality.aligned(made.draw(made.picture(), 320, 180, 100), made.points(320, 180, 100))
    dim = (face * 0.5 + 20).astype(np.uint8)
    assert abs(quality.sharpness(face) - quality.sharpness(dim)) < 0.02


def test_face_of_one_colour_has_no_sharpness() -> None:
    assert quality.sharpness(np.full((64, 64, 3), 77, np.uint8)) == 0


def test_pose_of_a_frontal_face_is_about_zero() -> None:
    assert np.abs(quality.pose(quality.FRAMING)[:2]).max() < 5


def test_yaw_follows_the_nose_and_turns_with_the_mirror() -> None:
    points = quality.FRAMING.copy()
    points[2, 0] += 6
    yaw = quality.pose(points)[0]
    mirrored = points[[1, 0, 2, 4, 3]] * (-1, 1) + (64, 0)
    assert yaw > 10 and abs(quality.pose(mirrored)[0] + yaw) < 1e-6


def test_pitch_is_positive_when_the_nose_points_down() -> None:
    points = quality.FRAMING.copy()
    points[2, 1] += 4
    assert quality.pose(points)[1] > quality.pose(quality.FRAMING)[1] + 5


def test_yaw_and_pitch_do_not_depend_on_roll_size_and_place() -> None:
    z = quality.FRAMING @ (1, 1j) * 2.5 * np.exp(1j * np.radians(35)) + complex(100, 40)
    there, here = quality.pose(np.stack([z.real, z.imag], axis=1)), quality.pose(quality.FRAMING)
    assert np.allclose(there[:2], here[:2]) and abs(there[2] - here[2] - 35) < 1e-9


def test_pose_of_a_face_seen_exactly_from_the_side_is_finite() -> None:
    points = np.array([(30, 20), (30, 20), (45, 30), (32, 40), (32, 40)], float)
    assert np.isfinite(quality.pose(points)).all()


def test_each_part_alone_can_spoil_the_quality() -> None:
    good = quality.quality(BOX, 1.0, FRONT, 0.9)
    assert 0.9 < good <= 1
    assert quality.quality(BOX / 8, 1.0, FRONT, 0.9) == 0
    assert quality.quality(BOX, 0.8, FRONT, 0.9) == 0
    assert quality.quality(BOX, 1.0, np.array([80.0, 0, 0]), 0.9) == 0
    assert quality.quality(BOX, 1.0, FRONT, 0.0) == 0
    assert 0 < quality.quality(BOX * 0.36, 1.0, FRONT, 0.9) < good


def test_roll_alone_spoils_nothing() -> None:
    assert quality.quality(BOX, 1.0, np.array([0, 0, 40.0]), 0.9) == quality.quality(BOX, 1.0, FRONT, 0.9)
