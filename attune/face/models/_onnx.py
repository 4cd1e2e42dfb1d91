"""Any ONNX file that takes one face: `--face onnx:net.toml`, the TOML beside it.

Facts of a face: size (pixels), mean and deviation of each channel after the picture is brought to 0..1, framing: "level" or "fer".
"""

from __future__ import annotations

from types import ModuleType

from attune.checkpoints import graphs
from attune.checkpoints.families import of_a_graph
from attune.face.models._huggingface import OWN, framed


def of(given: str) -> ModuleType:
    """The model of a file of facts."""
    return of_a_graph(
        "attune.face.models", given, (*OWN, "mean", "deviation"), framed,
        lambda path, stated, columns, k, made: graphs.picture(
            path, made.SIZE, stated.get("mean", (0, 0, 0)), stated.get("deviation", (1, 1, 1)), columns, k, stated.get("output", "")))
