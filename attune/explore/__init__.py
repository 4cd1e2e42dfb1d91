"""What a corpus holds: which expressions, how strong, whether face, voice and words go together, where they don't, and what is missing.

    >>> from attune import explore                                          # doctest: +SKIP
    >>> found = explore.explore("measured")                                 # doctest: +SKIP
    >>> found.tables["associations"].to_pylist()[0]["rho"]                  # doctest: +SKIP
    0.31
    >>> found.write("explored")                                             # doctest: +SKIP

Figures 2 to 4 of Hume's paper on Expression Estimates and LEED for any corpus (t-SNE, five strongest by mean rank, Spearman across modalities),
and what they leave open: each number with n, each association with chance, each map with the principal components beside it. The corpus is read
twice, some recordings at a time, so that one of thousands needs no more memory than one of tens.
"""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from attune.errors import SettingError
from attune.explore import maps, studies
from attune.explore.corpus import AT_ONCE, MODALITIES, Corpus, Recorded, quoted
from attune.explore.ranks import PERMUTATIONS, Null
from attune.explore.synchrony import gridded, synchrony

SAMPLE = 1_000                           # rows of a map; t-SNE of more takes minutes, and is a blot
RATE = 3.0                               # values a second of a series; `measure` looks at a face as often

Hook = Callable[[str, float, float], None]
Tables = dict[str, pa.Table]

NOTES = (
    "Estimates are measured expression, not feeling; figures of a corpus don't judge a person.",
    "Labels reached by a crosswalk are projected; where modalities have different labels, they are compared in Ekman's six and neutral.",
    "In a t-SNE map, neither the distances between groups nor their sizes mean anything.",
)


