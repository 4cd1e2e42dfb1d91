"""Speaking aloud: a WAV file of the sentence, in its language; programs that aren't there say how to get them."""

import io
import shutil
import wave

import numpy as np
import pytest

from attune.agent import speech
from attune.agent.speech import espeak_ng
from attune.errors import AttuneError, SettingError, UnknownName

speaking = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="needs espeak-ng: apt-get install espeak-ng")


def sound(data):
    with wave.open(io.BytesIO(data)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (48_000, 1, 2)
        return np.frombuffer(file.readframes(file.getnframes()), "<i2")


@speaking
def test_a_sentence_becomes_sound_and_a_longer_one_more_of_it():
    short, long = (sound(speech.spoken("espeak-ng", text, "en")) for text in ("I hear you.", "I hear you. What happened then, and what would help?"))
    assert 0.3 < len(short) / 48_000 < 3 and len(long) > 2 * len(short) and np.abs(short).max() > 1000


@speaking
def test_the_language_is_the_sentences_and_english_where_it_is_not_spoken():
    text = "Ich höre dir zu."
    english, german, unknown = (sound(speech.spoken("espeak-ng", text, tag)) for tag in ("en", "de-AT", "xx"))
    assert not np.array_equal(english, german) and np.array_equal(english, unknown)


@speaking
@pytest.mark.parametrize("text", ["-w /tmp/x", "$(touch x) `id`", "<speak><break time='5s'/></speak>", "\x00", "...", ""])
def test_what_is_said_is_never_a_command(text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(sound(speech.spoken("espeak-ng", text))) < 5 * 48_000 and not list(tmp_path.iterdir())


def test_what_is_not_there_is_said(monkeypatch):
    with pytest.raises(UnknownName, match="espeak_ng"):
        speech.load("festival")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SettingError, match="espeak-ng isn't on this machine; install it"):
        speech.load("espeak-ng")
    monkeypatch.setattr(espeak_ng, "_languages", lambda: frozenset({"en"}))
    with pytest.raises(AttuneError, match="couldn't speak"):
        espeak_ng.speak("Hello.")
