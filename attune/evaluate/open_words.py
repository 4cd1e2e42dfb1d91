"""Open vocabulary: free words that people gave beside free words that were said, joined by wheels of emotions (`attune.metrics.words`).

What people gave is `about["openset"]` of a corpus's items where it has one, else the emotion words of what they wrote (reasons, a
description). What was said is a file's words, or the labels that a model says. A word that stands in a text counts even where the text
denies it ("not happy"); a list of words has no such trouble.

    items = list(emer.items("EMER"))
    result = open_words(truth_words(items), read_words("said.csv"), groups={i.id: i.group for i in items}, model="mine", corpus="emer")
    result.to_markdown()
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from attune import metrics
from attune.datasets import Item
from attune.errors import RecordingError, SettingError
from attune.evaluate import tables
from attune.metrics import Interval
from attune.metrics.intervals import DRAWS
from attune.metrics.words import Wheel, shares, taxonomy_wheels
from attune.taxonomy import taxonomy

TEXTS = ("openset", "english", "description", "reasons")      # where people's own words stand in Item.about: the first that there is counts
WORD = re.compile(r"[^\W\d_]+(?:[-'][^\W\d_]+)*")
FIGURES = ("precision", "recall", "f1")
MEAN = "mean of the wheels"


@dataclass(frozen=True)
class OpenWords:
    """Precision, recall and F1 with intervals, on each wheel and on their mean; n is how many items count there."""

    corpus: str
    model: str
    status: str
    wheels: Mapping[str, Mapping[str, Interval]]
    n: Mapping[str, int]
    speakers: int
    notes: tuple[str, ...]
    command: str = ""

    def rows(self) -> Iterator[dict[str, Any]]:
        """One row per figure, in the columns of every other table of figures; `taxonomy` is the wheel."""
        for wheel, figures in self.wheels.items():
            for metric, interval in figures.items():
                yield {"corpus": self.corpus, "model": self.model, "status": self.status, "taxonomy": wheel, "metric": metric, **interval._asdict(),
                       "n": self.n[wheel], "speakers": self.speakers, "draws_of": "speakers" if self.speakers else "items", "command": self.command}

    def to_markdown(self) -> str:
        """The table, what it promises, and the command."""
        lines = [f"## {self.corpus} · open vocabulary — {self.model}", "", f"**{self.status}**. Intervals: 95 %, drawing "
                 f"{'speakers' if self.speakers else 'items'}.", "", "| wheel | n | precision | recall | F1 |", "|---|---|---|---|---|"]
        lines += [f"| {wheel} | {self.n[wheel]:,} | " + " | ".join(f"**{tables.number(of[m].value)}** {tables.interval(of[m])}" for m in FIGURES) + " |"
                  for wheel, of in self.wheels.items()]
        return "\n".join([*lines, "", *(f"- {note}" for note in self.notes), "", *([f"    {self.command}"] if self.command else [])]) + "\n"

    def write(self, folder: str | Path) -> list[Path]:
        """Write words.md, words.parquet and words.json into a folder."""
        import pyarrow.parquet as pq

        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        written = [folder / name for name in ("words.md", "words.parquet", "words.json")]
        written[0].write_text(self.to_markdown(), encoding="utf-8")
        pq.write_table(tables.table_of(self.rows()), written[1])
        plain = [{key: None if isinstance(v, float) and np.isnan(v) else round(v, 4) if isinstance(v, float) else v for key, v in row.items()}
                 for row in self.rows()]
        written[2].write_text(json.dumps({"figures": plain, "notes": self.notes, "command": self.command}, indent=1) + "\n", encoding="utf-8")
        return written


def open_words(
    truth: Mapping[str, Sequence[str]], said: Mapping[str, Sequence[str]], *, wheels: Sequence[Wheel] | None = None,
    groups: Mapping[str, str] | None = None, corpus: str = "", model: str = "", status: str = "unknown", draws: int = DRAWS, seed: int = 0,
    command: str = "",
) -> OpenWords:
    """Score words by id, id -> words, on wheels (those of our taxonomies if none are given); intervals draw whole groups.

    An item counts on a wheel that knows a word of its truth; where then no known word was said, precision and recall are 0.

    Raises
    ------
    SettingError
        If no id is in both, or no wheel knows a word of the truth.

    >>> halves = Wheel("halves", {"happy": "good", "glad": "good", "sad": "bad"})
    >>> open_words({"a": ["happy"], "b": ["sad"]}, {"a": ["glad", "sad"], "b": ["sad"]}, wheels=[halves], draws=10).wheels["halves"]["precision"].value
    0.75
    """
    ids = [id for id in truth if id in said]
    if not ids:
        raise SettingError(f"none of the {len(said):,} ids with words said is among the {len(truth):,} of the corpus; expected ids such as "
                           f"{next(iter(truth), 'none, the corpus gives no words')!r}")
    notes = [f"{len(truth) - len(ids)} of {len(truth)} items have no words said; they aren't in the figures"] * (len(ids) < len(truth))
    wheels = taxonomy_wheels() if wheels is None else wheels
    right, words = [truth[id] for id in ids], [said[id] for id in ids]
    each = {wheel.name: found for wheel in wheels if not np.isnan(found := shares(right, words, wheel)).all()}
    if not each:
        raise SettingError(f"none of the wheels ({', '.join(wheel.name for wheel in wheels)}) knows a word of the truth")
    left = [wheel.name for wheel in wheels if wheel.name not in each]
    notes += [f"wheels that know no word of the truth, so left out: {', '.join(left)}"] * bool(left)
    names = None if groups is None else np.array([groups.get(id, "") for id in ids])
    speakers = 0 if names is None else len(set(names.tolist()) - {""})

    def figures(rows: np.ndarray) -> np.ndarray:
        found = np.array([_figures(of[rows]) for of in each.values()])
        return np.concatenate([found, found.mean(0, keepdims=True)]).ravel()

    made = metrics.bootstrap_figures(figures, len(ids), groups=names, draws=draws, seed=seed)
    n = {name: int((~np.isnan(of).any(1)).sum()) for name, of in each.items()}
    return OpenWords(
        corpus, model, status, {name: dict(zip(FIGURES, made[3 * i : 3 * i + 3], strict=True)) for i, name in enumerate([*each, MEAN])},
        n | {MEAN: min(n.values())}, speakers, tuple(notes), command)


def _figures(each: np.ndarray) -> tuple[float, float, float]:
    """Mean precision and recall of the rows that count, and F1 of the two means."""
    counted = each[~np.isnan(each).any(1)]
    if not len(counted):
        return np.nan, np.nan, np.nan
    p, r = counted.mean(0).tolist()
    return p, r, 2 * p * r / (p + r) if p + r else 0.0


def words_of(given: Any) -> list[str]:
    """Words of a list, of a text that lists them ("[happy, at ease]", "happy; at ease"), or of a sentence, which falls into its words.

    >>> words_of("['happy', 'at ease']"), words_of("He is angry.")
    (['happy', 'at ease'], ['he', 'is', 'angry'])
    """
    if not isinstance(given, str):
        return [str(word).strip().casefold() for word in given]
    text = given.strip()
    if text.startswith("[") or not re.search(r"[.!?]", text):
        parts = [part.strip(" '\"\t\n").casefold() for part in re.split("[,;]", text.strip("[]"))]
        if text.startswith("[") or all(len(part.split()) < 4 for part in parts):
            return [part for part in parts if part]
    return [word.casefold() for word in WORD.findall(text)]


def truth_words(items: Sequence[Item], field: str | None = None) -> dict[str, list[str]]:
    """id -> the words that people gave: of `field` in Item.about, else of the first of `TEXTS` that an item has; items without are left out.

    Raises
    ------
    SettingError
        If no item has any.
    """
    out = {}
    for item in items:
        given = next((item.about[name] for name in ((field,) if field else TEXTS) if item.about.get(name)), None)
        if given is not None:
            out[item.id] = words_of(given)
    if not out:
        there = sorted({name for item in items for name in item.about})
        raise SettingError(
            f"no item has words of people's own in {field or ', '.join(TEXTS)}; the corpus has: {', '.join(there) or 'nothing beside its labels'}")
    return out


def read_words(path: str | Path) -> dict[str, list[str]]:
    """id -> words of a table (CSV or Parquet) with the columns id and words: a list, or text as `words_of` reads it.

    Raises
    ------
    RecordingError
        If it can't be read, lacks a column, or has an id twice.
    """
    path = Path(path)
    try:
        if path.suffix == ".csv":
            with path.open(encoding="utf-8-sig", newline="") as file:
                rows: list[dict[str, Any]] = list(csv.DictReader(file))
        else:
            import pyarrow.parquet as pq

            rows = pq.read_table(path).to_pylist()
    except (OSError, ValueError) as error:
        raise RecordingError(f"{path} can't be read ({error}); expected CSV or Parquet with the columns id and words") from error
    out: dict[str, list[str]] = {}
    for row in rows:
        for name in ("id", "words"):
            if name not in row:
                raise RecordingError(f"{path} has no column {name!r}; expected id and words, there are: {', '.join(map(str, row))}")
        id = str(row["id"])
        if id in out:
            raise RecordingError(f"{path} has the id {id!r} twice; expected one row per item")
        out[id] = words_of(row["words"] or [])
    return out


def model_words(module: Any, values: np.ndarray, ids: Sequence[str]) -> dict[str, list[str]]:
    """id -> the labels that a model says, of its first taxonomy with labels: over its thresholds (.5 without), or above 1 / K of one label's.

    Items that gave nothing to measure are left out.

    Raises
    ------
    SettingError
        If the model has positions only.
    """
    first = 0
    for t in map(taxonomy, module.TAXONOMIES):
        if t.kind != "dimensional":
            break
        first += len(t)
    else:
        raise SettingError(f"{module.__name__.rsplit('.', 1)[-1]} has positions only ({', '.join(module.TAXONOMIES)}); open vocabulary needs a model of labels")
    own = dict(getattr(module, "THRESHOLDS", None) or {})
    limits = np.array([own.get(label, 0.5) if t.kind == "multilabel" else 1 / len(t) + metrics.votes.TOLERANCE for label in t.labels])
    said = values[:, first : first + len(t)]
    return {id: [label.casefold() for label, v, limit in zip(t.labels, row, limits, strict=True) if v >= limit]
            for id, row in zip(ids, said, strict=True) if not np.isnan(row).all()}
