"""Mouths that move: a talking mouth moves more than the rest of the face, a turning head does not."""

import faces_made as made
import numpy as np

from attune.face.detect import detect
from attune.face.mouth import Motion, Mouths
from attune.face.quality import aligned

FPS = 3


def motion(draw, n=12):
    mouths = Mouths()
    for i in range(n):
        frame = draw(i)
        found = detect(frame)
        mouths.push(i / FPS, np.arange(len(found.box)), np.array([aligned(frame, p) for p in found.landmarks]).reshape(-1, 64, 64, 3))
    return mouths.motion


def test_a_talking_mouth_moves_and_a_still_or_moving_face_rests():
    talks = motion(lambda i: made.draw(made.picture(seed=i), 200, 160, 110, smile=(-0.8, 0.9, 0.1)[i % 3]))
    rests = motion(lambda i: made.draw(made.picture(seed=i), 200, 160, 110))
    moves = motion(lambda i: made.draw(made.picture(seed=i), 180 + 9 * i, 160, 110, roll=3 * (i % 4)))
    assert np.median(talks.moved) > 1.3 > 1.15 > np.median(rests.moved)
    assert np.median(talks.moved) > np.median(moves.moved) + 0.2


def test_a_face_that_was_away_says_nothing_when_it_comes_back():
    mouths, face = Mouths(), np.random.default_rng(0).integers(0, 255, (1, 64, 64, 3)).astype(np.uint8)
    for time in (0.0, 0.3, 2.0, 2.3):
        mouths.push(time, np.array([4]), face)
    assert mouths.motion.time.tolist() == [0.3, 2.3] and set(mouths.motion.track.tolist()) == {4}
    assert len(Mouths().motion.time) == len(Motion().moved) == 0
