"""From a score to a level: how strong is .62?

A calibration is a versioned table of lower bounds in `attune/calibrations/`. The two old ones, "paper-2023" and "repo-2023", cut the score
itself. "attune" cuts its rank: where the score lies among those that the same model gives the same label on a reference corpus,
counting only the cases in which it says the label at all. The ranks ship as knots, one small file per model beside the tables,
made by `recipes/leed_calibration.py`.

Bands are half-open, [bound, next bound), and are compared as 32-bit numbers, in which estimates are kept: .35 is "somewhat" from
a file and from a list. The last band has no upper end.

    >>> old = calibration("repo-2023")
    >>> [old.level("Joy", score) for score in (0.25, 0.26, 0.35, 0.84, float("nan"))]
    [None, 'slightly', 'somewhat', 'extremely', None]
"""

from __future__ import annotations

import importlib.resources
import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Literal

import numpy as np

from attune.errors import unknown

FOLDER = importlib.resources.files("attune") / "calibrations"
LEVELS = ("slightly", "somewhat", "moderately", "quite", "very", "extremely")
NO_DEGREE = "neutral"                    # a label that is said, but not in degrees
LEAST_SAID = 100                         # cases; a label said more seldom is ranked among all labels of its model
KNOTS = 33                               # per label, of the cases in which it is said
OTHERS = 9                               # of the others


@dataclass(frozen=True)
class Ranks:
    """Where a score lies among those of a reference corpus, as knots to interpolate between.

    values, percentiles
        (m,) rising; a percentile is (cases below + half of the ties) / n, in 0..1.
    least
        The score from which on the label counts as said.
    below
        Share of the cases whose score is less than that.
    said
        Number of the others.
    """

    values: np.ndarray
    percentiles: np.ndarray
    least: float
    below: float
    said: int

    @classmethod
    def of(cls, scores: np.ndarray, least: float) -> Ranks:
        """Ranks (n,) scores of one label; NaN cases don't count.

        >>> ranks = Ranks.of(np.array([0.1, 0.1, 0.4, 0.6]), least=0.3)
        >>> ranks.percentile(0.1), ranks.rank(0.4), ranks.rank(0.6)
        (0.25, 0.25, 0.75)
        """
        scores = np.sort(np.asarray(scores, np.float32)[~np.isnan(scores)]).astype(np.float64)
        n, least = len(scores), float(np.float32(least))
        unique, first, ties = np.unique(scores, return_index=True, return_counts=True)
        middle = (first + ties / 2) / max(n, 1)
        cut = int(np.searchsorted(unique, least))
        at = np.unique(np.concatenate([_spread(0, cut, OTHERS, first + ties / 2), _spread(cut, len(unique), KNOTS, first + ties / 2)]).astype(int))
        said = int((scores >= least).sum())
        return cls(unique[at], middle[at], least, (n - said) / max(n, 1), said)

    def percentile(self, score: float) -> float:
        """Mid-rank among all cases, 0..1; straight lines between knots, 0 below the lowest score there was and 1 above the highest."""
        return float(np.interp(float(np.float32(score)), self.values, self.percentiles, left=0.0, right=1.0)) if len(self.values) else math.nan

    def rank(self, score: float) -> float:
        """Mid-rank among the cases in which the label is said, 0..1; only for scores that count as said."""
        if self.below >= 1:
            return math.nan
        return min(1.0, max(0.0, (self.percentile(score) - self.below) / (1 - self.below)))


def _spread(low: int, high: int, count: int, ranks: np.ndarray) -> np.ndarray:
    """Up to `count` indices from [low, high), evenly by rank, both ends included."""
    if high - low <= count:
        return np.arange(low, high)
    wanted = np.linspace(ranks[low], ranks[high - 1], count)
    return np.unique(np.clip(np.searchsorted(ranks, wanted), low, high - 1))


