"""Who speaks, as transcripts write it: "Ada: Oh, really?" """

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from attune.types import SOMEONE, Segment

LONGEST = 40                             # letters, and four words: what is longer before a colon is no name
NOBODY = frozenset({"", "unknown", "none", "null"})

_PREFIX = re.compile(rf"^\s*(?:(?:[-–—]|>>+)\s*)?([^\W\d_][^:\n]{{0,{LONGEST - 1}}}?)\s?:(?:\s+(?=\S)|$)(.*)$", re.DOTALL)


def named(segments: Sequence[Segment]) -> list[Segment]:
    """Segments without a person, whose lines begin "Name: ", with that name as their person.

    A colon alone makes no name: it counts if the same name comes twice, or if half of the segments have one and it has a capital.
    Several people in one segment share its time in proportion to their letters.

    >>> [(s.person, s.text) for s in named([Segment(0, 1, text="Ada: Oh!\\nBo: Yes?"), Segment(1, 2, text="Bo: Well")])]
    [('Ada', 'Oh!'), ('Bo', 'Yes?'), ('Bo', 'Well')]
    """
    split = [[_prefix(line) for line in s.text.split("\n")] if not s.person and not s.words else [] for s in segments]
    often = 2 * sum(any(name for name, _ in lines) for lines in split) >= len(segments)
    times = Counter(name for lines in split for name, _ in lines if name)
    accepted = {name for name, n in times.items() if n > 1 or (often and not name[0].islower())}
    out: list[Segment] = []
    for s, lines in zip(segments, split, strict=True):
        if not any(name in accepted for name, _ in lines):
            out.append(s)
            continue
        parts: list[tuple[str, str]] = []
        for line, (name, rest) in zip(s.text.split("\n"), lines, strict=True):
            if name in accepted:
                parts.append((name, rest))
            elif parts:
                parts[-1] = (parts[-1][0], f"{parts[-1][1]}\n{line}")
            else:
                parts.append((SOMEONE, line))
        out += share(s.start, s.end, [p for p in parts if p[1].strip()])
    return out


def share(start: float, end: float, parts: Sequence[tuple[str, str]]) -> list[Segment]:
    """Segments of (person, text), one after the other, that share a time in proportion to their letters."""
    total, done, edges = sum(len(text) for _, text in parts), 0, [start]
    for _, text in parts:
        done += len(text)
        edges.append(start + (end - start) * done / max(1, total) if done < total else end)
    return [Segment(a, max(a, b), person, text) for (person, text), (a, b) in zip(parts, pairwise(edges), strict=True)]


def person(name: Any) -> str:
    """A person from whatever names one: tidied, and nobody for "unknown"."""
    tidy = "" if name is None else " ".join(str(name).split())
    return SOMEONE if tidy.casefold() in NOBODY else tidy


def _prefix(line: str) -> tuple[str, str]:
    match = _PREFIX.match(line)
    if not match or len(match.group(1).split()) > 4 or re.search(r"[.!?,;]\s", match.group(1)):
        return SOMEONE, line
    return match.group(1).strip(), match.group(2)
