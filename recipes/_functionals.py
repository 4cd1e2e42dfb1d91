"""What a picture of sound is over time, in so many numbers: as torch has it, so that it goes into a packaged graph as it was taught."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from attune.voice.features import N_MELS

COSINES = 16                             # of a frame's spectrum, the smoothest
PEAK = 2.0                               # e-fold by which a unit of loudness weighs more in the mean of what is loud


class Functionals(nn.Module):
    """(1, t, 64) pictures of any length -> (1, 528): of the bands, the mean, the deviation, the mean of what is loud and the mean change from frame to
    frame; and of the spectrum's first cosines, how they go together, and how their changes over two frames do.

    Nothing changes before the first frame, so that a picture of one frame has functionals, too. Functionals of spectra and of
    their changes are what emotion was measured by before nets (Schuller, Steidl and Batliner 2009, The INTERSPEECH 2009 emotion challenge).
    """

    def __init__(self) -> None:
        super().__init__()
        angle = np.pi / N_MELS * (np.arange(N_MELS)[:, None] + 0.5) * np.arange(COSINES)
        basis = np.cos(angle) * np.where(np.arange(COSINES), 2, 1) ** 0.5 / N_MELS**0.5
        self.register_buffer("cosines", torch.from_numpy(basis.astype(np.float16).astype(np.float32)))
        upper = np.flatnonzero(np.triu(np.ones((COSINES, COSINES))))
        self.register_buffer("upper", torch.from_numpy(upper), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x[0]
        mean, level = x.mean(0), x.mean(1, keepdim=True)
        loud = (PEAK * (level - level.max())).exp()
        c = x @ self.cosines
        parts = [mean, (x - mean).square().mean(0).sqrt(), (loud * x).sum(0) / loud.sum(), changed(x, 1).abs().mean(0),
                 self.together(c - c.mean(0)), self.together(changed(c, 2))]
        return torch.cat(parts)[None]

    def together(self, x: torch.Tensor) -> torch.Tensor:
        """(136,) mean products of each two columns of (t, 16)."""
        return (x.T @ x / x.shape[0]).flatten().index_select(0, self.upper)


def changed(x: torch.Tensor, frames: int) -> torch.Tensor:
    """How far each row of (t, d) is from the one so many frames before it, or from the first: (t, d)."""
    return x - torch.cat([x[:1].expand(frames, -1), x])[:-frames]
