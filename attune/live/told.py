"""What a live session tells, as it happens.

Estimates are `Estimates`, as everywhere, with one row or a row a face; what is *interim* will be measured again once the utterance is over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from attune.types import Estimates, Faces, Modality, Segment

Code = Literal["too_small", "too_dark", "blurred", "turned_away", "no_face", "no_speech", "clipped", "slow"]


@dataclass(frozen=True)
class Seen:
    """A picture: its m faces, a row for each in every set of estimates, and for each face what keeps it from being seen well.

    time (s) of the picture · size (w, h) pixels · took (s) measuring
    """

    time: float
    size: tuple[int, int]
    faces: Faces
    estimates: tuple[Estimates, ...]
    hints: tuple[tuple[Code, ...], ...]
    took: float


@dataclass(frozen=True)
class Speech:
    """Somebody began (`on`) or ended speaking at a time, s; known up to a quarter of a second later, the end a pause later."""

    time: float
    on: bool


@dataclass(frozen=True)
class Spoken:
    """A stretch of voice or words: one row in every set of estimates.

    interim
        The utterance isn't over: this is its last seconds. Once it is over it is told whole, with the numbers that its file would give.
    words, recogniser
        Of words that a recogniser heard: each with its time, and the recogniser's name.
    took
        s, of measuring; of recognised words from the moment on at which the recogniser turned to the utterance.
    """

    estimates: tuple[Estimates, ...]
    text: str = ""
    interim: bool = False
    took: float = 0.0
    words: tuple[Segment, ...] = ()
    recogniser: str = ""

    @property
    def modality(self) -> Modality:
        return self.estimates[0].modality


@dataclass(frozen=True)
class Fused:
    """One person's fused estimates ("ekman7", "vad", "pool"), one row each: over the last two seconds (interim), or an utterance."""

    estimates: tuple[Estimates, ...]
    parts: tuple[Modality, ...]
    interim: bool = True


@dataclass(frozen=True)
class Said:
    """What is measured now, as a sentence."""

    time: float
    text: str


@dataclass(frozen=True)
class Hint:
    """Something keeps a modality from being measured well, or (`over`) doesn't any more."""

    modality: Modality
    code: Code
    text: str
    over: bool = False


@dataclass(frozen=True)
class Rate:
    """How many pictures a second can be measured now."""

    fps: float


@dataclass(frozen=True)
class Failed:
    """Something can't be measured, and the session goes on without it."""

    modality: Modality
    text: str


Told = Seen | Speech | Spoken | Fused | Said | Hint | Rate | Failed
