"""Figures of predictions: which ones, by the kind of the taxonomy, each with an interval by speaker.

One label: those rows count for recall, F1, calibration and abstaining that have one most-voted label; where people voted, all rows
count for the distance between distributions. Labels that the corpus can't have, or the model can't say, are left out on both sides:
probabilities are shared among the others again, rows of such labels don't count, and a note says how many.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

import numpy as np

from attune import metrics
from attune.evaluate.predictions import Predictions
from attune.evaluate.status import worst
from attune.metrics import Interval, Reliability
from attune.metrics.votes import TOLERANCE

FREQUENT = 30                            # rows of a class; with fewer its recall is known to no better than +-.18
FEW = 5                                  # speakers; from fewer an interval says little about others
LEAST_LABEL = 10                         # rows of a label, on both sides, for groups to be compared by it
LEAST_GROUP, LEAST_PEOPLE = 30, 3        # rows, and speakers where they are known: smaller groups aren't compared
COVERAGE = 0.8                           # of the rows, when the model may keep silent on the others
AGES = (0, 18, 30, 45, 60, 200)          # years, edges of the bands
HEADLINE = {"exclusive": "uar", "multilabel": "macro_f1", "dimensional": "ccc"}
LOWER = frozenset({"jsd", "cross_entropy", "ece", "ece_votes", "brier", "aurc", "mae"})        # of these less is better

Figures = Callable[[np.ndarray], dict[str, float]]       # rows -> figures by name; "recall:happy" is of a label


@dataclass(frozen=True)
class Group:
    """A figure within one group of people, and its distance from everybody else's, from the same draws."""

    attribute: str
    name: str
    metric: str
    value: Interval
    gap: Interval
    n: int
    speakers: int


@dataclass(frozen=True)
class Score:
    """All figures of one model on one part of a corpus in one taxonomy.

    figures
        metric -> Interval.
    by_label
        label -> metric -> Interval; "n" is how often it is there.
    n
        metric -> rows it is made of.
    confusion
        (k, k) int over `labels`, rows true; None unless there is one label per row.
    """

    predictions: Predictions
    split: str
    protocol: str
    status: str
    labels: tuple[str, ...]
    figures: Mapping[str, Interval]
    by_label: Mapping[str, Mapping[str, Interval]]
    n: Mapping[str, int]
    speakers: int
    unmeasured: int
    notes: tuple[str, ...]
    groups: tuple[Group, ...] = ()
    confusion: np.ndarray | None = None
    reliability: Reliability | None = None
    risk: tuple[np.ndarray, np.ndarray] | None = None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    unit: str = "speakers"               # what a group is, or "groups"


