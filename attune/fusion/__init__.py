"""Late fusion: what face, voice and words say together, whatever of them is there.

Categories: every modality is brought to Ekman's six and neutral by its crosswalk, and the posteriors are pooled as people pool
a face and a voice (`votes`, whose weights were learned and measured). Where the face comes as intensities of action units alone, as in a table that
was imported, `units` fuses them with the voice first. Valence, arousal and dominance: the mean, weighted by quality; no
public corpus has all three modalities rated on them, so no other weights were learned. A missing modality has no weight; a row
with none is NaN. A model of fewer labels takes part with those it has; a label that none has is NaN.

Beside the fused labels stands how they came about (`fused.pool`): which share of each row its face, voice and words decided, and
the discord between them. `spread` is the standard deviation between the modalities that were there, NaN where only one was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from attune.errors import ShapeError, UnknownName
from attune.fusion import units, votes
from attune.metrics import jsd
from attune.taxonomy import Taxonomy, crosswalk, taxonomy
from attune.types import PRESENCE, SOMEONE, Estimates, Modality

LEAST_QUALITY = 0.05                     # what is there counts at least this much
CATEGORIES, DIMENSIONS, POOL = "ekman7", "vad", "pool"
OWN = 4                                  # rows of a person from which on their habit counts where action units are fused; fewer didn't help a voice (units.md)


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


def fuse(aligned: Sequence[Estimates], plain: Sequence[Estimates] = ()) -> list[Estimates]:
    """Fused categories and dimensions from estimates that were aligned to the same segments, and what carried them.

    Parameters
    ----------
    aligned
        Of any modalities and taxonomies; several taxonomies of one modality are one opinion.
    plain
        The same from before their people's habits were taken out, where the recording's own people were the baseline. Action units and a voice are
        then fused less the habits of those of whom there are at least `OWN` rows, by what was learned for that (`units.habits`).

    Returns
    -------
    "fused.ekman7", "fused.vad" and "fused.pool"; each marked as projected if any of its parts is. Empty if nothing can be
    brought to them.

    Raises
    ------
    ShapeError
        If the estimates, or those in `plain`, have different numbers of rows.
    """
    if len({len(e) for e in (*aligned, *plain)}) > 1:
        before = f", and {sorted({len(e) for e in plain})} rows before habits were taken out" if plain else ""
        raise ShapeError(f"estimates with {sorted({len(e) for e in aligned})} rows{before}; align them to the same segments first")
    with_units = _from_units(aligned, plain)
    others = [e for e in aligned if e.modality == "text" or (e.modality == "voice" and with_units and "voice" not in with_units.without)]
    dimensions = reach(aligned, DIMENSIONS)
    categories = reach([with_units.together, *others] if with_units else aligned, CATEGORIES)
    out = []
    if categories:
        p, quality, names = _stacked(categories)
        parts = reach([*with_units.alone, *others], CATEGORIES) if with_units else categories      # who says what by itself
        each, sure, whose = _stacked(parts)
        pooled = votes.pool(names, p, quality)
        out.append(_estimates(parts, taxonomy(CATEGORIES), pooled, each, sure, "votes"))
    if dimensions:
        values, known, _ = _stacked(dimensions)
        out.append(_estimates(dimensions, taxonomy(DIMENSIONS), _mean(values, known), values, known, "mean"))
    if categories:
        left = {m: reach([e], CATEGORIES)[0].values for m, e in with_units.without.items()} if with_units else {}
        decided = _decided(whose, pooled, [_without(m, names, p, quality, left) for m in whose], ~np.isnan(each).all(axis=2))
        carried = np.concatenate([decided, discord(each)[:, None]], axis=1)
        out.append(_estimates(parts, taxonomy(POOL), carried, None, sure, "votes"))
    return out


def shares(modalities: Sequence[str], p: np.ndarray, quality: np.ndarray) -> np.ndarray:
    """(n, 3) how much of each pooled row face, voice and text decided: how far it moves when one is left out, over all of them.

    p (m, n, 7), NaN where a modality is missing or has no such label. Equal shares where leaving out moves nothing; NaN where nothing was measured.
    """
    without = [_without(m, modalities, p, quality, {}) for m in modalities]
    return _decided(modalities, votes.pool(modalities, p, quality), without, ~np.isnan(p).all(axis=2))


def _without(one: str, modalities: Sequence[str], p: np.ndarray, quality: np.ndarray, left: dict[str, np.ndarray]) -> np.ndarray:
    """The pool (n, 7) without one modality; left: what stays (n, 7) of the opinion under the face's name, where others had a part in that."""
    others = p.copy()
    others[list(modalities).index("face" if one in left else one)] = left.get(one, np.nan)
    return votes.pool(modalities, others, quality)


