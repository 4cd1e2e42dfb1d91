"""What the packaged English models share: how a text becomes tokens, and how a graph's outputs become columns.

Both graphs stand on the same frozen layers and embeddings, which lie once beside them, in 4-bit blocks (`minilm_frozen.bin`); onnxruntime
finds that file by itself. The token list is all-MiniLM-L6-v2's, whole.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from attune.taxonomy import taxonomy
from attune.text.models._sentences import Sentences, opened

if TYPE_CHECKING:
    import onnxruntime
    from tokenizers import Tokenizer

FOLDER = Path(__file__).parent
UNKNOWN = "[UNK]"
VOCABULARY, FROZEN = "minilm.tokenizer.json", "minilm_frozen.bin"
OUTPUTS = {"goemotions28": "probabilities", "vad": "vad", "empathetic32": "situations"}       # of a graph, by taxonomy; names come last
OF_GOEMOTIONS = {                         # names that a label of GoEmotions means; by equality of names, and by its definitions
    "Admiration": "admiration", "Amusement": "amusement", "Anger": "anger", "Annoyance": "annoyance", "Anxiety": "nervousness",
    "Confusion": "confusion", "Desire": "desire", "Disappointment": "disappointment", "Disapproval": "disapproval", "Disgust": "disgust",
    "Embarrassment": "embarrassment", "Excitement": "excitement", "Fear": "fear", "Gratitude": "gratitude", "Guilt": "remorse",
    "Interest": "curiosity", "Joy": "joy", "Love": "love", "Pride": "pride", "Realization": "realization", "Relief": "relief", "Sadness": "sadness",
}
LIMITS = (                                # of both
    "English only; learned from Reddit comments, rated as read and without their thread; rare labels (grief, relief, pride, nervousness) are unreliable; "
    "names by writers' own words lean on those words and take little notice of denial; irony is read literally; emoji are read by their names, "
    "weakly when they stand alone; only the first 128 tokens of a text are read; it measures what words express to readers, not feelings"
)

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


class Model(Sentences):
    """Strings in, (n, columns) out, side by side as `taxonomies` has them; the last is of names, of which some are a label's probability."""

    def __init__(self, graph: onnxruntime.InferenceSession, tokenizer: Tokenizer, taxonomies: Sequence[str]) -> None:
        super().__init__(graph, tokenizer, named, {UNKNOWN})
        *given, last = taxonomies
        self._outputs = [*(OUTPUTS[name] for name in given), "names"]
        labels, names = taxonomy("goemotions28"), taxonomy(last).labels
        written = [name for name in names if name not in OF_GOEMOTIONS]
        # a name is either a label's probability or, behind those, one of the names' own
        self._order = [labels.index(OF_GOEMOTIONS[name]) if name in OF_GOEMOTIONS else len(labels) + written.index(name) for name in names]
        self._columns = sum(len(taxonomy(name)) for name in taxonomies)

    def __call__(self, inputs: Sequence[str]) -> np.ndarray:
        """Probabilities of emotions, positions, and whatever else the model's taxonomies name.

        Parameters
        ----------
        inputs : n strings
            Of any length; what follows the 128th token isn't read.

        Returns
        -------
        (n, columns) float32; a row of NaN where there is no text (nothing, blanks, invisible characters) or none that can be read
        (only characters that the vocabulary doesn't have).
        """
        out = np.full((len(inputs), self._columns), np.nan, np.float32)
        for row, found in self._read(inputs, self._outputs):
            *parts, names = (part[0] for part in found)
            out[row] = np.concatenate([*parts, np.concatenate([parts[0], names])[self._order]])
        return out


def thresholds(file: str) -> dict[str, float]:
    """From where on a label counts as said: best F1 on dev, by label."""
    found: dict[str, float] = json.loads((FOLDER / file).read_text(encoding="utf-8"))
    return found


def load(graph: Path, taxonomies: Sequence[str], vocabulary: Path = FOLDER / VOCABULARY) -> Model:
    """A graph with the token list beside it.

    Raises
    ------
    WeightsError
        If a file isn't there.
    """
    net, tokenizer = opened(graph, vocabulary, "text_minilm")
    tokenizer.encode_special_tokens = True            # somebody may write "[SEP]"; it's five letters then, not a command
    return Model(net, tokenizer, taxonomies)
