"""Subtitles: SubRip and WebVTT, as they are found.

Both are cues, two times and some lines, so one reader takes both, and what lies between. A cue's number means nothing and may be
missing, so may the empty line before it; times may lack hours or thousandths. What is repaired is noted.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from attune.errors import TranscriptError
from attune.text.names import person, share
from attune.types import SOMEONE, Segment

LATEST = 1e6                             # s; beyond eleven days the numbers are something else, milliseconds perhaps
READING = 15.0                           # letters a second, at which people speak: for a cue whose end isn't known
SHORTEST = 0.5                           # s; of such a cue
LONGEST_LINE = 300                       # characters; a longer line holds no times
TIMES = "times like 00:00:01,000 --> 00:00:02,500"

CLOCK = r"(?:(\d{1,4})\s*:\s*)?(\d{1,3})\s*:\s*(\d{1,2})(?:\s*[.,:]\s*(\d{1,9}))?"
_ARROW = r"(?:-{1,3}\s?>|[–—]>|→)"
_TIMES = re.compile(rf"^\s*{CLOCK}\s*{_ARROW}\s*{CLOCK}(?=\s|$)(.*)$")
_BROKEN_TIMES = re.compile(r"^\s*-?\d+\s*[:.,].*-->|.*-->\s*-?\d+\s*:")
_SETTING = re.compile(r"^(?:[XY][12]|align|line|position|size|vertical|region)\s*:\s*\S+$", re.IGNORECASE)
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s([^<>]*)>", re.IGNORECASE)
_STAMP = re.compile(rf"<{CLOCK}>")
_MARKUP = re.compile(rf"</?[a-zA-Z][^<>]*>|{_STAMP.pattern}|\{{\\[^{{}}]*\}}|\{{/?[bisuBISU]\}}")


@dataclass
class Cue:
    """Lines of text between two times, and the number of the line with the times."""

    line: int
    start: float
    end: float
    text: list[str] = field(default_factory=list)


def looks_like(text: str) -> bool:
    """Whether a line of times is anywhere in it.

    >>> looks_like("00:01.0 --> 00:02.0"), looks_like("10:30 we left")
    (True, False)
    """
    return any(_times(line) or (len(line) < LONGEST_LINE and _BROKEN_TIMES.match(line)) for line in text.split("\n"))


def read(text: str, name: str, *, vtt: bool) -> tuple[list[Segment], list[str]]:
    """Segments by start, and notes; `name` is for messages.

    Raises
    ------
    TranscriptError
        If no times are found, or some that can't be read.
    """
    cues, notes = _found(text, name, vtt=vtt)
    if not cues:
        first = next(((n, line) for n, line in enumerate(text.split("\n"), 1) if line.strip()), (1, ""))
        raise wrong(name, *first, f"a cue with {TIMES}" + (" after the line WEBVTT" if vtt else ""))
    if any(a.start > b.start for a, b in pairwise(cues)):
        notes.append(f"{name}: cues out of order, sorted by their start")
        cues.sort(key=lambda c: c.start)
    for cue, after in zip(cues, [*cues[1:], None], strict=True):
        if cue.end < cue.start:
            cue.end = cue.start + needed(cue.text)
            if after is not None and after.start > cue.start:
                cue.end = min(cue.end, after.start)
            notes.append(f"{name} line {cue.line}: ends before it starts; given the time its words need")
    if _rolls(cues):
        return _rolling(cues), [*notes, f"{name}: captions that roll, each line taken once, with the times of its words"]
    return [s for cue in cues for s in _voices(cue)], notes


def clock(parts: Sequence[str | None], name: str, n: int, line: str) -> float:
    """Seconds from hours, minutes, seconds and fraction, as `CLOCK` finds them."""
    hours, minutes, seconds, fraction = parts
    time = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0) + (int(fraction) / 10 ** len(fraction) if fraction else 0.0)
    if time > LATEST:
        raise wrong(name, n, line, f"times up to {LATEST:g} s")
    return time


def needed(lines: Sequence[str]) -> float:
    """Seconds that it takes to say some lines."""
    return max(SHORTEST, sum(map(len, lines)) / READING)


def wrong(name: str, n: int, line: str, expected: str) -> TranscriptError:
    """The error for a line that can't be read."""
    return TranscriptError(f"{name} line {n}: {line.strip()[:80]!r}; expected {expected}")


