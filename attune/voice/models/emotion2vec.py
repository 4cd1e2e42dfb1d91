"""emotion2vec+: seven emotions of a voice, other and unknown, by a net that was taught by itself and then by labels.

Its net is that of FunASR, which runs it; the labels are read from the tokens beside the weights. Weights aren't packaged: `attune models
add emotion2vec`.
"""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from attune.checkpoints import Checkpoint, ready
from attune.checkpoints.labels import Output
from attune.checkpoints.rows import Embedding
from attune.errors import WeightsError
from attune.voice.features import SAMPLE_RATE, measurable
from attune.weights import LicenceClass

__all__ = ["SAMPLE_RATE"]

TITLE = "emotion2vec+, base"
TAXONOMIES = ("emotion2vec9",)
LICENSE = "code MIT; the licence of the weights wasn't seen"
LICENSE_CLASS: LicenceClass = "unknown"
REFERENCE = "Ma, Zheng, Ye, Li, Gao, Zhang & Chen (2024), emotion2vec: Self-supervised pre-training for speech emotion representation, Findings of ACL"
DATA = "4,788 hours of speech, labelled in turns by earlier models of the same kind"
TRAINED_ON = {"iemocap": ("train", "dev", "test"), "meld": ("train",), "ravdess": ("train", "dev", "test")}
LIMITS = "which corpora its labels began with isn't stated in one place: figures on any acted corpus may be in-sample"
CHECKPOINTS = (Checkpoint("emotion2vec/emotion2vec_plus_base", ("config.yaml", "configuration.json?", "model.pt", "tokens.txt")),)
WEIGHTS = CHECKPOINTS[0].files
NEEDS = ("torch", "funasr")
INSTALL = "pip install funasr torchaudio"
INPUT = "16 kHz, by layer norm over the segment (variance + 1e-5), if its config.yaml says normalize"
OUTPUT = Output("emotion2vec9", "softmax", names={"<unk>": "unknown"})

MIN_SECONDS = 0.2


@cache
def load() -> Embedding:
    """The model; `WeightsError` or `MissingExtra` if something for it isn't here."""
    (folder,) = ready(__name__)
    return of(folder)


def of(folder: Path, library: Any = None) -> Embedding:
    """The model of a folder; `library` is what has `AutoModel`, by default funasr."""
    import torch

    if library is None:
        import funasr as library
    net = library.AutoModel(model=str(folder), device="cpu", disable_update=True, disable_pbar=True, log_level="ERROR").model
    if net.proj is None:
        raise WeightsError(f"{folder.name} has no classes: it is emotion2vec itself, expected one of emotion2vec+")
    columns, normal = OUTPUT.columns(tokens(folder)), bool(net.cfg.get("normalize", True))

    def heard(samples: np.ndarray) -> torch.Tensor:
        sound = torch.from_numpy(np.array(samples, np.float32))
        sound = (torch.nn.functional.layer_norm(sound, sound.shape) if normal else sound)[None]
        with torch.inference_mode():
            return net.extract_features(sound, padding_mask=None)["x"][0].mean(0)

    def said(samples: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return columns(net.proj(heard(samples)[None])[0].numpy())

    return Embedding(9, partial(measurable, shortest=MIN_SECONDS), said, net.proj.in_features, lambda samples: heard(samples).numpy())


def tokens(folder: Path) -> tuple[str, ...]:
    """The labels in tokens.txt, one a line, in the order of the outputs; English where both languages are given ("生气/angry")."""
    lines = (folder / "tokens.txt").read_text(encoding="utf-8").splitlines()
    return tuple(line.strip().rpartition("/")[2] for line in lines if line.strip())
