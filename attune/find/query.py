"""A small language for moments: "sad but smiling", "very angry voice and not discord", "valence < -0.3 by Ada".

    what                                    means
    sad, sadness, "very sad"                a label, at that level at least ("slightly" if none is said), in any modality
    sad face, sounds sad, reads sad         in that modality; looks, sounds, reads, face, voice, text, words
    smiling, frowning, scowling             what faces do: happy; sad or angry; angry
    high arousal, low valence               from .3 on, up to -.3
    valence > 0.5, voice.arousal <= 0       a comparison; < <= > >= = with a number; any label, `discord`, `quality`, `start`, `duration`
    discord                                 the modalities disagree (more than people who saw and heard the same do)
    no face, no words                       a modality that wasn't measured there
    by Ada, by "person 1"                   a person
    "holiday"                               words that were said
    and, or, not, but, ( )                  `but`: both, and each in a modality of its own

A query is a tree; `attune.find` makes SQL of it. What isn't understood is pointed at, with the nearest word:

    >>> parse("sad but smilling", {"sad", "smiling"})
    Traceback (most recent call last):
    attune.errors.UnknownName: no word 'smilling'; did you mean 'smiling'?
      sad but smilling
              ^^^^^^^^
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from dataclasses import dataclass

from attune.describe.calibration import LEVELS
from attune.errors import SettingError, UnknownName

MODALITY = {"face": "face", "looks": "face", "looking": "face", "voice": "voice", "sounds": "voice", "sounding": "voice",
            "text": "text", "words": "text", "reads": "text", "saying": "text"}
DIMENSIONS = ("valence", "arousal", "dominance")
NUMBERS = ("discord", "quality", "start", "duration")
JOINING = ("and", "or", "not", "but", "no", "by", "high", "low", "discord", "disagreement")
COMPARISONS = ("<=", ">=", "<", ">", "=")
FILLERS = ("is", "are", "a", "an", "the", "with", "someone", "somebody", "while", "in")

TOKEN = re.compile(
    r'\s*(?:(?P<quoted>"[^"]*")|(?P<compare><=|>=|<|>|=)|(?P<bracket>[()])|(?P<number>[-+]?(?:\d+\.?\d*|\.\d+))|(?P<comma>,)'
    r'|(?P<word>[^\s"<>=(),]+))')


@dataclass(frozen=True)
class Term:
    """A label, at a level at least, in one modality or any."""

    word: str
    level: str = ""
    modality: str = ""


@dataclass(frozen=True)
class Compare:
    """A number beside another: name is a label, an axis, discord, quality, start or duration."""

    name: str
    sign: str
    value: float
    modality: str = ""


@dataclass(frozen=True)
class Discord:
    """The modalities disagree."""


@dataclass(frozen=True)
class Absent:
    """A modality wasn't measured."""

    modality: str


@dataclass(frozen=True)
class By:
    """A person."""

    person: str


@dataclass(frozen=True)
class Said:
    """Words that were said, in any letter case."""

    text: str


@dataclass(frozen=True)
class Not:
    """The contrary."""

    of: Query


@dataclass(frozen=True)
class Both:
    """Two at once; `apart`: each in a modality of its own."""

    one: Query
    other: Query
    apart: bool = False


@dataclass(frozen=True)
class Either:
    """One or the other."""

    one: Query
    other: Query


Query = Term | Compare | Discord | Absent | By | Said | Not | Both | Either


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


def parse(text: str, words: Collection[str], people: Collection[str] = ()) -> Query:
    """The tree of a query.

    Parameters
    ----------
    words
        Labels and adjectives that can be asked for, lower case; some of several words.
    people
        Who is there; empty: anybody may be named.

    Raises
    ------
    UnknownName
        At a word that isn't known, with the nearest.
    SettingError
        Where something is missing or left over.
    """
    return _Reader(text, words, people).whole()


