"""What the nets of HSEmotion and EmotiEffLib share: eight expressions of AffectNet in alphabetical order, and for some two dimensions."""

from __future__ import annotations

from pathlib import Path

from attune.checkpoints import Checkpoint
from attune.checkpoints.graphs import picture, side_by_side
from attune.checkpoints.labels import Output
from attune.checkpoints.rows import Rows, width

LICENSE = "code and weights Apache-2.0, by their repository; trained on AffectNet, which is for research"
REFERENCE = (
    "Savchenko, Savchenko & Makarov (2022), Classifying emotions and engagement in online learning based on a single facial expression "
    "recognition neural network, IEEE TAC 13(4); Savchenko (2023), Facial expression recognition with adaptive frame rate based on multiple "
    "testing correction, ICML"
)
DATA = "AffectNet, after training on the faces of VGGFace2: pictures from web searches, each labelled by one person"
LIMITS = (
    "contempt and disgust are the weakest; one annotator a picture; still pictures. Faces are cropped level with a fifth around their box, "
    "which is near to how the nets saw them, and not measured to be the best"
)
LABELS = ("Anger", "Contempt", "Disgust", "Fear", "Happiness", "Neutral", "Sadness", "Surprise")      # of the outputs, by the library that publishes them
DIMENSIONS = ("valence", "arousal")
EXPRESSIONS = Output("ferplus8", "softmax")
POSITIONS = Output("vad", "values", span=(-1, 1), lacks=("dominance",))
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
COMMIT = "520a051c64cd191521e5934655314e769a319684"
URL = "https://raw.githubusercontent.com/sb-ai-lab/EmotiEffLib/{revision}/models/affectnet_emotions/onnx/{file}"


def checkpoint(file: str, sha256: str = "") -> Checkpoint:
    """One of the library's ONNX files; sums are those that other public projects pin, and weren't seen to be true here."""
    return Checkpoint(f"EmotiEffLib/{Path(file).stem}", (file,), COMMIT, {file: sha256} if sha256 else {}, URL)


def net(path: Path, side: int, normal: tuple[tuple[float, ...], tuple[float, ...]], taxonomies: tuple[str, ...]) -> Rows:
    """A net of one file, for crops of (side, side): softmax over the expressions alone; dominance is NaN, where there are dimensions."""
    parts = [(len(LABELS), EXPRESSIONS.columns(LABELS))]
    if "vad" in taxonomies:
        parts.append((len(DIMENSIONS), POSITIONS.columns(DIMENSIONS)))
    return picture(path, (side, side), *normal, side_by_side(*parts), width(taxonomies))