def score(
    p: Predictions, *, split: str = "", protocol: str = "", thresholds: Mapping[str, float] | None = None, threshold_source: str = "",
    attributes: Sequence[str] = ("sex", "age", "race", "ethnicity"), draws: int = metrics.intervals.DRAWS, seed: int = 0,
) -> Score:
    """Figures of predictions, whoever made them.

    thresholds
        label -> from where on it counts as said, for several labels; .5 without them, and `threshold_source` says whence they are.
    attributes
        Names in `about` by which people are compared.
    """
    notes: list[str] = []
    known, measured = ~np.isnan(p.truth).all(1), ~np.isnan(p.said).all(1)
    reached = ~np.isnan(p.said[known & measured]).all(0)
    possible = ~np.isnan(p.truth[known & measured]).all(0)
    labels = np.flatnonzero(reached & possible)
    unmeasured = int((known & ~measured).sum())
    if unmeasured:
        notes.append(f"{unmeasured} of {known.sum()} items gave nothing to measure and aren't in the figures")
    if not known.all():
        notes.append(f"{(~known).sum()} items have no label here")
    names = np.array(p.taxonomy.labels)
    if (~possible & reached).any() and (known & measured).any():
        notes.append(f"not in the corpus, so left out: {', '.join(names[~possible & reached])}")
    status, mixed = worst(p.statuses[known & measured if (known & measured).any() else slice(None)].tolist())
    p = p.rows(known & measured)
    notes += [mixed] * bool(mixed)
    speakers = len(set(p.groups.tolist()) - {""})
    if 0 < speakers < FEW:
        notes.append(f"{speakers} speaker{'s' * (speakers > 1)}: " + ("no interval" if speakers == 1 else "intervals say little about others"))
    if len(p) and not speakers:
        notes.append("nobody is named, so intervals take items for independent")

    made = {"exclusive": _one_label, "multilabel": _several_labels, "dimensional": _positions}[p.taxonomy.kind]
    of = made(p, labels, notes, thresholds or {}, threshold_source) if len(p) and len(labels) else _Made({}, (), {})
    if len(p) and not len(labels):
        notes.append("no label that both the corpus and the model have")
    figures: dict[str, Interval] = {}
    by_label: dict[str, dict[str, Interval]] = {}
    n: dict[str, int] = {}
    for rows, compute in of.parts:
        for name, interval in _intervals(compute, rows, p.groups, draws, seed).items():
            metric, _, label = name.partition(":")
            if name in of.alone:
                interval = interval._replace(low=float("nan"), high=float("nan"))
            if label:
                by_label.setdefault(label, {})[metric] = interval
            else:
                figures[metric], n[metric] = interval, len(rows)
    order = [str(names[j]) for j in labels]
    for label, count in of.counts.items():
        by_label.setdefault(label, {})["n"] = Interval(count, count, count)
    compared = _compared(p, of, attributes, draws, seed, notes) if of.parts else ()
    return Score(
        predictions=p, split=split, protocol=protocol, status=status, labels=tuple(order), figures=figures,
        by_label={label: by_label[label] for label in order if label in by_label}, n=n, speakers=speakers, unmeasured=unmeasured,
        notes=tuple(notes), groups=compared, confusion=of.confusion, reliability=of.reliability, risk=of.risk,
        thresholds=of.thresholds,
    )


@dataclass
class _Made:
    """What a kind of taxonomy makes of predictions: rows and the figures over them, counts by label."""

    counts: dict[str, float]
    parts: tuple[tuple[np.ndarray, Figures], ...]
    thresholds: dict[str, float]
    truth: np.ndarray | None = None      # (n,) the one label's number in counts
    confusion: np.ndarray | None = None
    reliability: Reliability | None = None
    risk: tuple[np.ndarray, np.ndarray] | None = None
    alone: frozenset[str] = frozenset()  # figures that one speaker decides: nothing is known of how others would move them


def _intervals(compute: Figures, rows: np.ndarray, groups: np.ndarray, draws: int, seed: int) -> dict[str, Interval]:
    """Figures over some rows with intervals; compute takes numbers of rows in the whole."""
    names = list(compute(rows))
    found = metrics.bootstrap_figures(
        lambda picked: np.array(list(compute(rows[picked]).values())), len(rows), groups=groups[rows], draws=draws, seed=seed,
        centred=[j for j, name in enumerate(names) if name.startswith("ece")])
    return dict(zip(names, found, strict=True))


# One label -------------------------------------------------------------------------------------------------------------------------