@dataclass(frozen=True)
class Explored:
    """facts: what was looked at and how. tables: every number of every figure, by name. series: of each pair of people, for one recording only."""

    facts: dict[str, Any]
    tables: Tables
    series: dict[str, Any] = field(default_factory=dict)

    def write(self, folder: str | Path, *, figures: bool = True) -> list[Path]:
        """The page, the numbers as Parquet, and the figures as SVG and PNG where matplotlib is; the paths written."""
        from attune import figures as drawing
        from attune.explore import page

        folder = Path(folder)
        (folder / "numbers").mkdir(parents=True, exist_ok=True)
        written = [page.write(self, folder / "explore.html")]
        for name, table in self.tables.items():
            if table.num_columns:
                pq.write_table(table, folder / "numbers" / f"{name}.parquet", compression="zstd")
                written.append(folder / "numbers" / f"{name}.parquet")
        (folder / "facts.json").write_text(json.dumps(self.facts, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        written.append(folder / "facts.json")
        if figures and drawing.can_draw():
            written += drawing.write(self.tables, folder / "figures")
        return written


def explore(
    root: str | Path, *, about: str | Path | None = None, speaker: str = "", null: Null | None = None, permutations: int = PERMUTATIONS,
    sample: int = SAMPLE, dimension: str = "valence", seed: int = 0, at_once: int = AT_ONCE,
    hook: Hook | None = None,
) -> Explored:
    """Look at a corpus, or at one recording.

    Parameters
    ----------
    root
        A folder with recordings below it, or one recording's own.
    about
        CSV or Parquet with a column `recording` and whatever is known of each; its columns colour the maps.
    speaker
        Column of `about`: who speaks in a recording of one person. Permutations stay within a speaker; without it, within a person of a recording.
    null
        How chance is made: "shift" turns a person's series round, "shuffle" mixes rows that stand alone; by default shuffle with `speaker`.
    dimension
        Whose synchrony between two people is looked for: valence, arousal or dominance.
    at_once
        Recordings in memory at a time.

    Raises
    ------
    RecordingError, UnknownName, MissingExtra
        See `attune.explore.corpus.Corpus`.
    SettingError
        If a setting is out of range.
    """
    if dimension not in ("valence", "arousal", "dominance"):
        raise SettingError(f"dimension={dimension!r}; expected valence, arousal or dominance")
    if permutations < 1 or sample < 3:
        raise SettingError(f"permutations={permutations}, sample={sample}; expected at least 1 and at least 3")
    corpus = Corpus(root, about=about, speaker=speaker)
    chance: Null = null or ("shuffle" if speaker else "shift")
    expressions = [s for m in MODALITIES if (s := corpus.expressions(m)) is not None]
    positions = studies.positions(corpus, MODALITIES)
    fused = studies.positions(corpus, ("fused",))
    shared = studies.Shared(expressions)
    looking: list[studies.Study] = [
        studies.Strengths([*expressions, *positions]),
        studies.Associations(shared, null=chance, permutations=permutations, seed=seed),
        studies.Correlations([s for s in expressions if len(s.taxonomy) > 2], shared, seed=seed),
        studies.Maps(expressions, corpus, sample=sample, seed=seed, embed=maps.can_embed()),
        studies.Trajectories([*fused, *positions], corpus),
        studies.Discords(positions, shared, expressions, corpus, seed=seed),
    ]
    for step, facts in (("count", ()), ("add", ("kind", "text"))):
        done = 0
        for rows in corpus.pieces([*expressions, *positions, *fused], facts=facts, at_once=at_once):
            for study in looking:
                getattr(study, step)(rows)
            done = int(rows.recording.max()) + 1 if len(rows) else done
            if hook:
                hook({"count": "counting", "add": "comparing"}[step], done, len(corpus))
    tables = _coverage(corpus)
    for study in looking:
        tables |= study.tables()
    tables["synchrony"], series = _synchronies(corpus, dimension, seed, hook)
    return Explored(_facts(corpus, tables, chance, permutations, sample, dimension, seed), tables, series if len(corpus) == 1 else {})


def _facts(corpus: Corpus, tables: Tables, null: str, permutations: int, sample: int, dimension: str, seed: int) -> dict[str, Any]:
    per = tables["recordings"].to_pylist()
    return {
        "corpus": corpus.root.resolve().name, "made": datetime.date.today().isoformat(), "recordings": len(corpus), "rows": sum(r["rows"] for r in per),
        "hours": round(sum(r["seconds"] for r in per) / 3600, 3), "people": sum(r["people"] for r in per),
        "sets": [{"name": s.name, "title": s.taxonomy.title or s.taxonomy.name, "kind": s.taxonomy.kind, "projected": s.projected,
                  "model": corpus.model(s, corpus.recordings[0]), "colours": s.taxonomy.colours, "range": list(s.taxonomy.range)}
                 for s in corpus.sets if s.modality in MODALITIES],
        "about": corpus.facts, "speaker": corpus.speaker, "null": null, "permutations": permutations, "sample": sample, "dimension": dimension, "seed": seed,
        "tsne": maps.can_embed(), "notes": list(NOTES),
    }


def _coverage(corpus: Corpus) -> Tables:
    """What was measured of each recording, why not the rest, and how well it could be seen and heard."""
    there = [m for m in MODALITIES if f"{m}.quality" in corpus.columns]
    counts = ", ".join(
        f"count(*) FILTER (WHERE {of}) AS {m}_rows, count(*) FILTER (WHERE {of} AND coalesce({reason}, 'not measured') = '') AS {m}_measured, "
        f"avg({quality}) FILTER (WHERE {of} AND coalesce({reason}, 'x') = '') AS {m}_quality"
        for m in there for of, reason, quality in [(_expected(m), quoted(f"{m}.reason"), quoted(f"{m}.quality"))])
    per = corpus.query(
        "SELECT _at, count(*) AS rows, max(\"end\") AS seconds, count(DISTINCT person) FILTER (WHERE person <> '') AS people"
        + (", " + counts if counts else ""),
        rest="GROUP BY _at ORDER BY _at")
    names = pa.array([corpus.recordings[i].name for i in per["_at"].to_pylist()])
    tables = {"recordings": per.drop_columns(["_at"]).add_column(0, "recording", names)}
    reasons, qualities = [], []
    for m in there:
        of, reason, quality = _expected(m), quoted(f"{m}.reason"), quoted(f"{m}.quality")
        reasons += [{"modality": m, **row} for row in corpus.query(
            f"SELECT coalesce({reason}, 'not measured') AS reason, count(*) AS rows", rest=f"WHERE {of} GROUP BY 1 ORDER BY 2 DESC").to_pylist()]
        qualities += [{"modality": m, **row} for row in corpus.query(
            f"SELECT least(19, floor({quality} * 20))::INTEGER AS step, count(*) AS rows",
            rest=f"WHERE {of} AND coalesce({reason}, 'x') = '' GROUP BY 1 ORDER BY 1").to_pylist()]
    return tables | {"missing": studies._table(reasons), "quality": studies._table(qualities)}


def _expected(modality: str) -> str:
    """Rows in which a modality could have been there: a voice and words only where somebody speaks."""
    return "TRUE" if modality == "face" else "kind = 'speech'"


def _synchronies(corpus: Corpus, dimension: str, seed: int, hook: Hook | None) -> tuple[pa.Table, dict[str, Any]]:
    """Of each recording with two people in view, whether their faces move together; the series themselves of the last."""
    out, series = [], {}
    for done, r in enumerate(corpus.recordings, start=1):
        found = _synchrony(corpus, r, dimension, seed)
        if found is not None:
            out.append(found[0])
            series = found[1]
        if hook:
            hook("synchrony", done, len(corpus))
    return studies._table(out), series


def _synchrony(corpus: Corpus, r: Recorded, dimension: str, seed: int) -> tuple[dict[str, Any], dict[str, Any]] | None:
    of = corpus.positions("face")
    file = r.folder / "estimates" / f"{of.name}.parquet" if of else None
    if of is None or file is None or not file.is_file():
        return None
    column = of.columns[of.taxonomy.index(dimension)].split(".", 2)[2]
    table = pq.read_table(file, columns=["start", "person", column])
    people = np.array(table["person"].to_pylist(), object)
    names, counts = np.unique(people.astype(str), return_counts=True)
    if len(names) < 2:
        return None
    one, other = sorted(names[np.argsort(-counts, kind="stable")[:2]].tolist())
    start, values = table["start"].to_numpy(), table[column].to_numpy()
    until = float(start.max()) + 1 / RATE
    first, second = (gridded(start[people == p], values[people == p].astype(float), start=0.0, end=until, rate=RATE) for p in (one, other))
    found = synchrony(first, second, rate=RATE, permutations=199, seed=seed)
    if math.isnan(found.strength):
        return None
    row = {"recording": r.name, "one": one, "other": other, "set": of.name, "dimension": dimension, "strength": found.strength, "chance": found.chance,
           "threshold": found.threshold, "z": found.z, "p": found.p, "lag": found.lag, "windows": int((~np.isnan(found.windows)).sum())}
    return row, {"start": found.start.tolist(), "windows": found.windows.tolist(), "lags": found.lags.tolist(), "profile": found.profile.tolist()}


__all__ = ["Explored", "explore"]
