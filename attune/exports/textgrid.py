"""Praat: a TextGrid of interval tiers, written in the long form, read in the long and the short."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from attune.errors import RecordingError
from attune.exports import _files, _tiers
from attune.types import Recording

NAME, SUFFIX = "textgrid", ".TextGrid"
FACTS = {
    "title": "Praat TextGrid",
    "keeps": "rows with people and kinds, words and their times, every model's estimates on their own grid with quality and spread, notes, settings",
    "loses": "confidence of words, faces' places in the picture, portraits; stretches without any length get a millisecond",
    "readers": "Praat, praatio, textgrid, praat-textgrids, MFA; anybody's TextGrid is read as words, a tier a speaker",
    "reference": "Praat manual, TextGrid file formats (text, long and short; UTF-8 or UTF-16)",
}
FACTS_TIER = "attune"                    # one interval whose text says what the other tiers are: a TextGrid has no other place for that
TOUCHING = 1e-9                          # s
# quoted text (a quote in it is doubled), a flag, a comment, or anything between blanks: of the last, only numbers count
TOKEN = re.compile(r'"((?:[^"]|"")*)"|<(\w+)>|![^\n]*|([^\s"!<]\S*)')
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?[s%]?")


def write(recording: Recording, path: Path) -> Path:
    facts, tiers = _tiers.tiers(recording)
    last = max([recording.duration, *(t.rows[-1][1] for t in tiers if t.rows)])
    last = last if last > 0 else 0.001
    tiers = [*tiers, _tiers.Tier(FACTS_TIER, "", [(0.0, last, json.dumps(facts, ensure_ascii=False))])]
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0 ", f"xmax = {_number(last)} ", "tiers? <exists> ",
             f"size = {len(tiers)} ", "item []: "]
    for i, tier in enumerate(tiers, 1):
        rows = _filled(tier.rows, last)
        lines += [f"    item [{i}]:", '        class = "IntervalTier" ', f"        name = {_quoted(tier.name)} ", "        xmin = 0 ",
                  f"        xmax = {_number(last)} ", f"        intervals: size = {len(rows)} "]
        for j, (start, end, text) in enumerate(rows, 1):
            lines += [f"        intervals [{j}]:", f"            xmin = {_number(start)} ", f"            xmax = {_number(end)} ",
                      f"            text = {_quoted(text)} "]
    return _files.put(path, "\n".join(lines) + "\n")


def read(path: Path) -> Recording:
    text = _files.text_of(path, "a TextGrid in text form")
    if '"TextGrid"' not in text[:200]:
        came = "in chronological form" if "chronological" in text[:100] else "no TextGrid in text form"
        raise RecordingError(f"{path.name} is {came}; expected one that Praat saved as text file or short text file")
    tokens = _tokens(text, path.name)
    try:
        kind, name = next(tokens), next(tokens)
        if (kind, name) != ("ooTextFile", "TextGrid"):
            raise RecordingError(f"{path.name} begins with {kind!r}, {name!r}; expected 'ooTextFile', 'TextGrid'")
        _, xmax, flag = float(next(tokens)), float(next(tokens)), next(tokens)
        tiers, points = _read_tiers(tokens, path.name) if flag == "exists" else ([], [])
    except StopIteration as error:
        raise RecordingError(f"{path.name} ends too early: it announces more tiers or intervals than there are; it may be cut off") from error
    except ValueError as error:
        raise RecordingError(f"{path.name} isn't built like a TextGrid ({error})") from error
    facts = None
    for tier in tiers:
        if tier.name == FACTS_TIER and len(tier.rows) == 1 and '"attune_tiers"' in tier.rows[0][2]:
            facts = _tiers.facts_of(tier.rows[0][2], path.name)
    others = [t for t in tiers if facts is None or t.name != FACTS_TIER]
    found = _tiers.recording_of(facts, others, source=facts["source"] if facts else path.stem, duration=xmax, what=f"Praat ({path.name})")
    return found if not points else replace(found, notes=(*found.notes, f"tiers of points aren't read: {', '.join(points)}"))


def mine(path: Path) -> bool:
    head = _files.glance(path)[:200]
    return "ooTextFile" in head and "TextGrid" in head


def _read_tiers(tokens: Iterator[str], name: str) -> tuple[list[_tiers.Tier], list[str]]:
    """Interval tiers without their empty intervals, and the names of point tiers."""
    tiers, points = [], []
    for _ in range(int(float(next(tokens)))):
        kind, title = next(tokens), next(tokens)
        float(next(tokens)), float(next(tokens))
        count = int(float(next(tokens)))
        if kind == "TextTier":
            for _ in range(count):
                float(next(tokens)), next(tokens)
            points.append(title)
        elif kind == "IntervalTier":
            rows = [(float(next(tokens)), float(next(tokens)), next(tokens)) for _ in range(count)]
            if any(b < a for a, b, _ in rows):
                raise ValueError(f"an interval of tier {title!r} ends before it starts")
            tiers.append(_tiers.Tier(title, "", [r for r in rows if r[2]]))
        else:
            raise ValueError(f"a tier of class {kind!r}, expected IntervalTier or TextTier")
    return tiers, points


def _tokens(text: str, name: str) -> Iterator[str]:
    """Texts, flags and free-standing numbers, in their order: all that counts in either form."""
    at = 0
    for match in TOKEN.finditer(text):
        if '"' in text[at : match.start()]:
            raise RecordingError(f"{name} has a text whose quotes aren't closed; it may be cut off")
        at = match.end()
        if match[1] is not None:
            yield match[1].replace('""', '"')
        elif match[2] is not None:
            yield match[2]
        elif match[3] is not None and NUMBER.fullmatch(match[3]):
            yield match[3].rstrip("s%")


def _filled(rows: list[tuple[float, float, str]], last: float) -> list[tuple[float, float, str]]:
    """Rows with empty intervals between them, from 0 to the end without a gap, as Praat wants them."""
    out: list[tuple[float, float, str]] = []
    at = 0.0
    for i, (start, end, text) in enumerate(rows):
        if start - at > TOUCHING:
            out.append((at, start, ""))
            at = start
        after = rows[i + 1][0] if i + 1 < len(rows) else last
        end = after if abs(after - end) <= TOUCHING else end
        out.append((at, end, text or " "))
        at = end
    if last - at > TOUCHING:
        out.append((at, last, ""))
    assert all(a[1] == b[0] for a, b in pairwise(out))
    return out


def _number(value: float) -> str:
    """Plain digits, as many as are needed: not every reader knows exponents."""
    return str(np.format_float_positional(value, trim="-"))


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
