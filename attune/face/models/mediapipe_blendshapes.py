"""MediaPipe's face landmarker: 52 blendshapes, movements of brows, eyes, cheeks, jaw and mouth.

It looks for the face again in the crop, which is therefore wide. Movements aren't emotions. Its package and its model aren't packaged:
`pip install mediapipe`, `attune models add mediapipe_blendshapes`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from attune.checkpoints import Checkpoint, ready
from attune.checkpoints.labels import Output
from attune.checkpoints.rows import Rows, shown
from attune.face.align import FER, FER_SIDE
from attune.taxonomy import taxonomy
from attune.weights import LicenceClass

TITLE = "MediaPipe face landmarker, blendshapes"
TAXONOMIES = ("blendshapes52",)
LICENSE = "Apache-2.0"
LICENSE_CLASS: LicenceClass = "permissive"
REFERENCE = "Google (2023), MediaPipe Face Landmarker, model cards of the face mesh and of the blendshape model V2"
DATA = "faces with their shapes measured by depth cameras; see Google's model cards"
LIMITS = "tuned for faces near a camera; asymmetry is weak; a face that the landmarker doesn't find again in the crop is NaN"
CHECKPOINTS = (Checkpoint(
    "mediapipe/face_landmarker", ("face_landmarker.task",), "1",
    {"face_landmarker.task": "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"},      # as other public projects pin it
    "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/{revision}/{file}"),)
WEIGHTS = CHECKPOINTS[0].files
NEEDS = ("mediapipe",)
INSTALL = "pip install mediapipe"
INPUT = "256 x 256 RGB, a face with as much again around it"
OUTPUT = Output("blendshapes52", "values", span=(0, 1))

SIZE = (256, 256)                        # pixels, height and width of a crop
ROOM = 0.5                               # share of the crop's side that FER2013's framing takes
TEMPLATE = (FER / FER_SIDE - 0.5) * (ROOM * SIZE[0]) + SIZE[0] / 2      # (5, 2) eyes, nose and corners of the mouth


@cache
def load() -> Rows:
    """The model; `WeightsError` or `MissingExtra` if something for it isn't here."""
    (folder,) = ready(__name__)
    return of(folder)


def of(folder: Path, library: Any = None) -> Rows:
    """The model of a folder; `library` is what has MediaPipe's `Image` and `tasks`, by default mediapipe."""
    if library is None:
        import mediapipe as library
    tasks = library.tasks
    options = tasks.vision.FaceLandmarkerOptions(
        base_options=tasks.BaseOptions(model_asset_path=str(folder / WEIGHTS[0])), running_mode=tasks.vision.RunningMode.IMAGE, num_faces=1,
        output_face_blendshapes=True)
    landmarker = tasks.vision.FaceLandmarker.create_from_options(options)
    k = len(taxonomy("blendshapes52"))

    def said(crop: np.ndarray) -> np.ndarray:
        found = landmarker.detect(library.Image(image_format=library.ImageFormat.SRGB, data=np.ascontiguousarray(crop))).face_blendshapes
        if not found:
            return np.full(k, np.nan, np.float32)
        return OUTPUT.columns([shape.category_name for shape in found[0]])(np.array([shape.score for shape in found[0]]))

    return Rows(k, shown(SIZE), said)
