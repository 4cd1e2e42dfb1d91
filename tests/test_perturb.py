"""A sound as another microphone, room, line or codec would have given it."""

from __future__ import annotations

import numpy as np
import pytest
from media_made import tone

from attune import perturb

RATE = perturb.SAMPLE_RATE
RNG = np.random.default_rng
EVERY = {
    "gain": lambda x: perturb.gain(x, -6), "speed": lambda x: perturb.speed(x, 1.1), "tempo": lambda x: perturb.tempo(x, 0.9),
    "pitch": lambda x: perturb.pitch(x, 2), "noise": lambda x: perturb.noise(x, 10, RNG(0), slope=-6), "room": lambda x: perturb.room(x, 0.5, RNG(0)),
    "telephone": perturb.telephone, "codec": perturb.codec,
}
SAME_LENGTH = sorted(EVERY.keys() - {"speed", "tempo"})


def hertz(samples: np.ndarray) -> float:
    """Where the spectrum is strongest."""
    size = 1 << 18
    return float(np.abs(np.fft.rfft(samples * np.hanning(len(samples)), size)).argmax() * RATE / size)


def rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))


def decibels(a: np.ndarray, b: np.ndarray) -> float:
    return 20 * np.log10(rms(a) / rms(b))


@pytest.mark.parametrize("name", EVERY)
def test_sounds_of_any_length_stay_finite_and_the_same_seed_gives_the_same(name: str) -> None:
    for n in (0, 1, 50, 700, 5_000):
        x = (0.1 * RNG(1).normal(size=n)).astype(np.float32)
        out = EVERY[name](x)
        assert out.dtype == np.float32 and np.isfinite(out).all()
        np.testing.assert_array_equal(out, EVERY[name](x))
        if name in SAME_LENGTH:
            assert len(out) == n


@pytest.mark.parametrize("name", EVERY)
def test_silence_stays_silence(name: str) -> None:
    assert np.abs(EVERY[name](np.zeros(8_000, np.float32))).max() < 1e-4


@pytest.mark.parametrize("name", EVERY)
def test_what_is_passed_is_not_changed(name: str) -> None:
    x = tone(0.5)
    EVERY[name](x)
    np.testing.assert_array_equal(x, tone(0.5))


def test_twenty_decibels_are_a_factor_of_ten() -> None:
    np.testing.assert_allclose(perturb.gain(tone(), 20), 10 * tone(), rtol=1e-6)


@pytest.mark.parametrize("times", [0.8, 0.93, 1.07, 1.3])
def test_speed_changes_pitch_and_length_together(times: float) -> None:
    out = perturb.speed(tone(1.0, 440), times)
    assert len(out) == round(RATE / times)
    assert hertz(out) == pytest.approx(440 * times, rel=2e-3)
    assert rms(out) == pytest.approx(rms(tone()), rel=0.01)


def test_speed_and_back_is_where_it_was() -> None:
    x = tone(1.0, 700)
    back = perturb.speed(perturb.speed(x, 0.9), 1 / 0.9)[: len(x)]
    assert decibels(back[500:-500] - x[500 : len(back) - 500], x) < -45


def test_a_higher_speed_folds_nothing_back() -> None:
    high = tone(1.0, 7_000)
    assert decibels(perturb.speed(high, 1.5), high) < -35


@pytest.mark.parametrize("times", [0.8, 0.95, 1.1, 1.3])
def test_tempo_changes_length_and_leaves_pitch_and_level(times: float) -> None:
    out = perturb.tempo(tone(1.0, 180), times)
    assert len(out) == round(RATE / times)
    assert hertz(out) == pytest.approx(180, rel=0.01)
    assert rms(out) == pytest.approx(rms(tone()), rel=0.03)


def test_tempo_moves_what_happens_to_where_it_belongs() -> None:
    x = tone(2.0, 200)
    x[: RATE] *= 0.01                                     # quiet for a second, then loud
    level = np.convolve(perturb.tempo(x, 1.25).astype(float) ** 2, np.ones(320) / 320, "same")
    assert np.flatnonzero(level > 0.01)[0] / RATE == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize("semitones", [-3, 2, 5])
def test_pitch_moves_by_semitones_and_leaves_the_length(semitones: float) -> None:
    out = perturb.pitch(tone(1.0, 300), semitones)
    assert len(out) == RATE
    assert hertz(out) == pytest.approx(300 * 2 ** (semitones / 12), rel=0.01)


@pytest.mark.parametrize("ratio", [0.0, 10.0, 30.0])
@pytest.mark.parametrize("slope", [0.0, -3.0, -6.0])
def test_noise_lies_as_far_below_as_asked(ratio: float, slope: float) -> None:
    x = tone()
    assert decibels(x, perturb.noise(x, ratio, RNG(0), slope=slope) - x) == pytest.approx(ratio, abs=0.05)


def test_coloured_noise_falls_by_its_slope() -> None:
    x = np.ones(1 << 16, np.float32)
    power = np.abs(np.fft.rfft(perturb.noise(x, 0, RNG(0), slope=-6) - x)) ** 2
    octaves = [10 * np.log10(power[low : 2 * low].mean()) for low in (512, 1024, 2048, 4096)]
    np.testing.assert_allclose(np.diff(octaves), -6, atol=0.6)


def test_a_room_decays_by_sixty_decibels_in_its_time() -> None:
    x = np.zeros(RATE, np.float32)
    x[0] = 1
    answer = perturb.room(x, 0.5, RNG(0), direct=0)
    early, late = answer[160:800], answer[round(0.25 * RATE) + 160 : round(0.25 * RATE) + 800]
    assert decibels(early, late) == pytest.approx(30, abs=2)
    assert np.abs(answer[round(0.51 * RATE) :]).max() < 1e-6


def test_a_room_keeps_the_level_and_the_onset() -> None:
    x = np.concatenate([np.zeros(2_000, np.float32), tone(0.5)])
    out = perturb.room(x, 0.6, RNG(0))
    assert rms(out) == pytest.approx(rms(x), rel=1e-3)
    assert np.abs(out[:1_990]).max() < 1e-5


@pytest.mark.parametrize(("f", "passes"), [(100, False), (200, False), (320, True), (1_000, True), (3_300, True), (4_400, False), (7_000, False)])
def test_a_telephone_passes_its_band(f: float, passes: bool) -> None:
    loss = decibels(perturb.telephone(tone(1.0, f)), tone(1.0, f))
    assert loss > -1 if passes else loss < -25


def test_a_codec_keeps_length_place_and_level() -> None:
    x = tone(1.0, 300) * np.linspace(0, 1, RATE, dtype=np.float32)
    out = perturb.codec(x, 12_000)
    assert len(out) == RATE
    shift = np.correlate(out[3_980:8_020], x[4_000:8_000], "valid").argmax() - 20            # less than half a period either way
    assert abs(shift) <= 8
    assert abs(decibels(out, x)) < 1.5


def test_a_bad_line_loses_what_is_high() -> None:
    x = (0.1 * RNG(0).normal(size=RATE)).astype(np.float32)
    high = {rate: np.abs(np.fft.rfft(perturb.codec(x, rate)))[5_000:7_500].mean() for rate in (6_000, 24_000)}
    assert high[6_000] < 0.1 * high[24_000]


@pytest.mark.parametrize("call", [lambda: perturb.speed(tone(), 0), lambda: perturb.tempo(tone(), -1), lambda: perturb.room(tone(), 0, RNG(0))])
def test_impossible_amounts_are_refused(call: object) -> None:
    with pytest.raises(ValueError, match="expected a number above 0"):
        call()  # type: ignore[operator]
