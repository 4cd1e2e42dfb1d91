"""What the voice recipes share: the corpora as pictures, their variation, batches of several corpora, the net and its losses."""

from __future__ import annotations

import csv
import math
import queue
import threading
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
from attune.voice.features import FLOOR, HOP, LOUD, N_MELS, SAMPLE_RATE, SCALE, TINY, centres, heard, log_mel, measurable, normalise

LABELS = ravdess.EMOTIONS
CORPORA: dict[str, ModuleType] = {"ravdess": ravdess, "crema_d": crema_d, "nemo_pl": nemo, "urdu": urdu}
VOTED = ("crema_d",)                     # corpora whose labels are listeners' votes; the others' are what an actor was told, or one judgement
FRAMES = (64, 104)                       # length of a batch, 1.3 to 2.1 s
QUIETEST, MIDDLE = 0.5, 2.0              # of a picture: what is softer than 60 dB below loud counts as that; about the mean
SMOOTHING = 0.05                         # of the labels an actor was given; votes are left as they are


# Data ------------------------------------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Clips:
    """Parallel columns, one entry a clip.

    id · wave (samples,) · decibels (t, 64), with loudness · values (n, 8), NaN where unknown · group: who ·
    corpus · split · sex, race ("" unknown) · age (NaN unknown).
    """

    id: np.ndarray
    wave: list[np.ndarray]
    decibels: list[np.ndarray]
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
    """All clips of training and dev speakers that can be measured; sounds are decoded once and kept in `out`."""
    items = [(name, item) for name, module in CORPORA.items() for item in module.items(root / name) if item.split != "test"]
    keys = [f"{name}/{item.path.relative_to(root / name)}" for name, item in items if item.path]
    sounds = stored(out / "audio.npz", lambda: {key: decode(item.path) for key, (_, item) in zip(keys, items, strict=True) if item.path})
    kept = [i for i, key in enumerate(keys) if measurable(sounds[key], 0.2)]
    waves = [sounds[keys[i]] for i in kept]
    ids, groups = np.array([items[i][1].id for i in kept]), np.array([items[i][1].group for i in kept])
    people = about(root)
    who = [people.get(g, {}) for g in groups]
    return Clips(
        ids, waves, [log_mel(w) for w in waves], np.stack([items[i][1].values for i in kept]), groups,
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
    """How often a clip of a batch is varied in a way (0..1), and how far."""

    tempo: float = 0.4
    throat: float = 0.4                  # pitch and throat: a shift along the mel scale
    microphone: float = 0.4
    room: float = 0.12
    noise: float = 0.3
    line: float = 0.3
    narrow: float = 0.5                  # of the lines, how many are about a telephone's
    hidden: float = 0.5                  # a band and a stretch behind the mean (Park et al. 2019, SpecAugment)
    bands: float = 2.0                   # of the mel scale, the largest shift
    below: tuple[float, float] = (8.0, 40.0)       # dB of the noise below the loudest band


AXIS = np.linspace(0, 1, N_MELS)


class Bank:
    """Decibels of many clips in one array, so that a batch is drawn at once.

    all (frames, 64) · start, end (n,) of each clip · first, last (n,) of what `normalise` would keep of it.
    """

    def __init__(self, decibels: Sequence[np.ndarray]) -> None:
        lengths = np.array([len(d) for d in decibels])
        self.all = np.concatenate(decibels).astype(np.float32)
        self.end = lengths.cumsum()
        self.start = self.end - lengths
        kept = np.array([heard(d) for d in decibels])
        self.first, self.last = self.start + kept[:, 0], self.start + kept[:, 1]

    def cut(self, rows: np.ndarray, frames: int, rate: np.ndarray, loose: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(n, frames, 64): a random part of a longer clip, a shorter one again and again, `rate` times as quick; where it is loose,
        with some of the quiet before and after it, which noise and rooms make heard."""
        return between(self.all, self.places(rows, frames, rate, loose, rng))

    def places(self, rows: np.ndarray, frames: int, rate: np.ndarray, loose: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(n, frames): where `cut` cuts, in frames of `all`."""
        first, last = self.first[rows].astype(float), self.last[rows].astype(float)
        first = np.floor(first - loose * rng.random(len(rows)) * (first - self.start[rows]))
        length = np.maximum(np.floor(last + loose * rng.random(len(rows)) * (self.end[rows] - last)) - first - 1, 1)
        spare = length - frames * rate
        offset = rng.random(len(rows)) * np.where(spare > 0, spare, length)
        return np.asarray((offset[:, None] + np.arange(frames) * rate[:, None]) % length[:, None] + first[:, None])


def between(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Rows (t, d) of an array at places between its rows, (...) -> (..., d)."""
    low = at.astype(int)
    share = (at - low)[..., None].astype(np.float32)
    return np.asarray(values[low] * (1 - share) + values[low + 1] * share)


def varied(bank: Bank, rows: np.ndarray, frames: int, rng: np.random.Generator, odds: Odds = Odds()) -> np.ndarray:
    """Pictures (n, frames, 64) float32 of clips as they might have been recorded elsewhere, of somebody else."""
    return varied_at(bank, rows, frames, rng, odds)[0]


def varied_at(bank: Bank, rows: np.ndarray, frames: int, rng: np.random.Generator, odds: Odds = Odds()) -> tuple[np.ndarray, np.ndarray]:
    """The same, and which frame of its clip each frame is, (n, frames), between whole ones where the tempo is another."""
    n = len(rows)
    tempo, throat, microphone, room, noise, line = (
        rng.random(n) < often for often in (odds.tempo, odds.throat, odds.microphone, odds.room, odds.noise, odds.line))
    places = bank.places(rows, frames, np.where(tempo, rng.uniform(0.86, 1.16, n), 1), room | noise, rng)
    x = between(bank.all, places)
    x[throat] = shifted(x[throat], rng.uniform(-odds.bands, odds.bands, int(throat.sum())))
    x[room] = in_rooms(x[room], rng)
    x[microphone] += (rng.uniform(-6, 6, (int(microphone.sum()), 1)) * AXIS + waves(int(microphone.sum()), 3, rng))[:, None].astype(np.float32)
    late = noise & (rng.random(n) < 0.25)                             # at the other end of the line
    x[noise & ~late] = in_noise(x[noise & ~late], odds.below, rng)
    x[line] -= losses(int(line.sum()), odds.narrow, rng)[:, None].astype(np.float32)
    x[late] = in_noise(x[late], odds.below, rng)
    loud = np.quantile(10 * np.log10((10 ** (x / 10)).sum(2) + TINY), LOUD, axis=1)
    x = np.maximum(x - loud[:, None, None] + FLOOR, 0) / SCALE
    for i in np.flatnonzero(rng.random(n) < odds.hidden):
        mean, width, span = x[i].mean(), rng.integers(0, 9), rng.integers(0, 10)
        band, start = rng.integers(N_MELS - width), rng.integers(frames - span)
        x[i, :, band : band + width] = mean
        x[i, start : start + span] = mean
    return np.asarray(x, np.float32), places - bank.start[rows][:, None]


def shifted(x: np.ndarray, bands: np.ndarray) -> np.ndarray:
    """Each clip of (n, t, 64) by so many bands, (n,)."""
    at = np.clip(np.arange(N_MELS) + bands[:, None], 0, N_MELS - 1.001)
    low = at.astype(int)
    share = (at - low).astype(np.float32)[:, None]
    low = np.broadcast_to(low[:, None], x.shape)
    return np.asarray(np.take_along_axis(x, low, 2) * (1 - share) + np.take_along_axis(x, low + 1, 2) * share)


def in_rooms(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(n, t, 64) dB with the tail of what was before, by band."""
    power = 10 ** (x / 10)
    decay = 10 ** (-6 * HOP / SAMPLE_RATE / rng.uniform(0.15, 0.8, (len(x), 1)))
    wet = 10 ** (rng.uniform(-18, -6, (len(x), 1)) / 10) * (1 - decay) / 0.1
    tail = np.zeros((len(x), N_MELS))
    for i in range(x.shape[1]):
        dry = power[:, i].copy()
        power[:, i] += wet * tail
        tail = decay * (tail + dry)
    return np.asarray(10 * np.log10(power + TINY))


def in_noise(x: np.ndarray, below: tuple[float, float], rng: np.random.Generator) -> np.ndarray:
    """(n, t, 64) dB with noise of a random colour; narrow bands of noise waver more than wide ones."""
    colour = rng.uniform(-22, 8, (len(x), 1)) * AXIS + waves(len(x), 5, rng)
    level = np.quantile(x.max(2), 0.9, axis=1)[:, None] - rng.uniform(*below, (len(x), 1)) if len(x) else np.zeros((0, 1))
    noise = (level + colour)[:, None] + rng.standard_normal(x.shape, dtype=np.float32) * (5 - 3 * AXIS)
    return np.asarray(10 * np.log10(10 ** (x / 10) + 10 ** (noise / 10)))


def waves(n: int, height: float, rng: np.random.Generator) -> np.ndarray:
    """(n, 64) dB: an unevenness of frequency response."""
    return np.asarray(rng.uniform(0, height, (n, 1)) * np.cos(2 * np.pi * (rng.uniform(0.3, 2, (n, 1)) * AXIS + rng.random((n, 1)))))


def losses(n: int, narrow: float, rng: np.random.Generator) -> np.ndarray:
    """(n, 64) dB that lines take away: nothing below, or above, some frequency, with slopes of 20 to 500 dB an octave."""
    octave = np.log2(centres())
    telephone = rng.random((n, 1)) < narrow
    low = np.where(telephone, rng.uniform(200, 400, (n, 1)), np.where(rng.random((n, 1)) < 0.75, rng.uniform(100, 450, (n, 1)), 1))
    high = np.where(telephone, rng.uniform(2900, 4200, (n, 1)), np.where(rng.random((n, 1)) < 0.9, rng.uniform(2700, 7000, (n, 1)), 1e6))
    outside = np.maximum(np.log2(low) - octave, 0) + np.maximum(octave - np.log2(high), 0)
    return np.asarray(np.minimum(10 ** rng.uniform(1.3, 2.7, (n, 1)) * outside, rng.uniform(30, 90, (n, 1))))


@dataclass(frozen=True)
class Batch:
    """x (n, 1, t, 64) · target, known (n, 8) · rows (n,), of the clips · share of each clip in its x, and other (n,), whose the rest is ·
    at (n, t), which frame of its clip each frame of x is."""

    x: torch.Tensor
    target: torch.Tensor
    known: torch.Tensor
    rows: np.ndarray
    share: float
    other: torch.Tensor
    at: np.ndarray


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


def batches(clips: Clips, shares: dict[str, int], seed: int, mixed: float = 0.0, odds: Odds = Odds()) -> Iterator[Batch]:
    """Endless. Each corpus by its share, every label of a corpus equally often; in so many batches every picture is mixed with another
    (Zhang et al. 2018, mixup)."""
    rng, bank = np.random.default_rng(seed), Bank(clips.decibels)
    target, known = targets(clips)
    members = {name: np.flatnonzero(clips.corpus == name) for name in shares}
    chances = {name: balanced(clips, name)[rows] for name, rows in members.items()}

    def drawn() -> Iterator[Batch]:
        while True:
            chosen = np.concatenate([rng.choice(members[name], n, p=chances[name]) for name, n in shares.items()])
            x, at = varied_at(bank, chosen, int(rng.integers(*FRAMES)), rng, odds)
            share, other = float(rng.beta(0.4, 0.4)) if rng.random() < mixed else 1.0, rng.permutation(len(x))
            share = max(share, 1 - share)
            yield Batch(*(torch.from_numpy(v) for v in ((share * x + (1 - share) * x[other]).astype(np.float32)[:, None], target[chosen], known[chosen])),
                        chosen, share, torch.from_numpy(other), at)

    return ahead(drawn())


def ahead(stream: Iterator[Batch], count: int = 4) -> Iterator[Batch]:
    """The same, made by a thread of its own while the net learns."""
    ready: queue.Queue[Batch] = queue.Queue(count)
    over = threading.Event()

    def fill() -> None:
        for batch in stream:
            while not over.is_set():
                try:
                    ready.put(batch, timeout=1)
                    break
                except queue.Full:
                    pass
            if over.is_set():
                return

    threading.Thread(target=fill, daemon=True).start()
    try:
        while True:
            yield ready.get()
    finally:
        over.set()


# The net ---------------------------------------------------------------------------------------------------------------------------

class Net(nn.Module):
    """(n, 1, t, 64) pictures -> (n, 8) logits; four convolutions, a fifth along time, and wide units' mean and deviation over time.

    It sees the picture beside itself less each band's mean, in which a microphone, a line, or a throat hardly shows. Norms come after
    the pooling, where there is a quarter of the work.
    """

    def __init__(self, channels: tuple[int, ...] = (16, 32, 48, 64), width: int = 72, units: int = 320, dropout: float = 0.1) -> None:
        super().__init__()
        a, b, c, d = channels                            # multiples of 16: a CPU's kernels waste the rest

        def block(before: int, after: int, pool: tuple[int, int]) -> nn.Sequential:
            return nn.Sequential(nn.Conv2d(before, after, 3, padding=1, bias=False), nn.MaxPool2d(pool), nn.BatchNorm2d(after), nn.ReLU())

        self.blocks = nn.Sequential(
            nn.Sequential(nn.Conv2d(2, a, 5, 2, 2, bias=False), nn.BatchNorm2d(a), nn.ReLU()), block(a, b, (2, 2)), block(b, c, (1, 2)), block(c, d, (1, 2)))
        self.narrow = nn.Linear(d * N_MELS // 16, width)
        self.narrow_norm = nn.BatchNorm1d(width)         # without the two norms here it learns five times slower
        self.along = nn.Conv1d(width, width, 9, padding=4, groups=width, bias=False)
        self.along_norm = nn.BatchNorm1d(width)
        self.dropout = nn.Dropout(dropout)
        self.wide = nn.Linear(width, units)
        self.wide_norm = nn.BatchNorm1d(units)
        self.norm = nn.BatchNorm1d(2 * units)
        self.out = nn.Linear(2 * units, len(LABELS))

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        """(n, 2 units): what `pooled` makes of all frames."""
        return self.pooled(self.framed(self.convolved(x)))

    def convolved(self, x: torch.Tensor) -> torch.Tensor:
        """(n, d, t // 4, 4): what the convolutions make of it."""
        x = x.clamp(min=QUIETEST)
        return self.blocks(torch.cat([x - MIDDLE, x - x.mean(2, keepdim=True)], 1).contiguous(memory_format=torch.channels_last))

    def framed(self, x: torch.Tensor) -> torch.Tensor:
        """(n, t // 4, width): every 80 ms, with a third of a second before and after in mind."""
        x = functional.relu(self.narrow_norm(self.narrow(x.permute(0, 2, 1, 3).flatten(2)).transpose(1, 2)))
        return (x + self.along_norm(self.along(x))).transpose(1, 2)

    def pooled(self, x: torch.Tensor) -> torch.Tensor:
        """(n, 2 units) of such frames: mean and standard deviation over time."""
        x = functional.gelu(self.wide_norm(self.wide(self.dropout(x)).transpose(1, 2)))
        return self.norm(torch.cat([x.mean(2), (x.var(2, unbiased=False) + 1e-4).sqrt()], 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(self.dropout(self.embed(x)))


def divergence(logits: torch.Tensor, target: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """(n,) cross-entropy over the labels that a clip's corpus knows; what it doesn't know says nothing."""
    log_p = logits.masked_fill(~known, -1e4).log_softmax(1)
    return -(target * log_p).sum(1)


def loss(net: nn.Module, batch: Batch) -> torch.Tensor:
    logits = net(batch.x)
    value = divergence(logits, batch.target, batch.known).mean()
    if batch.share < 1:
        value = batch.share * value + (1 - batch.share) * divergence(logits, batch.target[batch.other], batch.known[batch.other]).mean()
    return value


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
