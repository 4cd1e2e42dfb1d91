"""A recording as one HTML file: who was seen and heard when, what was measured, the words, and with what.

The file carries everything it needs, the drawing library included, and asks no network for anything. `facts` says what a
page shows, as plain data; the page itself (markup, style, script) lies in `pages/report/`. Numbers are those of the recording;
only series too long to draw are averaged in short stretches, and the page says so where it happens.

>>> from attune import report                                          # doctest: +SKIP
>>> report.write(attune.measure("talk.mp4"), "talk.html")              # doctest: +SKIP
PosixPath('talk.html')
"""

from __future__ import annotations

import base64
import datetime
import html
import importlib.resources
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np

from attune.settings import Settings
from attune.taxonomy import Taxonomy
from attune.types import SOMEONE, Estimates, Recording, Segment
from attune.weights import carried

PAGE = importlib.resources.files("attune") / "pages" / "report"
STYLE = "report.css"
SCRIPTS = tuple(                         # one program, read in this order
    f"{name}.js" for name in ("elements", "shape", "lanes", "traces", "timelines", "choosing", "reading", "transcript", "summary", "provenance", "report")
)

ROWS = 10_000                            # of one person's series; beyond that neighbouring rows are averaged for display
DETAIL = 1 / 2000                        # of the duration: lanes join stretches that lie closer, less than a pixel apart
JOIN = 0.02                              # s; rows that lie closer than this touch

MODALITIES = ("fused", "face", "voice", "text")

# Okabe and Ito's colour-blind-safe set (2008, Color Universal Design) and shades of it; used where a taxonomy states no colour.
COLOURS = {
    "neutral": "#6b7079", "calm": "#6f9583", "happiness": "#e69f00", "joy": "#e69f00", "happy": "#e69f00",
    "surprise": "#8fd0f5", "surprised": "#8fd0f5", "sadness": "#0072b2", "sad": "#0072b2", "anger": "#d55e00", "angry": "#d55e00",
    "disgust": "#009e73", "fear": "#a8679a", "fearful": "#a8679a", "contempt": "#8a6d3b",
    "valence": "#0072b2", "arousal": "#d55e00", "dominance": "#009e73",
}
REST = ("#4c78a8", "#f2a65a", "#6b9e78", "#b279a2", "#9c755f", "#72b7b2", "#d4a6c8", "#8c8c5a", "#e08a8a", "#5c6f91")
PEOPLE = ("#3f6c8f", "#a8603a", "#5d7f4b", "#85578c", "#8a7432", "#2f7f7a", "#a34d66", "#6a6f7a")


def write(recording: Recording, path: str | Path) -> Path:
    """Write the report of a recording.

    Parameters
    ----------
    path
        The HTML file to write; folders on the way are made. Replaced whole, so that a reader never sees half a page.

    Returns
    -------
    Path of the file.

    Raises
    ------
    OSError
        If it can't be written there; `WeightsError`, one of them, if plotly's JavaScript isn't installed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    half = path.with_name(path.name + ".part")
    half.write_text(page(recording), encoding="utf-8")
    os.replace(half, path)
    return path


def page(recording: Recording) -> str:
    """The report as HTML text, without a reference to anything outside of it."""
    shown = facts(recording)
    plotting = carried("plotly", "package_data/plotly.min.js", install="pip install plotly") if shown["series"] else None
    parts = {
        "title": html.escape(_sayable(shown["name"])),
        "style": (PAGE / STYLE).read_text(encoding="utf-8"),
        "plotly": plotting.read_text(encoding="utf-8") if plotting else "",
        "facts": _embedded(shown),
        "script": "\n".join((PAGE / name).read_text(encoding="utf-8") for name in SCRIPTS),
    }
    markup = (PAGE / "report.html").read_text(encoding="utf-8")
    pieces = markup.split("{{")                       # split, not replaced: what is put in is never looked at again
    return pieces[0] + "".join(parts[name] + rest for name, rest in (piece.split("}}", 1) for piece in pieces[1:]))


def facts(recording: Recording) -> dict[str, Any]:
    """What the page shows, as data for JSON: no NaN, no array, nothing that isn't in the recording."""
    spans = {id(e): _spans(e, recording.duration) for e in recording.estimates}
    series = [s for e in _in_order(recording.estimates) if (s := _series(e, *spans[id(e)]))]
    folk = _people(recording)
    return {
        "name": Path(recording.source).name or recording.source or "recording",
        "duration": _number(recording.duration, 3),
        "made": datetime.date.today().isoformat(),
        "media": _plain(recording.media),
        "notes": list(recording.notes),
        "taxonomies": {e.taxonomy.name: _taxonomy(e.taxonomy) for e in recording.estimates},
        "series": series,
        "people": [_person(recording, spans, who, i) for i, who in enumerate(folk)],
        "segments": _segments(recording, spans),
        "settings": _settings(recording.settings),
        "versions": _plain(recording.versions),
    }


