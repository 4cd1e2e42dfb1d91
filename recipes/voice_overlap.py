"""Speech at once: how many voices there are every 40 ms, none, one, or more, taught on conversations that are composed of single voices.

    python recipes/voice_overlap.py --data DIR --out runs/voice_overlap

DIR holds the folders crema_d (the first 60 speakers are taught, the other 15 measured) and conversation: of its LibriSpeech readers the first five are
taught, the other five measured. Each voice of a conversation comes through a room of its own, then both through noise, and some through a telephone. Needs the
extra `train`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from _voice import decode
from torch import nn
from torch.nn import functional
from voice_prosody import exported

from attune import perturb
from attune.train import seed_everything
from attune.voice import overlap
from attune.voice.features import HOP, SAMPLE_RATE, WINDOW, level, log_mel

HERE = Path(__file__).resolve().parent.parent / "attune" / "voice" / "overlap.onnx"
SEED, STEPS, BATCH = 0, 3_000, 16
SECONDS = (2.0, 4.0, 8.0)                # of a conversation
MADE = 220                               # conversations of a length at a time; a new lot every `STEPS` / `LOTS` steps
LOTS = 10
TAUGHT, CLIPS = 60, 14                   # speakers of CREMA-D that are taught, the others are measured; clips of each
WIDTH, LINES = 48, 224
SOFTER = 30.0                            # dB below a voice's loud frames: up to here it speaks
CLOSED = 0.2                             # s; a shorter gap of a voice is part of its speech, as people who mark turns have it


# Conversations ---------------------------------------------------------------------------------------------------------------------

def voices(data: Path) -> tuple[dict[str, list[np.ndarray]], dict[str, list[np.ndarray]]]:
    """Clips by speaker: those that are taught, and those of other people that are measured."""
    actors = sorted(p for p in (data / "crema_d").iterdir() if p.is_dir())
    readers = sorted({p.stem.split("-")[0] for p in (data / "conversation").glob("libri_*.opus")} - {"libri_1088"})
    said = {p.name: [decode(f) for f in sorted(p.glob("*.opus"))[:CLIPS]] for p in actors}
    said |= {r: [decode(f) for f in sorted((data / "conversation").glob(f"{r}-*.opus"))] for r in readers}
    taught = {*(p.name for p in actors[:TAUGHT]), *readers[:5]}
    return {k: v for k, v in said.items() if k in taught}, {k: v for k, v in said.items() if k not in taught}


def speaks(wave: np.ndarray) -> np.ndarray:
    """(t,) whether a clean voice is heard, in the frames of `log_mel`; short gaps are closed."""
    levels = level(log_mel(wave))
    on = levels > np.quantile(levels, 0.95) - SOFTER
    at = np.flatnonzero(on)
    for a, b in pairwise(at.tolist()):
        if 1 < b - a <= CLOSED * SAMPLE_RATE / HOP:
            on[a:b] = True
    return on


def conversation(said: dict[str, list[np.ndarray]], seconds: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Sound (n,), and how many speak in each frame (t,) of `log_mel`: 0, 1, 2 and more."""
    n = round(seconds * SAMPLE_RATE)
    mixed, count = np.zeros(n, np.float32), np.zeros((n - WINDOW) // HOP + 1, np.int64)
    rooms, reverberation = rng.random() < 0.6, rng.uniform(0.15, 0.8)
    for who in rng.choice(list(said), int(rng.choice([1, 2, 2, 2, 3])), replace=False):
        track, at = np.zeros(n, np.float32), round(float(rng.uniform(-0.3, 0.5)) * n)
        while at < n:
            clip = said[who][rng.integers(len(said[who]))]
            if len(clip) > 4 * SAMPLE_RATE:               # a reader's is long: a part of it
                first = int(rng.integers(len(clip) - 3 * SAMPLE_RATE))
                clip = clip[first : first + round(float(rng.uniform(1, 3)) * SAMPLE_RATE)]
            if rng.random() < 0.25:                       # a word or two
                first = int(rng.integers(max(1, len(clip) - SAMPLE_RATE)))
                clip = clip[first : first + round(float(rng.uniform(0.3, 0.8)) * SAMPLE_RATE)]
            part = clip[max(0, -at) : max(0, n - at)]
            track[max(0, at) : max(0, at) + len(part)] += part
            at += len(clip) + round(float(rng.exponential(1.2)) * SAMPLE_RATE)
        if not track.any():
            continue
        count += speaks(track)
        loud = np.sqrt(np.mean(track[track != 0] ** 2))
        track = track / max(loud, 1e-6) * 0.05 * 10 ** (rng.uniform(-7, 7) / 20)
        mixed += perturb.room(track, float(reverberation), rng, direct=float(rng.uniform(-3, 12))) if rooms else track
    if rng.random() < 0.85 and mixed.any():
        mixed = perturb.noise(mixed, float(rng.uniform(5, 35)), rng, slope=float(rng.choice([0.0, 3.0, 6.0])))
    if rng.random() < 0.1:
        mixed = perturb.telephone(mixed)
    return mixed, np.minimum(count, 2)


def lot(said: dict[str, list[np.ndarray]], seconds: float, n: int, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """n conversations as pictures (n, t, LINES) and counts (n, t // 2)."""
    made = [conversation(said, seconds, rng) for _ in range(n)]
    x = np.stack([overlap.picture(wave) for wave, _ in made])
    t = x.shape[1] // 2
    return torch.from_numpy(x), torch.from_numpy(np.stack([count[: 2 * t].reshape(t, 2).max(1) for _, count in made]))


# The net ---------------------------------------------------------------------------------------------------------------------------

class Net(nn.Module):
    """Pictures (n, t, LINES) -> logits (n, t // 2, 3) of none, one, more; it sees 1.3 s on either side."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(1, 8, (4, 7), (2, 2), (1, 3))
        self.two = nn.Conv2d(8, 12, 3, (1, 2), 1)
        self.into = nn.Conv1d(12 * LINES // 4, WIDTH, 1)
        self.blocks = nn.ModuleList(nn.Conv1d(WIDTH, WIDTH, 3, padding=d, dilation=d) for d in (1, 2, 4, 8, 16))
        self.norms = nn.ModuleList(nn.BatchNorm1d(WIDTH) for _ in self.blocks)
        self.out = nn.Conv1d(WIDTH, 3, 1)

    def forward(self, picture: torch.Tensor) -> torch.Tensor:
        h = functional.relu(self.two(functional.relu(self.one(picture[:, None] - 1.0))))           # (n, 12, t // 2, LINES // 4)
        h = functional.relu(self.into(h.permute(0, 1, 3, 2).flatten(1, 2)))
        for block, norm in zip(self.blocks, self.norms, strict=True):
            h = h + functional.relu(norm(block(h)))
        return self.out(h).transpose(1, 2)


class Packaged(nn.Module):
    """Pictures (1, t, LINES) -> the probability of more than one voice (1, t // 2), and of any."""

    def __init__(self, net: Net) -> None:
        super().__init__()
        self.net = net

    def forward(self, picture: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        p = self.net(picture).softmax(2)
        return p[..., 2], 1 - p[..., 0]


def learned(said: dict[str, list[np.ndarray]], steps: int) -> Net:
    seed_everything(SEED)
    rng, net = np.random.default_rng(SEED), Net()
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.02)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    lots: list[tuple[torch.Tensor, torch.Tensor]] = []
    for step in range(steps):
        if step % (steps // LOTS) == 0:
            lots = (lots + [lot(said, s, MADE, rng) for s in SECONDS])[-18:]
            print("lots", step, round(time.process_time()), flush=True)
        x, y = lots[rng.integers(len(lots))]
        rows = torch.from_numpy(rng.choice(len(x), BATCH, replace=False))
        x = x[rows]
        a, width = int(rng.integers(LINES)), int(rng.integers(1, 20))
        x[:, :, a : a + width] = 1.0                       # a band less, so that none is leaned on
        logits = net(x)
        value = functional.cross_entropy(logits.flatten(0, 1), y[rows][:, : logits.shape[1]].flatten())
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        scheduler.step()
        if step % 250 == 249:
            print(step + 1, round(float(value.detach()), 4), flush=True)
    return net.eval()


def figures(net: Net, said: dict[str, list[np.ndarray]], rng: np.random.Generator) -> dict[float, tuple[float, float]]:
    """Precision and recall of frames with more than one voice, by threshold, on conversations of 8 s."""
    x, y = lot(said, 8.0, 150, rng)
    with torch.no_grad():
        p = net(x).softmax(2)[..., 2]
    y = y[:, : p.shape[1]] == 2
    print("share of time with more than one:", round(float(y.float().mean()), 3))
    out = {}
    for threshold in (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9):
        said_so = p >= threshold
        hit = float((said_so & y).sum())
        out[threshold] = (round(hit / max(1.0, float(said_so.sum())), 3), round(hit / float(y.sum()), 3))
    return out


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("runs/voice_overlap"))
    parser.add_argument("--steps", type=int, default=STEPS)
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    taught, others = voices(given.data)
    net = learned(taught, given.steps)
    torch.save(net.state_dict(), given.out / "net.pt")
    readers = {k: v for k, v in others.items() if k.startswith("libri")}
    for name, said in (("CREMA-D speakers who weren't taught", {k: v for k, v in others.items() if k not in readers}), ("readers who weren't taught", readers)):
        print(name, len(said), figures(net, said, np.random.default_rng(1)))
    print("parameters:", sum(p.numel() for p in net.parameters()))
    axes = {"picture": {1: "t"}, "more": {1: "u"}, "any": {1: "u"}}
    worst = exported(Packaged(net), HERE, (["picture"], ["more", "any"]), axes, [(torch.rand(1, t, LINES) * 3,) for t in (100, 31, 2)])
    print("ONNX and torch differ by", worst)


if __name__ == "__main__":
    main()
