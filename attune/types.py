"""The nouns that travel between the parts: Segment, Faces, Estimates, Recording.

Times are seconds from the start of the recording, intervals are half-open [start, end). Missing is missing: a value nobody
could measure is NaN with a reason beside it, never zero.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

import numpy as np

from attune.errors import ShapeError
from attune.taxonomy import Taxonomy

Modality = Literal["face", "voice", "text", "fused"]
Kind = Literal["speech", "seen", "pause", "window"]
SOMEONE = ""                              # a person nobody could name
PRESENCE = "presence"                     # `projected` of probabilities 0..1 that an action unit is there, beside labels whose range is of intensities


@dataclass(frozen=True)
class Segment:
    """A stretch of time, perhaps somebody's, perhaps with words: a turn, an utterance, a word and a window are all segments.

    kind: "speech" (this person speaks), "seen" (in view while somebody else speaks), "pause" (nobody speaks), "window".

    >>> Segment(1.0, 2.5, person="Ada", text="Oh, really?").duration
    1.5
    """

    start: float
    end: float
    person: str = SOMEONE
    text: str = ""
    words: tuple[Segment, ...] = ()
    kind: Kind = "speech"
    confidence: float | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.start) and math.isfinite(self.end) and self.end >= self.start):
            raise ShapeError(f"a segment from {self.start} to {self.end} s; expected finite times, end not before start")

    @property
    def duration(self) -> float:
        return self.end - self.start


@dataclass(frozen=True)
class Faces:
    """Faces found in one recording, as parallel arrays; the detector fills them, the tracker adds `track`.

    time (n,) s · box (n, 4) xyxy pixels · landmarks (n, 5, 2) pixels: left eye, right eye, nose, left and right corner of the
    mouth, as seen in the picture · score (n,) detector's probability · track (n,) int, -1 before tracking · pose (n, 3) yaw,
    pitch, roll in degrees, coarse · sharpness (n,) 0..1 · quality (n,) 0..1.
    """

    time: np.ndarray
    box: np.ndarray
    landmarks: np.ndarray
    score: np.ndarray
    track: np.ndarray
    pose: np.ndarray
    sharpness: np.ndarray
    quality: np.ndarray

    SHAPES: ClassVar[dict[str, tuple[int, ...]]] = {
        "time": (), "box": (4,), "landmarks": (5, 2), "score": (), "track": (), "pose": (3,), "sharpness": (), "quality": (),
    }

    def __post_init__(self) -> None:
        for name, tail in self.SHAPES.items():
            shape = getattr(self, name).shape
            if shape != (len(self.time), *tail):
                raise ShapeError(f"faces.{name} has shape {shape}, expected {(len(self.time), *tail)}: {len(self.time)} faces")

    def __len__(self) -> int:
        return len(self.time)

    @classmethod
    def empty(cls) -> Faces:
        """No faces at all."""
        return cls(**{name: np.zeros((0, *tail), np.int64 if name == "track" else np.float64) for name, tail in cls.SHAPES.items()})

    @classmethod
    def join(cls, parts: Sequence[Faces]) -> Faces:
        """Several of them, one after the other."""
        if not parts:
            return cls.empty()
        return cls(**{name: np.concatenate([getattr(p, name) for p in parts]) for name in cls.SHAPES})


@dataclass(frozen=True)
class Estimates:
    """What one model says of one recording: a row per stretch of time and person, a column per label.

    start, end (n,) s · values (n, k) in the taxonomy's range, NaN where nothing could be measured · person (n,) str ·
    quality (n,) 0..1, how well the input could be seen or heard · reason (n,) str, why a row is NaN, else "" ·
    spread (n, k) standard deviation or None · projected: "" when the labels are what the model was trained on, `PRESENCE` when it
    was, but says how likely each is there and not how strong, else the name of the crosswalk that led to them.
    """

    start: np.ndarray
    end: np.ndarray
    values: np.ndarray
    taxonomy: Taxonomy
    modality: Modality
    model: str
    person: np.ndarray
    quality: np.ndarray
    reason: np.ndarray
    spread: np.ndarray | None = None
    projected: str = ""

    def __post_init__(self) -> None:
        n, k = len(self.start), len(self.taxonomy)
        if self.values.shape != (n, k):
            raise ShapeError(
                f"values has shape {self.values.shape}, expected {(n, k)}: {n} segments, {k} labels of taxonomy {self.taxonomy.name!r}"
            )
        for name in ("end", "person", "quality", "reason"):
            if len(getattr(self, name)) != n:
                raise ShapeError(f"{name} has {len(getattr(self, name))} entries, expected {n}, one a segment")
        if self.spread is not None and self.spread.shape != (n, k):
            raise ShapeError(f"spread has shape {self.spread.shape}, expected {(n, k)}, as values")

    def __len__(self) -> int:
        return len(self.start)

    @property
    def name(self) -> str:
        """Where its columns are found in a table: "face.ferplus8", "voice.vad"."""
        return f"{self.modality}.{self.taxonomy.name}"

    @property
    def measured(self) -> bool:
        """Whether a model gave these labels, be it as probabilities of presence; False where a crosswalk led to them."""
        return self.projected in ("", PRESENCE)

    @property
    def missing(self) -> np.ndarray:
        """(n,) bool: rows where nothing could be measured."""
        return np.asarray(np.isnan(self.values).all(axis=1))

    def label(self, name: str) -> np.ndarray:
        """(n,) values of one label, by name."""
        return np.asarray(self.values[:, self.taxonomy.index(name)])

    def where(self, keep: np.ndarray) -> Estimates:
        """The rows that a boolean mask or an index array picks."""
        rows = {name: getattr(self, name)[keep] for name in ("start", "end", "values", "person", "quality", "reason")}
        return replace(self, **rows, spread=None if self.spread is None else self.spread[keep])

    @classmethod
    def of(
        cls, segments: Sequence[Segment], values: np.ndarray, *, taxonomy: Taxonomy, modality: Modality, model: str,
        quality: np.ndarray | None = None, reason: Sequence[str] | None = None, spread: np.ndarray | None = None, projected: str = "",
    ) -> Estimates:
        """Values (n, k) measured on n segments."""
        n = len(segments)
        return cls(
            start=np.array([s.start for s in segments], np.float64), end=np.array([s.end for s in segments], np.float64),
            values=np.asarray(values, np.float32).reshape(n, len(taxonomy)), taxonomy=taxonomy, modality=modality, model=model,
            person=np.array([s.person for s in segments], object),
            quality=np.ones(n, np.float32) if quality is None else np.asarray(quality, np.float32),
            reason=np.array([""] * n if reason is None else list(reason), object), spread=spread, projected=projected,
        )

    @classmethod
    def join(cls, parts: Sequence[Estimates]) -> Estimates:
        """Several pieces of one model's estimates, one after the other; at least one."""
        rows: dict[str, Any] = {name: np.concatenate([getattr(p, name) for p in parts])
                                for name in ("start", "end", "values", "person", "quality", "reason")}
        spread = None if parts[0].spread is None else np.concatenate([p.spread for p in parts if p.spread is not None])
        return replace(parts[0], **rows, spread=spread)


