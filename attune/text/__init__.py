"""Expression in words: each unit of a transcript gets a row.

`measure` hands the texts of segments to a language model, which knows nothing of time or people. What isn't language is taken out
first: sounds written in brackets, music signs. With the granularity "word" every word is measured alone, without its neighbours,
as Hume's interface does by default; that shows which word carries what, and misses what only a sentence says ("not bad").
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np

from attune.taxonomy import taxonomy
from attune.text.language import guess, primary, reader
from attune.types import Segment

Hook = Callable[[str, float, float], None]      # step, done, total: here texts
BATCH = 64                               # texts between two calls of the hook
NO_WORDS, UNMEASURED = "no words", "the model gave no value"

_SOUNDS = re.compile(r"\[[^\[\]]*\]|^\s*\([^()]*\)\s*$|[♩♪♫♬]")


def measure(
    segments: Sequence[Segment], model: ModuleType | Any, language: str = "en", *, hook: Hook | None = None
) -> tuple[np.ndarray, list[str]]:
    """Values of each segment's text.

    Parameters
    ----------
    segments : in any order; only `text` is looked at
    model : a module of `text/models`
    language : of the words, BCP-47; a model that states `LANGUAGES` isn't asked about others
    hook : called as hook("text", done, total), in texts

    Returns
    -------
    values : (n, k) float32, in the ranges of the model's taxonomies, side by side; NaN where nothing could be measured
    reasons : n strings, why a row is NaN, else ""

    Raises
    ------
    WeightsError
        If the model's weights aren't there.

    >>> from types import SimpleNamespace
    >>> counting = SimpleNamespace(TAXONOMIES=("vad",), load=lambda: lambda texts: [[len(t), 0, 0] for t in texts])
    >>> values, reasons = measure([Segment(0, 1, text="Oh [laughs]"), Segment(1, 2)], counting)
    >>> values[:, 0].tolist(), reasons
    ([2.0, nan], ['', 'no words'])
    """
    k = sum(len(taxonomy(name)) for name in model.TAXONOMIES)
    values, reasons = np.full((len(segments), k), np.nan, np.float32), [""] * len(segments)
    texts = [spoken(s.text) for s in segments]
    why = _unreadable(model, language)
    # a word that comes again gives the same row again, so each text is asked about once
    asked = list(dict.fromkeys(t for t in texts if t)) if not why else []
    row_of: dict[str, np.ndarray] = {}
    for first in range(0, len(asked), BATCH):
        batch = asked[first : first + BATCH]
        row_of |= zip(batch, np.asarray(model.load()(batch), np.float32).reshape(len(batch), k), strict=True)
        if hook:
            hook("text", len(row_of), len(asked))
    for i, text in enumerate(texts):
        if not text or why:
            reasons[i] = why if text else NO_WORDS
            continue
        values[i] = row_of[text]
        if np.isnan(values[i]).all():
            reasons[i] = UNMEASURED
    return values, reasons


def choose(segments: Sequence[Segment], default: str, language: str = "", *, commercial: bool = False) -> tuple[str, str]:
    """Name of the model that reads these words, and their language: as stated, else by the commonest words, else English.

    commercial
        Only a model whose licence allows commercial use; where none reads the language, the default, which then gives no values.

    >>> choose([Segment(0, 1, text="That is not what I meant.")], "minilm_emotions")
    ('minilm_emotions', 'en')
    """
    found = language or guess(spoken(s.text) for s in segments) or "en"
    return reader(found, default, commercial=commercial), found


def spoken(text: str) -> str:
    """What of a text was said: without sounds in brackets and music signs; empty if no letter or digit is left.

    >>> spoken("[door slams] Who's there?"), spoken("(sighs)"), spoken("♪ la la ♪"), spoken("...")
    ("Who's there?", '', 'la la', '')
    """
    said = " ".join(_SOUNDS.sub(" ", text).split())
    return said if any(c.isalnum() for c in said) else ""


def _unreadable(model: Any, language: str) -> str:
    known = getattr(model, "LANGUAGES", None)
    tag = primary(language)
    return f"the model reads {', '.join(known)}, not {tag}" if known and tag and tag not in known else ""