# ---- people ----------------------------------------------------------------------------------------------------------


def _people(recording: Recording) -> list[str]:
    """Everybody seen or heard, in the order of appearance; nobody's speech comes last."""
    first: dict[str, float] = {}
    for s in recording.segments:
        if s.kind == "speech":
            first[s.person] = min(s.start, first.get(s.person, s.start))
    for e in recording.estimates:
        for who in set(e.person):
            rows = (e.person == who) & (~e.missing if who == SOMEONE else True)      # nobody, and nothing: no lane
            if rows.any():
                first[str(who)] = min(float(e.start[rows].min()), first.get(str(who), np.inf))
    return sorted(first, key=lambda who: (who == SOMEONE, first[who]))


def _person(recording: Recording, spans: dict[int, tuple[np.ndarray, np.ndarray]], who: str, i: int) -> dict[str, Any]:
    gap = max(recording.duration * DETAIL, JOIN)
    seen: list[tuple[float, float, float]] = []
    means = []
    for e in recording.estimates:
        mine = np.asarray(e.person == who) & ~e.missing
        start, end = (t[mine] for t in spans[id(e)])
        if e.modality == "face" and not seen:
            seen = list(zip(start.tolist(), end.tolist(), np.nan_to_num(e.quality[mine]).tolist(), strict=True))
        if mine.any():
            means.append(_mean(e, mine, end - start))
    heard = [(s.start, s.end, 1.0) for s in recording.segments if s.kind == "speech" and s.person == who]
    picture = recording.portraits.get(who)
    return {
        "id": who, "name": who or "Someone", "colour": PEOPLE[i % len(PEOPLE)],
        "portrait": None if not picture else _picture(picture),
        "seen": _lane(seen, gap), "heard": _lane(heard, gap),
        "seen_s": _covered(seen), "heard_s": _covered(heard),
        "means": [m for name in MODALITIES for m in means if m["modality"] == name],
    }


def _mean(e: Estimates, rows: np.ndarray, weight: np.ndarray) -> dict[str, Any]:
    """Mean of one person's rows, longer rows counting more; with n and seconds, so that a mean of little looks like little."""
    values = e.values[rows].astype(np.float64)
    weight = np.where(weight > 0, weight, JOIN)[:, None] * np.isfinite(values)
    total = weight.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (np.nan_to_num(values) * weight).sum(axis=0) / total
    return {
        "modality": e.modality, "taxonomy": e.taxonomy.name, "projected": e.projected,
        "n": int(rows.sum()), "seconds": _number(float(weight.max(axis=1).sum()), 1), "values": _numbers(mean),
    }


def _lane(stretches: Iterable[tuple[float, float, float]], gap: float) -> list[list[float]]:
    """Start, end and mean quality, joined where they touch."""
    out: list[list[float]] = []
    for start, end, quality in sorted(stretches):
        if out and start - out[-1][1] <= gap and abs(out[-1][2] - quality) < 0.25:
            last, here = out[-1][1] - out[-1][0], end - start
            if last + here > 0:
                out[-1][2] = (out[-1][2] * last + quality * here) / (last + here)
            out[-1][1] = max(out[-1][1], end)
        else:
            out.append([start, end, quality])
    return [[round(start, 3), round(end, 3), round(quality, 2)] for start, end, quality in out]


def _covered(stretches: Iterable[tuple[float, float, float]]) -> float:
    """Seconds covered by at least one of them."""
    total, reached = 0.0, -np.inf
    for start, end, _ in sorted(stretches):
        total += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return round(total, 2)


def _picture(data: bytes) -> str:
    kind = "png" if data.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"


