"""Faces through a recording: found, followed, judged, and given to a model, picture by picture.

`FaceStream` is the only implementation: `measure` pushes a file's pictures into it, live use pushes a camera's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from attune.face import align, quality
from attune.face.align import Array
from attune.face.detect import SMALLEST_USABLE, Found
from attune.face.mouth import Motion, Mouths
from attune.face.search import Search
from attune.face.track import MEMORY, Tracker, shot_of
from attune.settings import Settings
from attune.taxonomy import taxonomy
from attune.types import Faces

__all__ = ["SMALLEST_USABLE", "FaceModel", "FaceStream", "Found"]

PORTRAIT = 96                            # pixels
PORTRAIT_ZOOM = 1.7                      # with hair and chin


class FaceModel(Protocol):
    """A module of attune/face/models, or anything with the same facts."""

    SIZE: tuple[int, int]
    TAXONOMIES: tuple[str, ...]

    def load(self) -> Callable[[Array], Array]: ...


class FaceStream:
    """Faces of one recording, picture by picture; memory doesn't grow with its length.

    Parameters
    ----------
    model : module of attune/face/models, or None to find faces only
        Its SIZE (h, w), TAXONOMIES, load(), and TEMPLATE (5, 2) in pixels of that size; without one the crop is `align.level`'s.
    settings : Settings
        min_face, face_score, search, patience and portraits are used; with `speakers`, mouths are watched too.
    """

    def __init__(self, model: FaceModel | None, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self._facts = model
        self._model = model.load() if model else None
        self._framed = quality.frames(getattr(model, "TEMPLATE", None), model.SIZE) if model else False
        self.width = sum(len(taxonomy(name)) for name in model.TAXONOMIES) if model else 0      # k, columns of the values
        self._search = Search(every=self.settings.search, min_face=self.settings.min_face, score=self.settings.face_score)
        self._tracker = Tracker(self.settings.patience)
        self._mouths = Mouths() if self.settings.speakers else None
        self._portraits: dict[int, tuple[float, Array]] = {}

    def push(self, time: float, frame: Array) -> tuple[Faces, Array]:
        """Look at the next picture.

        Parameters
        ----------
        time : float
            Seconds from the start of the recording, not before the last one.
        frame : (h, w, 3) uint8, RGB

        Returns
        -------
        The m faces in it, from left to right, and values (m, k) of the model.
        """
        faces, crops = self.find(time, frame)
        return faces, self.values(crops)

    def find(self, time: float, frame: Array) -> tuple[Faces, Array]:
        """Look at the next picture, but don't ask the model yet: the faces, and their crops (m, h, w, 3) uint8 for `values`."""
        shot = shot_of(frame)
        found = self._search.find(time, frame, shot)
        aligned = np.array([quality.aligned(frame, points) for points in found.landmarks])
        track = self._tracker.update(time, frame, found.box, aligned, shot)
        if self._mouths:
            self._mouths.push(time, track, aligned)
        sharp = np.array([quality.sharpness(face) for face in aligned])
        pose = np.array([quality.pose(points) for points in found.landmarks]).reshape(-1, 3)
        good = np.array([quality.quality(*face) for face in zip(found.box, found.score, pose, sharp, strict=True)])
        faces = Faces(
            time=np.full(len(track), float(time)), box=found.box, landmarks=found.landmarks, score=found.score,
            track=track, pose=pose, sharpness=sharp, quality=good,
        )
        if self.settings.portraits:
            self._keep_portraits(frame, faces)
        return faces, self._crops(frame, faces, aligned)

    def values(self, crops: Array) -> Array:
        """What the model says of one picture's crops, (m, k) float32; the same whenever it is asked."""
        if self._model is None or not len(crops):
            return np.zeros((len(crops), self.width), np.float32)
        return np.asarray(self._model(crops), np.float32)

    @property
    def people(self) -> dict[int, str]:
        """track -> name ("person 1"): everybody in the first picture, then those seen at least twice, in that order.

        A name once given stays: it doesn't depend on what comes later.
        """
        return {track: f"person {i}" for i, track in enumerate(self._tracker.people, start=1)}

    @property
    def motion(self) -> Motion:
        """How the mouths moved so far; empty unless speakers are told apart."""
        return self._mouths.motion if self._mouths else Motion()

    @property
    def portraits(self) -> dict[int, Array]:
        """track -> (96, 96, 3) uint8: each person at the best quality so far."""
        return {track: self._portraits[track][1] for track in self.people if track in self._portraits}

    def _crops(self, frame: Array, faces: Faces, aligned: Array) -> Array:
        if self._facts is None or not len(faces):
            return np.zeros((len(faces), 0, 0, 3), np.uint8)
        size, template = self._facts.SIZE, getattr(self._facts, "TEMPLATE", None)
        if self._framed:                                                # the same face, only smaller: it needn't be looked for in the frame again
            return np.array([align.shrunk(face, size) for face in aligned])
        if template is None:
            return np.array([align.level(frame, *where, size[0]) for where in zip(faces.box, faces.landmarks, strict=True)])
        return np.array([align.crop(frame, points, np.asarray(template), size) for points in faces.landmarks])

    def _keep_portraits(self, frame: Array, faces: Faces) -> None:
        for i, track in enumerate(faces.track.tolist()):
            if track not in self._portraits or faces.quality[i] > self._portraits[track][0]:
                picture = align.level(frame, faces.box[i], faces.landmarks[i], PORTRAIT, zoom=PORTRAIT_ZOOM)
                self._portraits[track] = (float(faces.quality[i]), picture)
        named = self.people
        spare = [t for t in self._portraits if t not in named] + [t for t in self._portraits if t in named]
        for track in spare[: max(len(spare) - 2 * MEMORY, 0)]:
            del self._portraits[track]
