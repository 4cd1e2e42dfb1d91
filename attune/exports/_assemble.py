"""From estimates and words of elsewhere to a recording that is shown, described and explored like one that was measured here.

What a crosswalk can add (categories and dimensions for sets that have none, and the fused labels) is added and marked as projected; nothing
that was read is changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from attune import __version__, baseline, export, timeline
from attune.align import align
from attune.fusion import fuse, project, told
from attune.taxonomy import crosswalks
from attune.types import SOMEONE, Estimates, Faces, Recording, Segment

PAUSE, GAP = 0.6, 5.0                    # s; as in Settings
# from labels to categories and dimensions, each step a cited crosswalk
WAYS = {"hume53": ("eee48", "ekman7", "vad"), **dict.fromkeys(("eee48", "ferplus8", "ravdess8", "ekman7", "goemotions28"), ("ekman7", "vad"))}
NEAR = 1e-3                              # s; rows that are the same are written with the same times, to a millisecond


def recording(
    source: str, spoken: Sequence[Segment], estimates: Sequence[Estimates], *, origin: str, faces: Faces | None = None, duration: float | None = None,
    notes: Sequence[str] = (), media: dict[str, Any] | None = None,
) -> Recording:
    """A recording of what another tool measured.

    spoken
        Utterances with their speakers; who is in view meanwhile, and the pauses, are added as rows.
    estimates
        Each set on its own grid, the face's first.
    origin
        What it was read from, for the notes.
    duration
        Seconds; by default until the last row ends.
    """
    seen = next((e for e in estimates if e.modality == "face"), None)
    known = seen is not None and {s.person for s in spoken} <= set(map(str, seen.person))      # the names say who is who
    linked = timeline.Link({}, {}) if known else timeline.link(spoken, seen)
    named = [timeline.rename(e, linked.faces if e.modality == "face" else linked.voices) for e in estimates]
    said = sorted((_renamed(s, linked.voices) for s in spoken), key=lambda s: (s.start, s.end))
    ends = [s.end for s in said] + [float(e.end.max()) for e in named if len(e)]
    length = max(ends, default=0.0) if duration is None else duration
    face = next((e for e in named if e.modality == "face"), None)
    rows = timeline.rows(said, face, length, pause=PAUSE, gap=GAP, heard=bool(said))
    sets = [*named, *_reached(named)]
    pooled = fused(sets, rows)
    added = (*told(_on(_there(sets), rows)), *(["what is fused was pooled here with weights learned for Attune's own models"] if pooled else []))
    return Recording(
        source, length, tuple(rows), Faces.empty() if faces is None else faces, (*sets, *pooled), versions={"attune": __version__, "imported": origin},
        notes=tuple(dict.fromkeys((f"imported from {origin}", *notes, *linked.notes, *added))), media=media or {})


def settled(recording: Recording) -> Recording:
    """Fused rows brought back beside the table's rows; fused again where somebody changed the rows in the meantime."""
    pooled = [e for e in recording if e.modality == "fused"]
    if not pooled:
        return recording
    rest = [e for e in recording if e.modality != "fused"]
    ordered = [_beside(e, recording.segments) for e in pooled]
    if all(e is not None for e in ordered):
        return replace(recording, estimates=(*rest, *(e for e in ordered if e is not None)))
    return replace(recording, estimates=(*rest, *fused(rest, recording.segments)),
                   notes=(*recording.notes, "the rows were changed since they were measured: fused again"))


def _beside(e: Estimates, rows: Sequence[Segment]) -> Estimates | None:
    """The set in the order of the rows; None if it isn't about them."""
    where: dict[tuple[str, int, int], list[int]] = {}
    for i in range(len(e)):
        where.setdefault(_key(str(e.person[i]), e.start[i], e.end[i]), []).append(i)
    order = [found.pop(0) if (found := where.get(_key(s.person, s.start, s.end))) else -1 for s in rows]
    if len(e) != len(rows) or -1 in order:
        return None
    return replace(e.where(np.array(order, int)), start=np.array([s.start for s in rows]), end=np.array([s.end for s in rows]))


