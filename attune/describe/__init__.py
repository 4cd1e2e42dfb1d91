"""What was measured, said in words: for people, for language models, for captions.

    attune.describe(recording)                          # a sentence a row, and one for each person's whole recording
    print(attune.describe(recording, budget=60))        # the strongest of it in sixty words
    describe.leed({"Joy": 0.84})                        # one set of scores, one sentence
    describe.parse("They looked extremely happy.")      # and back

From a score to a level: `calibration`. From scores to one sentence and back: `leed`. From a recording to what can be said of it:
`moments`. How it is said: `sentences`, with the words of a `language`. Other forms, for prompts and players: `render`.

A sentence says what is expressed, not what is felt. "Perhaps" is a probability below one half, or a spread that reaches below the
lowest level; what a crosswalk gave, and no model measured, is marked "(projected, not measured)" wherever it is said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from attune.describe.calibration import LEVELS, Calibration, calibration, ranked
from attune.describe.language import Tense, language
from attune.describe.leed import Missing, Parsed, Phrase, leed, parse, phrases, word_count
from attune.describe.moments import Moment, Over, Usual, moments
from attune.describe.sentences import Manner, sentence
from attune.errors import SettingError
from attune.types import Modality, Recording

__all__ = ["LEVELS", "Calibration", "Description", "Manner", "Moment", "Parsed", "Phrase", "calibration", "describe", "language", "leed", "parse", "phrases"]


@dataclass(frozen=True)
class Description:
    """A recording in words. `str()` gives the lines with their times.

    moments, sentences
        Parallel: what is said, as data and as a sentence.
    whole
        person -> one sentence for all of the recording; empty if it wasn't asked for, or the budget left no room.
    notes
        What a reader must know of the levels.
    """

    moments: tuple[Moment, ...]
    sentences: tuple[str, ...]
    whole: dict[str, str]
    manner: Manner
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join([*self.lines(), *self.whole.values()])

    def lines(self) -> list[str]:
        """A line per moment: "[3.4-5.3 s] Ada said ..."; a picture's have no times."""
        return [f"[{m.start:.1f}–{m.end:.1f} s] {text}" if m.end else text for m, text in zip(self.moments, self.sentences, strict=True)]

    def rows(self) -> list[dict[str, Any]]:
        """Every phrase as data: start, end (s), person, modality, name, level, score, percentile, hedge, quality, calibration, projected."""
        return [
            {"start": m.start, "end": m.end, "person": m.person, "modality": part.modality, "name": p.label, "level": p.level, "score": p.score,
             "percentile": p.percentile, "hedge": p.hedge, "quality": part.quality, "calibration": part.table.name, "projected": part.projected}
            for m in self.moments for part in m.parts for p in part.phrases
        ]


def describe(
    recording: Recording, *, over: Over = "segments", window: float = 5.0, hop: float | None = None,
    modalities: Sequence[Modality] = ("face", "voice", "text"), calibration: str = "attune", top: int | None = 3,
    usual: Usual | Mapping[str, Usual] | Literal["own"] | None = None, language: str = "en", tense: Tense = "past",
    person: str | Mapping[str, str] | None = None, missing: Missing = "leave", dimensions: bool = False, whole: bool = True,
    budget: int | None = None, count: Callable[[str], int] = word_count,
) -> Description:
    """A recording in words.

    Parameters
    ----------
    over, window, hop
        What gets a sentence: the recording's "segments", its "turns", sliding "windows" of `window` seconds every `hop`, or the "whole".
    modalities
        Which are said; "fused" is possible, and projected.
    calibration
        What the levels mean: "attune" (ranks among what the same model says; `repo-2023` for models that ship none), "repo-2023", "paper-2023".
    top
        At most so many phrases for each modality of a moment, the strongest; None for all.
    usual
        What is usual for a person: label -> (mean, standard deviation), keyed "sadness", "face.sadness" or "face.ferplus8.sadness";
        or such a mapping for each person; or "own", the same person's moments before, from the ninth on.
    language, tense, person, missing, dimensions
        How it is said, see `Manner`.
    whole
        Whether a sentence for each person's whole recording follows.
    budget, count
        At most so many words in all that is said (`str` without the times), or whatever `count` counts in a text: the weakest phrases
        go first, and with its last phrase a moment goes, quoted words and all. The sentences about the whole go before any of that.

    Raises
    ------
    UnknownName
        For an unknown calibration or language.
    SettingError
        For a value that `over`, `usual`, `tense` or `missing` doesn't have; a window or hop that isn't above 0.
    """
    manner = Manner(language, tense, person, missing, dimensions)
    if missing not in ("leave", "say"):
        raise SettingError(f"missing={missing!r}; expected leave or say")
    found = moments(recording, over=over, window=window, hop=hop, modalities=modalities, table=calibration, top=top, usual=usual)
    summary: dict[str, str] = {}
    if whole and over != "whole":
        told = Counter(m.person for m in found if m.measured)
        for m in moments(recording, over="whole", modalities=modalities, table=calibration, top=top):
            course = tuple(c for c in found if c.person == m.person and c.change)
            if told[m.person] > 1 and (text := sentence(replace(m, changes=course), replace(manner, missing="leave"))):
                summary[m.person] = text
    said = _said(found, manner)
    if budget is not None:
        said, summary = _within(said, summary, manner, budget, count)
    return Description(tuple(m for m, _ in said), tuple(text for _, text in said), summary, manner, _notes(recording, found))


