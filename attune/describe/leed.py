"""LEED: one person's expression in one sentence, and back.

    >>> leed({"Sadness": 0.8, "Joy": 0.3})
    'They looked extremely sad and slightly happy.'
    >>> leed({"Anger": 0.5}, modality="voice", said="Fine.", person="Ada", tense="present")
    'Ada says "Fine." and sounds moderately angry.'
    >>> [(p.label, p.level) for p in parse("They looked extremely sad and slightly happy.").phrases]
    [('Sadness', 'extremely'), ('Joy', 'slightly')]

The expression descriptions of the paper that LEED is from (ICMI 2023): what scores at least the lowest bound is said, strongest first,
each as adverb and adjective; if nothing does, the sentence says "neutral". Everything is keyed by name. What the published generator
leaves open is settled here: bands are half-open, ties keep the order of the taxonomy, NaN isn't said, quoted words are escaped.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

from attune.describe.calibration import NO_DEGREE, Calibration, calibration
from attune.describe.language import FORMS, PRONOUNS, Language, Predicate, Tense, Who, capital, language, quoted, unquoted
from attune.errors import AttuneError, SettingError
from attune.taxonomy import Taxonomy, taxonomy
from attune.types import Modality

SURE, UNSURE = 0.9, 0.5                  # probabilities: "clearly" from nine in ten on, "perhaps" below one in two
Hedge = Literal["", "perhaps", "clearly"]
Missing = Literal["leave", "say"]


@dataclass(frozen=True)
class Phrase:
    """A label that is said: its level ("" for neutral, which has no degrees), its score (NaN if read from a sentence), and how sure it is."""

    label: str
    level: str
    score: float = math.nan
    hedge: Hedge = ""
    strength: float = math.nan           # what orders phrases under a budget: the score, or its rank
    percentile: float | None = None      # among all cases of the model's reference corpus


def certainty(score: float, least: float, *, spread: float | None = None, probability: bool = False) -> Hedge:
    """How sure a score is that gets said.

    With a spread (standard deviation): "perhaps" if one of it less would not be said, "clearly" if two less still would. Without one,
    a calibrated probability says it itself: "perhaps" if less likely than not, "clearly" from .9 on. Else nothing is known: "".

    >>> certainty(0.4, 0.26, spread=0.2), certainty(0.8, 0.26, spread=0.1), certainty(0.4, 0.25, probability=True), certainty(0.4, 0.26)
    ('perhaps', 'clearly', 'perhaps', '')
    """
    if spread is not None and not math.isnan(spread):
        return "perhaps" if score - spread < least else "clearly" if score - 2 * spread >= least else ""
    if probability:
        return "perhaps" if score < UNSURE else "clearly" if score >= SURE else ""
    return ""


def phrases(
    scores: Mapping[str, float], *, table: Calibration, of: Taxonomy | None = None, spread: Mapping[str, float] | None = None, top: int | None = None,
) -> tuple[Phrase, ...]:
    """What of some scores is said, strongest score first; ties in the order of the taxonomy, then as given.

    Neutral is said only if nothing is stronger: beside a stronger expression it means nothing.
    """
    order = {label.casefold(): i for i, label in enumerate(of.labels)} if of else {}
    known = sorted(scores, key=lambda label: order.get(label.casefold(), len(order)))
    found = []
    for label in known:
        score = float(scores[label])
        name = of.labels[order[label.casefold()]] if of and label.casefold() in order else label
        level = table.level(name, score)
        if level is not None:
            hedge = certainty(score, table.least(name), spread=spread.get(label) if spread else None, probability=table.probabilities)
            found.append(Phrase(name, "" if name.casefold() == NO_DEGREE else level, score, hedge, table.strength(name, score), table.percentile(name, score)))
    found.sort(key=lambda p: -p.score)
    return tuple(p for i, p in enumerate(found) if p.label.casefold() != NO_DEGREE or i == 0)[:top]


def listing(said: Sequence[Phrase], words: Language, of: Taxonomy | None = None, table: Calibration | None = None) -> tuple[str, Hedge]:
    """ "extremely sad and perhaps slightly happy", and the first one's hedge, which stands elsewhere; "neutral" if nothing is said."""
    if not said:
        return str(words.words["neutral"]), ""
    parts = []
    for i, phrase in enumerate(said):
        hedge = words.hedges[phrase.hedge] if phrase.hedge and i else ""
        adjective = words.adjective(phrase.label, of, table.adjectives if table else None)
        parts.append(" ".join(w for w in (hedge, words.levels[phrase.level] if phrase.level else "", adjective) if w))
    return words.listed(parts), said[0].hedge


