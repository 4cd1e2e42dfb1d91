"""Moments in a corpus, by what they express.

    >>> from attune import find                                             # doctest: +SKIP
    >>> for m in find.find("sad but smiling", "measured"):                  # doctest: +SKIP
    ...     print(m.recording, m.start, m.person, m.says)
    talk 12.4 person 1 {'face': 'quite happy', 'voice': 'very sad'}

A query (`attune.find.query`) becomes one SQL statement over the tables of all recordings. Levels are those of `attune describe`: the
calibration of each recording's own model says from which score on "very" is very. Each moment has a strength, by which the clearest come
first: how far beyond its threshold a term is, 0..1, "and" taking the lesser and "or" the greater (Zadeh 1965).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from attune.describe.calibration import LEVELS, NO_DEGREE, Calibration, calibration
from attune.errors import SettingError, UnknownName
from attune.explore.corpus import FACTS, MODALITIES, Corpus, Recorded, Set, quoted
from attune.find.query import DIMENSIONS, Absent, Both, By, Compare, Discord, Either, Not, Query, Said, Term, parse
from attune.fusion import votes
from attune.taxonomy import Taxonomy, crosswalks

LIMIT = 50
DISCORD = "fused.pool.discord"
BASIC = "ekman7"
FACES = {"smiling": ("joy",), "frowning": ("sadness", "anger"), "scowling": ("anger",)}      # what a face does -> what it looks like
ALIKE = {"happy": "joy", "happiness": "joy", "joyful": "joy", "afraid": "fear", "scared": "fear", "fearful": "fear"}


@dataclass(frozen=True)
class Moment:
    """A row of a recording's table that the query found; `says`: what each modality says most, with its level."""

    recording: str
    folder: Path
    start: float
    end: float
    person: str
    text: str
    strength: float
    says: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Sql:
    """A condition, and how strongly it holds (0..1)."""

    holds: str
    strength: str


def find(query: str, root: str | Path | Corpus, *, limit: int | None = LIMIT, table: str = "attune") -> list[Moment]:
    """Moments that a query finds, the clearest first; `limit` None for all.

    Raises
    ------
    UnknownName, SettingError
        If the query can't be read; the message points at the word.
    RecordingError
        If there is no recording.
    """
    corpus = root if isinstance(root, Corpus) else Corpus(root)
    known = vocabulary(corpus)
    tree = parse(query, set(known), people(corpus))
    shown = [s for m in MODALITIES if (s := corpus.expressions(m)) is not None]
    out: list[Moment] = []
    for recordings, tables in _by_model(corpus, shown, table):
        made = _Making(corpus, known, tables).sql(tree, None)
        wanted = [c for s in shown for c in s.columns if c in corpus.columns]
        ordered = f"ORDER BY _strength DESC, _at, start {'LIMIT ' + str(limit) if limit is not None else ''}"
        rows = corpus.query(f"SELECT _at, {', '.join(map(quoted, [f for f in FACTS if f in corpus.columns] + wanted))}, {made.strength} AS _strength",
                            recordings, columns=[DISCORD], rest=f"WHERE {made.holds} {ordered}").to_pylist()
        out += [_moment(r, recordings[r["_at"]], shown, tables) for r in rows]
    out.sort(key=lambda m: -m.strength)
    return out[:limit]


def people(corpus: Corpus) -> list[str]:
    """Everybody with a name in the corpus."""
    return [p for p in corpus.query("SELECT DISTINCT person", rest="WHERE person <> '' ORDER BY person")["person"].to_pylist() if p]


def vocabulary(corpus: Corpus) -> dict[str, list[tuple[Set, str]]]:
    """word -> the labels it means: by their names, their adjectives, and the basic emotion that is theirs alone."""
    known: dict[str, list[tuple[Set, str]]] = {}
    for s in corpus.sets:
        if s.modality not in MODALITIES or s.taxonomy.kind == "dimensional":
            continue
        for label in s.taxonomy.labels:
            for word in _words(s.taxonomy, label):
                known.setdefault(word, []).append((s, label))
    for word, basics in FACES.items():
        means = [(s, label) for basic in basics for s, label in known.get(basic, ()) if s.modality == "face"]
        if means:
            known[word] = means
    return known


