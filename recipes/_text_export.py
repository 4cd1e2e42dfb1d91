"""From a trained text net to what is shipped: an ONNX graph, trained weights as int8, untrained ones in 4-bit blocks."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from onnx.helper import make_node, make_opsetid
from torch import Tensor, nn

LARGE = 100_000                           # numbers in a weight that is quantised
BLOCK = 32                                # weights that share a scale, where they are kept in 4 bits
TRIED = np.arange(0.70, 1.16, 0.03)       # of the scale that fits a block's largest weight
DAMPING = 0.01                            # of the inputs' mean square, on the diagonal

WIDE = 128                                # weights, or numbers that meet them, that share a scale when they are counted as 8 bits
PAGE = 4096                               # where an array may begin in a file that graphs share

Blocks = tuple[np.ndarray, np.ndarray, int]                              # halves (n, 16) uint8, scales (n,) float16, columns


def export(graph: nn.Module, path: Path, outputs: list[str], example: Tensor) -> Path:
    """A module that takes ids (1, t), as float32 ONNX; any number of tokens."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)          # torch announces another exporter; this one knows our nets
        torch.onnx.export(graph.eval(), (example,), str(path), input_names=["ids"], output_names=outputs,
                          dynamic_axes={"ids": {1: "tokens"}}, opset_version=18, dynamo=False)
    return path


def quantise(whole: Path, small: Path, *, keep: Iterable[str] = ()) -> Path:
    """Large weights as int8 with a float scale, one per output feature, one per word of the vocabulary; arithmetic in float, unless `counted` follows.

    Where a layer reads a row, not a sequence, torch exports its weight turned (Gemm), and there is a scale per input feature.

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


def keep_blocks(whole: Path, blocks: Iterable[Blocks]) -> Path:
    """Put 4-bit blocks of 32 weights back where the graph has their floats.

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


