"""Any ONNX file that takes the tokens of one text: `--text onnx:net.toml`, the TOML and the tokenizer beside it.

Facts of a text: tokenizer (a tokenizer.json), tokens, the longest input, and languages.
"""

from __future__ import annotations

from types import ModuleType

from attune.checkpoints import graphs
from attune.checkpoints.families import of_a_graph
from attune.text.models._huggingface import OWN, read


def of(given: str) -> ModuleType:
    """The model of a file of facts."""
    return of_a_graph(
        "attune.text.models", given, (*OWN, "tokenizer"), read,
        lambda path, stated, columns, k, made: graphs.text(
            path, path.parent / stated.get("tokenizer", "tokenizer.json"), made.TOKENS, columns, k, stated.get("output", "")))
