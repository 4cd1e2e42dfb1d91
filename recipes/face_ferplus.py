"""Face expression v1: a thin residual net trained on the ten raters' votes of FER+.

    python recipes/face_ferplus.py --data DIR --out runs/face_ferplus

DIR holds FER+ in one of the layouts of `attune.datasets.ferplus`. The recipe trains (or goes on, if it was interrupted),
chooses the test view, prior adjustment and temperature on its own dev pictures, exports to ONNX, checks the export against
torch, brings its convolutions to 8 bits, scores the PublicTest part, which nothing before has touched, and writes metrics and card.
Needs the extra `train`.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnxruntime import quantization
from rerun import again
from torch import nn
from torch.nn import functional as F  # noqa: N812 (the name that every reader of torch knows)

from attune import metrics
from attune.datasets import Item, ferplus
from attune.face.models import ferplus_resnet
from attune.train import Schedule, fit, seed_everything
from attune.weights import digest, session

HERE = Path(ferplus_resnet.__file__).parent
NAME = Path(ferplus_resnet.__file__).stem

VIEW = 40                                # pixels of a training view, cut from 48
BATCH = 64
DEV = 2500                               # pictures of the train part that are held out to choose with
SEED = 0
PRIOR = 0.3                              # largest share of the log prior that may be taken off the logits: mild, the votes stay near
COST = 0.005                             # largest loss of dev accuracy for which it may be
PARITY = 1e-4                            # largest difference between torch and ONNX, before the convolutions are brought to 8 bits
CALIBRATION = 400                        # pictures of the train part that say how large the numbers between the layers are
KEPT = 99.999                            # per cent of these numbers that lie within what 8 bits can say; the rest is cut off
FREQUENT = [ferplus.EMOTIONS.index(e) for e in ("neutral", "happiness", "surprise", "sadness", "anger", "fear")]


# The net ---------------------------------------------------------------------------------------------------------------------------

class Block(nn.Module):
    """Two 3x3 convolutions and a way around them (He et al. 2016, basic block)."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(after)
        self.second = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(after)
        self.around = nn.Identity() if (before, stride) == (after, 1) else nn.Sequential(
            nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu(self.first_norm(self.first(x)))
        return F.relu(self.second_norm(self.second(y)) + self.around(x))


class Net(nn.Module):
    """(n, 1, s, s) standardised grey pictures -> (n, 8) logits."""

    def __init__(self, widths: tuple[int, ...] = (32, 64, 128, 192), dropout: float = 0.2) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, widths[0], 5, 2, 2, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU())
        before = (widths[0], *widths)
        self.blocks = nn.Sequential(*(Block(b, a, 1 if i == 0 else 2) for i, (b, a) in enumerate(zip(before, widths, strict=False))))
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(widths[-1], len(ferplus.EMOTIONS))

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """(n, 192) means over the picture of the last block."""
        return self.blocks(self.stem(x)).mean((2, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.dropout(self.features(x)))


class Packaged(nn.Module):
    """What goes into the ONNX file: both mirror views through the net, prior taken off, temperature, probabilities.

    (n, 1, 48, 48) standardised -> probabilities (n, 8), features (n, 192).
    """

    def __init__(self, net: Net, view: int, offset: torch.Tensor, temperature: float) -> None:
        super().__init__()
        self.net, self.view, self.temperature = net, view, temperature
        self.register_buffer("offset", offset)

    def forward(self, face: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        seen = middle(face, self.view)
        features = both_ways(self.net, seen)
        return F.softmax((self.net.head(features) - self.offset) / self.temperature, 1), features


def both_ways(net: Net, pictures: torch.Tensor) -> torch.Tensor:
    """Features (n, 192), mean over each picture and its mirror image."""
    return net.features(torch.cat([pictures, pictures.flip(3)])).unflatten(0, (2, -1)).mean(0)        # in one go: weights are fetched once


def middle(pictures: torch.Tensor, view: int) -> torch.Tensor:
    edge = (pictures.shape[3] - view) // 2
    return pictures[:, :, edge : edge + view, edge : edge + view]


# The pictures ----------------------------------------------------------------------------------------------------------------------

def standardise(pictures: torch.Tensor) -> torch.Tensor:
    """Each picture (n, 1, h, w) to mean 0 and standard deviation 1, so that light and contrast don't count."""
    return (pictures - pictures.mean((1, 2, 3), keepdim=True)) / pictures.std((1, 2, 3), keepdim=True, correction=0).clamp_min(1.0)


def distort(pictures: torch.Tensor, view: int = VIEW) -> torch.Tensor:
    """A random view of each grey picture 0..255: turned by up to 12 degrees, scaled by up to 12 %, shifted by up to 4 pixels,
    mirrored, contrast bent, blurred or partly hidden; standardised."""
    n, size = len(pictures), pictures.shape[3]

    def uniform(low: float, high: float) -> torch.Tensor:
        return torch.empty(n).uniform_(low, high)

    angle, scale = torch.deg2rad(uniform(-12, 12)), uniform(0.88, 1.12) * view / size
    mirror = torch.where(torch.rand(n) < 0.5, -1.0, 1.0)
    shift = [uniform(-1, 1) * (size - view) / size for _ in range(2)]
    matrix = torch.stack([
        torch.stack([mirror * scale * angle.cos(), -scale * angle.sin(), shift[0]], 1),
        torch.stack([mirror * scale * angle.sin(), scale * angle.cos(), shift[1]], 1),
    ], 1)
    grid = F.affine_grid(matrix, [n, 1, view, view], align_corners=False)
    seen = F.grid_sample(pictures, grid, mode="bilinear", padding_mode="reflection", align_corners=False)

    bend = torch.exp(uniform(-0.4, 0.4)).view(-1, 1, 1, 1)
    seen = 255 * (seen / 255).clamp(0, 1).pow(bend)
    soft = torch.rand(n) < 0.15
    if soft.any():
        seen[soft] = F.avg_pool2d(F.pad(seen[soft], (1, 1, 1, 1), mode="reflect"), 3, 1)
    seen = standardise(seen)

    hidden = torch.rand(n) < 0.35
    height, width = torch.randint(6, 17, (n,)), torch.randint(6, 17, (n,))
    top, left = (torch.rand(n) * (view - height)).int(), (torch.rand(n) * (view - width)).int()
    line = torch.arange(view)
    rows = (line >= top[:, None]) & (line < (top + height)[:, None])
    columns = (line >= left[:, None]) & (line < (left + width)[:, None])
    return seen.masked_fill((rows[:, None, :, None] & columns[:, None, None, :]) & hidden.view(-1, 1, 1, 1), 0.0)


class Part:
    """Pictures (n, 1, 48, 48) uint8, votes (n, 10), targets (n, 8), true classes and groups (n,) of one part."""

    def __init__(self, pictures: list[Item]) -> None:
        self.pixels = torch.from_numpy(np.stack([p.pixels for p in pictures])[:, None])
        self.votes = np.stack([p.about["votes"] for p in pictures])
        self.target = ferplus.distribution(self.votes)
        self.majority = ferplus.majority(self.votes)
        self.group = np.array([p.group for p in pictures])

    def __len__(self) -> int:
        return len(self.votes)

    def inputs(self) -> torch.Tensor:
        return standardise(self.pixels.float())


def parts(root: Path) -> tuple[Part, Part, Part]:
    """Train, dev and test. Train and dev are the official train part without duplicates of other parts; identical pictures stay
    on one side. Test is PublicTest. Where no emotion has two votes, or most say "unknown" or "no face", there is nothing to learn."""
    everything = list(ferplus.items(root))
    votes = np.stack([p.about["votes"] for p in everything])
    left = ferplus.without_single_votes(votes)
    clear = left[:, :8].sum(1) > left[:, 8:].sum(1)
    own = [p for p, ok in zip(everything, clear, strict=True) if p.split == "train" and ok and not p.about["duplicate"]]
    groups = sorted({p.group for p in own})
    np.random.default_rng(SEED).shuffle(groups)
    position = {g: i for i, g in enumerate(groups)}
    dev = [p for p in own if position[p.group] < DEV]
    train = [p for p in own if position[p.group] >= DEV]
    return Part(train), Part(dev), Part([p for p in everything if p.split == "dev"])


def batches(train: Part) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Endless batches of raw pictures and vote distributions, each picture once an epoch."""
    rng = np.random.default_rng(SEED)
    target = torch.from_numpy(train.target).float()
    while True:
        order = torch.from_numpy(rng.permutation(len(train)))
        for pick in order.split(BATCH)[:-1]:
            yield train.pixels[pick], target[pick]


def loss(net: nn.Module, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
    """Cross-entropy with the distribution of the votes."""
    pixels, target = batch
    return -(target * F.log_softmax(net(distort(pixels.float())), 1)).sum(1).mean()


# Choosing on dev -------------------------------------------------------------------------------------------------------------------

def logits(net: Net, inputs: torch.Tensor, view: int, *, mirrored: bool = True) -> torch.Tensor:
    """(n, 8) logits of the middle of each picture, as `Packaged` computes them before the prior comes off."""
    with torch.no_grad():
        seen = [middle(x, view) for x in inputs.split(256)]
        return torch.cat([net.head(both_ways(net, x) if mirrored else net.features(x)) for x in seen])


def soft_loss(scores: torch.Tensor, target: np.ndarray) -> float:
    """Cross-entropy of logits with the distribution of the votes."""
    return float(-(torch.from_numpy(target).float() * F.log_softmax(scores, 1)).sum(1).mean())


def temperature_for(scores: torch.Tensor, target: np.ndarray) -> float:
    """The temperature with the least cross-entropy with the votes (Guo et al. 2017, section 4.2, with soft targets)."""
    grid = np.exp(np.linspace(np.log(0.4), np.log(2.5), 200))
    return float(grid[int(np.argmin([soft_loss(scores / t, target) for t in grid]))])


def accuracy(scores: torch.Tensor, part: Part) -> float:
    """On majority pictures."""
    known = part.majority >= 0
    return metrics.accuracy(part.majority[known], scores.argmax(1).numpy()[known])


def uar(truth: np.ndarray, said: np.ndarray) -> float:
    """Unweighted mean recall of the six classes that are frequent enough to judge."""
    return float(np.nanmean(metrics.recalls(truth, said, 8)[FREQUENT]))


def choose(net: Net, dev: Part, prior: torch.Tensor) -> dict[str, float]:
    """View, share of the log prior taken off the logits, and temperature, all from dev.

    Logit adjustment (Menon et al. 2021, section 4.1) makes rare classes likelier; the largest share is taken that costs at most
    `COST` of dev accuracy.
    """
    inputs = dev.inputs()
    view = min((40, 44, 48), key=lambda v: soft_loss(logits(net, inputs, v), dev.target))
    plain = logits(net, inputs, view)
    known = dev.majority >= 0
    for v in (40, 44, 48):
        print(f"view {v}: dev accuracy {accuracy(logits(net, inputs, v), dev):.4f}, cross-entropy {soft_loss(logits(net, inputs, v), dev.target):.4f}")
    share = 0.0
    for tau in np.arange(0, PRIOR + 1e-9, 0.05):
        scores = plain - float(tau) * prior.log()
        print(f"prior {tau:.2f}: dev accuracy {accuracy(scores, dev):.4f}, UAR of six {uar(dev.majority[known], scores.argmax(1).numpy()[known]):.4f}")
        if accuracy(scores, dev) >= accuracy(plain, dev) - COST:
            share = round(float(tau), 2)
    return {
        "view": view, "prior_share": share,
        "temperature": temperature_for(plain - share * prior.log(), dev.target), "temperature_without_prior": temperature_for(plain, dev.target),
    }


# Training --------------------------------------------------------------------------------------------------------------------------

def trained(train: Part, dev: Part, out: Path, steps: int) -> Net:
    """Train, or take up an interrupted training; the weights with the least cross-entropy on dev come back."""
    seed_everything(SEED)
    net = Net().to(memory_format=torch.channels_last)
    inputs = dev.inputs()

    def score(net: nn.Module) -> float:
        scores = logits(net, inputs, VIEW, mirrored=False)
        print(f"dev accuracy {accuracy(scores, dev):.4f}")
        return -soft_loss(scores, dev.target)

    schedule = Schedule(steps=steps, lr=2.5e-3, weight_decay=0.05, average=0.996, evaluate_every=400, seed=SEED)
    return fit(net, batches(train), loss, score, schedule, out=out, labels={"ferplus8": list(ferplus.EMOTIONS)})


def export(model: Packaged, path: Path, sample: torch.Tensor) -> float:
    """Write the ONNX file and return its largest difference from torch over the sample (n, 1, 48, 48)."""
    torch.onnx.export(
        model, (sample[:1],), str(path), input_names=["face"], output_names=["probabilities", "features"], external_data=False, verbose=False,
    )
    tidy(path)
    with torch.no_grad():
        wanted = [model(x[None]) for x in sample]
    got = [session(path).run(["probabilities", "features"], {"face": x[None].numpy()}) for x in sample]
    return max(float(np.abs(a.numpy() - b).max()) for w, g in zip(wanted, got, strict=True) for a, b in zip(w, g, strict=True))


def tidy(path: Path) -> None:
    """Take out what exporters write beside a graph, such as the paths of this machine."""
    graph = onnx.load(path)
    for node in graph.graph.node:
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    for value in (*graph.graph.input, *graph.graph.output, *graph.graph.value_info, *graph.graph.initializer, graph.graph, graph):
        value.ClearField("metadata_props")
    del graph.graph.value_info[:]
    for opset in [o for o in graph.opset_import if o.domain]:           # of operators that aren't used
        graph.opset_import.remove(opset)
    onnx.checker.check_model(graph)
    onnx.save(graph, path)


class Pictures(quantization.CalibrationDataReader):
    """Pictures (n, 1, 48, 48) standardised, as onnxruntime asks for them."""

    def __init__(self, sample: torch.Tensor) -> None:
        self.left = iter(sample.numpy())

    def get_next(self) -> dict[str, np.ndarray] | None:
        face = next(self.left, None)
        return None if face is None else {"face": face[None]}


def in_8_bits(path: Path, out: Path, sample: torch.Tensor) -> None:
    """Write the graph again, with its convolutions in whole numbers of 8 bits (Jacob et al. 2018, CVPR): a scale for each layer's output, from what
    sample (n, 1, 48, 48) brings about, and one for each channel's weights, which have 7 bits, so that no processor's sums of 16 bits overflow and all
    say the same. The first convolution, of one channel, isn't quicker so and stays."""
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.onnx"
        quantization.shape_inference.quant_pre_process(str(path), str(plain))
        first = next(node.name for node in onnx.load(plain).graph.node if node.op_type == "Conv")
        quantization.quantize_static(
            str(plain), str(out), Pictures(sample), quant_format=quantization.QuantFormat.QDQ, op_types_to_quantize=["Conv", "Add", "Relu"],
            nodes_to_exclude=[first], per_channel=True, reduce_range=True,
            activation_type=quantization.QuantType.QUInt8, weight_type=quantization.QuantType.QInt8,
            calibrate_method=quantization.CalibrationMethod.Percentile, extra_options={"CalibPercentile": KEPT},
        )
    tidy(out)


def rounding(exact: Path, model: ferplus_resnet.Net, dev: Part) -> dict[str, float]:
    """What 8 bits change on dev: mean of the summed differences of probabilities, share of equal first labels, accuracy and cross-entropy of both."""
    before = np.concatenate([session(exact).run(["probabilities"], {"face": x[None].numpy()})[0] for x in dev.inputs()])
    after = model(crops(dev.pixels[:, 0].numpy()))
    known = dev.majority >= 0
    found = {"differ": float(np.abs(after - before).sum(1).mean()), "same": float((after.argmax(1) == before.argmax(1)).mean())}
    for name, said in (("before", before), ("after", after)):
        found[f"accuracy_{name}"] = metrics.accuracy(dev.majority[known], said.argmax(1)[known])
        found[f"cross_entropy_{name}"] = float(-(dev.target * np.log(said)).sum(1).mean())
    return {name: round(value, 4) for name, value in found.items()}


# Measuring on test, with the packaged model alone ------------------------------------------------------------------------------------

def crops(pixels: np.ndarray) -> np.ndarray:
    """(n, 48, 48) grey to (n, 48, 48, 3) as the packaged model takes them."""
    return np.repeat(pixels[..., None], 3, axis=3)


def interval(metric: Callable[..., float], *arrays: np.ndarray, groups: np.ndarray) -> dict[str, float]:
    return {k: round(v, 4) for k, v in metrics.bootstrap(metric, *arrays, groups=groups)._asdict().items()}


def gap(confidence: np.ndarray, share: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error when the truth is a share of votes: mean distance of both over bins of confidence."""
    where = np.minimum((confidence * bins).astype(int), bins - 1)
    return float(sum(abs(confidence[where == b].mean() - share[where == b].mean()) * (where == b).mean() for b in np.unique(where)))


def measured(probabilities: np.ndarray, part: Part) -> dict[str, Any]:
    """All figures of probabilities (n, 8) on a part, intervals over pictures (identical ones drawn together)."""
    said = probabilities.argmax(1)
    found: dict[str, Any] = {}
    for name, truth in (("majority", part.majority), ("plurality", ferplus.plurality(part.votes))):
        known = truth >= 0
        y, z, g = truth[known], said[known], part.group[known]
        found[name] = {
            "n": int(known.sum()), "accuracy": interval(metrics.accuracy, y, z, groups=g), "uar6": interval(uar, y, z, groups=g),
            "uar8": interval(metrics.uar, y, z, groups=g),
            "macro_f1": round(metrics.macro_f1(y[:, None] == np.arange(8), z[:, None] == np.arange(8)), 4),
            "ece": round(metrics.ece(y, probabilities[known]), 4),
            "recall": {e: {"n": int((y == c).sum()), "recall": round(float(np.mean(z[y == c] == c)), 4)} for c, e in enumerate(ferplus.EMOTIONS)},
            "confusion": [[int(((y == a) & (z == b)).sum()) for b in range(8)] for a in range(8)],
        }
    judged = np.isfinite(part.target).all(1)
    p, q = probabilities[judged].astype(np.float64), part.target[judged]
    raw = part.votes[judged, :8] / part.votes[judged, :8].sum(1, keepdims=True)
    rows = np.arange(len(p))
    found["votes"] = {
        "n": int(judged.sum()), "jsd": interval(lambda a, b: float(metrics.jsd(a, b).mean()), p, q, groups=part.group[judged]),
        "ece": round(gap(p.max(1), q[rows, p.argmax(1)]), 4), "ece_all_votes": round(gap(p.max(1), raw[rows, p.argmax(1)]), 4),
        "pearson": {e: round(metrics.pearson(q[:, c], p[:, c]), 3) for c, e in enumerate(ferplus.EMOTIONS)},
    }
    return found


def turned(pixels: np.ndarray, *, degrees: float = 0.0, shift: float = 0.0, zoom: float = 1.0) -> np.ndarray:
    """Pictures (n, 48, 48) as a worse alignment would cut them; shift in pixels to the right and down, zoom > 1 shows more around."""
    a = np.deg2rad(degrees)
    matrix = torch.tensor([[np.cos(a) * zoom, -np.sin(a) * zoom, 2 * shift / 48], [np.sin(a) * zoom, np.cos(a) * zoom, 2 * shift / 48]])
    x = torch.from_numpy(pixels)[:, None].float()
    grid = F.affine_grid(matrix.float().expand(len(x), 2, 3), list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)[:, 0].round().clamp(0, 255).byte().numpy()


def coarse(pixels: np.ndarray, size: int) -> np.ndarray:
    """Pictures (n, 48, 48) as if the face had been `size` pixels high in the frame."""
    x = torch.from_numpy(pixels)[:, None].float()
    small = F.interpolate(x, (size, size), mode="bilinear", antialias=True, align_corners=False)
    return F.interpolate(small, (48, 48), mode="bilinear", align_corners=False)[:, 0].round().clamp(0, 255).byte().numpy()


WORSE: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "as given": lambda x: x,
    "a fifth of the light": lambda x: (x * 0.2).astype(np.uint8),
    "face of 24 pixels": lambda x: coarse(x, 24),
    "face of 16 pixels": lambda x: coarse(x, 16),
    "turned by 10 degrees": lambda x: turned(x, degrees=10),
    "turned by 25 degrees": lambda x: turned(x, degrees=25),
    "shifted by 3 pixels": lambda x: turned(x, shift=3),
    "15 % more around": lambda x: turned(x, zoom=1.15),
    "15 % less around": lambda x: turned(x, zoom=0.85),
}


def hardships(model: ferplus_resnet.Net, part: Part) -> dict[str, float]:
    """Accuracy on majority pictures when they are made worse."""
    known = part.majority >= 0
    pixels = part.pixels[:, 0].numpy()[known]
    return {name: round(metrics.accuracy(part.majority[known], model(crops(spoil(pixels))).argmax(1)), 4) for name, spoil in WORSE.items()}


def latency(model: ferplus_resnet.Net, crop: np.ndarray) -> float:
    """Median milliseconds of CPU time for one face, one thread."""
    took = []
    for _ in range(320):
        start = time.process_time()
        model(crop)
        took.append(time.process_time() - start)
    return float(np.median(took[20:]) * 1000)


# The card --------------------------------------------------------------------------------------------------------------------------

CARD = """\
# {title}

Estimates how ten people would divide their votes over eight expressions, from one still picture of a face: neutral, happiness,
surprise, sadness, anger, disgust, fear, contempt (taxonomy `ferplus8`, exclusive; each row sums to 1). It measures a visible
expression, not what somebody feels.

**Licence class: research-only.** The votes of FER+ are MIT. The pictures of FER2013 were gathered by a web search in 2013, and nobody
cleared their rights; whether weights learnt from them may be used commercially is an open question, so `commercial_safe=True` refuses
this model. No picture is part of this package.

## Input and net

Grey 48x48 crop on the five-point template of FER2013 (`TEMPLATE`), standardised by itself, middle {view}x{view}; residual net of
{parameters:,} parameters (5x5 stem with stride 2, four basic blocks of 32, 64, 128, 192 channels), applied to the picture and its mirror
image, whose features are averaged. `embed` gives these 192 features. A crop of one colour gives NaN.

## Training

    {command}

{n_train:,} pictures of FER2013's Training part; {n_dev:,} others of the same part are dev. Left out: pictures that lie, exactly or nearly, in
another split too, and those most people called unknown or no face. Target: distribution of the votes over the eight emotions,
single votes dropped (Barsoum et al. 2016). {steps:,} batches of {batch} ({epochs:.1f} epochs), AdamW, learning rate 2.5e-3 with a cosine, weight decay
0.05, moving average of the weights (0.996), seed {seed}; turned, scaled, shifted, mirrored, contrast bent, blurred, partly hidden.
Took {minutes:.0f} minutes of one shared core, torch {torch}.

On dev, and there alone, were chosen: the step kept ({kept:,}), the view, the share of the log prior taken off the logits so that rare
expressions are said more often ({prior_share:.2f}: the largest up to {most:.1f} that costs at most half a point of dev accuracy), and the
temperature ({temperature:.3f}, least cross-entropy with the votes). All of it is inside the ONNX file (sha256 {sha}...).

The file's convolutions but the first work in whole numbers of 8 bits (weights of 7), scaled by what {calibration} pictures of the training
part bring about; before that it differed from torch by at most {parity:.1e}. What 8 bits change on dev: probabilities by {differ:.3f} in
sum (mean), the first label in {changed:.1%} of the pictures, accuracy {accuracy_before:.3f} to {accuracy_after:.3f}, cross-entropy with the
votes {cross_entropy_before:.3f} to {cross_entropy_after:.3f}.

{rerun}

{note}

## Results: held-out

PublicTest ({n_test:,} pictures), which was used neither to train nor to choose; in-domain, since it was gathered as the training part was, and
people may occur in both (nobody is named). Intervals: 95 %, bootstrap over pictures, 1,000 draws. *Majority*: more than half of the votes,
single ones dropped, are for one emotion (the published protocol); *plurality*: one emotion has more votes than any other column.

| | as packaged | without the prior's adjustment, in 32 bits |
|---|---|---|
{results}

For comparison, Barsoum et al. (2016) report .85 for a VGG13 ten times the size, on PrivateTest, majority.

Recall on majority pictures (n), correlation of the estimate with the share of votes on all {n_votes:,} pictures with votes on an emotion:

| | n | recall | without adjustment | r with votes |
|---|---|---|---|---|
{recalls}

Rows: what the majority saw; columns: what the model says first.

| | {names} |
|---|{bars}|
{confusion}

Accuracy on majority pictures that were made worse:

| | accuracy |
|---|---|
{worse}

## Rare and posed expressions

{rare}

{posed}

## Calibration

Against the share of votes for the top expression: ECE {ece_votes:.3f} (single votes dropped), {ece_all:.3f} (all votes), 15 bins. Against right or
wrong on majority pictures: {ece_majority:.3f}; there it is modest by design, because it gives the share of votes rather than the chance of winning.

## Latency

{latency:.2f} ms of CPU time a face on one core (median of 300, one thread; {size:.1f} MB).

## Limits

{limits}

Faces under 24 pixels and crops that are turned or shifted lose accuracy as the table above says. What it says of drawn, masked or
very dark faces means little.

It must not be used to decide about people (hiring, admission, credit, policing, border control, insurance), to infer emotions at work or in
school, to detect lies, to diagnose, or to watch people who haven't agreed.
"""


def rare(now: dict[str, Any], plain: dict[str, Any]) -> str:
    """What was done for rare expressions and what the prior's adjustment brought, from the figures on majority pictures with and without it."""
    found, before = now["recall"], plain["recall"]

    def short(x: float) -> str:
        return f"{x:.3f}".removeprefix("0")

    def rise(e: str) -> str:
        return f"{e} {short(before[e]['recall'])} to {short(found[e]['recall'])}"

    n, hits = found["contempt"]["n"], round(found["contempt"]["recall"] * found["contempt"]["n"])
    return textwrap.fill(
        "What was done: training on shares of votes instead of one label each, so that a picture that three of ten call afraid teaches fear too; and a "
        "part of the log prior taken off the logits, chosen on dev. What the latter brings on PublicTest's majority pictures: recall of "
        f"{', '.join(map(rise, ('fear', 'sadness', 'disgust', 'anger')))}, for {short(plain['accuracy']['value'] - now['accuracy']['value'])} of accuracy and "
        f"{short(before['neutral']['recall'] - found['neutral']['recall'])} of neutral's recall; of contempt {hits} of {n} are found.", 150)


def card(facts: dict[str, Any]) -> str:
    """The card from the metrics."""
    now, plain = facts["test"], facts["test_without_prior"]

    def cell(x: Any) -> str:
        return f"{x['value']:.3f} [{x['low']:.3f}, {x['high']:.3f}]" if isinstance(x, dict) else f"{x:.3f}"

    def row(what: str, *values: Any) -> None:
        lines.append(f"| {what} | {' | '.join(map(cell, values))} |")

    lines: list[str] = []
    for name in ("majority", "plurality"):
        for key, what in (("accuracy", "accuracy"), ("uar6", "UAR, six frequent classes"), ("uar8", "UAR, eight classes"), ("macro_f1", "macro-F1")):
            row(f"{what}, {name} (n = {now[name]['n']:,})", now[name][key], plain[name][key])
    row(f"divergence from the votes, bits (Jensen-Shannon, n = {now['votes']['n']:,})", now["votes"]["jsd"], plain["votes"]["jsd"])
    row("ECE against the votes", now["votes"]["ece"], plain["votes"]["ece"])
    found, before = now["majority"]["recall"], plain["majority"]["recall"]
    filled = CARD.format(
        **{k: v for k, v in facts.items() if not isinstance(v, dict) and k not in ("note", "posed", "rerun")}, **facts["chosen"],
        **facts["rounding"], changed=1 - facts["rounding"]["same"], calibration=CALIBRATION,
        title=ferplus_resnet.TITLE, note=textwrap.fill(facts["note"], 140), rare=rare(now["majority"], plain["majority"]),
        posed=textwrap.fill(facts["posed"], 150), rerun=again(facts["rerun"]),
        limits=textwrap.fill(ferplus_resnet.LIMITS, 140),
        results="\n".join(lines), n_votes=now["votes"]["n"], names=" | ".join(ferplus.EMOTIONS), bars="---|" * 7 + "---",
        recalls="\n".join(
            f"| {e} | {found[e]['n']} | {found[e]['recall']:.3f} | {before[e]['recall']:.3f} | {now['votes']['pearson'][e]:.2f} |" for e in ferplus.EMOTIONS
        ),
        confusion="\n".join(
            f"| {e} | " + " | ".join(map(str, row)) + " |" for e, row in zip(ferplus.EMOTIONS, now["majority"]["confusion"], strict=True)
        ),
        worse="\n".join(f"| {name} | {value:.3f} |" for name, value in facts["hardships"].items()),
        ece_votes=now["votes"]["ece"], ece_all=now["votes"]["ece_all_votes"], ece_majority=now["majority"]["ece"],
    )
    return re.sub("\n{3,}", "\n\n", filled)               # no hole where there is no note


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("--data", type=Path, required=True, help="FER+ in one of the layouts of attune.datasets.ferplus")
    ask.add_argument("--out", type=Path, default=Path("runs/face_ferplus"), help="checkpoints, log, metrics, card, ONNX")
    ask.add_argument("--steps", type=int, default=10_000)
    ask.add_argument("--note", default="", help="a sentence for the card, if the training was out of the ordinary")
    ask.add_argument("--posed", default="", help="sentences for the card on what the model says of posed pictures, if somebody looked")
    ask.add_argument("--rerun", type=Path, help="face.json of recipes/rerun.py, for the card")
    told = ask.parse_args()

    train, dev, test = parts(told.data)
    print(f"{len(train)} train, {len(dev)} dev, {len(test)} test pictures", flush=True)
    net = trained(train, dev, told.out, told.steps).to(memory_format=torch.contiguous_format)
    prior = torch.from_numpy(train.target.mean(0)).float()
    chosen = choose(net, dev, prior)
    print(chosen)

    offset = chosen["prior_share"] * (prior.log() - prior.log().mean())
    packaged = Packaged(net, int(chosen["view"]), offset, chosen["temperature"]).eval()
    exact = told.out / f"{NAME}.32.onnx"
    parity = export(packaged, exact, dev.inputs()[:200])
    if parity > PARITY:
        raise SystemExit(f"ONNX differs from torch by {parity:.1e}, more than {PARITY}")
    in_8_bits(exact, told.out / f"{NAME}.onnx", train.inputs()[np.random.default_rng(SEED).permutation(len(train))[:CALIBRATION]])
    shutil.copy(told.out / f"{NAME}.onnx", HERE)

    model, pictures = ferplus_resnet.load(), crops(test.pixels[:, 0].numpy())
    without = F.softmax(logits(net, test.inputs(), int(chosen["view"])) / chosen["temperature_without_prior"], 1).numpy()
    log = [json.loads(line) for line in (told.out / "log.jsonl").read_text().splitlines()]
    facts = {
        "command": f"python recipes/face_ferplus.py --data DIR --out runs/face_ferplus --steps {told.steps}",
        "note": told.note, "posed": told.posed, "rerun": json.loads(told.rerun.read_text()) if told.rerun else {},
        "torch": torch.__version__, "seed": SEED,
        "n_train": len(train), "n_dev": len(dev), "n_test": len(test), "steps": told.steps, "batch": BATCH,
        "epochs": told.steps * BATCH / len(train), "most": PRIOR,
        "minutes": minutes(log), "kept": max(log, key=lambda line: line["score"])["step"], "dev_cross_entropy": -max(line["score"] for line in log),
        "parameters": sum(p.numel() for p in net.parameters()), "chosen": chosen, "parity": parity, "sha": digest(HERE / f"{NAME}.onnx"),
        "size": (HERE / f"{NAME}.onnx").stat().st_size / 1e6, "latency": latency(model, pictures[:1]),
        "rounding": rounding(exact, model, dev), "test": measured(model(pictures), test), "test_without_prior": measured(without, test),
        "hardships": hardships(model, test),
    }
    (told.out / "metrics.json").write_text(json.dumps(facts, indent=1))
    (told.out / f"{NAME}.md").write_text(card(facts))
    shutil.copy(told.out / f"{NAME}.md", HERE)
    print(json.dumps(facts, indent=1))


def minutes(log: list[dict[str, float]]) -> float:
    """Wall time of all the pieces of a training: the clock starts anew with each."""
    clock = [0.0, *(line["seconds"] for line in log)]
    return sum(b - a if b >= a else b for a, b in pairwise(clock)) / 60


if __name__ == "__main__":
    main()
