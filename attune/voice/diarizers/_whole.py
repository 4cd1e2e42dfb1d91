"""What diarizers that need the whole sound share: it is kept until it is over, and their speakers get the names of the book, or numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from attune.types import Segment
from attune.voice import voiceprint
from attune.voice.activity import SAMPLE_RATE, finite
from attune.voice.speakers import joined, named

TOUCH = 0.05                             # s between two turns of a speaker that are one
ENOUGH = 20.0                            # s of a speaker, alone, from which a voiceprint is made

Told = Callable[[np.ndarray, int | None], Sequence[Segment]]


class Whole:
    """Sound in, turns out, once it is over: 230 MB an hour until then.

    told
        (samples (n,) float32 at 16 kHz, how many speakers or None) -> turns whose persons are any names.
    """

    def __init__(self, told: Told) -> None:
        self._told, self._heard, self._n = told, list[np.ndarray](), 0

    @property
    def duration(self) -> float:
        """Seconds of sound pushed so far."""
        return self._n / SAMPLE_RATE

    def push(self, samples: np.ndarray) -> None:
        """Hear more sound, float (n,) at 16 kHz."""
        self._heard.append(finite(samples))
        self._n += len(samples)

    def close(self) -> None:
        """The sound is over."""

    def turns(self, speakers: str | int = "auto", book: Mapping[str, np.ndarray] | None = None) -> list[Segment]:
        """As `Diarizer.turns`."""
        if not self._n:
            return []
        wave = np.concatenate(self._heard)
        told = self._told(wave, None if speakers == "auto" else int(speakers))
        turns = sorted((t for t in told if t.end > t.start), key=lambda t: (t.start, t.end))
        voices = {who: alone(wave, turns, who) for who in dict.fromkeys(t.person for t in turns)} if book else {}
        names = named(list(dict.fromkeys(t.person for t in turns)), voices, book or {})
        by_one = [joined([replace(t, person=names[who]) for t in turns if t.person == who], TOUCH) for who in names]
        return sorted((t for turns in by_one for t in turns), key=lambda t: (t.start, t.end))


def alone(wave: np.ndarray, turns: Sequence[Segment], who: str) -> np.ndarray:
    """The voiceprint (256,) of a speaker, from windows in which nobody else speaks as far as there are any; zeros where nothing is long enough."""
    own, others = [t for t in turns if t.person == who], [t for t in turns if t.person != who]
    clean = [(a, b) for t in own for a, b in pairwise(sorted({t.start, t.end, *(x for o in others for x in (o.start, o.end) if t.start < x < t.end)}))
             if not any(o.start < (a + b) / 2 < o.end for o in others)]
    looks = _looks(clean) or _looks([(t.start, t.end) for t in own])
    waves = [wave[round(a * SAMPLE_RATE) : round(b * SAMPLE_RATE)] for a, b in looks[: round(ENOUGH / voiceprint.LENGTH)]]
    vectors = voiceprint.voiceprints([w for w in waves if len(w) >= SAMPLE_RATE // 10])
    total = vectors.sum(axis=0)
    return np.asarray(total / max(float(np.linalg.norm(total)), 1e-9), np.float32)


def _looks(stretches: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Windows of a voiceprint's length, and what is left over if it isn't too little."""
    cut = [(a, min(a + voiceprint.LENGTH, end)) for start, end in stretches for a in np.arange(start, end, voiceprint.LENGTH).tolist()]
    return [(a, b) for a, b in cut if b - a >= voiceprint.LENGTH / 4]
