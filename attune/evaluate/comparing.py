"""Which of two models is better on a corpus: the same items, the same labels, and the difference drawn together.

Intervals of two models each for itself are wide where the difference is sure: what is hard for one is hard for the other. So the same
people are drawn for both, and the difference is what has an interval.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np

from attune import datasets, metrics, weights
from attune.errors import SettingError
from attune.evaluate import Hook, evaluate
from attune.evaluate.predictions import Predictions
from attune.metrics.intervals import DRAWS, Interval, bootstrap_figures


@dataclass(frozen=True)
class Row:
    """One figure of both, and second less first."""

    figure: str
    first: float
    second: float
    difference: Interval


@dataclass(frozen=True)
class Compared:
    """Two models in one taxonomy, on the n items that both measured, over the labels that both have."""

    taxonomy: str
    n: int
    speakers: int
    unit: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...]


def compare(
    first: tuple[str, ModuleType | Any], second: tuple[str, ModuleType | Any], corpus: str, folder: Path, *, split: str = "test", into: str | None = None,
    leak: Literal["stop", "drop", "allow"] = "stop", draws: int = DRAWS, seed: int = 0, cache: Path | None = None, hook: Hook | None = None,
) -> list[Compared]:
    """Score two models on one part of a corpus, and their difference.

    Parameters
    ----------
    first, second : names, to speak of them, and the models
    corpus, folder : a corpus of `attune.datasets`, and where it lies
    split, into, leak, draws, seed, hook : as in `evaluate`
    cache : where what the models say is kept; by default where `attune evaluate` keeps it

    Returns
    -------
    One for each taxonomy that both can be scored in.

    Raises
    ------
    SettingError
        If there is no such taxonomy, or no item that both measured.
    LeakError, UnknownName
        As in `evaluate`.
    """
    items, facts = datasets.read(corpus, folder), datasets.facts(corpus, folder)
    kept = cache or weights.cache_folder() / "said"
    a, b = (evaluate(items, model, corpus=corpus, facts=facts, split=split, into=into, leak=leak, draws=2, seed=seed, cache=kept, hook=hook)
            for _, model in (first, second))
    theirs = {score.predictions.taxonomy.name: score for score in b.scores}
    pairs = [(score, theirs[score.predictions.taxonomy.name]) for score in a.scores if score.predictions.taxonomy.name in theirs]
    if not pairs:
        ours = ", ".join(score.predictions.taxonomy.name for score in a.scores)
        raise SettingError(f"{first[0]} is scored in {ours} and {second[0]} in {', '.join(theirs)}; give a taxonomy that both reach by --into")
    return [_pair(x.predictions, y.predictions, x.unit, (first[0], x.status), (second[0], y.status), draws, seed) for x, y in pairs]


def _pair(x: Predictions, y: Predictions, unit: str, first: tuple[str, str], second: tuple[str, str], draws: int, seed: int) -> Compared:
    shared = sorted(set(x.ids.tolist()) & set(y.ids.tolist()))
    if not shared:
        raise SettingError(f"no item in {x.taxonomy.name} that {first[0]} and {second[0]} both measured")
    notes = [f"{name}: {status}" + (f", by {' and '.join(p.via)}" if p.via else "") for (name, status), p in ((first, x), (second, y))]
    for (name, _), p in ((first, x), (second, y)):
        if len(p.ids) > len(shared):
            notes.append(f"{len(p.ids) - len(shared)} items that only {name} measured are left out")
    x, y = (p.rows(_places(p, shared)) for p in (x, y))
    known = ~(np.isnan(x.truth) | np.isnan(x.said) | np.isnan(y.said)).all(0)
    if not known.all():
        notes.append(f"over the labels that both have: {', '.join(np.array(x.taxonomy.labels)[known])}")
    rows = ~(np.isnan(x.truth[:, known]) | np.isnan(x.said[:, known]) | np.isnan(y.said[:, known])).any(1)
    if not known.any() or not rows.any():
        raise SettingError(f"{first[0]} and {second[0]} have no label of {x.taxonomy.name} in common that the corpus has, too")
    x, y = x.rows(rows), y.rows(rows)
    truth, ours, theirs = x.truth[:, known], x.said[:, known], y.said[:, known]
    names, figures = _figures(x, truth, np.array(x.taxonomy.labels)[known].tolist())

    def both(picked: np.ndarray) -> np.ndarray:
        one, other = figures(picked, ours), figures(picked, theirs)
        return np.concatenate([other - one, one, other])

    made = bootstrap_figures(both, len(truth), groups=x.groups, draws=draws, seed=seed)
    k = len(names)
    return Compared(
        x.taxonomy.name, len(truth), len(set(x.groups.tolist()) - {""}), unit,
        tuple(Row(name, made[k + i].value, made[2 * k + i].value, made[i]) for i, name in enumerate(names)), tuple(notes))


def _places(p: Predictions, ids: list[str]) -> np.ndarray:
    where = {name: i for i, name in enumerate(p.ids.tolist())}
    return np.array([where[name] for name in ids])


def _figures(p: Predictions, truth: np.ndarray, labels: list[str]) -> tuple[list[str], Callable[[np.ndarray, np.ndarray], np.ndarray]]:
    """Names of figures, and rows with what is said -> their values."""
    if p.taxonomy.kind == "dimensional":
        return [f"ccc of {name}" for name in labels] + ["mae"], lambda rows, said: np.array(
            [metrics.ccc(truth[rows, j], said[rows, j]) for j in range(len(labels))] + [metrics.mae(truth[rows].ravel(), said[rows].ravel())])
    if p.taxonomy.kind == "multilabel":
        return ["map", "brier"], lambda rows, said: np.array([
            _mean(metrics.average_precision(truth[rows] > 0, said[rows])), float(((said[rows] - (truth[rows] > 0)) ** 2).mean())])
    right = truth.argmax(1)
    return ["uar", "accuracy", "macro_f1"], lambda rows, said: np.array([
        metrics.uar(right[rows], said[rows].argmax(1)), metrics.accuracy(right[rows], said[rows].argmax(1)),
        _mean(_f1(right[rows], said[rows].argmax(1), len(labels)))])


def _f1(right: np.ndarray, said: np.ndarray, k: int) -> np.ndarray:
    """F1 of each label that is there; NaN for others."""
    table = metrics.confusion(right, said, k)
    hit, there, said_so = np.diag(table), table.sum(1), table.sum(0)
    return np.where(there > 0, 2 * hit / np.maximum(there + said_so, 1), np.nan)


def _mean(values: np.ndarray) -> float:
    return float(np.nanmean(values)) if not np.isnan(values).all() else float("nan")
