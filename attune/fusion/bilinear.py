"""Attention over each stream, factorized bilinear pooling of the two, a linear classifier.

    z_i = a' W_i v with W_i of rank k, W_i = U_i V_i',  so  z = sum over k of (U a) * (V v)

(Zhang, Wang & Du 2019; Yu et al. 2017, "MFB", for the pooling; Zhang, Du et al. 2018 for attention with a softened softmax.) What the
source leaves open (k, o, widths) are parameters. Streams are sequences with masks: positions of a spectrogram, voice embeddings,
face embeddings or action units per frame; a clip's mean is a sequence of one. Needs the extra `train` (torch).
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

TINY = 1e-12


class Attention(nn.Module):
    """A sequence (n, t, d) to its weighted mean (n, d): alpha = softmax(scale * u' tanh(W a + b)).

    scale 0 is the plain mean, 1 the plain softmax; the source's .3 keeps several positions in play.
    """

    def __init__(self, width: int, hidden: int = 64, scale: float = 0.3) -> None:
        super().__init__()
        self.scale = scale
        self.look, self.judge = nn.Linear(width, hidden), nn.Linear(hidden, 1, bias=False)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """mask (n, t) bool, True where there is something; returns (n, d) and the weights (n, t), 0 at padding."""
        e = self.scale * self.judge(torch.tanh(self.look(x))).squeeze(-1)
        if mask is not None:
            e = e.masked_fill(~mask, -1e9)
        weights = e.softmax(1)
        return (weights.unsqueeze(-1) * x).sum(1), weights


class BilinearPool(nn.Module):
    """Two vectors (n, a), (n, b) to (n, outputs): rank-k bilinear form, dropout on the product, sum pool, signed root, unit length."""

    def __init__(self, first: int, second: int, outputs: int = 128, rank: int = 4, dropout: float = 0.1, *, power: bool = True, norm: bool = True) -> None:
        super().__init__()
        self.rank, self.power, self.norm = rank, power, norm
        self.first, self.second = nn.Linear(first, outputs * rank, bias=False), nn.Linear(second, outputs * rank, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        product = self.dropout(self.first(a) * self.second(b))
        z = product.unflatten(1, (-1, self.rank)).sum(2)
        if self.power:                                       # the root's slope is infinite at 0: held finite there
            z = z.sign() * (z.abs() + TINY).sqrt()
        return functional.normalize(z, dim=1, eps=TINY) if self.norm else z

    def forms(self) -> Tensor:
        """(outputs, first, second) the matrices W_i that this stands for."""
        u, v = self.first.weight.unflatten(0, (-1, self.rank)), self.second.weight.unflatten(0, (-1, self.rank))
        return torch.einsum("okm,okn->omn", u, v)


class SpectrogramFCN(nn.Module):
    """The attention FCN's convolutions: (n, 1, bands, t) spectrogram to a sequence (n, positions, channels).

    AlexNet's stack with batch norm for its local response norm. width 1 is the source's (96 to 384 channels; 200 bands by 300
    frames give 40 positions of 256); .25 trains on a laptop.
    """

    def __init__(self, width: float = 1.0) -> None:
        super().__init__()
        c = [max(8, round(width * n)) for n in (96, 256, 384, 384, 256)]
        def layer(before: int, after: int, size: int, stride: int = 1) -> list[nn.Module]:
            return [nn.Conv2d(before, after, size, stride, size // 2 if stride == 1 else 0, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        self.stack = nn.Sequential(
            *layer(1, c[0], 11, 4), nn.MaxPool2d(3, 2), *layer(c[0], c[1], 5), nn.MaxPool2d(3, 2),
            *layer(c[1], c[2], 3), *layer(c[2], c[3], 3), *layer(c[3], c[4], 3), nn.MaxPool2d(3, 2),
        )
        self.channels = c[4]

    def forward(self, spectrogram: Tensor) -> Tensor:
        return self.stack(spectrogram).flatten(2).transpose(1, 2)


class Encoder(nn.Module):
    """Raw steps (n, t, d) to (n, t, width): standardised by what training clips had, dropout, a dense layer; on request a GRU over time.

    mean, deviation: (d,) of the training part, kept in the weights so that whoever uses the net brings raw numbers. Without a GRU every
    step is read by itself, and nothing after it depends on their order.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, mean: Tensor, deviation: Tensor, width: int, *, dropout: float = 0.3, recurrent: bool = False) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation.clamp(min=1e-6))
        self.dense = nn.Sequential(nn.Dropout(dropout), nn.Linear(len(mean), width), nn.ReLU())
        self.recurrent = nn.GRU(width, width, batch_first=True) if recurrent else None

    def forward(self, x: Tensor) -> Tensor:
        steps: Tensor = self.dense((x - self.mean) / self.deviation)
        return steps if self.recurrent is None else self.recurrent(steps)[0]