def _times(line: str) -> re.Match[str] | None:
    return _TIMES.match(line) if len(line) < LONGEST_LINE else None


def _found(text: str, name: str, *, vtt: bool) -> tuple[list[Cue], list[str]]:
    """Cues as they stand in the text."""
    cues: list[Cue] = []
    notes: list[str] = []
    stray, inside = 0, False                     # lines of text before the first cue; whether text now belongs to a cue
    before = ""
    for n, line in enumerate(text.split("\n"), 1):
        blank = not line.strip()
        if times := _times(line):
            if not vtt and inside and cues[-1].text and before.strip().isdigit():
                cues[-1].text.pop()              # it was this cue's number
            cues.append(Cue(n, clock(times.groups()[:4], name, n, line), clock(times.groups()[4:8], name, n, line)))
            inside, rest = True, times.group(9).strip()
            if rest and not all(_SETTING.match(word) for word in re.sub(r"\s*:\s*", ":", rest).split()):
                cues[-1].text.append(rest)
                notes.append(f"{name} line {n}: words beside the times, taken as the cue's")
        elif len(line) < LONGEST_LINE and _BROKEN_TIMES.match(line):
            raise wrong(name, n, line, TIMES)
        elif inside and vtt and (not line or (blank and cues[-1].text)):
            inside = False                       # in WebVTT an empty line ends the cue; what follows is an identifier or a note
        elif inside and not blank:
            cues[-1].text.append(line)
        elif not vtt and not blank and not line.strip().isdigit():
            stray += 1
        before = line
    if stray:
        notes.append(f"{name}: {stray} {'lines' if stray > 1 else 'line'} before the first times left out")
    return cues, notes


def _voices(cue: Cue) -> list[Segment]:
    """The voices of one cue, in order; several share its time in proportion to their letters."""
    pieces = _VOICE.split("\n".join(cue.text))
    parts = [(person(html.unescape(name)), _plain(said)) for name, said in [(SOMEONE, pieces[0]), *zip(pieces[1::2], pieces[2::2], strict=True)]]
    return share(cue.start, cue.end, [p for p in parts if p[1].strip()])


def _plain(said: str) -> str:
    return html.unescape(_MARKUP.sub("", said)).replace("\u200b", "").replace("\u00a0", " ")


def _rolls(cues: Sequence[Cue]) -> bool:
    """Whether words are stamped, and cues begin with what the one before ended with."""
    repeats = sum(bool({_plain(line).strip() for line in a.text} & {_plain(line).strip() for line in b.text}) for a, b in pairwise(cues))
    return 3 * repeats > len(cues) and any(_STAMP.search(line) for cue in cues for line in cue.text)


def _rolling(cues: Sequence[Cue]) -> list[Segment]:
    """Captions that roll, as automatic ones do: each cue repeats the line before, and a new line has stamps between its words."""
    out: list[Segment] = []
    shown: list[str] = []                        # lines of the cue before
    for cue in cues:
        lines = [(_plain(line).strip(), line) for line in cue.text]
        new = [(plain, line) for plain, line in lines if plain and plain not in shown]
        shown = [plain for plain, _ in lines]
        for plain, line in new:
            words, start, at = [], cue.start, 0
            for stamp in _STAMP.finditer(line):
                following = clock(stamp.groups(), "", cue.line, line)
                words += share(start, max(start, following), [(SOMEONE, w) for w in _plain(line[at : stamp.start()]).split()])
                start, at = max(start, following), stamp.end()
            words += share(start, max(start, cue.end), [(SOMEONE, w) for w in _plain(line[at:]).split()])
            timed = tuple(words) if at else ()
            out.append(Segment(cue.start, max(cue.end, start), text=plain, words=timed))
    return [replace(s, end=min(s.end, after.start) if after and after.start > s.start and not s.words else s.end)
            for s, after in zip(out, [*out[1:], None], strict=True)]
