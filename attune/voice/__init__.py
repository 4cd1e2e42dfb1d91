"""Expression in the voice: sound passes through once, and each stretch of speech gets a row.

`VoiceStream` puts time around a voice model, which knows nothing of it. Sound is pushed as it comes; speech is found (`activity`);
the units, from a transcript, from the speech itself, or windows, are measured as soon as they are over. Only the last forty seconds
or so of sound are kept, however long the recording is or a unit lasts, and the numbers don't depend on how the sound was cut.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from attune.errors import SettingError
from attune.settings import Settings
from attune.taxonomy import taxonomy
from attune.types import Segment
from attune.voice.activity import SAMPLE_RATE, Activity, finite

LONGEST = 30.0                           # s given to the model at once; longer units are measured in equal pieces and averaged
STEP = SAMPLE_RATE                       # samples handled at once, so that a whole file in one push needs no more memory than chunks
SILENCE = 1e-5                           # rms; a third of the smallest step of 16 bits
VOICED = 0.1                             # s of speech that a window must hold, or half of a window shorter than twice that

# quality
BACKGROUND = 5.0                         # s before a unit in which its background is looked for
CLEAR = 20.0                             # dB of speech above the background from which noise costs nothing
CLIPPED = 0.999                          # of full scale
SPOILT = 0.1                             # share of clipped samples from which nothing is left
AMPLE = 1.0                              # s of sound from which shortness costs nothing

TOO_SHORT, SILENT, NO_SPEECH = "too short", "silence", "no speech"
BEYOND, UNMEASURED = "beyond the end of the sound", "the model gave no value"


class Heard(NamedTuple):
    """A unit and what was measured in it: values (k,), NaN with a reason if nothing could be; quality 0..1."""

    segment: Segment
    values: np.ndarray
    quality: float
    reason: str


class VoiceStream:
    """Sound in, measured units out.

    Parameters
    ----------
    model
        A module of `voice/models`, or None: units are found but nothing is measured in them (k = 0).
    settings
        `pause`, `speech`, and with granularity "window" also `window` and `hop`, are used.
    segments
        Units that are known already, from a transcript with times: in any order, overlapping, thousands. Without them the units
        are the utterances that are heard, or windows over the whole recording.
    together
        Stretches of sound that the model is asked about at once: units then wait for each other, and come a few later.

    Raises
    ------
    WeightsError
        If the speech detector's network or the model's weights aren't there.
    SettingError
        If the model doesn't listen at 16 kHz.

    >>> stream = VoiceStream(None, Settings())
    >>> stream.push(np.zeros(16000, np.float32)) + stream.close(), stream.speech
    ([], [])
    """

    def __init__(self, model: ModuleType | Any | None, settings: Settings, segments: Sequence[Segment] | None = None, *, together: int = 1) -> None:
        self._activity = Activity(threshold=settings.speech, pause=settings.pause, max_length=LONGEST)
        if model is not None and model.SAMPLE_RATE != SAMPLE_RATE:
            raise SettingError(f"the voice model listens at {model.SAMPLE_RATE} Hz, expected {SAMPLE_RATE}")
        self._model: Callable[[list[np.ndarray]], np.ndarray] | None = model.load() if model is not None else None
        self._shortest = round(model.MIN_SECONDS * SAMPLE_RATE) if model is not None else 1
        self._k = sum(len(taxonomy(name)) for name in model.TAXONOMIES) if model is not None else 0
        self._tape = _Tape(round((LONGEST + settings.pause) * SAMPLE_RATE) + 2 * STEP)
        self._due: list[tuple[float, int, _Unit]] = []   # by the time at which the next piece is over
        self._together, self._unasked = together, list[tuple[_Unit, np.ndarray, float]]()      # with what was heard, and how well
        self._over: list[_Unit] = []                     # as far as pieces of theirs are among these
        self._count = 0
        self._windows = _windows(settings) if segments is None and settings.granularity == "window" else None
        self._next_window = next(self._windows) if self._windows else None
        self._by_ear = segments is None and self._windows is None
        for segment in segments or ():
            self._expect(segment)
        self.speech: list[tuple[float, float]] = []

    @property
    def duration(self) -> float:
        """Seconds of sound pushed so far."""
        return self._activity.received / SAMPLE_RATE

    @property
    def judged(self) -> float:
        """Seconds of sound of which it is known whether somebody spoke."""
        return self._activity.heard / SAMPLE_RATE

    @property
    def going(self) -> tuple[float, float] | None:
        """Start and, so far, end (s) of the speech that is going on; None in silence."""
        return self._activity.going

    def listen(self, start: float, end: float) -> Heard:
        """Measure a stretch of the last `LONGEST` seconds now, whatever the units are: live use doesn't wait for an utterance's end."""
        unit = _Unit(Segment(start, end))
        while unit.next < unit.pieces:
            self._measure(unit)
        self._ask()
        return unit.result(None, self._k)

    def sound(self, start: float, end: float) -> np.ndarray:
        """What was heard, (n,) at 16 kHz, of the last `LONGEST` seconds."""
        return self._tape.read(round(start * SAMPLE_RATE), round(end * SAMPLE_RATE))

    def push(self, samples: np.ndarray) -> list[Heard]:
        """Hear more sound, float (n,) at 16 kHz; the units that this finished, in the order of their ends."""
        samples, done = finite(samples), []
        for at in range(0, len(samples), STEP):
            chunk = samples[at : at + STEP]
            self._tape.append(chunk)
            done += self._advance(self._activity.push(chunk))
        return done

    def close(self) -> list[Heard]:
        """The sound is over; what is left, ending with it."""
        return self._advance(self._activity.close(), over=True)

    def _advance(self, speech: list[tuple[float, float]], over: bool = False) -> list[Heard]:
        """Queue the units that are known now, and measure those whose sound is complete and judged."""
        self.speech += speech
        heard = self._activity.heard / SAMPLE_RATE
        if self._by_ear:
            for start, end in speech:
                self._expect(Segment(start, end))
        while self._next_window and self._windows and self._next_window.start < heard:
            self._expect(self._next_window)
            self._next_window = next(self._windows)
        while self._due and (over or self._due[0][0] <= heard):
            _, number, unit = heapq.heappop(self._due)
            self._measure(unit)
            if unit.next < unit.pieces and not (over and unit.piece()[0] >= self.duration):
                heapq.heappush(self._due, (unit.piece()[1], number, unit))
            else:
                self._over.append(unit)
        if over:
            self._ask()
        if self._unasked:
            return []
        done, self._over = [unit.result(self.duration if over else None, self._k) for unit in self._over], []
        return done

    def _expect(self, segment: Segment) -> None:
        unit = _Unit(segment)
        heapq.heappush(self._due, (unit.piece()[1], self._count, unit))
        self._count += 1

    def _measure(self, unit: _Unit) -> None:
        """Measure the next piece of a unit, or have it wait until there are enough to ask the model about."""
        start, end = unit.piece()
        unit.next += 1
        sound = self._tape.read(round(start * SAMPLE_RATE), round(end * SAMPLE_RATE))
        unit.sound += len(sound)
        reason = self._why_not(unit.segment, start, end, sound)
        if reason:
            unit.reasons.append(reason)
            return
        before = self._activity.power_in(max(0.0, start - BACKGROUND), end)
        self._unasked.append((unit, sound, quality(sound, background=float(np.percentile(before, 10)) if len(before) else 0.0)))
        if len(self._unasked) >= self._together:
            self._ask()

    def _ask(self) -> None:
        """What the model says of the stretches that wait, to their units."""
        asked, self._unasked = self._unasked, []      # at once: what fails isn't asked again with what comes next
        said = self._model([sound for _, sound, _ in asked]) if self._model is not None and asked else [None] * len(asked)
        for (unit, sound, good), values in zip(asked, said, strict=True):
            values = None if values is None else np.asarray(values, np.float32)
            if values is not None and np.isnan(values).all():
                unit.reasons.append(UNMEASURED)
                continue
            if values is not None:
                unit.values.append((values, len(sound)))
            unit.quality.append((good, len(sound)))

    def _why_not(self, segment: Segment, start: float, end: float, sound: np.ndarray) -> str:
        """Why a stretch can't be measured, or nothing."""
        if len(sound) < max(1, self._shortest):
            cut_off = end > self.duration and round((end - start) * SAMPLE_RATE) >= self._shortest
            last_window = segment.kind == "window" and start < self.duration
            return BEYOND if cut_off and not last_window else TOO_SHORT
        if math.sqrt(np.square(sound, dtype=np.float64).mean()) < SILENCE:
            return SILENT
        if segment.kind == "window" and self._activity.speech_in(start, end) < min(VOICED, (end - start) / 2):
            return NO_SPEECH
        return ""


