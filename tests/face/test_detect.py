"""The detector on drawn faces. Landmarks and boxes are known because we drew them."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import faces_made as made
import numpy as np
import pytest

from attune.errors import ShapeError
from attune.face import detect as module
from attune.face.detect import NOBODY, detect, joined


def turned(frame: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(frame[:, ::-1])


def test_drawn_face_is_found_where_it_was_drawn() -> None:
    found = detect(made.draw(made.picture(), 320, 150, 120))
    assert len(found.score) == 1 and found.score[0] >= 0.9
    assert np.abs(found.landmarks[0] - made.points(320, 150, 120)).max() < 0.06 * 120
    assert np.abs(found.box[0] - made.box(320, 150, 120)).max() < 0.2 * 120


@pytest.mark.parametrize("size", [36, 60, 120, 200])
def test_faces_from_the_smallest_usable_size_on_are_found(size: int) -> None:
    found = detect(made.draw(made.picture(), 300, 160, size, roll=6))
    assert len(found.score) == 1
    assert np.abs(found.landmarks[0] - made.points(300, 160, size, 6)).max() < 0.08 * size


@pytest.mark.parametrize("roll", [-25, -10, 10, 25])
def test_tilted_face_keeps_its_landmarks(roll: int) -> None:
    found = detect(made.draw(made.picture(), 320, 160, 120, roll=roll))
    assert len(found.score) == 1
    assert np.abs(found.landmarks[0] - made.points(320, 160, 120, roll)).max() < 0.08 * 120


def test_several_faces_come_from_left_to_right() -> None:
    frame = made.draw(made.picture(), 140, 170, 90, roll=8)
    frame = made.draw(frame, 480, 150, 110, skin=(120, 80, 60), hair=(20, 20, 20), shirt=(200, 60, 60))
    found = detect(frame)
    assert len(found.score) == 2
    assert found.box[0, 0] < 140 < found.box[0, 2] < found.box[1, 0] < 480 < found.box[1, 2]


def test_mirrored_picture_gives_a_mirrored_face() -> None:
    frame = made.draw(made.picture(), 250, 160, 120, roll=12)
    a, b = detect(frame), detect(turned(frame))
    assert len(a.score) == len(b.score) == 1
    swapped = b.landmarks[0][[1, 0, 2, 4, 3]] * (-1, 1) + (640, 0)
    assert np.abs(a.landmarks[0] - swapped).max() < 5


@pytest.mark.parametrize("light", [0.3, 0.1])
def test_face_in_the_dark_is_found(light: float) -> None:
    frame = made.draw(made.picture(), 320, 160, 140, roll=10)
    found = detect((frame * light).astype(np.uint8))
    assert len(found.score) == 1
    assert np.abs(found.landmarks[0] - made.points(320, 160, 140, 10)).max() < 0.08 * 140


def test_picture_without_a_face_has_none() -> None:
    rng = np.random.default_rng(3)
    for frame in (made.picture(), np.zeros((360, 640, 3), np.uint8), np.full((360, 640, 3), 255, np.uint8), rng.integers(0, 256, (240, 320, 3)).astype(np.uint8)):
        assert len(detect(frame).score) == 0


@pytest.mark.parametrize("shape", [(1, 1), (10, 10_000), (10_000, 10), (2, 500), (40, 40), (57, 3001)])
def test_tiny_and_extreme_shapes_hold_no_face_and_do_no_harm(shape: tuple[int, int]) -> None:
    found = detect(np.full((*shape, 3), 90, np.uint8))
    assert found.box.shape == (0, 4) and found.landmarks.shape == (0, 5, 2) and found.score.shape == (0,)


def test_face_cut_by_the_border_does_no_harm() -> None:
    whole = made.draw(made.picture(), 320, 160, 140)
    for part in (whole[:, 300:], whole[120:], whole[:190], whole[:, :340]):
        found = detect(np.ascontiguousarray(part), score=0.8)
        assert np.isfinite(found.box).all() and np.isfinite(found.landmarks).all()


def test_view_of_a_larger_array_gives_the_same_as_its_copy() -> None:
    frame = made.draw(made.picture(), 320, 150, 120)
    view = np.concatenate([frame, frame], axis=1)[:, 640:]
    assert all(np.array_equal(a, b) for a, b in zip(detect(view), detect(frame), strict=True))


def test_same_picture_gives_the_same_numbers() -> None:
    frame = made.draw(made.picture(), 320, 150, 120)
    first = detect(frame)
    detect(made.draw(made.picture(seed=5), 100, 120, 80))
    assert all(np.array_equal(a, b) for a, b in zip(first, detect(frame), strict=True))


def test_larger_minimum_leaves_small_faces_out() -> None:
    frame = made.draw(made.picture(), 320, 150, 50)
    assert len(detect(frame).score) == 1
    assert len(detect(frame, min_face=120).score) == 0


def test_only_the_part_that_is_asked_for_is_searched() -> None:
    frame = made.draw(made.draw(made.picture(), 150, 150, 80), 470, 150, 80, skin=(120, 80, 60))
    left, right = np.array([0, 30, 320, 360]), np.array([320, 0, 640, 360])
    whole = detect(frame)
    for part, i in ((left, 0), (right, 1)):
        found = detect(frame, within=part)
        assert len(found.score) == 1
        np.testing.assert_allclose(found.landmarks[0], whole.landmarks[i], atol=4)
    assert len(detect(frame, within=np.array([310, 0, 330, 360])).score) == len(detect(frame, within=np.array([5, 5, 9, 9])).score) == 0


def test_faces_are_joined_from_left_to_right_and_none_comes_twice() -> None:
    frame = made.draw(made.draw(made.picture(), 150, 150, 80), 470, 150, 80, skin=(120, 80, 60))
    whole = detect(frame)
    assert [len(part) for part in joined(whole, whole)] == [2] * 4
    right, left = (detect(frame, within=np.array(part)) for part in ([320, 0, 640, 360], [0, 0, 320, 360]))
    for known, others in ((right, left), (left, right), (whole, left), (NOBODY, whole), (whole, NOBODY)):
        np.testing.assert_allclose(joined(known, others).landmarks, whole.landmarks, atol=4)


@pytest.mark.parametrize("frame", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)])
def test_what_is_no_picture_is_refused(frame: np.ndarray) -> None:
    with pytest.raises(ShapeError, match="expected \\(h, w, 3\\) uint8"):
        detect(frame)


def test_networks_agree_with_a_plain_reading_of_the_arrays() -> None:
    """P-Net by loops over its layers, from the package's own arrays: convolution, PReLU, 2 x 2 pooling, softmax."""
    from attune import weights

    arrays = module._arrays(weights.carried("mtcnn", "assets/weights/pnet.lz4", install=""))
    picture = np.random.default_rng(0).integers(0, 256, (17, 15, 3)).astype(np.uint8)

    def convolve(x: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
        k = kernel.shape[0]
        windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(0, 1))
        return np.einsum("yxcij,ijco->yxo", windows, kernel) + bias

    def prelu(x: np.ndarray, slope: np.ndarray) -> np.ndarray:
        return np.where(x > 0, x, x * slope)

    x = (picture.astype(np.float64) - 127.5) / 128
    x = prelu(convolve(x, *arrays[0:2]), arrays[2])
    x = np.pad(x, ((0, x.shape[0] % 2), (0, x.shape[1] % 2), (0, 0)), constant_values=-np.inf)
    x = x.reshape(x.shape[0] // 2, 2, x.shape[1] // 2, 2, -1).max(axis=(1, 3))
    x = prelu(convolve(x, *arrays[3:5]), arrays[5])
    x = prelu(convolve(x, *arrays[6:8]), arrays[8])
    shift, chance = convolve(x, *arrays[9:11]), np.exp(convolve(x, *arrays[11:13]))
    chance /= chance.sum(axis=-1, keepdims=True)
    ours = module._run("pnet", module._planes(picture.transpose(2, 0, 1), 1.0)[None])
    assert np.allclose(ours[0, :4], shift.transpose(2, 0, 1), atol=1e-5)
    assert np.allclose(module._chance(ours[0, 4]), chance[..., 1], atol=1e-5)


def test_overlapping_boxes_are_left_out_as_one_by_one() -> None:
    """More boxes than are compared at once, beside the plain rule: the best stays, what overlaps a better one that stayed goes."""
    rng = np.random.default_rng(1)
    corner = rng.uniform(0, 300, (350, 2))
    rows = np.column_stack([corner, corner + rng.uniform(5, 80, (350, 2)), rng.uniform(0.8, 1, 350)])

    def overlap(a: np.ndarray, b: np.ndarray) -> float:
        shared = np.prod(np.clip(np.minimum(a[2:4], b[2:4]) - np.maximum(a[:2], b[:2]), 0, None))
        return float(shared / (np.prod(a[2:4] - a[:2]) + np.prod(b[2:4] - b[:2]) - shared))

    kept: list[int] = []
    for i in np.argsort(-rows[:, 4]).tolist():
        if all(overlap(rows[i], rows[j]) <= 0.5 for j in kept):
            kept.append(i)
    assert module._suppress(rows, 0.5).tolist() == kept
    assert module._suppress(rows[:0], 0.5).tolist() == []


@pytest.mark.parametrize("n", [1, 2, 3, 16])
def test_folded_picture_holds_means(n: int) -> None:
    frame = np.random.default_rng(n).integers(0, 256, (50, 67, 3)).astype(np.uint8)
    frame[: 2 * n, : 2 * n] = 255
    height, width = 50 // n, 67 // n
    means = frame[: height * n, : width * n].reshape(height, n, width, n, 3).mean(axis=(1, 3)).transpose(2, 0, 1)
    folded = module._folded(frame, n)
    assert folded.shape == (3, height, width)
    assert np.abs(folded - means).max() <= 0.5


@pytest.mark.parametrize("box", [(3.3, 4.2, 60.1, 61.0), (-5.0, -3.0, 50.0, 52.0), (20.0, 30.0, 90.0, 100.0), (-2.5, 10.0, 20.0, 32.5)])
def test_one_view_by_matrices_is_that_which_the_networks_were_given(box: tuple[float, ...]) -> None:
    planes = np.random.default_rng(0).normal(size=(3, 75, 70)).astype(np.float32)
    picture = module.Picture(planes, np.ones(2), np.zeros(2))
    assert np.allclose(module._view(picture, np.array(box)), module._cut("onet", planes, np.array([box]))[0], atol=1e-4)


def test_further_looks_that_are_known_are_not_repeated() -> None:
    box, said = np.array([[10.0, 10.0, 60.0, 60.0]]), np.zeros((1, 15), np.float32)
    said[0, -1] = module._odds(0.96)
    found = module._judged(np.zeros((90, 90, 3), np.uint8), said, box, 1.0, 0.9, np.array([0.93]))
    assert np.allclose(found.score, (0.96 + 2 * 0.93) / 3) and found.looks.tolist() == [0.93]
    assert len(module._judged(np.zeros((90, 90, 3), np.uint8), said, box, 1.0, 0.9, np.array([1.0])).score) == 0      # not known: a black picture is no face


BUILD = "from attune.face.detect import detect; import numpy as np; print(len(detect(np.zeros((90, 90, 3), np.uint8)).score))"


def test_several_processes_may_build_the_networks_at_once(tmp_path: Path) -> None:
    environment = {**os.environ, "ATTUNE_CACHE": str(tmp_path / "new" / "cache")}
    runs = [subprocess.Popen([sys.executable, "-c", BUILD], env=environment, stdout=subprocess.PIPE) for _ in range(3)]
    assert [run.communicate()[0].strip() for run in runs] == [b"0"] * 3
    assert sorted(p.suffix for p in (tmp_path / "new" / "cache").iterdir()) == [".onnx"] * len(list((tmp_path / "new" / "cache").iterdir()))


def test_cache_that_cannot_be_written_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    done = subprocess.run([sys.executable, "-c", BUILD], env={**os.environ, "ATTUNE_CACHE": str(tmp_path / "file")}, capture_output=True, check=False)
    assert done.stdout.strip() == b"0", done.stderr.decode()


def _scores(frame: np.ndarray) -> list[float]:
    return [float(s) for s in detect(frame).score]


def test_another_process_gives_the_same_numbers() -> None:
    frame = made.draw(made.picture(), 320, 150, 120)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply(_scores, (frame,)) == _scores(frame)
