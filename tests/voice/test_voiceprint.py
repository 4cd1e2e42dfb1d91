"""Voiceprints: read without torch, the same by themselves and beside others, near for one voice and far for another."""

import pickle
from fractions import Fraction

import numpy as np
import pytest

from attune.errors import WeightsError
from attune.voice import voiceprint

needs_weights = pytest.mark.skipif(not voiceprint.available(), reason="needs the package resemblyzer")


def voice(pitch, formants, seconds=1.6, seed=0):
    """A buzz with formants: not speech, but a voice of its own."""
    rng, n = np.random.default_rng(seed), round(seconds * voiceprint.SAMPLE_RATE)
    t = np.arange(n) / voiceprint.SAMPLE_RATE
    wave = np.zeros(n)
    for k in range(1, int(7000 / pitch)):
        f = k * pitch
        wave += sum(np.exp(-(((f - c) / 150) ** 2)) for c in formants) * np.sin(2 * np.pi * f * t + rng.uniform(0, 6))
    return (0.05 * wave * (1 + 0.5 * np.sin(2 * np.pi * 4 * t)) + rng.normal(0, 1e-3, n)).astype(np.float32)


@needs_weights
def test_a_voice_is_nearer_to_itself_than_to_another():
    low, high = (110, (500, 1500, 2500)), (230, (700, 1900, 3100))
    a, b, c = voiceprint.voiceprints([voice(*low), voice(*low, seed=1), voice(*high)])
    assert a @ b > 0.9 and a @ b > a @ c + 0.1
    np.testing.assert_allclose([a @ a, b @ b, c @ c], 1, atol=1e-5)


@needs_weights
def test_a_batch_of_one_equals_the_batch():
    waves = [voice(110, (500, 1500)), voice(230, (700, 1900), 0.5)]
    together = voiceprint.voiceprints(waves)
    for i, wave in enumerate(waves):
        np.testing.assert_array_equal(voiceprint.voiceprints([wave])[0], together[i])
    assert voiceprint.voiceprints([]).shape == (0, voiceprint.HIDDEN)


@needs_weights
def test_a_soft_voice_is_the_same_voice():
    wave = voice(150, (600, 1700))
    a, b = voiceprint.voiceprints([wave / 10, wave / 100])
    assert a @ b > 0.999


def test_mel_bands_have_the_rate_they_say():
    assert voiceprint.mel(np.zeros(16000)).shape == (101, 40) and not voiceprint.mel(np.zeros(0)).any()


def test_noise_that_stands_is_taken_away_and_something_is_left_of_every_band():
    rng = np.random.default_rng(0)
    hiss = rng.normal(0, 0.02, 4 * 16000)
    noise = voiceprint.standing(np.concatenate([hiss, hiss + voice(150, (600, 1700), 4.0)]))
    assert noise.shape == (voiceprint.N_MELS,) and (noise > 0).all()
    assert (voiceprint.mel(hiss, noise) >= voiceprint.LEAST * voiceprint.mel(hiss) * 0.999).all()
    assert voiceprint.mel(hiss, noise).sum() < 0.7 * voiceprint.mel(hiss).sum()
    np.testing.assert_array_equal(voiceprint.mel(hiss, np.zeros(voiceprint.N_MELS)), voiceprint.mel(hiss))
    assert not voiceprint.standing(np.zeros(0)).any()


@needs_weights
def test_without_noise_that_stands_a_voice_is_nearer_to_what_it_is_in_silence():
    hiss = np.random.default_rng(0).normal(0, 0.02, 5 * 16000)
    noise = voiceprint.standing(hiss)
    for pitch, formants in ((110, (500, 1500, 2500)), (230, (700, 1900, 3100))):
        wave = voice(pitch, formants) / 4
        (clean, noisy), (cleaned,) = voiceprint.voiceprints([wave, wave + hiss[:25600]]), voiceprint.voiceprints([wave + hiss[:25600]], noise)
        assert clean @ cleaned > clean @ noisy + 0.05


def test_a_file_that_names_anything_else_is_refused(tmp_path):
    path = tmp_path / "evil.pt"
    with path.open("wb") as file:
        for plain in (1, 2, {}):
            pickle.dump(plain, file, 2)
        pickle.dump({"model_state": Fraction(1, 2)}, file, 2)
    with pytest.raises(WeightsError, match=r"can't be read \(it names fractions"):
        voiceprint.tensors(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x80\x02}q\x00.", pickle.dumps(1, 2) * 5])
def test_a_file_of_another_kind_is_refused_in_a_sentence(tmp_path, content):
    path = tmp_path / "other.pt"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="reinstall by: pip install --no-deps resemblyzer"):
        voiceprint.tensors(path)
