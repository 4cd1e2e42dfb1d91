"""A corpus: folders of recordings, read a few columns and a few recordings at a time.

`attune measure` writes a folder per recording with `table.parquet` in it. DuckDB reads of those tables the columns that are asked for, so that a
corpus may be larger than memory. What is known of the recordings besides (speaker, condition, label) comes from a table with a column
`recording`, CSV or Parquet; its other columns join every row.

    >>> parts("voice.ravdess8.sad"), parts("face.vad.valence_projected"), parts("face.quality")
    (('voice', 'ravdess8', 'sad', False), ('face', 'vad', 'valence', True), None)
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from attune.errors import MissingExtra, RecordingError, UnknownName, unknown
from attune.taxonomy import Taxonomy, taxonomy

TABLE = "table.parquet"
FACTS = ("start", "end", "kind", "person", "text")
MODALITIES = ("face", "voice", "text")
MEMORY = "1GB"                           # DuckDB's own; it goes to disk beyond
AT_ONCE = 32                             # recordings


@dataclass(frozen=True)
class Set:
    """One model's columns: modality, taxonomy, and whether the labels were reached through a crosswalk."""

    modality: str
    taxonomy: Taxonomy
    projected: bool = False

    @property
    def name(self) -> str:
        return f"{self.modality}.{self.taxonomy.name}"

    @property
    def columns(self) -> list[str]:
        return [f"{self.name}.{label}{'_projected' if self.projected else ''}" for label in self.taxonomy.labels]


@dataclass(frozen=True)
class Recorded:
    """Where one recording lies, and what is known of it besides."""

    name: str
    folder: Path
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def table(self) -> Path:
        return self.folder / TABLE


@dataclass(frozen=True)
class Rows:
    """Rows of some whole recordings, as arrays; `recording` and `group` are numbers into the corpus's names."""

    recording: np.ndarray
    group: np.ndarray
    columns: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.recording)

    def values(self, of: Set) -> np.ndarray:
        """(n, k) float32; NaN where a recording doesn't have the set."""
        nothing = np.full(len(self), np.nan, np.float32)
        return np.stack([self.columns.get(c, nothing) for c in of.columns], axis=1)


