"""Identities of drawn people whose whereabouts are known; boxes are given, so nothing depends on the detector."""

from __future__ import annotations

from typing import Any

import faces_made as made
import numpy as np

from attune.face import quality
from attune.face.track import MEMORY, Tracker, assign, likeness, shot_of

FPS = 3
ADA: dict[str, Any] = {"skin": (224, 176, 150), "hair": (60, 40, 30), "shirt": (70, 90, 150)}
BEN: dict[str, Any] = {"skin": (120, 80, 60), "hair": (20, 20, 20), "shirt": (190, 60, 60)}
CAL: dict[str, Any] = {"skin": (240, 200, 180), "hair": (200, 170, 90), "shirt": (60, 130, 80)}
STUDIO, KITCHEN = made.picture(), made.picture(colour=(60, 90, 140), seed=1)

People = list[tuple[dict[str, Any], float, float, float]]      # who, x, y, size


def see(tracker: Tracker, time: float, people: People, *, wall: np.ndarray = STUDIO, hidden: tuple[int, ...] = ()) -> list[int]:
    """Draw people, hide some, and ask the tracker who they are."""
    frame = wall
    for i, (who, x, y, size) in enumerate(people):
        if i not in hidden:
            frame = made.draw(frame, x, y, size, **who)
    seen = [p for i, p in enumerate(people) if i not in hidden]
    boxes = np.array([made.box(x, y, size) for _, x, y, size in seen]).reshape(-1, 4)
    faces = np.array([quality.aligned(frame, made.points(x, y, size)) for _, x, y, size in seen])
    return [int(n) for n in tracker.update(time, frame, boxes, faces)]


def test_face_that_moves_is_one_track() -> None:
    tracker = Tracker()
    assert [see(tracker, t / FPS, [(ADA, 150 + 40 * t, 170, 100)]) for t in range(8)] == [[0]] * 8


def test_two_people_stay_two() -> None:
    tracker = Tracker()
    rng = np.random.default_rng(0)
    for t in range(15):
        (ax, ay), (bx, by) = rng.normal(0, 15, (2, 2))
        assert see(tracker, t / FPS, [(ADA, 180 + ax, 170 + ay, 100), (BEN, 460 + bx, 170 + by, 100)]) == [0, 1]


def test_order_of_the_boxes_does_not_matter() -> None:
    tracker = Tracker()
    ada, ben = (ADA, 180.0, 170.0, 100.0), (BEN, 460.0, 170.0, 100.0)
    assert see(tracker, 0, [ada, ben]) == [0, 1]
    assert see(tracker, 1 / FPS, [ben, ada]) == [1, 0]


def test_face_hidden_for_a_second_is_the_same_one() -> None:
    tracker = Tracker(patience=1.5)
    for t in range(10):
        hidden = (0,) if 3 <= t < 6 else ()
        assert see(tracker, t / FPS, [(ADA, 200, 170, 100), (BEN, 450, 170, 100)], hidden=hidden) == ([1] if hidden else [0, 1])


def test_two_people_who_cross_keep_their_identities() -> None:
    tracker = Tracker()
    for t in range(13):
        x = 120 + t * 33.0
        hidden = (1,) if abs(x - (640 - x)) < 90 else ()           # the one behind can't be seen
        people: People = [(BEN, 640 - x, 170, 100), (ADA, x, 170, 100)]
        frame = [(ADA, x, 170.0, 100.0), (BEN, 640 - x, 170.0, 100.0)] if not hidden else [people[0]]
        expected = [0, 1] if not hidden else [1]
        assert see(tracker, t / FPS, frame) == expected, t


def test_cut_there_and_back_gives_the_first_person_back() -> None:
    tracker = Tracker()
    for t in range(4):
        assert see(tracker, t / FPS, [(ADA, 200, 170, 110)]) == [0]
    for t in range(4, 16):
        assert see(tracker, t / FPS, [(BEN, 420, 180, 120)], wall=KITCHEN) == [1]
    for t in range(16, 20):
        assert see(tracker, t / FPS, [(ADA, 215, 175, 108)]) == [0]
    for t in range(20, 24):
        assert see(tracker, t / FPS, [(BEN, 410, 180, 120)], wall=KITCHEN) == [1]
    assert tracker.people == [0, 1]


