"""Units of a voice: measured once, in time, in bounded memory, with a reason where nothing could be."""

import importlib.util
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from attune.errors import SettingError
from attune.settings import Settings
from attune.types import Segment
from attune.voice import BEYOND, NO_SPEECH, SILENT, TOO_SHORT, UNMEASURED, VoiceStream, quality
from attune.voice.activity import SAMPLE_RATE

pytestmark = pytest.mark.skipif(importlib.util.find_spec("silero_vad") is None, reason="silero-vad isn't installed")


def model(waveforms):
    """Length in seconds, mean square and the first sample: three numbers that tell which sound was given."""
    return np.array([[len(x) / SAMPLE_RATE, np.square(x, dtype=np.float64).mean(), x[0]] for x in waveforms], np.float32)


FACTS = SimpleNamespace(load=lambda: model, SAMPLE_RATE=SAMPLE_RATE, MIN_SECONDS=0.2, TAXONOMIES=("vad",))


def voice(seconds: float) -> np.ndarray:
    """A made vowel that moves, in syllables, three seconds on and three off; the detector takes it for speech."""
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    f0 = 140 + 40 * np.sin(2 * np.pi * 0.7 * t)
    phase = 2 * np.pi * np.cumsum(f0) / SAMPLE_RATE
    formants = 500 + 200 * np.sin(2 * np.pi * 2.3 * t), 1500 + 500 * np.sin(2 * np.pi * 1.7 * t)
    vowel = sum(np.cos(k * phase) * sum(np.exp(-(((k * f0 - f) / 120) ** 2)) for f in formants) for k in range(1, 25))
    on = np.clip(np.sin(2 * np.pi * 4 * t) + 0.3, 0, 1) * (t % 6 < 3)
    return (0.1 * vowel * on + 1e-4 * np.random.default_rng(0).standard_normal(len(t))).astype(np.float32)


SOUND = voice(12)
KNOWN = [Segment(4, 5, "B"), Segment(0.5, 2.5, "A", "hello"), Segment(0.5, 2.5, "B"), Segment(0, 11), Segment(6.2, 6.3), Segment(11, 14), Segment(20, 22)]


def heard(sound, chunk=None, segments=None, facts=FACTS, **settings):
    stream = VoiceStream(facts, Settings(**settings), segments)
    chunk = chunk or len(sound) or 1
    rows = [row for i in range(0, len(sound), chunk) for row in stream.push(sound[i : i + chunk])]
    return rows + stream.close(), stream


def same(a, b):
    return len(a) == len(b) and all(
        x.segment == y.segment and np.array_equal(x.values, y.values, equal_nan=True) and (x.quality, x.reason) == (y.quality, y.reason)
        for x, y in zip(a, b, strict=True)
    )


@pytest.mark.parametrize("settings", [{}, {"pause": 0.2}, {"granularity": "window", "window": 0.2}, {"granularity": "window", "window": 1, "hop": 0.25}])
def test_rows_are_bit_identical_however_the_sound_is_cut(settings):
    whole, _ = heard(SOUND, **settings)
    assert any(row.reason == "" for row in whole)
    for chunk in (37_123, 4096, 999):
        assert same(whole, heard(SOUND, chunk, **settings)[0])


@examples(max_examples=10, deadline=None)
@given(st.lists(st.tuples(st.floats(-2, 15), st.floats(0, 40)), max_size=20), st.integers(500, 100_000))
def test_known_units_come_once_each_and_do_not_depend_on_chunks(times, chunk):
    units = [Segment(a, a + d, str(i)) for i, (a, d) in enumerate(times)]
    whole, _ = heard(SOUND[: 5 * SAMPLE_RATE], segments=units)
    assert sorted(r.segment.person for r in whole) == sorted(s.person for s in units)
    assert same(whole, heard(SOUND[: 5 * SAMPLE_RATE], chunk, segments=units)[0])


