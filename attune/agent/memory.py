"""A conversation as a `Recording`: every turn laid behind the one before, so that it can be shown, reported, exported, replayed and deleted.

    >>> from attune.agent.heard import of_words
    >>> talk = Conversation()
    >>> _ = talk.heard(of_words("I got the promotion!"))
    >>> _ = talk.answered("How did you hear of it?")
    >>> [(s.person, s.text) for s in talk.recording().segments]
    [('you', 'I got the promotion!'), ('Attune', 'How did you hear of it?')]
    >>> Conversation.of(talk.recording()).turns == talk.turns
    True

Of the person, estimates are kept; sounds and pictures never are. What else is known of a turn (candidates, mood, what was found) lies in
`settings["conversation"]`. Without a folder nothing is written.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from attune import __version__, export
from attune.agent.heard import PERSON, spoken_seconds
from attune.align import align
from attune.errors import RecordingError
from attune.fusion import fuse
from attune.types import Estimates, Faces, Recording, Segment

AGENT = "Attune"                         # the agent's own turns
KEY = "conversation"
LEAST_TURNS = 5                          # from which on something is usual for a person in this conversation
NOTE = "a conversation: turns lie one behind the other; what was typed takes the time it would take to say it"


@dataclass(frozen=True, eq=False)
class Said:
    """One turn on the conversation's clock; estimates are the person's."""

    person: str
    rows: tuple[Segment, ...]
    estimates: tuple[Estimates, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def start(self) -> float:
        return self.rows[0].start

    @property
    def end(self) -> float:
        return max(r.end for r in self.rows)

    @property
    def words(self) -> str:
        return " ".join(r.text for r in self.rows if r.text.strip())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Said):
            return NotImplemented
        pairs = zip(sorted(self.estimates, key=lambda e: e.name), sorted(other.estimates, key=lambda e: e.name), strict=False)
        return (self.person, self.rows, dict(self.facts), len(self.estimates)) == (other.person, other.rows, dict(other.facts), len(other.estimates)) and all(
            a.name == b.name and np.array_equal(a.values, b.values, equal_nan=True) for a, b in pairs)


class Conversation:
    """Turns, and the folder they are kept in.

    folder
        Written after every turn; None: kept in memory only.
    about
        What the recording's settings say of the conversation: persona, language, model, prompts.
    """

    def __init__(self, folder: str | Path | None = None, about: Mapping[str, Any] | None = None) -> None:
        self.folder, self.about = Path(folder) if folder else None, dict(about or {})
        self.turns: list[Said] = []
        self.versions: dict[str, Any] = {"attune": __version__}

    @property
    def end(self) -> float:
        return self.turns[-1].end if self.turns else 0.0

    def heard(self, recording: Recording, facts: Mapping[str, Any] | None = None) -> Said:
        """The person's next turn, from a recording of it alone."""
        at = self.end
        estimates = tuple(replace(e, start=e.start + at, end=e.end + at) for e in recording if e.modality != "fused")
        said = Said(PERSON, tuple(_later(r, at) for r in recording.segments), estimates, dict(facts or {}))
        models = {**self.versions.get("models", {}), **recording.versions.get("models", {})}
        self.versions = {**recording.versions, **({"models": models} if models else {})}
        return self._add(said)

    def answered(self, words: str, facts: Mapping[str, Any] | None = None) -> Said:
        """The agent's next turn."""
        at = self.end
        return self._add(Said(AGENT, (Segment(at, at + spoken_seconds(words), AGENT, words),), (), dict(facts or {})))

    def note(self, **facts: Any) -> None:
        """Further facts of the last turn."""
        self.turns[-1] = replace(self.turns[-1], facts={**self.turns[-1].facts, **facts})

    def recording(self, last: int | None = None) -> Recording:
        """All of it, or its last turns, as a recording; with nothing said, an empty one."""
        turns = self.turns[-last:] if last else self.turns
        rows = [r for t in turns for r in t.rows]
        sets: dict[str, list[Estimates]] = {}
        for t in turns:
            for e in t.estimates:
                sets.setdefault(e.name, []).append(e)
        estimates = [_joined(parts) for parts in sets.values()]
        fused = fuse([align(e, rows, missing=export.MISSING[e.modality]) for e in estimates]) if estimates else []
        about = {**self.about, "turns": [dict(t.facts) | {"person": t.person, "rows": len(t.rows)} for t in turns]}
        return Recording(source="conversation", duration=self.end, segments=tuple(rows), faces=Faces.empty(), estimates=(*estimates, *fused),
                         settings={KEY: about}, versions=self.versions, notes=(NOTE,))

    def usual(self) -> dict[str, tuple[float, float]]:
        """Label -> (mean, standard deviation) of the person's turns before the last, once there are enough; else empty."""
        own = [t for t in self.turns[:-1] if t.person == PERSON and t.estimates]
        if len(own) < LEAST_TURNS:
            return {}
        values: dict[str, list[float]] = {}
        for t in own:
            for e in t.estimates:
                if len(e) and not e.missing.all():
                    for label, mean in zip(e.taxonomy.labels, np.nanmean(e.values[~e.missing], axis=0).tolist(), strict=True):
                        values.setdefault(f"{e.name}.{label}", []).append(mean)
        return {label: (float(np.mean(v)), float(np.std(v, ddof=1))) for label, v in values.items() if len(v) >= LEAST_TURNS}

    def forget(self) -> None:
        """Delete every turn, and the folder."""
        self.turns, self.versions = [], {"attune": __version__}
        if self.folder is not None and (self.folder / "recording.json").is_file():
            shutil.rmtree(self.folder)

    def forget_measured(self) -> None:
        """Delete what was measured; the words stay."""
        self.turns = [replace(t, estimates=(), facts={k: v for k, v in t.facts.items() if k in ("sign", "by")}) for t in self.turns]
        self._write()

    def write(self, folder: str | Path) -> Path:
        """Keep it in a folder, which `attune show`, `attune report` and `attune export` read."""
        return export.write(self.recording(), folder)

    @classmethod
    def of(cls, recording: Recording, folder: str | Path | None = None) -> Conversation:
        """The conversation that a recording holds; `RecordingError` if it holds none."""
        about = dict(recording.settings.get(KEY) or {})
        if "turns" not in about:
            raise RecordingError(f"{recording.source} is no conversation; expected one that `attune chat --keep FOLDER` wrote")
        talk = cls(folder, {k: v for k, v in about.items() if k != "turns"})
        talk.versions, at = dict(recording.versions), 0
        own = [e for e in recording if e.modality != "fused"]
        for facts in about["turns"]:
            rows = tuple(recording.segments[at : at + facts["rows"]])
            at += len(rows)
            start, end = rows[0].start, max(r.end for r in rows)
            inside = [e.where((e.person == facts["person"]) & (e.start >= start - 1e-9) & (e.start < end)) for e in own] if facts["person"] == PERSON else []
            talk.turns.append(Said(facts["person"], rows, tuple(e for e in inside if len(e)), {k: v for k, v in facts.items() if k not in ("person", "rows")}))
        return talk

    @classmethod
    def read(cls, folder: str | Path) -> Conversation:
        """The conversation in a folder."""
        return cls.of(export.read(folder), folder)

    def turn_of(self, index: int) -> Recording:
        """The recording of one of the turns alone, from 0 s on: what `heard` was given."""
        t = self.turns[index]
        estimates = tuple(replace(e, start=e.start - t.start, end=e.end - t.start) for e in t.estimates)
        rows = tuple(_later(r, -t.start) for r in t.rows)
        fused = fuse([align(e, rows, missing=export.MISSING[e.modality]) for e in estimates]) if estimates else []
        return Recording(source="turn", duration=t.end - t.start, segments=rows, faces=Faces.empty(), estimates=(*estimates, *fused), versions=self.versions)

    def _add(self, said: Said) -> Said:
        self.turns.append(said)
        self._write()
        return said

    def _write(self) -> None:
        if self.folder is not None:
            self.write(self.folder)


def _later(s: Segment, by: float) -> Segment:
    return replace(s, start=max(0.0, s.start + by), end=max(0.0, s.end + by), words=tuple(_later(w, by) for w in s.words))


def _joined(parts: list[Estimates]) -> Estimates:
    """One set from several turns' of the same name; models that differ are all named."""
    models = list(dict.fromkeys(p.model for p in parts))
    spread = all(p.spread is not None for p in parts)
    joined = Estimates.join([p if spread else replace(p, spread=None) for p in parts])
    return replace(joined, model=", ".join(models), projected=next((p.projected for p in parts if p.projected), ""))
