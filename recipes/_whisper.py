"""The first layers of Whisper's encoder, to teach from: read from a folder of CTranslate2's, run on one clip or many.

    Radford et al. (2023), Robust speech recognition via large-scale weak supervision, ICML. Weights MIT.

`faster-whisper` fetches and keeps such a folder (`model.bin` beside `config.json`); the recipes take it by path and state its hash.
"""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import nn
from torch.nn import functional

KINDS: dict[int, Any] = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
HEADS = 8                                # of Whisper base


def digest(folder: Path) -> str:
    """sha256 of the weights in a folder."""
    return hashlib.sha256((folder / "model.bin").read_bytes()).hexdigest()


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    """Name -> tensor of CTranslate2's binary format, version 6: a header, then for each its name, shape, kind and numbers."""
    with (folder / "model.bin").open("rb") as file:
        version = _number(file, "I")
        if version != 6:
            raise SystemExit(f"{folder}/model.bin is of version {version} of CTranslate2's format; expected 6, as Whisper is converted since 2022")
        _text(file)
        _number(file, "I")
        found = {}
        for _ in range(_number(file, "I")):
            name, rank = _text(file), _number(file, "B")
            shape = [_number(file, "I") for _ in range(rank)]
            kind = KINDS[_number(file, "B")]
            found[name] = torch.from_numpy(np.frombuffer(file.read(_number(file, "I")), kind).reshape(shape).astype(np.float32))
        return found


def _number(file: BinaryIO, kind: str) -> int:
    return int(struct.unpack("<" + kind, file.read(struct.calcsize("<" + kind)))[0])


def _text(file: BinaryIO) -> str:
    return file.read(_number(file, "H")).rstrip(b"\0").decode()


class Layer(nn.Module):
    """(n, t, d) -> (n, t, d): attention and a feed-forward net, each normed before and added to what came in."""

    def __init__(self, d: int, heads: int = HEADS) -> None:
        super().__init__()
        self.heads = heads
        self.norm, self.mix, self.out = nn.LayerNorm(d), nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.norm_wide, self.wide, self.narrow = nn.LayerNorm(d), nn.Linear(d, 4 * d), nn.Linear(4 * d, d)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.both(x)[0]

    def both(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What comes out, and what stands inside the feed-forward net (n, t, 4 d)."""
        n, t, d = x.shape
        query, key, value = self.mix(self.norm(x)).reshape(n, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4).unbind(0)
        weight = (query @ key.transpose(2, 3) / (d // self.heads) ** 0.5).softmax(3)
        x = x + self.out((weight @ value).transpose(1, 2).reshape(n, t, d))
        inside = functional.gelu(self.wide(self.norm_wide(x)))
        return x + self.narrow(inside), inside

    def filled(self, of: dict[str, torch.Tensor], name: str) -> Layer:
        """With a layer's weights from `tensors`."""
        attention, wide = f"{name}/self_attention", f"{name}/ffn"
        for module, source in ((self.mix, f"{attention}/linear_0"), (self.out, f"{attention}/linear_1"), (self.wide, f"{wide}/linear_0"),
                               (self.narrow, f"{wide}/linear_1")):
            module.weight.data, module.bias.data = of[f"{source}/weight"].clone(), of[f"{source}/bias"].clone()
        for norm, source in ((self.norm, attention), (self.norm_wide, wide)):
            norm.weight.data, norm.bias.data = of[f"{source}/layer_norm/gamma"].clone(), of[f"{source}/layer_norm/beta"].clone()
        return self


class Neighbours(nn.Module):
    """(n, t, a) -> (n, t / step, b): a convolution of three frames, as a product of matrices, which onnxruntime counts in 8-bit numbers like others."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor, step: int) -> None:
        super().__init__()
        b, a, self.width = weight.shape
        self.line, self.step = nn.Linear(self.width * a, b), step
        self.line.weight.data, self.line.bias.data = weight.transpose(1, 2).reshape(b, -1).clone(), bias.clone()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        t, around = x.shape[1], functional.pad(x, (0, 0, self.width // 2, self.width // 2))
        return self.line(torch.cat([around[:, k : k + t : self.step] for k in range(self.width)], 2))


class Front(nn.Module):
    """(n, t, 80) log-mel of Whisper's kind -> what its first `depth` layers make of it, [(n, t / 2, 512), ...], the first before any."""

    def __init__(self, of: dict[str, torch.Tensor], depth: int) -> None:
        super().__init__()
        d = len(of["encoder/conv1/weight"])
        self.first, self.second = (Neighbours(of[f"encoder/conv{k}/weight"], of[f"encoder/conv{k}/bias"], step=k) for k in (1, 2))
        self.register_buffer("place", of["encoder/position_encodings/encodings"].clone())
        self.layers = nn.ModuleList(Layer(d).filled(of, f"encoder/layer_{k}") for k in range(depth))

    def forward(self, mel: torch.Tensor) -> list[torch.Tensor]:
        return self.both(mel)[0]

    def both(self, mel: torch.Tensor) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """That, and what stands inside each layer's feed-forward net, [(n, t / 2, 2048), ...]."""
        x = functional.gelu(self.second(functional.gelu(self.first(mel))))
        out, insides = [x + self.place[: x.shape[1]]], []
        for layer in self.layers:
            x, inside = layer.both(out[-1])
            out.append(x)
            insides.append(inside)
        return out, insides