class Net(nn.Module):
    """Two masked sequences to logits (n, classes); `embed` also gives both attentions, `contexts` what they attend to.

    encoders: what each stream's raw steps pass first, giving (n, t, first) and (n, s, second); by default they are taken as they are.
    """

    def __init__(
        self, first: int, second: int, classes: int, *, outputs: int = 128, rank: int = 4, hidden: int = 64, scale: float = 0.3,
        dropout: float = 0.1, power: bool = True, encoders: tuple[nn.Module, nn.Module] | None = None,
    ) -> None:
        super().__init__()
        self.first_encoder, self.second_encoder = encoders or (nn.Identity(), nn.Identity())
        self.first_norm, self.second_norm = nn.LayerNorm(first), nn.LayerNorm(second)
        self.first, self.second = Attention(first, hidden, scale), Attention(second, hidden, scale)
        self.pool = BilinearPool(first + 1, second + 1, outputs, rank, dropout, power=power)      # the 1 keeps each stream's own say
        self.out = nn.Linear(outputs, classes)

    def contexts(self, a: Tensor, b: Tensor, a_mask: Tensor | None = None, b_mask: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """(n, first) and (n, second), the weighted means of both streams, and their attention weights (n, t), (n, s)."""
        x, alpha = self.first(self.first_norm(self.first_encoder(a)), a_mask)
        y, beta = self.second(self.second_norm(self.second_encoder(b)), b_mask)
        return x, y, alpha, beta

    def embed(self, a: Tensor, b: Tensor, a_mask: Tensor | None = None, b_mask: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """(n, outputs) pooled, and the attention weights of both streams."""
        x, y, alpha, beta = self.contexts(a, b, a_mask, b_mask)
        return self.pool(functional.pad(x, (0, 1), value=1.0), functional.pad(y, (0, 1), value=1.0)), alpha, beta

    def forward(self, a: Tensor, b: Tensor, a_mask: Tensor | None = None, b_mask: Tensor | None = None) -> Tensor:
        return self.out(self.embed(a, b, a_mask, b_mask)[0])


def shuffled(frames: Tensor, mask: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Frames (n, t, d) in a random order within each clip's mask (n, t): the source's augmentation for recurrent heads."""
    keys = torch.rand(mask.shape, generator=generator).masked_fill(~mask, 2.0)
    order = keys.argsort(dim=1, stable=True)
    return frames.gather(1, order.unsqueeze(-1).expand_as(frames))


def export(net: Net, path: Path, first: int, second: int) -> Path:
    """Write sequences of any length (1, t, first), (1, s, second) -> logits and both attentions as ONNX."""

    class Graph(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net.eval()

        def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            pooled, alpha, beta = self.net.embed(a, b)
            return self.net.out(pooled), alpha, beta

    torch.onnx.export(
        Graph().eval(), (torch.zeros(1, 5, first), torch.zeros(1, 7, second)), str(path), input_names=["first", "second"],
        output_names=["logits", "first_attention", "second_attention"], opset_version=17, dynamo=False,
        dynamic_axes={"first": {1: "t"}, "second": {1: "s"}, "first_attention": {1: "t"}, "second_attention": {1: "s"}},
    )
    return path
