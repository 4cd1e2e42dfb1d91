"""What is looked at in a corpus, one class each: rows are taken in piece by piece, twice, and tables come out.

Every study has three steps: `count(rows)` for all pieces, then `add(rows)` for the same pieces, then `tables()`. Ranks, means and deviations are
known after the first round; what is built on them happens in the second. Nothing grows with the number of rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from attune.errors import UnknownName
from attune.explore import discord, maps
from attune.explore.corpus import Corpus, Recorded, Rows, Set
from attune.explore.matrices import Correlating, mantel, rv, shared_order
from attune.explore.ranks import TOP, WAYS, Associating, Levels, Null, descending
from attune.taxonomy import Taxonomy, crosswalk, taxonomy

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
BINS = 40                                # of an intensity distribution, over the range of the labels
COMMON = "ekman7"                        # where modalities with different labels meet
STEPS = 24                               # of a trajectory: parts of the recording
FARTHEST = 12.0                          # deviations; no two positions lie further apart
MOMENTS = 1_000                          # kept of all discordant ones

Tables = dict[str, pa.Table]


class Study(Protocol):
    """Something looked at in a corpus."""

    def count(self, rows: Rows) -> None: ...

    def add(self, rows: Rows) -> None: ...

    def tables(self) -> Tables: ...


class Shared:
    """The labels that the modalities have in common: their own if they are the same, else Ekman's six and neutral by crosswalks."""

    def __init__(self, sets: Sequence[Set]) -> None:
        same = len({s.taxonomy.name for s in sets}) == 1
        self.walks: dict[str, tuple[Set, Callable[[np.ndarray], np.ndarray]]] = {}
        self.projected: dict[str, bool] = {}
        reached = np.ones(len(sets[0].taxonomy) if same and sets else len(taxonomy(COMMON)), bool)
        for s in sets:
            if same or s.taxonomy.name == COMMON:
                self.walks[s.modality], self.projected[s.modality] = (s, np.asarray), s.projected
                continue
            try:
                walk = crosswalk(s.taxonomy, COMMON)
            except UnknownName:
                continue
            probe = walk(np.full((1, len(s.taxonomy)), 1 / len(s.taxonomy)))
            reached &= ~np.isnan(probe[0])
            self.walks[s.modality], self.projected[s.modality] = (s, walk), True
        whole = sets[0].taxonomy if same and sets else taxonomy(COMMON)
        self.kept = np.flatnonzero(reached)
        self.name, self.kind, self.labels = whole.name, whole.kind, [whole.labels[i] for i in self.kept]

    @property
    def modalities(self) -> list[str]:
        return list(self.walks)

    def values(self, rows: Rows, modality: str) -> np.ndarray:
        """(n, k) of a modality in the shared labels."""
        s, walk = self.walks[modality]
        return np.asarray(walk(rows.values(s)), np.float32)[:, self.kept]


class Strengths:
    """How strongly each label is expressed: distribution, mean rank, and the five strongest."""

    def __init__(self, sets: Sequence[Set]) -> None:
        self.sets = list(sets)
        self.levels = {s.name: Levels(len(s.taxonomy)) for s in sets}
        self.ranks = {s.name: np.zeros(len(s.taxonomy)) for s in sets}
        self.rows = dict.fromkeys(self.levels, 0)

    def count(self, rows: Rows) -> None:
        for s in self.sets:
            values = rows.values(s)
            whole = values[~np.isnan(values).any(axis=1)]
            self.levels[s.name].add(whole)
            self.ranks[s.name] += descending(whole).sum(axis=0)
            self.rows[s.name] += len(whole)

    def add(self, rows: Rows) -> None: ...

    def tables(self) -> Tables:
        labels, bins = [], []
        for s in self.sets:
            levels, n = self.levels[s.name], self.rows[s.name]
            if not n:
                continue
            rank, mean, at = self.ranks[s.name] / n, levels.means(), levels.quantiles(QUANTILES)
            place = np.argsort(np.argsort(rank, kind="stable"), kind="stable") + 1
            low, high = s.taxonomy.range
            edges = np.linspace(low, high, BINS + 1)
            counts = levels.histogram(edges)
            for j, label in enumerate(s.taxonomy.labels):
                quantiles = {f"q{q * 100:02.0f}": float(at[j, i]) for i, q in enumerate(QUANTILES)}
                labels.append({"set": s.name, "label": label, "n": n, "mean": float(mean[j]), **quantiles, "mean_rank": float(rank[j]),
                               "place": int(place[j]), "top": bool(place[j] <= TOP) and s.taxonomy.kind != "dimensional"})
                bins += [{"set": s.name, "label": label, "from": float(edges[b]), "to": float(edges[b + 1]), "count": int(c)} for b, c in enumerate(counts[j])]
        return {"labels": _table(labels), "intensities": _table(bins)}


