"""What was labelled beside what was said: the one thing that is scored, whether a model said it just now or a file holds it.

The file is a Parquet table, one row per item, that any tool can write:

    id, group, split, status, corpus, model     text
    fold                                        text; out-of-fold predictions: which fold held the row out; may be left out
    truth.<taxonomy>.<label>                    float; empty or NaN where the corpus can't say
    said.<taxonomy>.<label>                     float; empty or NaN where nothing could be measured
    chosen.<taxonomy>.<label>                   bool; what thresholds made of it, if they aren't to be fitted here; may be left out
    about.<name>                                text; sex, age, race, ethnicity ...; may be left out

`docs/evaluation.md` says it with an example.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from attune.errors import RecordingError, ShapeError
from attune.taxonomy import Taxonomy, taxonomy

TOTAL = 0.02                             # by which the probabilities of one label may miss 1: files round
STATUSES = ("in-sample", "tuned", "unknown", "held-out", "out-of-sample")       # from the least to the most that a figure promises
FACTS = ("id", "group", "split", "status", "corpus", "model")


@dataclass(frozen=True)
class Predictions:
    """n items, k labels of one taxonomy, one model.

    ids, groups, splits, statuses, folds
        (n,) text. group "" is nobody known, fold "" none.
    truth, said
        (n, k) float. Distributions, 0 or 1 (or an intensity), or positions, by the taxonomy's kind; NaN is unknown, or unmeasured.
    chosen
        (n, k) bool, for several labels: which are said; None where only the probabilities are known.
    about
        name -> (n,) text, "" where unknown.
    via
        The crosswalks that were needed to bring both into this taxonomy; empty: measured.
    variant
        "" plain, "baseline" with each person's own clips.
    """

    corpus: str
    model: str
    taxonomy: Taxonomy
    ids: np.ndarray
    groups: np.ndarray
    splits: np.ndarray
    statuses: np.ndarray
    truth: np.ndarray
    said: np.ndarray
    folds: np.ndarray | None = None
    chosen: np.ndarray | None = None
    about: Mapping[str, np.ndarray] = field(default_factory=dict)
    via: tuple[str, ...] = ()
    variant: str = ""
    modality: str = ""

    def __post_init__(self) -> None:
        n, k = len(self.ids), len(self.taxonomy)
        for name in ("truth", "said", "chosen"):
            values = getattr(self, name)
            if values is not None and values.shape != (n, k):
                raise ShapeError(f"{name} has shape {values.shape}, expected {(n, k)}: {n} items, {k} labels of taxonomy {self.taxonomy.name!r}")
        columns = {"groups": self.groups, "splits": self.splits, "statuses": self.statuses, "folds": self.folds, **self.about}
        for name, column in columns.items():
            if column is not None and len(column) != n:
                raise ShapeError(f"{name} has {len(column)} rows, expected {n}")
        for status in np.unique(self.statuses).tolist():
            if status not in STATUSES:
                raise ShapeError(f"status {status!r}; expected one of {', '.join(STATUSES)}")

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, which: np.ndarray) -> Predictions:
        """Some of the rows, by a mask or by their numbers."""
        def of(column: np.ndarray | None) -> np.ndarray | None:
            return None if column is None else column[which]

        parts: dict[str, Any] = {name: of(getattr(self, name)) for name in
                                 ("ids", "groups", "splits", "statuses", "truth", "said", "folds", "chosen")}
        return replace(self, **parts, about={name: column[which] for name, column in self.about.items()})

    @classmethod
    def of(
        cls, taxonomy_name: str, truth: np.ndarray, said: np.ndarray, *, ids: Sequence[str], groups: Sequence[str], corpus: str, model: str,
        split: str | Sequence[str] = "", status: str | Sequence[str] = "unknown", fold: str | Sequence[Any] | None = None,
        chosen: np.ndarray | None = None, about: Mapping[str, Sequence[Any]] | None = None,
    ) -> Predictions:
        """From what a recipe has at hand; a text instead of a sequence holds for every row.

        >>> p = Predictions.of("vad", np.zeros((2, 3)), np.zeros((2, 3)), ids=["a", "b"], groups=["ann", "ben"], corpus="mine", model="net")
        >>> len(p), p.taxonomy.labels
        (2, ('valence', 'arousal', 'dominance'))
        """
        def column(given: str | Sequence[Any]) -> np.ndarray:
            return np.array([given] * len(ids) if isinstance(given, str) else [_text(v) for v in given], dtype=str)

        return cls(
            corpus, model, taxonomy(taxonomy_name), column(ids), column(groups), column(split), column(status),
            np.asarray(truth, np.float64), np.asarray(said, np.float64), None if fold is None else column(fold), chosen,
            {name: column(values) for name, values in (about or {}).items()},
        )


def checked(p: Predictions) -> Predictions:
    """The same predictions, if their numbers can be what the taxonomy says they are; votes that were counted as shares.

    Raises
    ------
    RecordingError
        If an id is there twice, a number isn't finite, a share of votes is negative, or a probability isn't one: logits need a softmax or a
        sigmoid first.

    >>> checked(Predictions.of("vad", np.zeros((1, 3)), np.full((1, 3), np.inf), ids=["a"], groups=["ann"], corpus="mine", model="net"))
    Traceback (most recent call last):
    attune.errors.RecordingError: said.vad.valence of 'a' is inf; expected a number, or nothing where it is unknown
    """
    ids, count = np.unique(p.ids, return_counts=True)
    if (count > 1).any():
        raise RecordingError(f"the id {ids[count.argmax()].item()!r} is there {count.max()} times for {p.model or 'one model'}; expected one row per item")
    low, high = (0.0, 1.0) if p.taxonomy.kind == "exclusive" else p.taxonomy.range
    for what, values in (("truth", p.truth), ("said", p.said)):
        _refuse(p, what, values, np.isinf(values), "expected a number, or nothing where it is unknown")
        if p.taxonomy.kind == "dimensional":
            continue
        most = np.inf if what == "truth" and p.taxonomy.kind == "exclusive" else high           # votes may be counted
        hint = "; logits need a softmax or a sigmoid first" if what == "said" else ""
        expected = f"{low:g} to {high:g}" if most == high else "a number of votes or a share of them, from 0 on"
        _refuse(p, what, values, (values < low - 1e-6) | (values > most + 1e-6), f"expected {expected}{hint}")
    if p.taxonomy.kind == "exclusive":
        total = np.nansum(p.truth, axis=1, keepdims=True)
        return replace(p, truth=np.where(total > 1 + TOTAL, p.truth / np.maximum(total, 1), p.truth))
    return p


def scaled(p: Predictions) -> str:
    """A note on probabilities of labels that exclude each other but don't sum to 1; "" where there are none."""
    if p.taxonomy.kind != "exclusive":
        return ""
    total = p.said[~np.isnan(p.said).any(1)].sum(1)
    off = total[np.abs(total - 1) > TOTAL]
    return f"the probabilities of {len(off)} rows sum to {off.min():.2f} to {off.max():.2f}; they are scaled to 1" if len(off) else ""