def flowing(said: Sequence[Phrase], words: Language, of: Taxonomy, table: Calibration) -> tuple[str, Hedge]:
    """The same as one would write it among other clauses: a hedge once for all it holds for, "or" between doubtful labels that exclude each other.

    Not to be read back: "neutral, perhaps slightly sad or slightly afraid".
    """
    if not said:
        return str(words.words["neutral"]), ""
    runs: list[str] = []
    for hedge, group in groupby(said, key=lambda p: p.hedge):
        own = [listing([replace(p, hedge="")], words, of, table)[0] for p in group]
        text = words.listed(own, "or" if hedge == "perhaps" and of.kind == "exclusive" else "and")
        runs.append(f"{words.hedges[hedge]} {text}" if hedge and runs else text)
    return ", ".join(runs), said[0].hedge


def word_count(text: str) -> int:
    """Words between blanks: what a budget counts unless a tokenizer is given."""
    return len(text.split())


def leed(
    scores: Mapping[str, float], *, modality: Modality = "face", said: str = "", person: str = "they", tense: Tense = "past", language: str = "en",
    calibration: str | Calibration = "repo-2023", taxonomy: str | Taxonomy | None = "eee48", spread: Mapping[str, float] | None = None,
    top: int | None = None, projected: bool = False, missing: Missing = "leave", budget: int | None = None, count: Callable[[str], int] = word_count,
) -> str:
    """One sentence for one set of scores.

    Parameters
    ----------
    scores
        Label -> score, in any order and letter case. Labels that the taxonomy doesn't have are said by their own name.
    modality
        "face" looks, "voice" sounds and may quote what is `said`, "text" says how the words read, "fused" comes across.
    person
        I, you, he, she, they; or a name, perhaps with a pronoun: "Ada/she".
    calibration
        A name, or what `attune.describe.calibration` gives for a model.
    spread
        Label -> standard deviation, from which "perhaps" and "clearly" follow.
    top
        At most so many phrases; by default all that are said.
    projected
        The labels were reached through a crosswalk: the sentence ends with "(projected, not measured)".
    missing
        What to do if every score is NaN: "leave" gives "", "say" says so.
    budget, count
        At most so many words, or whatever `count` counts: the weakest phrases go first, then the quoted words, then the sentence.

    Raises
    ------
    UnknownName, SettingError
        For an unknown language, calibration or taxonomy; a tense that isn't past or present.
    """
    words, of = _language(language), _taxonomy(taxonomy)
    table = _calibration(calibration) if isinstance(calibration, str) else calibration
    if missing not in ("leave", "say"):
        raise SettingError(f"missing={missing!r}; expected leave or say")
    if all(math.isnan(float(score)) for score in scores.values()):
        out = f"{capital(words.words['missing'][modality])}." if missing == "say" else ""
        return out if budget is None or count(out) <= budget else ""
    kept = list(phrases(scores, table=table, of=of, spread=spread, top=top))

    def sentence(said: str) -> str:
        return _sentence(kept, words, of, table, modality, said, Who.of(person), tense, projected)

    out = sentence(said)
    while budget is not None and count(out) > budget and len(kept) > 1:
        kept.remove(min(reversed(kept), key=lambda p: p.strength))
        out = sentence(said)
    if budget is not None and count(out) > budget:
        out = sentence("")
    return out if budget is None or count(out) <= budget else ""


def _sentence(
    kept: Sequence[Phrase], words: Language, of: Taxonomy | None, table: Calibration, modality: Modality, said: str, who: Who, tense: Tense, projected: bool
) -> str:
    text, hedge = listing(kept, words, of, table)
    what = "words" if modality == "text" else modality
    form = FORMS.index("they") if modality == "text" else who.form
    predicate = words.predicate(what, text, hedge, tense, form)
    quote = [Predicate(words.verb("say", tense, who.form), quoted(said))] if said.strip() and modality != "face" else []
    if modality == "text":
        own = f"{words.words['words']['subject']} {predicate}"
        whole = f"{words.sentence(words.subject(who), quote)}{words.words['and']} {own}" if quote else own
    else:
        if quote and words.words["repeat_subject"] and not who.name:
            predicate = Predicate(f"{words.subject(who)} {predicate.verb}", predicate.rest)
        whole = words.sentence(words.subject(who), [*quote, predicate])
    aside = f" {words.words['asides']['projected']}" if projected else ""
    return f"{capital(whole)}{aside}."


# ---- and back ---------------------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Parsed:
    """What a sentence says: modality, who, the quoted words, the phrases in their order, and whether they were projected.

    `missing` is true of a sentence that says that nothing was measured.
    """

    modality: Modality
    person: str = ""
    said: str = ""
    phrases: tuple[Phrase, ...] = ()
    projected: bool = False
    missing: bool = False


