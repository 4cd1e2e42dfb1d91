"""Pictures are searched when they may hold somebody new; in between known faces are followed, and nobody is lost by it."""

from __future__ import annotations

import faces_made as made
import numpy as np
import pytest

from attune.face import detect
from attune.face.search import Search
from attune.face.track import shot_of

BEN = {"skin": (120, 80, 60), "hair": (20, 20, 20), "shirt": (200, 60, 60)}
FPS = 3


def found(frames, every=2.0):
    search = Search(every=every)
    return search, [search.find(i / FPS, frame, shot_of(frame)) for i, frame in enumerate(frames)]


def still(n, x=lambda i: 200.0):
    return [made.draw(made.picture(seed=i), x(i), 160, 100) for i in range(n)]


def lit(frames, step):
    """As if a lamp beside the face grew brighter, a little each picture."""
    for i, frame in enumerate(frames):
        frame[20:60, 560:600] = np.minimum(frame[20:60, 560:600].astype(int) + step * i, 255)
    return frames


@pytest.fixture
def parts(monkeypatch):
    """What is searched, one after the other: a part (xyxy), or None for a whole picture."""
    asked = []

    def detected(frame, *, real=detect.detect, **how):
        asked.append(None if how.get("within") is None else how["within"].tolist())
        return real(frame, **how)

    monkeypatch.setattr(detect, "detect", detected)
    return asked


def test_where_a_picture_changes_a_little_that_part_is_searched_every_two_seconds(parts):
    _, seen = found(lit(still(22, lambda i: 200 + 2 * i), 3))
    assert parts == [None, *[[480, 0, 640, 160]] * 2, None] and [len(f.box) for f in seen] == [1] * 22


def test_a_picture_that_does_not_change_but_for_the_people_in_it_is_searched_every_six_seconds():
    frames = [made.draw(made.picture(), 200, 160, 100) for _ in range(37)]
    for i, frame in enumerate(frames):
        frame[280:, 140:260] = (40, 160, 40 + 100 * (i % 2))            # gestures, below the face
    search, seen = found(frames)
    assert search.searched == 3 and [len(f.box) for f in seen] == [1] * 37


def test_somebody_small_beside_a_known_face_is_found_within_two_seconds():
    frames = still(9)
    frames[2:] = [made.draw(f, 480, 200, 45, **BEN) for f in frames[2:]]
    _, seen = found(frames)
    assert [len(f.box) for f in seen[:2]] == [1, 1] and len(seen[-1].box) == 2


def test_with_nought_every_picture_is_searched():
    frames = still(4)
    search, seen = found(frames, every=0)
    assert search.searched == 4
    for frame, said in zip(frames, seen, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(said, detect.detect(frame), strict=True))


def test_who_is_followed_is_seen_where_a_search_sees_them():
    frames = still(6, lambda i: 200 + 12 * i)
    _, followed = found(frames)
    for frame, said in zip(frames, followed, strict=True):
        searched = detect.detect(frame)
        width = searched.box[0, 2] - searched.box[0, 0]
        assert np.abs(said.landmarks - searched.landmarks).max() < 0.05 * width


def test_who_comes_in_is_found_in_the_same_picture_where_it_changed(parts):
    frames = still(5)
    frames[3:] = [made.draw(f, 480, 165, 100, **BEN) for f in frames[3:]]
    search, seen = found(frames)
    assert [len(f.box) for f in seen] == [1, 1, 1, 2, 2] and search.searched == 1 and len(parts) == 2
    x0, y0, x1, y1 = parts[1]
    assert x0 > 250 and y0 < 100 and x1 == 640 and y1 == 360
    whole = detect.detect(frames[3])
    np.testing.assert_allclose(seen[3].landmarks, whole.landmarks, atol=2)
    np.testing.assert_allclose(seen[3].box, whole.box, atol=4)


def test_a_light_that_changes_everything_has_the_whole_picture_searched(parts):
    frames = still(3)
    frames[2:] = [np.minimum(frames[2].astype(int) + 60, 255).astype(np.uint8)]
    _, seen = found(frames)
    assert parts == [None, None] and [len(f.box) for f in seen] == [1, 1, 1]


def test_who_is_known_in_a_part_that_is_searched_stays_one_face(parts):
    frames = [made.draw(made.picture(seed=i), 260, 160, 60) for i in range(5)]
    for frame in frames[3:]:
        frame[140:175, 125:155] = frame[140:175, 375:405] = (30, 30, 90)     # something on either side
    _, seen = found(frames)
    assert parts == [None, [40, 40, 480, 280]] and [len(f.box) for f in seen] == [1] * 5
    np.testing.assert_allclose(seen[4].box, seen[2].box, atol=3)


def test_who_leaves_has_the_picture_searched():
    frames = still(3) + [made.picture(seed=9)] * 2
    search, seen = found(frames)
    assert [len(f.box) for f in seen] == [1, 1, 1, 0, 0] and search.searched >= 2


def test_a_jump_is_followed_by_a_search():
    _, seen = found(still(4, lambda i: 150 if i < 2 else 450))
    np.testing.assert_allclose([f.box[0, :3:2].mean() for f in seen], [150, 150, 450, 450], atol=20)


def test_an_empty_still_room_is_searched_rarely_and_somebody_small_is_found_within_two_seconds():
    room = [made.picture(seed=i) for i in range(3)]
    small = [made.draw(made.picture(seed=i), 300, 200, 45) for i in range(8)]
    search, seen = found(room + small)
    assert search.searched <= 5 and len(seen[-1].box) == 1 and any(len(f.box) for f in seen[3:7])


@pytest.mark.parametrize("box", [(-500, -500, -400, -400), (0, 0, 1, 1), (10, 10, 10, 10)])
def test_a_face_expected_outside_of_the_picture_is_not_seen(box):
    assert detect.again(made.picture(), np.array([box], float)) is None


def test_expecting_nobody_finds_nobody():
    assert len(detect.again(made.picture(), np.zeros((0, 4))).box) == 0