def quality(sound: np.ndarray, *, background: float) -> float:
    """How well a voice can be heard, 0..1: clearness x wholeness x length.

    Clearness is the speech's power above the background's, 0 dB to `CLEAR` dB; wholeness falls with the share of clipped samples,
    gone at `SPOILT`; length is seconds of sound, up to `AMPLE`. Level has no part: a soft voice in a quiet room is heard well.

    Parameters
    ----------
    sound : (n,) at 16 kHz
    background : power (mean square) of what is heard when nobody speaks; the tenth percentile of the surroundings

    >>> tone = 0.1 * np.sin(np.arange(16000)).astype(np.float32)
    >>> round(quality(tone, background=0.0), 2), round(quality(tone[:4000], background=5e-5), 2)
    (1.0, 0.25)
    """
    power = float(np.square(sound, dtype=np.float64).mean()) if len(sound) else 0.0
    if power <= 0:
        return 0.0
    above = max(power - background, 0.0)
    db = math.inf if background <= 0 else 10 * math.log10(above / background) if above > 0 else -math.inf
    clear = min(1.0, max(0.0, db / CLEAR))
    clipped = float(np.mean(np.abs(sound) >= CLIPPED))
    whole = max(0.0, 1 - clipped / SPOILT)
    return clear * whole * min(1.0, len(sound) / SAMPLE_RATE / AMPLE)


