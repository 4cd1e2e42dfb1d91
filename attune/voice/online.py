"""Voices told apart as they come: each utterance goes to the voice that it is most like, or is a new one; nothing said before is taken back.

`speakers` waits for the whole recording and looks at everything at once; this knows only the past, so it errs more: a voice that is first heard in a short or
noisy utterance may get two names, and an utterance in which two people take turns has one. `benchmarks/speakers.py` measures by how much.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from attune.voice.activity import SAMPLE_RATE
from attune.voice.speakers import KNOWN, centre, together, windowed
from attune.voice.voiceprint import LENGTH, standing, voiceprints

SAME = 0.70                              # least cosine of an utterance and a voice that are one; chosen on readers and on AMI's training excerpts
ENOUGH = 1.0                             # s of an utterance from which a voice may be new, or learns
SHORTEST = 0.1                           # s that a vector is made of


class Voices:
    """Who speaks, utterance by utterance.

    Parameters
    ----------
    speakers
        How many there are at most; "auto": any number.
    book
        name -> vector (256,) of voices that are known.
    """

    def __init__(self, speakers: str | int = "auto", book: Mapping[str, np.ndarray] | None = None) -> None:
        self._most = None if speakers == "auto" else int(speakers)
        self._book = dict(book or {})
        self._heard: dict[str, np.ndarray] = {}          # sums of vectors, by how long each spoke

    @property
    def names(self) -> list[str]:
        """Everybody so far, in the order of appearance."""
        return list(self._heard)

    def utterance(self, wave: np.ndarray) -> str:
        """Whose an utterance is that is over, float (n,) at 16 kHz; "" where it is too short to tell and nobody spoke before. The voice learns from it."""
        vector, seconds = self._vector(wave, standing(wave)), len(wave) / SAMPLE_RATE
        if vector is None:
            return ""
        name, cosine = self._nearest(vector)
        if cosine < SAME and seconds >= ENOUGH and (self._most is None or len(self._heard) < self._most):
            name = self._new(vector)
        if name and (seconds >= ENOUGH or not self._heard):
            self._heard[name] = self._heard.get(name, np.zeros_like(vector)) + min(seconds, 10.0) * vector
        return name

    def going(self, wave: np.ndarray) -> str:
        """Whose an utterance may be that isn't over, by its last `LENGTH` seconds; "" where that isn't clear. Nothing is learned."""
        vector = self._vector(wave[-round(LENGTH * SAMPLE_RATE) :], standing(wave))
        name, cosine = self._nearest(vector) if vector is not None else ("", 0.0)
        return name if cosine >= SAME or len(self._heard) == self._most else ""

    def _vector(self, wave: np.ndarray, noise: np.ndarray) -> np.ndarray | None:
        """Of the voice that speaks most of it, without what stands in the utterance."""
        looks = [(a, b) for a, b in windowed(0.0, len(wave) / SAMPLE_RATE) if b - a >= SHORTEST]
        if not looks:
            return None
        vectors = voiceprints([wave[round(a * SAMPLE_RATE) : round(b * SAMPLE_RATE)] for a, b in looks], noise)
        seconds = np.array([b - a for a, b in looks])
        who = together(vectors, seconds)
        most = int(np.bincount(who, seconds).argmax())
        return centre(vectors[who == most], seconds[who == most])

    def _nearest(self, vector: np.ndarray) -> tuple[str, float]:
        likeness = {name: float(vector @ total / max(float(np.linalg.norm(total)), 1e-9)) for name, total in self._heard.items()}
        return max(likeness.items(), key=lambda x: x[1], default=("", -1.0))

    def _new(self, vector: np.ndarray) -> str:
        """The book's name of a voice that wasn't heard yet, or the next number."""
        near = {name: float(vector @ voice) for name, voice in self._book.items() if name not in self._heard}
        name, cosine = max(near.items(), key=lambda x: x[1], default=("", -1.0))
        if cosine >= KNOWN:
            return name
        number = 1
        while f"speaker {number}" in self._book or f"speaker {number}" in self._heard:
            number += 1
        return f"speaker {number}"
