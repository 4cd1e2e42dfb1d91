"""The last three quarters of a minute of a live session: enough to fuse what is going on and to say it, and never more.

The functions are those of a whole recording (`timeline.link`, `measure.fused`, `describe`), on less of it. Who speaks is therefore told from
these seconds alone; the recording, which knows the rest, may join voices and faces otherwise.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from attune import timeline
from attune.describe import describe
from attune.fusion import reach
from attune.live.told import Fused
from attune.measure import fused
from attune.types import SOMEONE, Estimates, Faces, Modality, Recording, Segment

KEPT = 45.0                              # s; an utterance has at most thirty, and its words may come a little later
SENTENCES = 2                            # people spoken of at once


class Recent:
    """What was measured lately, by modality."""

    def __init__(self) -> None:
        self._sets: dict[str, Estimates] = {}
        self._going: list[Estimates] = []                     # of the voice, where the utterance isn't over

    def add(self, estimates: Estimates) -> None:
        """Rows that stay as they are, of one model in one taxonomy."""
        before = self._sets.get(estimates.name)
        self._sets[estimates.name] = estimates if before is None or before.model != estimates.model else Estimates.join([before, estimates])

    def going(self, estimates: list[Estimates]) -> None:
        """Rows of the utterance that isn't over, instead of those before; none once it is."""
        self._going = estimates

    def forget(self, time: float) -> None:
        """Drop what is old by now."""
        self._sets = {name: e.where(e.end > time - KEPT) for name, e in self._sets.items() if len(e)}

    def drop(self, modality: Modality) -> None:
        """A modality is muted: its rows are gone."""
        self._sets = {name: e for name, e in self._sets.items() if e.modality != modality}
        self._going = [e for e in self._going if e.modality != modality]

    def without(self, modality: Modality, start: float, end: float) -> None:
        """A row of exactly this stretch was told, and doesn't hold any more."""
        self._sets = {name: e if e.modality != modality else e.where(~((e.start == start) & (e.end == end))) for name, e in self._sets.items()}

    def link(self) -> timeline.Link:
        """Whose voice is whose face, as far as these seconds tell."""
        rows = [*self._sets.values(), *self._going]
        spoken = [Segment(float(a), float(b), str(p)) for e in rows if e.modality in ("voice", "text") and not e.projected
                  for a, b, p in zip(e.start, e.end, e.person, strict=True)]
        return timeline.link(spoken, next((e for e in rows if e.modality == "face"), None))

    def during(self, start: float, end: float) -> list[Estimates]:
        """Everything that overlaps a stretch, with the names that `link` gives."""
        sets: dict[str, list[Estimates]] = {}
        linked = self.link()
        for e in (*self._sets.values(), *self._going):
            there = e.where((e.end > start) & (e.start < end))
            if len(there):
                sets.setdefault(there.name, []).append(timeline.rename(there, linked.faces if e.modality == "face" else linked.voices))
        return [Estimates.join(parts) for parts in sets.values()]

    def fused(self, start: float, end: float, *, interim: bool) -> list[Fused]:
        """Everybody's fused estimates over a stretch; of an utterance only its speaker's."""
        found = self.during(start, end)
        rows = _rows(found, start, end, speaking=not interim)
        if not rows:
            return []
        out, sets = [], fused(found, rows)
        for i, row in enumerate(rows):
            parts = dict.fromkeys(e.modality for e in found if ((e.person == row.person) & ~e.missing).any())
            if parts and sets:
                out.append(Fused(tuple(e.where(np.array([i])) for e in sets), tuple(parts), interim))
        return out

    def said(self, start: float, end: float, language: str) -> str:
        """The stretch in words."""
        found = self.during(start, end)
        rows = _rows(found, start, end)
        voiced = {str(p) for e in found if e.modality != "face" for p in e.person}
        rows = [replace(row, kind="speech" if row.person in voiced else "seen") for row in rows]
        moment = Recording(source="", duration=end, segments=tuple(rows[:SENTENCES]), faces=Faces.empty(), estimates=tuple(found))
        return " ".join(describe(moment, language=language, tense="present", whole=False).sentences)


def of_one(found: list[Estimates], start: float, end: float, person: str = SOMEONE) -> Recording:
    """One person's rows among those of a stretch, as a recording whose times begin with it; see `Session.shown`."""
    rows: dict[str, dict[str, int]] = {"face": {}, "voice": {}}
    for e in found:
        for p in e.person[~e.missing]:
            rows[e.modality][str(p)] = rows[e.modality].get(str(p), 0) + 1
    faces, voices = rows["face"], rows["voice"]
    who = person if person in faces or person in voices else max(faces or voices, key=lambda p: (faces or voices)[p], default=SOMEONE)
    anybody = not set(faces) - {who} and len(set(voices) - set(faces)) == 1         # nobody else is in view, and one voice heard
    kept = []
    for e in found:
        own = np.array([p == who or (e.modality == "voice" and anybody and str(p) not in faces) for p in e.person], bool)
        if own.any():
            part = e.where(own)
            names = np.array([who] * len(part), object)
            kept.append(replace(part, start=np.maximum(part.start - start, 0.0), end=np.minimum(part.end, end) - start, person=names))
    row = Segment(0.0, max(end - start, 0.0), who, kind="speech")
    return Recording(source="live", duration=row.end, segments=(row,), faces=Faces.empty(), estimates=tuple(kept))


def projected(e: Estimates) -> list[Estimates]:
    """Valence, arousal and dominance of a face or a voice whose model doesn't give them."""
    return [p for p in reach([e], "vad") if p.projected]


def _rows(found: list[Estimates], start: float, end: float, *, speaking: bool = False) -> list[Segment]:
    """A row for everybody, those who speak first; with `speaking` for nobody else."""
    voices = [str(p) for e in found if e.modality != "face" for p in e.person]
    faces = [] if speaking and voices else [str(p) for e in found if e.modality == "face" for p in e.person]
    return [Segment(start, end, person) for person in dict.fromkeys((*voices, *faces)) if person != SOMEONE]
