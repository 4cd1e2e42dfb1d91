"""Words as JSON: our own, Whisper's and its relatives', a plain list of words or segments, and Hume's predictions.

Makers agree on little more than start, end and text. Times may stand in `start` and `end`, in `time: {begin, end}`, in
`timestamp: [start, end]` or, as milliseconds, in `offsets: {from, to}`; a word may lack them, then it is laid between its neighbours.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from attune.errors import TranscriptError
from attune.text.cues import LATEST, needed
from attune.text.names import person, share
from attune.text.units import join
from attune.types import Segment

_START, _END = ("start", "begin", "start_time", "from"), ("end", "end_time", "to")
_TEXT, _SURE = ("text", "word", "punctuated_word"), ("probability", "confidence", "score")


class _Times(NamedTuple):
    start: float | None
    end: float | None


class Words(NamedTuple):
    """What a JSON text holds; without `timed` all times are 0."""

    segments: list[Segment]
    timed: bool
    language: str
    notes: list[str]


def read(text: str, name: str, *, must: bool) -> Words | None:
    """Segments from JSON; None if it isn't JSON and, without `must`, needn't be.

    Raises
    ------
    TranscriptError
        If it is no JSON, or holds no words, or times that are none.

    >>> read('[{"word": "Oh!", "start": 0, "end": 1}]', "talk.json", must=True).segments[0].text
    'Oh!'
    """
    data = _loaded(text, name, must=must)
    if data is None:
        return None
    language = str(data.get("language") or "") if isinstance(data, dict) else ""
    predictions = _hume(data, name)
    items, where = (predictions, "predictions") if predictions is not None else _items(data, name)
    said = [s for i, item in enumerate(items) for s in _said(item, name, f"{where}[{i}]")]
    if isinstance(data, dict) and isinstance(data.get("words"), list) and not any(s.words for s in said):
        said = _with_words(said, [s for i, w in enumerate(data["words"]) for s in _said(w, name, f"words[{i}]")])
    if said and not any(s.timed for s in said):
        return Words([Segment(0, 0, s.person, s.text, confidence=s.confidence) for s in said], False, language, [])
    notes = []
    for s in said:
        if not s.timed:
            raise TranscriptError(f"{name}: {s.where} ({s.text[:40]!r}) has no start; expected seconds, as the others have")
        if s.end < s.start and " " in s.text:
            s.end = s.start + needed([s.text])
            notes.append(f"{name}: {s.where} ends before it starts; given the time its words need")
    if predictions is not None or where == "words" or _are_words(said):
        return Words(_runs(said), True, language, notes)
    return Words([s.segment() for s in said], True, language, notes)


def _loaded(text: str, name: str, *, must: bool) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        if not must and not text.lstrip().startswith('{"'):
            return None
        line = text.split("\n")[error.lineno - 1]
        raise TranscriptError(f"{name} line {error.lineno} column {error.colno}: {error.msg} at {line[:60]!r}; expected JSON") from error
    except (RecursionError, ValueError) as error:
        raise TranscriptError(f"{name} can't be read as JSON ({type(error).__name__}); expected segments or words with times") from error


@dataclass
class _Said:
    """Something said, perhaps without times yet (NaN); the end may be wrong."""

    where: str
    start: float
    end: float
    person: str
    text: str
    words: list[Segment]
    confidence: float | None

    @property
    def timed(self) -> bool:
        return not math.isnan(self.start)

    def segment(self) -> Segment:
        text = self.text or join([w.text for w in self.words])
        return Segment(self.start, max(self.start, self.end), self.person, text, tuple(self.words), confidence=self.confidence)


def _items(data: Any, name: str) -> tuple[list[Any], str]:
    """The list that holds the words, and what it is called."""
    if isinstance(data, list):
        return data, "words" if data and all(isinstance(d, dict) and "word" in d for d in data) else "segments"
    for key in ("segments", "transcription", "chunks", "words"):
        if isinstance(data, dict) and isinstance(data.get(key), list):
            return data[key], key
    if isinstance(data, dict) and isinstance(data.get("text"), str):
        return [data], "text"
    came = f"an object with {', '.join(map(repr, list(data)[:5])) or 'nothing'}" if isinstance(data, dict) else type(data).__name__
    raise TranscriptError(f"{name} holds {came}; expected 'segments', 'words', or a list of them, with start, end and text")


def _said(item: Any, name: str, where: str) -> list[_Said]:
    """What an object says, or nothing."""
    if isinstance(item, str):
        item = {"text": item}
    if not isinstance(item, dict):
        raise TranscriptError(f"{name}: {where} is {_short(item)}, expected an object with start, end and text")
    text = next((item[k] for k in _TEXT if item.get(k) is not None), "")
    if not isinstance(text, str):
        raise TranscriptError(f"{name}: {where}.text is {_short(text)}, expected a string")
    who = person(item.get("speaker", item.get("person")))
    start, end = _times(item, name, where)
    words: list[Segment] = []
    if isinstance(item.get("words"), list):
        words = _between([s for i, w in enumerate(item["words"]) for s in _said(w, name, f"{where}.words[{i}]")], start, end, who)
        if start is None and words:
            start, end = words[0].start, max(w.end for w in words)
    if not text.strip() and not words:
        return []
    start = math.nan if start is None else start
    return [_Said(where, start, start if end is None else end, who, text.strip(), words, _sure(item))]


def _times(item: dict[str, Any], name: str, where: str) -> _Times:
    """Seconds from an object that has start and end, time {begin, end}, timestamp [start, end] or offsets {from, to} in ms."""
    scale, source = 1.0, item
    if isinstance(item.get("offsets"), dict):
        scale, source = 1e-3, item["offsets"]
    elif isinstance(item.get("time"), dict):
        source = item["time"]
    elif isinstance(item.get("timestamp"), list) and len(item["timestamp"]) == 2:
        source = dict(zip(("start", "end"), item["timestamp"], strict=True))
    found: list[float | None] = []
    for keys in (_START, _END):
        key = next((k for k in keys if source.get(k) is not None), None)
        if key is None:
            found.append(None)
            continue
        try:
            time = float(source[key]) * scale if not isinstance(source[key], bool) else math.nan
        except (TypeError, ValueError, OverflowError):
            time = math.nan
        if not -1 <= time <= LATEST:
            raise TranscriptError(f"{name}: {where}.{key} is {_short(source[key])}, expected seconds from 0 to {LATEST:g}")
        found.append(max(0.0, time))
    return _Times(*found)


def _sure(item: dict[str, Any]) -> float | None:
    value = next((item[k] for k in _SURE if item.get(k) is not None), None)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1 else None


def _between(said: list[_Said], start: float | None, end: float | None, who: str) -> list[Segment]:
    """Words, those without times laid between their neighbours in proportion to their letters."""
    known = [i for i, s in enumerate(said) if s.timed]
    if not known and start is None:
        return []
    words: list[Segment] = []
    i = 0
    while i < len(said):
        if said[i].timed:
            words.append(replace(said[i].segment(), person=said[i].person or who, words=()))
            i += 1
            continue
        until = next((k for k in known if k > i), len(said))
        a = words[-1].end if words else start if start is not None else said[until].start
        b = said[until].start if until < len(said) else end if end is not None else a
        words += share(a, max(a, b), [(s.person or who, s.text) for s in said[i:until]])
        i = until
    return words


def _with_words(segments: list[_Said], words: list[_Said]) -> list[_Said]:
    """Words of a list beside the segments, each given to the segment in which its middle lies."""
    timed = [w for w in words if w.timed]
    if not segments or not timed or not all(s.timed for s in segments):
        return segments
    starts = np.array([s.start for s in segments])
    for w in timed:
        i = int(np.searchsorted(starts, (w.start + w.end) / 2, side="right")) - 1
        segments[max(0, i)].words.append(replace(w.segment(), person=segments[max(0, i)].person))
    return segments


def _are_words(segments: Sequence[_Said]) -> bool:
    return len(segments) > 2 and not any(s.words for s in segments) and sum(len(s.text.split()) > 1 for s in segments) < 0.05 * len(segments)


def _runs(said: Sequence[_Said]) -> list[Segment]:
    """Single words gathered to what one person says in a row; anything longer stays as it is."""
    runs: list[Segment] = []
    words: list[Segment] = []

    def gather() -> None:
        if words:
            runs.append(Segment(words[0].start, max(w.end for w in words), words[0].person, join([w.text for w in words]), tuple(words)))
            words.clear()

    for s in sorted(said, key=lambda s: s.start):
        if s.words or len(s.text.split()) > 1 or not s.text:
            gather()
            runs.append(s.segment())
            continue
        if words and words[-1].person != s.person:
            gather()
        words.append(s.segment())
    gather()
    return runs


def _hume(data: Any, name: str) -> list[dict[str, Any]] | None:
    """The predictions of Hume's v0 interface as segments: of language if they carry times, else of prosody; None if it's no such file."""
    files = _files(data)
    if not files:
        return None
    if len(files) > 1:
        which = ", ".join(str(f.get("file", "?")) for f in files[:4])
        raise TranscriptError(f"{name} holds predictions of {len(files)} files ({which}); expected those of one")
    models = files[0].get("models")
    found = {kind: list(_grouped(models.get(kind))) for kind in ("language", "prosody", "ner") if isinstance(models, dict)}
    for kind in ("language", "prosody"):
        if any(isinstance(p.get("time"), dict) and p.get("text") for p in found.get(kind, [])):
            return [p for p in found[kind] if isinstance(p.get("time"), dict) and p.get("text")]
    if any(p.get("text") for p in found.get("language", [])):
        return [p for p in found["language"] if p.get("text")]
    raise TranscriptError(f"{name} holds predictions without words; expected those of the language or the prosody model")


def _files(data: Any) -> list[dict[str, Any]]:
    """The objects that have "models", wherever the answer was cut out from."""
    if isinstance(data, list):
        return [f for d in data for f in _files(d)] if any(isinstance(d, dict) and {"results", "models", "predictions"} & set(d) for d in data) else []
    if not isinstance(data, dict):
        return []
    if isinstance(data.get("models"), dict):
        return [data]
    if any(isinstance(data.get(k), dict) and ({"grouped_predictions", "predictions"} & set(data[k])) for k in ("language", "prosody")):
        return [{"models": data}]
    inner = data.get("results") if isinstance(data.get("results"), dict) else data
    return _files(inner["predictions"]) if isinstance(inner, dict) and isinstance(inner.get("predictions"), list) else []


def _grouped(model: Any) -> Iterator[dict[str, Any]]:
    if not isinstance(model, dict):
        return
    for group in _list(model.get("grouped_predictions")) or [{"predictions": model.get("predictions")}]:
        if isinstance(group, dict):
            for p in _list(group.get("predictions")):
                if isinstance(p, dict):
                    yield {**{k: v for k, v in p.items() if k in ("text", "time", "confidence")}, "speaker": group.get("id")}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _short(value: Any) -> str:
    return repr(value) if len(repr(value)) < 40 else repr(value)[:37] + "..."
