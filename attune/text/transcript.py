"""Words that somebody wrote down: SubRip, WebVTT, plain text, and JSON of several makers, read into segments.

The format is told from the content, not from the file's name. Real transcripts are untidy: what can be repaired without guessing
is repaired and noted (`Transcript.notes`); anything else is a `TranscriptError` that says where, what came and what was expected.
Plain text has no times: `spread` lays its lines over the speech that was heard, and those times are estimates.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from attune.errors import TranscriptError
from attune.text import cues, json_words
from attune.text.names import named
from attune.text.units import tokens
from attune.types import SOMEONE, Segment

LARGEST = 32 * 2**20                     # bytes; a day of talk as JSON with word times is about 20 MB
SLOW = 2.0                               # times the usual length of a line; who takes longer has paused

NEAR = 0.2                               # of the shorter line: how far a border between lines is moved to a pause; keeps their order

SPREAD = "the transcript has no times: its lines were laid over the speech in proportion to their letters, and are estimates"
_UNREADABLE = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\ufffd]")
_STAMP = re.compile(rf"^[\[(]?\s*{cues.CLOCK}\s*(?:[\])]|[-–—]\s|\s)\s*(?=\S)(.*)$")


@dataclass(frozen=True)
class Transcript:
    """What was said, by whom and when.

    timed
        False: the segments carry no times (all are 0) until `spread` gives them some.
    notes
        What was repaired or left out.
    """

    segments: tuple[Segment, ...]
    timed: bool = True
    language: str = ""
    notes: tuple[str, ...] = ()


def read(path: str | Path) -> Transcript:
    """A transcript from a file.

    Raises
    ------
    TranscriptError
        If it can't be opened or is larger than 32 MB, holds no words, or is broken where nothing can be guessed.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise TranscriptError(f"{path.name} is a folder; expected a transcript (SRT, WebVTT, text or JSON)")
        if path.stat().st_size > LARGEST:
            raise TranscriptError(f"{path.name} has {path.stat().st_size / 2**20:.0f} MB; expected a transcript of at most {LARGEST // 2**20} MB")
        data = path.read_bytes()
    except OSError as error:
        raise TranscriptError(f"{path.name} can't be opened: {error.strerror or error}") from error
    text, notes = decode(data, path.name)
    found = parse(text, path.name)
    return replace(found, notes=notes + found.notes)


def parse(text: str, name: str = "the transcript") -> Transcript:
    """A transcript from text; `name` is for messages, and its ending decides between formats that look alike.

    >>> parse("1\\n00:00:01,000 --> 00:00:02,500\\nWell, <i>yes</i>!").segments
    (Segment(start=1.0, end=2.5, person='', text='Well, yes!', words=(), kind='speech', confidence=None),)
    >>> parse("Ada: Really?\\nBo: Yes.").segments[1].person
    'Bo'
    """
    text = re.sub(r"\r\n?", "\n", text.removeprefix("\ufeff"))
    ending = Path(name).suffix.lower()
    if not text.strip():
        raise TranscriptError(f"{name} is empty; expected a transcript (SRT, WebVTT, text or JSON)")
    if text.lstrip()[0] in "{[" or ending == ".json":
        words = json_words.read(text, name, must=ending == ".json")
        if words is not None:
            return _finish(words.segments, name, timed=words.timed, language=words.language, notes=words.notes)
    vtt = text.lstrip().startswith("WEBVTT")
    if vtt or ending in (".srt", ".vtt") or cues.looks_like(text):
        segments, notes = cues.read(text, name, vtt=vtt or ending == ".vtt")
        return _finish(segments, name, notes=notes)
    return _plain(text, name)


