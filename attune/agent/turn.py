"""What is known of one turn: the words, how each modality came across, what changed, what disagrees, what is unusual, and which emotions fit.

    >>> from attune.agent.heard import of_words
    >>> turn = understood(of_words("I lost my job today and I don't know what to do."))
    >>> turn.best.basic
    'sadness'

The candidates are the first of two stages (after HEF: a small emotion model proposes, a language model must choose among its k first and only
then among the rest). The words give a fine distribution; voice and face move it by how far they move the fused basic emotions away from what the
words alone would give: P(fine) proportional to P_words(fine) P_all(b) / P_words(b), b the basic emotion that a label counts for. Without voice and
face it is what the words give. Where the fine labels have no neutral, neutral keeps the probability it has when everything is fused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from attune import registry, text
from attune.agent.heard import PERSON, said
from attune.align import align
from attune.describe.language import language as words_of
from attune.describe.moments import Moment, Usual, moments
from attune.describe.sentences import Manner, compared, sentence
from attune.errors import UnknownName
from attune.fusion import fuse, reach, votes
from attune.taxonomy import Taxonomy, crosswalk, taxonomy
from attune.text.causes import causes as leaving_out
from attune.text.units import tokens
from attune.types import Estimates, Recording, Segment

BASIC = "ekman7"
FINE = ("empathetic32", "goemotions28", BASIC)       # whose labels are proposed, the first that a text model gives
TOP = 5                                  # candidates that a language model must look at first
CAUSES = 4                               # words named as what an estimate rests on
CAUSE_WORDS = 40                         # of a turn, at most, in which they are looked for: each costs one answer of the model
LEAST_CAUSE = 0.02                       # a word must raise the estimate by so much
# where the cited crosswalk has nothing, for the order of candidates only, so that a voice can speak against "content"; ours
NEAR = {"content": "joy", "confident": "joy", "faithful": "joy", "trusting": "joy", "lonely": "sadness", "nostalgic": "sadness", "sentimental": "sadness",
        "jealous": "anger"}
LETTERS = 4                              # a token, roughly, where no tokenizer is given


@dataclass(frozen=True)
class Candidate:
    """An emotion that fits: its label, its taxonomy, its probability, and the basic emotion it belongs to ("" if none)."""

    label: str
    taxonomy: str
    probability: float
    basic: str = ""


@dataclass(frozen=True)
class Turn:
    """One turn of a person.

    moment
        What was measured, with change, contrast and comparison; None where nothing was.
    candidates
        Most fitting first, all that have any probability.
    causes
        Words that the estimate of the first candidate rests on, strongest first; `cause` is the part of the turn they stand in.
    position
        Valence, arousal, dominance of everything together, NaN where unknown.
    discord
        Divergence in bits between the two modalities that agree least, NaN with fewer than two; `apart` where that is more than between people, and
        the modalities don't all lead to the same basic emotion, more or less surely.
    leads
        The basic emotions that lead in face, voice or words by themselves.
    """

    words: str
    language: str
    recording: Recording
    moment: Moment | None = None
    candidates: tuple[Candidate, ...] = ()
    causes: tuple[str, ...] = ()
    cause: str = ""
    position: tuple[float, float, float] = (math.nan, math.nan, math.nan)
    discord: float = math.nan
    leads: frozenset[str] = frozenset()

    @property
    def apart(self) -> bool:
        return len(self.leads) != 1 and self.discord > float(votes.facts()["discord"])

    @property
    def best(self) -> Candidate | None:
        return self.candidates[0] if self.candidates else None


def understood(
    recording: Recording, *, language: str = "", before: Recording | None = None, usual: Usual | None = None, person: str = PERSON, since: float = 0.0,
    explain: bool = True,
) -> Turn:
    """What a turn's recording says.

    Parameters
    ----------
    recording
        Of the turn alone, as `heard` makes it.
    before
        Of the conversation up to and with this turn; what lies from `since` (s) on is the turn. For change and comparison.
    usual
        Label -> (mean, standard deviation), as `describe` takes it.
    explain
        Whether the words behind the estimate are looked for.
    """
    words = said(recording)
    tag = language or text.language.guess([words]) or "en"
    if not len(recording.estimates):
        return Turn(words, tag, recording, cause=clause(words, []))
    found = [m for m in moments(before or recording, over="turns", usual=usual) if m.person == person and m.start >= since - 1e-6 and m.measured]
    moment = max(found, key=lambda m: (m.kind == "speech", m.end - m.start), default=None)
    whole = _together(recording)
    fine = candidates(whole)
    behind = _causes(words, recording, fine) if explain and fine else []
    vad, pool = (next((e for e in whole if e.name == name), None) for name in ("fused.vad", "fused.pool"))
    position = tuple(float(v) for v in vad.values[0]) if vad is not None else (math.nan,) * 3
    discord = float(pool.label("discord")[0]) if pool is not None else math.nan
    alone = reach([e for e in whole if e.modality != "fused"], BASIC)
    leads = {e.taxonomy.labels[int(np.argmax(e.values[0]))] for e in alone if not np.isnan(e.values[0]).any()}
    strong = [w for w, _ in behind]
    return Turn(words, tag, recording, moment, tuple(fine), tuple(strong), clause(words, strong), position, discord,  # type: ignore[arg-type]
                frozenset(leads))


def _together(recording: Recording) -> list[Estimates]:
    """Every set of estimates on the turn as one row, and fused on it."""
    start, end = recording.segments[0].start, max(s.end for s in recording.segments)
    row = Segment(start, max(end, start + 1e-3), PERSON)
    one = [align(e, [row]) for e in recording if e.modality != "fused"]
    return [*one, *fuse(one)]


# ---- the emotions that fit --------------------------------------------------------------------------------------------------

def candidates(whole: Sequence[Estimates]) -> list[Candidate]:
    """Emotions that fit, most fitting first; `whole`: estimates of one row, the fused ones among them."""
    fused = next((e for e in whole if e.name == f"fused.{BASIC}"), None)
    basic = None if fused is None or np.isnan(fused.values[0]).any() else fused.values[0].astype(float)
    written = next((e for name in FINE for e in whole if e.name == f"text.{name}" and not np.isnan(e.values[0]).any()), None)
    names = taxonomy(BASIC)
    if written is None:
        found = [] if basic is None else [Candidate(label, BASIC, p, label) for label, p in zip(names.labels, basic.tolist(), strict=True)]
        return sorted(found, key=lambda c: -c.probability)
    p = written.values[0].astype(float)
    p = p / p.sum() if p.sum() > 0 else np.full(len(p), 1 / len(p))
    of, home, neutral = written.taxonomy, homes(written.taxonomy), 0.0
    if basic is not None:
        p = moved(p, home, basic, _of_words(whole))
        neutral = 0.0 if "neutral" in of.labels else float(basic[names.index("neutral")])
    found = [Candidate(label, of.name, float(v) * (1 - neutral), names.labels[b] if b >= 0 else "") for label, v, b in zip(of.labels, p, home, strict=True)]
    found += [Candidate("neutral", BASIC, neutral, "neutral")] * (neutral > 0)
    return sorted((c for c in found if c.probability > 1e-4), key=lambda c: -c.probability)


def moved(fine: np.ndarray, home: np.ndarray, together: np.ndarray, words: np.ndarray) -> np.ndarray:
    """(k,) fine probabilities, moved by how far basic emotions (7,) of everything together differ from those of the words alone.

    home (k,) int: which basic emotion a fine label belongs to, -1 for none, which isn't moved.

    >>> fine, home = np.array([0.5, 0.3, 0.2]), np.array([0, 1, -1])
    >>> moved(fine, home, np.array([0.2, 0.8]), np.array([0.8, 0.2])).round(2).tolist()
    [0.08, 0.79, 0.13]
    """
    ratio = np.maximum(together, 1e-6) / np.maximum(words, 1e-6)
    out = fine * np.where(home >= 0, ratio[home], 1.0)
    return np.asarray(out / out.sum())


def _of_words(whole: Sequence[Estimates]) -> np.ndarray:
    """(7,) what the words alone come to."""
    alone = fuse([e for e in whole if e.modality == "text"])
    return np.asarray(next(e for e in alone if e.name == f"fused.{BASIC}").values[0], float)


def homes(of: Taxonomy) -> np.ndarray:
    """(k,) int: the basic emotion that each label counts for by its crosswalk, or by `NEAR`, -1 where neither says."""
    names = taxonomy(BASIC)
    if of.name == BASIC:
        return np.arange(len(names))
    try:
        rows = np.nan_to_num(crosswalk(of, names).matrix)
    except UnknownName:
        return np.full(len(of), -1)
    home = np.where(rows.max(axis=1) > 0, rows.argmax(axis=1), -1)
    near = [names.index(NEAR[label]) if of.name == FINE[0] and label in NEAR else -1 for label in of.labels]
    return np.asarray(np.where(home < 0, near, home))


# ---- what it rests on -------------------------------------------------------------------------------------------------------

def _causes(words: str, recording: Recording, fine: Sequence[Candidate]) -> list[tuple[str, float]]:
    """(word, by how much it raises the first candidate that the text model knows), strongest first."""
    written = [e for e in recording if e.modality == "text"]
    spoken = text.spoken(words)
    if not written or not spoken or len(tokens(spoken)) > CAUSE_WORDS:
        return []
    model = registry.load("attune.text.models", written[0].model)
    label = next((c for c in fine if c.taxonomy in model.TAXONOMIES and c.label != "neutral"), None)
    if label is None:
        return []
    each, share = leaving_out(spoken, model, f"{label.taxonomy}.{label.label}")
    found = sorted(((w.strip(".,;:!?\"'()“”„"), float(s)) for w, s in zip(each, share, strict=True) if s >= LEAST_CAUSE), key=lambda pair: -pair[1])
    return [(w, s) for w, s in found if w][:CAUSES]


def clause(words: str, strong: Sequence[str]) -> str:
    """The part of a turn, between marks, that holds most of the words an estimate rests on; the last one where none is known.

    >>> clause("Well, my dog died yesterday. How are you?", ["died", "dog"])
    'my dog died yesterday'
    """
    marks = words.replace("!", ".").replace("?", ".").replace(";", ".").replace(",", ".").replace("\n", ".").replace(" and ", " . ").replace(" und ", " . ")
    parts = [p.strip(" .…-–—\"'") for p in marks.replace(" but ", " . ").replace(" aber ", " . ").split(".")]
    parts = [p for p in parts if any(c.isalpha() for c in p)]
    if not parts:
        return ""
    if not strong:
        return parts[-1]
    weight = {w.casefold(): 1 / (i + 1) for i, w in enumerate(strong)}
    return max(parts, key=lambda p: sum(weight.get(w.strip(".,;:!?\"'()").casefold(), 0.0) for w in p.split()))


# ---- as lines of a prompt ---------------------------------------------------------------------------------------------------

def lines(turn: Turn, *, modalities: Sequence[str] = ("text", "voice", "face"), budget: int | None = None, count: Callable[[str], int] | None = None,
          person: str | Mapping[str, str] = "they", habit: bool = False) -> list[str]:
    """What was measured, a line a fact, in the turn's language: modalities, discord, change, what is unusual, the words behind it.

    budget, count
        At most so many tokens in all, by `count` (four letters a token if there is none). What says least goes first: the words behind the
        estimate, what is unusual, the change, then face, voice and words.
    """
    m, tag = turn.moment, turn.language.split("-")[0]
    if m is None:
        return []
    try:
        of = words_of(tag)
    except UnknownName:
        of, tag = words_of("en"), "en"
    manner = Manner(language=tag, person={PERSON: person} if isinstance(person, str) else person)
    bare = replace(m, said="", change=None, contrast=(), comparison=None, beside="", silent=False, whole=True)
    phrases = PHRASES[tag if tag in PHRASES else "en"]
    found: list[tuple[int, str]] = []
    for rank, modality in enumerate(("text", "voice", "face")):
        part = m.part(modality)
        if part is not None and not part.reason and modality in modalities:
            told = sentence(replace(bare, parts=(part,), whole=False, kind="speech"), manner)
            found.append((rank, f"{of.words['parts'][modality]}: {told}"))
    shown = {p.modality for p in m.parts if not p.reason and p.modality in modalities}
    pairs = [(a, b) for a, b in m.contrast if {a, b} <= shown]
    if pairs:
        found.append((3, "; ".join(phrases["contrast"].format(a=of.words["parts"][a], b=of.words["parts"][b]) for a, b in pairs)))
    elif turn.apart and len(shown) > 1:
        found.append((3, phrases["apart"]))
    if m.change and m.change[0] in shown:
        part = m.part(m.change[0])
        adjective = of.adjective(m.change[1], part.taxonomy if part else None)
        found.append((4, phrases["rose" if m.change[2] > 0 else "fell"].format(part=of.words["parts"][m.change[0]], word=adjective)))
    if m.comparison and m.comparison.modality in {*shown, "fused"}:
        found.append((5, compared(m.comparison, of, manner.who(PERSON))))
    if habit:
        found.append((5, phrases["habit"]))
    if turn.causes and "text" in modalities:
        found.append((6, phrases["causes"].format(words=", ".join(f"“{w}”" for w in turn.causes))))
    kept = [(rank, line) for rank, line in found if line]
    measure = count or (lambda s: -(-len(s) // LETTERS))
    while budget is not None and kept and measure("\n".join(line for _, line in kept)) > budget:
        kept.remove(max(kept, key=lambda pair: pair[0]))
    return [line for _, line in kept]


PHRASES: dict[str, dict[str, str]] = {
    "en": {"contrast": "{a} and {b} point in opposite directions, pleasant and unpleasant",
           "apart": "the modalities disagree more than people do who judge the same",
           "rose": "change since their last turn: more {word} ({part})", "fell": "change since their last turn: less {word} ({part})",
           "habit": "this person's habit is already taken out", "causes": "the reading of the words rests on {words}"},
    "de": {"contrast": "{a} und {b} weisen in entgegengesetzte Richtungen, angenehm und unangenehm",
           "apart": "die Modalitäten sind sich weniger einig als Menschen, die dasselbe beurteilen",
           "rose": "Änderung seit dem letzten Beitrag: mehr {word} ({part})", "fell": "Änderung seit dem letzten Beitrag: weniger {word} ({part})",
           "habit": "die Gewohnheit dieser Person ist schon herausgerechnet", "causes": "die Deutung der Worte stützt sich auf {words}"},
}


def facts(turn: Turn) -> dict[str, Any]:
    """What is remembered of a turn beside its estimates, in plain types."""
    return {
        "candidates": [[c.label, c.taxonomy, round(c.probability, 4), c.basic] for c in turn.candidates[: 2 * TOP]],
        "causes": list(turn.causes), "cause": turn.cause,
        "position": [None if math.isnan(v) else round(v, 4) for v in turn.position],
        "discord": None if math.isnan(turn.discord) else round(turn.discord, 4),
    }
