"""RoBERTa on GoEmotions: 28 emotions of a text, each for itself, by an ONNX file of eight-bit weights that needs no torch.

Labels are those of its config. Weights aren't packaged: `attune models add goemotions_roberta`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from attune.checkpoints import Checkpoint, labels_of, ready
from attune.checkpoints.graphs import text
from attune.checkpoints.labels import Output
from attune.checkpoints.rows import Rows
from attune.weights import LicenceClass

TITLE = "RoBERTa on GoEmotions"
TAXONOMIES = ("goemotions28",)
LANGUAGES = ("en",)
LICENSE = "MIT, by its card; GoEmotions' labels: Apache-2.0"
LICENSE_CLASS: LicenceClass = "permissive"
REFERENCE = (
    "SamLowe/roberta-base-go_emotions-onnx on the Hugging Face hub; Demszky et al. (2020), GoEmotions, ACL; "
    "Liu et al. (2019), RoBERTa, arXiv:1907.11692"
)
DATA = "GoEmotions train: 43,410 English comments of Reddit"
TRAINED_ON = {"goemotions": ("train",)}
LIMITS = (
    "English comments, rated as read; rare labels (grief, relief, pride) are seldom said. By its card, at .5: micro-F1 .585, accuracy .474 on "
    "GoEmotions test"
)
CHECKPOINTS = (Checkpoint("SamLowe/roberta-base-go_emotions-onnx", ("onnx/model_quantized.onnx|onnx/model.onnx", "config.json", "tokenizer.json")),)
WEIGHTS = CHECKPOINTS[0].files
INPUT = "up to 512 tokens"
OUTPUT = Output("goemotions28", "sigmoid")

TOKENS = 512


@cache
def load() -> Rows:
    """The model; `WeightsError` if something for it isn't here."""
    (folder,) = ready(__name__)
    return of(folder)


def of(folder: Path) -> Rows:
    """The model of a folder."""
    graph = next(p for p in (folder / "onnx" / "model_quantized.onnx", folder / "onnx" / "model.onnx") if p.is_file())
    return text(graph, folder / "tokenizer.json", TOKENS, OUTPUT.columns(labels_of(folder)), 28)
