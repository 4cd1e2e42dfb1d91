"""Variation, so that a model learns what stays: a sound as another microphone, room, line or throat would have given it, a picture
of sound with parts hidden, two items mixed. Every function takes its random generator; the same one gives the same variation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from attune import perturb
from attune.voice.features import SAMPLE_RATE


@dataclass(frozen=True)
class Variation:
    """How often each thing happens to a sound (0..1), in this order, and how far it goes (uniform between the two)."""

    speed: float = 0.3
    tempo: float = 0.2
    pitch: float = 0.2
    room: float = 0.2
    noise: float = 0.3
    telephone: float = 0.1
    codec: float = 0.0                    # the slowest of them, 14 ms of CPU per second of sound
    gain: float = 0.5
    speeds: tuple[float, float] = (0.9, 1.1)               # times
    tempos: tuple[float, float] = (0.88, 1.14)             # times
    semitones: tuple[float, float] = (-2.0, 2.0)
    reverberation: tuple[float, float] = (0.15, 0.8)       # s until 60 dB down
    direct: tuple[float, float] = (0.0, 15.0)              # dB of what comes straight above what comes back
    ratio: tuple[float, float] = (5.0, 35.0)               # dB of speech above noise
    slope: tuple[float, float] = (-6.0, 0.0)               # dB per octave of the noise
    bitrates: tuple[int, ...] = (6_000, 8_000, 12_000, 24_000)    # bit/s
    decibels: tuple[float, float] = (-20.0, 20.0)


USUAL = Variation()


def varied(samples: np.ndarray, rng: np.random.Generator, how: Variation = USUAL, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """A sound (samples,) as it might have been recorded elsewhere, by somebody else; another length where it is said quicker or slower."""
    steps: list[tuple[float, Callable[[np.ndarray], np.ndarray]]] = [
        (how.speed, lambda x: perturb.speed(x, rng.uniform(*how.speeds))),
        (how.tempo, lambda x: perturb.tempo(x, rng.uniform(*how.tempos), sample_rate)),
        (how.pitch, lambda x: perturb.pitch(x, rng.uniform(*how.semitones), sample_rate)),
        (how.room, lambda x: perturb.room(x, rng.uniform(*how.reverberation), rng, direct=rng.uniform(*how.direct), sample_rate=sample_rate)),
        (how.noise, lambda x: perturb.noise(x, rng.uniform(*how.ratio), rng, slope=rng.uniform(*how.slope))),
        (how.telephone, lambda x: perturb.telephone(x, sample_rate)),
        (how.codec, lambda x: perturb.codec(x, int(rng.choice(how.bitrates)), sample_rate)),
        (how.gain, lambda x: perturb.gain(x, rng.uniform(*how.decibels))),
    ]
    for often, change in steps:
        if rng.random() < often:
            samples = change(samples)
    return samples


def hidden(picture: np.ndarray, rng: np.random.Generator, *, bands: int = 8, steps: int = 10, times: int = 1) -> np.ndarray:
    """A (t, d) picture of sound with up to `bands` bands and up to `steps` steps of time set to its mean, `times` times each.

    Park et al. (2019), SpecAugment, sections 2 and 3, without the warp.
    """
    out, middle = np.array(picture), picture.mean()
    t, d = out.shape
    for _ in range(times):
        width, span = int(rng.integers(0, min(bands, d) + 1)), int(rng.integers(0, min(steps, t) + 1))
        low, start = int(rng.integers(0, d - width + 1)), int(rng.integers(0, t - span + 1))
        out[:, low : low + width] = middle
        out[start : start + span] = middle
    return out


@dataclass(frozen=True)
class Mixed:
    """x (n, ...) mixed of pairs; targets and those of the partner by taxonomy, (n, k); share (n,) of the first."""

    x: Tensor
    targets: Mapping[str, Tensor]
    others: Mapping[str, Tensor]
    share: Tensor

    def loss(self, rows: Callable[[Mapping[str, Tensor]], Tensor]) -> Tensor:
        """Average of (n,) losses of both targets, each by its share; works with targets that know different labels."""
        return (self.share * rows(self.targets) + (1 - self.share) * rows(self.others)).mean()


def mixup(x: Tensor, targets: Mapping[str, Tensor], rng: np.random.Generator, alpha: float = 0.4) -> Mixed:
    """Every row of a batch mixed with another, by a share from Beta(alpha, alpha). Zhang et al. (2018), eq. 1.

    Targets are not averaged, since a label that one of the two corpora doesn't have would be lost; `Mixed.loss` weighs losses.
    """
    share = torch.from_numpy(rng.beta(alpha, alpha, len(x))).to(x)
    other = torch.from_numpy(rng.permutation(len(x))).to(x.device)
    part = share.reshape(-1, *[1] * (x.ndim - 1))
    return Mixed(part * x + (1 - part) * x[other], targets, {name: t[other] for name, t in targets.items()}, share)