# ---- series ----------------------------------------------------------------------------------------------------------


def _in_order(estimates: Iterable[Estimates]) -> list[Estimates]:
    """Fused first, what was measured before what was projected."""
    return sorted(estimates, key=lambda e: (MODALITIES.index(e.modality), not e.measured))


def _spans(e: Estimates, duration: float) -> tuple[np.ndarray, np.ndarray]:
    """Start and end of each row as drawn: a frame without length lasts until the same person's next, about one usual step at most.

    The last picture's row may end after the recording; it is drawn up to there.
    """
    start, end = e.start.astype(np.float64), e.end.astype(np.float64).copy()
    instants = end - start < 1e-6
    if not instants.any():
        return start, np.where(end > duration, np.maximum(start, duration), end)
    times = np.unique(start)
    step = float(np.median(np.diff(times))) if len(times) > 1 else 1.0
    for who in set(e.person):
        mine = np.flatnonzero(e.person == who)
        mine = mine[np.argsort(start[mine], kind="stable")]
        until = np.append(start[mine][1:], np.inf)
        until = np.where(until > start[mine], until, np.inf)
        end[mine] = np.where(instants[mine], np.minimum(until, start[mine] + 1.5 * step), end[mine])
        last = mine[instants[mine] & ~(np.append(np.diff(start[mine]), np.inf) <= 1.5 * step)]
        end[last] = start[last] + step
    return start, np.where(end > duration, np.maximum(start, duration), end)


def _series(e: Estimates, start: np.ndarray, end: np.ndarray) -> dict[str, Any] | None:
    """One model's estimates, person by person; None if it measured nothing at all."""
    if e.missing.all():
        return None
    people, shown = {}, 0
    for who in dict.fromkeys(e.person):
        mine = np.flatnonzero(e.person == who)
        mine = mine[np.argsort(start[mine], kind="stable")]
        rows = _thin(start[mine], end[mine], e.values[mine], e.quality[mine], e.reason[mine],
                     None if e.spread is None else e.spread[mine])
        people[str(who)] = rows
        shown += len(rows["start"])
    return {
        "name": e.name, "modality": e.modality, "taxonomy": e.taxonomy.name, "model": e.model, "projected": e.projected,
        "rows": len(e), "shown": shown, "missing": int(e.missing.sum()), "people": people,
    }


def _thin(start: np.ndarray, end: np.ndarray, values: np.ndarray, quality: np.ndarray, reason: np.ndarray,
          spread: np.ndarray | None) -> dict[str, Any]:
    """Rows as columns for JSON, at most about `ROWS` of them: neighbours are averaged, never across a gap or a missing row."""
    missing = np.isnan(values).all(axis=1)
    if len(start) > ROWS:
        width = (end.max() - start[0]) / ROWS or 1.0
        bins = np.floor((start - start[0]) / width)
        gap = np.append(np.inf, start[1:] - np.maximum.accumulate(end)[:-1]) > JOIN
        first = np.flatnonzero(gap | np.append(True, np.diff(bins) > 0) | np.append(True, missing[1:] != missing[:-1]))
        count = np.diff(np.append(first, len(start)))[:, None]
        end = np.maximum.reduceat(end, first)
        values = np.add.reduceat(values.astype(np.float64), first) / count
        quality = np.add.reduceat(quality.astype(np.float64), first) / count[:, 0]
        spread = None if spread is None else np.add.reduceat(spread.astype(np.float64), first) / count
        start, reason, missing = start[first], reason[first], missing[first]
    return {
        "start": np.round(start, 3).tolist(), "end": np.round(end, 3).tolist(),
        "values": [_numbers(column) for column in values.T], "quality": _numbers(quality, 2),
        "reason": {int(i): str(reason[i]) for i in np.flatnonzero(missing) if reason[i]},
        "spread": None if spread is None else [_numbers(column) for column in spread.T],
    }


def _taxonomy(t: Taxonomy) -> dict[str, Any]:
    return {
        "title": t.title or t.name, "labels": list(t.labels), "kind": t.kind, "range": list(t.range), "reference": t.reference,
        "colours": [_colour(t, i) for i in range(len(t))],
    }


def _colour(t: Taxonomy, i: int) -> str:
    label = t.labels[i]
    return t.colours.get(label) or COLOURS.get(label.casefold()) or REST[i % len(REST)]


