"""Where somebody speaks: speech intervals, found while the sound arrives.

Three steps, each a small class with `push`: sound becomes a probability of speech every 32 ms (`Probability`), probabilities
become intervals (`Intervals`), and `Activity` is both together. The network is Silero's (MIT), as the package `silero-vad` carries it, laid out
for many windows a call (`silero`).

Soft speech is speech: the network hardly hears a voice that is recorded far below full scale, so the sound is brought to one level
first, by a gain that knows only the past. The gain lifts noise as well; what isn't a voice still isn't one at that level.

Everything happens on a fixed grid of eight windows, so the way a recording is cut into pushes doesn't change a bit.
"""

from __future__ import annotations

import math
from array import array

import numpy as np

from attune import weights
from attune.errors import SettingError, ShapeError
from attune.voice import silero

SAMPLE_RATE = 16_000                     # Hz; the network's
WINDOW = 512                             # samples: one probability
CONTEXT = 64                             # samples before the window that the network also sees
FRAME = WINDOW / SAMPLE_RATE             # 0.032 s
GROUP = 8                                # windows that are judged together, whatever else is there
STATE = (1, 1, 128)                      # of the network's LSTM, twice: h and c

LEVEL = 0.05                             # rms that the loudest recent window is brought to
MEMORY = 10.0                            # s in which the remembered loudness halves
MOST = 300.0                             # the gain's limit: speech of rms 2e-4 still reaches LEVEL
LOUDEST = 4.0                            # times full scale
DROP = 0.15                              # speech ends this far below the probability at which it begins, as Silero's own reader has it


class Activity:
    """Speech intervals of a stream of sound.

    Parameters
    ----------
    threshold : probability from which a window is speech; it stays speech until `DROP` below
    pause : s; a shorter silence doesn't end an interval
    min_speech : s of speech windows that an interval must hold; less is a click or a cough
    pad : s added on both sides, at most half the pause, so that intervals never overlap
    max_length : s; a longer monologue is cut where speech is least probable, in the later half of that length

    Raises
    ------
    WeightsError
        If the package `silero-vad`, which carries the network, isn't installed.
    SettingError
        If a parameter is out of range.

    >>> activity = Activity()
    >>> activity.push(np.zeros(32000, np.float32)) + activity.close()
    []
    """

    def __init__(
        self, *, threshold: float = 0.5, pause: float = 0.6, min_speech: float = 0.25, pad: float = 0.1, max_length: float = 30.0
    ) -> None:
        self._probability = Probability()
        self._intervals = Intervals(threshold=threshold, pause=pause, min_speech=min_speech, pad=pad, max_length=max_length)

    @property
    def heard(self) -> int:
        """Samples that have been judged; never more than were pushed."""
        return min(self._probability.received, self._intervals.frames * WINDOW)

    @property
    def received(self) -> int:
        """Samples that were pushed."""
        return self._probability.received

    @property
    def going(self) -> tuple[float, float] | None:
        """Start and, so far, end (s) of the speech that is going on."""
        return self._intervals.going

    def push(self, samples: np.ndarray) -> list[tuple[float, float]]:
        """Hear more sound, float (n,) at `SAMPLE_RATE`; the intervals [start, end) in seconds that this closed."""
        return self._intervals.push(self._probability.push(samples))

    def close(self) -> list[tuple[float, float]]:
        """The sound is over; the last intervals."""
        return self._intervals.push(self._probability.close()) + self._intervals.close(self._probability.received / SAMPLE_RATE)

    def speech_in(self, start: float, end: float) -> float:
        """Seconds of speech windows within [start, end), of what was heard so far; pauses inside an interval don't count."""
        first, last = max(0, math.floor(start / FRAME)), math.ceil(end / FRAME)
        spoken = first + np.flatnonzero(np.frombuffer(bytes(self._intervals.speaking[first:last]), np.uint8))
        overlap = np.minimum((spoken + 1) * FRAME, end) - np.maximum(spoken * FRAME, start)
        return float(np.maximum(overlap, 0).sum())

    def power_in(self, start: float, end: float) -> np.ndarray:
        """Mean square of the windows that begin within [start, end), of what was heard so far."""
        first, last = max(0, math.ceil(start / FRAME)), math.ceil(end / FRAME)
        return np.array(self._probability.power[first:last], np.float64)


