"""The words: adverbs, adjectives, verbs and the order they stand in, one TOML file per language beside this module.

    >>> from attune.taxonomy import taxonomy
    >>> german = language("de")
    >>> german.adjective("Sadness", taxonomy("eee48")), german.levels["very"]
    ('traurig', 'sehr')
"""

from __future__ import annotations

import importlib.resources
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from attune.errors import SettingError, UnknownName, unknown
from attune.taxonomy import Taxonomy
from attune.types import SOMEONE

FOLDER = importlib.resources.files("attune") / "describe"
FORMS = ("I", "you", "third", "they")
PRONOUNS = ("I", "you", "he", "she", "they")
SHARED = {"hume53": "eee48"}             # the 48 are among the 53

Tense = Literal["past", "present"]


@dataclass(frozen=True)
class Who:
    """A person as they are spoken of: a name, or none, and a pronoun.

    >>> Who.of("Ada/she"), Who.of("I"), Who.of("Ada")
    (Who(name='Ada', pronoun='she'), Who(name='', pronoun='I'), Who(name='Ada', pronoun='they'))
    """

    name: str = ""
    pronoun: str = "they"

    @classmethod
    def of(cls, written: str) -> Who:
        """From "she", "Ada" or "Ada/she"; nobody from ""."""
        name, slash, pronoun = written.rpartition("/")
        if written in PRONOUNS or written == SOMEONE:
            return cls("", written or "somebody")
        return cls(_line(name), pronoun) if slash and pronoun in PRONOUNS else cls(_line(written), "they")

    @property
    def form(self) -> int:
        """Which form of the verb."""
        return FORMS.index("third" if self.name or self.pronoun in ("he", "she", "somebody") else self.pronoun)


@dataclass(frozen=True)
class Predicate:
    """What is said of somebody: a verb and what follows it."""

    verb: str
    rest: str = ""

    def __str__(self) -> str:
        return f"{self.verb} {self.rest}".strip()


@dataclass(frozen=True)
class Language:
    """A language's words; made by `language`. `words` holds the tables of its file by name."""

    name: str
    levels: dict[str, str]
    hedges: dict[str, str]
    words: dict[str, Any] = field(repr=False)
    adjectives: dict[str, dict[str, str]] = field(repr=False, default_factory=dict)

    def adjective(self, label: str, of: Taxonomy | None = None, own: Mapping[str, Mapping[str, str]] | None = None) -> str:
        """The adjective of a label, by name and in any letter case; `own` are a calibration's, which come first.

        A label that nobody knows is its own adjective, made one word: "Zest for life" is "zest-for-life".
        """
        if of is not None:
            try:
                label = of.labels[of.index(label)]
            except UnknownName:
                return self._unknown(label)
            english = {**of.adjectives, **(own or {}).get(of.name, {})} if self.name == "en" else {}
            tables = [english, self.adjectives.get(of.name, {}), self.adjectives.get(SHARED.get(of.name, ""), {})]
            for table in tables:
                if label in table:
                    return table[label]
        return self._unknown(label)

    def _unknown(self, label: str) -> str:
        word = plain(label)
        return f"“{word}”" if word == self.words["and"].strip() else word

    def verb(self, what: str, tense: Tense, form: int = 2) -> str:
        """A verb's form; `what` is a modality, or say, silent, become, brighten, words."""
        if tense not in self.words["verbs"]:
            raise SettingError(f"tense={tense!r}; expected one of {', '.join(self.words['verbs'])}")
        return str(self.words["verbs"][tense][what][form])

    def subject(self, who: Who) -> str:
        return who.name or str(self.words["people"][who.pronoun][0])

    def object(self, who: Who) -> str:
        return str(self.words["people"][who.pronoun][1])

    def listed(self, parts: Sequence[str], last: str = "and") -> str:
        """a; a and b; a, b and c."""
        return f"{self.words[last]} ".join([*([", ".join(parts[:-1])] if len(parts) > 1 else []), *parts[-1:]])

    def predicate(self, what: str, listing: str, hedge: str, tense: Tense, form: int) -> Predicate:
        """ "looked very sad", with the hedge where the language wants it."""
        verb, said = self.verb(what, tense, form), self.hedges[hedge] + " " if hedge else ""
        if self.words["hedge_before_verb"]:
            return Predicate(said + verb, self.words["around"][what].format(listing))
        return Predicate(verb, self.words["around"][what].format(said + listing))

    def sentence(self, subject: str, predicates: Sequence[Predicate], *, opening: str = "", last: str = "and") -> str:
        """Subject and predicates as one main clause, without a full stop."""
        first, *others = predicates
        turned = opening and self.words["verb_second"]
        start = f"{opening} {first.verb} {subject} {first.rest}" if turned else f"{opening} {subject} {first}"
        if not others:
            return start.strip()
        before = re.sub(r"\(.*?\)", "", predicates[-2].rest)
        nested = not before.startswith('"') and any(f"{mark} " in before for mark in (",", self.words["and"], self.words["or"]))
        comma = "," if self.words["serial_comma"] and nested else ""
        return self.listed([", ".join([start.strip(), *map(str, others[:-1])]) + comma, str(others[-1])], last)

    def comparative(self, adjective: str) -> str:
        """sadder, more surprised."""
        return str(self.words["comparatives"].get(adjective) or self.words["comparisons"]["more"].format(adjective))


def names() -> list[str]:
    """The languages there are."""
    return sorted(f.name.removesuffix(".toml") for f in FOLDER.iterdir() if f.name.endswith(".toml"))


@cache
def language(name: str = "en") -> Language:
    """The language of that name, as "de" or "de-AT".

    Raises
    ------
    UnknownName
        If there is none.
    """
    base = name.split("-")[0].lower()
    if base not in names():
        raise unknown("language of descriptions", name, names())
    words = tomllib.loads((FOLDER / f"{base}.toml").read_text(encoding="utf-8"))
    return Language(base, words["levels"], words["hedges"], words, words.get("adjectives", {}))


def plain(label: str) -> str:
    """A name nobody knows as one lower-case word.

    >>> plain("Zest for life"), plain("?")
    ('zest-for-life', 'unnamed')
    """
    return "-".join(re.findall(r"\w+", label.casefold())) or "unnamed"


def capital(text: str) -> str:
    """The first letter large."""
    return text[:1].upper() + text[1:]


def quoted(text: str) -> str:
    r"""Somebody's words between quotation marks, on one line, so that nobody can speak themselves out of them.

    Control characters become blanks, blanks are joined; a quotation mark or backslash gets a backslash.

    >>> print(quoted('He said "no".\n\nIgnore that.'))
    "He said \"no\". Ignore that."
    """
    return '"' + re.sub(r'([\\"])', r"\\\1", _line(text)) + '"'


def unquoted(text: str) -> str:
    """What `quoted` was given, on one line."""
    return re.sub(r"\\(.)", r"\1", text[1:-1])


def _line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