@dataclass(frozen=True)
class Recording:
    """What `measure` returns, `export` writes and `report` shows.

    segments
        The rows of the table: utterances (or words, sentences, turns, windows) and the pauses between them.
    estimates
        Each model's own estimates, on its own grid (`face` on frames, `voice` and `text` on segments), and the fused ones.
    portraits
        person -> a small JPEG of them; empty with `portraits=False`.
    settings, versions
        What it was measured with: settings, model names and weight hashes, library versions.
    notes
        What a reader must know: a missing stream, a truncated file, words that nobody gave.
    """

    source: str
    duration: float
    segments: tuple[Segment, ...]
    faces: Faces
    estimates: tuple[Estimates, ...]
    settings: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    portraits: dict[str, bytes] = field(default_factory=dict)
    media: dict[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Estimates:
        """Estimates by name: `recording["face.ferplus8"]`, `recording["fused.vad"]`."""
        for e in self.estimates:
            if e.name == name:
                return e
        raise KeyError(f"no estimates {name!r}; there are: {', '.join(e.name for e in self.estimates) or 'none'}")

    def __iter__(self) -> Iterator[Estimates]:
        return iter(self.estimates)

    @property
    def people(self) -> tuple[str, ...]:
        """Everybody seen or heard, in the order of appearance."""
        seen = sorted((float(t), str(p)) for e in self.estimates for t, p in zip(e.start, e.person, strict=True) if p != SOMEONE)
        return tuple(dict.fromkeys(p for _, p in seen))
