"""The baseline of the Odyssey 2024 challenge: WavLM, attentive statistics pooling, and layers of linear, layer norm and ReLU.

Goncalves et al. (2024), Odyssey 2024 - Speech Emotion Recognition Challenge, Odyssey; pooling: Okabe, Koshinaka & Shinoda (2018),
Attentive statistics pooling for deep speaker embedding, Interspeech, eqs. 1-6.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import torch
import transformers
from torch import nn

from attune.checkpoints import read_json
from attune.checkpoints.hub import filled, tensors

LEAST_VARIANCE = 1e-5


class Pool(nn.Module):
    """(n, t, d) -> (n, 2 d): mean and standard deviation over time, each moment weighed by what it says; those that the mask (n, t) leaves out by nothing."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.sap_linear = nn.Linear(d, d)
        self.attention = nn.Parameter(torch.zeros(d, 1))

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        weight = torch.tanh(self.sap_linear(x)) @ self.attention
        weight = (weight if mask is None else weight.masked_fill(~mask[..., None], -torch.inf)).softmax(1)
        mean = (x * weight).sum(1)
        variance = (x**2 * weight).sum(1) - mean**2
        return torch.cat([mean, variance.clamp(min=LEAST_VARIANCE).sqrt()], 1)


class Regression(nn.Module):
    def __init__(self, d: int, hidden: int, layers: int, outputs: int) -> None:
        super().__init__()
        sizes = [d, *[hidden] * layers]
        self.fc = nn.ModuleList(nn.Sequential(nn.Linear(a, b), nn.LayerNorm(b), nn.ReLU()) for a, b in itertools.pairwise(sizes))
        self.out = nn.Sequential(nn.Linear(hidden, outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.fc:
            x = layer(x)
        return self.out(x)


class Attributes(nn.Module):
    def __init__(self, encoder: transformers.WavLMConfig, hidden: int, layers: int, outputs: int) -> None:
        super().__init__()
        self.ssl_model = transformers.WavLMModel(encoder)
        self.pool_model = Pool(hidden)
        self.ser_model = Regression(2 * hidden, hidden, layers, outputs)

    @property
    def pads(self) -> bool:
        """Whether padding changes nothing of what the encoder hears before it: where it normalises each moment, not all of them at once."""
        return bool(self.ssl_model.config.feat_extract_norm == "layer")

    def features(self, samples: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """(n, t) sound -> (n, 2 hidden), pooled; mask (n, t): 1 where there is sound, 0 where there is padding."""
        last = self.ssl_model(samples, attention_mask=mask).last_hidden_state
        return self.pool_model(last, None if mask is None else self.ssl_model._get_feature_vector_attention_mask(last.shape[1], mask).bool())

    def forward(self, samples: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        return self.ser_model(self.features(samples, mask))


def net(weights: Path, encoder: Path) -> Attributes:
    """The net of a weights file, with its own config.json beside it, and the encoder's config.json in a folder of its own."""
    facts = read_json(weights.parent / "config.json")
    config = transformers.WavLMConfig.from_pretrained(encoder, local_files_only=True)
    made = Attributes(config, int(facts["hidden_size"]), int(facts["classifier_hidden_layers"]), int(facts["num_classes"]))
    loaded = filled(made, tensors(weights), weights.parent.name)
    assert isinstance(loaded, Attributes)
    return loaded
