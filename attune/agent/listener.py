"""The reflective listener: what answers when no language model is configured. Fixed phrases, the same reply to the same conversation.

It acknowledges the feeling that came across, reflects what was said and what it may be like, and asks one question; where face or voice say
something else than the words, it says so and lets itself be corrected. The steps are those of emotional support conversations (Liu et al. 2021,
Towards emotional support dialog systems, ACL, after Hill's helping skills: explore, comfort, act); `Reflection.strategies` names them in that
paper's words. It gives no advice, no information and no opinion, which is what it can't do; it never says that it is a language model or a person.

    >>> from attune.agent.heard import of_words
    >>> from attune.agent.turn import understood
    >>> print(reply(understood(of_words("My dog died yesterday."))))
    That sounds heavy. You say your dog died yesterday, and it sounds as if you're sad. What weighs most on you in it?
"""

from __future__ import annotations

import importlib.resources
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from attune.agent.turn import BASIC, Candidate, Turn
from attune.describe.language import language as words_of

NAME = "reflective listener"
FOLDER = importlib.resources.files("attune") / "agent" / "reflections"
COMFORT, ACT = 2, 4                      # own turns before it goes on to comfort, and to what might be done
LEAST = 0.25                             # share of its basic emotion from which on a feeling is named; ours
TELLING = 3                              # words from which on a turn is reflected: "Hi there" isn't
LONGEST = 16                             # words of the person's that are reflected
_PIECES = re.compile(r"\S+\s*")


@dataclass(frozen=True)
class Reflection:
    """A reply: its text, ESConv's names of its strategies, the emotion it named ("" if none), and the cause it reflected."""

    text: str
    strategies: tuple[str, ...]
    emotion: str = ""
    cause: str = ""

    def __str__(self) -> str:
        return self.text

    def pieces(self) -> Iterator[str]:
        """Word by word, as a language model's reply would come."""
        return iter(_PIECES.findall(self.text))


@cache
def phrases(language: str) -> dict[str, Any]:
    """The phrases of a language, English where there are none."""
    tag = language.lower().replace("_", "-").split("-")[0]
    file = FOLDER / f"{tag}.toml"
    return tomllib.loads((file if file.is_file() else FOLDER / "en.toml").read_text(encoding="utf-8"))


def reply(turn: Turn, before: int = 0, *, notice: bool = True, length: int = 4, danger: bool = False) -> Reflection:
    """A reply to a turn after `before` own turns.

    notice
        Whether what was measured may be used; else only the words are reflected.
    length
        Sentences at most; the question stays.
    danger
        Whether there was a sign of danger before: then it asks about help, whatever the turn is about.
    """
    table = phrases(turn.language)
    feeling = shown(turn) if notice else None
    basic = feeling.basic if feeling is not None and feeling.basic else "neutral"
    if not turn.words.strip():
        return _unheard(turn, table, feeling if basic != "neutral" else None, danger, before)
    cause, other = _short(turn.cause), _apart(turn) if notice else None
    asked = turn.words.strip().endswith("?")
    manner = "neutral" if other is not None and basic == "joy" else basic    # nobody whose words are sad is told that this is good to hear
    parts: list[tuple[str, str]] = [(_pick(table["acknowledge"][manner], before), "Reflection of Feelings" if manner != "neutral" else "Others")]
    if cause and len(turn.words.split()) >= TELLING:
        kind = "question" if asked else "named" if feeling is not None and basic != "neutral" and other is None else "unnamed"
        parts.append((_filled(_pick(table["reflect"][kind], before), cause, feeling, turn, table), "Restatement or Paraphrasing"))
    if other is not None:
        modality, word = other
        text = _pick(table["reflect"]["apart"], before).format(modality=table["reflect"][modality], other=word)
        parts.append((text, "Reflection of Feelings"))
    if danger:
        parts, question = parts[:2], (_pick(table["ask"]["after_danger"], before), "Question")
        return Reflection(" ".join(t for t, _ in (*parts, question)), tuple(dict.fromkeys(s for _, s in (*parts, question))),
                          feeling.label if feeling is not None and basic != "neutral" else "", cause)
    stage = "explore" if before < COMFORT else "comfort" if before < ACT else "act"
    if stage != "explore":
        parts.append((_pick(table["affirm"][manner], before), "Affirmation and Reassurance"))
    mood = "_joy" if manner == "joy" else "_neutral" if manner == "neutral" else ""
    question = (_pick(table["ask"][stage + mood], before), "Providing Suggestions" if stage == "act" else "Question")
    kept = [*parts[: max(0, length - 1)], question]
    text = " ".join(t for t, _ in kept)
    return Reflection(text, tuple(dict.fromkeys(s for _, s in kept)), feeling.label if feeling is not None and basic != "neutral" else "", cause)