def _one_label(p: Predictions, labels: np.ndarray, notes: list[str], thresholds: Mapping[str, float], source: str) -> _Made:
    names, k = [p.taxonomy.labels[j] for j in labels], len(labels)
    can = ~np.isnan(p.truth[:, labels])
    truth, q = np.where(can, p.truth[:, labels], 0.0), np.where(can, np.nan_to_num(p.said[:, labels]), 0.0)
    sayable = truth.sum(1) >= np.nan_to_num(p.truth).sum(1) - 0.5          # most of the votes are on labels the model has
    none = np.nan_to_num(p.truth).sum(1) == 0
    if none.any():
        notes.append(f"{none.sum()} items have none of the labels and aren't in the figures")
        sayable &= ~none
    if (~sayable & ~none).any():
        lost = [p.taxonomy.labels[j] for j in range(len(p.taxonomy)) if j not in labels and np.nansum(p.truth[:, j]) > 0]
        notes.append(f"{(~sayable & ~none).sum()} items are of labels that the model can't say ({', '.join(lost)}) and aren't in the figures")
    q = np.where(q.sum(1, keepdims=True) > 0, q, can)                      # everything it said is on labels that can't be: it doesn't know
    q = q / np.maximum(q.sum(1, keepdims=True), 1e-12)
    with np.errstate(invalid="ignore"):
        votes = truth / truth.sum(1, keepdims=True)
    ranked = np.sort(votes, 1)
    alone = ranked[:, -1] > ranked[:, -2] + TOLERANCE if k > 1 else np.ones(len(votes), bool)
    hard = np.flatnonzero(sayable & alone)
    soft = np.flatnonzero(sayable & (truth.sum(1) > 0))
    if len(hard) < sayable.sum():
        notes.append(f"{sayable.sum() - len(hard)} items have two labels with most votes; they count for distances between distributions only")
    y, said, sure = votes.argmax(1), q.argmax(1), q.max(1)
    right, error = said == y, ((q - np.eye(k)[y]) ** 2).sum(1)
    counted = np.bincount(y[hard], minlength=k)
    frequent, occur = counted >= FREQUENT, counted > 0
    shown_by = {names[j]: _people(p.groups[hard][y[hard] == j]) for j in np.flatnonzero(occur)}
    notes += _rare(shown_by, _people(p.groups[hard]))
    if len(hard) and k > 1:
        chance, most = metrics.ece_by_chance(q[hard])
        notes.append(f"by chance alone a calibrated model, as sure as this one, would have an ECE of {chance:.3f}, "
                     f"and one under {most:.3f} in 95 of 100 such samples")
    single = [name for name, n in shown_by.items() if n == 1]
    undecided = frozenset(f"recall:{name}" for name in single) | (frozenset(("uar", "macro_f1")) if single else frozenset())
    if any(frequent[names.index(name)] for name in single):
        undecided |= {"uar_frequent"}

    def of_one(rows: np.ndarray) -> dict[str, float]:
        hits = metrics.confusion(y[rows], said[rows], k)
        there, said_so, hit = hits.sum(1), hits.sum(0), np.diag(hits)
        with np.errstate(invalid="ignore", divide="ignore"):
            recall, f1 = hit / there, 2 * hit / (there + said_so)
        whole = (there[occur] > 0).all()                   # a draw without a class would be a mean over fewer: another figure
        out = {"uar": float(np.mean(recall[occur])), "accuracy": hit.sum() / len(rows), "macro_f1": float(np.nanmean(f1)) if whole else float("nan"),
               "weighted_f1": float(np.nansum(f1 * there) / len(rows))}
        if 1 < frequent.sum() < occur.sum():
            out["uar_frequent"] = float(np.mean(recall[frequent]))
        out |= {"ece": metrics.ece(y[rows], q[rows]), "brier": error[rows].mean(), "aurc": metrics.aurc(right[rows], sure[rows]),
                "accuracy_at_80": metrics.accuracy_at(right[rows], sure[rows], COVERAGE)}
        return out | {f"recall:{n}": float(r) for n, r in zip(names, recall, strict=True)} | {f"f1:{n}": float(f) for n, f in zip(names, f1, strict=True)}

    parts: list[tuple[np.ndarray, Figures]] = [(hard, of_one)] if len(hard) else []
    if (ranked[soft][:, -1] < 1 - TOLERANCE).any():
        apart, surprise = (np.full(len(votes), np.nan) for _ in range(2))
        apart[soft], surprise[soft] = metrics.jsd(votes[soft], q[soft]), metrics.cross_entropy(votes[soft], q[soft])
        choices, agreed = can.sum(1), votes[np.arange(len(votes)), said]
        many, said_many = metrics.label_set(votes, choices), metrics.label_set(q, choices)

        def of_votes(rows: np.ndarray) -> dict[str, float]:
            out = {"jsd": apart[rows].mean(), "cross_entropy": surprise[rows].mean(), "set_f1": metrics.macro_f1(many[rows], said_many[rows]),
                   "ece_votes": metrics.reliability(sure[rows], agreed[rows]).gap}
            return out | {f"r:{name}": metrics.pearson(votes[rows, j], q[rows, j]) for j, name in enumerate(names)}

        parts.append((soft, of_votes))
    if not len(hard):
        return _Made({}, tuple(parts), {})
    return _Made(
        dict(zip(names, np.bincount(y[hard], minlength=k).tolist(), strict=True)), tuple(parts), {}, y,
        metrics.confusion(y[hard], said[hard], k), metrics.reliability(sure[hard], right[hard]), metrics.risk_coverage(right[hard], sure[hard]), undecided)


