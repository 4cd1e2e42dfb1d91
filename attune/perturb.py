"""A sound as another microphone, room, line or codec would have given it: to ask how far a measurement leans on them, and to train.

Each function takes samples (n,) float in -1..1 and returns float32; whatever is random comes from the generator that is passed, so
that the same seed gives the same sound. Silence stays silence. NumPy alone, save `codec`, which encodes by PyAV.

    >>> rng = np.random.default_rng(0)
    >>> speech = 0.1 * rng.normal(size=SAMPLE_RATE).astype(np.float32)
    >>> heard = telephone(noise(room(speech, 0.4, rng), 20, rng))
    >>> heard.shape, heard.dtype
    ((16000,), dtype('float32'))
"""

from __future__ import annotations

import io

import numpy as np

SAMPLE_RATE = 16_000                     # Hz
TELEPHONE = (300.0, 3_400.0)             # Hz: the band of a telephone line, ITU-T G.712
FRAME = 0.04                             # s: a piece of sound that is moved as one when the tempo changes; three periods of a low voice
SEARCH = 0.01                            # s: how far it may be moved to fit, one period of a voice of 100 Hz
ZEROS = 16                               # zero crossings of the resampling filter on either side
PHASES = 1024                            # of that filter between two samples; what this rounds off is 60 dB below


def gain(samples: np.ndarray, decibels: float) -> np.ndarray:
    """Louder or softer; nothing is clipped.

    >>> gain(np.array([0.1, -0.1]), 20).tolist()
    [1.0, -1.0]
    """
    return _float(samples * 10 ** (decibels / 20))


# Quicker, slower, higher, lower ------------------------------------------------------------------------------------------------------

def speed(samples: np.ndarray, times: float) -> np.ndarray:
    """As a tape played so many times as fast, (n,) -> (n / times,): quicker and higher at once, by a windowed sinc.

    Smith (2002), Digital audio resampling home page, for the method; Ko et al. (2015), Audio augmentation, for its use.
    """
    _positive("times", times)
    length = round(len(samples) / times)
    if times == 1 or length == 0:
        return _float(samples[:length])
    cut = min(1.0, 1.0 / times)                                       # of the old half rate: what would fold back is taken out
    reach = int(np.ceil(ZEROS / cut))
    away = np.arange(1 - reach, reach + 1) - np.arange(PHASES + 1)[:, None] / PHASES
    filters = cut * np.sinc(cut * away) * np.cos(np.pi / 2 * away / (reach + 1)) ** 2
    windows = np.lib.stride_tricks.sliding_window_view(np.concatenate([np.zeros(reach - 1), samples, np.zeros(reach + 1)]), 2 * reach)
    out = np.empty(length, np.float32)
    for first in range(0, length, 1 << 16):                           # a stretch at a time, for the sake of memory
        at = np.arange(first, min(first + (1 << 16), length)) * times
        near = at.astype(int)
        phase = np.rint((at - near) * PHASES).astype(int)
        out[first : first + len(at)] = np.einsum("ij,ij->i", windows[near], filters[phase])
    return out