# ---- words -----------------------------------------------------------------------------------------------------------


def _segments(recording: Recording, spans: dict[int, tuple[np.ndarray, np.ndarray]]) -> list[dict[str, Any]]:
    """The rows of the table, each with its words and with what each segment-level model says of it."""
    finders = {e.name: _finder(e, *spans[id(e)]) for e in recording.estimates if e.modality != "face"}
    out = []
    for s in sorted(recording.segments, key=lambda s: (s.start, s.end)):
        row: dict[str, Any] = {"start": round(s.start, 3), "end": round(s.end, 3), "person": s.person, "kind": s.kind}
        if s.text or s.words:
            row["words"] = _words(s)
        if s.kind != "pause":
            row["marks"] = {name: mark for name, find in finders.items() if (mark := find(s))}
        out.append(row)
    return out


def _words(s: Segment) -> list[list[Any]]:
    """The text in pieces of [text, start, end]; what lies between the timed words (spaces, stops) has no time of its own."""
    if not s.words:
        return [[s.text]]
    if not s.text:
        return [piece for w in s.words for piece in ([w.text, round(w.start, 3), round(w.end, 3)], [" "])][:-1]
    out: list[list[Any]] = []
    at = 0
    for w in s.words:
        word = w.text.strip()
        found = s.text.find(word, at) if word else -1
        if found < 0:
            continue                                  # the text was corrected after the words were timed: it stays whole
        if found > at:
            out.append([s.text[at:found]])
        out.append([s.text[found:found + len(word)], round(w.start, 3), round(w.end, 3)])
        at = found + len(word)
    return [*out, [s.text[at:]]] if at < len(s.text) else out


def _finder(e: Estimates, start: np.ndarray, end: np.ndarray) -> Any:
    """A function from a segment to the values of the row that overlaps it most, the segment's own person first."""
    order = np.flatnonzero(~e.missing)
    order = order[np.argsort(start[order], kind="stable")]
    starts, ends, people = start[order], end[order], e.person[order]
    reached = np.maximum.accumulate(ends) if len(ends) else ends

    def find(s: Segment) -> list[Any] | None:
        low, high = np.searchsorted(reached, s.start, side="right"), np.searchsorted(starts, s.end, side="left")
        near = np.arange(low, high)
        near = near[people[low:high] == s.person] if s.person != SOMEONE else near
        if not len(near):
            return None
        overlap = np.minimum(ends[near], s.end) - np.maximum(starts[near], s.start)
        outside = (ends[near] - starts[near]) - overlap
        best = near[np.lexsort((outside, -np.round(overlap, 6)))[0]]
        values = e.values[order[best]]
        if e.taxonomy.kind == "dimensional":
            return _numbers(values, 3)
        top = np.argsort(-np.nan_to_num(values, nan=-np.inf), kind="stable")[:3]
        return [[int(k), _number(float(values[k]), 3)] for k in top if np.isfinite(values[k])]

    return find


# ---- what it was measured with ---------------------------------------------------------------------------------------


def _settings(given: dict[str, Any]) -> list[dict[str, Any]]:
    known = {f.name: f for f in fields(Settings)}
    out = []
    for name, value in given.items():
        f = known.get(name)
        if name == "transcript" and value:
            value = Path(str(value)).name             # a report travels; where its maker's files lie doesn't
        out.append({
            "name": name, "value": _plain(value), "unit": f.metadata["unit"] if f else "", "reason": f.metadata["reason"] if f else "",
            "changed": f is not None and f.default != value,
        })
    return out


def _plain(value: Any) -> Any:
    """Anything as something JSON knows."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(v) for v in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return _number(value, 6)
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def _number(x: float, digits: int) -> float | None:
    return round(float(x), digits) if np.isfinite(x) else None


def _numbers(column: np.ndarray | Sequence[float], digits: int = 4) -> list[float | None]:
    rounded = np.round(np.asarray(column, np.float64), digits)
    return [x if np.isfinite(x) else None for x in rounded.tolist()]


def _embedded(data: dict[str, Any]) -> str:
    """JSON that can stand inside <script>: no '<', '>' or '&', only ASCII."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _sayable(text: str) -> str:
    """Text that UTF-8 can carry: a file name's undecodable bytes become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")
