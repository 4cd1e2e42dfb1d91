"""What the packaged language models share: sentences through a graph, one at a time, and how its files are opened."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from attune.errors import WeightsError
from attune.weights import session

if TYPE_CHECKING:
    import onnxruntime
    from tokenizers import Tokenizer

TOKENS = 128                              # longest input, the two at its ends included; the encoders were tuned with as many
FEATURES = 384                            # of a small encoder


class Sentences:
    """A graph that reads token ids, and what becomes of a text before that.

    clean
        What is done to a text first.
    silent
        Tokens that say nothing: a text of these alone isn't read.
    """

    def __init__(self, graph: onnxruntime.InferenceSession, tokenizer: Tokenizer, clean: Callable[[str], str], silent: Collection[str]) -> None:
        self._graph, self._tokenizer, self._clean = graph, tokenizer, clean
        self._silent = {tokenizer.token_to_id(token) for token in silent}

    def embed(self, inputs: Sequence[str]) -> np.ndarray:
        """(n, 384) float32, the mean of the last layer over the tokens: what all heads see; NaN where there is no text."""
        out = np.full((len(inputs), FEATURES), np.nan, np.float32)
        for row, found in self._read(inputs, ["embedding"]):
            out[row] = found[0][0]
        return out

    def _read(self, inputs: Sequence[str], outputs: Sequence[str]) -> Iterator[tuple[int, list[np.ndarray]]]:
        # one row at a time, without padding: sums over longer rows are ordered otherwise, and neighbours would change each other's last bits
        for i, text in enumerate(inputs):
            ids = self._tokenizer.encode(self._clean(text)).ids
            if not self._silent.issuperset(ids[1:-1]):                      # between the tokens of beginning and end
                yield i, self._graph.run(list(outputs), {"ids": np.array([ids], np.int64)})


def opened(graph: Path, vocabulary: Path, recipe: str) -> tuple[onnxruntime.InferenceSession, Tokenizer]:
    """A graph and the token list that lies beside it; `WeightsError` if one isn't there."""
    from tokenizers import Tokenizer

    net = session(graph)
    if not vocabulary.is_file():
        raise WeightsError(f"no tokenizer at {vocabulary}; it lies beside the module, reinstall attune or run recipes/{recipe}.py")
    tokenizer = Tokenizer.from_file(str(vocabulary))
    tokenizer.no_padding()
    tokenizer.enable_truncation(TOKENS)
    return net, tokenizer
