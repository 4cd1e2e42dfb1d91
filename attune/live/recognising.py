"""The words of utterances, by a recogniser of `text/recognisers`, in a thread of its own: faces and voice aren't held up by it.

An utterance's sound is given to it when the utterance is over, and its words come back later, with their times in the session. One thread a process
hears one utterance after the other, of whoever's session, with one model that stays open. What waits is bounded, the oldest is never lost; sound
is held only until it was heard, or nobody waits for its words any more.
"""

from __future__ import annotations

import threading
import time as clock
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, replace
from types import ModuleType

import numpy as np

from attune import registry
from attune.errors import MissingExtra, SettingError
from attune.measure import SAMPLE_RATE
from attune.settings import Settings
from attune.text import recognisers
from attune.text.transcript import Transcript
from attune.text.units import units, words_of
from attune.types import Segment

WAITING = 120.0                          # s of one session's sound that may wait: 8 MB
EDGE = 0.1                               # s that voice/activity adds to speech at both ends: no word begins or ends there


@dataclass(frozen=True)
class Recognised:
    """What became of an utterance: its words as one segment, with times in the session; None: none were heard, or it failed.

    took (s), of the recogniser alone
    """

    utterance: Segment
    said: Segment | None = None
    language: str = ""
    notes: tuple[str, ...] = ()
    took: float = 0.0
    error: BaseException | None = None


class Recogniser:
    """One session's utterances, on their way to words; they come back in order.

    patient
        Whether `give` waits where there is no room; else the utterance isn't taken.
    """

    def __init__(self, module: ModuleType, language: str, *, patient: bool) -> None:
        self.patient = patient
        self._hear = recognisers.kept(module, language)
        self._under_way: deque[tuple[Segment, Future[Recognised]]] = deque()
        self.give(Segment(0.0, 0.0), np.zeros(SAMPLE_RATE, np.float32), 0.0)         # opens the model before somebody speaks

    @property
    def waiting(self) -> tuple[Segment, ...]:
        """Utterances whose words haven't come back, the oldest first."""
        return tuple(utterance for utterance, _ in self._under_way if utterance.duration)

    def give(self, utterance: Segment, sound: np.ndarray, start: float) -> bool:
        """An utterance that is over, its sound (n,) at 16 kHz, and when (s) that begins; whether it was taken."""
        while (busy := self._busy()) and sum(u.duration for u, _ in busy) + utterance.duration > WAITING:
            if not self.patient:
                return False
            wait([future for _, future in busy], return_when=FIRST_COMPLETED)
        self._under_way.append((utterance, _thread.do(lambda: self._heard(utterance, sound, start))))
        return True

    def done(self, patience: float = 0.0) -> list[Recognised]:
        """What became of the oldest utterances, in order; waits up to `patience` s for all that are under way."""
        if patience > 0:
            wait([future for _, future in self._under_way], patience)
        found = []
        while self._under_way and self._under_way[0][1].done():
            utterance, future = self._under_way.popleft()
            error = future.exception()    # told where the session is, not in a thread that nobody sees
            found.append(future.result() if error is None else Recognised(utterance, error=error))
        return found

    def drop(self) -> int:
        """Nobody waits for the rest any more; how many utterances that is. Their sound is let go of, but for the one that is being heard."""
        left = len(self.waiting)
        _thread.leave(future for _, future in self._under_way)
        self._under_way.clear()
        return left

    def _busy(self) -> list[tuple[Segment, Future[Recognised]]]:
        return [(utterance, future) for utterance, future in self._under_way if not future.done()]

    def _heard(self, utterance: Segment, sound: np.ndarray, start: float) -> Recognised:
        began = clock.perf_counter()
        heard = self._hear(sound)
        return Recognised(utterance, placed(heard, utterance, start), heard.language, heard.notes, clock.perf_counter() - began)


def chosen(name: str, settings: Settings) -> ModuleType:
    """The recogniser of a session, by a name as of `Settings.recogniser`.

    Raises
    ------
    SettingError
        If the session hears no voice, or reads no words.
    UnknownName, MissingExtra
        If there is none of the name, or its library or model isn't on this machine; for auto, if none is.
    """
    for modality in ("voice", "text"):
        if getattr(settings, modality) in (None, "none", ""):
            raise SettingError(f"recogniser={name!r} hears the voice's utterances for the language model, and {modality} is none; leave one of the two out")
    found = recognisers.first(name)
    if found is None:
        install = registry.load(recognisers.FOLDER, "faster_whisper").INSTALL
        raise MissingExtra(f"none of the recognisers is here ({', '.join(registry.names(recognisers.FOLDER))}): {install}")
    return registry.load(recognisers.FOLDER, found)


def placed(heard: Transcript, utterance: Segment, start: float) -> Segment | None:
    """The words of an utterance whose sound began at `start` s, as one segment with the session's times and the utterance's person.

    >>> said = placed(Transcript((Segment(0.5, 0.75, text="Oh,"), Segment(0.75, 1.5, text="really?"))), Segment(3.0, 4.225, "Ada"), 2.75)
    >>> said.person, said.text, [(w.start, w.end) for w in said.words]
    ('Ada', 'Oh, really?', [(3.25, 3.5), (3.5, 4.125)])
    """
    def at(time: float) -> float:
        return min(max(start + time, utterance.start + EDGE), max(utterance.start, utterance.end - EDGE))

    if not utterance.duration:
        return None
    words = tuple(replace(w, start=at(w.start), end=at(w.end), person=utterance.person) for s in heard.segments for w in words_of(s))
    return units([replace(utterance, words=words)], "turn")[0] if words else None


class _Thread:
    """Does one thing after the other, as long as there is something to do; whatever a thing raises is its future's."""

    def __init__(self) -> None:
        self._things: deque[tuple[Future[Recognised], Callable[[], Recognised]]] = deque()
        self._lock, self._running = threading.Lock(), threading.Thread()

    def do(self, thing: Callable[[], Recognised]) -> Future[Recognised]:
        future: Future[Recognised] = Future()
        with self._lock:
            self._things.append((future, thing))
            if not self._running.is_alive():
                self._running = threading.Thread(target=self._run, name="attune recogniser", daemon=True)
                self._running.start()
        return future

    def leave(self, futures: Iterable[Future[Recognised]]) -> None:
        """Don't do these any more, and hold nothing of them; what is being done goes on to its end."""
        with self._lock:
            for future in futures:
                future.cancel()
            self._things = deque(one for one in self._things if not one[0].cancelled())

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._things:
                    self._running = threading.Thread()       # the next thing has a thread of its own
                    return
                future, thing = self._things.popleft()
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(thing())
                except BaseException as error:
                    future.set_exception(error)
            del future, thing                                # the sound


_thread = _Thread()                      # of this process
