"""Checkpoints that are ONNX files: run by onnxruntime, without torch.

A graph has names for its inputs and outputs but none for its labels: those are stated by its adapter, or in the config.json beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attune.checkpoints.rows import Rows, pixels, shown, written
from attune.errors import WeightsError
from attune.weights import session

if TYPE_CHECKING:
    import onnxruntime

Columns = Callable[[np.ndarray], np.ndarray]
INPUTS = {"ids": ("input_ids", "ids"), "mask": ("attention_mask", "mask"), "types": ("token_type_ids",)}      # what texts are given as


def picture(path: Path, size: tuple[int, int], mean: Sequence[float], deviation: Sequence[float], columns: Columns, k: int, output: str = "") -> Rows:
    """A net that takes one picture, (1, 3, h, w), and gives one row."""
    run = _single(path, output)
    return Rows(k, shown(size), lambda crop: columns(run(pixels(crop, mean, deviation))))


def sound(
    path: Path, measurable: Callable[[np.ndarray], bool], prepare: Callable[[np.ndarray], np.ndarray], columns: Columns, k: int, output: str = "",
) -> Rows:
    """A net that takes one sound, (1, t), and gives one row."""
    run = _single(path, output)
    return Rows(k, measurable, lambda samples: columns(run(np.asarray(prepare(samples), np.float32)[None])))


def text(path: Path, tokenizer: Path, tokens: int, columns: Columns, k: int, output: str = "") -> Rows:
    """A net that takes the tokens of one text, (1, t) int64, and gives one row; what follows the last token isn't read."""
    from tokenizers import Tokenizer

    try:
        cut = Tokenizer.from_file(str(tokenizer))
    except Exception as error:
        raise WeightsError(f"{tokenizer} can't be read as a tokenizer ({error})") from error
    cut.no_padding()
    cut.enable_truncation(tokens)
    graph = session(path)
    called = {given: what for what, names in INPUTS.items() for given in names}
    unknown = [i.name for i in graph.get_inputs() if i.name not in called]
    if unknown:
        raise WeightsError(f"{path.name} asks for {', '.join(unknown)}; expected {', '.join(called)}")

    def said(given: str) -> np.ndarray:
        ids = np.array([cut.encode(given.encode("utf-8", "ignore").decode("utf-8")).ids], np.int64)
        feed = {"ids": ids, "mask": np.ones_like(ids), "types": np.zeros_like(ids)}
        return columns(_row(graph, {i.name: feed[called[i.name]] for i in graph.get_inputs()}, output, path))

    return Rows(k, written, said)


def side_by_side(*parts: tuple[int, Columns]) -> Columns:
    """One row of outputs as columns of several taxonomies: each takes the next so many of them."""

    def joined(given: np.ndarray) -> np.ndarray:
        if len(given) != sum(n for n, _ in parts):
            raise WeightsError(f"the net gives {len(given)} numbers, expected {sum(n for n, _ in parts)}")
        ends = np.cumsum([n for n, _ in parts])
        return np.concatenate([columns(given[end - n : end]) for end, (n, columns) in zip(ends, parts, strict=True)])

    return joined


def _single(path: Path, output: str) -> Callable[[np.ndarray], np.ndarray]:
    graph = session(path)
    names = [i.name for i in graph.get_inputs()]
    if len(names) != 1:
        raise WeightsError(f"{path.name} asks for {len(names)} inputs ({', '.join(names)}), expected one")
    return lambda given: _row(graph, {names[0]: given}, output, path)


def _row(graph: onnxruntime.InferenceSession, feed: dict[str, Any], output: str, path: Path) -> np.ndarray:
    """The output of that name, or the first, as (m,)."""
    there = [o.name for o in graph.get_outputs()]
    if output and output not in there:
        raise WeightsError(f"{path.name} has no output {output!r}; it has {', '.join(there)}")
    try:
        row = np.asarray(graph.run([output or there[0]], feed)[0])
    except Exception as error:
        raise WeightsError(f"{path.name} doesn't take {', '.join(f'{n} {v.shape}' for n, v in feed.items())} ({str(error).splitlines()[0]})") from error
    if row.ndim != 2 or len(row) != 1:
        raise WeightsError(f"{path.name} gives an array of {row.shape} for one input, expected (1, labels)")
    return np.asarray(row[0], np.float32)
