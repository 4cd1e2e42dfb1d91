"""Checkpoints that are ONNX files: run by onnxruntime, without torch.

A graph has names for its inputs and outputs but none for its labels: those are stated by its adapter, or in the config.json beside it.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from attune.checkpoints.rows import Rows, pixels, shown, written
from attune.checkpoints.together import Net
from attune.errors import WeightsError
from attune.weights import session

if TYPE_CHECKING:
    import onnxruntime

Columns = Callable[[np.ndarray], np.ndarray]
SCALED = b"DynamicQuantize"             # nodes whose 8-bit numbers are scaled by the largest in the call: a row would depend on its neighbours
INPUTS = {"ids": ("input_ids", "ids"), "mask": ("attention_mask", "mask"), "types": ("token_type_ids",)}      # what texts are given as
PADDING = ("<pad>", "[PAD]")


def picture(path: Path, size: tuple[int, int], mean: Sequence[float], deviation: Sequence[float], columns: Columns, k: int, output: str = "") -> Rows:
    """A net that takes one picture, (1, 3, h, w), and gives one row; several in a call, where its batch axis is open."""
    return _single(path, output, columns, k, shown(size), lambda crop: pixels(crop, mean, deviation), None)


def sound(
    path: Path, measurable: Callable[[np.ndarray], bool], prepare: Callable[[np.ndarray], np.ndarray], columns: Columns, k: int, output: str = "",
) -> Rows:
    """A net that takes one sound, (1, t), and gives one row; sounds of one length in a call, where its batch axis is open."""
    def heard(samples: np.ndarray) -> np.ndarray:
        return np.asarray(prepare(samples), np.float32)[None]

    return _single(path, output, columns, k, measurable, heard, lambda samples: heard(samples).shape[1])


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

    def tokens_of(given: str) -> list[int]:
        found: list[int] = cut.encode(given.encode("utf-8", "ignore").decode("utf-8")).ids
        return found

    def run(texts: Sequence[str]) -> np.ndarray:
        found = [tokens_of(one) for one in texts]
        mask = np.arange(max(map(len, found))) < np.array([len(ids) for ids in found])[:, None]
        ids = np.full(mask.shape, pad, np.int64)
        ids[mask] = np.concatenate(found)
        feed = {"ids": ids, "mask": mask.astype(np.int64), "types": np.zeros_like(ids)}
        return np.stack([columns(row) for row in _rows(graph, {i.name: feed[called[i.name]] for i in graph.get_inputs()}, output, path, len(texts))])

    def said(given: str) -> np.ndarray:
        return np.asarray(run([given])[0])

    pad = next((i for i in map(cut.token_to_id, PADDING) if i is not None), None)
    masked = pad is not None and "mask" in {called[i.name] for i in graph.get_inputs()}
    pad = pad or 0
    together = Net(said, run, lambda text: len(tokens_of(text)), masked, path.name) if _open(graph) else None
    return Rows(k, written, said, together=together, joins=partial(_apart, path))


def side_by_side(*parts: tuple[int, Columns]) -> Columns:
    """One row of outputs as columns of several taxonomies: each takes the next so many of them."""

    def joined(given: np.ndarray) -> np.ndarray:
        if len(given) != sum(n for n, _ in parts):
            raise WeightsError(f"the net gives {len(given)} numbers, expected {sum(n for n, _ in parts)}")
        ends = np.cumsum([n for n, _ in parts])
        return np.concatenate([columns(given[end - n : end]) for end, (n, columns) in zip(ends, parts, strict=True)])

    return joined


def _single(
    path: Path, output: str, columns: Columns, k: int, measurable: Callable[[Any], bool], prepare: Callable[[Any], np.ndarray],
    length: Callable[[Any], int] | None,
) -> Rows:
    """A net of one input, which `prepare` makes of what is given, (1, ...); those of one length go together."""
    graph = session(path)
    names = [i.name for i in graph.get_inputs()]
    if len(names) != 1:
        raise WeightsError(f"{path.name} asks for {len(names)} inputs ({', '.join(names)}), expected one")

    def run(given: Sequence[Any]) -> np.ndarray:
        stacked = np.concatenate([prepare(one) for one in given]) if len(given) > 1 else prepare(given[0])
        return np.stack([columns(row) for row in _rows(graph, {names[0]: stacked}, output, path, len(given))])

    def said(given: Any) -> np.ndarray:
        return np.asarray(run([given])[0])

    return Rows(k, measurable, said, together=Net(said, run, length, name=path.name) if _open(graph) else None, joins=partial(_apart, path))


def _open(graph: onnxruntime.InferenceSession) -> bool:
    """Whether several inputs can be given in a call: the first axis of all is open."""
    return all(i.shape and not isinstance(i.shape[0], int) for i in graph.get_inputs())


@cache
def _apart(path: Path) -> bool:
    """Whether no number of a graph is scaled by what the call holds; all of the file is read for it."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(SCALED) < 0


def _rows(graph: onnxruntime.InferenceSession, feed: dict[str, Any], output: str, path: Path, n: int) -> np.ndarray:
    """The output of that name, or the first, of n inputs, as (n, m)."""
    there = [o.name for o in graph.get_outputs()]
    if output and output not in there:
        raise WeightsError(f"{path.name} has no output {output!r}; it has {', '.join(there)}")
    try:
        rows = np.asarray(graph.run([output or there[0]], feed)[0])
    except Exception as error:
        raise WeightsError(f"{path.name} doesn't take {', '.join(f'{n} {v.shape}' for n, v in feed.items())} ({str(error).splitlines()[0]})") from error
    if rows.ndim != 2 or len(rows) != n:
        raise WeightsError(f"{path.name} gives an array of {rows.shape} for {'one input' if n == 1 else f'{n} inputs'}, expected ({n}, labels)")
    return np.asarray(rows, np.float32)
