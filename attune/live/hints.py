"""What keeps a face or a voice from being measured well, said calmly: once it has lasted, and once it is over."""

from __future__ import annotations

import numpy as np

from attune.face.quality import gray
from attune.live.told import Code, Hint
from attune.types import Faces, Modality
from attune.voice import CLIPPED

SMALL = 60                               # px; the face model looks at 48, and Hume's service measured from 60 on
DARK = 40.0                              # mean luminance of a face, 0..255
BLURRED = 0.6                            # sharpness; clips had 0.86 to 0.94, a blur of 1/37 of the face's width gives 0.5
TURNED = 45.0                            # degrees; halfway to a face that can't be used, see face/quality
CLIPPING = 0.01                          # share of clipped samples; a tenth of what leaves nothing of a voice's quality

OF_FACES: tuple[Code, ...] = ("too_small", "too_dark")      # told on their own; the others are seen beside the face

AFTER: dict[Code, float] = {"no_face": 2.0, "no_speech": 10.0, "slow": 0.0}      # s that it lasts before it is told
USUALLY = 1.5                            # s, of the others
OVER = 1.0                               # s without it, before it is over

TEXT: dict[Code, str] = {
    "too_small": "The face is too small: come closer to the camera.",
    "too_dark": "The face is too dark: turn to the light.",
    "blurred": "The face is blurred: hold still, or clean the lens.",
    "turned_away": "The face is turned away: look towards the camera.",
    "no_face": "No face is in view.",
    "no_speech": "No speech is heard.",
    "clipped": "The sound is clipped: turn the microphone down, or go further away from it.",
    "slow": "This machine is slow just now: fewer pictures are measured.",
}
LATE_WORDS = "This machine is slow just now: words come late."


def of_faces(frame: np.ndarray, faces: Faces) -> tuple[tuple[Code, ...], ...]:
    """For each face of a picture (h, w, 3) uint8, what keeps it from being seen well."""
    out = []
    for box, pose, sharp in zip(faces.box, faces.pose, faces.sharpness, strict=True):
        x0, y0, x1, y1 = (max(0, round(v)) for v in box.tolist())
        inside = frame[y0:y1:4, x0:x1:4]
        found: dict[Code, bool] = {
            "too_small": min(x1 - x0, y1 - y0) < SMALL, "too_dark": bool(inside.size) and float(gray(inside).mean()) < DARK,
            "blurred": bool(sharp < BLURRED), "turned_away": bool(np.abs(pose[:2]).max() > TURNED),
        }
        out.append(tuple(code for code, there in found.items() if there))
    return tuple(out)


def clipped(samples: np.ndarray) -> bool:
    """Whether sound (n,) in -1..1 is clipped so much that it costs quality."""
    return bool(len(samples)) and float(np.mean(np.abs(samples) >= CLIPPED)) > CLIPPING


def said(modality: Modality, code: Code) -> str:
    """A hint's sentence."""
    return LATE_WORDS if (modality, code) == ("text", "slow") else TEXT[code]


class Hints:
    """Which hints are told.

    >>> hints = Hints()
    >>> hints.update(0.0, "face", "too_dark", True), [h.code for h in hints.update(1.6, "face", "too_dark", True)]
    ([], ['too_dark'])
    >>> hints.update(1.9, "face", "too_dark", False), [h.over for h in hints.update(3.0, "face", "too_dark", False)]
    ([], [True])
    """

    def __init__(self) -> None:
        self._told: set[tuple[Modality, Code]] = set()
        self._since: dict[tuple[Modality, Code], float] = {}      # when it became other than it is told

    def update(self, time: float, modality: Modality, code: Code, there: bool) -> list[Hint]:
        """Whether it is there at a time; a hint if that has lasted long enough to be told."""
        name = modality, code
        if there == (name in self._told):
            self._since.pop(name, None)
            return []
        since = self._since.setdefault(name, time)
        if time - since < (AFTER.get(code, USUALLY) if there else OVER):
            return []
        del self._since[name]
        (self._told.add if there else self._told.discard)(name)
        return [Hint(modality, code, said(modality, code), over=not there)]

    def drop(self, modality: Modality) -> list[Hint]:
        """A modality is muted: nothing is said of it any more."""
        over = sorted(name for name in self._told if name[0] == modality)
        self._told.difference_update(over)
        self._since = {name: t for name, t in self._since.items() if name[0] != modality}
        return [Hint(m, code, said(m, code), over=True) for m, code in over]
