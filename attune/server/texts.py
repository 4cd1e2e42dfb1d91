"""Text without a recording: cut into words, sentences or passages, each with its place, and measured."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

import numpy as np

from attune import registry, text
from attune.server.hume_v0 import predicted as hume
from attune.server.plan import Plan
from attune.taxonomy import taxonomy
from attune.text import units
from attune.types import Estimates, Segment

Piece = tuple[int, int]                  # characters from, to

WHOLE = ("turn", "passage")


def pieces(written: str, granularity: str) -> list[Piece]:
    """Where the words, sentences, lines (utterance) or the whole of a text stand.

    >>> said = "Oh no! It rains."
    >>> [said[a:b] for a, b in pieces(said, "sentence")]
    ['Oh no!', 'It rains.']
    >>> [said[a:b] for a, b in pieces(said, "word")]
    ['Oh', 'no!', 'It', 'rains.']
    """
    if granularity in WHOLE:
        bare = written.strip()
        return [(written.index(bare), written.index(bare) + len(bare))] if bare else []
    if granularity == "utterance":
        out, at = [], 0
        for line in written.splitlines(keepends=True):
            bare = line.strip()
            if bare:
                begin = at + line.index(bare)
                out.append((begin, begin + len(bare)))
            at += len(line)
        return out
    words, at = [], 0
    for token in units.tokens(written):
        begin = written.index(token, at)
        at = begin + len(token)
        words.append((begin, at))
    if granularity == "word":
        return words
    sentences: list[Piece] = []
    first: int | None = None
    capitals = any(c.isupper() for c in written)
    for (begin, end), following in zip_longest(words, words[1:]):
        first = begin if first is None else first
        after = written[following[0] : following[1]] if following else None
        if after is None or units.ends_sentence(written[begin:end], after, capitals=capitals):
            sentences.append((first, end))
            first = None
    return sentences


def read(written: str, plan: Plan, hook: text.Hook | None = None) -> list[tuple[str, hume.Prediction]]:
    """Language predictions of a text, in the words of the API v0."""
    cuts = pieces(written, plan.granularity or "word")
    said = [written[a:b] for a, b in cuts]
    model = registry.load("attune.text.models", str(plan.settings.text))
    found = estimates([Segment(0.0, 0.0, text=s) for s in said], model, plan, hook)
    scores = hume.Scores.of(found, hume.WRITTEN, fill=plan.wanted.fill)
    return hume.written(said, scores, [(hume.NOBODY, None, None)] * len(said), cuts)


def estimates(rows: list[Segment], model: Any, plan: Plan, hook: text.Hook | None = None) -> list[Estimates]:
    """The language model's estimates on rows, one set for each of its taxonomies."""
    values, reasons = text.measure(rows, model, plan.settings.language, hook=hook)
    labels = [taxonomy(name) for name in model.TAXONOMIES]
    edges = np.cumsum([0, *(len(t) for t in labels)])
    return [Estimates.of(rows, values[:, a:b], taxonomy=t, modality="text", model=str(plan.settings.text), reason=reasons)
            for t, a, b in zip(labels, edges, edges[1:], strict=False)]
