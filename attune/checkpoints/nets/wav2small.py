"""Wav2Small: a log-mel picture by fixed convolutions, seven small convolutions, and pooling over time by a softmax of its own.

Kounadis-Bastian et al. (2024), Wav2Small: distilling wav2vec2 to 72K parameters for low-resource speech emotion recognition,
arXiv:2408.13920. Window, filters and channels come with the weights: their shapes say how many there are.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from attune.checkpoints.hub import filled, tensors

HOP = 32                                 # samples, half of the window of 64
FLOOR = 1e-10                            # least power before the logarithm
LAYERS = 7
POOLED_AFTER = 3


class Spectrum(nn.Module):
    """(1, t) -> (1, bins, t'): power, by two fixed convolutions with the window's sines and cosines."""

    def __init__(self, bins: int, window: int) -> None:
        super().__init__()
        self.conv_real, self.conv_imag = (nn.Conv1d(1, bins, window, stride=HOP, bias=False) for _ in range(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv_real(x[:, None]) ** 2 + self.conv_imag(x[:, None]) ** 2


class Mel(nn.Module):
    """(1, bins, t) -> (1, 1, t, mels), in decibels."""

    def __init__(self, bins: int, mels: int) -> None:
        super().__init__()
        self.register_buffer("melW", torch.zeros(bins, mels))
        self.register_buffer("amin", torch.tensor([FLOOR]))

    def forward(self, power: torch.Tensor) -> torch.Tensor:
        return 10 * torch.log10(torch.maximum(power[:, None].transpose(2, 3) @ self.melW, self.amin))


class Conv(nn.Module):
    def __init__(self, given: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(given, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.conv(x)).relu()


class Vgg7(nn.Module):
    def __init__(self, channels: int, bins: int, window: int, mels: int) -> None:
        super().__init__()
        self.spectrogram_extractor, self.logmel_extractor = Spectrum(bins, window), Mel(bins, mels)
        for i in range(LAYERS):
            self.add_module(f"l{i + 1}", Conv(channels if i else 1, channels))
        self.shrink = nn.MaxPool2d(3, stride=2, padding=1)
        self.lin, self.sof = nn.Conv2d(channels, channels, 1), nn.Conv2d(channels, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.logmel_extractor(self.spectrogram_extractor(x))
        for i in range(1, LAYERS + 1):
            x = self.get_submodule(f"l{i}")(x)
            x = self.shrink(x) if i == POOLED_AFTER else x
        x = (self.lin(x) * self.sof(x).softmax(2)).sum(2)                      # over time: (1, channels, mels / 2)
        return torch.cat([x, x @ x.transpose(1, 2)], 2).flatten(1)


class Wav2Small(nn.Module):
    def __init__(self, channels: int, bins: int, window: int, mels: int, outputs: int) -> None:
        super().__init__()
        self.vgg7 = Vgg7(channels, bins, window, mels)
        self.adv = nn.Linear(channels * ((mels + 1) // 2 + channels), outputs)

    def features(self, samples: torch.Tensor) -> torch.Tensor:
        """(1, t) standardised sound -> (1, d)."""
        return self.vgg7(samples)

    def forward(self, samples: torch.Tensor) -> torch.Tensor:
        return self.adv(self.features(samples))


def net(path: Path) -> Wav2Small:
    weights = tensors(path)
    made = Wav2Small(**_sizes(weights, path.parent.name))
    loaded = filled(made, weights, path.parent.name)
    assert isinstance(loaded, Wav2Small)
    return loaded


def _sizes(weights: Mapping[str, torch.Tensor], name: str) -> dict[str, int]:
    from attune.errors import WeightsError

    try:
        window = weights["vgg7.spectrogram_extractor.conv_real.weight"].shape
        return {"channels": weights["vgg7.l1.conv.weight"].shape[0], "bins": window[0], "window": window[2],
                "mels": weights["vgg7.logmel_extractor.melW"].shape[1], "outputs": weights["adv.weight"].shape[0]}
    except KeyError as error:
        raise WeightsError(f"{name} lacks the weights {error.args[0]}; it is another net than its adapter is for, or damaged") from error
