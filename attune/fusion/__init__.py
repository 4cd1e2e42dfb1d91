"""Late fusion, version 1: a pool with equal weights that takes whatever modalities there are.

Categories: every modality is brought to Ekman's six and neutral by its crosswalk, and the posteriors are pooled log-linearly,

    log p(k) = sum_m w_m q_m log max(p_m(k), FLOOR) / sum_m w_m q_m  + const,

where q_m is the quality of that row, so that a face hardly seen hardly counts. Valence, arousal and dominance: the mean with the
same weights. A missing modality has weight zero; a row with none is NaN.

The weights are equal because there is no public corpus with text, voice and face on which to learn them; nothing was measured that would
justify others. Pooling logs rather than probabilities lets a sure modality outvote an unsure one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from attune.errors import ShapeError, UnknownName
from attune.taxonomy import Taxonomy, crosswalk, taxonomy
from attune.types import Estimates

WEIGHTS = {"face": 1.0, "voice": 1.0, "text": 1.0}
FLOOR = 0.01                             # no modality alone can veto a label
LEAST_QUALITY = 0.05                     # what is there counts at least this much
CATEGORIES, DIMENSIONS = "ekman7", "vad"


def project(estimates: Estimates, target: Taxonomy | str) -> Estimates:
    """The same rows in another taxonomy, marked as projected; `UnknownName` if no cited crosswalk leads there."""
    walk = crosswalk(estimates.taxonomy, target)
    return Estimates(
        start=estimates.start, end=estimates.end, values=walk(estimates.values), taxonomy=walk.target, modality=estimates.modality,
        model=estimates.model, person=estimates.person, quality=estimates.quality, reason=estimates.reason,
        projected=f"{estimates.projected}, {walk.name}" if estimates.projected else walk.name,
    )


def reach(estimates: Sequence[Estimates], target: str) -> list[Estimates]:
    """One set of estimates per modality in the target taxonomy: measured where a model gives it, else projected."""
    out = []
    for modality in dict.fromkeys(e.modality for e in estimates):
        own = [e for e in estimates if e.modality == modality]
        there = [e for e in own if e.taxonomy.name == target]
        if there:
            out.append(min(there, key=lambda e: bool(e.projected)))
            continue
        for e in own:
            try:
                out.append(project(e, target))
                break
            except UnknownName:
                continue
    return out


def fuse(aligned: Sequence[Estimates]) -> list[Estimates]:
    """Fused categories and dimensions from estimates that were aligned to the same segments.

    Returns
    -------
    "fused.ekman7" and "fused.vad"; each marked as projected if any of its parts is. Empty if nothing can be brought to them.
    """
    if len({len(e) for e in aligned}) > 1:
        raise ShapeError(f"estimates with {sorted({len(e) for e in aligned})} rows; align them to the same segments first")
    fused = [_pool(reach(aligned, target), taxonomy(target)) for target in (CATEGORIES, DIMENSIONS)]
    return [e for e in fused if e is not None]


def _pool(parts: list[Estimates], target: Taxonomy) -> Estimates | None:
    if not parts:
        return None
    values = np.stack([e.values.astype(np.float64) for e in parts])                     # (m, n, k)
    there = np.asarray(~np.isnan(values).any(axis=2))                                   # (m, n)
    quality = np.stack([np.maximum(e.quality, LEAST_QUALITY) for e in parts])
    prior = np.array([WEIGHTS[e.modality] for e in parts])[:, None]
    weight = np.where(there, prior * quality, 0.0)
    total = weight.sum(0)
    share = np.divide(weight, total, out=np.zeros_like(weight), where=total > 0)
    known = np.where(there[:, :, None], values, 1.0)
    if target.kind == "exclusive":
        known = np.log(np.maximum(known, FLOOR))
    pooled = (share[:, :, None] * known).sum(0)
    if target.kind == "exclusive":
        pooled = np.exp(pooled - pooled.max(axis=1, keepdims=True))
        pooled /= pooled.sum(axis=1, keepdims=True)
    pooled[total == 0] = np.nan
    mean_quality = np.divide((weight * quality).sum(0), total, out=np.zeros_like(total), where=total > 0)
    reason = np.where(total > 0, "", "nothing measured").astype(object)
    projected = ", ".join(dict.fromkeys(e.projected for e in parts if e.projected))
    return Estimates(
        start=parts[0].start, end=parts[0].end, values=pooled.astype(np.float32), taxonomy=target, modality="fused", model="pool",
        person=parts[0].person, quality=mean_quality.astype(np.float32), reason=reason, projected=projected,
    )