def _refuse(p: Predictions, what: str, values: np.ndarray, wrong: np.ndarray, expected: str) -> None:
    if wrong.any():
        i, j = np.argwhere(wrong)[0].tolist()
        raise RecordingError(f"{what}.{p.taxonomy.name}.{p.taxonomy.labels[j]} of {p.ids[i].item()!r} is {values[i, j]:.4g}; {expected}")


def _text(value: Any) -> str:
    """Text of what a corpus states; "" for nothing."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)


def write_predictions(path: str | Path, parts: Predictions | Iterable[Predictions]) -> Path:
    """Write predictions as the table above; several taxonomies of the same items lie side by side.

    Raises
    ------
    ShapeError
        If the parts aren't of the same items.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    parts = [parts] if isinstance(parts, Predictions) else list(parts)
    first = parts[0]
    columns: dict[str, Any] = {
        "id": first.ids, "group": first.groups, "split": first.splits, "status": first.statuses,
        "corpus": [first.corpus] * len(first), "model": [first.model] * len(first),
    }
    if first.folds is not None:
        columns["fold"] = first.folds
    for p in parts:
        if not np.array_equal(p.ids, first.ids):
            raise ShapeError(f"predictions in {p.taxonomy.name} are of other items than those in {first.taxonomy.name}; write them into files of their own")
        for what, values in (("truth", p.truth), ("said", p.said), ("chosen", p.chosen)):
            if values is not None:
                columns |= {f"{what}.{p.taxonomy.name}.{label}": values[:, j] for j, label in enumerate(p.taxonomy.labels)}
    columns |= {f"about.{name}": column for name, column in first.about.items()}
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({name: pa.array(column) for name, column in columns.items()}), path)
    return path


