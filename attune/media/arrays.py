"""Media from arrays that are there already."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from av.audio.frame import AudioFrame

from attune.errors import MediaError, SettingError, ShapeError
from attune.media.clock import Notes
from attune.media.sound import Sound, mono

Picture = tuple[float, np.ndarray]       # time in s, (h, w, 3) uint8 RGB


class Arrays:
    """The source behind `Media.of`."""

    def __init__(
        self, waveform: np.ndarray | None, sample_rate: int | None, frames: Iterable[Picture] | Callable[[], Iterator[Picture]] | None, name: str
    ) -> None:
        if waveform is None and frames is None:
            raise MediaError("neither waveform nor frames; give one of them, or both")
        self._name, self._frames, self._used = name, frames, False
        self._wave = np.zeros(0, np.float32) if waveform is None else mono(np.asarray(waveform))
        self._rate = sample_rate or 0
        if waveform is not None and self._rate < 1:
            raise SettingError(f"sample_rate={sample_rate!r}; expected the waveform's rate in Hz")
        self._duration = max(_length(frames), len(self._wave) / self._rate if self._rate else 0.0)
        self.facts: dict[str, Any] = {
            "format": "arrays", "start": 0.0, "still": False, "streams": [],
            "video": None if frames is None else {"codec": "arrays"},
            "audio": None if waveform is None else {"codec": "arrays", "sample_rate": self._rate, "channels": 1},
        }

    def duration(self) -> float:
        return self._duration

    def pictures(self, threads: int, notes: Notes, fps: float = math.inf) -> Iterator[tuple[float, float, Callable[[], np.ndarray]]]:
        if isinstance(self._frames, Iterator):
            if self._used:
                raise MediaError(f"the frames of {self._name} were an iterator, which is used up; give a list, or a function that returns an iterator")
            self._used = True
        given: Any = self._frames() if callable(self._frames) else self._frames
        for time, picture in given:
            rgb = np.asarray(picture)
            if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or not rgb.size:
                raise ShapeError(f"the frame at {time} s is {rgb.shape}, {rgb.dtype}; expected (h, w, 3) uint8")
            yield float(time), float(time), lambda rgb=rgb: rgb                        # type: ignore[misc]

    def sounds(self, notes: Notes) -> Iterator[Sound]:
        for first in range(0, len(self._wave), self._rate):
            piece = self._wave[first : first + self._rate]
            frame = AudioFrame.from_ndarray(np.ascontiguousarray(piece[None]), "flt", "mono")
            frame.sample_rate = self._rate
            yield first / self._rate, frame


def _length(frames: Any) -> float:
    """How long a sequence of frames lasts, the last as long as they do on average; 0 if it can't be known beforehand."""
    if not isinstance(frames, Sequence) or not frames:
        return 0.0
    first, last = float(frames[0][0]), float(frames[-1][0])
    return last + (last - first) / max(1, len(frames) - 1)