class Associations:
    """Whether modalities go together: Spearman's rho in three ways, with p by pairing anew within each person."""

    def __init__(self, shared: Shared, *, null: Null, permutations: int, seed: int) -> None:
        self.shared = shared
        self.pairs = {pair: Associating(len(shared.labels), null=null, permutations=permutations, seed=seed) for pair in combinations(shared.modalities, 2)}

    def count(self, rows: Rows) -> None:
        for (one, other), pair in self.pairs.items():
            pair.count(self.shared.values(rows, one), self.shared.values(rows, other))

    def add(self, rows: Rows) -> None:
        for (one, other), pair in self.pairs.items():
            pair.add(self.shared.values(rows, one), self.shared.values(rows, other), rows.group)

    def tables(self) -> Tables:
        ways, labels = [], []
        for (one, other), pair in self.pairs.items():
            found = pair.result()
            if found.n < 3:
                continue
            both = {"one": one, "other": other, "taxonomy": self.shared.name, "projected": self.shared.projected[one] or self.shared.projected[other],
                    "n": found.n, "null": found.null, "permutations": found.permutations}
            ways += [{**both, "way": w, "rho": found.rho[w], "chance": found.chance[w], "p": found.p[w]} for w in WAYS]
            labels += [{**both, "label": label, "rho": float(r)} for label, r in zip(self.shared.labels, found.per_dimension, strict=True)]
        return {"associations": _table(ways), "associations_by_label": _table(labels)}


class Correlations:
    """How labels go together within each modality, and whether they do so alike in two of them."""

    def __init__(self, sets: Sequence[Set], shared: Shared, *, seed: int) -> None:
        self.sets, self.shared, self.seed = list(sets), shared, seed
        self.own = {s.name: Correlating(len(s.taxonomy)) for s in sets}
        self.common = {m: Correlating(len(shared.labels)) for m in shared.modalities}

    def count(self, rows: Rows) -> None:
        self._each(rows, "count")

    def add(self, rows: Rows) -> None:
        self._each(rows, "add")

    def _each(self, rows: Rows, step: str) -> None:
        for s in self.sets:
            getattr(self.own[s.name], step)(rows.values(s))
        for m, part in self.common.items():
            getattr(part, step)(self.shared.values(rows, m))

    def tables(self) -> Tables:
        cells, pairs = [], []
        for s in self.sets:
            if self.own[s.name].n > 2:
                matrix = self.own[s.name].result()
                cells += _cells(s.name, list(s.taxonomy.labels), matrix, shared_order([matrix]), self.own[s.name].n)
        there = {m: c.result() for m, c in self.common.items() if c.n > 2}
        order = shared_order(list(there.values())) if there else np.zeros(0, int)
        for m, matrix in there.items():
            cells += _cells(f"{m} in {self.shared.name}", self.shared.labels, matrix, order, self.common[m].n)
        for one, other in combinations(there, 2):
            test = mantel(there[one], there[other], seed=self.seed)
            pairs.append({"one": one, "other": other, "taxonomy": self.shared.name, "labels": test.labels, "mantel_r": test.r, "mantel_p": test.p,
                          "rv": rv(there[one], there[other])})
        return {"correlations": _table(cells), "matrices": _table(pairs)}


class Maps:
    """A sample of rows of each modality as a map."""

    def __init__(self, sets: Sequence[Set], corpus: Corpus, *, sample: int, seed: int, embed: bool) -> None:
        self.sets, self.corpus, self.sample, self.embed, self.seed = list(sets), corpus, sample, embed, seed
        self.rng = np.random.default_rng(seed)
        self.kept: dict[str, list[tuple[float, np.ndarray, dict[str, Any]]]] = {s.name: [] for s in sets}

    def count(self, rows: Rows) -> None: ...

    def add(self, rows: Rows) -> None:
        for s in self.sets:
            values = rows.values(s)
            there = np.flatnonzero(~np.isnan(values).any(axis=1))
            keys = self.rng.random(len(there))
            kept = self.kept[s.name]
            bound = kept[-1][0] if len(kept) == self.sample else math.inf                # a row stays if its key is among the smallest
            for i, key in zip(there[keys < bound].tolist(), keys[keys < bound].tolist(), strict=True):
                kept.append((key, values[i], _who(rows, i, self.corpus)))
            kept.sort(key=lambda row: row[0])
            del kept[self.sample:]

    def tables(self) -> Tables:
        out = []
        for s in self.sets:
            kept = self.kept[s.name]
            if len(kept) < 3:
                continue
            values = np.stack([v for _, v, _ in kept])
            found = maps.pca(values)
            methods = {"pca": found.places} | ({"tsne": maps.tsne(values, seed=self.seed)} if self.embed and len(kept) >= 10 else {})
            for method, places in methods.items():
                shares = found.shares if method == "pca" else (math.nan, math.nan)
                out += [{"set": s.name, "method": method, "x": float(x), "y": float(y), "strongest": s.taxonomy.labels[int(v.argmax())], **who,
                         "share_x": float(shares[0]), "share_y": float(shares[1])}
                        for (x, y), (_, v, who) in zip(places, kept, strict=True)]
        return {"places": _table(out)}