def _key(person: str, start: float, end: float) -> tuple[str, int, int]:
    return person, round(start / NEAR), round(end / NEAR)


def _renamed(s: Segment, names: dict[str, str]) -> Segment:
    person = names.get(s.person, s.person)
    return replace(s, person=person, words=tuple(replace(w, person=person) for w in s.words))


def _reached(sets: Sequence[Estimates]) -> list[Estimates]:
    """For each modality the sets on the way to dimensions that it hasn't got yet, from its first set that leads there."""
    out: list[Estimates] = []
    for modality in dict.fromkeys(e.modality for e in sets):
        have = {e.taxonomy.name: e for e in reversed(sets) if e.modality == modality}
        for start in (e for e in sets if e.modality == modality and e.taxonomy.name in WAYS):
            at = start
            for target in WAYS[start.taxonomy.name]:
                if target in have:
                    at = have[target]
                elif target in crosswalks(at.taxonomy.name):
                    at = have[target] = project(at, target)
                    out.append(at)
            if "vad" in have:
                break
    return out


def fused(sets: Sequence[Estimates], rows: Sequence[Segment]) -> list[Estimates]:
    """The fused sets on rows; what is missing throughout has no part."""
    return fuse(_on(_there(sets), rows))


def beside_own(recording: Recording) -> Recording:
    """Fused again less the habits of the recording's people, found in the recording itself, as `measure` does with `baseline="own"`; what was read stays."""
    rest = [e for e in recording if e.modality != "fused"]
    plain = _there(rest)
    less = [baseline.adapt(e, baseline.own(e)) for e in plain]
    changed = [e for e, old in zip(less, plain, strict=True) if e is not old]
    modalities = {e.modality for e in changed}
    less = [_walked(e, less) if e.projected and e.modality in modalities else e for e in less]
    on_rows = _on(plain, recording.segments)
    notes = told(on_rows, "own")
    habits = [f"{e.name} was fused less its people's habits, found by guess" for e in changed]
    if not notes and not habits:
        notes = ["nothing in it has habits that could be told: neither intensities of action units nor a model whose people are known"]
    return replace(recording, estimates=(*rest, *fuse(_on(less, recording.segments), on_rows)),
                   notes=tuple(dict.fromkeys((*recording.notes, *notes, *habits))))


def _walked(e: Estimates, sets: Sequence[Estimates]) -> Estimates:
    """A projected set as its crosswalks give it from the measured set that is there now; itself, where that isn't known."""
    steps = [step.partition("->") for step in e.projected.split(", ")]
    at = next((s for s in sets if s.modality == e.modality and not s.projected and s.taxonomy.name == steps[0][0]), None)
    if at is None or not all(target in crosswalks(origin) for origin, _, target in steps):
        return e
    for _, _, target in steps:
        at = project(at, target)
    return at


def _there(sets: Sequence[Estimates]) -> list[Estimates]:
    return [e for e in sets if not e.missing.all()]


def _on(sets: Sequence[Estimates], rows: Sequence[Segment]) -> list[Estimates]:
    return [align(e, rows, missing=export.MISSING[e.modality]) for e in sets]


def one_person(times: np.ndarray, people: Sequence[str]) -> tuple[list[str], str]:
    """Names for faces that nobody told apart, and a note: one person if never two are in view at once, else nobody."""
    unnamed = np.array([p == SOMEONE for p in people], bool)
    if not unnamed.any():
        return list(people), ""
    if unnamed.all() and len(np.unique(times)) == len(times):
        return ["person 1"] * len(people), "faces weren't told apart: never two are in view at once, so they are taken to be one person"
    return list(people), "faces weren't told apart and several are in view at once: they stay unnamed"
