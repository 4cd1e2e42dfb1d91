"""A corpus of one's own: a table of files, people and labels.

One CSV (commas, semicolons or tabs), or a folder with one. A row is a moment; columns in any order, file or text and split needed:

    file        sound, film or picture, relative to the table        start, end   seconds; empty: the whole file
    person      who; must not be in two splits                       split        train, dev or test
    label       one name of the taxonomy, or several: joy;anger, or votes: joy:7;anger:3  (labels will do, too)
    valence, arousal, dominance    numbers                           text, sex, age, anything else

Lines before the names of columns may state taxonomy and range of the numbers:

    # taxonomy: goemotions28
    # range: 1 7
    file,start,end,person,label,split

Without them labels are those of ekman7, and numbers are in -1..1. A table with numbers only is one of the taxonomy vad.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from attune.datasets import SPLITS, Item, drawn, missing, shares, values_of
from attune.errors import MediaError, UnknownName, unknown
from attune.taxonomy import rescale, taxonomy

FACTS: dict[str, Any] = {
    "title": "a table of one's own",
    "citation": "The Attune developers (2026). A layout, not a corpus: cite whoever made the recordings.",
    "license": "yours to state",
    "license_class": "unknown",
    "obtain": "write a CSV with columns file, start, end, person, label, split",
    "taxonomy": "ekman7",
    "more": ("vad",),
    "modalities": ("voice", "face", "text"),
    "languages": (),
    "splits": {"train": "rows that say train", "dev": "rows that say dev", "test": "rows that say test"},
    "speakers": "by the column person; a row without one is grouped by its file",
    "files": {"**/*.csv": None},
    "traps": (
        "Give whole people to a split, not rows: a model knows a voice or a face sooner than an emotion.",
        "An empty label is unknown, not neutral; an empty number is unknown, not 0.",
    ),
}

DIMENSIONS = taxonomy("vad").labels
OWN = frozenset({"id", "file", "start", "end", "person", "label", "labels", "split", "text", *DIMENSIONS})


def facts(root: str | Path, of: str | None = None) -> dict[str, Any]:
    """`FACTS` of this table: taxonomy and more as its header and columns, or `of`, have it."""
    header, rows = _read(Path(root))
    chosen, more = _taxonomies(header, rows[0][1], of)
    return FACTS | {"taxonomy": chosen, "more": more}


def items(root: str | Path, of: str | None = None, *, draw: bool = False) -> Iterator[Item]:
    """Rows in their order.

    Parameters
    ----------
    root
        The table, or a folder with one CSV.
    of
        Taxonomy of the labels, instead of the header's.
    draw
        Draw the split where the column is empty, whole people at a time: some 70 % train, 10 % dev, 20 % test.

    Raises
    ------
    MediaError
        If there is no table, or not just one, or it isn't UTF-8; a column or a split is missing; a row has more cells than there are columns;
        a number is none, or out of range; a stretch ends before it starts.
    UnknownName
        If a label, a split or the taxonomy doesn't exist, with the nearest and the line.
    """
    header, rows = _read(Path(root))
    chosen, more = _taxonomies(header, rows[0][1], of)
    table = _table(Path(root))
    low, high = _range(header)
    for number, row in rows:
        where = f"{table.name}, line {number}"
        group = f"{table.stem}-{row.get('person') or row.get('file') or number}"
        split = row.get("split", "").lower()
        if not split and not draw:
            raise MediaError(f"{where}: no split; write train, dev or test, the same for all rows of a person, or ask for draw=True (--with draw=yes)")
        if split and split not in SPLITS:
            raise UnknownName(f"{where}: {unknown('split', split, SPLITS)}")
        vad = values_of("vad", {
            name: float(rescale(np.array(_number(row, name, where, low, high)), (low, high))) for name in DIMENSIONS if row.get(name)
        }, ())
        try:
            values = vad if chosen == "vad" else _labels(chosen, row.get("label") or row.get("labels") or "")
        except (UnknownName, ValueError) as error:
            raise UnknownName(f"{where}: {error}") from None
        start, end = (_number(row, name, where, 0.0) if row.get(name) else None for name in ("start", "end"))
        if end is not None and end <= (start or 0.0):
            raise MediaError(f"{where}: it ends at {end:g} s and starts at {start or 0:g} s; expected an end after the start, both in seconds")
        yield Item(
            row.get("id") or f"{table.stem}-{number}", split or drawn(group), group, values,
            table.parent / row["file"] if row.get("file") else None, start or 0.0, end, row.get("text", ""),
            more={"vad": vad} if "vad" in more else {}, about=_about(row),
        )


def _read(root: Path) -> tuple[dict[str, str], list[tuple[int, dict[str, str]]]]:
    """What the header states, and (line, row) with lower-case names; at least one row."""
    table = _table(root)
    try:
        lines = table.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise MediaError(f"{table} isn't UTF-8 ({error}); save it as UTF-8 (in a spreadsheet: CSV UTF-8)") from error
    stated = [line.lstrip("# ").partition(":") for line in lines if line.startswith("#")]
    first = next((line for line in lines if line.strip() and not line.startswith("#")), "")
    start = lines.index(first) if first else 0
    reader = csv.DictReader((line + "\n" for line in lines[start:]), delimiter=max(",;\t", key=first.count))
    rows = []
    for row in reader:
        line = start + reader.line_num
        if any(cell.strip() for cell in row.get(None) or ()):
            columns = len(reader.fieldnames or ())
            raise MediaError(f"{table.name}, line {line}: more cells than the {columns} columns; a text that has a comma needs quotes around it")
        rows.append((line, {name.strip().lower(): (value or "").strip() for name, value in row.items() if name}))
    if not rows or not {"file", "text"} & rows[0][1].keys() or not {"label", "labels", *DIMENSIONS} & rows[0][1].keys():
        expected = "file (or text), label (or valence, arousal, dominance), person and split, and a row"
        raise MediaError(f"{table}: columns {first!r}; expected {expected}")
    return {name.strip().lower(): value.strip() for name, _, value in stated}, rows


def _table(root: Path) -> Path:
    found = [root] if root.is_file() else sorted(root.glob("*.csv"))
    if not found:
        raise missing(root, "CSV", FACTS)
    if len(found) > 1:
        raise MediaError(f"{root} has {len(found)} tables, {', '.join(path.name for path in found[:3])} ...; name the one to read")
    return found[0]


def _taxonomies(header: Mapping[str, str], row: Mapping[str, str], of: str | None) -> tuple[str, tuple[str, ...]]:
    """Of the values, and of more."""
    numbers, labels = bool(set(DIMENSIONS) & row.keys()), bool({"label", "labels"} & row.keys())
    chosen = of or header.get("taxonomy") or ("ekman7" if labels else "vad")
    return taxonomy(chosen).name, ("vad",) if numbers and chosen != "vad" else ()


def _labels(of: str, text: str) -> np.ndarray:
    """(k,) shares for exclusive labels, each by itself for others; NaN if there is none."""
    given: dict[str, float] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        label, _, count = part.partition(":")
        taxonomy(of).index(label.strip())
        given[label.strip()] = _votes(label.strip(), count)
    if not given:
        return values_of(of, {}, ())
    if taxonomy(of).kind == "exclusive":
        return shares(of, given)
    low, high = taxonomy(of).range
    if wrong := [label for label, value in given.items() if not low <= value <= high]:
        raise ValueError(f"{wrong[0]} is {given[wrong[0]]:g}; labels of {of} lie in {low:g} to {high:g}, each for itself")
    return values_of(of, given)


def _votes(label: str, count: str) -> float:
    try:
        votes = float(count or 1)
    except ValueError:
        votes = math.nan
    if not 0 <= votes < math.inf:
        raise ValueError(f"{label} has {count.strip()!r} votes; expected a number from 0 on, as in joy:7;anger:3")
    return votes


def _range(header: Mapping[str, str]) -> tuple[float, float]:
    stated = header.get("range", "-1 1")
    try:
        low, high = map(float, stated.replace("..", " ").split())
    except ValueError:
        low = high = math.nan
    if not low < high:
        raise MediaError(f"the table states the range {stated!r}; expected two numbers, the lower first, as in '# range: 1 7'")
    return low, high


def _number(row: Mapping[str, str], name: str, where: str, low: float = -math.inf, high: float = math.inf) -> float:
    try:
        value = float(row[name])
    except ValueError:
        raise MediaError(f"{where}: {name} is {row[name]!r}, expected a number") from None
    if not low <= value <= high:
        other = "; a first line '# range: 1 7' states another range" if name in DIMENSIONS else ""
        raise MediaError(f"{where}: {name} is {value:g}, expected {low:g} to {high:g}{other}")
    return value


def _about(row: Mapping[str, str]) -> dict[str, Any]:
    """All other columns that aren't empty; sex as F or M, age as a number if they are such."""
    about: dict[str, Any] = {name: value for name, value in row.items() if name not in OWN and value}
    if sex := {"f": "F", "w": "F", "m": "M"}.get(str(about.pop("sex", " "))[0].lower()):
        about["sex"] = sex
    if str(about.get("age", "")).isdigit():
        about["age"] = int(about["age"])
    return about
