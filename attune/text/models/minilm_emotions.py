"""Emotions and valence, arousal, dominance of a sentence, from one small encoder (MiniLM, six layers).

The first 28 columns are probabilities that each GoEmotions label holds, each for itself; `THRESHOLDS` says from where on a
label counts as said. The last three are positions in -1..1, learned from EmoBank: (rating - 3) / 2. Trained by
`recipes/text_minilm.py`; figures and limits stand in `minilm_emotions.md`.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from attune.errors import WeightsError
from attune.weights import LicenceClass, session

if TYPE_CHECKING:
    import onnxruntime
    from tokenizers import Tokenizer

TITLE = "MiniLM on GoEmotions and EmoBank"
TAXONOMIES = ("goemotions28", "vad")
LICENSE = (
    "CC BY-SA 4.0, by EmoBank's ratings; the encoder it starts from, all-MiniLM-L6-v2: Apache-2.0; "
    "GoEmotions' labels: Apache-2.0, elsewhere stated as CC BY 4.0"
)
LICENSE_CLASS: LicenceClass = "share-alike"
REFERENCE = (
    "encoder: Wang et al. (2020), MiniLM, arXiv:2002.10957; emotions: Demszky et al. (2020), ACL, doi:10.18653/v1/2020.acl-main.372; "
    "dimensions: Buechel and Hahn (2017), EACL, E17-2092"
)
WEIGHTS = ("minilm_emotions.onnx", "minilm_emotions.tokenizer.json", "minilm_emotions.thresholds.json")
DATA = "GoEmotions train (43,410 Reddit comments) and EmoBank train (8,062 sentences of six genres), both English"
LIMITS = (
    "English only; learned from Reddit comments, rated as read and without their thread; rare labels (grief, relief, pride, nervousness) are unreliable; "
    "irony is read literally; emoji are read by their names, weakly when they stand alone; only the first 128 tokens of a text are read; "
    "it measures what words express to readers, not feelings"
)

TOKENS = 128                              # longest input, [CLS] and [SEP] included; all-MiniLM-L6-v2 was tuned with as many
UNKNOWN = "[UNK]"
COLUMNS, FEATURES = 31, 384

FOLDER = Path(__file__).parent
THRESHOLDS: dict[str, float] = json.loads((FOLDER / WEIGHTS[2]).read_text(encoding="utf-8"))   # best F1 on dev, by label

EMOJI = re.compile("[\u2600-\u27bf\U0001f300-\U0001faff]")
SKIN = re.compile("[\U0001f3fb-\U0001f3ff]")
DRAWN = re.compile("^(HEAVY |BLACK |WHITE )+")       # how older symbols are printed: a filled heart is "HEAVY BLACK HEART"


def named(text: str) -> str:
    """The text with emoji as their Unicode names, because the encoder's vocabulary has none; skin tones are left out.

    >>> named("Great 👍🏽"), named("I ❤ it")
    ('Great  thumbs up sign ', 'I  heart  it')
    """
    text = text.encode("utf-8", "ignore").decode("utf-8")         # halves of surrogate pairs aren't text
    return EMOJI.sub(lambda found: f" {_name(found[0])} ", SKIN.sub("", text))


def _name(emoji: str) -> str:
    name = unicodedata.name(emoji, "")
    return (DRAWN.sub("", name) if emoji < "\U0001f000" else name).lower().replace("-", " ")


class Model:
    """Strings in, (n, 31) out; made by `load`."""

    def __init__(self, graph: onnxruntime.InferenceSession, tokenizer: Tokenizer) -> None:
        self._graph, self._tokenizer, self._unknown = graph, tokenizer, tokenizer.token_to_id(UNKNOWN)

    def __call__(self, inputs: Sequence[str]) -> np.ndarray:
        """Probabilities of 28 emotions and three positions in -1..1.

        Parameters
        ----------
        inputs : n strings
            Of any length; what follows the 128th token isn't read.

        Returns
        -------
        (n, 31) float32; a row of NaN where there is no text (nothing, blanks, invisible characters) or none that can be read
        (only characters that the vocabulary doesn't have).

        >>> load()(["I'm so glad you came!", " "]).shape
        (2, 31)
        """
        return self._rows(inputs, ["probabilities", "vad"], COLUMNS)

    def embed(self, inputs: Sequence[str]) -> np.ndarray:
        """(n, 384) float32, the mean of the last layer over the tokens: what both heads see; NaN where there is no text."""
        return self._rows(inputs, ["embedding"], FEATURES)

    def _rows(self, inputs: Sequence[str], outputs: list[str], width: int) -> np.ndarray:
        # one row at a time, without padding: sums over longer rows are ordered otherwise, and neighbours would change each other's last bits
        out = np.full((len(inputs), width), np.nan, np.float32)
        for i, text in enumerate(inputs):
            ids = self._tokenizer.encode(named(text)).ids
            if any(token != self._unknown for token in ids[1:-1]):          # between [CLS] and [SEP]
                out[i] = np.concatenate(self._graph.run(outputs, {"ids": np.array([ids], np.int64)}), axis=1)[0]
        return out


@cache
def load() -> Model:
    """The model, read once per process.

    Raises
    ------
    WeightsError
        If its files aren't beside this module.
    """
    from tokenizers import Tokenizer

    graph, file = session(FOLDER / WEIGHTS[0]), FOLDER / WEIGHTS[1]
    if not file.is_file():
        raise WeightsError(f"no tokenizer at {file}; it lies beside the module, reinstall attune or run recipes/text_minilm.py")
    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True            # somebody may write "[SEP]"; it's five letters then, not a command
    tokenizer.enable_truncation(TOKENS)
    return Model(graph, tokenizer)