class Trajectories:
    """Each person's valence, arousal and dominance over the parts of a recording."""

    def __init__(self, sets: Sequence[Set], corpus: Corpus) -> None:
        self.sets, self.corpus = list(sets), corpus
        self.done: list[pa.Table] = []

    def count(self, rows: Rows) -> None: ...

    def add(self, rows: Rows) -> None:
        out: list[dict[str, Any]] = []
        for number in np.unique(rows.recording):
            mine = np.flatnonzero(rows.recording == number)
            end = float(rows.columns["end"][mine].max())
            people = rows.columns["person"][mine]
            length = np.maximum(rows.columns["end"][mine] - rows.columns["start"][mine], 1e-3)
            middle = (rows.columns["start"][mine] + rows.columns["end"][mine]) / 2
            step = np.clip((middle / (end or 1.0) * STEPS).astype(int), 0, STEPS - 1)
            for s in self.sets:
                values = rows.values(s)[mine]
                there = ~np.isnan(values).any(axis=1)
                for person in sorted(set(people[there].tolist())):
                    own = there & (people == person)
                    weight = np.bincount(step[own], length[own], STEPS)
                    total = np.stack([np.bincount(step[own], length[own] * v, STEPS) for v in values[own].T], axis=1)
                    mean = total / np.where(weight > 0, weight, np.nan)[:, None]
                    out += [{"recording": self.corpus.recordings[number].name, "person": str(person), "set": s.name, "step": i,
                                  "start": end * i / STEPS, "end": end * (i + 1) / STEPS, "seconds": float(weight[i]),
                                  **{label: float(mean[i, j]) for j, label in enumerate(s.taxonomy.labels)}} for i in np.flatnonzero(weight).tolist()]
        if out:
            self.done.append(_table(out))

    def tables(self) -> Tables:
        return {"trajectories": pa.concat_tables(self.done) if self.done else _table([])}


