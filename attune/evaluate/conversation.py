"""Emotion recognition in conversation: what the turns before add to a text model's reading, and how much harder a turn is whose speaker's emotion shifts.

    alone        the turn itself                       speaker      mixed with the same speaker's turn before
    before       mixed with the turn before            joined       the turn before and the turn, read as one text

The share of the mixture is chosen on dev (train, where a corpus has no other) and used on the part that is scored. Labels are brought to the basic
emotions by their crosswalks. A turn *shifts* if its speaker's last emotion was another one; the share of shifts is a dialogue's difficulty, as in the
curriculum of PRC-Emo.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from attune.agent.turn import BASIC
from attune.datasets import Item
from attune.errors import SettingError, unknown
from attune.metrics import Interval, bootstrap_figures, uar, weighted_f1
from attune.taxonomy import crosswalk, taxonomy

CORPORA = ("meld", "emorynlp", "dailydialog", "emocontext")
WAYS = ("alone", "speaker", "before", "joined")
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
READ = "goemotions28"

Posteriors = Callable[[Sequence[str]], np.ndarray]


@dataclass(frozen=True)
class Said:
    """A turn with its basic emotion (0..6), what was said before, and before by the same speaker; `shift` None where the speaker's last isn't known."""

    text: str
    label: int
    group: str
    before: str = ""
    own: str = ""
    shift: bool | None = None


@dataclass(frozen=True)
class Figures:
    """Of one way: weighted F1 and UAR over the basic emotions that occur, accuracy of turns that shift and of those that don't."""

    way: str
    share: float
    weighted_f1: Interval
    uar: Interval
    shifting: Interval
    steady: Interval
    n: int
    shifts: int


def said(corpus: str, items: Sequence[Item], split: str) -> list[Said]:
    """The turns of a corpus with a label that has a basic emotion."""
    from attune import datasets

    if corpus not in CORPORA:
        raise unknown("corpus of conversations", corpus, CORPORA)
    of = taxonomy(datasets.load(corpus).FACTS["taxonomy"])
    chosen = [i for i in items if i.split == split]
    if not chosen:
        raise SettingError(f"{corpus} has no turns in the split {split!r} here")
    truth = np.stack([i.values for i in chosen])
    basic = truth if of.name == BASIC else crosswalk(of, BASIC)(truth)
    out: list[Said] = []
    last: dict[tuple[str, str], tuple[str, int]] = {}
    previous: tuple[str, str] = ("", "")
    for item, row in zip(chosen, basic, strict=True):
        dialogue = str(item.about.get("dialogue", item.id))
        if corpus == "emocontext":
            own, before = item.about["context"]
            label = -1 if np.isnan(row).all() else int(np.nanargmax(row))
            out += [Said(item.text, label, item.group, before, own)] * (label >= 0)
            continue
        speaker, key = str(item.about.get("speaker", "")), (f"{item.group} {dialogue}", str(item.about.get("speaker", "")))
        before = previous[1] if previous[0] == key[0] else ""
        known = last.get(key)
        if not np.isnan(row).all():
            label = int(np.nanargmax(row))
            shift = None if known is None or not speaker else known[1] != label
            out.append(Said(item.text, label, f"{item.group} {dialogue}", before, known[0] if known else "", shift))
            last[key] = (item.text, label)
        previous = (key[0], item.text)
    return out


def posteriors(model: ModuleType | Any) -> Posteriors:
    """(n, 7) basic emotions of texts by a text model that gives GoEmotions; a text that can't be read is neutral."""
    if READ not in model.TAXONOMIES:
        raise SettingError(f"the model gives {', '.join(model.TAXONOMIES)}; expected one that gives {READ}")
    at = sum(len(taxonomy(n)) for n in model.TAXONOMIES[: model.TAXONOMIES.index(READ)])
    walk, known = crosswalk(READ, BASIC), dict[str, np.ndarray]()
    neutral = np.eye(len(taxonomy(BASIC)))[taxonomy(BASIC).index("neutral")]

    def read(texts: Sequence[str]) -> np.ndarray:
        new = [t for t in dict.fromkeys(texts) if t not in known]
        for first in range(0, len(new), 64):
            part = new[first : first + 64]
            values = walk(np.asarray(model.load()(part))[:, at : at + len(walk.source)])
            for text, row in zip(part, values, strict=True):
                known[text] = neutral if np.isnan(row).any() or row.sum() <= 0 else row / row.sum()
        return np.stack([known[t] for t in texts])

    return read


def by_context(way: str, turns: Sequence[Said], read: Posteriors, share: float) -> np.ndarray:
    """(n, 7) of one way; where there is no turn before, the turn alone."""
    alone = read([t.text for t in turns])
    if way == "alone":
        return alone
    other = [t.own if way == "speaker" else t.before for t in turns]
    there = np.array([bool(o.strip()) for o in other])
    if way == "joined":
        return read([f"{o} {t.text}" if o.strip() else t.text for o, t in zip(other, turns, strict=True)])
    mixed = (1 - share) * alone + share * read([o if o.strip() else t.text for o, t in zip(other, turns, strict=True)])
    return np.where(there[:, None], mixed, alone)


def conversations(
    corpus: str, items: Sequence[Item], model: ModuleType | Any, *, split: str = "test", chosen_on: str = "dev", limit: int = 0, draws: int = 1000,
    seed: int = 0,
) -> list[Figures]:
    """Every way on a corpus; the share of a mixture is the one with the best weighted F1 on `chosen_on`."""
    if split == chosen_on:
        raise SettingError(f"the share would be chosen on {split!r}, which is scored; choose another part")
    read = posteriors(model)
    turns, others = (said(corpus, items, s)[: limit or None] for s in (split, chosen_on))
    truth, groups = np.array([t.label for t in turns]), np.array([t.group for t in turns])
    shift = np.array([np.nan if t.shift is None else float(t.shift) for t in turns])
    out = []
    for way in WAYS:
        share = 0.0
        if way in ("speaker", "before"):
            labels = np.array([t.label for t in others])
            share = max(SHARES, key=lambda s: _f1(labels, by_context(way, others, read, s).argmax(axis=1)))
        guess = by_context(way, turns, read, share).argmax(axis=1)

        def figures(rows: np.ndarray, guess: np.ndarray = guess) -> np.ndarray:
            hit = guess[rows] == truth[rows]
            on, off = shift[rows] == 1, shift[rows] == 0
            return np.array([_f1(truth[rows], guess[rows]), uar(truth[rows], guess[rows]), hit[on].mean() if on.any() else np.nan,
                             hit[off].mean() if off.any() else np.nan])

        f1, recall, on, off = bootstrap_figures(figures, len(turns), groups=groups, draws=draws, seed=seed)
        out.append(Figures(way, share, f1, recall, on, off, len(turns), int(np.nansum(shift))))
    return out


def table(rows: Sequence[Figures]) -> str:
    """As Markdown."""
    lines = [f"n = {rows[0].n:,} turns, {rows[0].shifts:,} of them with a shift of the speaker's emotion; basic emotions, 95 % over dialogues", "",
             "| read | share of the turn before | weighted F1 | UAR | accuracy, shifts | accuracy, no shift |", "|---|---|---|---|---|---|"]
    return "\n".join([*lines, *(f"| {r.way} | {r.share:.1f} | {r.weighted_f1} | {r.uar} | {r.shifting} | {r.steady} |" for r in rows), ""])


def _f1(truth: np.ndarray, guess: np.ndarray) -> float:
    one = np.eye(len(taxonomy(BASIC)), dtype=bool)
    return weighted_f1(one[truth], one[guess])
