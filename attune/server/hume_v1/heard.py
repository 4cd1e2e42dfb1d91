"""Sound in the words of the API v1: utterances, and measurements of their last ten seconds while they go on and when they end.

Everything is decided on the grid on which speech is found (`GRID`), never by how the sound was cut into messages.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from attune.errors import SettingError
from attune.fusion import reach
from attune.measure import Listening, load_models
from attune.server.hume_v0.predicted import SPOKEN, Scores
from attune.settings import Settings
from attune.types import Estimates
from attune.voice.activity import GROUP, WINDOW

GRID = GROUP * WINDOW                    # samples, 256 ms
SPAN = 10.0                              # s of an utterance that a measurement covers at most
ANEW = 1.0                               # s after a measurement from which an utterance's end is worth another
LEAST = 0.1                              # probability from which an expression is told
DIGITS = 4
NO_ATTRIBUTES = "no model here gives qualities of the voice"

Event = dict[str, Any]


class Hearing:
    """One run's sound.

    timer : s of speech between two measurements
    """

    def __init__(self, settings: Settings, timer: float) -> None:
        chosen = replace(settings, face=None, text=None, granularity="utterance", baseline=None)
        model = load_models(chosen).get("voice")
        if model is None:
            raise SettingError("this server measures no voices")
        self._listening = Listening(model, chosen, [], remember=False)       # no units: what is measured, and when, is decided here
        self._stream, self._timer = self._listening.stream, timer
        self._waiting = np.zeros(0, np.float32)
        self._open: float | None = None                       # start of the utterance that goes on
        self._next = self._measured = 0.0                     # when it is measured next, and up to where it was
        self._ended = 0                                       # intervals of speech that are told
        self.utterances = self.measurements = 0

    def push(self, samples: np.ndarray) -> list[Event]:
        """More sound, float (n,) at 16 kHz; what happened in it."""
        self._waiting = np.concatenate([self._waiting, samples])
        told: list[Event] = []
        whole = len(self._waiting) - len(self._waiting) % GRID
        for at in range(0, whole, GRID):
            self._listening.push(self._waiting[at : at + GRID])
            told += self._step()
        self._waiting = self._waiting[whole:]
        return told

    def close(self) -> list[Event]:
        """The sound is over."""
        if len(self._waiting):
            self._listening.push(self._waiting)
            self._waiting = self._waiting[:0]
        self._listening.close()
        return self._step()

    def _step(self) -> list[Event]:
        told: list[Event] = []
        for start, end in self._stream.speech[self._ended :]:
            told += self._begun(start)
            if not self._measured or end - self._measured >= ANEW:
                told.append(self._measurement(start, end, "speech_ended"))
            told.append({"type": "utterance.end", "utterance_id": self.utterances - 1, "audio_start_ms": ms(start), "audio_end_ms": ms(end)})
            self._open = None
        self._ended = len(self._stream.speech)
        going = self._stream.going
        if going is not None:
            told += self._begun(going[0])
            while going[1] >= self._next:
                told.append(self._measurement(going[0], self._next, "interval"))
                self._next += self._timer
        return told

    def _begun(self, start: float) -> list[Event]:
        if self._open is not None:
            return []
        self._open, self._next, self._measured = start, start + self._timer, 0.0
        self.utterances += 1
        return [{"type": "utterance.start", "utterance_id": self.utterances - 1, "audio_start_ms": ms(start)}]

    def _measurement(self, start: float, end: float, trigger: str) -> Event:
        first = max(start, end - SPAN)
        unit = self._stream.listen(first, end)
        self._measured = end
        self.measurements += 1
        return {"type": "measurement.result", "measurement_id": self.measurements - 1, "utterance_id": self.utterances - 1, "audio_start_ms": ms(first),
                "audio_end_ms": ms(end), "trigger": trigger, **told_of(self._listening.estimates([unit])), "voice_attributes": [],
                "missing": {"voice_attributes": NO_ATTRIBUTES}, **({"reason": unit.reason} if unit.reason else {})}


def told_of(rows: Estimates, i: int = 0) -> dict[str, Any]:
    """`expressions` of one row, the likeliest first, and what we say beside them."""
    scores = Scores.of([rows, *(p for p in reach([rows], "vad") if p.projected)], SPOKEN, fill=False)
    found = [{"name": e["name"].lower(), "probability": round(e["score"], DIGITS), "basis": e["basis"]} for e in scores.emotions(i) if e["score"] > LEAST]
    return {"expressions": sorted(found, key=lambda e: (-e["probability"], e["name"])), **scores.rest(i)}


def ms(seconds: float) -> int:
    return round(seconds * 1000)