class Discords:
    """Moments in which a person's modalities disagree more than their other moments would by chance."""

    def __init__(self, positions: Sequence[Set], shared: Shared, expressions: Sequence[Set], corpus: Corpus, *, seed: int) -> None:
        self.positions, self.shared, self.expressions, self.corpus = list(positions), shared, list(expressions), corpus
        self.rng = np.random.default_rng(seed)
        self.sums = np.zeros((len(positions), 3, 3))                                     # set, n / sum / sum of squares, dimension
        self.thresholds = {"distance": discord.Threshold(FARTHEST), "divergence": discord.Threshold(1.0)}
        self.histograms = {name: np.zeros(discord.BINS, np.int64) for name in self.thresholds}
        self.people: dict[int, dict[str, Any]] = {}
        self.moments: list[dict[str, Any]] = []

    def count(self, rows: Rows) -> None:
        for i, s in enumerate(self.positions):
            values = rows.values(s).astype(np.float64)
            whole = values[~np.isnan(values).any(axis=1)]
            self.sums[i] += np.stack([np.full(3, len(whole)), whole.sum(axis=0), (whole**2).sum(axis=0)])

    def add(self, rows: Rows) -> None:
        found = {}
        for name, parts, how in self._sides(rows):
            if len(parts) > 1:
                found[name] = discord.between(parts, how)
                self.thresholds[name].add(discord.chance(parts, rows.group, how, self.rng))
        if not found:
            return
        several = ~np.all([np.isnan(v) for v in found.values()], axis=0)
        far = np.fmax.reduce([v / self.thresholds[name].value for name, v in found.items()])
        moved = discord.change(self._standardised(rows, 0), rows.group) if self.positions else np.full(len(rows), np.nan)
        for group in np.unique(rows.group[several]):
            mine = np.flatnonzero(several & (rows.group == group))
            who = _who(rows, int(mine[0]), self.corpus)
            medians = {f"median_{name}": float(np.nanmedian(v[mine])) if (~np.isnan(v[mine])).any() else math.nan for name, v in found.items()}
            self.people[int(group)] = {"recording": who["recording"], "person": who["person"], "moments": len(mine), **medians}
        expressed, placed = [rows.values(s) for s in self.expressions], [rows.values(s) for s in self.positions]
        worst = np.flatnonzero(several)
        worst = worst[np.argsort(-far[worst], kind="stable")[:MOMENTS]]
        for i in worst.tolist():
            said: dict[str, Any] = {}
            for s, values in zip(self.expressions, expressed, strict=True):
                v = values[i]
                said[f"{s.modality}_says"] = s.taxonomy.labels[int(np.nanargmax(v))] if not np.isnan(v).any() else ""
                said[f"{s.modality}_score"] = float(np.nanmax(v)) if not np.isnan(v).any() else math.nan
            for s, values in zip(self.positions, placed, strict=True):
                said[f"{s.modality}_valence"], said[f"{s.modality}_arousal"] = (float(x) for x in values[i][:2])
            self.moments.append({**_who(rows, i, self.corpus), "text": str(rows.columns["text"][i]) if "text" in rows.columns else "",
                                 **{name: float(v[i]) for name, v in found.items()}, "change": float(moved[i]), **said})
        for name, v in found.items():
            at = np.clip((v[~np.isnan(v)] / self.thresholds[name].most * discord.BINS).astype(int), 0, discord.BINS - 1)
            self.histograms[name] += np.bincount(at, minlength=discord.BINS)
        self.moments.sort(key=self._how_far, reverse=True)
        del self.moments[MOMENTS:]

    def _how_far(self, moment: dict[str, Any]) -> float:
        """The largest of the distances, each in thresholds."""
        parts = [moment[name] / t.value for name, t in self.thresholds.items() if not math.isnan(moment.get(name, math.nan))]
        return max(parts, default=-1.0)

    def _sides(self, rows: Rows) -> list[tuple[str, np.ndarray, discord.Distance]]:
        positions = np.stack([self._standardised(rows, i) for i in range(len(self.positions))]) if self.positions else np.zeros((0, len(rows), 3))
        same = self.shared.kind == "exclusive" and len(self.shared.modalities) > 1
        categories = np.stack([self.shared.values(rows, m).astype(np.float64) for m in self.shared.modalities]) if same else np.zeros((0, len(rows), 1))
        return [("distance", positions, discord.distance), ("divergence", categories, discord.divergence)]

    def _standardised(self, rows: Rows, i: int) -> np.ndarray:
        """(n, 3) of a set of positions, less its mean in the corpus, in its own deviations."""
        n, total, squares = self.sums[i]
        mean = total / np.maximum(n, 1)
        spread = np.sqrt(np.maximum(squares / np.maximum(n, 1) - mean**2, 0))
        return np.asarray((rows.values(self.positions[i]) - mean) / np.where(spread > 1e-9, spread, np.nan))

    def tables(self) -> Tables:
        bounds = {name: t.value for name, t in self.thresholds.items()}
        facts = []
        for name, t in self.thresholds.items():
            n, width = int(self.histograms[name].sum()), t.most / discord.BINS
            if n:
                above = int(self.histograms[name][round(t.value / width):].sum())
                facts.append({"measure": name, "moments": n, "threshold": t.value, "above": above, "share": above / n, "by_chance": 1 - discord.SHARE})
        kept = []
        for m in self.moments:
            p = {f"p_{name}": float(t.p(np.array([m[name]]))[0]) for name, t in self.thresholds.items() if name in m}
            if any(m.get(name, math.nan) > bound for name, bound in bounds.items()):
                kept.append({**m, **p})
        return {"discord": _table(facts), "discord_by_person": _table(list(self.people.values())), "moments": _table(kept)}


def positions(corpus: Corpus, modalities: Sequence[str]) -> list[Set]:
    """Valence, arousal and dominance of these modalities, where there are any."""
    return [s for m in modalities if (s := corpus.positions(m)) is not None]


def _who(rows: Rows, i: int, corpus: Corpus) -> dict[str, Any]:
    recording: Recorded = corpus.recordings[int(rows.recording[i])]
    start, end = (float(rows.columns[name][i]) for name in ("start", "end"))
    out: dict[str, Any] = {"recording": recording.name, "person": str(rows.columns["person"][i]), "start": start, "end": end}
    if "kind" in rows.columns:
        out["kind"] = str(rows.columns["kind"][i])
    return out | {name: recording.about.get(name) for name in corpus.facts if name not in out}


def _cells(name: str, labels: Sequence[str], matrix: np.ndarray, order: np.ndarray, n: int) -> list[dict[str, Any]]:
    return [{"set": name, "row": labels[i], "column": labels[j], "rho": float(matrix[i, j]), "row_place": a, "column_place": b, "n": n}
            for a, i in enumerate(order.tolist()) for b, j in enumerate(order.tolist())]


def _table(rows: list[dict[str, Any]]) -> pa.Table:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table({name: pa.array([row.get(name) for row in rows]) for name in names})


__all__ = ["Associations", "Correlations", "Discords", "Maps", "Shared", "Strengths", "Study", "Tables", "Taxonomy", "Trajectories", "positions"]
