"""Where the agent's own judgement ends: signs of danger, dependence, wishes for closeness or a diagnosis, questions about what it noticed.

The words of a turn are looked at before anything else, in every language there is a file for (`policies/*.toml`), whatever the language or
persona of the conversation. Only words count: no measured expression ever sets off the path for a crisis, and none keeps it from being set off.

    self_harm, violence, harm_others     a fixed answer that leads to human help; no language model is asked, no persona changes it
    why, stop_noticing, start_noticing, forget       answered from what was kept, or done; no language model is asked
    dependence, attachment, diagnosis    a policy that a language model is told beside the turn, a fixed answer where there is none

Patterns find what is said plainly. They miss hints, other languages and misspellings, and they find quotations and film titles: an aid, no
judgement of anybody's state, and no replacement for people who answer. The numbers for help were right when they were written down; who runs
a service checks them for the countries it is used in.

    >>> sign("I don't want to live anymore.")
    Sign(kind='self_harm', language='en', found="don't want to live")
    >>> sign("This commute is killing me.") is None
    True
"""

from __future__ import annotations

import importlib.resources
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from attune.errors import unknown

FOLDER = importlib.resources.files("attune") / "agent" / "policies"
CRISIS = ("self_harm", "violence", "harm_others")
ASKED = ("why", "stop_noticing", "start_noticing", "forget")
CARE = ("dependence", "attachment", "diagnosis")
KINDS = (*CRISIS, *ASKED, *CARE)         # in the order in which they count
_APOSTROPHES = str.maketrans("’‘ʼ`´", "'''''")
_SENTENCE = re.compile(r"(?<=[.!?…])[\"'”)]*\s+|\n+")


@dataclass(frozen=True)
class Sign:
    """What was found in the words: its kind, the language of the pattern, and the words that fitted it."""

    kind: str
    language: str
    found: str

    @property
    def crisis(self) -> bool:
        return self.kind in CRISIS


def languages() -> list[str]:
    """The languages there are policies for."""
    return sorted(f.name.removesuffix(".toml") for f in FOLDER.iterdir() if f.name.endswith(".toml"))


@cache
def policy(language: str) -> dict[str, Any]:
    """The tables of a language's file; `UnknownName` if there is none."""
    tag = language.lower().replace("_", "-").split("-")[0]
    if tag not in languages():
        raise unknown("language of policies", language, languages())
    return tomllib.loads((FOLDER / f"{tag}.toml").read_text(encoding="utf-8"))


def nearest(language: str) -> str:
    """The language itself if there is a policy for it, else English.

    >>> nearest("de-AT"), nearest("fr"), nearest("")
    ('de', 'en', 'en')
    """
    tag = language.lower().replace("_", "-").split("-")[0]
    return tag if tag in languages() else "en"


def sign(words: str, language: str = "") -> Sign | None:
    """What needs a boundary in these words: the gravest kind; None if nothing does.

    language
        Of the conversation: looked at first, so that the answer is in it where several fit. The others are looked at too.
    """
    own = nearest(language)
    order = [own, *(tag for tag in languages() if tag != own)]
    plain = " ".join(words.translate(_APOSTROPHES).split())
    for kind in KINDS:
        for tag in order:
            for pattern in _compiled(tag, "signs", kind):
                if found := pattern.search(plain):
                    return Sign(kind, tag, found[0])
    return None


def answer(found: Sign) -> str:
    """The fixed answer; of `why` its template."""
    tables = policy(found.language)
    return str(tables["help"][found.kind] if found.crisis else tables["answers"][found.kind])


def rules(language: str) -> list[str]:
    """What a language model is told whatever its persona."""
    return list(policy(nearest(language))["policy"]["rules"])


def care(found: Sign | None, after_crisis: bool, language: str) -> list[str]:
    """What a language model is told beside this turn."""
    tables = policy(nearest(language))["policy"]
    return [*([tables[found.kind]] if found is not None and found.kind in CARE else []), *([tables["after"]] if after_crisis else [])]


def unfit(sentence: str, language: str = "") -> str:
    """Why a sentence of a reply isn't sent ("diagnosis", "human", "bond"), or "".

    >>> unfit("It sounds like a hard week."), unfit("You clearly have clinical depression.")
    ('', 'diagnosis')
    """
    plain = sentence.translate(_APOSTROPHES)
    for tag in languages():
        for kind in policy(tag)["never"]:
            if kind != "instead" and any(p.search(plain) for p in _compiled(tag, "never", kind)):
                return str(kind)
    return ""


def guarded(pieces: Iterable[str], language: str = "") -> Iterator[str]:
    """A reply sentence by sentence, as it comes, without those that may not be said; if none is left, a sentence that says so."""
    sent, left = False, False
    for sentence in sentences(pieces):
        if sentence.strip() and unfit(sentence, language):
            left = True
            continue
        sent = sent or bool(sentence.strip())
        yield sentence
    if left and not sent:
        yield str(policy(nearest(language))["never"]["instead"])


def sentences(pieces: Iterable[str]) -> Iterator[str]:
    """Pieces of any size as whole sentences with the blanks behind them; joined they are the same text.

    >>> list(sentences(["I hear y", "ou. What ", "happened?"]))
    ['I hear you. ', 'What happened?']
    """
    waiting = ""
    for piece in pieces:
        waiting += piece
        while found := _SENTENCE.search(waiting):
            if found.end() == len(waiting):              # more blanks may come
                break
            yield waiting[: found.end()]
            waiting = waiting[found.end() :]
    if waiting:
        yield waiting


@cache
def _compiled(language: str, table: str, kind: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(p, re.IGNORECASE) for p in policy(language)[table].get(kind, ()))
