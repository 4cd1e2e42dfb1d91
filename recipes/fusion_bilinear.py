"""Feature-level fusion on real data: attention over a voice, action units, factorized bilinear pooling of the two (Zhang, Wang & Du 2019), on RAVDESS.

    python recipes/fusion_bilinear.py --data RAVDESS --out runs/fusion_bilinear

The voice is a sequence: what the packaged voice's frozen layers (`prosody_whisper.heard`) hear of windows of 1 s every .5 s, and of the whole clip
as one more step. They were never taught emotions and met no actor of the corpus, so folds stay honest; of their means the last layer's 512
are taken, which costs a third. The face is a sequence of one: the clip's mean action units, square-rooted, which is all that the corpus
publishes. Five folds of four actors. In each, four nets are trained on twelve actors by the one loop (`attune.train.fit`), each stopped by
another four of the sixteen, and their probabilities averaged; the held-out actors choose nothing. Beside the bilinear net, trained the same way:
each stream alone, both contexts side by side, and the sum of the two single streams' log-probabilities. Then the ablations the source asks for: a
recurrent layer over the windows with and without shuffled frames (attention alone doesn't see their order), and pre-training by contrast (METHODS:
Franceschini et al. 2022), with a tenth and with all of the training clips labelled. Writes `table.md`, `contrast.json`, attention weights, and one
net of all actors as checkpoint (with its labels) and ONNX, and draws docs/images/fusion_contrast.png. About 15 minutes of one core. Needs the
extra `train`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor, nn
from torch.nn import functional

from attune import figures
from attune.datasets import ravdess
from attune.evaluate.said import sound
from attune.fusion import bilinear
from attune.metrics import Interval, bootstrap_figures, uar
from attune.taxonomy import taxonomy
from attune.train import Schedule, fit, seed_everything
from attune.train.losses import pairwise_info_nce
from attune.voice.models import prosody_whisper
from attune.voice.models.prosody_whisper import MEANS, SAMPLE_RATE, Prosody

LABELS = taxonomy("ravdess8").labels
FOLDS = 5                                # of four actors each
WINDOW, HOP = 1.0, 0.5                   # s
COLUMNS = 512                            # of a step: the last of the voice's layers
WIDTH = 64                               # of a step after its encoder
BATCH, SEED = 64, 0
SCHEDULE = Schedule(steps=300, lr=2e-3, weight_decay=0.05, evaluate_every=20, seed=SEED)
CONTRAST = Schedule(steps=300, lr=1e-3, weight_decay=0.05, evaluate_every=50, seed=SEED)
SHARES = (0.1, 1.0)                      # of the training clips that have a label


class Batch(NamedTuple):
    """voice (n, t, d), known (n, t) bool, face (n, 1, u), y (n,)."""

    voice: Tensor
    known: Tensor
    face: Tensor
    y: Tensor


@dataclass(frozen=True)
class Clips:
    """All clips as one batch, with the actor and the fold of each."""

    all: Batch
    actor: np.ndarray
    fold: np.ndarray
    id: np.ndarray

    def rows(self, which: np.ndarray) -> Batch:
        return Batch(*(part[torch.from_numpy(which)] for part in self.all))


def read(root: Path, out: Path) -> Clips:
    items = list(ravdess.items(root))
    if not (out / "heard.npz").is_file():
        model = prosody_whisper.load()
        heard = [windows(sound(item, SAMPLE_RATE), model) for item in items]
        np.savez(out / "heard.npz", x=np.concatenate(heard), count=[len(h) for h in heard])
    stored = np.load(out / "heard.npz")
    steps = [torch.from_numpy(part) for part in np.split(stored["x"], np.cumsum(stored["count"])[:-1])]
    voice = nn.utils.rnn.pad_sequence(steps, batch_first=True)
    known = torch.arange(voice.shape[1])[None] < torch.from_numpy(stored["count"])[:, None]
    face = torch.from_numpy(np.sqrt(np.maximum(np.stack([i.features["au"] for i in items]), 0)))[:, None]
    y, actor = torch.tensor([int(i.values.argmax()) for i in items]), np.array([i.group for i in items])
    people = np.unique(actor)
    return Clips(Batch(voice, known, face.float(), y), actor, np.searchsorted(people, actor) * FOLDS // len(people), np.array([i.id for i in items]))


def windows(wave: np.ndarray, model: Prosody) -> np.ndarray:
    """(1 + t, COLUMNS) of what is heard of the whole, then of its windows; what is shorter than a window is one, and a silent one is left out."""
    size, hop = round(WINDOW * SAMPLE_RATE), round(HOP * SAMPLE_RATE)
    starts = range(0, max(1, len(wave) - size + 1), hop)
    x = model.heard([wave, *(wave[s : s + size] for s in starts)])[:, MEANS - COLUMNS : MEANS]
    return x[~np.isnan(x).any(axis=1)]


# Nets ----------------------------------------------------------------------------------------------------------------------------------

class Fused(nn.Module):
    """Logits of a batch, by the bilinear pool of both streams ("bilinear"), by both side by side ("side by side"), or by one alone."""

    def __init__(self, how: str, like: Batch, *, recurrent: bool = False) -> None:
        super().__init__()
        steps, units = like.voice[like.known], like.face[:, 0]
        encoders = bilinear.Encoder(steps.mean(0), steps.std(0), WIDTH, recurrent=recurrent), bilinear.Encoder(units.mean(0), units.std(0), WIDTH, dropout=0.1)
        self.how, self.net = how, bilinear.Net(WIDTH, WIDTH, len(LABELS), outputs=64, rank=4, dropout=0.3, encoders=encoders)
        self.dense = nn.Sequential(nn.Linear(WIDTH * (2 if how == "side by side" else 1), WIDTH), nn.ReLU(), nn.Dropout(0.3), nn.Linear(WIDTH, len(LABELS)))
        self.project = nn.ModuleList(nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH)) for _ in range(2))

    def forward(self, b: Batch) -> Tensor:
        if self.how == "bilinear":
            return self.net(b.voice, b.face, b.known)  # type: ignore[no-any-return]
        x, y, _, _ = self.net.contexts(b.voice, b.face, b.known)
        return self.dense({"voice": x, "face": y, "side by side": torch.cat([x, y], 1)}[self.how])  # type: ignore[no-any-return]

    def views(self, b: Batch) -> list[Tensor]:
        """Projections of both contexts, that contrast compares."""
        x, y, _, _ = self.net.contexts(b.voice, b.face, b.known)
        return [self.project[0](x), self.project[1](y)]


def batches(b: Batch, *, shuffle_frames: bool, seed: int) -> Iterator[Batch]:
    shuffle = torch.Generator().manual_seed(seed)
    while True:
        for pick in torch.randperm(len(b.y), generator=shuffle).split(BATCH):
            if len(pick) > 1:
                some = Batch(*(part[pick] for part in b))
                yield some._replace(voice=bilinear.shuffled(some.voice, some.known, shuffle)) if shuffle_frames else some


def balanced(logits: Tensor, y: Tensor) -> Tensor:
    """Cross-entropy with equal classes."""
    count = torch.bincount(y, minlength=len(LABELS)).clamp(min=1)
    return functional.cross_entropy(logits, y, 1.0 / count)


def contrasted(net: Fused, train: Batch, dev: Batch, out: Path, seed: int) -> Fused:
    """Pre-trained without labels: each clip's voice finds its own face among the others', and the other way round."""
    def score(model: nn.Module) -> float:
        return -float(pairwise_info_nce(model.views(dev)))  # type: ignore[operator]

    best = fit(net, batches(train, shuffle_frames=False, seed=seed), lambda model, b: pairwise_info_nce(model.views(b)), score, CONTRAST,  # type: ignore[operator]
               out=out, labels={}, say=lambda line: None)
    assert isinstance(best, Fused)
    return best


@dataclass(frozen=True)
class Way:
    """One row of the table."""

    how: str
    recurrent: bool = False
    shuffle_frames: bool = False
    contrast: bool = False
    share: float = 1.0

    @property
    def name(self) -> str:
        parts = [self.how, "recurrent" * self.recurrent, "frames shuffled" * self.shuffle_frames, "contrast first" * self.contrast]
        return ", ".join(p for p in parts if p) + (f", {self.share:.0%} labelled" if self.share < 1 else "")


def labelled(clips: Clips, rows: np.ndarray, share: float, seed: int) -> np.ndarray:
    """A share of some rows, the same in every class, at least two of each."""
    rng, y = np.random.default_rng(seed), clips.all.y.numpy()
    return np.sort(np.concatenate([rng.permutation(own)[: max(2, round(share * len(own)))] for own in (rows[y[rows] == c] for c in range(len(LABELS)))]))


def trained(way: Way, clips: Clips, train: np.ndarray, dev: np.ndarray, out: Path, seed: int) -> Fused:
    """A net stopped by dev; unlabelled clips of the same actors serve contrast only."""
    seed_everything(seed)
    some, held = (labelled(clips, rows, way.share, SEED) if way.share < 1 else rows for rows in (train, dev))
    net = Fused(way.how, clips.rows(train), recurrent=way.recurrent)
    if way.contrast:
        net = contrasted(net, clips.rows(train), clips.rows(dev), out / "contrast", seed)
    stop = clips.rows(held)

    def score(model: nn.Module) -> float:
        return -float(balanced(model(stop), stop.y))

    best = fit(net, batches(clips.rows(some), shuffle_frames=way.shuffle_frames, seed=seed), lambda model, b: balanced(model(b), b.y), score, SCHEDULE,
               out=out, labels={"ravdess8": list(LABELS)}, say=lambda line: None)
    assert isinstance(best, Fused)
    return best.eval()


def held_out(way: Way, clips: Clips, out: Path) -> np.ndarray:
    """(n, 8) log-probabilities of every clip by four nets that never met its actor; kept in `out`."""
    path = out / f"{way.name.replace(', ', '_').replace(' ', '-').replace('%', '')}.npz"
    if path.is_file():
        return np.asarray(np.load(path)["logs"])
    began = time.process_time()
    logs, looked = np.zeros((len(clips.fold), len(LABELS))), np.full(clips.all.known.shape, np.nan, np.float32)
    for f in range(FOLDS):
        test = np.flatnonzero(clips.fold == f)
        others = [g for g in range(FOLDS) if g != f]
        p, weights = np.zeros((len(test), len(LABELS))), np.zeros((len(test), clips.all.known.shape[1]), np.float32)
        for g in others:
            net = trained(way, clips, np.flatnonzero((clips.fold != f) & (clips.fold != g)), np.flatnonzero(clips.fold == g),
                          out / "nets" / path.stem / f"{f}{g}", SEED + g)
            b = clips.rows(test)
            with torch.no_grad():
                p += net(b).softmax(1).numpy() / len(others)
                weights += net.net.contexts(b.voice, b.face, b.known)[2].numpy() / len(others)
        logs[test], looked[test] = np.log(p), weights
    np.savez(path, logs=logs, attention=looked)
    print(f"{way.name}: UAR {uar(clips.all.y.numpy(), logs.argmax(1)):.3f}, {time.process_time() - began:.0f} s of CPU", flush=True)
    return logs


# Tables --------------------------------------------------------------------------------------------------------------------------------

def compared(said: dict[str, np.ndarray], against: str, clips: Clips) -> dict[str, tuple[Interval, Interval]]:
    """name -> UAR, and its difference to another on the same draws of actors."""
    y = clips.all.y.numpy()

    def values(rows: np.ndarray) -> np.ndarray:
        each = [uar(y[rows], logs[rows].argmax(1)) for logs in said.values()]
        return np.array([*each, *(v - each[list(said).index(against)] for v in each)])

    found = bootstrap_figures(values, len(y), groups=clips.actor)
    return {name: (found[i], found[i + len(said)]) for i, name in enumerate(said)}


def table(said: dict[str, np.ndarray], against: str, clips: Clips) -> str:
    lines = [f"| net | UAR | less {against} |", "|---|---|---|"]
    for name, (value, over) in compared(said, against, clips).items():
        lines.append(f"| {name} | {value} | " + ("" if name == against else f"{over.value:+.3f} [{over.low:+.3f}, {over.high:+.3f}]") + " |")
    return "\n".join(lines)


def attended(clips: Clips, out: Path) -> str:
    """Where the bilinear net listened."""
    weights, known = np.load(out / "bilinear.npz")["attention"], clips.all.known.numpy()
    fair = 1 / known.sum(1)
    return (f"Attention of the bilinear net (lambda .3): the whole clip's step has {np.mean(weights[:, 0] / fair):.2f} times a fair share, the largest "
            f"window {np.mean(np.where(known, weights, 0)[:, 1:].max(1) / fair):.2f} times.")


def shipped(clips: Clips, out: Path) -> str:
    """One net of all actors but the last four, which stop it: checkpoint and ONNX, and whether both say the same."""
    import onnxruntime

    net = trained(Way("bilinear"), clips, np.flatnonzero(clips.fold != FOLDS - 1), np.flatnonzero(clips.fold == FOLDS - 1), out / "net", SEED)
    path = bilinear.export(net.net, out / "net.onnx", clips.all.voice.shape[2], clips.all.face.shape[2])
    session, worst = onnxruntime.InferenceSession(str(path)), 0.0
    for i in range(0, len(clips.fold), 100):
        b = clips.rows(np.array([i]))
        steps = int(b.known.sum())
        with torch.no_grad():
            own = net(b).numpy()
        worst = max(worst, float(np.abs(session.run(None, {"first": b.voice[:, :steps].numpy(), "second": b.face.numpy()})[0] - own).max()))
    return f"net.onnx: {path.stat().st_size / 1e3:.0f} kB, largest difference to the checkpoint's logits {worst:.1e}"


def main() -> None:
    ask = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    ask.add_argument("--data", type=Path, required=True, help="RAVDESS with its action units")
    ask.add_argument("--out", type=Path, default=Path("runs/fusion_bilinear"))
    ask.add_argument("--image", type=Path, default=Path("docs/images/fusion_contrast.png"))
    told = ask.parse_args()
    told.out.mkdir(parents=True, exist_ok=True)
    clips = read(told.data, told.out)
    said = {how: held_out(Way(how), clips, told.out) for how in ("voice", "face", "side by side")}
    said["late: sum of log-probabilities"] = said["voice"] + said["face"]
    said["bilinear"] = held_out(Way("bilinear"), clips, told.out)
    ways = [Way("bilinear", contrast=contrast, share=share) for share in SHARES for contrast in (False, True)]
    few = {way.name: (way, held_out(way, clips, told.out)) for way in ways}
    order = {way.name: held_out(way, clips, told.out) for way in (Way("bilinear", recurrent=True), Way("bilinear", recurrent=True, shuffle_frames=True))}
    everything = {**said, **order, **{name: logs for name, (_, logs) in few.items()}}
    text = "\n\n".join([table(everything, "bilinear", clips), attended(clips, told.out), shipped(clips, told.out)])
    values = compared({name: logs for name, (_, logs) in few.items()}, "bilinear", clips)
    rows = [{"panel": "share of the training clips with a label", "line": "pre-trained by contrast" if way.contrast else "from scratch", "x": way.share,
             "tick": f"{way.share:.0%}", **values[name][0]._asdict()} for name, (way, _) in few.items()]
    (told.out / "contrast.json").write_text(json.dumps(rows) + "\n")
    figures.save(lambda: figures.curves(pa.Table.from_pylist(rows), y="UAR, eight emotions", columns=1), told.image)
    (told.out / "table.md").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