@cache
def _words(of: Taxonomy, label: str) -> frozenset[str]:
    words = {label, of.adjectives.get(label, label)}
    walk = crosswalks(of.name).get(BASIC) if of.name != BASIC else None
    if walk is not None and walk.source == of:
        row = walk.matrix[of.index(label)]
        alone = [j for j in np.flatnonzero(np.nan_to_num(row)).tolist() if (np.nan_to_num(walk.matrix[:, j]) != 0).sum() == 1]
        words |= {w for j in alone for w in (walk.target.labels[j], walk.target.adjectives.get(walk.target.labels[j], ""))}
    low = {w.casefold() for w in words if w}
    return frozenset(low | {a for a, b in ALIKE.items() if b in low})


class _Making:
    """SQL of a tree. `only` restricts terms to one modality, for the two sides of "but"."""

    def __init__(self, corpus: Corpus, known: Mapping[str, list[tuple[Set, str]]], tables: Mapping[str, Calibration]) -> None:
        self.corpus, self.known, self.tables = corpus, known, tables

    def sql(self, q: Query, only: str | None) -> _Sql:
        match q:
            case Term():
                return self._term(q, only)
            case Compare():
                return self._compare(q, only)
            case Discord():
                return self._above(self._column(DISCORD), votes.facts()["discord"], 1.0)
            case Absent(modality):
                reason = quoted(f"{modality}.reason")
                return self._sure(f"coalesce({reason}, 'x') <> ''" if f"{modality}.reason" in self.corpus.columns else "TRUE")
            case By(person):
                return self._sure(f"lower(person) = {_text(person.lower())}")
            case Said(text):
                return self._sure(f"contains(lower(text), {_text(text.lower())})")
            case Not(of):
                inner = self.sql(of, None)
                return self._sure(f"NOT ({inner.holds})")
            case Either(one, other):
                return self._joined([self.sql(one, only), self.sql(other, only)], "OR", "greatest")
            case Both(one, other, False):
                return self._joined([self.sql(one, only), self.sql(other, only)], "AND", "least")
            case Both(one, other, True):
                there = [m for m in MODALITIES if any(s.modality == m for s in self.corpus.sets)]
                pairs = [self._joined([self.sql(one, a), self.sql(other, b)], "AND", "least") for a in there for b in there if a != b]
                if not pairs:
                    raise SettingError('"but" needs two modalities, and this corpus has one; say "and"')
                return self._joined(pairs, "OR", "greatest")
            case _:
                raise TypeError(f"{q!r} is no query")

    def _term(self, q: Term, only: str | None) -> _Sql:
        means = [(s, label) for s, label in self.known[q.word] if q.modality in ("", s.modality) and only in (None, s.modality)]
        if not means and only is None:
            there = ", ".join(sorted({s.modality for s, _ in self.known[q.word]}))
            raise UnknownName(f"{q.word!r} isn't measured in the {q.modality}; it is in: {there}")
        parts = []
        for s, label in means:
            table = self.tables.get(s.name) or calibration("repo-2023")
            least = threshold(table, label, q.level or LEVELS[0])
            if not math.isnan(least):
                parts.append(self._above(self._column(s.columns[s.taxonomy.index(label)]), least, s.taxonomy.range[1]))
        return self._joined(parts, "OR", "greatest") if parts else _Sql("FALSE", "0")

    def _compare(self, q: Compare, only: str | None) -> _Sql:
        if q.name == "duration":
            return self._sure(f"\"end\" - start {q.sign} {q.value}")
        if q.name == "start":
            return self._sure(f"start {q.sign} {q.value}")
        if q.name == "discord":
            columns = [self._column(DISCORD)]
        elif q.name == "quality":
            columns = [quoted(f"{m}.quality") for m in MODALITIES if q.modality in ("", m) and only in (None, m) and f"{m}.quality" in self.corpus.columns]
        elif q.name in DIMENSIONS:
            there = [s for s in self.corpus.sets if s.taxonomy.name == "vad"]
            chosen = [s for s in there if s.modality == (q.modality or only or "fused")] or ([] if q.modality or only else there)
            columns = [self._column(s.columns[s.taxonomy.index(q.name)]) for s in chosen]
        else:
            columns = [self._column(s.columns[s.taxonomy.index(label)]) for s, label in self.known[q.name]
                       if q.modality in ("", s.modality) and only in (None, s.modality)]
        parts = [self._sure(f"coalesce(isfinite({c}) AND {c} {q.sign} {q.value}, FALSE)") for c in columns]
        return self._joined(parts, "OR", "greatest") if parts else _Sql("FALSE", "0")

    def _column(self, name: str) -> str:
        return quoted(name if name in self.corpus.columns else f"{name}_projected" if f"{name}_projected" in self.corpus.columns else name)

    def _above(self, column: str, least: float, most: float) -> _Sql:
        span = max(most - least, 1e-6)
        return _Sql(f"coalesce(isfinite({column}) AND {column} >= {least!r}::FLOAT, FALSE)",
                    f"CASE WHEN isfinite({column}) THEN least(1, greatest(0, ({column} - {least!r}) / {span!r})) ELSE 0 END")

    @staticmethod
    def _sure(holds: str) -> _Sql:
        return _Sql(holds, f"CASE WHEN {holds} THEN 1 ELSE 0 END")

    @staticmethod
    def _joined(parts: Sequence[_Sql], how: str, of: str) -> _Sql:
        return parts[0] if len(parts) == 1 else _Sql("(" + f" {how} ".join(p.holds for p in parts) + ")", f"{of}({', '.join(p.strength for p in parts)})")


