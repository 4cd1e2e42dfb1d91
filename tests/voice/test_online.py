"""Voices told apart as they come: near ones are one, far ones are new, names of the book come once, and nothing is taken back."""

import numpy as np
import pytest

from attune.voice import online
from attune.voice.online import Voices

SR = 16_000


@pytest.fixture(autouse=True)
def by_level(monkeypatch):
    """The level, in tenths, is the voice; between two tenths it is like both."""
    def voiceprints(waves, noise):
        out = np.zeros((len(waves), 256), np.float32)
        for row, wave in zip(out, waves, strict=True):
            level = 10 * float(np.abs(wave).max())
            low = int(level)
            row[low], row[low + 1] = 1 - (level - low), level - low
            row /= np.linalg.norm(row)
        return out

    monkeypatch.setattr(online, "voiceprints", voiceprints)


def voice(level, seconds=2.0):
    return np.full(round(seconds * SR), level / 10, np.float32)


def test_who_comes_back_keeps_the_name():
    voices = Voices()
    assert [voices.utterance(voice(level)) for level in (1, 5, 1.2, 5, 8)] == ["speaker 1", "speaker 2", "speaker 1", "speaker 2", "speaker 3"]
    assert voices.names == ["speaker 1", "speaker 2", "speaker 3"]


def test_no_more_voices_than_were_asked_for():
    voices = Voices("2")
    assert {voices.utterance(voice(level)) for level in (1, 5, 8, 3)} == {"speaker 1", "speaker 2"}


def test_a_word_is_nobody_new():
    voices = Voices()
    assert voices.utterance(voice(1, 0.05)) == "" and voices.names == []
    assert voices.utterance(voice(5, 0.5)) == ""                     # nobody spoke before, and it is too short for a voice of its own
    assert voices.utterance(voice(1)) == "speaker 1"
    assert voices.utterance(voice(7, 0.5)) == "speaker 1" and voices.names == ["speaker 1"]


def test_known_voices_come_by_their_names_once():
    book = {"Ada": np.eye(256)[1], "speaker 1": np.eye(256)[9]}
    voices = Voices("auto", book)
    assert [voices.utterance(voice(level)) for level in (5, 1, 1.1, 7)] == ["speaker 2", "Ada", "Ada", "speaker 3"]


def test_two_in_one_utterance_are_the_one_who_speaks_longer():
    voices = Voices()
    voices.utterance(voice(1))
    voices.utterance(voice(5))
    assert voices.utterance(np.concatenate([voice(1, 1.6), voice(5, 6.4)])) == "speaker 2"


def test_an_utterance_that_isnt_over_teaches_nothing():
    voices = Voices()
    assert voices.going(voice(1)) == "" and voices.names == []
    voices.utterance(voice(1))
    before = voices._heard["speaker 1"].copy()
    assert voices.going(voice(1.1)) == "speaker 1" and voices.going(voice(5)) == "" and voices.going(voice(1, 0.05)) == ""
    assert (voices._heard["speaker 1"] == before).all()
