"""From a trained text net to what is shipped: a smaller vocabulary, an ONNX graph, weights as int8."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from onnx.helper import make_node
from tokenizers import Tokenizer
from torch import Tensor, nn

LARGE = 100_000                           # numbers in a weight that is quantised


def smaller(tokenizer: Tokenizer, texts: Iterable[str]) -> tuple[Tokenizer, np.ndarray]:
    """A WordPiece tokenizer with the tokens that the texts use, and the numbers (n,) that they had; rarer words fall into pieces.

    Special tokens, single characters and their continuations stay, so that every word that could be read still can.
    """
    state = json.loads(tokenizer.to_str())
    vocabulary: dict[str, int] = state["model"]["vocab"]
    special = {token["content"] for token in state["added_tokens"]}
    used = {i for e in tokenizer.encode_batch(list(texts)) for i in e.ids}
    kept = [token for token, i in sorted(vocabulary.items(), key=lambda pair: pair[1])
            if i in used or token in special or len(token.removeprefix("##")) == 1]
    state["model"]["vocab"] = {token: i for i, token in enumerate(kept)}
    for token in state["added_tokens"]:
        token["id"] = state["model"]["vocab"][token["content"]]
    post = state.get("post_processor") or {}
    for name, entry in post.get("special_tokens", {}).items():
        entry["ids"] = [state["model"]["vocab"][name]]
    small = Tokenizer.from_str(json.dumps(state))
    small.no_padding()
    small.encode_special_tokens = True
    return small, np.array([vocabulary[token] for token in kept])


def export(graph: nn.Module, path: Path, outputs: list[str], example: Tensor) -> Path:
    """A module that takes ids (1, t), as float32 ONNX; any number of tokens."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)          # torch announces another exporter; this one knows our nets
        torch.onnx.export(graph.eval(), (example,), str(path), input_names=["ids"], output_names=outputs,
                          dynamic_axes={"ids": {1: "tokens"}}, opset_version=18, dynamo=False)
    return path


def quantise(whole: Path, small: Path, *, keep: Iterable[str] = ()) -> Path:
    """Large weights as int8 with a float scale, one per output feature, one per word of the vocabulary; arithmetic in float.

    Dynamic int8 arithmetic has the same size and is a third faster, but the encoder's activations have outliers that one scale a
    sentence can't hold: on dev it changed the labels of 11 % of the comments, where this changes 1.5 %; and its results depend on
    the kind of processor. Heads are too small to be touched. `keep` names weights that stay as they are.
    """
    model = onnx.load(whole)
    graph = model.graph
    for array in list(graph.initializer):
        weight = numpy_helper.to_array(array)
        if weight.size < LARGE or weight.dtype != np.float32 or array.name in keep:
            continue
        name, reader = array.name, next(node for node in graph.node if array.name in node.input)
        words = reader.op_type == "Gather"
        scale = np.maximum(np.abs(weight).max(axis=1 if words else 0, keepdims=True), 1e-12) / 127
        graph.initializer.remove(array)
        graph.initializer.append(numpy_helper.from_array(np.round(weight / scale).astype(np.int8), f"{name}.int8"))
        graph.initializer.append(numpy_helper.from_array(scale.astype(np.float32), f"{name}.scale"))
        if words:                         # only the rows of a text become float
            ids, out = reader.input[1], reader.output[0]
            new = [make_node("Gather", [f"{name}.int8", ids], [f"{out}.int8"]), make_node("Gather", [f"{name}.scale", ids], [f"{out}.scale"]),
                   make_node("Cast", [f"{out}.int8"], [f"{out}.float"], to=onnx.TensorProto.FLOAT), make_node("Mul", [f"{out}.float", f"{out}.scale"], [out])]
        else:                             # of constants only: onnxruntime does this once, when it loads
            new = [make_node("Cast", [f"{name}.int8"], [f"{name}.float"], to=onnx.TensorProto.FLOAT),
                   make_node("Mul", [f"{name}.float", f"{name}.scale"], [name])]
        rest = [node for node in graph.node if not (words and node is reader)]
        at = list(graph.node).index(reader)
        del graph.node[:]
        graph.node.extend([*rest[:at], *new, *rest[at:]])
    onnx.checker.check_model(model)
    onnx.save(model, small)
    return small