def threshold(table: Calibration, label: str, level: str) -> float:
    """The lowest score that a calibration says at that level; NaN where it never does. Scores are in 0..1; neutral has no levels."""
    if label.casefold() == NO_DEGREE:
        return table.least(label)
    if table.scale == "score":
        return table.bounds[level]
    reached, low, high = LEVELS.index(level), 0.0, 1.0

    def is_reached(score: float) -> bool:
        said = table.level(label, score)
        return said is not None and LEVELS.index(said) >= reached

    if not is_reached(high):
        return math.nan
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (low, middle) if is_reached(middle) else (middle, high)
    return high if is_reached(high := float(np.float32(high))) else float(np.nextafter(np.float32(high), np.float32(2)))


def _by_model(corpus: Corpus, shown: Sequence[Set], table: str) -> Iterator[tuple[list[Recorded], dict[str, Calibration]]]:
    """Recordings that were measured by the same models, with each set's calibration."""
    together: dict[tuple[str, ...], list[Recorded]] = {}
    for r in corpus.recordings:
        together.setdefault(tuple(corpus.model(s, r) for s in shown), []).append(r)
    for models, recordings in together.items():
        yield recordings, {s.name: calibration(table, model, s.taxonomy.name) for s, model in zip(shown, models, strict=True)}


def _moment(row: Mapping[str, Any], recording: Recorded, shown: Sequence[Set], tables: Mapping[str, Calibration]) -> Moment:
    says = {}
    for s in shown:
        scores = {label: row.get(c) for label, c in zip(s.taxonomy.labels, s.columns, strict=True)}
        there = {label: float(v) for label, v in scores.items() if v is not None and not math.isnan(v)}
        if there:
            label = max(there, key=lambda k: there[k])
            level = "" if label.casefold() == NO_DEGREE else tables[s.name].level(label, there[label]) or "hardly"
            says[s.modality] = f"{level} {s.taxonomy.adjectives.get(label, label)}".strip()
    return Moment(recording.name, recording.folder, float(row["start"]), float(row["end"]), str(row.get("person") or ""), str(row.get("text") or ""),
                  float(row["_strength"] or 0), says)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


__all__ = ["Moment", "find", "people", "threshold", "vocabulary"]