def _people(groups: np.ndarray) -> int:
    """How many groups there are; every row is one where nobody is named."""
    return len(set(groups.tolist()) - {""}) + int((groups == "").sum())


def _rare(shown_by: Mapping[str, int], everybody: int) -> list[str]:
    """A note on classes that few groups show: draws without them say nothing of the mean over classes."""
    few = [f"{name} {n}" for name, n in shown_by.items() if n < min(FEW, everybody)]
    what = "UAR and macro-F1 have no interval" if 1 in shown_by.values() else "draws that lack one don't count for UAR and macro-F1"
    return [f"labels of few speakers or documents: {', '.join(few)}; {what}"] * bool(few)


# Several labels --------------------------------------------------------------------------------------------------------------------

def _several_labels(p: Predictions, labels: np.ndarray, notes: list[str], thresholds: Mapping[str, float], source: str) -> _Made:
    names = [p.taxonomy.labels[j] for j in labels]
    whole = ~np.isnan(p.truth[:, labels]).any(1) & ~np.isnan(p.said[:, labels]).any(1)
    if not whole.all():
        notes.append(f"{(~whole).sum()} items lack some of the labels and aren't in the figures")
    rows = np.flatnonzero(whole)
    if not len(rows):
        return _Made({}, (), {})
    truth, q = np.nan_to_num(p.truth[:, labels]), np.nan_to_num(p.said[:, labels])
    y, half = truth > 0, q >= 0.5
    graded = bool(((truth[rows] > 0) & (truth[rows] < 1)).any())
    at = {name: float(thresholds[name]) for name in names if name in thresholds}
    chosen = p.chosen[:, labels] if p.chosen is not None else q >= np.array([at.get(name, 0.5) for name in names])
    notes.append("labels as the file chose them" if p.chosen is not None else f"thresholds: {source}" if at else
                 "thresholds: .5 for every label, since the model has none and no dev part was there to fit them")
    wrong = ((q - y) ** 2).mean(1)
    never = [name for name, n in zip(names, y[rows].sum(0).tolist(), strict=True) if not n]
    if never:
        notes.append(f"labels that are never there, each of which counts 0 in macro-F1: {', '.join(never)}")

    def figures(picked: np.ndarray) -> dict[str, float]:
        right, said, p_said = y[picked], chosen[picked], q[picked]
        hit, there, said_so = (right & said).sum(0), right.sum(0), said.sum(0)
        precise = metrics.average_precision(right, p_said)
        with np.errstate(invalid="ignore", divide="ignore"):
            recall = hit / there
        each = 2 * hit / np.maximum(there + said_so, 1)
        out = {"macro_f1": each.mean(), "micro_f1": 2 * hit.sum() / max(there.sum() + said_so.sum(), 1),
               "weighted_f1": float(each @ there / there.sum()) if there.sum() else float("nan"),
               "jaccard": metrics.jaccard(right, said), "map": float(np.nanmean(precise)) if there.any() else float("nan"),
               "ece": metrics.ece(right, p_said), "brier": wrong[picked].mean()}
        if at or p.chosen is not None:
            out["macro_f1_at_.5"] = metrics.macro_f1(right, half[picked])
        per = {"f1": each, "recall": recall, "ap": precise}
        if graded:
            per["r"] = np.array([metrics.pearson(truth[picked, j], p_said[:, j]) for j in range(len(names))])
            out["r"] = float(np.nanmean(per["r"])) if not np.isnan(per["r"]).all() else float("nan")
        return out | {f"{metric}:{name}": float(v) for metric, values in per.items() for name, v in zip(names, values, strict=True)}

    return _Made(
        dict(zip(names, y[rows].sum(0).tolist(), strict=True)), ((rows, figures),), at,
        reliability=metrics.reliability(q[rows].ravel(), y[rows].ravel().astype(float)))


