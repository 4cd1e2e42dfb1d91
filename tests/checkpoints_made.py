"""Tiny checkpoints made by code: the files and names that a published one has, filled with random numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from attune import checkpoints


def settle(module, *folders: Path) -> None:
    """Copy folders to where a model's checkpoints belong, in their order, and write their locks: what `attune models add --from` does."""
    from attune.checkpoints import fetch

    for checkpoint, folder in zip(module.CHECKPOINTS, folders, strict=True):
        fetch.add(checkpoint, "it", source=folder)


def unpinned(monkeypatch, module) -> None:
    """Take a model's sums away, which a file made here can't have."""
    import dataclasses

    monkeypatch.setattr(module, "CHECKPOINTS", tuple(dataclasses.replace(c, sha256={}) for c in module.CHECKPOINTS))


def fresh(module):
    """The model as it is loaded anew."""
    module.load.cache_clear()
    return module.load()


def write_config(folder: Path, **facts) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(facts))
    return folder


def linear_graph(path: Path, inputs: dict[str, list], weight: np.ndarray, bias: np.ndarray, *, over: tuple[int, ...], kind: int = TensorProto.FLOAT,
                 outputs: tuple[str, ...] = ("output",)) -> Path:
    """An ONNX file: the mean of the first input over the axes `over`, times weight (d, k), plus bias (k,)."""
    first = next(iter(inputs))
    nodes = [helper.make_node("Cast", [first], ["floats"], to=TensorProto.FLOAT),
             helper.make_node("ReduceMean", ["floats", "axes"], ["mean"], keepdims=0)]
    nodes += [helper.make_node("Gemm", ["mean", "weight", "bias"], [outputs[0]])]
    nodes += [helper.make_node("Identity", [outputs[0]], [other]) for other in outputs[1:]]
    graph = helper.make_graph(
        nodes, "tiny", [helper.make_tensor_value_info(name, kind, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, len(bias)]) for name in outputs],
        [numpy_helper.from_array(weight.astype(np.float32), "weight"), numpy_helper.from_array(bias.astype(np.float32), "bias"),
         numpy_helper.from_array(np.array(over, np.int64), "axes")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(path))
    return path


def word_tokenizer(path: Path, words: list[str]) -> Path:
    """A tokenizer.json that knows these words, and [UNK]; it begins with <s> and ends with </s>, as RoBERTa's does."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    known = {word: i for i, word in enumerate(["<s>", "</s>", "[UNK]", *words])}
    made = Tokenizer(models.WordLevel(known, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)])
    path.parent.mkdir(parents=True, exist_ok=True)
    made.save(str(path))
    return path


def lock_of(module) -> dict:
    return checkpoints.locked(module.CHECKPOINTS[0])