@dataclass(frozen=True)
class Calibration:
    """A table of levels; made by `calibration`.

    bounds
        level -> lowest score (or rank) of it.
    scale
        "score": bounds cut the score; "rank": they cut its rank among `ranks`.
    probabilities
        Whether scores are calibrated probabilities, so that they say how sure the model is.
    weights
        Of the model whose ranks these are: file -> first 16 hex digits of its SHA-256.
    """

    name: str
    version: int
    reference: str
    bounds: dict[str, float]
    scale: Literal["score", "rank"] = "score"
    adjectives: dict[str, dict[str, str]] = field(default_factory=dict)
    fallback: str = ""
    model: str = ""
    ranks: Mapping[str, Ranks] = field(default_factory=dict)
    pooled: Ranks | None = None
    probabilities: bool = False
    weights: dict[str, str] = field(default_factory=dict)

    def least(self, label: str) -> float:
        """The score from which on a label is said."""
        if self.scale == "score":
            return self.bounds[LEVELS[0]]
        return self._own(label).least

    def strength(self, label: str, score: float) -> float:
        """What the bounds cut: the score itself, or its rank; NaN where nothing can be said."""
        if self.scale == "score" or math.isnan(score):
            return score
        own = self._own(label)
        if np.float32(score) < np.float32(own.least):
            return math.nan
        return (self.pooled if own.said < LEAST_SAID and self.pooled is not None else own).rank(score)

    def level(self, label: str, score: float) -> str | None:
        """The level, or None where the label isn't said: too low, or NaN."""
        if not np.float32(score) >= np.float32(self.least(label)):
            return None
        strength = np.float32(self.strength(label, score))
        reached = [level for level in LEVELS if strength >= np.float32(self.bounds[level])]
        return reached[-1] if reached else None

    def percentile(self, label: str, score: float) -> float | None:
        """Mid-rank among all cases of the reference corpus; None without one."""
        return self._own(label).percentile(score) if self.scale == "rank" and not math.isnan(score) else None

    def _own(self, label: str) -> Ranks:
        if label not in self.ranks:
            raise unknown(f"label with ranks of {self.model or 'this model'}", label, self.ranks)
        return self.ranks[label]


def names() -> list[str]:
    """Names of the calibrations."""
    return sorted(f.name.removesuffix(".toml") for f in FOLDER.iterdir() if f.name.endswith(".toml"))


@cache
def calibration(name: str = "attune", model: str = "", taxonomy: str = "") -> Calibration:
    """The calibration of that name, for a model's labels in one taxonomy where it depends on them.

    A calibration by rank falls back to the one it names where the model ships no ranks for that taxonomy; `Calibration.name` says which
    one it is in the end.

    Raises
    ------
    UnknownName
        If there is none of that name.

    >>> calibration("attune", "a model of one's own", "eee48").name
    'repo-2023'
    """
    if name not in names():
        raise unknown("calibration", name, names())
    data = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    table = Calibration(**data)
    if table.scale == "score":
        return table
    known = ranked(model) or {}
    labels = known.get("taxonomies", {}).get(taxonomy)
    if labels is None:
        return calibration(table.fallback)
    ranks = {label: _ranks(facts) for label, facts in labels["labels"].items()}
    return replace(table, model=model, ranks=ranks, pooled=_ranks(labels["pooled"]), probabilities=labels["probabilities"], weights=known["weights"])


@cache
def ranked(model: str) -> dict[str, Any] | None:
    """What ships about a model's ranks (corpora, splits, n, weights, knots), as the recipe wrote it; None where nothing does."""
    file = FOLDER / f"{model}.json"
    if not model or "/" in model or not file.is_file():
        return None
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def _ranks(facts: Mapping[str, Any]) -> Ranks:
    return Ranks(np.array(facts["values"]), np.array(facts["percentiles"]), facts["least"], facts["below"], facts["said"])


def ranks_facts(ranks: Ranks) -> dict[str, Any]:
    """Ranks as they are written to a file."""
    return {"least": ranks.least, "below": ranks.below, "said": ranks.said, "values": ranks.values.tolist(), "percentiles": ranks.percentiles.tolist()}
