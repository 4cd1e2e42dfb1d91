"""audEERING's regression net: wav2vec 2.0, the mean of its last layer over time, and a hidden layer with tanh.

Wagner et al. (2023), Dawn of the transformer era in speech emotion recognition: closing the valence gap, IEEE TPAMI 45(9), Sec. 3.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from transformers import Wav2Vec2Config, Wav2Vec2Model, Wav2Vec2PreTrainedModel

from attune.checkpoints.hub import strict


class Head(nn.Module):
    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.out_proj = nn.Linear(config.hidden_size, config.num_labels)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.out_proj(torch.tanh(self.dense(features)))


class Dimensions(Wav2Vec2PreTrainedModel):
    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__(config)
        self.wav2vec2 = Wav2Vec2Model(config)
        self.classifier = Head(config)
        self.post_init()

    def features(self, samples: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """(n, t) standardised sound -> (n, hidden), the mean of the last layer; mask (n, t): 1 where there is sound, 0 where there is padding."""
        last = self.wav2vec2(samples, attention_mask=mask).last_hidden_state
        if mask is None:
            return last.mean(1)
        heard = self._get_feature_vector_attention_mask(last.shape[1], mask)[..., None].to(last.dtype)
        return (last * heard).sum(1) / heard.sum(1)

    def forward(self, samples: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        return self.classifier(self.features(samples, mask))


def net(folder: Path) -> Dimensions:
    loaded: Dimensions = strict(Dimensions, folder)
    return loaded