def _decided(modalities: Sequence[str], pooled: np.ndarray, without: Sequence[np.ndarray], there: np.ndarray) -> np.ndarray:
    """(n, 3) shares of face, voice and text, from the pool (n, 7), the pool without each of the modalities, and where each is there (m, n)."""
    whole, moved = _whole(pooled), np.zeros(there.shape)
    for m, left in enumerate(without if len(pooled) else ()):                              # no rows, nothing to compare
        moved[m] = np.where(there[m], jsd(whole, _whole(left)), 0.0)
    moved = np.where(moved.sum(axis=0) > 0, moved, there)
    total = moved.sum(axis=0)
    out = np.full((len(pooled), 3), np.nan)
    for column, modality in enumerate(("face", "voice", "text")):
        own = moved[list(modalities).index(modality)] if modality in modalities else np.zeros(len(pooled))
        out[:, column] = np.divide(own, total, out=np.full_like(total, np.nan), where=total > 0)
    return out


def discord(p: np.ndarray) -> np.ndarray:
    """(n,) largest divergence in bits between two modalities' distributions p (m, n, k), over the labels that both have; NaN where fewer than two are there.

    Above `votes.facts()["discord"]` they differ by more than two groups of ten people who saw and heard the same do in 19 of 20
    clips of CREMA-D.
    """
    largest = np.full(p.shape[1], np.nan)
    for one in range(len(p)):
        for other in range(one):
            shared = ~np.isnan(p[[one, other]]).any(axis=0)                              # (n, k)
            pair = np.where(shared, p[[one, other]].astype(np.float64), 0.0)
            total = np.where(shared.all(axis=1), 1.0, pair.sum(axis=2))                  # (2, n)
            both = (shared.sum(axis=1) > 1) & (total > 0).all(axis=0)
            if both.any():
                first, second = pair[:, both] / total[:, both, None]
                largest[both] = np.fmax(largest[both], jsd(first, second))
    return largest


def _whole(p: np.ndarray) -> np.ndarray:
    """Rows that sum to 1: a label that nobody has is 0, and where nothing was measured anything is as likely."""
    return np.asarray(np.where(np.isnan(p).all(axis=1, keepdims=True), 1 / p.shape[1], np.nan_to_num(p, nan=0.0)))


def abstain(estimates: Estimates, least: float) -> Estimates:
    """The same rows, those whose strongest probability is below `least` NaN, with the reason: nothing is said that isn't sure enough.

    What a threshold costs and gains stands on the cards: how many rows are left, and how often those are right.

    Raises
    ------
    ValueError
        If `least` isn't in 0..1, or the labels exclude nothing: a position, or one of several labels, is no confidence.

    >>> from attune.types import Segment
    >>> sure, unsure = np.full(7, 0.02), np.full(7, 0.1)
    >>> sure[3], unsure[3] = 0.88, 0.4
    >>> rows = Estimates.of([Segment(0, 1), Segment(1, 2)], [unsure, sure], taxonomy=taxonomy("ekman7"), modality="fused", model="votes")
    >>> abstain(rows, 0.75).reason.tolist()
    ['not sure enough (0.40 < 0.75)', '']
    """
    if not 0 <= least <= 1:
        raise ValueError(f"least is {least}; expected a probability, 0 to 1")
    if estimates.taxonomy.kind != "exclusive":
        raise ValueError(f"{estimates.taxonomy.name} is {estimates.taxonomy.kind}; only labels that exclude each other have a strongest one to be sure of")
    surest = np.max(np.nan_to_num(estimates.values, nan=-1.0), axis=1)
    unsure = (surest >= 0) & (surest < least)
    reason = np.array([f"not sure enough ({p:.2f} < {least:.2f})" if no else old for p, no, old in zip(surest, unsure, estimates.reason, strict=True)], object)
    values = np.where(unsure[:, None], np.nan, estimates.values).astype(np.float32)
    return replace(estimates, values=values, reason=reason)