def test_other_person_in_the_same_framing_after_a_cut_is_another() -> None:
    tracker = Tracker()
    for t, (who, wall, number) in enumerate([(ADA, STUDIO, 0), (BEN, KITCHEN, 1), (CAL, STUDIO, 2), (ADA, STUDIO, 0), (CAL, KITCHEN, 3)]):
        for k in range(3):
            assert see(tracker, t + k / FPS, [(who, 300, 170, 110)], wall=wall) == [number], t


def test_other_person_in_the_same_place_without_a_cut_is_another() -> None:
    tracker = Tracker()
    see(tracker, 0, [(ADA, 300, 170, 110)])
    assert see(tracker, 1 / FPS, [(BEN, 300, 170, 110)]) == [1]


def test_face_that_jumps_across_the_picture_is_another() -> None:
    tracker = Tracker()
    see(tracker, 0, [(ADA, 100, 170, 60)])
    assert see(tracker, 1 / FPS, [(ADA, 540, 170, 60)]) == [1]


def test_face_that_comes_back_long_after_the_patience_in_the_same_framing_is_the_same() -> None:
    tracker = Tracker(patience=1)
    see(tracker, 0, [(ADA, 300, 170, 110)])
    for t in range(1, 30):
        see(tracker, t / FPS, [])
    assert see(tracker, 10, [(ADA, 310, 172, 108)]) == [0]


def test_those_in_the_first_picture_are_people_and_others_when_seen_twice() -> None:
    tracker = Tracker()
    see(tracker, 0, [(ADA, 200, 170, 100)])
    assert tracker.people == [0]
    see(tracker, 1 / FPS, [(ADA, 205, 170, 100), (BEN, 450, 170, 100)])
    assert tracker.people == [0]
    see(tracker, 2 / FPS, [(ADA, 205, 170, 100), (BEN, 450, 170, 100)])
    assert tracker.people == [0, 1]


def test_person_hidden_beyond_the_patience_is_known_again_elsewhere_in_the_same_shot() -> None:
    tracker = Tracker(patience=1)
    see(tracker, 0, [(ADA, 150, 170, 100)])
    for t in range(1, 8):
        see(tracker, t / FPS, [])
    assert see(tracker, 8 / FPS, [(BEN, 400, 170, 100)]) == [1]
    assert see(tracker, 9 / FPS, [(BEN, 410, 170, 100), (ADA, 190, 170, 100)]) == [1, 0]


def test_memory_of_lost_tracks_is_bounded() -> None:
    tracker = Tracker(patience=0)
    for t in range(2 * MEMORY):
        see(tracker, t * 2.0, [(ADA, 60 + (t * 173) % 500, 80 + (t * 97) % 200, 24 + (t * 31) % 30)])
    assert len(tracker.tracks) <= MEMORY + 1


def test_no_number_is_given_twice_in_a_picture() -> None:
    tracker = Tracker()
    rng = np.random.default_rng(4)
    for t in range(12):
        people: People = [([ADA, BEN, CAL][k % 3], *rng.uniform((80, 90), (560, 260)), float(rng.uniform(30, 90))) for k in range(5)]
        numbers = see(tracker, t / FPS, people)
        assert len(set(numbers)) == 5 and min(numbers) >= 0


def test_assignment_prefers_the_cheapest_sum_and_leaves_out_what_cannot_be() -> None:
    assert assign(np.array([[1.0, 2.0], [1.1, 9.0]])) == [(0, 1), (1, 0)]
    assert assign(np.array([[np.inf, np.inf], [0.5, np.inf]])) == [(1, 0)]
    assert assign(np.zeros((0, 3))) == [] and assign(np.zeros((2, 0))) == []


def test_assignment_is_as_good_as_trying_everything() -> None:
    from itertools import permutations

    rng = np.random.default_rng(0)
    worse = 0.0
    for _ in range(50):
        costs = rng.uniform(0, 1, (4, 4))
        best = min(sum(costs[i, p[i]] for i in range(4)) for p in permutations(range(4)))
        worse = max(worse, sum(costs[pair] for pair in assign(costs)) - best)
    assert worse < 0.35                       # swapping pairs can end in a second best, never far off


def test_framing_is_like_itself_and_unlike_another() -> None:
    a = shot_of(STUDIO)
    assert likeness(a, a) == 1 and likeness(a, shot_of(KITCHEN)) < 0.1
    assert likeness(a, shot_of(made.draw(STUDIO, 300, 170, 100))) > 0.6


def test_smallest_pictures_can_be_reduced() -> None:
    for shape in ((1, 1), (1, 500), (500, 1), (10, 17)):
        assert np.isfinite(shot_of(np.full((*shape, 3), 9, np.uint8))).all()