def _unheard(turn: Turn, table: dict[str, Any], feeling: Candidate | None, danger: bool, before: int) -> Reflection:
    """A turn without words: that there were none, how it came across if anything stood out, and a request for the words. Nothing is taken from tone alone."""
    said = table["unheard"]["named"].format(feeling=feeling_word(feeling, turn.language)) if feeling is not None else table["unheard"]["unnamed"]
    question = _pick(table["ask"]["after_danger"], before) if danger else table["unheard"]["ask"]
    return Reflection(f"{said} {question}", ("Others", "Question"), feeling.label if feeling is not None else "")


def about(language: str) -> str:
    """What the listener says of itself."""
    return str(phrases(language)["about"])


def shown(turn: Turn) -> Candidate | None:
    """The feeling to name: the first candidate of the basic emotion that all candidates of it make likeliest; None where nothing stands out.

    Where voice or face say something else than the words, the basic emotion itself, since the finer labels are the words' own, and only one that
    leads in one of the three: what none of them shows by itself (joy in the face and sorrow in the words come to fear together) isn't told anybody.
    """
    share: dict[str, float] = {}
    for c in turn.candidates:
        if c.basic and (not turn.apart or c.basic in turn.leads):
            share[c.basic] = share.get(c.basic, 0.0) + c.probability
    if not share:
        return None
    basic = max(share, key=lambda b: share[b])
    if share[basic] < LEAST:
        return None
    return Candidate(basic, BASIC, share[basic], basic) if turn.apart else next(c for c in turn.candidates if c.basic == basic)


def feeling_word(candidate: Candidate, language: str) -> str:
    """The adjective of an emotion in a language.

    >>> feeling_word(Candidate("grief", "goemotions28", 0.5, "sadness"), "de")
    'voller Trauer'
    """
    tag = language.lower().replace("_", "-").split("-")[0]
    table = phrases(tag)["feelings"]
    if candidate.label in table:
        return str(table[candidate.label])
    if phrases(tag)["name"] == "English" or not candidate.basic:
        return candidate.label
    return str(table.get(candidate.basic, candidate.label))


def turned(text: str, table: dict[str, Any]) -> str:
    """Somebody's words from the listener's side; the same where the language's table is empty.

    >>> turned("My boss shouted at me", phrases("en"))
    'your boss shouted at you'
    """
    if not table["turned"]:
        return text
    out = []
    for word in text.split():
        core = word.strip(".,;:!?\"'()").replace("’", "'")
        other = table["turned"].get(core.casefold())
        out.append(word.replace(word.strip(".,;:!?\"'()"), other) if other else word)
    first = out[0] if out else ""
    plain = first[:1].lower() + first[1:] if first and text.split()[0].casefold() in {*table["turned"], *STARTERS} else first
    return " ".join([plain, *out[1:]]) if out else ""


STARTERS = frozenset((
    "the", "a", "an", "this", "that", "these", "those", "it", "he", "she", "they", "everything", "nothing", "today", "yesterday", "tomorrow", "my",
    "there", "then", "so", "when", "because", "if", "all", "what", "how", "thank", "thanks",
))


def _filled(template: str, cause: str, feeling: Candidate | None, turn: Turn, table: dict[str, Any]) -> str:
    other_side = turned(cause, table)
    word = feeling_word(feeling, turn.language) if feeling is not None else ""
    return template.format(cause=other_side, Cause=other_side[:1].upper() + other_side[1:], quoted=str(table["mark"]).format(cause), feeling=word)


def _apart(turn: Turn) -> tuple[str, str] | None:
    """The modality that says something else than the words, and the adjective of what it says."""
    m = turn.moment
    if m is None:
        return None
    for pair in m.contrast:
        other = next((x for x in pair if x != "text"), None) if "text" in pair else None
        part = m.part(other) if other else None
        if part is not None and part.phrases and part.phrases[0].hedge != "perhaps":
            tag = turn.language.split("-")[0]
            return str(other), words_of("de" if tag == "de" else "en").adjective(part.phrases[0].label, part.taxonomy)
    return None


def _pick(choices: Sequence[str], turn: int) -> str:
    return choices[turn % len(choices)]


def _short(cause: str) -> str:
    words = cause.split()
    return cause if len(words) <= LONGEST else " ".join(words[:LONGEST]) + " …"