class _Units(NamedTuple):
    """What action units and a voice come to: together, each alone, and together without each; all of RAVDESS's emotions."""

    together: Estimates
    alone: list[Estimates]
    without: dict[str, Estimates]


def intensities(estimates: Sequence[Estimates]) -> Estimates | None:
    """The face's action units, where they stand for it in the fused labels: intensities, and nothing else that leads there was measured of the face.

    What is marked as projected, as probabilities of presence are, isn't taken: the fuser was learned on intensities from 0 to 5.
    """
    faces = [e for e in estimates if e.modality == "face" and not e.missing.all()]
    if reach(faces, CATEGORIES):
        return None
    return next((e for e in faces if e.taxonomy.name == "facs" and not e.projected), None)


def _lacking(face: Estimates) -> list[str]:
    """The units that the fuser needs and that weren't measured in any row; with any of these it can say nothing of the face."""
    return [u for u in units.facts()["units"] if np.isnan(face.label(u)).all()]


def told(aligned: Sequence[Estimates], baseline: str | None = None) -> list[str]:
    """Notes on how the face's action units went into the fused labels; none where there are no such units.

    Parameters
    ----------
    aligned
        As `fuse` takes them, from before habits were taken out.
    baseline
        Of `Settings`.
    """
    face = intensities(aligned)
    if face is None:
        faces = [e for e in aligned if e.modality == "face" and not e.missing.all()]
        left = next((e for e in faces if e.taxonomy.name == "facs"), None)
        if left is None or reach(faces, CATEGORIES):
            return []
        what = "probabilities of presence, not intensities" if left.projected == PRESENCE else f"projected ({left.projected}), not measured"
        return [f"the face's action units are {what}: they aren't fused"]
    if lacking := _lacking(face):
        return [f"the face's action units aren't fused: {', '.join(lacking)} weren't measured, of {len(units.facts()['units'])} that are needed"]
    if baseline is None:
        return []
    if baseline != "own":
        return ["no habits of action units are in a baseline file: the face's are fused as they came, beside the voice without its habit"]
    seen, heard, _ = _inputs(aligned, face)
    habits = units.habits(seen, heard, face.person, OWN)
    first: dict[str, int] = {}                                                             # a row of each person
    for i in np.flatnonzero((face.person != SOMEONE) & (habits.rows > 0)):
        first.setdefault(str(face.person[i]), int(i))
    own, few = ([who for who, i in first.items() if habits.known[i] == enough] for enough in (True, False))
    notes = []
    if own:
        people = ", ".join(f"{who} ({habits.rows[first[who]]} rows)" for who in own)
        notes.append(f"action units and voice were fused less each person's habit, found by guess in the person's own rows: {people}")
    if few:
        people = ", ".join(f"{who} ({habits.rows[first[who]]})" for who in few)
        notes.append(f"too few rows to know a habit by, at least {OWN} are needed; their action units and voice were fused as they came: {people}")
    nobody = int(((face.person == SOMEONE) & ~(np.isnan(seen).any(axis=1) & np.isnan(heard).any(axis=1))).sum())
    if nobody:
        notes.append(f"rows of nobody known by name: {nobody}; their action units and voice were fused as they came")
    labels = units.facts()["labels"]
    for who in own:
        shown = habits.shown[first[who]]
        if shown.max() > units.SKEWED:
            guess = f"{labels[int(shown.argmax())]} with a probability of {shown.max():.2f}"
            notes.append(f"{who} is taken to look or sound {guess} in the mean of the rows: there habit and expression are told apart less well")
    return notes


def _inputs(estimates: Sequence[Estimates], face: Estimates) -> tuple[np.ndarray, np.ndarray, Estimates | None]:
    """Intensities (n, 16) and the voice's probabilities (n, 8) as `units` takes them, and whose those are; a voice of other labels isn't one."""
    voice = next((e for e in estimates if e.modality == "voice" and e.taxonomy.name == units.CATEGORIES), None)
    seen = face.values[:, [face.taxonomy.index(u) for u in units.facts()["units"]]].astype(np.float64)
    heard = voice.values.astype(np.float64) if voice is not None else np.full((len(face), len(units.facts()["labels"])), np.nan)
    return seen, heard, voice


