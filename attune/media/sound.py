"""Sound as one gapless stream at one rate: sample i is heard at i / rate, whatever the timestamps and the channels are like."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.error import FFmpegError

from attune.errors import ShapeError
from attune.media.clock import JUMP, Clock, Notes

GAP = 0.050                              # s; timestamps of sound wander by less than this without anything missing
STRETCH = 100                            # silence put into holes: at most JUMP and this many times the sound there is
MIXED = 8                                # channels that FFmpeg has a rule for mixing; more are averaged

Sound = tuple[float | None, AudioFrame]  # time in s, if it is known


def gapless(frames: Iterable[Sound], rate: int, notes: Notes) -> Iterator[np.ndarray]:
    """Frames of sound as one gapless stream of float32 at a rate, sample i at i / rate."""
    clock, mixer = Clock(0.0, notes), _Mixer(rate, notes)
    given, heard, filled = 0, 0.0, 0.0                           # samples so far; seconds of sound so far, and of silence put in
    for stamp, frame in frames:
        if not frame.samples or not frame.sample_rate:
            continue
        time = clock(stamp)
        if time - clock.end > JUMP + STRETCH * heard - filled:
            notes.once("hole", f"sound: there is a hole of {time - clock.end:.0f} s at {given / rate:.1f} s; it isn't filled")
            time = clock.end
        if abs(time - clock.end) > GAP or not heard:
            for piece in mixer.end():
                given += len(piece)
                yield piece
            start = round(time * rate)
            for first in range(given, start, rate):
                yield np.zeros(min(rate, start - first), np.float32)
            filled += max(0, start - given) / rate
            mixer.skip, given, clock.end = max(0, given - start), max(given, start), time
        clock.end += frame.samples / frame.sample_rate
        heard += frame.samples / frame.sample_rate
        for piece in mixer.push(frame):
            given += len(piece)
            yield piece
    yield from mixer.end()


class _Mixer:
    """FFmpeg's resampler to one channel of floats, begun anew where the sound's format changes, and after an end; `skip` samples are left out."""

    def __init__(self, rate: int, notes: Notes) -> None:
        self.skip, self._rate, self._notes = 0, rate, notes
        self._resampler: AudioResampler | None = None
        self._kind: tuple[str, str, int] | None = None

    def push(self, frame: AudioFrame) -> Iterator[np.ndarray]:
        kind = frame.format.name, frame.layout.name, frame.sample_rate
        if kind != self._kind:
            yield from self.end()
        if self._resampler is None:
            self._resampler, self._kind = AudioResampler("flt", "mono", self._rate), kind
        yield from self._run(_plain(frame, self._notes))

    def end(self) -> Iterator[np.ndarray]:
        if self._resampler is not None:
            yield from self._run(None)
        self._resampler = None

    def _run(self, frame: AudioFrame | None) -> Iterator[np.ndarray]:
        assert self._resampler is not None
        try:
            pieces = self._resampler.resample(frame)
        except (FFmpegError, ValueError):
            self._notes.failed += frame is not None
            return
        for piece in pieces:
            wave = piece.to_ndarray().reshape(-1)
            if len(wave) and not np.abs(wave).max() <= 1:       # NaN compares false as well
                wave = np.clip(np.nan_to_num(wave, nan=0.0), -1, 1)
            wave, self.skip = wave[self.skip :], max(0, self.skip - len(wave))
            if len(wave):
                yield wave.astype(np.float32)


def _plain(frame: AudioFrame, notes: Notes) -> AudioFrame:
    """The frame without timestamp, without values that are no numbers (the resampler would spread them), and with channels it can mix."""
    frame.pts = None
    channels = frame.layout.nb_channels
    if channels <= MIXED and not frame.format.name.startswith(("flt", "dbl")):
        return frame
    wave: Any = frame.to_ndarray()
    bad = ~np.isfinite(wave)
    if bad.any():
        notes.once("numbers", "sound: values that are no numbers were replaced by silence")
        wave = np.where(bad, 0, wave).astype(wave.dtype)
    elif channels <= MIXED:
        return frame
    layout, form = frame.layout.name, frame.format.name
    if channels > MIXED:
        wave, layout, form = mono(wave.T if frame.format.is_planar else wave.reshape(-1, channels))[None], "mono", "flt"
    plain = AudioFrame.from_ndarray(wave, form, layout)
    plain.sample_rate = frame.sample_rate
    return plain


def mono(wave: np.ndarray) -> np.ndarray:
    """A waveform in one channel, float32."""
    if wave.ndim not in (1, 2):
        raise ShapeError(f"waveform has shape {wave.shape}; expected (samples,) or (samples, channels)")
    if wave.dtype.kind in "iu":
        limits = np.iinfo(wave.dtype)
        wave = (wave.astype(np.float64) - (0 if limits.min else (limits.max + 1) / 2)) / ((limits.max + 1) / (1 if limits.min else 2))
    elif wave.dtype.kind != "f":
        raise ShapeError(f"waveform is {wave.dtype}; expected floats in -1..1 or integers")
    return np.asarray(wave.mean(axis=1) if wave.ndim == 2 else wave, np.float32)