class Corpus:
    """Recordings below a folder (or one recording's own), sorted by speaker if that is known, then by name.

    folders
        The recordings' own folders below `root`, where they are known; by default all that are found there.
    speaker
        Column of `about` that says who is who across recordings; "" takes a person of one recording for nobody elsewhere.

    Raises
    ------
    RecordingError
        If there is no recording.
    UnknownName
        If the table of facts names a recording that isn't there, or lacks the column of speakers.
    MissingExtra
        Without DuckDB.
    """

    def __init__(self, root: str | Path, *, about: str | Path | None = None, speaker: str = "", folders: Sequence[Path] | None = None) -> None:
        self.root, self.speaker = Path(root), speaker
        folders = sorted(p.parent for p in self.root.rglob(TABLE)) if folders is None else folders
        if not folders:
            raise RecordingError(f"{self.root} holds no recording; expected folders that `attune measure` wrote, each with {TABLE} in it")
        names = {f: "/".join(f.relative_to(self.root).parts) or self.root.resolve().name for f in folders}
        known = _about(Path(about), set(names.values())) if about else {}
        if speaker and speaker not in next(iter(known.values()), {}):
            raise unknown("column of the table of facts", speaker, next(iter(known.values()), {}))
        self.recordings = [Recorded(name, f, known.get(name, {})) for f, name in names.items()]
        if speaker:
            self.recordings.sort(key=lambda r: (str(r.about.get(speaker, "")), r.name))
        self.facts = sorted({column for r in self.recordings for column in r.about})

    def __len__(self) -> int:
        return len(self.recordings)

    @cached_property
    def columns(self) -> dict[str, int]:
        """Name of each column -> how many recordings have it."""
        found: dict[str, int] = {}
        for r in self.recordings:
            for name in self.schemas[r.name]:
                found[name] = found.get(name, 0) + 1
        return found

    @cached_property
    def schemas(self) -> dict[str, tuple[str, ...]]:
        """The columns of each recording; equal ones are one object."""
        one: dict[tuple[str, ...], tuple[str, ...]] = {}
        return {r.name: one.setdefault(names := tuple(pq.read_schema(r.table).names), names) for r in self.recordings}

    @cached_property
    def sets(self) -> list[Set]:
        """The sets of estimates there are, in the order of their columns."""
        seen: dict[tuple[str, str, bool], list[str]] = {}
        for column in self.columns:
            if (p := parts(column)) is not None:
                seen.setdefault((p[0], p[1], p[3]), []).append(p[2])
        return [Set(modality, _taxonomy(name, labels), projected) for (modality, name, projected), labels in seen.items()]

    def expressions(self, modality: str) -> Set | None:
        """The set of a modality that can be said in adjectives: measured before projected."""
        there = [s for s in self.sets if s.modality == modality and s.taxonomy.kind != "dimensional" and s.taxonomy.name not in ("facs", "blendshapes52")]
        return min(there, key=lambda s: s.projected, default=None)

    def positions(self, modality: str) -> Set | None:
        """The valence, arousal and dominance of a modality."""
        return min((s for s in self.sets if s.modality == modality and s.taxonomy.name == "vad"), key=lambda s: s.projected, default=None)

    @cached_property
    def connection(self) -> Any:
        """DuckDB, in one thread and with little memory."""
        try:
            import duckdb
        except ImportError as error:
            raise MissingExtra("exploring a corpus needs DuckDB: pip install 'attune[explore]'") from error
        con = duckdb.connect()
        con.execute(f"SET threads = 1; SET memory_limit = '{MEMORY}'; SET preserve_insertion_order = true")
        return con

    def query(self, select: str, recordings: Sequence[Recorded] | None = None, *, columns: Sequence[str] = (), rest: str = "") -> pa.Table:
        """SQL over the tables of some recordings (all of them by default), read as one: `_at` is the number of the recording.

        A column that these recordings don't have is NULL, be it that others have it or that it is named in `columns`.
        """
        chosen = self.recordings if recordings is None else recordings
        there = set().union(*{self.schemas[r.name] for r in chosen})
        wanted = [c for c in {**self.columns, **dict.fromkeys(columns)} if c not in there]
        absent = "".join(f", NULL::{'VARCHAR' if c.endswith('.reason') else 'FLOAT'} AS {quoted(c)}" for c in wanted)
        files = [str(r.table) for r in chosen]
        source = f"(SELECT *{absent} FROM read_parquet($files, union_by_name = true, filename = true) " \
                 "JOIN (SELECT unnest($files) AS filename, unnest(range(len($files))) AS _at) USING (filename))"
        return self.connection.sql(f"{select} FROM {source} AS rows {rest}", params={"files": files}).to_arrow_table()

    def pieces(self, sets: Sequence[Set], *, facts: Sequence[str] = (), at_once: int = AT_ONCE) -> Iterator[Rows]:
        """Rows of the whole corpus, some whole recordings at a time, and never a speaker in two pieces."""
        wanted = [c for s in sets for c in s.columns if c in self.columns]
        facts = [f for f in dict.fromkeys(("start", "end", "person", *facts)) if f in self.columns]
        read = [*facts, *wanted]
        first, groups = 0, _Groups()
        for piece in self._cut(at_once):
            table = self.query("SELECT _at, " + ", ".join(map(quoted, read)), piece, rest="ORDER BY _at, start")
            at = table["_at"].to_numpy().astype(int)
            columns: dict[str, np.ndarray] = {c: _floats(table[c]) for c in (*wanted, "start", "end")}
            columns |= {c: np.array(table[c].to_pylist(), object) if pa.types.is_string(table[c].type) else _floats(table[c])
                        for c in facts if c not in columns}
            people = columns["person"]
            keys = [(str(piece[i].about.get(self.speaker)), "") if self.speaker else (str(first + i), str(p)) for i, p in zip(at.tolist(), people, strict=True)]
            yield Rows(at + first, groups.numbers(keys), columns)
            first += len(piece)

    def _cut(self, at_once: int) -> Iterator[list[Recorded]]:
        piece: list[Recorded] = []
        for r in self.recordings:
            if len(piece) >= at_once and (not self.speaker or r.about.get(self.speaker) != piece[-1].about.get(self.speaker)):
                yield piece
                piece = []
            piece.append(r)
        if piece:
            yield piece

    def model(self, of: Set, recording: Recorded) -> str:
        """The model that a recording's set came from; "" where its estimates aren't there."""
        file = recording.folder / "estimates" / f"{of.name}.parquet"
        if not file.is_file():
            return ""
        return str(json.loads((pq.read_schema(file).metadata or {}).get(b"attune", b"{}")).get("model", ""))


class _Groups:
    """Numbers for the keys of groups, in the order of their appearance."""

    def __init__(self) -> None:
        self.known: dict[tuple[str, str], int] = {}

    def numbers(self, keys: Sequence[tuple[str, str]]) -> np.ndarray:
        return np.array([self.known.setdefault(k, len(self.known)) for k in keys], int)


def parts(column: str) -> tuple[str, str, str, bool] | None:
    """Modality, taxonomy, label and whether it is projected; None of a column that is no estimate."""
    pieces = column.split(".", 2)
    if len(pieces) < 3 or pieces[0] not in (*MODALITIES, "fused"):
        return None
    return pieces[0], pieces[1], pieces[2].removesuffix("_projected"), pieces[2].endswith("_projected")


def quoted(name: str) -> str:
    """A name as SQL takes it, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def _floats(column: pa.ChunkedArray) -> np.ndarray:
    return np.asarray(column.to_numpy(zero_copy_only=False), np.float64 if column.type == pa.float64() else np.float32)


def _taxonomy(name: str, labels: list[str]) -> Taxonomy:
    try:
        known = taxonomy(name)
    except UnknownName:
        return Taxonomy(name, tuple(labels), "multilabel", (0.0, 1.0), reference="as recorded")
    return known if set(labels) <= set(known.labels) else Taxonomy(name, tuple(labels), known.kind, known.range, reference="as recorded")


def _about(path: Path, recordings: set[str]) -> dict[str, dict[str, Any]]:
    """recording -> what a table says of it."""
    import pyarrow.csv

    if not path.is_file():
        raise RecordingError(f"{path} isn't there; expected a CSV or Parquet table with a column `recording`")
    table = pq.read_table(path) if path.suffix == ".parquet" else pyarrow.csv.read_csv(path)
    if "recording" not in table.column_names:
        raise unknown(f"column 'recording' in {path.name}; its columns", "recording", table.column_names)
    out = {}
    for row in table.to_pylist():
        name = str(row.pop("recording"))
        if name not in recordings:
            raise unknown("recording", name, sorted(recordings)[:20])
        out[name] = row
    return out