@pytest.mark.parametrize("segments", [None, KNOWN, [Segment(0, 70), Segment(1, 2), Segment(3, 40)]], ids=["heard", "known", "longer than the model hears"])
@pytest.mark.parametrize("settings", [{}, {"granularity": "window", "window": 0.5}])
def test_units_that_wait_for_each_other_are_the_same_units(settings, segments):
    sound = SOUND if segments is None or len(segments) > 3 else np.tile(SOUND, 6)
    whole, _ = heard(sound, segments=segments, **settings)
    sizes = []

    def counting(waveforms):
        sizes.append(len(waveforms))
        return model(waveforms)

    for together in (3, 1000):
        sizes.clear()
        stream = VoiceStream(SimpleNamespace(**{**vars(FACTS), "load": lambda: counting}), Settings(**settings), segments, together=together)
        rows = [row for i in range(0, len(sound), 4096) for row in stream.push(sound[i : i + 4096])] + stream.close()
        assert same(whole, rows)
        assert sizes and max(sizes) <= together and all(size == together for size in sizes[:-1])
    assert len(sizes) == 1


def test_a_stretch_that_a_model_fails_at_is_not_asked_about_again_with_the_next():
    sizes = []

    def failing(waveforms):
        sizes.append(len(waveforms))
        if len(sizes) == 1:
            raise RuntimeError("it fails once")
        return model(waveforms)

    stream = VoiceStream(SimpleNamespace(**{**vars(FACTS), "load": lambda: failing}), Settings(), [Segment(1, 2), Segment(2, 3)])
    heard, failed = [], 0
    for i in range(0, len(SOUND), 4096):
        try:
            heard += stream.push(SOUND[i : i + 4096])
        except RuntimeError:
            failed += 1
    heard += stream.close()
    assert sizes == [1, 1] and failed == 1 and [h.segment.start for h in heard] == [2]


def test_utterances_are_where_the_voice_is():
    rows, stream = heard(SOUND)
    assert [round(r.segment.start / 6) for r in rows] == [0, 1]
    assert all(2.5 < r.segment.duration < 3.5 and r.segment.kind == "speech" for r in rows)
    assert stream.speech == [(r.segment.start, r.segment.end) for r in rows]
    assert stream.duration == 12


def test_model_gets_exactly_the_sound_of_the_unit():
    rows, _ = heard(SOUND, 5000, segments=KNOWN)
    row = next(r for r in rows if r.segment.person == "A")
    assert np.array_equal(row.values, model([SOUND[8000:40000]])[0])


def test_known_units_are_kept_as_they_are():
    rows, stream = heard(SOUND, segments=KNOWN)
    assert sorted((r.segment for r in rows), key=KNOWN.index) == KNOWN
    assert len(stream.speech) == 2


def test_what_cannot_be_measured_says_why():
    sound = SOUND.copy()
    sound[4 * SAMPLE_RATE : 5 * SAMPLE_RATE] = 0
    rows, _ = heard(sound, segments=KNOWN)
    reason = {(r.segment.start, r.segment.person): r.reason for r in rows}
    assert reason == {
        (4, "B"): SILENT, (0.5, "A"): "", (0.5, "B"): "", (0, ""): "", (6.2, ""): TOO_SHORT, (11, ""): "", (20, ""): BEYOND,
    }
    assert all(np.isnan(r.values).all() == bool(r.reason) for r in rows)
    assert all(r.quality == 0 for r in rows if r.reason)


def test_model_that_gives_nan_is_a_reason():
    nothing = SimpleNamespace(**{**vars(FACTS), "load": lambda: lambda waveforms: np.full((len(waveforms), 3), np.nan)})
    rows, _ = heard(SOUND, facts=nothing)
    assert {r.reason for r in rows} == {UNMEASURED}


def test_windows_cover_the_recording_and_those_without_speech_say_so():
    rows, _ = heard(SOUND[: round(7.3 * SAMPLE_RATE)], granularity="window", window=0.5)
    assert [r.segment.start for r in rows] == [0.5 * i for i in range(15)]
    assert rows[-1].segment.end == 7.3
    assert {r.segment.kind for r in rows} == {"window"}
    assert [r.reason for r in rows if 3.5 <= r.segment.start < 5.5] == [NO_SPEECH] * 4
    assert [r.reason for r in rows if r.segment.start < 2.5] == [""] * 5