def keep_blocks(whole: Path, blocks: Iterable[tuple[np.ndarray, np.ndarray, int]]) -> Path:
    """Put 4-bit blocks of 32 weights (halves (n, 16) uint8, scales (n,) float16, columns) back where the graph has their floats.

    They came as such and weren't trained, so this loses nothing. Matrices are unpacked once, when the graph is loaded; of a
    vocabulary only the rows of a text.
    """
    model = onnx.load(whole)
    graph = model.graph
    known = {}
    for halves, scales, columns in blocks:
        values = unpacked(halves, scales).reshape(-1, columns)
        known[values.tobytes()] = (halves, scales, columns, False)
        known[values.T.tobytes()] = (halves, scales, columns, True)
    for array in list(graph.initializer):
        weight = numpy_helper.to_array(array)
        if weight.size < LARGE or (found := known.get(weight.tobytes())) is None:
            continue
        halves, scales, columns, turned = found
        name, per, reader = array.name, columns // 32, next(node for node in graph.node if array.name in node.input)
        words, rows = reader.op_type == "Gather", len(scales) // (columns // 32)
        graph.initializer.remove(array)
        constants = {"halves": halves.reshape(rows, per, 16), "scales": scales.reshape(rows, per, 1), "low": np.array(15, np.uint8),
                     "by": np.array(4, np.uint8), "zero": np.array(8, np.float32), "shape": np.array([0, -1, columns] if words else [-1, columns], np.int64)}
        graph.initializer.extend(numpy_helper.from_array(value, f"{name}.{part}") for part, value in constants.items())
        source, new = {part: f"{name}.{part}" for part in ("halves", "scales")}, []
        if words:
            for part in source:
                new.append(make_node("Gather", [source[part], reader.input[1]], [f"{name}.{part}.rows"]))
                source[part] = f"{name}.{part}.rows"
        out = reader.output[0] if words else name
        flat = f"{name}.flat" if turned else out
        new += [make_node("BitwiseAnd", [source["halves"], f"{name}.low"], [f"{name}.first"]),
                make_node("BitShift", [source["halves"], f"{name}.by"], [f"{name}.second"], direction="RIGHT"),
                make_node("Concat", [f"{name}.first", f"{name}.second"], [f"{name}.both"], axis=-1),
                make_node("Cast", [f"{name}.both"], [f"{name}.float"], to=onnx.TensorProto.FLOAT),
                make_node("Sub", [f"{name}.float", f"{name}.zero"], [f"{name}.centred"]),
                make_node("Cast", [source["scales"]], [f"{name}.factors"], to=onnx.TensorProto.FLOAT),
                make_node("Mul", [f"{name}.centred", f"{name}.factors"], [f"{name}.blocks"]),
                make_node("Reshape", [f"{name}.blocks", f"{name}.shape"], [flat])]
        if turned:
            new.append(make_node("Transpose", [flat], [out], perm=[1, 0]))
        rest = [node for node in graph.node if not (words and node is reader)]
        at = list(graph.node).index(reader)
        del graph.node[:]
        graph.node.extend([*rest[:at], *new, *rest[at:]])
    onnx.checker.check_model(model)
    onnx.save(model, whole)
    return whole


def unpacked(halves: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """(n, 32) float32 of blocks: low halves of the bytes first, eight is zero.

    >>> unpacked(np.full((1, 16), 0x98, np.uint8), np.ones(1, np.float16))[0, [0, 16]].tolist()
    [0.0, 1.0]
    """
    return (np.concatenate([halves & 15, halves >> 4], 1).astype(np.float32) - 8) * scales.astype(np.float32)[:, None]
