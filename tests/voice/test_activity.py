"""Speech is found, at any level, and the way the sound is cut into pushes doesn't matter."""

import csv
import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attune.errors import SettingError, ShapeError
from attune.voice.activity import FRAME, SAMPLE_RATE, Activity, Intervals

CORPORA = Path(os.environ.get("ATTUNE_DATA", "no such folder")) / "speech"     # the corpora, as laid out for the recipes

needs_network = pytest.mark.skipif(importlib.util.find_spec("silero_vad") is None, reason="silero-vad isn't installed")
needs_corpora = pytest.mark.skipif(not CORPORA.is_dir(), reason="the corpora aren't here")

probabilities = st.lists(st.sampled_from([0.0, 0.1, 0.3, 0.4, 0.5, 0.9, 1.0]), max_size=400)
parameters = st.fixed_dictionaries({
    "pause": st.sampled_from([0.03, 0.1, 0.6]), "pad": st.sampled_from([0.0, 0.1, 0.5]),
    "min_speech": st.sampled_from([0.0, 0.1, 0.25]), "max_length": st.sampled_from([1.0, 3.0, 30.0]),
})


def sound(seconds: float, seed: int = 0) -> np.ndarray:
    """Noise that comes and goes in syllables, with pauses: the network takes parts of it for speech and parts not."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    f0 = 140 + 40 * np.sin(2 * np.pi * 0.7 * t)
    phase = 2 * np.pi * np.cumsum(f0) / SAMPLE_RATE
    formants = 500 + 200 * np.sin(2 * np.pi * 2.3 * t), 1500 + 500 * np.sin(2 * np.pi * 1.7 * t)
    voice = sum(np.cos(k * phase) * sum(np.exp(-(((k * f0 - f) / 120) ** 2)) for f in formants) for k in range(1, 25))
    syllables = np.clip(np.sin(2 * np.pi * 4 * t) + 0.3, 0, 1) * (np.sin(2 * np.pi * t / 3) > -0.3)
    return (0.1 * voice * syllables + 1e-4 * rng.standard_normal(len(t))).astype(np.float32)


@given(probabilities, parameters)
def test_intervals_are_ordered_disjoint_and_no_longer_than_allowed(p, kw):
    intervals = Intervals(**kw)
    found = intervals.push(np.array(p)) + intervals.close(len(p) * FRAME)
    edges = [t for interval in found for t in interval]
    assert edges == sorted(edges)
    assert all(0 <= a < b <= len(p) * FRAME and b - a <= kw["max_length"] + 1e-9 for a, b in found)


@given(probabilities, parameters)
def test_every_probable_window_is_inside_an_interval_when_no_speech_is_too_short(p, kw):
    intervals = Intervals(**{**kw, "min_speech": 0.0})
    found = intervals.push(np.array(p)) + intervals.close(len(p) * FRAME)
    for i, value in enumerate(p):
        if value >= 0.5:
            assert any(a <= (i + 0.5) * FRAME < b for a, b in found)


@given(probabilities, parameters, st.integers(1, 50))
def test_intervals_do_not_depend_on_how_probabilities_arrive(p, kw, step):
    whole, pieces = Intervals(**kw), Intervals(**kw)
    a = whole.push(np.array(p)) + whole.close(len(p) * FRAME)
    b = [x for i in range(0, len(p), step) for x in pieces.push(np.array(p[i : i + step]))] + pieces.close(len(p) * FRAME)
    assert a == b


def test_pause_as_long_as_the_setting_ends_an_interval_and_a_shorter_one_does_not():
    for silent, expected in ((3, 1), (4, 2)):
        intervals = Intervals(pause=4 * FRAME, min_speech=0, pad=0)
        p = np.array([0.9] * 5 + [0.0] * silent + [0.9] * 5)
        assert len(intervals.push(p) + intervals.close(len(p) * FRAME)) == expected


def test_speech_that_weakens_goes_on_until_well_below_the_threshold():
    intervals = Intervals(pause=FRAME, min_speech=0, pad=0)
    assert intervals.push(np.array([0.4, 0.6, 0.4, 0.36, 0.34])) == [(FRAME, 4 * FRAME)]


def test_monologue_is_cut_at_its_least_probable_place_and_nothing_is_lost():
    p = np.full(100, 0.95)
    p[40] = 0.7
    intervals = Intervals(max_length=62 * FRAME, pad=0)
    found = intervals.push(p) + intervals.close(100 * FRAME)
    assert found == [(0, 40 * FRAME), (40 * FRAME, 100 * FRAME)]


@pytest.mark.parametrize("wrong", [{"threshold": 0}, {"threshold": 1.0}, {"pause": 0}, {"pad": -1}, {"max_length": float("nan")}])
def test_parameter_out_of_range_is_named(wrong):
    with pytest.raises(SettingError, match=next(iter(wrong))):
        Intervals(**wrong)


@needs_network
@settings(max_examples=8, deadline=None)
@given(st.lists(st.integers(200, 30_000) | st.just(0), min_size=1, max_size=12).filter(any))
def test_activity_is_bit_identical_however_the_sound_is_cut(cuts):
    x = sound(7)
    whole = Activity(pause=0.2)
    expected = whole.push(x) + whole.close()
    pieces, found, at, i = Activity(pause=0.2), [], 0, 0
    while at < len(x):
        step = cuts[i % len(cuts)]
        found += pieces.push(x[at : at + step])
        at, i = at + step, i + 1
    assert found + pieces.close() == expected
    assert pieces.speech_in(0, 7) == whole.speech_in(0, 7)
    assert np.array_equal(pieces.power_in(0, 7), whole.power_in(0, 7))


@needs_network
def test_made_voice_is_speech_at_any_level():
    for level in (1, 1e-1, 1e-2, 1e-3):
        activity = Activity(pause=0.2)
        x = sound(6) * np.float32(level)
        activity.push(x)
        activity.close()
        assert activity.speech_in(0, 6) > 1


@needs_network
@pytest.mark.parametrize("level", [0.0, 1e-5, 1e-4, 1e-3, 1e-2, 0.1])
def test_silence_and_noise_are_not_speech_at_any_level(level):
    rng = np.random.default_rng(1)
    white = rng.standard_normal(10 * SAMPLE_RATE)
    pink = np.fft.irfft(np.fft.rfft(white) / np.sqrt(np.arange(1, len(white) // 2 + 2)))
    hum = np.sin(2 * np.pi * 50 * np.arange(len(white)) / SAMPLE_RATE)
    clicks = np.where(np.arange(len(white)) % 8000 == 0, 1.0, 0.0)
    for noise in (white, pink / pink.std(), hum, clicks):
        activity = Activity()
        assert activity.push((level * noise).astype(np.float32)) + activity.close() == []


@needs_network
def test_dither_of_one_bit_is_not_speech():
    activity = Activity()
    dither = np.round(np.random.default_rng(2).uniform(-1, 1, 10 * SAMPLE_RATE)).astype(np.float32) / 32768
    assert activity.push(dither) + activity.close() == []


@needs_network
def test_samples_that_are_no_numbers_are_silence():
    activity = Activity()
    assert activity.push(np.full(SAMPLE_RATE, np.nan, np.float32)) + activity.close() == []


@needs_network
def test_no_sound_at_all_has_no_speech():
    activity = Activity()
    assert activity.close() == []
    assert activity.heard == 0


@needs_network
def test_two_channels_are_refused():
    with pytest.raises(ShapeError, match="one channel"):
        Activity().push(np.zeros((10, 2), np.float32))


@needs_network
@needs_corpora
def test_speech_is_found_in_every_one_of_the_softest_acted_clips():
    soundfile = pytest.importorskip("soundfile")
    with (CORPORA / "ravdess" / "metadata.csv").open() as f:
        soft = [row["file"] for row in csv.DictReader(f) if float(row["rms"]) < 0.001]
    assert len(soft) == 13
    for name in soft:
        x, rate = soundfile.read(CORPORA / "ravdess" / name, dtype="float32")
        assert rate == SAMPLE_RATE
        activity = Activity()
        found = activity.push(x) + activity.close()
        assert 0.8 < sum(b - a for a, b in found) < 3, name


@needs_network
@needs_corpora
def test_speech_of_the_two_speaker_sample_agrees_with_its_annotation():
    soundfile = pytest.importorskip("soundfile")
    folder = CORPORA / "conversation"
    x, _ = soundfile.read(folder / "pyannote_sample_2spk.opus", dtype="float32")
    activity = Activity(pause=0.3)
    found = activity.push(x) + activity.close()
    centres = np.arange(0, 30, 0.01)
    truth, mine = np.zeros(len(centres), bool), np.zeros(len(centres), bool)
    for line in (folder / "pyannote_sample_2spk.rttm").read_text().splitlines():
        start, length = map(float, line.split()[3:5])
        truth |= (centres >= start) & (centres < start + length)
    for a, b in found:
        mine |= (centres >= a) & (centres < b)
    assert (truth & mine).sum() / mine.sum() > 0.95
    assert (truth & mine).sum() / truth.sum() > 0.97
