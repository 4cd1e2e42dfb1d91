"""Which language words are in, by their commonest words, and which model reads it.

For a transcript that doesn't say: a share of function words tells English from German in a sentence or two (Grefenstette 1995, Comparing
two language identification schemes, JADT). It knows no third language, and says nothing rather than guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from attune import registry
from attune.weights import COMMERCIAL

FOLDER = "attune.text.models"
LEAST_WORDS, LEAST_SHARE = 2, 0.1        # function words that must be there, and of all words
_ENGLISH = (
    "the and you that this was for are with have not they from what but his her she him had were been would there their will your which when "
    "who how them then could than it's i'm don't that's he's you're of to it is my me we our because about just know"
)
_GERMAN = (
    "der die und den das ist nicht ein eine ich sie es mit sich auf für dem auch als sind von zu im wir aber wie noch nur wenn haben "
    "du er mir mich dir dich uns euch ihr sein dass daß war hat habe bin bist schon kann doch mal was wer wo warum ja nein sehr"
)
COMMON = {"en": frozenset(_ENGLISH.split()), "de": frozenset(_GERMAN.split())}
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


def guess(texts: Iterable[str]) -> str:
    """"en", "de", or "" where neither is clear.

    >>> guess(["Das ist doch nicht dein Ernst!"]), guess(["That is not what I meant."]), guess(["Mon dieu, c'est magnifique"])
    ('de', 'en', '')
    """
    words = [word.casefold().replace("’", "'") for text in texts for word in _WORD.findall(text)]
    found = {language: sum(word in common for word in words) for language, common in COMMON.items()}
    best = max(found, key=lambda language: found[language])
    clear = sum(count == found[best] for count in found.values()) == 1
    return best if clear and found[best] >= max(LEAST_WORDS, LEAST_SHARE * len(words)) else ""


def reader(language: str, default: str, *, commercial: bool = False) -> str:
    """Name of the model that reads a language: the default if it does or no other does; models that must be fetched wait to be asked for by name.
    commercial: no other than those whose licence allows commercial use.

    >>> reader("en-US", "minilm_emotions")
    'minilm_emotions'
    """
    tag = primary(language)

    def reads(name: str) -> bool:
        module = registry.load(FOLDER, name)
        known = getattr(module, "LANGUAGES", None)
        if commercial and name != default and module.LICENSE_CLASS not in COMMERCIAL:
            return False
        return (tag in known if known else name == default) and (name == default or not hasattr(module, "CHECKPOINTS"))

    return next((name for name in (default, *registry.names(FOLDER)) if reads(name)), default)


def primary(language: str) -> str:
    """The language of a tag, without its region.

    >>> primary("de_CH"), primary("EN")
    ('de', 'en')
    """
    return language.lower().replace("_", "-").split("-")[0]
