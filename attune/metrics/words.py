"""Open vocabulary: two lists of free words compare by the place their words have on wheels of emotions.

A word is brought to its base form, that to the label it is a synonym of, that to the part of a wheel it lies in. Words that a
wheel doesn't know are left out on both sides. Lian et al. (2024), OV-MERD (arXiv:2410.01495), and Lian et al. (2025), AffectGPT
(arXiv:2501.16566), score so, over five wheels. Their tables aren't part of Attune: `read_wheels` takes a folder of

    forms.csv       word,base         "joyfully,joyful"; may be left out
    synonyms.csv    word,label        "joyful,happy"; may be left out
    <wheel>.csv     level1,level2,level3, from the middle outwards; an empty cell repeats the one above

and without such a folder the groups of our own taxonomies are wheels (`taxonomy_wheels`).
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from attune.errors import MediaError
from attune.taxonomy import Taxonomy, names, taxonomy

LEVELS = ("level1", "level2", "level3")


class Overlap(NamedTuple):
    """Shares of the words said that were right, and of the right ones that were said; n, the samples that count."""

    precision: float
    recall: float
    f1: float
    n: int


@dataclass(frozen=True)
class Wheel:
    """Where words lie. groups: label -> part of the wheel; forms: word -> base forms; synonyms: base form -> labels."""

    name: str
    groups: Mapping[str, str]
    forms: Mapping[str, frozenset[str]] = field(default_factory=dict)
    synonyms: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def __call__(self, word: str) -> str:
        """The part of the wheel a word lies in, "" if it isn't known.

        Where several readings are known, the alphabetically first base form counts, and of its labels the first that the wheel has.
        """
        word = word.strip().casefold()
        if self.forms and word not in self.forms:
            return ""
        base = min(self.forms[word]) if self.forms else word
        return next((self.groups[label] for label in sorted(self.synonyms.get(base, frozenset()) | {base}) if label in self.groups), "")


def overlap(truth: Sequence[Iterable[str]], said: Sequence[Iterable[str]], wheel: Wheel) -> Overlap:
    """Precision and recall of sets of words (n each), averaged over the samples whose truth the wheel knows; F1 of the two means.

    A sample for which nothing known was said has 0 for both.

    >>> wheel = Wheel("two halves", {"happy": "good", "glad": "good", "sad": "bad"})
    >>> overlap([["happy"], ["sad"]], [["glad", "sad"], ["unheard-of"]], wheel)
    Overlap(precision=0.25, recall=0.5, f1=0.3333333333333333, n=2)
    """
    each = shares(truth, said, wheel)
    each = each[~np.isnan(each).any(1)]
    if not len(each):
        return Overlap(float("nan"), float("nan"), float("nan"), 0)
    p_mean, r_mean = (float(v) for v in each.mean(0))
    return Overlap(p_mean, r_mean, 2 * p_mean * r_mean / (p_mean + r_mean) if p_mean + r_mean else 0.0, len(each))


def shares(truth: Sequence[Iterable[str]], said: Sequence[Iterable[str]], wheel: Wheel) -> np.ndarray:
    """(n, 2) float: precision and recall of each sample, what `overlap` averages; NaN where the wheel knows no word of the truth.

    >>> shares([["happy"], ["unheard-of"]], [["glad", "sad"], ["sad"]], Wheel("two halves", {"happy": "good", "glad": "good", "sad": "bad"}))
    array([[0.5, 1. ],
           [nan, nan]])
    """
    out = np.full((len(truth), 2), np.nan)
    for i, (right, words) in enumerate(zip(truth, said, strict=True)):
        g, p = ({part for part in map(wheel, w) if part} for w in (right, words))
        if g:
            out[i] = len(g & p) / len(p) if p else 0.0, len(g & p) / len(g)
    return out


def mean_overlap(truth: Sequence[Iterable[str]], said: Sequence[Iterable[str]], wheels: Sequence[Wheel]) -> Overlap:
    """The mean of `overlap` over wheels; n is the least."""
    each = [overlap(truth, said, wheel) for wheel in wheels]
    precision, recall, f1 = (float(np.mean([o[i] for o in each])) for i in range(3))
    return Overlap(precision, recall, f1, min(o.n for o in each))


def read_wheels(folder: str | Path, level: int = 1) -> list[Wheel]:
    """Wheels of a folder, one per <wheel>.csv, whose labels are joined at level 1 (the middle) or 2.

    Raises
    ------
    MediaError
        If there is no wheel in it, or a table lacks its columns.
    """
    folder = Path(folder)
    forms, synonyms = _many(folder / "forms.csv", "word", "base"), _many(folder / "synonyms.csv", "word", "label")
    files = [p for p in sorted(folder.glob("*.csv")) if p.name not in ("forms.csv", "synonyms.csv")]
    if not files:
        raise MediaError(f"no wheel in {folder}; expected at least one CSV file with the columns {', '.join(LEVELS)}")
    return [Wheel(path.stem, _groups(path, level), forms, synonyms) for path in files]


def _groups(path: Path, level: int) -> dict[str, str]:
    groups: dict[str, str] = {}
    inner: dict[str, set[str]] = {}
    above = dict.fromkeys(LEVELS, "")
    for row in _rows(path, LEVELS):
        above = {name: row[name].strip().casefold() or above[name] for name in LEVELS}
        one, two, three = (above[name] for name in LEVELS)
        inner.setdefault(one, set()).add(two)
        groups[three] = groups[two] = one if level == 1 else two
    for one, parts in inner.items():
        groups[one] = one if level == 1 else min(parts)
    return groups


def _many(path: Path, key: str, value: str) -> dict[str, frozenset[str]]:
    out: dict[str, set[str]] = {}
    if path.is_file():
        for row in _rows(path, (key, value)):
            out.setdefault(row[key].strip().casefold(), set()).add(row[value].strip().casefold())
    return {word: frozenset(found) for word, found in out.items()}


def _rows(path: Path, columns: Sequence[str]) -> Iterable[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        table = csv.DictReader(file)
        missing = [c for c in columns if c not in (table.fieldnames or ())]
        if missing:
            raise MediaError(f"{path.name} has no column {missing[0]!r}; expected {', '.join(columns)}")
        yield from table


def taxonomy_wheels(of: Iterable[Taxonomy] | None = None) -> list[Wheel]:
    """Every grouping of our taxonomies as a wheel, adjectives standing for their labels.

    >>> by_name = {wheel.name: wheel for wheel in taxonomy_wheels()}
    >>> by_name["goemotions28.ekman"]("Annoyance"), by_name["parrott.primary"]("glee")
    ('anger', 'joy')
    """
    wheels = []
    for t in of if of is not None else map(taxonomy, names()):
        adjectives: dict[str, set[str]] = {}
        for label, adjective in t.adjectives.items():
            adjectives.setdefault(adjective.casefold(), set()).add(label.casefold())
        for grouping, parts in t.groups.items():
            groups: dict[str, str] = {}
            for part, labels in parts.items():
                for label in labels:
                    groups.setdefault(label.casefold(), part)
            wheels.append(Wheel(f"{t.name}.{grouping}", groups, synonyms={word: frozenset(labels) for word, labels in adjectives.items()}))
    return wheels