def parse(sentence: str, *, language: str = "en", taxonomy: str | Taxonomy | None = "eee48", calibration: str | Calibration = "repo-2023") -> Parsed:
    r"""Read a sentence that `leed` wrote; scores are unknown, levels are not. "neutral" is no phrase, as it is none in `leed`, unless the
    taxonomy has the label.

    Raises
    ------
    AttuneError
        If it isn't such a sentence.

    >>> parse('They said "I\'m \\"fine\\"." and they perhaps sounded quite sad.').said
    'I\'m "fine".'
    """
    words, of = _language(language), _taxonomy(taxonomy)
    table = _calibration(calibration) if isinstance(calibration, str) else calibration
    for modality in ("face", "voice", "text", "fused"):
        if sentence == f"{capital(words.words['missing'][modality])}.":
            return Parsed(modality, missing=True)
    aside = f" {words.words['asides']['projected']}."
    projected = sentence.endswith(aside)
    body = sentence[: -len(aside)] if projected else sentence[:-1] if sentence.endswith(".") else sentence
    adjectives = {words.adjective(label, of, table.adjectives): label for label in (of.labels if of else ())}
    found: Modality
    for found, pattern in _patterns(words).items():
        match = pattern.fullmatch(body)
        if match and (said := _phrases(match["list"], match["hedge"] or "", words, adjectives)) is not None:
            quote = match["quote"]
            return Parsed(found, match["who"] or "", unquoted(quote) if quote else "", said, projected)
    raise AttuneError(f"{sentence!r} is no description in {words.name!r}; expected a sentence that leed() wrote in that language")


def _patterns(words: Language) -> dict[Modality, re.Pattern[str]]:
    """Modality -> a pattern with who, quote, hedge and list."""
    def forms(what: str) -> str:
        return _any({form for tense in words.words["verbs"].values() for form in tense[what]})

    hedge = f"(?:(?P<hedge>{_any(set(words.hedges.values()))}) )?"
    quote = r'(?P<quote>"(?:[^"\\]|\\.)*")'
    said = f"{forms('say')} {quote}{words.words['and']} "
    pronoun = f"(?:(?:{_any({words.words['people'][p][0] for p in (*PRONOUNS, 'somebody')})}) )?"
    out: dict[Modality, re.Pattern[str]] = {}
    ordered: tuple[Modality, ...] = ("text", "voice", "fused", "face")
    for modality in ordered:
        what = "words" if modality == "text" else modality
        around = re.escape(words.words["around"][what]).replace(re.escape("{}"), ("" if words.words["hedge_before_verb"] else hedge) + "(?P<list>.+)")
        verb = f"{hedge if words.words['hedge_before_verb'] else ''}{forms(what)} {around}"
        own = f"(?P<who>.+?) (?:{said}{pronoun})?{verb}"
        out[modality] = re.compile(own if modality != "text" else f"(?:(?P<who>.+?) {said})?{words.words['words']['subject']} {verb}", re.IGNORECASE)
    return out


def _phrases(text: str, hedge: str, words: Language, adjectives: Mapping[str, str]) -> tuple[Phrase, ...] | None:
    """The phrases of a list; None if it is none."""
    *most, last = text.split(f"{words.words['and']} ")
    parts = [*(", ".join(most).split(", ") if most else []), last]
    if parts == [words.words["neutral"]] and words.words["neutral"] not in adjectives:
        return ()
    hedges: dict[str, Hedge] = {words.hedges["perhaps"]: "perhaps", words.hedges["clearly"]: "clearly"}
    out = []
    pattern = re.compile(f"(?:(?P<hedge>{_any(set(hedges))}) )?(?:(?P<level>{_any(set(words.levels.values()))}) )?(?P<adjective>.+)")
    names = {said: level for level, said in words.levels.items()}
    for i, part in enumerate(parts):
        match = pattern.fullmatch(part)
        if match is None:
            return None
        adjective, level = match["adjective"], match["level"]
        if (not level and adjective != words.words["neutral"]) or (adjective not in adjectives and " " in adjective):
            return None
        sure = hedges.get((hedge if i == 0 else match["hedge"] or "").lower(), "")
        out.append(Phrase(adjectives.get(adjective, adjective), names[level] if level else "", hedge=sure))
    return tuple(out)


def _any(words: set[str]) -> str:
    return "(?:" + "|".join(re.escape(w) for w in sorted(words, key=lambda w: (-len(w), w))) + ")"


def _taxonomy(given: str | Taxonomy | None) -> Taxonomy | None:
    return taxonomy(given) if isinstance(given, str) else given


_language, _calibration = language, calibration

__all__ = ["Parsed", "Phrase", "certainty", "flowing", "leed", "listing", "parse", "phrases", "word_count"]
