"""What is to be measured of a job's files, whichever interface asked for it."""

from __future__ import annotations

from dataclasses import dataclass, field

from attune.server.hume_v0.predicted import Wanted
from attune.settings import Settings


@dataclass(frozen=True)
class Plan:
    """How to measure, and what of it to write.

    models
        face, prosody, language, burst: the ones to write.
    asked
        Those of them that were asked for by name: where one finds nothing to measure, its absence is an error, else it is silently left out.
    granularity
        What a row of language is; None: as the settings say.
    missing
        What was asked for and isn't measured here, and why.
    threshold
        Least confidence of a transcript.
    agreed
        Notes on consent and purpose, which stay with the recording.
    """

    settings: Settings
    wanted: Wanted = field(default_factory=Wanted)
    models: tuple[str, ...] = ("face", "prosody", "language", "burst")
    asked: frozenset[str] = frozenset()
    granularity: str | None = None
    missing: tuple[tuple[str, str], ...] = ()
    threshold: float = 0.0
    report: bool = False
    agreed: tuple[str, ...] = ()
