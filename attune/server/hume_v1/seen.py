"""Pictures in the words of the API v1: faces, each with a number that it keeps while it is followed.

A picture has no time of its own, neither uploaded nor sent, so they are taken to be a third of a second apart, as the API bills them; and each is
searched as a whole, since the next may be another scene.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from attune.errors import MediaError, SettingError
from attune.measure import Looking, load_models
from attune.media.picture import decoded
from attune.server.hume_v1.heard import DIGITS, told_of
from attune.settings import Settings

APART = 1 / 3                            # s from picture to picture
LISTED = 32                              # faces told of one picture
PIXELS = 3840 * 2160                     # of one picture
LOWEST = (0.5, 20)                       # probability and pixels below which our detector doesn't look
NO_DESCRIPTIONS = "no model here gives facial actions"
JPEG = b"\xff\xd8\xff"


class Seeing:
    """One run's pictures.

    threshold, min_size
        Least probability and shorter side (px) of a face.
    """

    def __init__(self, settings: Settings, threshold: float, min_size: int) -> None:
        self.threshold, self.min_size = threshold, min_size
        chosen = replace(settings, voice=None, text=None, portraits=False, search=0, baseline=None, face_score=max(LOWEST[0], threshold),
                         min_face=max(LOWEST[1], min(min_size, 2000)))
        model = load_models(chosen).get("face")
        if model is None:
            raise SettingError("this server measures no faces")
        self._looking = Looking(model, chosen, remember=False)
        self._numbers: dict[int, int] = {}                    # track -> face_id
        self.pictures = self.faces = 0

    def again(self, threshold: float, min_size: int) -> Seeing:
        """The same faces, looked for otherwise from now on."""
        self.threshold, self.min_size = threshold, min_size
        return self

    def push(self, data: bytes) -> list[dict[str, Any]]:
        """The faces in a JPEG, the largest first; `MediaError` if it can't be decoded."""
        picture = decoded(data, max_pixels=PIXELS)
        found, rows = self._looking.push(self.pictures * APART, picture)
        self.pictures += 1
        sides = found.box[:, 2:] - found.box[:, :2]
        wanted = np.flatnonzero((sides.min(axis=1) >= self.min_size) & (found.score >= self.threshold)) if len(found) else np.zeros(0, int)
        order = sorted(wanted.tolist(), key=lambda i: -float(sides[i].prod()))[:LISTED]
        self.faces += len(order)
        return [{"face_id": self._numbers.setdefault(int(found.track[i]), len(self._numbers)), "bbox": [round(float(v), 2) for v in found.box[i]],
                 "confidence": round(float(found.score[i]), DIGITS), **told_of(rows, i), "descriptions": [], "missing": {"descriptions": NO_DESCRIPTIONS}}
                for i in order]


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height that a JPEG's header states; `MediaError` if there is none.

    ITU-T T.81, B.2.2: the frame header is the segment SOF0 to SOF15 but for 4, 8 and 12.

    >>> from attune.media import jpeg
    >>> size_of(jpeg(np.zeros((8, 16, 3), np.uint8)))
    (16, 8)
    """
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        kind, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if kind == 0xFF:                                      # filling
            at += 1
            continue
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        at += 2 + length
    raise MediaError(f"{len(data)} bytes that begin like a JPEG, without a frame header")