class Probability:
    """Probability of speech, one for each window of 512 samples.

    `power` holds each window's mean square, before the gain: 4 bytes for 32 ms.
    """

    def __init__(self) -> None:
        self._network = weights.session(silero.path())
        self._h, self._c = np.zeros(STATE, np.float32), np.zeros(STATE, np.float32)
        self._context = np.zeros(CONTEXT, np.float32)
        self._waiting: list[np.ndarray] = []
        self._judged = 0                     # samples that aren't waiting
        self._loudest = 0.0                  # power
        self.power = array("f")
        self.received = 0

    def push(self, samples: np.ndarray) -> np.ndarray:
        """Probabilities (n,) of the windows that are complete, in groups of `GROUP`."""
        samples = finite(samples)
        self.received += len(samples)
        self._waiting.append(samples)
        step, most = GROUP * WINDOW, 16 * GROUP * WINDOW       # many groups in one call give the same bits sooner
        if self.received - self._judged < step:
            return np.zeros(0, np.float32)
        sound = np.concatenate(self._waiting)
        whole = len(sound) - len(sound) % step
        self._waiting, self._judged = [sound[whole:].copy()], self._judged + whole
        return np.concatenate([self._group(sound[i : min(i + most, whole)]) for i in range(0, whole, most)])

    def close(self) -> np.ndarray:
        """Probabilities of what is left; the last window is filled up with zeros."""
        sound = np.concatenate([*self._waiting, np.zeros(0, np.float32)])
        self._waiting = []
        return self._group(np.pad(sound, (0, -len(sound) % WINDOW))) if len(sound) else np.zeros(0, np.float32)

    def _group(self, sound: np.ndarray) -> np.ndarray:
        windows = sound.reshape(-1, WINDOW)
        power = np.square(windows, dtype=np.float64).mean(axis=1)
        self.power.extend(power.tolist())
        before = np.vstack([self._context, windows[:-1, -CONTEXT:]])
        self._context = windows[-1, -CONTEXT:].copy()
        heard = np.hstack([before, windows]) * self._gains(power)[:, None]
        p, self._h, self._c = self._network.run(None, {"input": heard, "h": self._h, "c": self._c})
        return np.asarray(p, np.float32).reshape(-1)

    def _gains(self, power: np.ndarray) -> np.ndarray:
        """A gain for each window: lifts the loudest of the recent windows to `LEVEL`, and never turns anything down."""
        forget = 0.5 ** (2 * FRAME / MEMORY)             # of power, so that the level halves in MEMORY
        gains = np.empty(len(power), np.float32)
        for i, p in enumerate(power.tolist()):
            self._loudest = max(self._loudest * forget, p)
            gains[i] = min(MOST, max(1.0, LEVEL / math.sqrt(self._loudest))) if self._loudest > 0 else 1.0
        return gains