class _Tape:
    """The last sound that was heard, at least `kept` samples of it, in blocks."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._blocks: deque[np.ndarray] = deque()
        self._new: list[np.ndarray] = []
        self._start = self._settled = self._end = 0      # of the first block, of the new chunks, of all, in samples

    def append(self, chunk: np.ndarray) -> None:
        self._new.append(chunk)
        self._end += len(chunk)
        if self._end - self._settled >= STEP // 4:
            self._settle()

    def read(self, first: int, last: int) -> np.ndarray:
        """Samples first to last, as far as they were heard and are kept."""
        self._settle()
        parts, at = [np.zeros(0, np.float32)], self._start
        for block in self._blocks:
            if at < last and at + len(block) > first:
                parts.append(block[max(0, first - at) : max(0, last - at)])
            at += len(block)
        return np.concatenate(parts)

    def _settle(self) -> None:
        if self._new:
            self._blocks.append(np.concatenate(self._new))
            self._new, self._settled = [], self._end
        while self._blocks and self._start + len(self._blocks[0]) <= self._end - self._kept:
            self._start += len(self._blocks.popleft())


@dataclass
class _Unit:
    """A segment on its way: equal pieces of at most `LONGEST` seconds, and what they gave."""

    segment: Segment
    next: int = 0
    sound: int = 0
    values: list[tuple[np.ndarray, int]] = field(default_factory=list)
    quality: list[tuple[float, int]] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    @property
    def start(self) -> float:
        return max(0.0, self.segment.start)

    @property
    def end(self) -> float:
        return max(0.0, self.segment.end)

    @property
    def pieces(self) -> int:
        return max(1, math.ceil((self.end - self.start) / LONGEST - 1e-9))

    def piece(self) -> tuple[float, float]:
        """Start and end of the next piece, s."""
        length = (self.end - self.start) / self.pieces
        return self.start + self.next * length, self.end if self.next == self.pieces - 1 else self.start + (self.next + 1) * length

    def result(self, duration: float | None, k: int) -> Heard:
        """The mean of the pieces, each weighed by its sound; NaN with the first reason if there is none.

        duration
            Of the recording, once it is over: the last windows end with it.
        """
        segment, nothing = self.segment, np.full(k, np.nan, np.float32)
        if duration is not None and segment.kind == "window" and segment.end > duration:
            segment = replace(segment, end=duration)
        if not self.quality:
            return Heard(segment, nothing, 0.0, self.reasons[0])
        share = [n for _, n in self.quality]
        mean = float(np.average([q for q, _ in self.quality], weights=share)) * sum(share) / max(1, self.sound)
        if len(self.values) < 2:
            return Heard(segment, self.values[0][0] if self.values else nothing, mean, "")
        values = np.average([v for v, _ in self.values], axis=0, weights=[n for _, n in self.values])
        return Heard(segment, values.astype(np.float32), mean, "")


def _windows(settings: Settings) -> Iterator[Segment]:
    """Windows one after the other, without end."""
    hop, i = settings.hop or settings.window, 0
    while True:
        yield Segment(i * hop, i * hop + settings.window, kind="window")
        i += 1