class _Reader:
    """Goes through the tokens once, from left to right."""

    def __init__(self, text: str, words: Collection[str], people: Collection[str]) -> None:
        self.text, self.words, self.people = text, set(words), people
        self.tokens, at = [], 0
        while at < len(text.rstrip()):
            match = TOKEN.match(text, at)
            if match is None or match.lastgroup is None:
                raise SettingError(self._pointed("this isn't understood" + ("; a quotation mark is open" if '"' in text[at:] else ""), at, len(text)))
            self.tokens.append(_Token(match.lastgroup, match[match.lastgroup], match.start(match.lastgroup), match.end()))
            at = match.end()
        self.at = 0

    def whole(self) -> Query:
        if not self.tokens:
            raise SettingError('an empty query; expected something like: attune find "sad but smiling" CORPUS')
        out = self.either()
        if (left := self._next()) is not None:
            raise SettingError(self._pointed(f"didn't expect {left.text!r} here; join with and, or, but", left.start, left.end))
        return out

    def either(self) -> Query:
        out = self.both()
        while self._take("or"):
            out = Either(out, self.both())
        return out

    def both(self) -> Query:
        out = self.contrary()
        while True:
            if self._take("but"):
                other = self.contrary()
                out = Both(out, other, apart=not isinstance(other, Not))
            elif self._take("and") or self._take(",") or ((after := self._next()) is not None and after.text.lower() == "by"):
                out = Both(out, self.contrary())
            else:
                return out

    def contrary(self) -> Query:
        return Not(self.contrary()) if self._take("not") else self.single()

    def single(self) -> Query:
        while (token := self._next()) is not None and token.kind == "word" and token.text.lower() in FILLERS:
            self.at += 1
        if token is None:
            raise SettingError(self._pointed("something is missing at the end", len(self.text.rstrip()), len(self.text.rstrip()) + 1))
        if self._take("("):
            out = self.either()
            if not self._take(")"):
                raise SettingError(self._pointed("this bracket isn't closed", token.start, token.end))
            return out
        if token.kind == "quoted":
            self.at += 1
            return Said(token.text[1:-1])
        if token.kind != "word":
            raise SettingError(self._pointed(f"didn't expect {token.text!r} here", token.start, token.end))
        if self._take("by"):
            return self._person()
        if self._take("no"):
            return self._absent()
        if self._take("high"):
            return Compare(self._dimension(), ">=", 0.3)
        if self._take("low"):
            return Compare(self._dimension(), "<=", -0.3)
        return self._estimate()

    def _person(self) -> By:
        token = self._next()
        if token is None or token.kind not in ("word", "quoted"):
            raise SettingError(self._pointed('expected a name after "by"', len(self.text), len(self.text) + 1))
        self.at += 1
        name = token.text.strip('"')
        if self.people and name.casefold() not in {p.casefold() for p in self.people}:
            raise self._unknown("person", name, self.people, token)
        return By(name)

    def _absent(self) -> Query:
        token = self._next()
        if token is not None and token.text.lower() in MODALITY and MODALITY[token.text.lower()] == token.text.lower().replace("words", "text"):
            self.at += 1
            return Absent(MODALITY[token.text.lower()])
        return Not(self.single())

    def _dimension(self) -> str:
        token = self._next()
        if token is None or token.text.lower() not in DIMENSIONS:
            raise self._unknown("axis", token.text if token else "", DIMENSIONS, token)
        self.at += 1
        return token.text.lower()

    def _estimate(self) -> Query:
        """A level, a modality and a label in any order that makes sense, or a comparison."""
        level = modality = ""
        while (token := self._next()) is not None and token.kind == "word":
            low = token.text.lower()
            if low in LEVELS and not level:
                level = low
            elif low in MODALITY and not modality and not self._compared(1):
                modality = MODALITY[low]
            elif low in FILLERS:
                pass
            else:
                break
            self.at += 1
        if token is None or token.kind != "word":
            after = self.tokens[self.at - 1]
            raise SettingError(self._pointed(f"expected an expression after {after.text!r}, such as sad", after.start, after.end))
        if token.text.lower() in ("discord", "disagreement") and not self._compared(1):
            self.at += 1
            return Discord()
        word, length = self._word(token)
        if not modality and "." in word and word.split(".", 1)[0] in MODALITY:
            modality, word = MODALITY[word.split(".", 1)[0]], word.split(".", 1)[1]
        word = word.split(".", 1)[1] if "." in word and word not in self.words else word     # voice.vad.arousal
        comparing = self._compared(length)
        if word not in self.words and not (comparing and word in (*DIMENSIONS, *NUMBERS)):
            if word in DIMENSIONS:
                raise SettingError(self._pointed(f"{word} is an axis; say high {word}, low {word}, or compare it: {word} > 0.3", token.start, token.end))
            raise self._unknown("word", token.text, {*self.words, *LEVELS, *MODALITY, *JOINING, *DIMENSIONS}, token)
        self.at += length
        if comparing:
            sign = self.tokens[self.at]
            value = self.tokens[self.at + 1] if self.at + 1 < len(self.tokens) else None
            if value is None or value.kind != "number":
                raise SettingError(self._pointed("expected a number after this", sign.start, sign.end))
            self.at += 2
            return Compare(word, sign.text, float(value.text), modality)
        if (behind := self._next()) is not None and behind.text.lower() in MODALITY and not modality and not self._compared(1):
            self.at += 1
            modality = MODALITY[behind.text.lower()]
        return Term(word, level, modality)

    def _word(self, token: _Token) -> tuple[str, int]:
        """The longest run of tokens that is a word which can be asked for."""
        for length in (4, 3, 2):
            run = self.tokens[self.at:self.at + length]
            joined = " ".join(t.text.lower() for t in run)
            if len(run) == length and all(t.kind in ("word", "bracket") for t in run) and joined in self.words:
                return joined, length
        return token.text.lower(), 1

    def _compared(self, after: int) -> bool:
        return self.at + after < len(self.tokens) and self.tokens[self.at + after].kind == "compare"

    def _next(self) -> _Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def _take(self, text: str) -> bool:
        token = self._next()
        found = token is not None and token.kind != "quoted" and token.text.lower() == text
        self.at += found
        return found

    def _unknown(self, kind: str, name: str, known: Collection[str], token: _Token | None) -> UnknownName:
        near = difflib.get_close_matches(name.lower(), [k.lower() for k in known], n=1, cutoff=0.6)
        hint = f"did you mean {near[0]!r}?" if near else "there are: " + ", ".join(sorted(known, key=str.lower)[:40])
        start, end = (token.start, token.end) if token else (len(self.text), len(self.text) + 1)
        return UnknownName(self._pointed(f"no {kind} {name!r}; {hint}", start, end))

    def _pointed(self, message: str, start: int, end: int) -> str:
        return f"{message}\n  {self.text}\n  {' ' * start}{'^' * max(1, end - start)}"
