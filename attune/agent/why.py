"""What made it think so: the moment and the measurements of a turn, as data and as the sentences of a language's policy.

    >>> from attune.agent.heard import of_words
    >>> said = noticed(of_words("I am so happy to see you!"), "en")
    >>> said[0].modality, said[0].word, said[0].score > 0.5
    ('text', 'joyful', True)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from attune.agent import boundaries
from attune.agent.heard import PERSON
from attune.agent.memory import Said
from attune.describe.language import language as words_of
from attune.describe.language import quoted
from attune.describe.moments import moments
from attune.types import Estimates, Recording

KEYS = {"text": "words", "voice": "voice", "face": "face", "fused": "fused"}


@dataclass(frozen=True)
class Noticed:
    """One thing that was measured: its modality, label, the word for it, its score 0..1, and for a face the second at which it showed most."""

    modality: str
    label: str
    word: str
    score: float
    time: float | None = None


def noticed(turn: Recording, language: str) -> list[Noticed]:
    """What a turn's recording showed, by modality, the strongest first; times are the recording's own."""
    of, out = words_of(boundaries.nearest(language)), []
    for m in moments(turn, over="turns"):
        for part in m.parts if m.person == PERSON else ():
            e = next((e for e in turn if e.modality == part.modality and e.taxonomy == part.taxonomy), None)
            for p in part.phrases:
                when = _peak(e, p.label) if part.modality == "face" and e is not None and len(e) > 1 else None
                out.append(Noticed(part.modality, p.label, of.adjective(p.label, part.taxonomy), p.score, when))
    return out


def told(turn: Said, number: int, found: Sequence[Noticed], language: str) -> str:
    """The answer to "what made you think so?" about a turn, the number-th of the person's; times of `found` are the conversation's."""
    tag = boundaries.nearest(language)
    table, of, parts = boundaries.policy(tag)["answers"], words_of(tag), []
    for modality in dict.fromkeys(n.modality for n in found):
        shown = [n for n in found if n.modality == modality]
        named = of.listed([f"{n.word} {n.score:.2f}" + (f" ({n.time:.1f} s)" if n.time is not None else "") for n in shown])
        behind = ", ".join(f"“{w}”" for w in turn.facts.get("causes", ()))
        parts.append(f"{table[KEYS[modality]]}: {named}" + (f", {table['rest_on'].format(words=behind)}" if modality == "text" and behind else ""))
    return str(table["why"]).format(turn=number, moment=table["moment"].format(start=turn.start, end=turn.end),
                                    quoted=quoted(turn.words) if turn.words else table["no_words"], measured="; ".join(parts) or table["unmeasured"])


def _peak(e: Estimates, label: str) -> float | None:
    values = e.label(label)
    return None if np.isnan(values).all() else float(e.start[int(np.nanargmax(values))])
