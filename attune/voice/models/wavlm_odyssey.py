"""The Odyssey 2024 challenge's baseline: valence, arousal and dominance of a voice, by WavLM with attentive statistics pooling.

The sound is brought to the mean and deviation of its training data, which stand in its config: loudness counts. Its outputs lie around
0..1 and are laid onto -1..1. Weights aren't packaged: `attune models add wavlm_odyssey`.
"""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path

import numpy as np

from attune.checkpoints import NET_FILES, Checkpoint, labels_of, read_json, ready
from attune.checkpoints.labels import Output
from attune.checkpoints.rows import Embedding
from attune.voice.features import SAMPLE_RATE, measurable
from attune.weights import LicenceClass

__all__ = ["SAMPLE_RATE"]

TITLE = "WavLM, Odyssey 2024 baseline, dimensions"
TAXONOMIES = ("vad",)
LICENSE = "MIT according to people who use it; its card wasn't seen"
LICENSE_CLASS: LicenceClass = "unknown"
REFERENCE = (
    "Goncalves, Salman, Naini, Moro Velazquez, Thebaud, Garcia, Dehak, Sisman & Busso (2024), Odyssey 2024 - Speech Emotion Recognition "
    "Challenge: dataset, baseline framework, and results, Odyssey"
)
DATA = "MSP-Podcast 1.11, train: segments of English podcasts, rated by listeners"
TRAINED_ON = {"msp_podcast": ("train",)}
LIMITS = "English podcasts; only the first 12 s of a segment were ever heard in training. That its outputs lie in 0..1 is taken from how its corpus is scaled"
CHECKPOINTS = (
    Checkpoint("3loi/SER-Odyssey-Baseline-WavLM-Multi-Attributes", NET_FILES),
    Checkpoint("microsoft/wavlm-large", ("config.json",)),
)
WEIGHTS = (*CHECKPOINTS[0].files, *CHECKPOINTS[1].files)
NEEDS = ("torch", "transformers")
INPUT = "16 kHz, less the mean and over the deviation that its config.json states"
OUTPUT = Output("vad", "values", span=(0, 1))
ORDER = ("arousal", "dominance", "valence")      # by the challenge, where the config has no names

MIN_SECONDS = 0.1
LONGEST = 192_000                        # samples, maxlen of its config; what follows isn't heard


@cache
def load() -> Embedding:
    """The model; `WeightsError` or `MissingExtra` if something for it isn't here."""
    return of(*ready(__name__))


def of(folder: Path, encoder: Path) -> Embedding:
    """The model of a folder, and a folder with the encoder's config.json."""
    from attune.checkpoints import hub
    from attune.checkpoints.nets import odyssey

    facts = read_json(folder / "config.json")
    mean, deviation = float(facts.get("mean", 0.0)), float(facts.get("std", 1.0))
    net = odyssey.net(next(p for p in (folder / "model.safetensors", folder / "pytorch_model.bin") if p.is_file()), encoder)
    columns = OUTPUT.columns(labels_of(folder, ORDER))

    def prepare(samples: np.ndarray):      # type: ignore[no-untyped-def]
        return hub.torch.from_numpy(((np.asarray(samples, np.float32)[:LONGEST] - mean) / (deviation + 1e-6)).astype(np.float32))[None]

    values, features = hub.whole(net, prepare), hub.whole(net.features, prepare)

    def said(samples: np.ndarray) -> np.ndarray:
        return columns(values(samples))

    return Embedding(3, partial(measurable, shortest=MIN_SECONDS), said, 2 * int(facts["hidden_size"]), features,
                     together=hub.sounds(said, net, prepare, columns, folder.name, net.pads, lambda samples: min(len(samples), LONGEST)))
