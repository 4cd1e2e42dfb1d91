"""Speaking aloud, by a program of this machine: a file each, with `speak(text, language)` that gives a WAV file's bytes.

    attune serve --speak espeak-ng               # EVI's clients get `audio_output` beside every sentence

The voice is a machine's and sounds like one, on purpose: nobody is to take it for a person. It says what is written; how the person came across
changes the words, not the voice. Nothing leaves the machine.
"""

from __future__ import annotations

import io
import wave
from types import ModuleType

import av
import numpy as np

from attune import registry
from attune.errors import SettingError

RATE = 48_000                            # Hz, as EVI's clients expect
FOLDER = "attune.agent.speech"


def names() -> list[str]:
    """The programs there are files for, as they are called.

    >>> names()
    ['espeak-ng']
    """
    return [name.replace("_", "-") for name in registry.names(FOLDER)]


def load(name: str) -> ModuleType:
    """A program's file.

    Raises
    ------
    UnknownName
        For a name there is no file for.
    SettingError
        If the program isn't installed.
    """
    module = registry.load(FOLDER, name.replace("-", "_"))
    if not module.installed():
        raise SettingError(f"{name} isn't on this machine; {module.OBTAIN}")
    return module


def spoken(name: str, text: str, language: str = "") -> bytes:
    """A sentence as a WAV file: 48 kHz, 16 bits, one channel; without letters or digits a file without sound."""
    samples = [np.zeros(0, np.int16)]
    if any(c.isalnum() for c in text):
        with av.open(io.BytesIO(load(name).speak(text, language))) as given:
            resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
            for frame in given.decode(audio=0):
                samples += [piece.to_ndarray()[0] for piece in resampler.resample(frame)]
            samples += [piece.to_ndarray()[0] for piece in resampler.resample(None)]
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.concatenate(samples).astype("<i2").tobytes())
    return out.getvalue()
