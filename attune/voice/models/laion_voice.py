"""Empathic Insight Voice: forty emotions, three dimensions and seven manners of a voice, a head for each on Whisper's encoder.

A Whisper that was trained to caption emotion hears up to half a minute; each head reads all of it and gives one intensity. Emotions are
0..4 and laid onto 0..1; dimensions and manners have scales of their own and are laid onto -1..1. The suite's heads for age, gender,
pitch and recording aren't expression and aren't used. Weights aren't packaged: `attune models add laion_voice`.
"""

from __future__ import annotations

from functools import cache, partial
from pathlib import Path

import numpy as np

from attune.checkpoints import HEARD_FILES, Checkpoint, ready, stem
from attune.checkpoints.labels import Output
from attune.checkpoints.rows import Embedding, width
from attune.taxonomy import taxonomy
from attune.voice.features import SAMPLE_RATE, measurable
from attune.weights import LicenceClass

TITLE = "Empathic Insight Voice, small"
TAXONOMIES = ("emonet40", "vad", "delivery7")
LICENSE = "heads CC BY 4.0; the encoder, BUD-E Whisper: CC BY 4.0, on OpenAI's Whisper small (MIT)"
LICENSE_CLASS: LicenceClass = "attribution"
REFERENCE = "Schuhmann et al. (2025), EmoNet-Voice: a fine-grained, expert-verified benchmark for speech emotion detection, arXiv:2506.09827"
DATA = "made-up speech of actors' descriptions, annotated by a language model, and recordings from the web"
TRAINED_ON = {"emonet_voice": ()}
LIMITS = (
    "mostly synthetic voices, labelled by a model; heads are large (some 0.3 GB each in single precision): they are read from disk for every "
    "segment, which is slow. What a scale's ends are is taken from the annotation guide"
)
HEADS = {                                # file of a head -> its label, and the ends of its scale; by the suite's annotation guide
    "Valence": ("vad.valence", (-3, 3)), "Arousal": ("vad.arousal", (0, 4)), "Submissive_vs._Dominant": ("vad.dominance", (-3, 3)),
    "Warm_vs._Cold": ("delivery7.warm", (-2, 2)), "Soft_vs._Harsh": ("delivery7.soft", (-2, 2)), "Monotone_vs._Expressive": ("delivery7.expressive", (0, 4)),
    "Serious_vs._Humorous": ("delivery7.humorous", (0, 4)), "Authenticity": ("delivery7.genuine", (0, 4)),
    "Confident_vs._Hesitant": ("delivery7.hesitant", (0, 4)), "Vulnerable_vs._Emotionally_Detached": ("delivery7.detached", (0, 4)),
} | {stem(label): (f"emonet40.{label}", (0, 4)) for label in taxonomy("emonet40").labels}
CHECKPOINTS = (
    Checkpoint("laion/BUD-E-Whisper", HEARD_FILES),
    Checkpoint("laion/Empathic-Insight-Voice-Small", tuple(f"model_{name}_best.pth" for name in HEADS)),
)
WEIGHTS = (*CHECKPOINTS[0].files, *CHECKPOINTS[1].files)
NEEDS = ("torch", "transformers")
INPUT = "16 kHz, Whisper's log-mel picture of 30 s by its preprocessor_config.json; shorter sound is followed by silence"
OUTPUTS = tuple(
    Output(name, "values", spans={label.partition(".")[2]: span for label, span in HEADS.values() if label.startswith(f"{name}.")}) for name in TAXONOMIES
)

MIN_SECONDS = 0.3


@cache
def load() -> Embedding:
    """The model; `WeightsError` or `MissingExtra` if something for it isn't here."""
    return of(*ready(__name__))


def of(encoder: Path, heads: Path) -> Embedding:
    """The model of a folder with the encoder and one with the heads."""
    import torch
    from transformers import WhisperFeatureExtractor, WhisperModel

    from attune.checkpoints import hub
    from attune.checkpoints.nets.heads import head

    extractor = WhisperFeatureExtractor.from_pretrained(encoder, local_files_only=True)
    net = hub.strict(WhisperModel, encoder).get_encoder()
    steps, d = net.config.max_source_positions, net.config.d_model
    scored = {label: head(heads / f"model_{name}_best.pth", steps * d) for name, (label, _) in HEADS.items()}
    columns = [output.columns(taxonomy(output.taxonomy).labels) for output in OUTPUTS]

    def prepare(samples: np.ndarray) -> torch.Tensor:
        picture: torch.Tensor = extractor(np.asarray(samples, np.float32), sampling_rate=SAMPLE_RATE, return_tensors="pt").input_features
        return picture

    def heard(samples: np.ndarray) -> torch.Tensor:
        with torch.inference_mode():
            return net(prepare(samples).to(hub.device())).last_hidden_state[0]             # (steps, d)

    def arranged(row: np.ndarray) -> np.ndarray:
        ends = np.cumsum([len(taxonomy(o.taxonomy).labels) for o in OUTPUTS])
        return np.concatenate([c(part) for c, part in zip(columns, np.split(row, ends[:-1]), strict=True)])

    def said(samples: np.ndarray) -> np.ndarray:
        x = heard(samples).flatten()
        with torch.inference_mode():
            scores = [scored[f"{o.taxonomy}.{label}"](x) for o in OUTPUTS for label in taxonomy(o.taxonomy).labels]
            return arranged(hub.back(torch.stack(scores)).astype(np.float64))

    def together(pictures: torch.Tensor) -> torch.Tensor:
        """(n, mels, steps) -> (n, labels)."""
        x = net(pictures).last_hidden_state.flatten(1).T
        return torch.stack([scored[f"{o.taxonomy}.{label}"](x) for o in OUTPUTS for label in taxonomy(o.taxonomy).labels], 1)

    return Embedding(width(TAXONOMIES), partial(measurable, shortest=MIN_SECONDS), said, d, lambda samples: hub.back(heard(samples).mean(0)),
                     together=hub.stack(said, together, prepare, arranged, encoder.name, None))