def decode(data: bytes, name: str = "the transcript") -> tuple[str, tuple[str, ...]]:
    """Text from bytes in UTF-8 or UTF-16, by their mark or their look, else in Windows-1252 (which holds Latin-1); and a note then.

    Raises
    ------
    TranscriptError
        If the bytes are no text.
    """
    notes: tuple[str, ...] = ()
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = data.decode("utf-16", errors="replace")
    elif data[:200].count(0) * 3 > len(data[:200]):
        text = data.decode("utf-16-le" if data[1:200:2].count(0) >= data[0:200:2].count(0) else "utf-16-be", errors="replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("cp1252", errors="replace")
            notes = (f"{name} isn't UTF-8: read as Windows-1252 (Latin-1)",)
    strange = len(_UNREADABLE.findall(text))
    if strange > 0.02 * len(text):
        raise TranscriptError(f"{name} is no text ({strange} of {len(text)} characters can't be read); expected SRT, WebVTT, text or JSON")
    return text.replace("\x00", ""), notes


def spread(segments: Sequence[Segment], speech: Iterable[tuple[float, float]]) -> tuple[Segment, ...]:
    """Lines without times, laid over the speech intervals [start, end) in proportion to their letters.

    A border between two lines that falls near a pause is moved into it; a line may reach over a pause. Where no speech was heard
    there is no place for a line, and none is returned.

    >>> [(s.start, s.end) for s in spread([Segment(0, 0, text="four"), Segment(0, 0, text="more")], [(1, 2), (3, 4)])]
    [(1.0, 2.0), (3.0, 4.0)]
    """
    intervals = np.array([i for i in sorted(speech) if i[1] > i[0]], np.float64).reshape(-1, 2)
    letters = np.array([max(1, sum(map(len, tokens(s.text)))) for s in segments], np.float64)
    if not len(intervals) or not len(letters):
        return ()
    spoken = np.concatenate([[0.0], np.cumsum(intervals[:, 1] - intervals[:, 0])])
    edges = np.concatenate([[0.0], np.cumsum(letters)]) / letters.sum() * spoken[-1]
    edges[-1] = spoken[-1]
    edges = _to_pauses(edges, spoken)

    def place(at: float, side: str) -> float:
        # a line that ends where an interval ends, ends there, not where the next interval begins
        i = int(np.clip(np.searchsorted(spoken, at + (1e-9 if side == "right" else -1e-9), side="right") - 1, 0, len(intervals) - 1))
        return float(min(intervals[i, 0] + max(at - spoken[i], 0.0), intervals[i, 1]))

    times = [(place(a, "right"), place(b, "left")) for a, b in pairwise(edges.tolist())]
    return tuple(replace(s, start=a, end=max(a, b), words=()) for s, (a, b) in zip(segments, times, strict=True))


def _to_pauses(edges: np.ndarray, pauses: np.ndarray) -> np.ndarray:
    """Borders between lines, those moved to the nearest pause that have one within `NEAR` of the shorter line beside them."""
    inner, length = edges[1:-1], np.diff(edges)
    after = np.clip(np.searchsorted(pauses, inner), 1, len(pauses) - 1)
    nearest = np.where(inner - pauses[after - 1] < pauses[after] - inner, pauses[after - 1], pauses[after])
    near = np.abs(nearest - inner) <= NEAR * np.minimum(length[:-1], length[1:])
    return np.concatenate([edges[:1], np.where(near, nearest, inner), edges[-1:]])


def _plain(text: str, name: str) -> Transcript:
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    stamped = [m for m in map(_STAMP.match, lines) if m]
    if 2 * len(stamped) > len(lines) and _STAMP.match(lines[0]):
        return _stamped(lines, name)
    segments = [Segment(0, 0, text=line) for line in lines]
    found = _finish(segments, name, timed=False)
    return replace(found, segments=_same_speaker(found.segments))


def _stamped(lines: Sequence[str], name: str) -> Transcript:
    """Lines that begin with the time at which they were said, until the next does, or as long as their words need."""
    found: list[cues.Cue] = []
    for n, line in enumerate(lines, 1):
        stamp = _STAMP.match(line)
        if stamp:
            found.append(cues.Cue(n, cues.clock(stamp.groups()[:4], name, n, line), math.inf, [stamp.group(5)]))
        else:
            found[-1].text.append(line)
    found.sort(key=lambda c: c.start)
    for cue, after in zip(found, [*found[1:], None], strict=True):
        usual = cues.needed(cue.text)
        cue.end = cue.start + usual if after is None else min(after.start, cue.start + SLOW * usual)
    segments = [Segment(cue.start, cue.end, text="\n".join(cue.text)) for cue in found]
    finished = _finish(segments, name, notes=[f"{name} has no ends: a line lasts until the next, or as long as its words need"])
    return replace(finished, segments=_same_speaker(finished.segments))


def _same_speaker(segments: Sequence[Segment]) -> tuple[Segment, ...]:
    """A line without a name goes on with the speaker before it."""
    person, out = SOMEONE, []
    for s in segments:
        person = s.person or person
        out.append(replace(s, person=person))
    return tuple(out)


def _finish(segments: Sequence[Segment], name: str, *, timed: bool = True, language: str = "", notes: Sequence[str] = ()) -> Transcript:
    """Speakers written before a colon; text in one line; nothing empty."""
    segments = [replace(s, text=" ".join(s.text.split())) for s in named(segments)]
    segments = [s for s in segments if s.text or s.words]
    if not segments:
        raise TranscriptError(f"{name} holds no words; expected a transcript (SRT, WebVTT, text or JSON)")
    return Transcript(tuple(sorted(segments, key=lambda s: s.start) if timed else segments), timed, language, tuple(dict.fromkeys(notes)))