def read_predictions(path: str | Path) -> list[Predictions]:
    """The predictions of a file, by corpus, model and taxonomy.

    Raises
    ------
    RecordingError
        If it is no Parquet file, lacks a column or has one that holds no numbers; the message names it.
    UnknownName
        If a column names a taxonomy or label that doesn't exist.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise RecordingError(f"{path} can't be read as Parquet ({error}); expected predictions as docs/evaluation.md describes them") from error
    names = table.column_names
    for name in FACTS:
        if name not in names:
            raise RecordingError(f"{path} has no column {name!r}; expected {', '.join(FACTS)}, truth.TAXONOMY.LABEL and said.TAXONOMY.LABEL")
    taxonomies = list(dict.fromkeys(name.split(".")[1] for name in names if name.startswith("said.") and name.count(".") > 1))
    if not taxonomies:
        raise RecordingError(f"{path} has no column said.TAXONOMY.LABEL; there are: {', '.join(names)}")

    def texts(name: str) -> np.ndarray:
        return np.array([_text(v) for v in table[name].to_pylist()], dtype=str)

    facts = {name: texts(name) for name in (*FACTS, *(["fold"] if "fold" in names else []))}
    about = {name.removeprefix("about."): texts(name) for name in names if name.startswith("about.")}
    out = []
    for t in map(taxonomy, taxonomies):
        for name in names:
            if name.split(".")[0] in ("truth", "said", "chosen") and name.split(".")[1] == t.name:
                t.index(name.split(".", 2)[2])
        truth, said = (_matrix(table, what, t) for what in ("truth", "said"))
        chosen = np.nan_to_num(_matrix(table, "chosen", t)).astype(bool) if any(n.startswith(f"chosen.{t.name}.") for n in names) else None
        whole = Predictions(
            "", "", t, facts["id"], facts["group"], facts["split"], facts["status"], truth, said, facts.get("fold"), chosen, about)
        for corpus, model in dict.fromkeys(zip(facts["corpus"].tolist(), facts["model"].tolist(), strict=True)):
            of = (facts["corpus"] == corpus) & (facts["model"] == model)
            out.append(replace(whole.rows(of), corpus=corpus, model=model))
    return out


def _matrix(table: Any, what: str, t: Taxonomy) -> np.ndarray:
    """(n, k) float of one kind of columns, NaN where there is none."""
    out = np.full((table.num_rows, len(t)), np.nan)
    for j, label in enumerate(t.labels):
        name = f"{what}.{t.name}.{label}"
        if name in table.column_names:
            try:
                out[:, j] = [np.nan if v is None else float(v) for v in table[name].to_pylist()]
            except (TypeError, ValueError) as error:
                raise RecordingError(f"column {name} holds no numbers ({error}); expected float, empty where it is unknown") from error
    return out
