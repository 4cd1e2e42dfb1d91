"""Which words of a session hold: those that a recogniser hears of each utterance, and those that somebody else pushes, who is right where both speak."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from attune.live.recent import KEPT
from attune.live.recognising import EDGE, WAITING, Recognised, Recogniser, chosen
from attune.settings import Settings
from attune.text.units import join, words_of
from attune.types import Segment

AROUND = 0.2                             # s heard before and after an utterance, as far as nobody speaks there
LATE = 5.0                               # s after an utterance's end from which its words come late
BEHIND, UNFINISHED = "the recogniser fell behind", "the session ended before"

log = logging.getLogger("attune.live")


class Words:
    """The recognised words of a session, and what stands in their way.

    name
        As of `Settings.recogniser`.
    record
        Whether all are kept, not only the last ones.
    patient
        Whether to wait where there is no room for a further utterance; else its words are missing, and `notes` says so.

    Raises
    ------
    SettingError, UnknownName, MissingExtra
        As `recognising.chosen`.
    """

    def __init__(self, name: str, settings: Settings, *, record: bool, patient: bool) -> None:
        module = chosen(name, settings)
        self.name, self.title, self._record = module.__name__.rpartition(".")[2], str(module.TITLE), record
        self._asked_for, self._languages = settings.language, Counter[str]()
        self._recogniser = Recogniser(module, settings.language, patient=patient)
        self._recognised: list[Segment] = []
        self._pushed: list[Segment] = []
        self._remarks: tuple[str, ...] | None = None          # of the recogniser, as far as it makes them of every utterance
        self._missing: Counter[str] = Counter()               # why utterances have no words -> how many
        self._told: set[str] = set()

    @property
    def language(self) -> str:
        """That was asked for, else the one that most utterances were heard in; empty before the first."""
        return self._asked_for or next((language for language, _ in self._languages.most_common(1)), "")

    @property
    def waiting(self) -> int:
        """Utterances whose words are on their way."""
        return len(self._recogniser.waiting)

    def late(self, now: float) -> bool:
        """Whether words come late: the oldest utterance that waits ended more than `LATE` s ago."""
        waiting = self._recogniser.waiting
        return bool(waiting) and now - waiting[0].end > LATE

    def give(self, utterance: Segment, sound: np.ndarray, start: float) -> None:
        """An utterance that is over, with its sound (n,) at 16 kHz from `start` s on."""
        if not self._recogniser.give(utterance, sound, start):
            self._missing[BEHIND] += 1

    def done(self, patience: float = 0.0, *, wanted: bool = True) -> tuple[list[tuple[Segment, Recognised]], list[str]]:
        """Words that came, each with what it is from, and what must be told of those that didn't: once. Waits up to `patience` s for all.

        wanted
            Whether words are wanted just now; else they are dropped.
        """
        found, told = [], []
        for one in self._recogniser.done(patience):
            if one.error is not None:
                told += self._failed(one.error, count=one.utterance.duration > 0)
            elif one.said is not None and wanted:
                self._languages[one.language] += 1
                self._remarks = one.notes if self._remarks is None else tuple(n for n in self._remarks if n in one.notes)
                said = beside(one.said, self._pushed)
                if said is not None:
                    self._recognised.append(said)
                    found.append((said, one))
        return found, told

    def push(self, said: Segment) -> list[tuple[Segment, Segment | None]]:
        """Words that somebody else recognised; what was recognised here and doesn't hold any more, each with what is left of it, if anything."""
        self._pushed.append(said)
        now = {i: beside(one, [said]) for i, one in enumerate(self._recognised) if one.end > said.start and one.start < said.end}
        changed = [(self._recognised[i], left) for i, left in now.items() if left is not self._recognised[i]]
        held = (now.get(i, one) for i, one in enumerate(self._recognised))
        self._recognised = [one for one in held if one is not None]
        return changed

    def forget(self, now: float) -> None:
        """Drop what is old, unless it is recorded."""
        if not self._record:
            self._recognised = [s for s in self._recognised if s.end > now - KEPT]
            self._pushed = [s for s in self._pushed if s.end > now - KEPT - WAITING]

    def over(self) -> list[Segment]:
        """All that was recognised and holds; what is still under way is given up."""
        left = self._recogniser.drop()
        if left:
            self._missing[UNFINISHED] += left
        return list(self._recognised)

    def notes(self) -> list[str]:
        """What a recording must say of its words."""
        notes = [f"words recognised by {self.title}, utterance by utterance", *(self._remarks or ())]
        if not self._asked_for and self._languages:
            heard = ", ".join(f"{language or 'unknown'} ({count})" for language, count in self._languages.most_common())
            notes.append(f"languages detected, and in how many utterances: {heard}")
        missing = {why: f"{count} {'utterance' if count == 1 else 'utterances'}" for why, count in self._missing.items() if count}
        return notes + [f"the words of {number} weren't recognised: {why}" for why, number in missing.items()]

    def _failed(self, error: BaseException, *, count: bool) -> list[str]:
        """The recogniser failed, on an utterance or before the first: told once, counted each time."""
        why = f"unexpected {type(error).__name__} of {self.title}"       # what it says may name folders of this machine: that is logged here
        self._missing[why] += count
        if why in self._told:
            return []
        self._told.add(why)
        log.warning("words weren't recognised", exc_info=error)
        return [f"Words aren't recognised: {why}. The session goes on without them."]


def surroundings(speech: Sequence[tuple[float, float]], i: int, going: float | None, pause: float) -> tuple[float, float]:
    """From when to when (s) the i-th stretch of speech is heard: `AROUND` more on both sides, but nothing that another stretch holds the speech of.

    speech, going
        Stretches that are over, (start, end) as `voice/activity` gives them, and the start of one that isn't.
    pause
        s of silence that end a stretch, of which `EDGE` s, at most half, belong to it. Speech longer than 30 s is cut instead: the next begins at its end.

    >>> surroundings([(1.0, 3.0), (3.25, 5.0)], 1, None, 0.6), surroundings([(0.0, 29.0)], 0, 29.0, 0.6), surroundings([(1.0, 3.0)], 0, None, 0.25)
    ((3.05, 5.2), (0.0, 29.0), (0.8, 3.15))
    """
    start, end = speech[i]
    before = speech[i - 1][1] if i else 0.0
    after = speech[i + 1][0] if i + 1 < len(speech) else going
    silent = 0.0 if after is not None and after <= end else pause - min(EDGE, pause / 2)
    return max(before, start - AROUND), end + min(AROUND, silent)


def beside(said: Segment, given: Sequence[Segment]) -> Segment | None:
    """What was recognised without what somebody else gave the words of; None where that is half of it or more.

    >>> said = Segment(0, 2, text="I am so glad.")
    >>> beside(said, [Segment(5, 6)]) is said, beside(said, [Segment(0, 1.2)]), beside(said, [Segment(0, 0.3)]).text
    (True, None, 'am so glad.')
    """
    words = words_of(said)
    left = [w for w in words if not any(g.start <= (w.start + w.end) / 2 <= g.end for g in given)]
    if len(left) == len(words):
        return said
    if 2 * len(left) <= len(words):
        return None
    return replace(said, start=left[0].start, end=max(w.end for w in left), text=join([w.text for w in left]), words=tuple(left))
