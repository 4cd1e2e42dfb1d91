"""A microphone as turns: what is said between two silences is one, however the sound is cut."""

from pathlib import Path

import numpy as np
import pytest

from attune.agent import microphone
from attune.errors import MediaError
from attune.media import Media

SAMPLE = Path(__file__).parents[2] / "samples" / "hello.mp4"
RATE = 16_000


@pytest.fixture(scope="module")
def sound():
    """Two sentences of the sample with two seconds of silence behind each."""
    spoken = np.concatenate(list(Media.open(SAMPLE).blocks(RATE)))
    quiet = np.zeros(2 * RATE, np.float32)
    return np.concatenate([quiet, spoken[round(3.2 * RATE) : round(5.5 * RATE)], quiet, spoken[round(8.6 * RATE) : round(11.2 * RATE)], quiet])


@pytest.mark.parametrize("size", [512, 4_000, 48_000])
def test_every_turn_comes_once_with_its_sound(sound, size):
    listening = microphone.Turns()
    heard = [t for i in range(0, len(sound), size) for t in listening.push(sound[i : i + size])] + listening.close()
    assert len(heard) == 2
    for turn, (start, end) in zip(heard, [(2.0, 4.3), (6.3, 8.9)], strict=True):
        assert abs(turn.start - start) < 0.4 and abs(turn.end - end) < 0.5
        assert turn.media.duration == pytest.approx(turn.end - turn.start + 2 * microphone.AROUND, abs=0.05)


def test_it_knows_while_somebody_speaks(sound):
    listening = microphone.Turns()
    listening.push(sound[: 3 * RATE])
    assert listening.speaking
    listening.push(sound[3 * RATE : 6 * RATE])
    assert not listening.speaking


def test_only_the_last_minute_is_kept():
    listening = microphone.Turns()
    for _ in range(70):
        listening.push(np.zeros(RATE, np.float32))
    assert len(listening._kept) == microphone.LONGEST * RATE


def test_a_microphone_that_is_not_there_says_so():
    with pytest.raises(MediaError, match=r"no microphone|can't be opened"):
        next(microphone.device("no such device"))
