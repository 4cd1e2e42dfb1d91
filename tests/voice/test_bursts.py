"""Finding bursts in a recording, with a judge that goes by pitch alone."""

import numpy as np

from attune.voice.bursts import GAP, LONGEST, SHORTEST, find, stretches

RATE = 16_000


def tone(seconds: float, hz: float) -> np.ndarray:
    return (0.1 * np.sin(2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def still(seconds: float) -> np.ndarray:
    return (1e-4 * np.random.default_rng(0).normal(size=round(seconds * RATE))).astype(np.float32)


class High:
    """Whatever is higher than 500 Hz is a burst of the second of three states."""

    def burst(self, inputs):
        return np.array([float((np.diff(np.sign(x)) != 0).mean() * RATE / 2 > 500) for x in inputs], np.float32)

    def __call__(self, inputs):
        return np.tile(np.array([0, 1, 0], np.float32), (len(inputs), 1))


def test_stretches_are_where_the_sound_is() -> None:
    found = stretches(np.concatenate([still(1), tone(0.8, 200), still(1), tone(0.5, 200), still(1)]))
    assert len(found) == 2
    assert np.allclose(found, [(1.0, 1.8), (2.8, 3.3)], atol=0.06)


def test_gain_changes_no_stretch() -> None:
    x = np.concatenate([still(1), tone(0.8, 200), still(1)])
    assert stretches(x) == stretches(x * np.float32(0.01))


def test_a_short_pause_parts_nothing_and_a_click_is_none() -> None:
    assert len(stretches(np.concatenate([still(1), tone(0.5, 200), still(GAP / 2), tone(0.5, 200), still(1)]))) == 1
    assert stretches(np.concatenate([still(1), tone(0.02, 200), still(1)])) == []


def test_long_sound_is_judged_in_parts() -> None:
    found = stretches(np.concatenate([still(1), tone(6.0, 200), still(1)]))
    assert len(found) == 3
    assert all(SHORTEST <= end - start <= LONGEST for start, end in found)


def test_bursts_are_found_among_other_sound_and_neighbours_are_joined() -> None:
    x = np.concatenate([still(1), tone(1.0, 200), still(0.5), tone(4.0, 900), still(0.5), tone(1.0, 200), still(1)])
    (one,) = find(x, High())
    assert abs(one.start - 2.5) < 0.06
    assert abs(one.end - 6.5) < 0.06
    assert one.values.tolist() == [0, 1, 0]


def test_silence_and_nothing_hold_no_burst() -> None:
    assert find(np.zeros(RATE, np.float32), High()) == []
    assert find(np.zeros(0, np.float32), High()) == []