class Intervals:
    """Intervals [start, end) from probabilities; see `Activity` for the parameters.

    `speaking` holds a 1 for every window that is speech, `frames` counts the windows.

    >>> intervals = Intervals(pause=0.1, min_speech=0.06, pad=0)
    >>> intervals.push(np.array([0, 0.9, 0.9, 0, 0, 0, 0, 0.9]))
    [(0.032, 0.096)]
    """

    def __init__(
        self, *, threshold: float = 0.5, pause: float = 0.6, min_speech: float = 0.25, pad: float = 0.1, max_length: float = 30.0
    ) -> None:
        for name, value, low in (("pause", pause, FRAME / 2), ("min_speech", min_speech, 0), ("pad", pad, 0), ("max_length", max_length, 1)):
            if not (math.isfinite(value) and value >= low):
                raise SettingError(f"{name}={value!r}; expected seconds, at least {low:g}")
        if not 0 < threshold < 1:
            raise SettingError(f"threshold={threshold!r}; expected a probability between 0 and 1")
        self.begin, self.end = threshold, max(threshold - DROP, threshold / 2)
        self.pause = math.ceil(pause / FRAME - 1e-9)     # windows
        self.pad = min(pad, pause / 2)                   # s
        self.min_speech = min_speech                     # s
        self.longest = max(2, math.floor((max_length - 2 * self.pad) / FRAME))
        self.speaking = bytearray()
        self._start: int | None = None                   # first window of the open interval
        self._silence: int | None = None                 # first window of the silence it may end with
        self._follows = False                            # it goes on where a cut ended the one before
        self._seen: list[float] = []                     # probabilities since start

    @property
    def frames(self) -> int:
        return len(self.speaking)

    @property
    def going(self) -> tuple[float, float] | None:
        """Start of the speech that is going on, and up to where it was heard, s; None in silence, and while it may still be a click."""
        if self._start is None:
            return None
        end = self.frames if self._silence is None else self._silence
        if sum(self.speaking[self._start : end]) * FRAME < self.min_speech and not self._follows:
            return None
        return (self._start * FRAME if self._follows else max(0.0, self._start * FRAME - self.pad)), end * FRAME

    def push(self, probabilities: np.ndarray) -> list[tuple[float, float]]:
        """The intervals that these windows close."""
        closed = []
        for p in np.asarray(probabilities, np.float64).tolist():
            interval = self._step(p)
            if interval is not None:
                closed.append(interval)
        return closed

    def close(self, duration: float) -> list[tuple[float, float]]:
        """The open interval, if any; nothing reaches beyond `duration` seconds."""
        if self._start is None:
            return []
        interval = self._finish(self.frames if self._silence is None else self._silence)
        return [(interval[0], min(interval[1], duration))] if interval and interval[0] < duration else []

    def _step(self, p: float) -> tuple[float, float] | None:
        at = self.frames
        if self._start is None and p >= self.begin:
            self._start, self._seen, self._follows = at, [], False
        if self._start is not None:
            self._seen.append(p)
            if p >= self.begin:
                self._silence = None
            elif p < self.end and self._silence is None:
                self._silence = at
        self.speaking.append(self._start is not None and self._silence is None)
        if self._start is None:
            return None
        if self._silence is not None and at + 1 - self._silence >= self.pause:
            return self._finish(self._silence)
        return self._cut() if len(self._seen) >= self.longest else None

    def _finish(self, end: int) -> tuple[float, float] | None:
        """End the open interval before window `end`; None if it holds too little speech."""
        assert self._start is not None
        start, follows = self._start, self._follows
        self._start = self._silence = None
        spoken = sum(self.speaking[start:end]) * FRAME
        # what is left over after a cut belongs to the speech before it, however short it is
        if spoken < self.min_speech and not (follows and spoken > 0):
            return None
        return (start * FRAME if follows else max(0.0, start * FRAME - self.pad)), end * FRAME + self.pad

    def _cut(self) -> tuple[float, float]:
        """End the open interval at the least probable window of its later half, and open the next one there."""
        assert self._start is not None
        half = len(self._seen) // 2
        at = half + int(np.argmin(self._seen[half:]))
        first = (self._start * FRAME if self._follows else max(0.0, self._start * FRAME - self.pad)), (self._start + at) * FRAME
        self._start, self._seen, self._follows = self._start + at, self._seen[at:], True
        if self._silence is not None:
            self._silence = max(self._silence, self._start)
        return first


def finite(samples: np.ndarray) -> np.ndarray:
    """Sound as float32 (n,); a sample that is no number is silence, one beyond `LOUDEST` is cut there.

    Raises
    ------
    ShapeError
        If it isn't one row of numbers.
    """
    samples = np.asarray(samples, dtype=np.float32)
    if samples.ndim != 1:
        raise ShapeError(f"samples have shape {samples.shape}, expected (n,): one channel")
    if len(samples) and max(samples.max(), -samples.min()) <= LOUDEST:      # what is no number compares false
        return samples.copy()
    return np.asarray(np.clip(np.nan_to_num(samples, nan=0.0, posinf=0.0, neginf=0.0), -LOUDEST, LOUDEST))
