"""Names for expressions, and cited tables between them.

A `Taxonomy` is an ordered list of labels with a kind and a range; a `Crosswalk` is a matrix from one taxonomy to another
with the reference that justifies it. Both live in `taxonomies/*.toml`, one file per taxonomy, crosswalks in their source's
file. Everything is looked up by name. A label that a model was trained on is *measured*; one reached through a crosswalk
is *projected*, and carries the crosswalk's name wherever it goes.
"""

from __future__ import annotations

import importlib.resources
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from attune.errors import ShapeError, UnknownName, unknown

Kind = Literal["exclusive", "multilabel", "dimensional"]
Combine = Literal["sum", "any", "mean"]

FOLDER = importlib.resources.files("attune") / "taxonomies"


@dataclass(frozen=True)
class Taxonomy:
    """An ordered set of labels.

    kind
        "exclusive": values are probabilities that sum to 1; "multilabel": each value stands alone;
        "dimensional": positions on axes.
    range
        Lowest and highest value.
    adjectives, colours, descriptions
        By label: the word of a sentence ("joyful"), a colour that reads on white and on dark, what it is.
    groups
        name of a grouping -> name of a group -> labels in it.

    >>> vad = taxonomy("vad")
    >>> vad.labels, vad.index("Arousal")
    (('valence', 'arousal', 'dominance'), 1)
    """

    name: str
    labels: tuple[str, ...]
    kind: Kind
    range: tuple[float, float]
    reference: str
    title: str = ""
    adjectives: dict[str, str] = field(default_factory=dict, hash=False, compare=False)
    colours: dict[str, str] = field(default_factory=dict, hash=False, compare=False)
    descriptions: dict[str, str] = field(default_factory=dict, hash=False, compare=False)
    groups: dict[str, dict[str, list[str]]] = field(default_factory=dict, hash=False, compare=False)

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"taxonomy {self.name!r} is of kind {self.kind!r}; expected one of {', '.join(get_args(Kind))}")
        if not self.range[0] < self.range[1]:
            raise ValueError(f"taxonomy {self.name!r} has the range {self.range}; expected the lowest value, then the highest")
        folded = [label.casefold() for label in self.labels]
        twice = sorted({label for label in folded if folded.count(label) > 1})
        if twice:
            raise ValueError(f"taxonomy {self.name!r} has labels twice: {', '.join(twice)}")
        named: list[tuple[str, Iterable[str]]] = [
            ("an adjective", self.adjectives), ("a colour", self.colours), ("a description", self.descriptions),
            *((f"the group {group!r}", labels) for grouping in self.groups.values() for group, labels in grouping.items()),
        ]
        for what, labels in named:
            for label in labels:
                if label not in self.labels:
                    raise ValueError(f"taxonomy {self.name!r} has {what} with {label!r}, which is no label of it")

    def __len__(self) -> int:
        return len(self.labels)

    def index(self, label: str) -> int:
        """Position of a label; letter case doesn't matter.

        Raises
        ------
        UnknownName
            With the nearest label.
        """
        for i, known in enumerate(self.labels):
            if known.casefold() == label.casefold():
                return i
        raise unknown(f"label of taxonomy {self.name}", label, self.labels)


@dataclass(frozen=True)
class Coverage:
    """What a crosswalk leaves out, as names."""

    unused: tuple[str, ...]          # labels of the source that say nothing about the target
    unreached: tuple[str, ...]       # labels of the target that the source can't say
    share: float                     # of the target's labels that are reached

    def __str__(self) -> str:
        parts = [f"{self.share:.0%} of the labels reached"]
        if self.unreached:
            parts.append(f"never reached: {', '.join(self.unreached)}")
        if self.unused:
            parts.append(f"not used: {', '.join(self.unused)}")
        return "; ".join(parts)