def _from_units(aligned: Sequence[Estimates], plain: Sequence[Estimates]) -> _Units | None:
    """Where action units stand for the face; they and the voice are one opinion for the pool, under the face's name."""
    of = plain or aligned
    face = intensities(of)
    if face is None or _lacking(face):
        return None
    seen, heard, voice = _inputs(of, face)
    both = np.fmax(face.quality, voice.quality) if voice is not None else face.quality
    habits = units.habits(seen, heard, face.person, OWN) if plain else None              # once, of whatever of them was measured

    def said(of: Estimates, seen: np.ndarray, heard: np.ndarray, quality: np.ndarray) -> Estimates:
        p = units.pool(seen, heard, habits)
        nothing = np.isnan(p).all(axis=1)
        return replace(of, values=p.astype(np.float32), taxonomy=taxonomy(units.CATEGORIES), model="units", quality=quality, spread=None,
                       reason=np.where(nothing, of.reason, "").astype(object))

    unseen, unheard = np.full_like(seen, np.nan), np.full_like(heard, np.nan)
    alone = {"face": said(face, seen, unheard, face.quality)}
    if voice is not None:
        alone["voice"] = said(voice, unseen, heard, voice.quality)
    without = {"face": replace(alone["voice"], modality="face"), "voice": alone["face"]} if voice is not None else {"face": said(face, unseen, unheard, both)}
    return _Units(said(face, seen, heard, both), list(alone.values()), without)


def _reason(row: np.ndarray, target: Taxonomy) -> str:
    """Why a fused row, or some of its labels, is NaN."""
    gone = np.isnan(row)
    if gone.all():
        return "nothing measured"
    missing = ", ".join(label for label, no in zip(target.labels, gone, strict=True) if no)
    return f"no model measures {missing}" if missing and target.name == CATEGORIES else ""


def _stacked(parts: list[Estimates]) -> tuple[np.ndarray, np.ndarray, list[Modality]]:
    """Values (m, n, k), quality (m, n) and the modalities' names."""
    quality = np.stack([np.maximum(e.quality, LEAST_QUALITY) for e in parts]).astype(np.float64)
    return np.stack([e.values.astype(np.float64) for e in parts]), quality, [e.modality for e in parts]


def _mean(values: np.ndarray, quality: np.ndarray) -> np.ndarray:
    """(n, k) mean of (m, n, k) weighted by quality (m, n), of each dimension for itself; NaN where nothing is there."""
    weight = np.where(np.isnan(values), 0.0, quality[:, :, None])
    total = weight.sum(axis=0)
    return np.asarray(np.divide((weight * np.nan_to_num(values)).sum(axis=0), total, out=np.full(values.shape[1:], np.nan), where=total > 0))


def _estimates(
    parts: list[Estimates], target: Taxonomy, values: np.ndarray, members: np.ndarray | None, quality: np.ndarray, model: str
) -> Estimates:
    """Fused values (n, k) with spread (from the members' (m, n, k)), mean quality, and the reason where there is nothing."""
    there = ~np.stack([np.isnan(e.values).all(axis=1) for e in parts])
    weight = np.where(there, quality, 0.0)
    total = weight.sum(axis=0)
    mean_quality = np.divide((weight * quality).sum(axis=0), total, out=np.zeros_like(total), where=total > 0)
    spread = None
    if members is not None and len(members) > 1:
        members = np.where(there[:, :, None], members, np.nan)
        centre = _mean(members, quality)
        spread = np.sqrt(_mean((members - centre) ** 2, quality))
        spread[(~np.isnan(members)).sum(axis=0) < 2] = np.nan
    return Estimates(
        start=parts[0].start, end=parts[0].end, values=values.astype(np.float32), taxonomy=target, modality="fused", model=model,
        person=parts[0].person, quality=mean_quality.astype(np.float32), reason=np.array([_reason(row, target) for row in values], object),
        spread=None if spread is None else spread.astype(np.float32),
        projected=", ".join(dict.fromkeys(e.projected for e in parts if e.projected)),
    )
