"""How far a judge of replies agrees with people: `attune evaluate agent empathic_reactions DIR`, `... empathetic_intents DIR`.

The rubric asks for empathy and specificity, 1 to 5. Two sets that people labelled come near to its empathy, and none that we know of to its specificity:

    empathetic_intents    listeners' utterances from EmpatheticDialogues, whose intent people judged (Welivita & Pu 2020). About replies, as the rubric
                          is; but kinds, not grades: can the judge tell those that take up what somebody feels from those that ask, advise or tell of
                          themselves? AUC, .5 is chance. They are posted as sentences without what was said before.
    empathic_reactions    essays about news of harm, by people who had rated their own empathy from 1 to 7 (Buechel et al. 2018). Grades, but of what
                          the writer felt, before writing, not of what readers see: trained models reach r = .4 to .6. Agreement as of two raters.

Beside the judge stand judges that understand nothing: always the middle, the longer the better, and the scripted server's rule, which counts
phrases. A judge that isn't clearly above them is no use. What a language model reaches, only a language model shows (`--judge-url`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from attune import datasets
from attune.datasets import empathetic_dialogues
from attune.errors import SettingError
from attune.evaluate.agent import RUBRIC, Case, _Kept, judged, read_judged
from attune.evaluate.scripted import obedient
from attune.llms import Client
from attune.metrics import Interval, bootstrap_figures, ccc, pearson

CORPORA = ("empathetic_intents", "empathic_reactions")
# intents that take up what somebody feels, against those that ask, advise, tell or contradict; which side is ours to say, the labels are people's
TAKES_UP = ("acknowledging", "sympathizing", "consoling", "encouraging", "expressing_care_concern", "expressing_relief", "appreciating")
GOES_ON = ("questioning", "suggesting", "advising", "sharing_experience", "sharing_opinions", "disapproving")       # agreeing and wishing are neither
NEWS = "(has told of news of people, animals or nature that came to harm)"
UNKNOWN = "(what was said before isn't known)"
FEWEST = 10                              # that are scored

Hook = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Labelled:
    """A text that people labelled: 1..5 where they graded, 0 or 1 where they named a kind; `group` is drawn as a whole for intervals."""

    id: str
    group: str
    before: str
    text: str
    label: float


@dataclass(frozen=True)
class Judge:
    """One judge's figures: name -> (interval, number of texts it scored)."""

    name: str
    figures: dict[str, tuple[Interval, int]]


def labelled(corpus: str, root: str | Path, split: str = "", limit: int = 0) -> list[Labelled]:
    """The texts of a set; `split`: only those of a part, if it has any.

    Raises
    ------
    SettingError
        With fewer than ten.
    """
    if corpus == "empathetic_intents":
        pairs = [(text, intent) for text, intent in empathetic_dialogues.intents(root) if intent in (*TAKES_UP, *GOES_ON)]
        found = [Labelled(str(i), str(i), UNKNOWN, text, float(intent in TAKES_UP)) for i, (text, intent) in enumerate(pairs)]
    else:
        items = list(datasets.load(corpus).items(root))
        part = [i for i in items if i.split == split] or items
        found = [Labelled(i.id, i.group, NEWS, str(i.text), 1 + (float(i.values[0]) - 1) * 4 / 6) for i in part if not np.isnan(i.values[0])]
    found = found[:limit] if limit else found
    if len(found) < FEWEST:
        raise SettingError(f"{len(found)} labelled texts of {corpus}; expected at least {FEWEST}")
    return found


def compared(texts: Sequence[Labelled], judge: Client | None = None, *, cache: str | Path | None = None, draws: int = 1000, seed: int = 0,
             hook: Hook | None = None) -> list[Judge]:
    """The judge, if there is one, and those that understand nothing, beside people."""
    scores: dict[str, np.ndarray] = {}
    if judge is not None:
        scores[f"judge: {judge.name}"] = _asked(texts, judge, _Kept(Path(cache) if cache else None), hook)
    length = np.array([len(t.text.split()) for t in texts], float)
    scores |= {"always 3": np.full(len(texts), 3.0), "length, in fifths": _fifths(length), "the scripted server's rule": np.array([_counted(t) for t in texts])}
    return [Judge(name, _figures(texts, given, draws, seed)) for name, given in scores.items()]