def tempo(samples: np.ndarray, times: float, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """So many times as quick at the same pitch, (n,) -> (n / times,): pieces are overlapped where they fit the last one best.

    Verhelst & Roelands (1993), WSOLA.
    """
    _positive("times", times)
    frame, reach = 2 * round(FRAME * sample_rate / 2), round(SEARCH * sample_rate)
    hop, length = frame // 2, round(len(samples) / times)
    if times == 1 or len(samples) < 2 * frame:
        return speed(samples, times) if times != 1 else _float(samples)
    window = np.hanning(frame + 1)[:-1]
    x = np.concatenate([np.zeros(hop + reach), samples, np.zeros(2 * frame + 2 * reach)])
    out, place = np.zeros(length + 2 * frame), 0
    for k in range(-(-(length + hop) // hop)):
        wanted = min(round(k * hop * times), len(x) - 2 * frame - 2 * reach)          # in x this is `reach` after the search begins
        if k:
            field = x[wanted : wanted + frame + 2 * reach]
            alike = np.correlate(field, x[place + hop : place + hop + frame], "valid")
            energy = np.convolve(field**2, np.ones(frame), "valid")
            wanted += int((alike / np.sqrt(energy + 1e-12)).argmax())
        else:
            wanted += reach
        place = wanted
        out[k * hop : k * hop + frame] += window * x[place : place + frame]
    return _float(out[hop : hop + length])


def pitch(samples: np.ndarray, semitones: float, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """Higher or lower at the same tempo, throat and all: the tempo is changed, and the speed brings it back. The length stays."""
    times = 2 ** (semitones / 12)
    out = np.zeros(len(samples), np.float32)
    made = speed(tempo(samples, 1 / times, sample_rate), times)[: len(out)]
    out[: len(made)] = made
    return out


# Somewhere else ----------------------------------------------------------------------------------------------------------------------

def noise(samples: np.ndarray, ratio: float, rng: np.random.Generator, *, slope: float = 0.0) -> np.ndarray:
    """With noise that lies `ratio` dB below the sound, both by their root mean square over the whole.

    slope: dB per octave; 0 is white, -3 pink, -6 as of rooms and cars.
    """
    spectrum = np.fft.rfft(rng.normal(size=_power_of_two(len(samples))))
    shape = np.maximum(np.arange(len(spectrum)), 1.0) ** (slope / (20 * np.log10(2)))
    made = np.fft.irfft(spectrum * shape)[: len(samples)]
    return _float(samples + made * _rms(samples) / max(_rms(made), 1e-20) * 10 ** (-ratio / 20))


def room(
    samples: np.ndarray, seconds: float, rng: np.random.Generator, *, direct: float = 5.0, sample_rate: int = SAMPLE_RATE
) -> np.ndarray:
    """In a room that takes `seconds` to fall by 60 dB: what comes straight, and decaying noise `direct` dB below it; same level.

    Polack (1988) describes the late part of a room's answer as exponentially decaying noise.
    """
    _positive("seconds", seconds)
    if len(samples) == 0:
        return _float(samples)
    time = np.arange(1, max(2, round(seconds * sample_rate)))
    tail = rng.normal(size=len(time)) * 10 ** (-3 * time / (seconds * sample_rate))
    answer = np.concatenate([[1.0], tail * 10 ** (-direct / 20) / np.sqrt((tail**2).sum())])
    size = _power_of_two(len(samples) + len(answer))
    wet = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(answer, size), size)[: len(samples)]
    return _float(wet * _rms(samples) / max(_rms(wet), 1e-20))


def telephone(samples: np.ndarray, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """What a telephone line lets through, 300 to 3,400 Hz, with edges of a third of an octave."""
    if len(samples) == 0:
        return _float(samples)
    size = _power_of_two(len(samples) + sample_rate // 10)            # room behind, so that the end doesn't run into the beginning
    f = np.fft.rfftfreq(size, 1 / sample_rate)
    octaves = np.log2(np.maximum(f, 1e-3))
    low, high = np.log2(TELEPHONE)
    passed = np.clip(1 + 3 * (octaves - low), 0, 1) * np.clip(1 + 3 * (high - octaves), 0, 1)
    return _float(np.fft.irfft(np.fft.rfft(samples, size) * passed)[: len(samples)])


def codec(samples: np.ndarray, bitrate: int = 12_000, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """As it comes back from Opus at so many bit/s (6,000 is a bad line, 12,000 a call, 24,000 a good one); same length, same place.

    sample_rate: one that Opus has, 8, 12, 16, 24 or 48 kHz.
    """
    import av

    if len(samples) < sample_rate // 50:                              # shorter than one packet
        return _float(samples)
    file = io.BytesIO()
    with av.open(file, "w", format="ogg") as out:
        track = out.add_stream("libopus", rate=sample_rate, layout="mono", options={"application": "voip"})
        track.bit_rate = bitrate
        whole = np.concatenate([samples, np.zeros(sample_rate // 10)])               # the last packet comes late
        frame = av.AudioFrame.from_ndarray(_float(np.clip(whole, -1, 1))[None], "flt", "mono")
        frame.sample_rate = sample_rate
        for packet in (*track.encode(frame), *track.encode(None)):
            out.mux(packet)
    file.seek(0)
    resampler = av.AudioResampler("flt", "mono", sample_rate)
    with av.open(file) as heard:
        frames = [f for decoded in heard.decode(audio=0) for f in resampler.resample(decoded)]
    back = np.concatenate([f.to_ndarray().ravel() for f in (*frames, *resampler.resample(None))])
    return _float(back[: len(samples)])


# What they share ---------------------------------------------------------------------------------------------------------------------

def _float(samples: np.ndarray) -> np.ndarray:
    return np.asarray(samples, np.float32)


def _rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64)))) if len(samples) else 0.0


def _power_of_two(least: int) -> int:
    return 1 << max(least - 1, 1).bit_length()                        # transforms of other lengths can take ten times as long


def _positive(name: str, value: float) -> None:
    if not value > 0:
        raise ValueError(f"{name} is {value}; expected a number above 0")
