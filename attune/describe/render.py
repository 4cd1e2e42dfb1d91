"""The same moments in other forms: cue lines and JSON for prompts, captions for players."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from attune.align import align
from attune.describe import Description, describe
from attune.describe.language import Language, Who, language, quoted
from attune.describe.leed import flowing
from attune.describe.moments import UNITS, Moment, Over, expressions, stretches
from attune.describe.sentences import LOW_QUALITY, Manner
from attune.errors import unknown
from attune.types import PRESENCE, Estimates, Recording, Segment

ACTIVE = {"blendshapes52": 0.5, "facs": 1.0}     # least height of a movement that is named: half of 0..1, or "a trace" on FACS's 0..5
PRESENT = 0.5                            # the same of a probability that a unit is there
SEEN, HEARD = 3, 10                      # labels named of a face, and of a voice
HIGH = 0.3                               # a voice's label is "High" above it
CONTEXT = 2.0                            # s before and after, of the voice
FORMATS = ("vtt", "srt")
FORMS = ("text", "json", "cues", *FORMATS)


def rendered(recording: Recording, form: str = "text", *, over: Over = "segments", language: str = "en", person: str | Mapping[str, str] | None = None,
             **options: Any) -> str:
    """A recording in one of `FORMS`; further options go to `describe`, which cue lines have no use for.

    Raises
    ------
    UnknownName
        For another form, or whatever `describe` raises.
    """
    if form not in FORMS:
        raise unknown("form of description", form, FORMS)
    if form == "cues":
        return "\n\n".join(cues(recording, over=over, language=language, person=person))
    said = describe(recording, over=over, language=language, person=person, **options)
    return str(said) if form == "text" else compact(said) if form == "json" else captions(said, form)


# ---- cue lines --------------------------------------------------------------------------------------------------------------

def cues(
    recording: Recording, *, over: Over = "segments", window: float = 20 / 3, hop: float | None = 10 / 3, context: float = CONTEXT, active: float | None = None,
    high: float = HIGH, seen: int = SEEN, heard: int = HEARD, numbers: bool = True, language: str = "en", person: str | Mapping[str, str] | None = None,
) -> list[str]:
    """A block of lines for each moment, as language models are given them in place of features.

    The words; action units whose greatest value in the stretch lies above `active`; the face's `seen` strongest labels; the voice's
    `heard` strongest labels, each "High" above `high` or "Low", measured with `context` seconds on both sides; valence, arousal
    and dominance as numbers with two digits, or High and Low around the middle of their range. What isn't there is said: "no face".
    The window and its hop are 20 and 10 pictures at 3 per second.

    After Richet et al. (2024), Textualized and feature-based models for compound multimodal emotion recognition in the wild, with the thresholds
    of its repository (nicolas-richet/feature-vs-text-compound-emotion) as defaults. The strongest label of a line stands first; a line whose
    labels a crosswalk gave ends with "(projected, not measured)".
    """
    words, manner = _language(language), Manner(language=language, person=person)
    rows = stretches(recording, over, window=window, hop=hop)
    face, voice = expressions(recording, "face"), expressions(recording, "voice")
    around = [replace(r, start=max(0.0, r.start - context), end=r.end + context) for r in rows]
    on_face = align(face, rows) if face is not None else None
    on_voice = align(voice, around) if voice is not None else None
    axes = [align(e, rows) for e in recording if e.taxonomy.name == "vad"]
    axes = [e for e in axes if e.modality == "fused"] or axes[:1]
    units = [e for e in recording if e.taxonomy.name in UNITS]
    cue = words.words["cues"]
    blocks = []
    for i, row in enumerate(rows):
        lines = [f"[{row.start:.1f}–{row.end:.1f} s] {words.subject(manner.who(row.person))}"]
        lines.append(f"{words.words['parts']['text']}: {quoted(row.text) if row.text.strip() else cue['text']}")
        lines += [_units(e, row, words, active) for e in units]
        lines.append(_line("face", on_face, i, words, lambda label, v: f"{label} {v:.2f}", seen))
        spoken = row.kind in ("speech", "window")
        lines.append(_line("voice", on_voice if spoken else None, i, words, lambda label, v: f"{cue['high' if _above(v, high) else 'low']} {label}", heard))
        lines += [_axes(e, i, words, numbers) for e in axes if not np.isnan(e.values[i]).all()]
        blocks.append("\n".join(lines))
    return blocks


def _line(modality: str, e: Estimates | None, i: int, words: Language, written: Callable[[str, float], str], count: int) -> str:
    name, none = words.words["parts"][modality], words.words["cues"][modality]
    if e is None or np.isnan(e.values[i]).all():
        return f"{name}: {none}"
    values = e.values[i].astype(float)
    order = [k for k in np.argsort(-values, kind="stable") if not math.isnan(values[k])][:count]
    aside = f" {words.words['asides']['projected']}" if e.projected else ""
    return f"{name}: {', '.join(written(e.taxonomy.labels[k], values[k]) for k in order)}{aside}"


def _units(e: Estimates, row: Segment, words: Language, active: float | None) -> str:
    """Movements whose greatest value while somebody was in view lies above the bound."""
    name, none = words.words["parts"]["units"], words.words["cues"]["units"]
    here = (e.person == row.person) & (e.start < row.end) & (e.end > row.start) & ~e.missing
    if not here.any():
        return f"{name}: {words.words['cues']['face']}"
    greatest = np.nanmax(np.where(np.isnan(e.values[here]), -np.inf, e.values[here]), axis=0)
    bound = active if active is not None else PRESENT if e.projected == PRESENCE else ACTIVE[e.taxonomy.name]
    named = [f"{label} {e.taxonomy.descriptions[label]}" if label in e.taxonomy.descriptions else label
             for label, v in zip(e.taxonomy.labels, greatest, strict=True) if _above(v, bound)]
    return f"{name}: {', '.join(named) or none}"


def _axes(e: Estimates, i: int, words: Language, numbers: bool) -> str:
    middle = sum(e.taxonomy.range) / 2
    cue = words.words["cues"]
    said = [f"{label} {value:.2f}" if numbers else f"{cue['high' if _above(value, middle) else 'low']} {label}"
            for label, value in zip(e.taxonomy.labels, map(float, e.values[i]), strict=True) if not math.isnan(value)]
    return ", ".join(said) + (f" {words.words['asides']['projected']}" if e.projected else "")


def _above(value: float, bound: float) -> bool:
    return bool(np.float32(value) > np.float32(bound))       # as 32-bit numbers, in which estimates are kept


# ---- JSON -------------------------------------------------------------------------------------------------------------------

def compact(description: Description) -> str:
    """One line of JSON for a prompt: a list of moments, each with t, who, said, and for each modality name -> [level, score].

    A doubtful level has a question mark. `quality` is there where it is low, `missing` names what wasn't measured, `projected` what no
    model measured. Numbers have two digits.
    """
    return json.dumps([_moment(m) for m in description.moments], ensure_ascii=False, separators=(",", ":"))


def _moment(m: Moment) -> dict[str, Any]:
    out: dict[str, Any] = {"t": [round(m.start, 2), round(m.end, 2)], "who": m.person}
    if m.said:
        out["said"] = " ".join(m.said.split())
    for part in m.parts:
        if not part.reason:
            out[part.modality] = {p.label: [p.level + ("?" if p.hedge == "perhaps" else ""), round(p.score, 2)] for p in part.phrases}
    facts = {
        "quality": {p.modality: round(p.quality, 2) for p in m.parts if not p.reason and p.quality < LOW_QUALITY},
        "missing": [p.modality for p in m.parts if p.reason], "projected": [p.modality for p in m.parts if p.projected and not p.reason],
        "contrast": [list(pair) for pair in m.contrast],
    }
    return out | {name: fact for name, fact in facts.items() if fact}


# ---- captions ---------------------------------------------------------------------------------------------------------------

def captions(description: Description, form: str = "vtt") -> str:
    """WebVTT or SubRip with the expression beside the words: "[face: very happy; voice: perhaps quite sad] How nice."

    Moments without words show the expression alone. Names are voices in WebVTT and stand before a colon in SubRip.

    Raises
    ------
    UnknownName
        For another format.
    """
    if form not in FORMATS:
        raise unknown("format of captions", form, FORMATS)
    words, blocks = language(description.manner.language), []
    for m in description.moments:
        shown = "; ".join(_shown(m, words))
        said = " ".join(m.said.split())
        if not shown and not said:
            continue
        who = description.manner.who(m.person)
        blocks.append((m, _spoken(" ".join(x for x in (f"[{shown}]" if shown else "", said) if x), who, words, form)))
    if form == "vtt":
        return "\n\n".join(["WEBVTT", *(f"{_clock(m.start, '.')} --> {_clock(_end(m), '.')}\n{text}" for m, text in blocks)]) + "\n"
    return "\n\n".join(f"{i}\n{_clock(m.start, ',')} --> {_clock(_end(m), ',')}\n{text}" for i, (m, text) in enumerate(blocks, 1)) + "\n"


def _shown(m: Moment, words: Language) -> list[str]:
    out = []
    for part in m.parts:
        if part.reason:
            continue
        text, hedge = flowing(part.phrases, words, part.taxonomy, part.table)
        aside = f" {words.words['asides']['projected']}" if part.projected else ""
        out.append(f"{words.words['parts'][part.modality]}: {words.hedges[hedge] + ' ' if hedge else ''}{text}{aside}")
    return out


def _spoken(text: str, who: Who, words: Language, form: str) -> str:
    name = "" if who.pronoun == "somebody" else words.subject(who)
    if form == "srt":
        return (f"{name}: {text}" if name else text).replace("-->", "->")
    text, name = (t.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") for t in (text, name))
    return f"<v {name}>{text}" if name else text


def _end(m: Moment) -> float:
    return max(m.end, m.start + 0.001)   # a cue must last


def _clock(seconds: float, point: str) -> str:
    ms = round(seconds * 1000)
    return f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}{point}{ms % 1000:03d}"


_language = language

__all__ = ["FORMATS", "FORMS", "captions", "compact", "cues", "rendered"]