def _said(found: Sequence[Moment], manner: Manner) -> list[tuple[Moment, str]]:
    """Moments that have a sentence, with it."""
    return [(m, text) for m in found if (text := sentence(m, manner))]


def _within(
    said: list[tuple[Moment, str]], summary: dict[str, str], manner: Manner, budget: int, count: Callable[[str], int]
) -> tuple[list[tuple[Moment, str]], dict[str, str]]:
    """As much as a budget holds: everything, else without the whole, else the strongest phrases and the moments that still have some."""
    def cost(pairs: Sequence[tuple[Moment, str]], more: Mapping[str, str]) -> int:
        return count("\n".join([*(text for _, text in pairs), *more.values()]))

    for more in (summary, {}):
        if cost(said, more) <= budget:
            return said, dict(more)
    ranked_phrases = sorted(
        ((_weight(p), -i, j, k) for i, (m, _) in enumerate(said) for j, part in enumerate(m.parts) for k, p in enumerate(part.phrases)),
        reverse=True)

    def strongest(n: int) -> list[tuple[Moment, str]]:
        keep = {(-i, j, k) for _, i, j, k in ranked_phrases[:n]}
        kept = []
        for i, (m, _) in enumerate(said):
            parts = [replace(part, phrases=tuple(p for k, p in enumerate(part.phrases) if (i, j, k) in keep)) for j, part in enumerate(m.parts)]
            parts = [p for p in parts if p.phrases]
            if parts:
                kept.append(replace(m, parts=tuple(parts), change=m.change if m.change and any(p.modality == m.change[0] for p in parts) else None))
        return _said(kept, manner)

    low, high = 0, len(ranked_phrases)   # the most phrases that fit; fewer phrases are, nearly always, fewer words
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if cost(strongest(middle), {}) <= budget else (low, middle - 1)
    while low and cost(strongest(low), {}) > budget:
        low -= 1
    return strongest(low), {}


def _weight(phrase: Phrase) -> float:
    """What goes first when room is short: neutral, then the doubtful, then by strength."""
    return -2.0 if not phrase.level else phrase.strength - (phrase.hedge == "perhaps")


def _notes(recording: Recording, found: Sequence[Moment]) -> tuple[str, ...]:
    """Whose ranks were missing, and whose were taken with other weights than the recording's."""
    notes = []
    measured_with = {facts["name"]: facts.get("weights", {}) for facts in recording.versions.get("models", {}).values()}
    for part in {p.model: p for m in found for p in m.parts}.values():
        known = ranked(part.model)
        if part.table.scale == "rank" and known and part.model in measured_with and known["weights"] != measured_with[part.model]:
            notes.append(f"levels of {part.model} are ranks among what other weights of it said; run recipes/leed_calibration.py again")
    return tuple(notes)