def fitted_thresholds(p: Predictions) -> dict[str, float]:
    """label -> the threshold of best F1 on these predictions (a dev part, never the test part); labels never there are left out.

    The threshold lies midway between the last score that is said and the first that isn't, so that neither is on the border.

    >>> y, q = np.array([[1.0], [1.0], [0.0]]), np.array([[0.9], [0.4], [0.2]])
    >>> from attune.taxonomy import Taxonomy
    >>> one = Taxonomy("one", ("joy",), "multilabel", (0, 1), "made up")
    >>> names = np.array(["a", "b", "c"])
    >>> {k: round(v, 2) for k, v in fitted_thresholds(Predictions("", "", one, names, names, names, np.array(["unknown"] * 3), y, q)).items()}
    {'joy': 0.3}
    """
    out = {}
    for j, label in enumerate(p.taxonomy.labels):
        rows = ~np.isnan(p.truth[:, j]) & ~np.isnan(p.said[:, j])
        y, q = p.truth[rows, j] > 0, p.said[rows, j]
        if not y.any():
            continue
        order = np.argsort(-q, kind="stable")
        ranked, hits = q[order], np.cumsum(y[order])
        at = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
        best = at[int(np.argmax(2 * hits[at] / (at + 1 + y.sum())))]
        out[label] = float((ranked[best] + ranked[best + 1]) / 2) if best + 1 < len(ranked) else float(ranked[best])
    return out


# Positions -------------------------------------------------------------------------------------------------------------------------

def _positions(p: Predictions, labels: np.ndarray, notes: list[str], thresholds: Mapping[str, float], source: str) -> _Made:
    names = [p.taxonomy.labels[j] for j in labels]
    known = ~np.isnan(p.truth) & ~np.isnan(p.said)
    rows = np.flatnonzero(known[:, labels].any(1))
    if not len(rows):
        return _Made({}, (), {})
    counts: dict[str, float] = {}
    if not known[rows][:, labels].all():
        counts = dict(zip(names, known[:, labels].sum(0).tolist(), strict=True))
        notes.append("some items lack a dimension: each is scored on those that have it, n in the table of dimensions")

    def figures(picked: np.ndarray) -> dict[str, float]:
        own = [picked[known[picked, j]] for j in labels]
        out: dict[str, float] = {}
        for metric, compute in (("ccc", metrics.ccc), ("r", metrics.pearson), ("mae", metrics.mae)):
            each = [compute(p.truth[of, j], p.said[of, j]) if len(of) else float("nan") for of, j in zip(own, labels, strict=True)]
            out[metric] = float(np.mean(each))
            out |= {f"{metric}:{name}": v for name, v in zip(names, each, strict=True)}
        return out

    return _Made(counts, ((rows, figures),), {})


# Groups of people ------------------------------------------------------------------------------------------------------------------