def table(judges: Sequence[Judge], corpus: str, command: str = "") -> str:
    """As Markdown."""
    names = list(judges[0].figures)
    lines = [f"| {corpus}: empathy | n | " + " | ".join(names) + " |", "|---|---|" + "---|" * len(names)]
    for j in judges:
        n = next(iter(j.figures.values()))[1]
        lines.append(f"| {j.name} | {n} | " + " | ".join("–" if math.isnan(i.value) else str(i) for i, _ in j.figures.values()) + " |")
    if not any(j.name.startswith("judge") for j in judges):
        lines += ["", "No language model was asked: these judges understand nothing, and are what one has to be better than. Name one with --judge-url."]
    lines += ["", "Nobody labelled specificity here: how far a judge's is right isn't known.", *(["", f"`{command}`"] if command else []), ""]
    return "\n".join(lines)


def plain(judges: Sequence[Judge]) -> list[dict[str, Any]]:
    """For JSON."""
    return [{"judge": j.name, **{name: {"value": i.value, "low": i.low, "high": i.high, "n": n} for name, (i, n) in j.figures.items()}} for j in judges]


# ---- what they say ----------------------------------------------------------------------------------------------------------

def _asked(texts: Sequence[Labelled], judge: Client, kept: _Kept, hook: Hook | None) -> np.ndarray:
    out = []
    for i, t in enumerate(texts):
        case = Case(t.id, t.group, t.before)
        asked = {"judge": judge.name, "rubric": RUBRIC, "before": t.before, "text": t.text}
        found = kept.get(asked)
        if found is None:
            found = [{"figures": judged(judge, case, t.text)}]
            kept.put(asked, found)
        out.append(found[0]["figures"]["empathy"])
        if hook:
            hook(f"asking {judge.name}", i + 1, len(texts))
    return np.array(out, float)


def _counted(t: Labelled) -> float:
    said = obedient([{"role": "system", "content": RUBRIC}, {"role": "user", "content": f"PERSON: {t.before}\n\nREPLY: {t.text}"}])
    return read_judged(said)["empathy"]


def _fifths(x: np.ndarray) -> np.ndarray:
    """1..5 by rank.

    >>> _fifths(np.array([10., 20., 30., 40., 50.])).tolist()
    [1.0, 2.0, 3.0, 4.0, 5.0]
    """
    return np.asarray(np.clip(np.ceil(_ranks(x) / len(x) * 5), 1, 5))


# ---- beside people ----------------------------------------------------------------------------------------------------------

def _figures(texts: Sequence[Labelled], given: np.ndarray, draws: int, seed: int) -> dict[str, tuple[Interval, int]]:
    known = ~np.isnan(given)
    x, y = np.array([t.label for t in texts])[known], given[known]
    groups = [t.group for t, k in zip(texts, known, strict=True) if k]
    kinds = {t.label for t in texts} <= {0.0, 1.0}
    names = ("AUC",) if kinds else ("weighted kappa", "Spearman", "judge less people")

    def figures(rows: np.ndarray) -> np.ndarray:
        a, b = x[rows], y[rows]
        return np.array([auc(a, b)] if kinds else [ccc(a, b), _rho(a, b), float(np.mean(b - a))])     # kappa with quadratic weights is concordance

    if len(x) < FEWEST:
        return {name: (Interval(math.nan, math.nan, math.nan), len(x)) for name in names}
    found = bootstrap_figures(figures, len(x), groups=groups, draws=draws, seed=seed)
    return {name: (i, len(x)) for name, i in zip(names, found, strict=True)}


def auc(kinds: np.ndarray, scores: np.ndarray) -> float:
    """The probability that one of kind 1 is scored above one of kind 0, a tie counting half; NaN where a kind is missing.

    >>> auc(np.array([0., 0., 1., 1.]), np.array([1., 3., 3., 5.]))
    0.875
    """
    ones = int((kinds == 1).sum())
    zeros = len(kinds) - ones
    if not ones or not zeros:
        return math.nan
    return float((_ranks(scores)[kinds == 1].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def _rho(x: np.ndarray, y: np.ndarray) -> float:
    a, b = _ranks(x), _ranks(y)
    return math.nan if min(a.std(), b.std()) == 0 else float(pearson(a, b))


def _ranks(x: np.ndarray) -> np.ndarray:
    """1..n, ties sharing their mean.

    >>> _ranks(np.array([5., 1., 5.])).tolist()
    [2.5, 1.0, 2.5]
    """
    _, at, count = np.unique(x, return_inverse=True, return_counts=True)
    return np.asarray((np.cumsum(count) - (count - 1) / 2)[at])
