"""What the voice recipes share: the corpora as pictures, their variation, batches of several corpora, the net and its losses."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from types import ModuleType
from typing import Any

import av
import numpy as np
import torch
from torch import nn
from torch.nn import functional

from attune.datasets import crema_d, nemo, ravdess, urdu
from attune.train import Schedule, fit
from attune.voice.features import HOP, N_MELS, SAMPLE_RATE, log_mel, measurable, normalise
from attune.voice.functionals import functionals

LABELS = ravdess.EMOTIONS
CORPORA: dict[str, ModuleType] = {"ravdess": ravdess, "crema_d": crema_d, "nemo_pl": nemo, "urdu": urdu}
VOTED = ("crema_d",)                     # corpora whose labels are listeners' votes; the others' are what an actor was told, or one judgement
FRAMES = (64, 112)                       # length of a batch, 1.3 to 2.2 s
SMOOTHING = 0.05                         # of the labels an actor was given; votes are left as they are


# Data ------------------------------------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Clips:
    """Parallel columns, one entry a clip.

    id · wave (samples,) · decibels (t, 64), with loudness · functionals (n, d) · values (n, 8), NaN where unknown · group: who ·
    corpus · split · sex, race ("" unknown) · age (NaN unknown).
    """

    id: np.ndarray
    wave: list[np.ndarray]
    decibels: list[np.ndarray]
    functionals: np.ndarray
    values: np.ndarray
    group: np.ndarray
    corpus: np.ndarray
    split: np.ndarray
    sex: np.ndarray
    race: np.ndarray
    age: np.ndarray

    def __len__(self) -> int:
        return len(self.wave)

    def where(self, chosen: np.ndarray) -> Clips:
        rows = np.flatnonzero(chosen)
        return Clips(*([column[i] for i in rows] if isinstance(column, list) else column[rows] for column in (getattr(self, f.name) for f in fields(self))))

    @property
    def truth(self) -> np.ndarray:
        """(n,) index of the label, or of the most votes."""
        return np.asarray(np.nan_to_num(self.values, nan=-1).argmax(1))

    def pictures(self) -> list[np.ndarray]:
        return [normalise(d) for d in self.decibels]


def decode(path: Path) -> np.ndarray:
    """One channel at 16 kHz, float32."""
    resampler = av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    with av.open(str(path)) as container:
        frames = [out for frame in container.decode(audio=0) for out in resampler.resample(frame)]
    return np.concatenate([f.to_ndarray().ravel() for f in [*frames, *resampler.resample(None)]])


def stored(cache: Path, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """What `make` gives, made once."""
    if not cache.is_file():
        np.savez(cache, **make())
    return dict(np.load(cache))


def read(root: Path, out: Path) -> Clips:
    """All clips of training and dev speakers that can be measured; sounds and functionals are made once and kept in `out`."""
    items = [(name, item) for name, module in CORPORA.items() for item in module.items(root / name) if item.split != "test"]
    keys = [f"{name}/{item.path.relative_to(root / name)}" for name, item in items if item.path]
    sounds = stored(out / "audio.npz", lambda: {key: decode(item.path) for key, (_, item) in zip(keys, items, strict=True) if item.path})
    kept = [i for i, key in enumerate(keys) if measurable(sounds[key], 0.2)]
    waves = [sounds[keys[i]] for i in kept]
    whole = stored(out / "functionals.npz", lambda: {"x": np.stack([functionals(w) for w in waves]), "id": np.array([items[i][1].id for i in kept])})
    rows = {clip: i for i, clip in enumerate(whole["id"].tolist())}
    ids, groups = np.array([items[i][1].id for i in kept]), np.array([items[i][1].group for i in kept])
    people = about(root)
    who = [people.get(g, {}) for g in groups]
    return Clips(
        ids, waves, [log_mel(w) for w in waves], whole["x"][[rows[clip] for clip in ids]], np.stack([items[i][1].values for i in kept]), groups,
        np.array([items[i][0] for i in kept]), np.array([items[i][1].split for i in kept]),
        np.array([p.get("sex", "") for p in who]), np.array([p.get("race", "") for p in who]), np.array([float(p.get("age", math.nan)) for p in who]),
    )


def about(root: Path) -> dict[str, dict[str, str]]:
    """What corpora say of their speakers: group -> sex, race, age."""
    people = {f"ravdess-{actor:02d}": {"sex": "F" if actor % 2 == 0 else "M"} for actor in range(1, 25)}
    for table in root.glob("crema_d/[sSV]*.csv"):
        with table.open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if "ActorID" in row:
                    people[f"crema_d-{row['ActorID']}"] = {"sex": row["Sex"][0], "race": row["Race"], "age": row["Age"]}
    return people


# Variation: a microphone, a room, a line, a tempo, another throat ------------------------------------------------------------------------

@dataclass(frozen=True)
class Odds:
    """How often a clip is heard in a room, in noise, over a line."""

    room: float = 0.07
    noise: float = 0.2
    line: float = 0.05
    thin: float = 0.5                    # of the lines, how many have no low tones either
    depth: tuple[float, float] = (40.0, 40.0)      # dB by which those are softer


ROUGH = Odds(0.12, 0.3, 0.3, 0.7, (30.0, 70.0))    # at last, when the rest is known


def varied(decibels: np.ndarray, rng: np.random.Generator, odds: Odds = Odds()) -> np.ndarray:
    """One clip (t, 64) dB as it might have been recorded elsewhere, by somebody else."""
    x = decibels
    if rng.random() < 0.3:                                            # a part of it
        n = max(20, int(len(x) * rng.uniform(0.5, 0.95)))
        start = rng.integers(max(1, len(x) - n + 1))
        x = x[start : start + n]
    if rng.random() < 0.3:                                            # tempo
        at = np.linspace(0, len(x) - 1, max(12, int(len(x) * rng.uniform(0.88, 1.14))))
        low = np.minimum(at.astype(int), len(x) - 2)
        x = x[low] + (at - low)[:, None] * (x[low + 1] - x[low])
    if rng.random() < 0.3:                                            # pitch and throat: a shift along the mel scale
        at = np.clip(np.arange(N_MELS) + rng.uniform(-1.5, 1.5), 0, N_MELS - 1.001)
        low = at.astype(int)
        x = x[:, low] + (at - low) * (x[:, low + 1] - x[:, low])
    axis = np.linspace(0, 1, N_MELS)
    if rng.random() < odds.room:                                        # room: each band decays
        power, decay = 10 ** (x / 10), 10 ** (-6 * HOP / SAMPLE_RATE / rng.uniform(0.15, 0.8))
        tail, wet = np.zeros(N_MELS), 10 ** (rng.uniform(-20, -8) / 10)
        smeared = np.empty_like(power)
        for i, frame in enumerate(power):
            smeared[i], tail = frame + wet * tail, decay * (tail + frame)
        x = 10 * np.log10(smeared + 1e-20)
    loud = np.quantile(x.max(1), 0.9)
    if rng.random() < odds.noise:                                         # noise of a random colour, 10 to 40 dB below
        colour = rng.uniform(-20, 8) * axis + rng.uniform(0, 5) * np.cos(2 * np.pi * (rng.uniform(0.3, 2) * axis + rng.random()))
        noise = loud - rng.uniform(10, 40) + colour + rng.normal(0, 3, x.shape)
        x = 10 * np.log10(10 ** (x / 10) + 10 ** (noise / 10))
    if rng.random() < 0.4:                                            # microphone
        x = x + rng.uniform(-5, 5) * axis + rng.uniform(0, 3) * np.cos(2 * np.pi * (rng.uniform(0.3, 2) * axis + rng.random()))
    if rng.random() < odds.line:                                        # line: nothing above, or below and above
        x = np.array(x)
        x[:, rng.integers(38, N_MELS) :] -= 60
        if rng.random() < odds.thin:
            x[:, : rng.integers(2, 10)] -= rng.uniform(*odds.depth)
    return np.asarray(x, np.float32)


def masked(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Half of the pictures with a band and a stretch hidden behind the mean (Park et al. 2019, SpecAugment)."""
    if rng.random() < 0.5:
        return picture
    x, mean = np.array(picture), float(picture.mean())
    width, span = rng.integers(0, 7), rng.integers(0, 9)
    band, start = rng.integers(N_MELS - width), rng.integers(max(1, len(x) - span))
    x[:, band : band + width] = mean
    x[start : start + span] = mean
    return x