def age_band(years: str) -> str:
    """Band of an age in years, "" if it is none.

    >>> age_band("17"), age_band("18"), age_band("74.5"), age_band("")
    ('under 18', '18-29', '60 and over', '')
    """
    try:
        value = float(years)
    except ValueError:
        return years                                     # a corpus may state bands of its own
    for low, high in pairwise(AGES):
        if low <= value < high:
            return f"under {high}" if low == 0 else f"{low} and over" if high == AGES[-1] else f"{low}-{high - 1}"
    return ""


def _compared(p: Predictions, made: _Made, attributes: Sequence[str], draws: int, seed: int, notes: list[str]) -> tuple[Group, ...]:
    """Figures within groups of people, and their distance from everybody else's."""
    out = []
    rows, compute = made.parts[0]
    headline = HEADLINE[p.taxonomy.kind]
    if headline == "uar" and made.truth is None:
        return ()
    for attribute in attributes:
        if attribute not in p.about:
            continue
        who = p.about[attribute][rows]
        if attribute == "age":
            who = np.array([age_band(w) for w in who.tolist()])
        named = [w for w in dict.fromkeys(sorted(who.tolist())) if w]
        large = [w for w in named if _large(who == w, p.groups[rows]) and _large((who != w) & (who != ""), p.groups[rows])]
        if len(named) > 1 and len(large) < len(named):
            notes.append(f"{attribute}: too few to compare: {', '.join(w for w in named if w not in large)}")
        for w in large:
            labels = _on_both_sides(list(made.counts), made.truth, p.groups, rows, who, w) if made.truth is not None else []
            found = metrics.bootstrap_figures(
                partial(_gap, compute, headline, labels, rows, who, w), len(rows), groups=p.groups[rows], draws=draws, seed=seed)
            if not np.isnan(found[0].value):
                inside = who == w
                out.append(Group(attribute, w, headline, found[0], found[1], int(inside.sum()), len(set(p.groups[rows][inside].tolist()) - {""})))
    if out and headline == "uar":
        notes.append(f"groups are compared by the mean recall of the labels that are there {LEAST_LABEL} times or more, of two people at least, on both sides")
    return tuple(out)


def _sides(rows: np.ndarray, who: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a group, and of everybody else whose group is known."""
    return rows[who == name], rows[(who != name) & (who != "")]


def _on_both_sides(names: Sequence[str], truth: np.ndarray, groups: np.ndarray, rows: np.ndarray, who: np.ndarray, name: str) -> list[str]:
    """Recalls ("recall:joy") of the labels that are there often enough among both, and of more than one person, for all draws alike."""
    def enough(side: np.ndarray, j: int) -> bool:
        those = side[truth[side] == j]
        return len(those) >= LEAST_LABEL and _people(groups[those]) > 1

    sides = _sides(rows, who, name)
    return [f"recall:{label}" for j, label in enumerate(names) if all(enough(side, j) for side in sides)]


def _large(inside: np.ndarray, groups: np.ndarray) -> bool:
    people = set(groups[inside].tolist())
    return bool(inside.sum() >= LEAST_GROUP and (len(people) >= LEAST_PEOPLE or people == {""}))


def _gap(compute: Figures, headline: str, labels: list[str], rows: np.ndarray, who: np.ndarray, name: str, picked: np.ndarray) -> np.ndarray:
    """A figure inside a group, and less the figure of everybody else; of one label per row, the mean of some recalls."""
    inside, outside = _sides(rows[picked], who[picked], name)
    if not len(inside) or not len(outside) or (headline == "uar" and len(labels) < 2):
        return np.array([np.nan, np.nan])
    one, other = compute(inside), compute(outside)
    if headline == "uar":
        recalls = np.array([[figures[label] for label in labels] for figures in (one, other)])
        if np.isnan(recalls).any():                        # a draw without a label on one side would set unlike means beside each other
            return np.array([np.nan, np.nan])
        value, rest = recalls.mean(axis=1)
    else:
        value, rest = one[headline], other[headline]
    return np.array([value, value - rest])
