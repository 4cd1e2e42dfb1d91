"""Estimates onto segments by overlap.

A segment gets the mean of the rows of its own person that overlap it, each weighted by seconds of overlap times quality. Its
quality is the share of the segment that was covered, so that a face seen for a fifth of an utterance weighs a fifth. Sorted
intervals and binary search: the work grows with segments and the rows they touch, not with their product, so hours are fine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from attune.types import Estimates, Segment

INSTANT = 1e-3                           # s; the length given to a segment that has none


def align(estimates: Estimates, segments: Sequence[Segment], *, missing: str = "") -> Estimates:
    """One row per segment, in the order of the segments.

    A segment that no row of its person overlaps is NaN; its reason is `missing`, or what the overlapping NaN rows say.

    >>> import numpy as np
    >>> from attune.taxonomy import taxonomy
    >>> from attune.types import Estimates, Segment
    >>> halves = [Segment(0, 1), Segment(1, 2)]
    >>> e = Estimates.of(halves, np.array([[0, 0, 0], [1, 0, 0]]), taxonomy=taxonomy("vad"), modality="voice", model="m")
    >>> [round(float(v), 2) for v in align(e, [Segment(0.5, 2.0), Segment(5, 6)], missing="no speech").label("valence")]
    [0.67, nan]
    """
    n, k = len(segments), len(estimates.taxonomy)
    values, quality = np.full((n, k), np.nan, np.float32), np.zeros(n, np.float32)
    reason = np.array([missing] * n, object)
    rows_of = {p: _Sorted(estimates.where(np.flatnonzero(estimates.person == p))) for p in dict.fromkeys(estimates.person)}
    for i, segment in enumerate(segments):
        rows = rows_of.get(segment.person)
        if rows is None:
            continue
        end = max(segment.end, segment.start + INSTANT)
        at, overlap = rows.overlaps(segment.start, end)
        if not len(at):
            continue
        found, q = rows.estimates.values[at].astype(np.float64), rows.estimates.quality[at]
        there = ~np.isnan(found).all(axis=1)
        if not there.any():
            reason[i] = rows.estimates.reason[at][0] or missing
            continue
        weight = (overlap * q)[there]
        if weight.sum() <= 0:
            weight = overlap[there]
        values[i] = (weight[:, None] * found[there]).sum(0) / weight.sum()
        quality[i] = min(1.0, float((overlap * q)[there].sum()) / (end - segment.start))
        reason[i] = ""
    blank = Estimates.of(segments, values, taxonomy=estimates.taxonomy, modality=estimates.modality, model=estimates.model,
                         quality=quality, reason=list(reason), projected=estimates.projected)
    return replace(blank, reason=reason)


class _Sorted:
    """Rows by start, and the latest end so far: both rise, so both ends of a search are binary."""

    def __init__(self, estimates: Estimates) -> None:
        self.estimates = estimates.where(np.argsort(estimates.start, kind="stable"))
        self.latest = np.maximum.accumulate(self.estimates.end) if len(estimates) else self.estimates.end

    def overlaps(self, start: float, end: float) -> tuple[np.ndarray, np.ndarray]:
        """Rows that overlap [start, end), and by how many seconds."""
        first = np.searchsorted(self.latest, start, side="right")
        last = np.searchsorted(self.estimates.start, end, side="left")
        at = np.arange(first, last)
        overlap = np.minimum(self.estimates.end[at], end) - np.maximum(self.estimates.start[at], start)
        return at[overlap > 0], overlap[overlap > 0]