def fitted(picture: np.ndarray, frames: int, rng: np.random.Generator) -> np.ndarray:
    """A picture of just so many frames: a random part of a longer one, a shorter one again and again."""
    if len(picture) < frames:
        picture = np.tile(picture, (-(-frames // len(picture)), 1))
    start = rng.integers(len(picture) - frames + 1)
    return picture[start : start + frames]


@dataclass(frozen=True)
class Batch:
    """x (n, 1, t, 64) · target, known (n, 8) · rows (n,), of the clips."""

    x: torch.Tensor
    target: torch.Tensor
    known: torch.Tensor
    rows: np.ndarray


def targets(clips: Clips) -> tuple[np.ndarray, np.ndarray]:
    """What is to be said (n, 8), and which labels a clip's corpus knows (n, 8); what an actor was given is smoothed, votes are left."""
    known = ~np.isnan(clips.values)
    target = np.nan_to_num(clips.values)
    acted = ~np.isin(clips.corpus, VOTED)
    target[acted] = (1 - SMOOTHING) * target[acted] + SMOOTHING * known[acted] / known[acted].sum(1, keepdims=True)
    return target.astype(np.float32), known


def balanced(clips: Clips, name: str) -> np.ndarray:
    """(n,) with which clips of a corpus are drawn, so that every label comes equally often (votes: by the root of how often)."""
    member = clips.corpus == name
    count = np.bincount(clips.truth[member], minlength=len(LABELS))[clips.truth]
    weight = np.where(member, 1 / np.maximum(count, 1) ** (0.5 if name in VOTED else 1.0), 0)
    return np.asarray(weight / weight.sum())


def batches(clips: Clips, shares: dict[str, int], seed: int, odds: Odds = Odds()) -> Iterator[Batch]:
    """Endless. Each corpus by its share, every label of a corpus equally often."""
    rng = np.random.default_rng(seed)
    target, known = targets(clips)
    members = {name: np.flatnonzero(clips.corpus == name) for name in shares}
    chances = {name: balanced(clips, name)[rows] for name, rows in members.items()}
    while True:
        chosen = np.concatenate([rng.choice(members[name], n, p=chances[name]) for name, n in shares.items()])
        frames = int(rng.integers(*FRAMES))
        x = np.stack([fitted(masked(normalise(varied(clips.decibels[i], rng, odds)), rng), frames, rng) for i in chosen])
        yield Batch(torch.from_numpy(x.astype(np.float32))[:, None], torch.from_numpy(target[chosen]), torch.from_numpy(known[chosen]), chosen)


# The net ---------------------------------------------------------------------------------------------------------------------------

class Net(nn.Module):
    """(n, 1, t, 64) pictures -> (n, 8) logits; four convolutions, a GRU both ways, the attended mean and deviation over time."""

    def __init__(self, channels: tuple[int, ...] = (24, 48, 72, 96), hidden: int = 64, dropout: float = 0.3) -> None:
        super().__init__()
        before = (1, *channels)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(pool))
            for a, b, pool in zip(before, channels, ((2, 2), (2, 2), (1, 2), (1, 2)), strict=False)
        )
        self.narrow = nn.Linear(channels[-1] * N_MELS // 16, 2 * hidden)
        self.narrow_norm = nn.BatchNorm1d(2 * hidden)    # without the two norms here it learns five times slower
        self.dropout = nn.Dropout(dropout)
        self.recur = nn.GRU(2 * hidden, hidden, batch_first=True, bidirectional=True)
        self.attend = nn.Sequential(nn.Linear(2 * hidden, hidden), nn.Tanh(), nn.Linear(hidden, 1))
        self.norm = nn.BatchNorm1d(4 * hidden)
        self.out = nn.Linear(4 * hidden, len(LABELS))

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        """(n, 4 hidden): mean and standard deviation over time, weighted by attention (Okabe et al. 2018)."""
        for block in self.blocks:
            x = block(x)
        x = self.narrow_norm(self.narrow(x.permute(0, 2, 1, 3).flatten(2)).transpose(1, 2)).transpose(1, 2)
        x = self.dropout(functional.relu(x))
        x, _ = self.recur(x)
        weight = self.attend(x).softmax(1)
        mean = (weight * x).sum(1)
        return self.norm(torch.cat([mean, ((weight * (x - mean[:, None]) ** 2).sum(1) + 1e-5).sqrt()], 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.dropout(self.embed(x)))


def divergence(logits: torch.Tensor, target: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """(n,) cross-entropy over the labels that a clip's corpus knows; what it doesn't know says nothing."""
    log_p = logits.masked_fill(~known, -1e4).log_softmax(1)
    return -(target * log_p).sum(1)


def loss(net: nn.Module, batch: Batch) -> torch.Tensor:
    return divergence(net(batch.x.contiguous(memory_format=torch.channels_last)), batch.target, batch.known).mean()


class Wide(nn.Module):
    """Linear heads on functionals: the labels as acted, and the same from how far functionals lie from what is usual for the person."""

    def __init__(self, mean: np.ndarray, deviation: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("mean", torch.from_numpy(mean.astype(np.float32)))
        self.register_buffer("deviation", torch.from_numpy(deviation.astype(np.float32)))
        self.dropout = nn.Dropout(0.3)
        self.out, self.adapted = nn.Linear(len(mean), len(LABELS)), nn.Linear(len(mean), len(LABELS))

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        """(n, d) functionals -> (n, d) standardised, within four deviations."""
        return ((x - self.mean) / self.deviation).clamp(-4, 4)


def widely(versions: list[np.ndarray], clips: Clips, rows: np.ndarray, shares: dict[str, float], seed: int, steps: int = 1_200) -> Wide:
    """Heads taught by the clips in `rows`; versions: functionals (n, d) of all clips, as recorded and as recorded otherwise."""
    torch.manual_seed(seed)
    rng, taught = np.random.default_rng(seed), clips.where(rows)
    target, known = targets(taught)
    acted = ~np.isin(taught.corpus, VOTED)
    wide = Wide(versions[0][rows].mean(0), versions[0][rows].std(0) + 1e-6)
    x = torch.stack([wide.embed(torch.from_numpy(v[rows])) for v in versions])
    beside = torch.stack([torch.from_numpy(centred(v.numpy(), taught.group)) for v in x])
    chance = np.sum([n * balanced(taught, name) for name, n in shares.items() if (taught.corpus == name).any()], axis=0)
    chance = chance * acted / (chance * acted).sum()
    optimiser = torch.optim.AdamW(wide.parameters(), lr=2e-3, weight_decay=0.05)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        row = rng.choice(len(taught), 192, p=chance)
        version = np.where(rng.random(192) < 0.5, 0, rng.integers(len(versions), size=192))
        t, k = torch.from_numpy(target[row]), torch.from_numpy(known[row])
        value = divergence(wide.out(wide.dropout(x[version, row])), t, k) + divergence(wide.adapted(wide.dropout(beside[version, row])), t, k)
        optimiser.zero_grad()
        value.mean().backward()
        optimiser.step()
        scheduler.step()
    return wide.eval()


def embeddings_of(net: Net, pictures: Sequence[np.ndarray]) -> np.ndarray:
    """(n, d), one clip at a time, as in use."""
    net.eval()
    with torch.no_grad():
        return np.stack([net.embed(torch.from_numpy(x)[None, None])[0].numpy() for x in pictures])


def centred(embeddings: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Embeddings less the mean of their person's: (n, d). No label is used."""
    out = np.empty_like(embeddings)
    for who in np.unique(group):
        out[group == who] = embeddings[group == who] - embeddings[group == who].mean(0)
    return out


def applied(head: nn.Module, embeddings: np.ndarray) -> np.ndarray:
    """(n, 8) logits."""
    head.eval()
    with torch.no_grad():
        return np.asarray(head(torch.from_numpy(embeddings)).numpy())


def softmax(logits: np.ndarray, known: np.ndarray | bool = True) -> np.ndarray:
    """(n, k) probabilities over the known labels."""
    z = np.where(known, logits, -np.inf)
    z = np.exp(z - z.max(1, keepdims=True))
    return np.asarray(z / z.sum(1, keepdims=True))


def trained(net: Any, stream: Iterator[Any], value: Callable[[Any, Any], torch.Tensor], out: Path, schedule: Schedule) -> Any:
    """One run of the loop. The averaged weights of the last step are kept: no speaker chooses among them. What is finished is read."""
    if (out / "best.pt").is_file():
        kept = torch.load(out / "best.pt", weights_only=False)
        if kept["step"] == schedule.steps:
            net.load_state_dict(kept["model"])
            return net.eval()
    return fit(net, stream, value, lambda _: 0.0, schedule, out=out, labels={"ravdess8": list(LABELS)})


def schedule_of(steps: int, lr: float, average: float, seed: int) -> Schedule:
    return Schedule(steps=steps, lr=lr, weight_decay=0.02, average=average, evaluate_every=steps, seed=seed)
