"""EmoNet: the face-alignment net's hourglasses see where a face's parts are, and the expression is read where they look.

Toisoul, Kossaifi, Bulat, Tzimiropoulos & Pantic (2021), Estimation of continuous valence and arousal levels from faces in naturalistic
conditions, Nature Machine Intelligence 3, Fig. 2; blocks and hourglasses: Bulat & Tzimiropoulos (2017), How far are we from solving the
2D & 3D face alignment problem?, ICCV. Layers carry the names that the published weights have.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from attune.checkpoints.hub import filled, tensors

HOURGLASSES, DEPTH, WIDE, LANDMARKS = 2, 4, 256, 68
READ = 4                                 # blocks, each halving the picture, that read the expression
DIMENSIONS = 2                           # valence, arousal


class Block(nn.Module):
    """Three convolutions in a row, side by side in the end, beside a way around them."""

    def __init__(self, given: int, out: int) -> None:
        super().__init__()
        sizes = (given, out // 2, out // 4, out // 4)
        for i, (a, b) in enumerate(itertools.pairwise(sizes), start=1):
            self.add_module(f"bn{i}", nn.BatchNorm2d(a))
            self.add_module(f"conv{i}", nn.Conv2d(a, b, 3, padding=1, bias=False))
        self.downsample = nn.Sequential(nn.BatchNorm2d(given), nn.ReLU(), nn.Conv2d(given, out, 1, bias=False)) if given != out else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts, last = [], x
        for i in (1, 2, 3):
            last = self.get_submodule(f"conv{i}")(self.get_submodule(f"bn{i}")(last).relu())
            parts.append(last)
        return torch.cat(parts, 1) + (x if self.downsample is None else self.downsample(x))


class HourGlass(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        for level in range(DEPTH, 0, -1):
            for name in ("b1", "b2", "b3", *(("b2_plus",) if level == 1 else ())):
                self.add_module(f"{name}_{level}", Block(WIDE, WIDE))

    def forward(self, x: torch.Tensor, level: int = DEPTH) -> torch.Tensor:
        def block(name: str, y: torch.Tensor) -> torch.Tensor:
            return self.get_submodule(f"{name}_{level}")(y)

        low = block("b2", functional.max_pool2d(x, 2))
        low = block("b3", self(low, level - 1) if level > 1 else block("b2_plus", low))
        return block("b1", x) + functional.interpolate(low, scale_factor=2, mode="nearest")


class EmoNet(nn.Module):
    """(1, 3, 256, 256) in 0..1 -> expressions' logits, then valence and arousal: (1, expressions + 2)."""

    def __init__(self, expressions: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, stride=2, padding=3), nn.BatchNorm2d(64)
        self.conv2, self.conv3, self.conv4 = Block(64, 128), Block(128, 128), Block(128, WIDE)
        for i in range(HOURGLASSES):
            self.add_module(f"m{i}", HourGlass())
            self.add_module(f"top_m_{i}", Block(WIDE, WIDE))
            self.add_module(f"conv_last{i}", nn.Conv2d(WIDE, WIDE, 1))
            self.add_module(f"bn_end{i}", nn.BatchNorm2d(WIDE))
            self.add_module(f"l{i}", nn.Conv2d(WIDE, LANDMARKS, 1))
            if i < HOURGLASSES - 1:
                self.add_module(f"bl{i}", nn.Conv2d(WIDE, WIDE, 1))
                self.add_module(f"al{i}", nn.Conv2d(LANDMARKS, WIDE, 1))
        self.conv1x1_input_emo_2 = nn.Conv2d(WIDE * (HOURGLASSES + 1), WIDE, 1)
        self.emo_net_2 = nn.Sequential(*(part for _ in range(READ) for part in (Block(WIDE, WIDE), nn.MaxPool2d(2))))
        self.emo_fc_2 = nn.Sequential(nn.Linear(WIDE, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Linear(128, expressions + DIMENSIONS))

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """(1, 256), what the expression is read from."""
        x = functional.max_pool2d(self.conv2(self.bn1(self.conv1(x)).relu()), 2)
        x = self.conv4(self.conv3(x))
        previous, looked, heat = x, [], x
        for i in range(HOURGLASSES):
            def part(name: str, y: torch.Tensor, i: int = i) -> torch.Tensor:
                return self.get_submodule(f"{name}{i}")(y)

            y = part("bn_end", part("conv_last", part("top_m_", part("m", previous)))).relu()
            heat = part("l", y)
            if i < HOURGLASSES - 1:
                y = part("bl", y)
                previous = previous + y + part("al", heat)
            looked.append(y)
        attended = torch.cat(looked, 1) * heat.sum(1, keepdim=True)
        return functional.avg_pool2d(self.emo_net_2(self.conv1x1_input_emo_2(torch.cat([x, attended], 1))), 4).flatten(1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.emo_fc_2(self.features(x))


def net(path: Path, expressions: int) -> EmoNet:
    loaded = filled(EmoNet(expressions), tensors(path), path.name)
    assert isinstance(loaded, EmoNet)
    return loaded