def test_last_window_is_too_short_and_a_known_one_after_the_end_lies_beyond():
    rows, _ = heard(SOUND[: 16_100], granularity="window", window=0.5)
    assert [(r.segment.end, r.reason) for r in rows][-1] == (16_100 / SAMPLE_RATE, TOO_SHORT)
    rows, _ = heard(SOUND[: SAMPLE_RATE], segments=[Segment(1, 1.5, kind="window"), Segment(0.9, 1.4, kind="window")])
    assert [r.reason for r in rows] == [TOO_SHORT, BEYOND]
    assert rows[0].segment.end == 1


def test_windows_of_a_fifth_of_a_second_are_measured():
    rows, _ = heard(SOUND, granularity="window", window=0.2)
    assert len(rows) == 60
    assert sum(r.reason == "" for r in rows) > 20
    assert {r.reason for r in rows} == {"", NO_SPEECH}


def test_windows_are_out_soon_after_they_end():
    stream = VoiceStream(FACTS, Settings(granularity="window", window=0.2))
    stream.push(SOUND[: 2 * SAMPLE_RATE])
    rows = stream.push(SOUND[2 * SAMPLE_RATE : 3 * SAMPLE_RATE])
    assert rows[-1].segment.end > 3 - 0.2 - 0.3


def test_unit_longer_than_the_model_hears_at_once_is_the_mean_of_equal_pieces():
    sound = np.concatenate([SOUND] * 6)
    rows, _ = heard(sound, 50_000, segments=[Segment(0, 70)])
    pieces = [model([sound[round(i * 70 / 3 * SAMPLE_RATE) : round((i + 1) * 70 / 3 * SAMPLE_RATE)]])[0] for i in range(3)]
    assert np.allclose(rows[0].values, np.mean(pieces, axis=0), rtol=1e-4)


def test_unit_whose_pieces_meet_where_a_push_ends_is_measured_to_its_end():
    sound = np.concatenate([SOUND] * 5)
    known = [Segment(0, 51.2)]                           # pieces meet at 25.6 s, a hundred groups of windows
    assert same(heard(sound, 4096, known)[0], heard(sound, None, known)[0])


def test_sample_by_sample_is_the_same():
    sound = SOUND[: SAMPLE_RATE]
    assert same(heard(sound, 1, KNOWN)[0], heard(sound, None, KNOWN)[0])


def test_what_is_kept_stays_small_however_long_the_recording_or_the_unit():
    stream = VoiceStream(FACTS, Settings(), [Segment(0, 1e9), Segment(-1e9, 1), Segment(1e8, 1e9)])
    for _ in range(10):
        stream.push(SOUND)
        assert sum(map(len, stream._tape._blocks)) < 36 * SAMPLE_RATE
    rows = stream.close()
    assert [r.reason for r in rows] == ["", BEYOND]


def test_without_a_model_units_are_still_found():
    rows, _ = heard(SOUND, facts=None)
    assert len(rows) == 2
    assert rows[0].values.shape == (0,)
    assert rows[0].reason == ""


def test_no_sound_gives_no_units_and_known_units_say_that_they_lie_beyond():
    assert heard(np.zeros(0, np.float32))[0] == []
    assert heard(np.zeros(0, np.float32), granularity="window")[0] == []
    assert [r.reason for r in heard(np.zeros(0, np.float32), segments=[Segment(0, 1)])[0]] == [BEYOND]


def test_sound_without_numbers_is_silence():
    rows, _ = heard(np.full(SAMPLE_RATE, np.inf, np.float32), segments=[Segment(0, 1)])
    assert rows[0].reason == SILENT


def test_model_of_another_rate_is_refused():
    with pytest.raises(SettingError, match="8000 Hz"):
        VoiceStream(SimpleNamespace(**{**vars(FACTS), "SAMPLE_RATE": 8000}), Settings())


def test_quality_falls_with_noise_clipping_and_shortness_but_not_with_level():
    t = np.arange(2 * SAMPLE_RATE) / SAMPLE_RATE
    tone = (0.1 * np.sin(2 * np.pi * 200 * t)).astype(np.float32)
    clean = quality(tone, background=1e-6)
    assert clean == 1
    assert quality(tone * np.float32(0.001), background=1e-12) == pytest.approx(clean)
    assert quality(tone, background=1e-3) < clean
    assert quality(np.clip(20 * tone, -1, 1), background=1e-6) == 0
    assert quality(tone[: SAMPLE_RATE // 2], background=1e-6) == pytest.approx(0.5)
    assert quality(tone[:0], background=0) == 0
