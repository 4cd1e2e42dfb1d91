"""Which words an estimate rests on: what changes when a word is left out.

The contribution of a word is the estimate for the whole text minus that for the text without it (Li, Monroe & Jurafsky 2016,
Understanding neural networks through representation erasure, arXiv:1612.08220; Robnik-Sikonja & Kononenko 2008, IEEE TKDE 20(5)). It
needs nothing of a model but its answers, costs one answer a word, and says what the model leans on, which need not be what made
somebody feel so.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from attune.errors import unknown
from attune.taxonomy import taxonomy
from attune.text.units import join, tokens


def causes(text: str, model: ModuleType | Any, label: str) -> tuple[list[str], np.ndarray]:
    """The words of a text, and what each adds to an estimate.

    Parameters
    ----------
    text : as said
    model : a module of `text/models`
    label : one of a taxonomy of the model, as "joy" or "goemotions28.joy"; without the taxonomy, the first that has it

    Returns
    -------
    words : n words with their punctuation
    contributions : (n,) float32 in the label's unit, positive where the word raises the estimate; NaN if the text can't be read

    Raises
    ------
    UnknownName
        If no taxonomy of the model has the label.

    >>> from types import SimpleNamespace
    >>> glad = SimpleNamespace(TAXONOMIES=("vad",), load=lambda: lambda texts: np.array([["glad" in t, 0, 0] for t in texts], float))
    >>> causes("So glad you came!", glad, "valence")
    (['So', 'glad', 'you', 'came!'], array([0., 1., 0., 0.], dtype=float32))
    """
    column, words = column_of(model, label), tokens(text)
    if not words:
        return [], np.zeros(0, np.float32)
    values = np.asarray(model.load()([text, *without(words)]), np.float32)[:, column]
    if len(words) == 1:
        return words, np.array([values[0]], np.float32)       # without its only word a text says nothing
    return words, values[0] - values[1:]


def without(words: Sequence[str]) -> list[str]:
    """The text n times, each time without one of its n words.

    >>> without(["not", "bad"])
    ['bad', 'not']
    """
    return [join([*words[:i], *words[i + 1 :]]) for i in range(len(words))]


def column_of(model: ModuleType | Any, label: str) -> int:
    """Where a model's answers hold a label."""
    at, known = 0, []
    for name in model.TAXONOMIES:
        labels = taxonomy(name).labels
        for own in labels:
            if label.casefold() in (own.casefold(), f"{name}.{own}".casefold()):
                return at + labels.index(own)
        known += [f"{name}.{own}" for own in labels]
        at += len(labels)
    raise unknown("label of the model", label, known)
