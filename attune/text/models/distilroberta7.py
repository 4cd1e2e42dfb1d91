"""DistilRoBERTa on six corpora: one of seven emotions of a text.

Labels are those of its config. Weights aren't packaged: `attune models add distilroberta7`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from attune.checkpoints import READ_FILES, Checkpoint, ready
from attune.checkpoints.labels import Output
from attune.checkpoints.rows import Embedding
from attune.weights import LicenceClass

TITLE = "DistilRoBERTa, seven emotions"
TAXONOMIES = ("ekman7",)
LANGUAGES = ("en",)
LICENSE = "none stated in its card"
LICENSE_CLASS: LicenceClass = "unknown"
REFERENCE = (
    "Hartmann (2022), Emotion English DistilRoBERTa-base, on the Hugging Face hub; Sanh et al. (2019), DistilBERT, arXiv:1910.01108"
)
DATA = "six corpora of English texts: Crowdflower, an emotion dataset of tweets, GoEmotions, ISEAR, MELD, SemEval-2018"
TRAINED_ON = {
    "goemotions": ("train", "dev", "test"), "isear": ("train", "dev", "test"), "meld": ("train", "dev", "test"), "semeval2018": ("train", "dev", "test"),
}
LIMITS = (
    "one emotion a text; how its corpora were split isn't stated, so that figures on any of them may be in-sample. "
    "By its card .66 of a balanced test right"
)
CHECKPOINTS = (Checkpoint("j-hartmann/emotion-english-distilroberta-base", READ_FILES),)
WEIGHTS = CHECKPOINTS[0].files
NEEDS = ("torch", "transformers")
INPUT = "up to 512 tokens"
OUTPUT = Output("ekman7", "softmax")
GOLDEN = (("I love this!", {                       # its card
    "ekman7.anger": 0.00442, "ekman7.disgust": 0.00161, "ekman7.fear": 0.00041, "ekman7.joy": 0.97717, "ekman7.neutral": 0.00576,
    "ekman7.sadness": 0.00209, "ekman7.surprise": 0.00853}),)

TOKENS = 512


@cache
def load() -> Embedding:
    """The model; `WeightsError` or `MissingExtra` if something for it isn't here."""
    (folder,) = ready(__name__)
    return of(folder)


def of(folder: Path) -> Embedding:
    """The model of a folder."""
    from attune.checkpoints import hub

    return hub.text(folder, OUTPUT, TOKENS)
