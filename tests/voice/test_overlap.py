"""Speech of several at once: stretches from probabilities, and turns that lie over others."""

import numpy as np
import pytest

from attune.settings import Settings
from attune.types import Segment
from attune.voice import overlap, speakers
from attune.voice.speakers import SpeakerStream, joined, layered, together

SR = 16_000


def test_the_net_gives_a_probability_every_40_ms_and_doesnt_mind_the_gain():
    wave = np.random.default_rng(0).normal(0, 0.1, 2 * SR).astype(np.float32)
    p = overlap.more(wave)
    assert p.shape == (49,) and ((p >= 0) & (p <= 1)).all()
    assert np.allclose(p, overlap.more(wave / 50), atol=1e-3)
    assert overlap.more(wave[:1_000]).shape == (0,) and overlap.more(np.zeros(0, np.float32)).shape == (0,)
    assert np.isfinite(overlap.more(np.zeros(SR, np.float32))).all()


def test_two_harmonic_voices_are_more_than_one():
    """Pulses of two pitches through vowel-like resonances: far from speech, and the net still tells two from one."""
    def voice(pitch, formants, seconds=3.0):
        t = np.arange(round(seconds * SR)) / SR
        f = pitch * (1 + 0.04 * np.sin(2 * np.pi * (2 + pitch / 100) * t))
        phase = 2 * np.pi * np.cumsum(f) / SR
        lines = [sum(np.exp(-(((k * pitch - c) / 150) ** 2)) for c in formants) * np.sin(k * phase) for k in range(1, 30)]
        return (np.sum(lines, axis=0) * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * t)) * 0.05).astype(np.float32)

    noise = np.random.default_rng(0).normal(0, 3e-4, 3 * SR).astype(np.float32)
    low, high = voice(105, (500, 1500, 2500)), voice(230, (700, 1200, 2700))
    both, alone = (float(np.mean(overlap.more(w + noise))) for w in (low + high, low))
    assert both > alone


@pytest.mark.parametrize(("probability", "found"), [
    ([0.0] * 20, []),
    ([0.0] * 5 + [0.95] * 10 + [0.0] * 5, [(5, 15)]),
    ([0.0] * 5 + [0.95] * 2 + [0.0] * 13, []),                        # too short
    ([0.0] * 5 + [0.95] * 3 + [0.72] * 7 + [0.0] * 5, [(5, 15)]),     # it goes on until it is clearly over
    ([0.95] * 20, [(0, 20)]),
    ([], []),
])
def test_stretches_begin_where_it_is_likely_and_end_where_it_is_not(probability, found):
    edge = overlap.FIRST - overlap.STEP / 2
    wanted = [(1 + edge + a * overlap.STEP, 1 + edge + b * overlap.STEP) for a, b in found]
    assert np.allclose(overlap.stretches(np.array(probability), 1.0, likely=0.8), wanted, atol=1e-3)


def stream(mixed):
    """Two voices that take turns of ten windows, with stretches of speech at once."""
    made = SpeakerStream.__new__(SpeakerStream)
    one, other = np.eye(256, dtype=np.float32)[:2]
    vectors = np.array([*[one] * 10, *[other] * 10])
    made.settings, made._vectors, made._mixed = Settings(), [vectors], mixed
    made._windows = [(i, i + 1.6, float(i), float(i + 1)) for i in range(20)]
    return made


def test_a_second_turn_lies_over_the_first_where_two_speak():
    turns = stream([(8.5, 9.5), (12.0, 12.5)]).turns()
    assert [(t.start, t.end, t.person) for t in turns] == [(0, 10, "speaker 1"), (8.5, 9.5, "speaker 2"), (10, 20, "speaker 2"), (12, 12.5, "speaker 1")]
    assert speakers.at_once(turns) == pytest.approx(1.5)
    assert speakers.at_once(stream([]).turns()) == 0


def test_who_speaks_before_a_turn_begins_makes_the_turn_longer():
    turns = stream([(9.0, 10.0)]).turns()
    assert [(t.start, t.end, t.person) for t in turns] == [(0, 10, "speaker 1"), (9, 20, "speaker 2")]


def test_one_voice_has_nobody_to_speak_at_once_with():
    made = stream([(3.0, 4.0)])
    assert len(made.turns("1")) == 1


def test_mixtures_dont_make_a_voice_of_their_own():
    one, other, mixture = (np.eye(256, dtype=np.float32)[k] for k in range(3))
    vectors, mixed = np.array([*[one] * 5, *[mixture + 0.1 * other] * 5, *[other] * 5]), np.array([False] * 5 + [True] * 5 + [False] * 5)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert together(vectors, np.ones(15)).max() == 2
    assert together(vectors, np.ones(15), None, mixed).tolist() == [0] * 5 + [1] * 10
    assert together(vectors, np.ones(15), None, np.ones(15, bool)).max() == 2            # nothing but mixtures: better than nothing


def test_layers_keep_everybody_and_are_in_order():
    turns = layered([Segment(0, 3, "A"), Segment(3.2, 5, "B")], [Segment(2.5, 3, "B"), Segment(4.9, 6, "A")])
    assert turns == sorted(turns, key=lambda t: (t.start, t.end)) and [t.person for t in turns] == ["A", "B", "B", "A"]


def test_murmurs_within_a_turn_stay_apart_however_long_a_pause_may_be():
    turns = [Segment(0, 10, "A"), Segment(2, 3, "B"), Segment(4, 5, "B"), Segment(11, 12, "A"), Segment(15, 16, "A")]
    assert [(t.start, t.end) for t in joined(turns, np.inf)] == [(0, 10), (2, 3), (4, 5), (11, 16)]