@dataclass(frozen=True)
class Crosswalk:
    """A cited matrix (source labels, target labels) and the rule that combines its rows.

    combine
        "sum": a label of the target adds up its labels of the source (which exclude each other);
        "any": the probability that at least one of them holds, 1 - prod(1 - w p), as if they were independent;
        "mean": the mean of positions weighted by probability (labels to dimensions).

    What an exclusive target receives is scaled to sum to 1 over the labels that can be reached.
    """

    source: Taxonomy
    target: Taxonomy
    matrix: np.ndarray               # (len(source), len(target)); a row of NaN: the label has no row
    combine: Combine
    reference: str

    def __post_init__(self) -> None:
        if self.combine not in get_args(Combine):
            raise ValueError(f"crosswalk {self.name} combines by {self.combine!r}; expected one of {', '.join(get_args(Combine))}")
        if self.matrix.shape != (len(self.source), len(self.target)):
            raise ShapeError(f"crosswalk {self.name} has shape {self.matrix.shape}, expected {(len(self.source), len(self.target))}")

    @property
    def name(self) -> str:
        return f"{self.source.name}->{self.target.name}"

    @property
    def _has_row(self) -> np.ndarray:
        return np.asarray(~np.isnan(self.matrix).any(axis=1))

    @property
    def _reached(self) -> np.ndarray:
        if self.combine == "mean":
            return np.full(len(self.target), self._has_row.any())       # 0 is a position, not an absence
        return np.asarray((self.matrix[self._has_row] != 0).any(axis=0))

    def coverage(self) -> Coverage:
        """What is left out on both sides."""
        return Coverage(
            unused=tuple(label for label, ok in zip(self.source.labels, self._has_row, strict=True) if not ok),
            unreached=tuple(label for label, ok in zip(self.target.labels, self._reached, strict=True) if not ok),
            share=float(self._reached.mean()),
        )

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Project values (n, source) to float32 (n, target).

        Labels that can't be reached are NaN, and so is what depends on a NaN: one value of a multilabel target, the whole row
        of an exclusive or dimensional one. A row without any probability on the labels that have a row is NaN too.

        Raises
        ------
        ShapeError
            If values isn't (n, number of the source's labels).
        """
        values = np.asarray(values, dtype=np.float64)
        if values.ndim != 2 or values.shape[1] != len(self.source):
            raise ShapeError(
                f"values has shape {values.shape}, expected (n, {len(self.source)}): the labels of {self.source.name!r}"
            )
        m, p = self.matrix[self._has_row], np.ascontiguousarray(values[:, self._has_row])
        missing = np.isnan(p)
        p[missing] = 0.0
        parts = p[:, :, None] * m        # not p @ m, whose last bit depends on the number of rows
        out = 1 - np.prod(1 - parts, axis=1) if self.combine == "any" else parts.sum(axis=1)
        unknown_cell = missing @ (m != 0)
        if self.combine == "mean" or self.target.kind == "exclusive":
            unknown_cell |= missing.any(axis=1, keepdims=True)
            total = p.sum(axis=1, keepdims=True) if self.combine == "mean" else out.sum(axis=1, keepdims=True)
            unknown_cell |= total <= 0
            out = out / np.where(total > 0, total, 1.0)
        return np.where(unknown_cell | ~self._reached, np.nan, out).astype(np.float32)


def rescale(values: np.ndarray, source: tuple[float, float], target: tuple[float, float] = (-1.0, 1.0)) -> np.ndarray:
    """Values of a linear scale on another one, by default that of `vad`; nothing is clipped.

    >>> rescale(np.array([1.0, 3.0, 4.5]), (1, 5)).tolist()          # EmoBank's 1..5
    [-1.0, 0.0, 0.75]
    """
    (low, high), (to_low, to_high) = source, target
    return np.asarray((np.asarray(values) - low) * ((to_high - to_low) / (high - low)) + to_low)


def names() -> list[str]:
    """Names of the taxonomies that ship with Attune."""
    return sorted(f.name.removesuffix(".toml") for f in FOLDER.iterdir() if f.name.endswith(".toml"))


def taxonomy(name: str) -> Taxonomy:
    """The taxonomy of that name; `UnknownName` with the nearest if there is none."""
    return _read(name)[0]


def crosswalk(source: str | Taxonomy, target: str | Taxonomy) -> Crosswalk:
    """The crosswalk between two taxonomies.

    Raises
    ------
    UnknownName
        If no cited table exists; the message lists the targets there are.

    >>> walk = crosswalk("goemotions28", "ekman7")
    >>> walk.name, str(walk.coverage())
    ('goemotions28->ekman7', '100% of the labels reached')
    """
    source_name = source if isinstance(source, str) else source.name
    target_name = target if isinstance(target, str) else target.name
    walks = crosswalks(source_name)
    if target_name not in walks:
        there = ", ".join(walks) or "none"
        raise UnknownName(f"no crosswalk from {source_name!r} to {target_name!r}; from {source_name!r} there are: {there}")
    return walks[target_name]


@cache
def crosswalks(source: str) -> dict[str, Crosswalk]:
    """All crosswalks that start at a taxonomy, by the target's name."""
    origin, tables = _read(source)
    return {target: _crosswalk(origin, taxonomy(target), table) for target, table in tables.items()}


@cache
def _read(name: str) -> tuple[Taxonomy, dict[str, Any]]:
    if name not in names():
        raise unknown("taxonomy", name, names())
    return parse((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def parse(text: str | Path) -> tuple[Taxonomy, dict[str, Any]]:
    """A taxonomy and its crosswalk tables from TOML text, or from a file of one's own.

    Raises
    ------
    ValueError
        If it isn't TOML, a field is missing or unknown, or its parts contradict each other.

    >>> parse('name = "mood"\\nlabels = ["good", "bad"]\\nkind = "exclusive"\\nrange = [0, 1]\\nreference = "ours"')[0].labels
    ('good', 'bad')
    """
    data = tomllib.loads(text.read_text(encoding="utf-8") if isinstance(text, Path) else text)
    tables = data.pop("crosswalk", {})
    known = [f.name for f in fields(Taxonomy)]
    for name in data:
        if name not in known:
            raise ValueError(str(unknown("field of a taxonomy", name, known)))
    for name in ("name", "labels", "kind", "range", "reference"):
        if name not in data:
            raise ValueError(f"a taxonomy without {name}; expected name, labels, kind, range and reference")
    return Taxonomy(**data | {"labels": tuple(data["labels"]), "range": tuple(data["range"])}), tables


def _crosswalk(source: Taxonomy, target: Taxonomy, table: dict[str, Any]) -> Crosswalk:
    matrix = np.full((len(source), len(target)), np.nan)
    for label, row in table["rows"].items():
        i = source.index(label)
        row = {row: 1.0} if isinstance(row, str) else dict.fromkeys(row, 1.0) if isinstance(row, list) else row
        if table["combine"] == "mean" and len(row) != len(target):
            raise ValueError(f"{source.name}->{target.name}: {label!r} has {len(row)} positions, expected {', '.join(target.labels)}")
        matrix[i] = 0.0
        for name, weight in row.items():
            matrix[i, target.index(name)] = weight
    return Crosswalk(source, target, matrix, table["combine"], table["reference"])
