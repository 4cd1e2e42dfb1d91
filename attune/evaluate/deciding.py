"""Is acting on a label worth it, and how far are its degrees missed? Decision curves and ordinal figures of predictions.

`attune evaluate ... --decision LABEL` prints them and writes `decision-LABEL-....md` beside the other figures. A label that a model gives
as a probability gets a curve: the net benefit of acting where it is at least as probable as t, beside acting on everybody and on nobody
(which is 0). A label whose truth comes in a few degrees (intensities 0-3, sentiment -3..3) gets kappa with quadratic weights and the mean
distance in degrees, what is said being rounded to the nearest degree. Calibrate before reading a curve: t is a probability.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from attune import metrics
from attune.errors import unknown
from attune.evaluate.predictions import Predictions
from attune.evaluate.tables import interval, number
from attune.metrics import Interval
from attune.metrics.decisions import THRESHOLDS

MOST_DEGREES = 12                        # of a truth that counts as ordered classes


@dataclass(frozen=True)
class Decision:
    """One label. n rows, share of them that have it (NaN for positions).

    acting, everybody
        One interval per threshold; empty where the label is a position and no probability.
    degrees
        (d,) values the truth takes; empty unless there are 3 to 12.
    ordinal
        "qwk", "mae_classes" -> interval, where there are degrees.
    """

    label: str
    n: int
    share: float
    thresholds: np.ndarray
    acting: tuple[Interval, ...]
    everybody: tuple[Interval, ...]
    degrees: np.ndarray
    ordinal: dict[str, Interval]


def decide(p: Predictions, label: str, *, thresholds: np.ndarray = THRESHOLDS, draws: int = 1000, seed: int = 0) -> Decision:
    """Curves and ordinal figures of a label, with intervals by group.

    A row has the label where its truth is at least a half of it (of votes), or, for several labels, above 0 (any intensity).

    Raises
    ------
    UnknownName
        If the taxonomy has no such label.
    ValueError
        If no row has both a truth and an estimate.
    """
    if label not in p.taxonomy.labels:
        raise unknown(f"label of {p.taxonomy.name}", label, p.taxonomy.labels)
    j = p.taxonomy.index(label)
    known = ~np.isnan(p.truth[:, j]) & ~np.isnan(p.said[:, j])
    if not known.any():
        raise ValueError(f"no item has both a truth and an estimate of {label}")
    p = p.rows(known)
    truth, said = p.truth[:, j], p.said[:, j]
    probable = p.taxonomy.kind != "dimensional"
    there = truth > 0 if p.taxonomy.kind == "multilabel" else truth >= 0.5
    t = len(thresholds)
    degrees = np.unique(truth) if p.taxonomy.kind != "exclusive" else np.array([])
    degrees = degrees if 3 <= len(degrees) <= MOST_DEGREES else degrees[:0]
    if len(degrees):
        true_degree, said_degree = (np.abs(x[:, None] - degrees).argmin(1) for x in (truth, said))

    def figures(rows: np.ndarray) -> np.ndarray:
        parts: list[np.ndarray | list[float]] = []
        if probable:
            parts += [metrics.net_benefit(there[rows], said[rows], thresholds), metrics.treat_all(there[rows], thresholds)]
        if len(degrees):
            parts.append([metrics.qwk(true_degree[rows], said_degree[rows], len(degrees)), metrics.mae_classes(true_degree[rows], said_degree[rows])])
        return np.concatenate(parts) if parts else np.array([np.nan])

    found = metrics.bootstrap_figures(figures, len(p), groups=p.groups, draws=draws, seed=seed)
    return Decision(
        label, len(p), float(there.mean()) if probable else float("nan"), np.asarray(thresholds), tuple(found[:t]) if probable else (),
        tuple(found[t : 2 * t]) if probable else (), degrees, dict(zip(("qwk", "mae_classes"), found[-2:], strict=True)) if len(degrees) else {},
    )


def markdown(d: Decision, title: str) -> str:
    """A section: the ordinal figures, then the curve with where acting is better than both acting on everybody and on nobody."""
    lines = [f"## {title}: decisions by {d.label}", "", f"n = {d.n:,}" + (f", {number(d.share)} of them have it" if d.acting else ""), ""]
    if d.ordinal:
        q, mae = d.ordinal["qwk"], d.ordinal["mae_classes"]
        lines += [f"{len(d.degrees)} degrees: quadratic kappa {number(q.value)} {interval(q)}, "
                  f"mean distance {number(mae.value)} {interval(mae)} degrees", ""]
    if d.acting:
        lines += ["| act from | net benefit | 95 % | act on everybody | useful |", "|---|---|---|---|---|"]
        for t, own, everybody in zip(d.thresholds.tolist(), d.acting, d.everybody, strict=True):
            useful = "yes" if own.value > max(everybody.value, 0.0) else ""
            lines.append(f"| {number(t, 2)} | {number(own.value)} | {interval(own)} | {number(everybody.value)} | {useful} |")
        lines += ["", "Net benefit: hits less false alarms times t / (1 - t), per item; acting on nobody is 0."]
    if not d.acting and not d.ordinal:
        lines.append(f"{d.label} is a position without a few degrees: there is nothing to decide by; see its CCC and MAE")
    return "\n".join(lines) + "\n"
