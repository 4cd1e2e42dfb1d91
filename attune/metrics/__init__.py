"""Agreement between what was labelled and what was said.

    agreement      one label, several labels, or positions: recall, F1, precision, concordance
    votes          distributions of votes against distributions of a model
    calibration    whether a probability is worth its number, and what abstaining buys
    decisions      what acting on a probability gains; kappa and distance of ordered classes
    words          free words, joined by wheels of emotion words
    intervals      bootstrap over whole groups (speakers)

Moments are population moments everywhere. Nothing is rescaled or dropped in silence: undefined is NaN.
"""

from attune.metrics.agreement import (
    accuracy,
    average_precision,
    ccc,
    confusion,
    f1,
    jaccard,
    macro_f1,
    mae,
    micro_f1,
    pearson,
    recalls,
    uar,
    weighted_f1,
)
from attune.metrics.calibration import Reliability, accuracy_at, aurc, brier, ece, ece_by_chance, reliability, risk_coverage
from attune.metrics.decisions import mae_classes, net_benefit, qwk, treat_all
from attune.metrics.intervals import Interval, bootstrap, bootstrap_figures, members
from attune.metrics.votes import cross_entropy, jsd, label_set, set_f1

__all__ = [
    "Interval", "Reliability", "accuracy", "accuracy_at", "aurc", "average_precision", "bootstrap", "bootstrap_figures", "brier", "ccc", "confusion",
    "cross_entropy", "ece", "ece_by_chance", "f1", "jaccard", "jsd", "label_set", "macro_f1", "mae", "mae_classes", "members", "micro_f1", "net_benefit",
    "pearson", "qwk", "recalls", "reliability", "risk_coverage", "set_f1", "treat_all", "uar", "weighted_f1",
]