def counted(graph: Path) -> Path:
    """Let matrices that `quantise` and `keep_blocks` made small stay so when they are used: MatMulNBits of onnxruntime multiplies them as they are kept.

    What meets a matrix is rounded to 8 bits for it, a scale for each row's WIDE or BLOCK numbers: outliers spoil their neighbours alone, unlike with
    one scale for a sentence. A processor reads a quarter or an eighth of the bytes, and a sentence takes two thirds of the time. Vocabularies and
    heads stay as they are. Needs onnxruntime 1.22.
    """
    model = onnx.load(graph)
    arrays, nodes = {array.name: array for array in model.graph.initializer}, []
    gone: set[str] = set()                # what unpacked them
    for node in model.graph.node:
        name = node.input[1] if node.op_type == "MatMul" else ""
        if f"{name}.int8" in arrays and arrays[f"{name}.int8"].dims[0] % WIDE == 0:
            weight, scale = (numpy_helper.to_array(arrays.pop(f"{name}.{part}")) for part in ("int8", "scale"))
            inputs, outputs = weight.shape
            whole = (weight.T.astype(np.int16) + 128).astype(np.uint8).reshape(outputs, inputs // WIDE, WIDE)
            arrays |= {f"{name}.{part}": numpy_helper.from_array(value, f"{name}.{part}")
                       for part, value in {"whole": whole, "scale": np.repeat(scale.ravel(), inputs // WIDE)}.items()}
            gone |= {f"{name}.float", name}
            node = _product(node, f"{name}.whole", f"{name}.scale", inputs, outputs, 8, WIDE)
        elif f"{name}.halves" in arrays:
            outputs, per, _ = arrays[f"{name}.halves"].dims
            arrays.pop(f"{name}.shape"), arrays.pop(f"{name}.zero")
            arrays |= {f"{name}.{part}": numpy_helper.from_array(np.array([at], np.int64), f"{name}.{part}")
                       for part, at in {"one": 0, "other": 1, "end": BLOCK, "last": 2, "step": 2, "line": -1}.items()}
            gone |= {f"{name}.{part}" for part in ("float", "centred", "blocks", "flat")} | {name}
            nodes += [make_node("Slice", [f"{name}.{part}" for part in ("both", first, "end", "last", "step")], [f"{name}.{first}s"])
                      for first in ("one", "other")]
            nodes += [make_node("BitShift", [f"{name}.others", f"{name}.by"], [f"{name}.high"], direction="LEFT"),
                      make_node("BitwiseOr", [f"{name}.ones", f"{name}.high"], [f"{name}.pairs"]),       # neighbours in a byte, as it wants them
                      make_node("Reshape", [f"{name}.factors", f"{name}.line"], [f"{name}.scale"])]
            node = _product(node, f"{name}.pairs", f"{name}.scale", per * BLOCK, outputs, 4, BLOCK)
        nodes.append(node)
    for field, values in ((model.graph.node, [node for node in nodes if not gone & set(node.output)]), (model.graph.initializer, list(arrays.values()))):
        del field[:]
        field.extend(values)
    model.opset_import.append(make_opsetid("com.microsoft", 1))
    onnx.checker.check_model(model)
    onnx.save(model, graph)
    return graph


def _product(node: onnx.NodeProto, weights: str, scale: str, inputs: int, outputs: int, bits: int, block: int) -> onnx.NodeProto:
    """A MatMul by a matrix (outputs, inputs) of so many bits."""
    return make_node("MatMulNBits", [node.input[0], weights, scale], list(node.output), node.name, domain="com.microsoft",
                     K=inputs, N=outputs, bits=bits, block_size=block, accuracy_level=4)


def write_blocks(file: Path, blocks: Iterable[Blocks]) -> Path:
    """Blocks one after the other, each array from a page's beginning on."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("wb") as out:
        for part in (array for halves, scales, _ in blocks for array in (halves, scales)):
            out.write(part.tobytes())
            out.write(bytes(-out.tell() % PAGE))
    return file


def read_blocks(file: Path, shapes: Iterable[tuple[int, int]]) -> list[Blocks]:
    """What `write_blocks` wrote, of matrices of these shapes."""
    raw, at, out, sizes = file.read_bytes(), 0, [], [(rows * columns // BLOCK, columns) for rows, columns in shapes]
    expected = sum(padded_size for count, _ in sizes for padded_size in (_paged(count * BLOCK // 2), _paged(2 * count)))
    if expected != len(raw):
        raise ValueError(f"{file.name} has {len(raw):,} bytes; expected {expected:,}, of the blocks of {len(sizes)} matrices")
    for count, columns in sizes:
        halves = np.frombuffer(raw, np.uint8, count * BLOCK // 2, at).reshape(count, BLOCK // 2)
        at += _paged(halves.nbytes)
        scales = np.frombuffer(raw, np.float16, count, at)
        at += _paged(scales.nbytes)
        out.append((halves, scales, columns))
    return out


def _paged(size: int) -> int:
    """Bytes up to the end of the page."""
    return -(-size // PAGE) * PAGE


def set_apart(graph: Path, file: Path) -> Path:
    """Leave a graph's blocks to a file beside it, which several graphs may share; onnxruntime looks there by itself.

    Raises
    ------
    ValueError
        If the file, of `write_blocks`, doesn't hold them, or the graph has none.
    """
    model, raw = onnx.load(graph), file.read_bytes()
    if not any(array.name.endswith(".halves") for array in model.graph.initializer):
        raise ValueError(f"{graph.name} has no blocks: its weights aren't those of {file.name}, to the last bit")
    for array in model.graph.initializer:
        if array.name.endswith((".halves", ".scales")) and array.data_location != onnx.TensorProto.EXTERNAL:
            values = numpy_helper.to_array(array).tobytes()
            at = raw.find(values)
            if at < 0:
                raise ValueError(f"{file.name} doesn't hold {array.name} of {graph.name}: the graph was made with other blocks")
            array.ClearField("raw_data")
            array.data_location = onnx.TensorProto.EXTERNAL
            for key, value in (("location", file.name), ("offset", at), ("length", len(values))):
                array.external_data.add(key=key, value=str(value))
    onnx.save(model, graph)
    onnx.checker.check_model(str(graph))
    return graph


def packed(weight: np.ndarray, square: np.ndarray | None = None) -> Blocks:
    """A matrix (m, n) in 4-bit blocks.

    square
        (n, n), the sum of x x' over inputs x of the matrix. If given, what rounding a column gets wrong is made up for by the columns after
        it, so that the outputs change least, not the weights (Frantar et al. 2022, GPTQ, arXiv:2210.17323).

    >>> halves, scales, columns = packed(np.linspace(-1, 1, 64).reshape(2, 32))
    >>> bool(np.abs(unpacked(halves, scales) - np.linspace(-1, 1, 64).reshape(2, 32)).max() < 0.08), columns
    (True, 32)
    """
    rows, columns = weight.shape
    left = weight.astype(np.float64)
    steps, scales = np.zeros(weight.shape, np.uint8), np.zeros((rows, columns // BLOCK), np.float16)
    if square is not None:
        damped = square + DAMPING * np.diag(square).mean() * np.eye(columns)
        onward = np.linalg.cholesky(np.linalg.inv(damped)).T
    for first in range(0, columns, BLOCK):
        block = slice(first, first + BLOCK)
        scales[:, first // BLOCK] = _scales(left[:, block])
        factor = scales[:, first // BLOCK].astype(np.float64)[:, None]
        if square is None:
            steps[:, block] = _steps(left[:, block], factor)
            continue
        for i in range(first, first + BLOCK):
            steps[:, i] = _steps(left[:, i, None], factor)[:, 0]
            wrong = (left[:, i] - (steps[:, i] - 8.0) * factor[:, 0]) / onward[i, i]
            left[:, i:] -= np.outer(wrong, onward[i, i:])
    parts = steps.reshape(-1, BLOCK)
    return parts[:, : BLOCK // 2] | parts[:, BLOCK // 2 :] << 4, scales.ravel(), columns


def _scales(rows: np.ndarray) -> np.ndarray:
    """(n,) float16: for each row the scale, of either sign, whose sixteen steps have the least squared error."""
    largest = rows[np.arange(len(rows)), np.abs(rows).argmax(1)]
    best, out = np.full(len(rows), np.inf), np.zeros(len(rows), np.float16)
    for share in (*TRIED, *-TRIED):
        scale = (largest / 8 * share).astype(np.float16)
        factor = scale.astype(np.float64)[:, None]
        error = (((_steps(rows, factor) - 8.0) * factor - rows) ** 2).sum(1)
        better = error < best
        best[better], out[better] = error[better], scale[better]
    return out


def _steps(weights: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """0..15, eight is zero."""
    return np.clip(np.round(weights / np.where(factor == 0, 1, factor)) + 8, 0, 15).astype(np.uint8)


def unpacked(halves: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """(n, 32) float32 of blocks: low halves of the bytes first, eight is zero.

    >>> unpacked(np.full((1, 16), 0x98, np.uint8), np.ones(1, np.float16))[0, [0, 16]].tolist()
    [0.0, 1.0]
    """
    return (np.concatenate([halves & 15, halves >> 4], 1).astype(np.float32) - 8) * scales.astype(np.float32)[:, None]
