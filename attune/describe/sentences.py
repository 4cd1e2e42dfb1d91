"""A moment as a sentence a person would write: calm, exact, and never more sure than the measurement.

    >>> from attune.describe.leed import Phrase
    >>> from attune.describe.calibration import calibration
    >>> from attune.describe.moments import Moment, Part
    >>> from attune.taxonomy import taxonomy
    >>> face = Part("face", taxonomy("ferplus8"), "m", calibration("repo-2023"), (Phrase("happiness", "very", 0.7),), quality=0.9)
    >>> voice = Part("voice", taxonomy("ravdess8"), "m", calibration("repo-2023"), (Phrase("angry", "quite", 0.55),), quality=0.9)
    >>> moment = Moment(0, 2, "Ada", "speech", "Lovely.", (face, voice), contrast=(("face", "voice"),))
    >>> sentence(moment, Manner(tense="present"))
    'Ada says "Lovely.", looks very happy but sounds quite angry.'
    >>> sentence(moment, Manner(language="de"))
    'Ada sagte "Lovely.", sah sehr fröhlich aus, aber klang ziemlich wütend.'
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from attune.describe.language import FORMS, Language, Predicate, Tense, Who, capital, language, quoted
from attune.describe.leed import Missing, flowing
from attune.describe.moments import Comparison, Moment, Part, Position, band
from attune.timeline import SPEAKER
from attune.types import SOMEONE

LOW_QUALITY = 0.35                       # below it the sentence says so: little of the stretch was seen or heard, or not well
BRIGHT = ("joy", "happiness", "happy", "amusement", "contentment", "excitement")     # labels whose rise is called brightening
CHANGES = 4                              # told of a whole recording, at most
MINUTES = 120.0                          # s; from here on a duration is said in minutes


@dataclass(frozen=True)
class Manner:
    """How sentences are written.

    person
        What to call people: name in the recording -> "Ada", "she" or "Ada/she"; or one of these for everybody.
    missing
        "leave" out what wasn't measured, or "say" so.
    dimensions
        Whether valence, arousal and dominance are said too.
    """

    language: str = "en"
    tense: Tense = "past"
    person: str | Mapping[str, str] | None = None
    missing: Missing = "leave"
    dimensions: bool = False

    def who(self, person: str) -> Who:
        """How a person of the recording is called."""
        given = self.person if isinstance(self.person, str) else (self.person or {}).get(person)
        return Who.of(given if given else SOMEONE if person == SPEAKER else person)


def sentence(moment: Moment, manner: Manner) -> str:
    """One sentence; "" where there is nothing to say."""
    words, who = language(manner.language), manner.who(moment.person)
    parts = {p.modality: p for p in moment.parts if not p.reason}
    opening, predicates = _opening(moment, manner, words)
    if moment.said.strip():
        predicates.append(Predicate(words.verb("say", manner.tense, who.form), quoted(moment.said)))
    elif moment.silent and parts:
        predicates.append(Predicate(words.verb("silent", manner.tense, who.form), words.words["around"]["silent"]))
    predicates += [_shown(parts[m], words, manner.tense, who, whole=moment.whole) for m in ("face", "voice", "fused") if m in parts]
    if not parts and not moment.said.strip() and manner.missing == "leave":
        return ""
    contrast = [set(pair) for pair in moment.contrast if parts.keys() >= set(pair)]              # what isn't said is no "but"
    clauses = [words.sentence(words.subject(who), predicates, opening=opening, last="but" if {"face", "voice"} in contrast else "and")] if predicates else []
    if "text" in parts:
        clauses.append(_read(parts["text"], words, manner.tense, against=any("text" in pair for pair in contrast)))
    if moment.changes:
        clauses.append(_course(moment, manner, words))
    if moment.comparison:
        clauses.append(compared(moment.comparison, words, who))
    if manner.missing == "say":
        clauses += [words.words["missing"][p.modality] for p in moment.parts if p.reason]
    if manner.dimensions:
        clauses += [text for p in _chosen(moment.positions) if (text := positioned(p, words))]
    return capital("; ".join(clauses)) + "." if clauses else ""


def _opening(moment: Moment, manner: Manner, words: Language) -> tuple[str, list[Predicate]]:
    """What comes before the subject, and the change that it announces."""
    if moment.whole:
        return words.words["openings"]["over"].format(time=_time(moment.end - moment.start, words)), []
    if moment.change:
        return words.words["openings"]["then"], [_changed(moment, manner, words)]
    if moment.beside:
        other = manner.who(moment.beside)
        return words.words["openings"]["while"].format(other=words.subject(other), speak=words.verb("speak", manner.tense, other.form)), []
    return "", []


def _changed(moment: Moment, manner: Manner, words: Language) -> Predicate:
    """ "brightened", "grew sadder", "grew less surprised"."""
    assert moment.change is not None
    modality, label, direction = moment.change
    part, form = moment.part(modality), manner.who(moment.person).form
    if direction > 0 and label.casefold() in BRIGHT:
        return Predicate(words.verb("brighten", manner.tense, form), words.words["around"]["brighten"])
    adjective = words.adjective(label, part.taxonomy if part else None)
    comparison = words.comparative(adjective) if direction > 0 else words.words["comparisons"]["less"].format(adjective)
    return Predicate(words.verb("become", manner.tense, form), comparison)


def _course(moment: Moment, manner: Manner, words: Language) -> str:
    """ "Ada brightened at 3.4 s and grew sadder at 8.7 s"."""
    changed = [(m, _changed(m, manner, words)) for m in moment.changes[:CHANGES]]
    at = words.words["openings"]["at"]
    timed = [Predicate(p.verb, at.format(rest=p.rest, time=_time(m.start, words)).strip()) for m, p in changed]
    return words.sentence(words.subject(manner.who(moment.person)), timed)


def _time(seconds: float, words: Language) -> str:
    number, unit = (f"{seconds / 60:.0f}", "min") if seconds >= MINUTES else (f"{seconds:.1f}", "s")
    return f"{number.replace('.', words.words['decimal'])} {unit}"


def _shown(part: Part, words: Language, tense: Tense, who: Who, *, whole: bool) -> Predicate:
    """ "looked very happy", with what must be said about it in brackets."""
    text, hedge = flowing(part.phrases, words, part.taxonomy, part.table)
    predicate = words.predicate(part.modality, text, hedge, tense, who.form)
    asides = [words.words["asides"]["projected"]] if part.projected else []
    if part.quality < LOW_QUALITY and not whole and part.modality in words.words["asides"]:
        asides.append(words.words["asides"][part.modality])
    return Predicate(predicate.verb, " ".join([predicate.rest, *asides]))


def _read(part: Part, words: Language, tense: Tense, *, against: bool) -> str:
    text, hedge = flowing(part.phrases, words, part.taxonomy, part.table)
    predicate = words.predicate("words", text, hedge, tense, FORMS.index("they"))
    aside = f" {words.words['asides']['projected']}" if part.projected else ""
    return f"{words.words['words']['though' if against else 'subject']} {predicate}{aside}"


def compared(c: Comparison, words: Language, who: Who) -> str:
    """ "sadder in the face than usual for her"."""
    table = words.words["comparisons"]
    if c.label == "mood":
        text = table["moods"][c.mood[0] + 1][c.mood[1] + 1]
    else:
        adjective = words.adjective(c.label, c.taxonomy)
        text = words.comparative(adjective) if c.z > 0 else table["less"].format(adjective)
    text = table.get(c.modality, "{}").format(text)
    aside = f" {words.words['asides']['projected']}" if c.projected else ""
    return str(table["usual"].format(text, object=words.object(who))) + aside


def _chosen(positions: tuple[Position, ...]) -> tuple[Position, ...]:
    """All modalities together if there is such a position, else the measured ones, else what there is."""
    return tuple(p for p in positions if p.modality == "fused") or tuple(p for p in positions if not p.projected) or positions


def positioned(position: Position, words: Language) -> str:
    """ "together: unpleasant and agitated"; bands are `EDGES`, the words of arousal depend on the side of valence."""
    table, (v, a, d) = words.words["dimensions"], (band(x) for x in position.values)
    if v is None:
        return ""
    pleasure = table["valence"][v]
    rest = [table["neither" if v == 3 else "pleasant" if v > 3 else "unpleasant"][a] if a is not None else "", table["dominance"][d] if d is not None else ""]
    rest = [word for word in rest if word]
    said = words.listed([*([pleasure] if v != 3 or not rest else []), *rest])
    aside = f" {words.words['asides']['projected']}" if position.projected else ""
    return f"{words.words['parts'][position.modality]}: {said}{aside}"
