"""Emotions, dimensions, situations and names of a sentence, from one small encoder (MiniLM, six layers).

Columns, side by side: 28 probabilities that each GoEmotions label holds, each for itself, where `THRESHOLDS` says from where on a label
counts as said; three positions in -1..1, learned from EmoBank: (rating - 3) / 2; probabilities of the 32 situations of
EmpatheticDialogues, which sum to 1; and the names of hume53 that open data can measure, each for itself. Trained by
`recipes/text_minilm.py`; figures and limits stand in `minilm_emotions.md`.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from attune.errors import WeightsError
from attune.taxonomy import taxonomy
from attune.weights import LicenceClass, session

if TYPE_CHECKING:
    import onnxruntime
    from tokenizers import Tokenizer

TITLE = "MiniLM on GoEmotions, EmoBank and EmpatheticDialogues"
NAMED = "language45"                      # the names of hume53 that are measured
TAXONOMIES = ("goemotions28", "vad", "empathetic32", NAMED)
LANGUAGES = ("en",)
LICENSE = (
    "CC BY-NC 4.0, by EmpatheticDialogues, and CC BY-SA 4.0, by EmoBank's ratings; the encoder it starts from, all-MiniLM-L6-v2: Apache-2.0; "
    "GoEmotions' labels: Apache-2.0, elsewhere stated as CC BY 4.0; EmoryNLP's: Apache-2.0; Empathic Reactions': CC BY 4.0"
)
LICENSE_CLASS: LicenceClass = "non-commercial"
REFERENCE = (
    "encoder: Wang et al. (2020), MiniLM, arXiv:2002.10957; emotions: Demszky et al. (2020), ACL, doi:10.18653/v1/2020.acl-main.372; "
    "dimensions: Buechel and Hahn (2017), EACL, E17-2092; situations: Rashkin et al. (2019), ACL, doi:10.18653/v1/P19-1534; "
    "own words: Mohammad (2012), #Emotional Tweets, *SEM, S12-1033"
)
WEIGHTS = ("minilm_emotions.onnx", "minilm_emotions.tokenizer.json", "minilm_emotions.thresholds.json")
DATA = (
    "GoEmotions train (43,410 Reddit comments), EmoBank train (8,062 sentences of six genres), EmpatheticDialogues train (19,830 situations and "
    "how they were first told), Empathic Reactions train (1,354 essays), a part of EmoryNLP train (2,953 utterances), and 7,479 texts of these that "
    "say a name of a feeling; all English"
)
TRAINED_ON = {name: ("train",) for name in ("goemotions", "emobank", "empathetic_dialogues", "empathic_reactions", "emorynlp")}
TUNED_ON = {name: ("dev",) for name in TRAINED_ON}
LIMITS = (
    "English only; learned from Reddit comments, rated as read and without their thread; rare labels (grief, relief, pride, nervousness) are unreliable; "
    "names by writers' own words lean on those words and take little notice of denial; irony is read literally; emoji are read by their names, "
    "weakly when they stand alone; only the first 128 tokens of a text are read; it measures what words express to readers, not feelings"
)

TOKENS = 128                              # longest input, [CLS] and [SEP] included; all-MiniLM-L6-v2 was tuned with as many
UNKNOWN = "[UNK]"
FEATURES = 384
OF_GOEMOTIONS = {                         # names that a label of GoEmotions means; by equality of names, and by its definitions
    "Admiration": "admiration", "Amusement": "amusement", "Anger": "anger", "Annoyance": "annoyance", "Anxiety": "nervousness",
    "Confusion": "confusion", "Desire": "desire", "Disappointment": "disappointment", "Disapproval": "disapproval", "Disgust": "disgust",
    "Embarrassment": "embarrassment", "Excitement": "excitement", "Fear": "fear", "Gratitude": "gratitude", "Guilt": "remorse",
    "Interest": "curiosity", "Joy": "joy", "Love": "love", "Pride": "pride", "Realization": "realization", "Relief": "relief", "Sadness": "sadness",
}

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
    """Strings in, (n, columns) out; made by `load`."""

    def __init__(self, graph: onnxruntime.InferenceSession, tokenizer: Tokenizer) -> None:
        self._graph, self._tokenizer, self._unknown = graph, tokenizer, tokenizer.token_to_id(UNKNOWN)
        labels, names = taxonomy("goemotions28"), taxonomy(NAMED).labels
        written = [name for name in names if name not in OF_GOEMOTIONS]
        # a name is either a label's probability or, behind those, one of the names' own
        self._order = [labels.index(OF_GOEMOTIONS[name]) if name in OF_GOEMOTIONS else len(labels) + written.index(name) for name in names]
        self._columns = sum(len(taxonomy(name)) for name in TAXONOMIES)

    def __call__(self, inputs: Sequence[str]) -> np.ndarray:
        """Probabilities of emotions, positions, probabilities of situations and of names, as `TAXONOMIES` has them.

        Parameters
        ----------
        inputs : n strings
            Of any length; what follows the 128th token isn't read.

        Returns
        -------
        (n, columns) float32; a row of NaN where there is no text (nothing, blanks, invisible characters) or none that can be read
        (only characters that the vocabulary doesn't have).

        >>> load()(["I'm so glad you came!", " "]).shape
        (2, 108)
        """
        out = np.full((len(inputs), self._columns), np.nan, np.float32)
        for row, found in self._read(inputs, ["probabilities", "vad", "situations", "names"]):
            emotions, vad, situations, names = (part[0] for part in found)
            out[row] = np.concatenate([emotions, vad, situations, np.concatenate([emotions, names])[self._order]])
        return out

    def embed(self, inputs: Sequence[str]) -> np.ndarray:
        """(n, 384) float32, the mean of the last layer over the tokens: what all heads see; NaN where there is no text."""
        out = np.full((len(inputs), FEATURES), np.nan, np.float32)
        for row, found in self._read(inputs, ["embedding"]):
            out[row] = found[0][0]
        return out

    def _read(self, inputs: Sequence[str], outputs: list[str]) -> Iterator[tuple[int, list[np.ndarray]]]:
        # one row at a time, without padding: sums over longer rows are ordered otherwise, and neighbours would change each other's last bits
        for i, text in enumerate(inputs):
            ids = self._tokenizer.encode(named(text)).ids
            if any(token != self._unknown for token in ids[1:-1]):          # between [CLS] and [SEP]
                yield i, self._graph.run(outputs, {"ids": np.array([ids], np.int64)})


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
