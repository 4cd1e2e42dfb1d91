"""Prosody: eight emotions from the sound of a voice, on the first layers of Whisper's encoder.

    python recipes/voice_prosody.py --data DIR --whisper FOLDER --out runs/voice_prosody

DIR holds the folders ravdess, crema_d, nemo_pl and urdu, each in a layout of its module in `attune.datasets`; FOLDER holds Whisper base as
CTranslate2 has it (`model.bin`, MIT licence), as faster-whisper fetches it. The recipe

1. runs every clip through three layers of the encoder, once as recorded and six times as it might have been (in noise, in a room, over a line,
   from another throat), and keeps the mean and deviation over time of what each layer says, and the mean of what stands inside the upper two;
2. teaches small nets on the means and straight lines on the rest, once per fold of four RAVDESS actors and a fifth of the others' training speakers
   (what the result is worth), once without each corpus, and once with all of these people (to ship);
3. calibrates by the folds, exports to ONNX with 8-bit weights, checks the export against torch, measures, and writes metrics and card.

No weights are chosen by a score. What is finished is not done again. Needs the extra `train`; under an hour of one core.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import _temperature as temperature
import numpy as np
import onnxruntime
import torch
from _text_export import quantise
from _voice import CORPORA, LABELS, VOTED, Clips, balanced, centred, divergence, read, softmax, targets
from _voice_card import DECIDED, card
from _whisper import Front, digest, tensors
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import nn

from attune import metrics
from attune.evaluate import Predictions, write_predictions
from attune.train import Schedule, fit, seed_everything
from attune.voice.models import prosody_whisper
from attune.voice.models.prosody_whisper import MEANS, Prosody
from attune.voice.whisper_mel import LONGEST, SAMPLE_RATE, log_mel

HERE = Path(__file__).resolve().parent.parent / "attune" / "voice" / "models"
NAME = "prosody_whisper"
FOLDS = 5                                # each of four RAVDESS actors, two men and two women, and a fifth of the others' speakers
DESIGN = (0, 4)                          # folds whose people were looked at while the nets were made
SHARES = {"ravdess": 10, "crema_d": 6, "nemo_pl": 6, "urdu": 0.3}      # of the clips of a batch
LAYERS = 3                               # of Whisper's encoder
PARTS = slice(3072), slice(3072, None)   # columns that straight lines are taught on, each part by itself: layers' results, and their insides
MEMBERS, HIDDEN = 4, 128                 # small nets, averaged; their width
STRENGTH = 0.2                           # of the straight lines' ridge, for each column
STRAIGHT = 5.0                           # logits for a whole probability, by one part's lines
AS_RECORDED = 0.4                        # share of the clips of a batch
BATCH = 192
SCHEDULE = Schedule(steps=600, lr=2e-3, weight_decay=0.05, evaluate_every=600)
CLIPS_FOR_BASELINE = (0, 1, 4, 8, 16, 30)
EVERY = 4                                # one RAVDESS clip of four is heard under other conditions
PRIOR = 2.0                              # clips' worth of an average person in a baseline
WEIGHTS = np.exp(np.linspace(np.log(0.1), np.log(2.5), 60))
FILED = {"nemo_pl": "nemo"}              # how `attune evaluate` calls a corpus
ROUNDING = 0.01                          # the largest change of a probability that 8-bit weights may bring, in the mean
SEED = 0


# What Whisper hears ----------------------------------------------------------------------------------------------------------------

class Hearing(nn.Module):
    """(n, t, 80) log-mel -> (n, 7168): over time, the means of what the encoder's first layers say, the deviations of that, and the means of what
    stands inside the feed-forward nets of all but the first."""

    def __init__(self, whisper: dict[str, torch.Tensor]) -> None:
        super().__init__()
        self.front = Front(whisper, LAYERS)

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        said, inside = self.front.both(mel)
        means, frames = [over_time(x) for x in said[1:]], said[1].shape[1]
        deviations = [(over_time((x - mean[:, None]) ** 2) * (frames / (frames - 1))) ** 0.5 for x, mean in zip(said[1:], means, strict=True)]
        return torch.cat([*means, *deviations, *(over_time(x) for x in inside[1:])], 1)


def over_time(x: torch.Tensor) -> torch.Tensor:
    """(n, t, d) -> (n, d), the mean; as a product, which onnxruntime makes in a tenth of the time of a mean."""
    return (x.new_ones(1, x.shape[1]) @ x)[:, 0] / x.shape[1]


def heard(hearing: Hearing, waves: list[np.ndarray]) -> np.ndarray:
    """(n, 7168), one clip at a time, as in use; in half precision, which is a ten-thousandth of what clips differ by."""
    with torch.no_grad():
        return np.concatenate([hearing(torch.from_numpy(log_mel(w[: round(LONGEST * SAMPLE_RATE)]))[None]).half().numpy() for w in waves])


def versions(clips: Clips, hearing: Hearing, out: Path) -> list[np.ndarray]:
    """What is heard of all clips: as recorded; as it might have been recorded; of another throat; both at once; and so on. Made once."""
    made = []
    for version, (speeds, recorded) in enumerate(VERSIONS):
        kept = out / f"heard{version}.npz"
        if not kept.is_file():
            rng, waves = np.random.default_rng(1), []
            for wave in clips.wave:
                wave = quicker(wave, rng.choice([rng.uniform(*speeds[:2]), rng.uniform(*speeds[2:])])) if speeds else wave
                waves.append(recorded(wave, rng) if recorded else wave)
            np.savez(kept, id=clips.id, x=heard(hearing, waves))
        found = dict(np.load(kept))
        rows = {clip: i for i, clip in enumerate(found["id"].tolist())}
        made.append(found["x"][[rows[clip] for clip in clips.id]])
    return made


def quicker(wave: np.ndarray, times: float) -> np.ndarray:
    """So many times as quick, and as high."""
    return np.interp(np.arange(int(len(wave) / times)) * times, np.arange(len(wave)), wave).astype(np.float32)


def otherwise(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """As it might have been recorded: in noise, over a line, or in a room."""
    way = rng.integers(3)
    if way == 0:
        return with_noise(wave, rng.uniform(5, 30), rng, rng.uniform(0, 0.7))
    return within(wave, rng.uniform(50, 350), rng.uniform(3200, 7000)) if way == 1 else in_a_room(wave, rng, rng.uniform(0.2, 0.8), rng.uniform(0.1, 0.8))


def by_line(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Over a telephone line or a narrow one like it, every other time with noise."""
    wave = within(wave, rng.uniform(200, 400), rng.uniform(2900, 4000))
    return with_noise(wave, rng.uniform(15, 40), rng, rng.uniform(0, 0.7)) if rng.random() < 0.5 else wave


NEAR, FAR = (0.84, 0.94, 1.06, 1.2), (0.78, 0.92, 1.08, 1.28)          # how many times as quick, and as high, another throat speaks
VERSIONS: tuple[tuple[tuple[float, ...], Callable[[np.ndarray, np.random.Generator], np.ndarray] | None], ...] = (
    ((), None), ((), otherwise), (NEAR, None), (NEAR, otherwise), (FAR, None), (FAR, by_line), ((), by_line))


# Training --------------------------------------------------------------------------------------------------------------------------

class Net(nn.Module):
    """(n, 7168) of what was heard -> (n, 8) logits: the mean of small nets of one hidden layer each on the means, and straight lines on everything."""

    def __init__(self, mean: np.ndarray, deviation: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("mean", torch.from_numpy(mean.astype(np.float32)))
        self.register_buffer("deviation", torch.from_numpy(deviation.astype(np.float32)))
        self.register_buffer("lines", torch.zeros(len(LABELS), len(mean)))
        self.hidden = nn.ModuleList(nn.Linear(min(MEANS, len(mean)), HIDDEN) for _ in range(MEMBERS))
        self.outs = nn.ModuleList(nn.Linear(HIDDEN, len(LABELS)) for _ in range(MEMBERS))

    def standard(self, x: torch.Tensor) -> torch.Tensor:
        """Of all columns, or of the first ones alone."""
        return ((x - self.mean[: x.shape[1]]) / self.deviation[: x.shape[1]]).clamp(-4, 4)

    def members(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Logits (n, 8) of each small net, as they learn: without half of what they are given and a third of what they make of it."""
        x, drop = self.standard(x[:, :MEANS]), nn.functional.dropout
        return [out(drop(hidden(drop(x, 0.5, self.training)).relu(), 0.3, self.training)) for hidden, out in zip(self.hidden, self.outs, strict=True)]

    def embed(self, x: torch.Tensor) -> torch.Tensor:
        """(n, MEMBERS HIDDEN + 8): what the small nets' hidden layers say, and the straight lines."""
        x = self.standard(x)
        return torch.cat([*(hidden(x[:, :MEANS]).relu() for hidden in self.hidden), nn.functional.linear(x, self.lines)], 1)

    def out(self, embedding: torch.Tensor) -> torch.Tensor:
        """(n, 8) logits."""
        return nn.functional.linear(embedding, self.weight, torch.stack([out.bias for out in self.outs]).mean(0))

    @property
    def weight(self) -> torch.Tensor:
        """(8, MEMBERS HIDDEN + 8)."""
        return torch.cat([*(out.weight / MEMBERS for out in self.outs), torch.eye(len(LABELS))], 1)


Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]                # x (n, MEANS) · target, known (n, 8)


def batches(clips: Clips, rows: np.ndarray, heard: list[np.ndarray], shares: dict[str, float], seed: int) -> Iterator[Batch]:
    """Endless. Each corpus by its share, every label of a corpus equally often, some as recorded and some otherwise; rows: who is taught."""
    rng, taught, x = np.random.default_rng(seed), clips.where(rows), np.stack([h[rows, :MEANS] for h in heard]).astype(np.float32)
    target, known = targets(taught)
    chance = chances(taught, shares)
    while True:
        row = rng.choice(len(taught), BATCH, p=chance)
        version = np.where(rng.random(BATCH) < AS_RECORDED, 0, rng.integers(len(x), size=BATCH))
        yield torch.from_numpy(x[version, row]), torch.from_numpy(target[row]), torch.from_numpy(known[row])


def chances(taught: Clips, shares: dict[str, float]) -> np.ndarray:
    """(n,) how often each clip is taught, in a sum of 1."""
    return np.asarray(np.sum([n * balanced(taught, name) for name, n in shares.items()], axis=0) / sum(shares.values()))


def lines(net: Net, clips: Clips, rows: np.ndarray, heard: list[np.ndarray], shares: dict[str, float]) -> torch.Tensor:
    """(8, 7168) straight lines through the labels' probabilities, by ridge regression: for each of `PARTS` its own, in the batches' shares."""
    taught = clips.where(rows)
    wanted = np.where(np.isnan(taught.values), 0, taught.values - 1 / len(LABELS)).astype(np.float32)
    weight = len(taught) * chances(taught, shares)[:, None].astype(np.float32)
    found = []
    for columns in PARTS:
        mean, deviation = net.mean.numpy()[columns], net.deviation.numpy()[columns]
        square, towards = np.zeros((len(mean), len(mean))), np.zeros((len(mean), len(LABELS)))
        for version, x in enumerate(heard):
            often = (1 - AS_RECORDED) / len(heard) + AS_RECORDED * (version == 0)
            part = np.clip((x[rows, columns] - mean) / deviation, -4, 4).astype(np.float32)
            square += (often * weight * part).T @ part
            towards += (often * weight * part).T @ wanted
        found.append(np.linalg.solve(square + STRENGTH * len(mean) * np.eye(len(mean)), towards).T)
    return torch.from_numpy(STRAIGHT * np.concatenate(found, 1)).float()


def loss(net: nn.Module, batch: Batch) -> torch.Tensor:
    x, target, known = batch
    assert isinstance(net, Net)
    return torch.stack([divergence(logits, target, known).mean() for logits in net.members(x)]).sum()


def learned(clips: Clips, rows: np.ndarray, heard: list[np.ndarray], out: Path, shares: dict[str, float] = SHARES) -> Net:
    """A net that was taught by the clips in `rows`: the weights of the last step, so that no speaker chooses among them."""
    if not (out / "best.pt").is_file() or torch.load(out / "best.pt", weights_only=False)["step"] != SCHEDULE.steps or not (out / "lines.pt").is_file():
        seed_everything(SEED)
        usual = heard[0][rows].astype(np.float32)
        net = Net(usual.mean(0), usual.std(0) + 1e-6)
        fit(net, batches(clips, rows, heard, shares, SEED), loss, lambda _: 0.0, SCHEDULE, out=out, labels={"ravdess8": list(LABELS)})
        torch.save(lines(net, clips, rows, heard, shares), out / "lines.pt")
    return net_in(out)


def net_in(folder: Path) -> Net:
    """What `learned` left in a folder."""
    weights = torch.load(folder / "best.pt", weights_only=False)["model"]
    net = Net(weights["mean"].numpy(), weights["deviation"].numpy())
    net.load_state_dict(weights | {"lines": torch.load(folder / "lines.pt", weights_only=True)})
    return net.eval()


def held_out(clips: Clips, fold: int) -> np.ndarray:
    """(n,) clips of the people whom a fold leaves out; dev speakers are in none."""
    out = np.zeros(len(clips), bool)
    for name in CORPORA:
        trained_on = (clips.corpus == name) & ((clips.split == "train") | (name == "ravdess"))
        people = np.unique(clips.group[trained_on])
        of = FOLDS - 1 - (len(people) - 1 - np.arange(len(people))) * FOLDS // len(people)
        out |= trained_on & np.isin(clips.group, people[of == fold])
    return out


def teachable(clips: Clips, fold: int | None = None) -> np.ndarray:
    """(n,) RAVDESS and the training speakers of the others, without a fold's people."""
    taught = (clips.split == "train") | (clips.corpus == "ravdess")
    return taught if fold is None else taught & ~held_out(clips, fold)


def hidden(embedding: torch.Tensor) -> torch.Tensor:
    """(n, MEMBERS HIDDEN) of an embedding: without the straight lines, which know the clips that they were taught by heart."""
    return embedding[:, : MEMBERS * HIDDEN]


def voting(embeddings: np.ndarray, clips: Clips, steps: int = 600) -> nn.Linear:
    """A head for the shares of listeners' votes, on embeddings (n, d) of the clips that were voted on."""
    seed_everything(SEED)
    rng, head = np.random.default_rng(SEED), nn.Linear(MEMBERS * HIDDEN, len(LABELS))
    target, known = (torch.from_numpy(v) for v in targets(clips))
    optimiser, x = torch.optim.AdamW(head.parameters(), lr=2e-3, weight_decay=0.1), hidden(torch.from_numpy(embeddings))
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        row = torch.from_numpy(rng.integers(len(x), size=128))
        value = divergence(head(nn.functional.dropout(x[row], 0.3)), target[row], known[row]).mean()
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        scheduler.step()
    return head.eval()


# Conditions: how else a clip might have been recorded ---------------------------------------------------------------------------------------

def with_noise(wave: np.ndarray, decibels: float, rng: np.random.Generator, slope: float = 0.5) -> np.ndarray:
    """Noise so far below the clip's power; slope 0 is white, 0.5 pink (power falls as 1/f)."""
    f = np.fft.rfftfreq(len(wave), 1 / SAMPLE_RATE)
    noise = np.fft.irfft(np.fft.rfft(rng.normal(size=len(wave))) / np.maximum(f, 30) ** slope, len(wave))
    return (wave + noise * np.sqrt(np.mean(wave.astype(float) ** 2) / np.mean(noise**2) / 10 ** (decibels / 10))).astype(np.float32)


def by_telephone(wave: np.ndarray) -> np.ndarray:
    """300 to 3400 Hz."""
    return within(wave, 300, 3400)


def within(wave: np.ndarray, low: float, high: float) -> np.ndarray:
    """Nothing below or above, Hz."""
    f = np.fft.rfftfreq(len(wave), 1 / SAMPLE_RATE)
    return np.fft.irfft(np.fft.rfft(wave) * ((f > low) & (f < high)), len(wave)).astype(np.float32)


def in_a_room(wave: np.ndarray, rng: np.random.Generator, seconds: float = 0.5, wet: float = 0.5) -> np.ndarray:
    """An exponential tail of noise that falls by 60 dB in `seconds` and holds `wet` times the power of the direct sound."""
    tail = rng.normal(size=round(seconds * SAMPLE_RATE)) * 10 ** (-3 * np.linspace(0, 1, round(seconds * SAMPLE_RATE)))
    tail[: round(0.01 * SAMPLE_RATE)] = 0
    response = tail * np.sqrt(wet / np.sum(tail**2))
    response[0] = 1
    n = len(wave) + len(response)
    return np.fft.irfft(np.fft.rfft(wave, n) * np.fft.rfft(response, n), n)[: len(wave)].astype(np.float32)


def loudest(wave: np.ndarray, seconds: float) -> np.ndarray:
    """The loudest stretch of that length."""
    n = round(seconds * SAMPLE_RATE)
    energy = np.cumsum(np.concatenate([[0], wave.astype(np.float64) ** 2]))
    start = int((energy[n:] - energy[:-n]).argmax()) if len(wave) > n else 0
    return wave[start : start + n]


def conditions(waves: list[np.ndarray]) -> dict[str, list[np.ndarray]]:
    rng = np.random.default_rng(SEED)
    return {
        "as_recorded": waves,
        "minus20": [w * np.float32(0.1) for w in waves],
        "minus20_16bit": [np.round(w * 3276.7).astype(np.float32) / 32768 for w in waves],
        "plus20": [w * np.float32(10) for w in waves],
        "noise10": [with_noise(w, 10, rng) for w in waves],
        "noise10_white": [with_noise(w, 10, rng, 0.0) for w in waves],
        "telephone": [by_telephone(w) for w in waves],
        "room": [in_a_room(w, rng) for w in waves],
        **{f"seconds_{s}": [loudest(w, s) for w in waves] for s in (1.0,)},
    }


# Measuring -------------------------------------------------------------------------------------------------------------------------

def likeliest(logits: np.ndarray, values: np.ndarray) -> float:
    """The factor with which logits (n, k) make labels or votes (n, k), NaN where a corpus has no such label, likeliest: Guo et al. (2017), 4.2."""
    target, known = torch.from_numpy(np.nan_to_num(values)), torch.from_numpy(~np.isnan(values))
    return float(min(WEIGHTS, key=lambda w: float(divergence(torch.from_numpy(w * logits), target, known).mean())))


def cross_fitted(logits: np.ndarray, values: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """(n, 1), for each row the factor that the other folds ask for."""
    return np.array([likeliest(logits[fold != f], values[fold != f]) for f in range(FOLDS)])[fold][:, None]


def said(net: Net, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logits (n, 8) and embeddings (n, d)."""
    with torch.no_grad():
        e = torch.cat([net.embed(torch.from_numpy(part.astype(np.float32))) for part in np.array_split(x, -(-len(x) // 500) or 1)])
        return net.out(e).numpy(), e.numpy()


def out_of_fold(clips: Clips, everything: list[np.ndarray], hearing: Hearing, out: Path) -> dict[str, np.ndarray]:
    """Every clip of a training speaker by a net that never heard this speaker; of RAVDESS some under all conditions."""
    some = np.flatnonzero(clips.corpus == "ravdess")[::EVERY]
    if not (out / "changed.npz").is_file():
        np.savez(out / "changed.npz", **{name: heard(hearing, waves) for name, waves in conditions([clips.wave[i] for i in some]).items()})
    changed, parts = dict(np.load(out / "changed.npz")), []
    for f in range(FOLDS):
        rows, taught = held_out(clips, f), teachable(clips, f)
        net, test = learned(clips, taught, everything, out / f"fold{f}"), clips.where(rows)
        logits, embeddings = said(net, everything[0])
        np.savez(out / f"taught{f}.npz", clip=clips.id, logits=logits)                        # for a student of this fold
        columns: dict[str, np.ndarray] = {
            "clip": test.id, "truth": test.truth, "values": test.values, "group": test.group, "corpus": test.corpus, "sex": test.sex,
            "fold": np.full(len(test), f), "row": np.flatnonzero(rows), "plain": logits[rows], "embed": embeddings[rows],
            "average": np.broadcast_to(logits[taught & (clips.corpus == "ravdess")].mean(0), (len(test), len(LABELS)))}
        here, number = np.flatnonzero(rows[some]), np.cumsum(rows) - 1
        columns |= {name: filled(said(net, x[here])[0], number[some[here]], len(test)) for name, x in changed.items()}
        acted = test.corpus == "ravdess"
        print(f"fold {f}: UAR {metrics.uar(test.truth[acted], columns['plain'][acted].argmax(1)):.4f}", flush=True)
        parts.append(columns)
    everyone = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
    np.savez(out / "oof.npz", **everyone)
    return everyone


def interval(metric: Callable[..., float], *arrays: np.ndarray, groups: np.ndarray) -> dict[str, float]:
    return {k: round(v, 4) for k, v in metrics.bootstrap(metric, *arrays, groups=groups)._asdict().items()}


def uar_of(truth: np.ndarray, said: np.ndarray, groups: np.ndarray) -> dict[str, float]:
    """UAR with its interval: of draws that have all labels, since without one it is another figure; none where a label is one speaker's only."""
    labels, nan = len(np.unique(truth)), float("nan")

    def whole(y: np.ndarray, p: np.ndarray) -> float:
        return metrics.uar(y, p) if len(np.unique(y)) == labels else nan

    alone = any(len(np.unique(groups[truth == label])) == 1 for label in np.unique(truth))
    return {"value": round(metrics.uar(truth, said), 4), "low": nan, "high": nan} if alone else interval(whole, truth, said, groups=groups)


def filled(values: np.ndarray, where: np.ndarray, n: int) -> np.ndarray:
    """Rows of some of n clips, with NaN for the others: (n, k)."""
    out = np.full((n, values.shape[1]), np.nan, np.float32)
    out[where] = values
    return out


def of_corpus(oof: dict[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
    return {key: column[oof["corpus"] == name] for key, column in oof.items()}


def by_count(of: dict[str, np.ndarray], n: int, draws: int = 10) -> float:
    """UAR when a person's habit is known from n other clips, drawn at random, and for the rest from the average person."""
    rng, scores = np.random.default_rng(SEED), []
    for _ in range(draws):
        logits = np.array(of["plain"])
        for who in np.unique(of["group"]):
            rows = rng.permutation(np.flatnonzero(of["group"] == who))
            halves = rows[: len(rows) // 2], rows[len(rows) // 2 :]
            for half, others in (halves, halves[::-1]):
                logits[half] -= (of["plain"][others[:n]].sum(0) + PRIOR * of["average"][half]) / (n + PRIOR)
        scores.append(metrics.uar(of["truth"], logits.argmax(1)))
    return float(np.mean(scores))


def under(of: dict[str, np.ndarray], condition: str) -> tuple[float, float]:
    """UAR of the clips that were heard under a condition: single, and beside their person's mean under the same condition."""
    rows = ~np.isnan(of[condition][:, 0])
    z, truth = of[condition][rows], of["truth"][rows]
    return metrics.uar(truth, z.argmax(1)), metrics.uar(truth, centred(z, of["group"][rows]).argmax(1))


def on_ravdess(of: dict[str, np.ndarray], factor: np.ndarray) -> dict[str, Any]:
    """of: out-of-fold outputs of RAVDESS's clips; factor (n, 1): what the other folds ask for."""
    truth, group, fold, sex, beside = of["truth"], of["group"], of["fold"], of["sex"], centred(of["plain"], of["group"])
    logits = {"single": factor * of["plain"], "adapted": cross_fitted(beside, of["values"], fold) * beside}
    heard_as = {name: under(of, name) for name in conditions([])}
    figures: dict[str, Any] = {"n": len(truth), "speakers": len(np.unique(group)), "folds": len(np.unique(fold))}
    for i, (kind, z) in enumerate(logits.items()):
        p, y = softmax(z), z.argmax(1)
        figures[kind] = {
            "uar": interval(metrics.uar, truth, y, groups=group), "accuracy": interval(metrics.accuracy, truth, y, groups=group),
            "fold_uar": {str(f): round(metrics.uar(truth[fold == f], y[fold == f]), 4) for f in np.unique(fold)},
            "uar_without_design": round(metrics.uar(*(v[~np.isin(fold, DESIGN)] for v in (truth, y))), 4),
            "recall": dict(zip(LABELS, metrics.recalls(truth, y, len(LABELS)).round(4).tolist(), strict=True)),
            "confusion": metrics.confusion(truth, y, len(LABELS)).tolist(),
            "sex": {x: interval(metrics.uar, truth[sex == x], y[sex == x], groups=group[sex == x]) for x in ("F", "M")},
            **calibration(truth, p), "conditions": {name: round(values[i], 4) for name, values in heard_as.items()},
        }
    figures["clips_for_baseline"] = {str(n): round(by_count(of, n), 4) for n in CLIPS_FOR_BASELINE}
    return figures


def on_training_speakers(oof: dict[str, np.ndarray], factor: np.ndarray, factor_adapted: float) -> dict[str, Any]:
    """The other corpora's training speakers, each by a net that never heard this one."""
    figures: dict[str, Any] = {}
    for name in ("nemo_pl", "urdu", "crema_d"):
        of, rows = of_corpus(oof, name), oof["corpus"] == name
        known, truth, group = ~np.isnan(of["values"][0]), of["truth"], of["group"]
        p, beside = softmax((factor * oof["plain"])[rows], known), softmax(factor_adapted * centred(of["plain"], group), known)
        figures[name] = {
            "n": len(truth), "speakers": len(np.unique(group)), "uar": uar_of(truth, p.argmax(1), group),
            "uar_adapted": uar_of(truth, beside.argmax(1), group),
            "by_speaker": {str(g): round(metrics.uar(truth[group == g], p[group == g].argmax(1)), 4) for g in np.unique(group)},
            **calibration(truth[sure := temperature.one_label(of["values"])], p[sure]),
        }
        if name in VOTED:
            figures[name]["jsd"] = interval(mean_jsd, of["values"][:, known], p[:, known], groups=group)
    return figures


def of_everybody(oof: dict[str, np.ndarray], factor: np.ndarray) -> dict[str, Any]:
    """ECE over all corpora's clips that have one label, each over the labels of its corpus, with an interval by drawing people."""
    rows = temperature.one_label(oof["values"])
    p, truth, group = softmax(factor * oof["plain"], ~np.isnan(oof["values"]))[rows], oof["truth"][rows], oof["group"][rows]
    found, = metrics.bootstrap_figures(lambda drawn: np.array([metrics.ece(truth[drawn], p[drawn])]), len(p), groups=group, centred=(0,))
    return {"n": len(p), "speakers": len(np.unique(group)), **calibration(truth, p), "interval": {k: round(v, 4) for k, v in found._asdict().items()}}


def everybody_unheard(name: str, oof: dict[str, np.ndarray], model: Prosody, clips: Clips) -> dict[str, Any]:
    """UAR of single clips over all of a corpus's people: training speakers by nets of the folds, dev speakers by the packaged one."""
    of, dev = of_corpus(oof, name), clips.where((clips.corpus == name) & (clips.split == "dev"))
    known = ~np.isnan(of["values"][0])
    said = np.concatenate([np.where(known, scores, -np.inf).argmax(1) for scores in (of["plain"], model(dev.wave))])
    truth, group = (np.concatenate([of[column], getattr(dev, column)]) for column in ("truth", "group"))
    return {"n": len(truth), "speakers": len(np.unique(group)), "uar": uar_of(truth, said, group)}


def left_out(name: str, clips: Clips, heard: list[np.ndarray], oof: dict[str, np.ndarray], out: Path) -> dict[str, object]:
    """A corpus by a net that was never taught it, over the labels that it shares with the corpora that were. Its temperature was fitted on these alone, on
    what the folds' nets, which knew the corpus, say of them."""
    shares = {corpus: n for corpus, n in SHARES.items() if corpus != name}
    net = learned(clips, teachable(clips) & (clips.corpus != name), heard, out / f"without_{name}", shares)
    common = np.array([label in set().union(*(labels_of(corpus) for corpus in shares)) for label in LABELS])
    chosen = clips.corpus == name
    known = ~np.isnan(clips.values[chosen][0]) & common
    chosen &= known[clips.truth]
    chosen[chosen] = temperature.one_label(clips.values[chosen][:, known])
    others = oof["corpus"] != name
    times = temperature.fitted(heard[0][oof["row"][others], :MEANS], *(oof[column][others] for column in ("plain", "values", "group")))
    of, z = clips.where(chosen), said(net, heard[0][chosen])[0]
    figures: dict[str, object] = {"n": len(of), "speakers": len(np.unique(of.group)), "labels": len(np.unique(of.truth))}
    for kind, logits in (("uar", z), ("uar_adapted", centred(z, of.group))):
        figures[kind] = uar_of(of.truth, softmax(logits, known).argmax(1), of.group)
    return figures | calibration(of.truth, softmax(times.of(heard[0][chosen, :MEANS]) * z, known))


def labels_of(corpus: str) -> tuple[str, ...]:
    """What a corpus can teach the head of acted labels."""
    return {"ravdess": LABELS, "crema_d": ("neutral", "happy", "sad", "angry", "fearful", "disgust"),
            "nemo_pl": ("neutral", "happy", "sad", "angry", "fearful", "surprised"),
            "urdu": ("neutral", "happy", "sad", "angry")}.get(corpus, ())


def calibration(truth: np.ndarray, p: np.ndarray) -> dict[str, float]:
    """ECE, and what it would be by chance were these probabilities right."""
    return {"ece_n": len(truth), "ece": round(metrics.ece(truth, p), 4), "ece_by_chance": round(metrics.ece_by_chance(p)[0], 4)}


def mean_jsd(p: np.ndarray, q: np.ndarray) -> float:
    return float(metrics.jsd(p, q).mean())


def of_a_listener(votes: np.ndarray, p: np.ndarray) -> float:
    """ECE of the label said first, where what is right is what one listener, drawn at random, would have chosen."""
    first = p.argmax(1)
    return float(metrics.reliability(p.max(1), votes[np.arange(len(votes)), first]).gap)


def on_others(model: Prosody, clips: Clips) -> dict[str, Any]:
    """Dev speakers of the other corpora by the packaged model, over the labels that each corpus has."""
    figures: dict[str, Any] = {}
    for name in ("nemo_pl", "urdu"):
        dev = clips.where((clips.corpus == name) & (clips.split == "dev"))
        known = ~np.isnan(dev.values[0])
        e = model.embed(dev.wave)
        plain = np.where(known, model(dev.wave), 0)
        plain /= plain.sum(1, keepdims=True)
        adapted = np.concatenate([model.adapted(e[dev.group == g], e[dev.group == g].mean(0), 1e6) for g in np.unique(dev.group)])
        order = np.concatenate([np.flatnonzero(dev.group == g) for g in np.unique(dev.group)])
        adapted = np.where(known, adapted[np.argsort(order)], 0)
        figures[name] = {
            "n": len(dev), "speakers": len(np.unique(dev.group)), "labels": int(known.sum()),
            "uar": uar_of(dev.truth, plain.argmax(1), dev.group),
            "uar_adapted": uar_of(dev.truth, adapted.argmax(1), dev.group),
            "recall": dict(zip(LABELS, metrics.recalls(dev.truth, plain.argmax(1), len(LABELS)).round(3).tolist(), strict=True)),
            **calibration(dev.truth, plain),
        }
    train, dev = (clips.where((clips.corpus == "crema_d") & (clips.split == split)) for split in ("train", "dev"))
    known = ~np.isnan(dev.values[0])
    votes, p, alone = dev.values[:, known], model.votes(dev.wave), model(dev.wave)[:, known]
    sure, first = temperature.one_label(votes), votes.argmax(1)
    constant = np.broadcast_to(train.values[:, known].mean(0), votes.shape)
    bands = np.select([dev.age < 30, dev.age < 45], ["under 30", "30 to 44"], "45 and over")
    parts = {"sex": dev.sex, "age": bands, "race": dev.race}
    figures["crema_d"] = {
        "n": len(dev), "speakers": len(np.unique(dev.group)), "labels": int(known.sum()),
        "jsd": interval(mean_jsd, votes, p, groups=dev.group), "jsd_of_mean_votes": round(mean_jsd(votes, constant), 4),
        "set_f1": interval(metrics.set_f1, votes, p, groups=dev.group), "set_f1_of_mean_votes": round(metrics.set_f1(votes, constant), 4),
        "accuracy": interval(metrics.accuracy, first[sure], p[sure].argmax(1), groups=dev.group[sure]), "clear": int(sure.sum()),
        "ece": round(metrics.ece(first[sure], p[sure]), 4), "ece_listener": round(of_a_listener(votes, p), 4),
        "single": calibration(first[sure], (alone / alone.sum(1, keepdims=True))[sure]),
        "fairness": {by: {value: {"n": int((column == value).sum()), "speakers": len(np.unique(dev.group[column == value])),
                                  **interval(mean_jsd, votes[column == value], p[column == value], groups=dev.group[column == value])}
                          for value in np.unique(column)} for by, column in parts.items()},
    }
    return figures


def latency(model: Prosody, waves: list[np.ndarray]) -> dict[str, float]:
    """CPU milliseconds for a second of audio, picture and net together."""
    figures = {}
    half_minutes = [np.tile(w, 20)[: 30 * SAMPLE_RATE] for w in waves[:5]]
    for name, parts in (("clips", waves), ("seconds_30", half_minutes), ("seconds_0.2", [loudest(w, 0.2) for w in waves])):
        model(parts[:2])
        start = time.process_time()
        model(parts)
        figures[name] = round(1000 * (time.process_time() - start) / sum(len(w) / SAMPLE_RATE for w in parts), 3)
    return figures


# Shipping --------------------------------------------------------------------------------------------------------------------------

class Packaged(nn.Module):
    """(1, t, 80) pictures -> calibrated probabilities (1, 8), the embedding (1, d), listeners' votes (1, 6), and what Whisper heard (1, 7168)."""

    def __init__(self, hearing: Hearing, net: Net, times: temperature.Temperature, votes: nn.Linear, voted: np.ndarray) -> None:
        super().__init__()
        self.hearing, self.net, self.times, self.votes, self.voted = hearing, net, times, votes, torch.from_numpy(np.flatnonzero(voted))

    def forward(self, mel: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        x = self.hearing(mel)
        e = self.net.embed(x)
        return (self.times(x[:, :MEANS]) * self.net.out(e)).softmax(1), e, self.votes(hidden(e))[:, self.voted].softmax(1), x


class Adapted(nn.Module):
    """Embeddings (n, d) of a person whose embeddings had the mean (d,) over `count` clips -> calibrated probabilities (n, 8)."""

    def __init__(self, net: Net, factor: float, average: np.ndarray) -> None:
        super().__init__()
        self.head = nn.Linear(len(average), len(LABELS), bias=False)
        with torch.no_grad():
            self.head.weight.copy_(factor * net.weight)
        self.register_buffer("average", torch.from_numpy(average.astype(np.float32)))

    def forward(self, embedding: torch.Tensor, mean: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
        habit = (count * mean + PRIOR * self.average) / (count + PRIOR)
        return self.head(embedding - habit).softmax(1)


def exported(model: nn.Module, path: Path, names: tuple[list[str], list[str]], axes: dict[str, dict[int, str]],
             cases: list[tuple[torch.Tensor, ...]]) -> float:
    """Write the ONNX file and return its largest difference from torch over some cases."""
    model = model.eval()
    torch.onnx.export(model, cases[0], str(path), input_names=names[0], output_names=names[1], dynamic_axes=axes, dynamo=False)
    session, worst = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]), 0.0
    with torch.no_grad():
        for case in cases:
            wanted = model(*case)
            got = session.run(None, {name: value.numpy() for name, value in zip(names[0], case, strict=True)})
            wanted = wanted if isinstance(wanted, tuple) else (wanted,)
            worst = max(worst, *(float(np.abs(a.numpy() - b).max()) for a, b in zip(wanted, got, strict=True)))
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--whisper", type=Path, required=True, help="folder with Whisper base's model.bin, as CTranslate2 has it")
    parser.add_argument("--out", type=Path, default=Path("runs/voice_prosody"))
    parser.add_argument("--rerun", type=Path, help="prosody.json of recipes/rerun.py, for the card")
    parser.add_argument("--second", type=Path, help="metrics.json of another run of this recipe, for the card")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    clips, hearing = read(options.data, options.out), Hearing(tensors(options.whisper)).eval()
    everything = versions(clips, hearing, options.out)
    oof = out_of_fold(clips, everything, hearing, options.out)
    acted = of_corpus(oof, "ravdess")
    beside = centred(acted["plain"], acted["group"])
    given = everything[0][oof["row"], :MEANS], oof["plain"], oof["values"], oof["group"]
    factors, times = temperature.cross_fitted(*given, oof["fold"]), temperature.fitted(*given)
    factor_adapted = likeliest(beside, acted["values"])
    kept(oof, factors, options.out)

    taught, known = teachable(clips), ~np.isnan(clips.values[clips.corpus == "crema_d"][0])
    net = learned(clips, taught, everything, options.out / "whole")
    logits, embeddings = said(net, everything[0])
    np.savez(options.out / "taught_whole.npz", clip=clips.id, logits=logits)
    voters = np.isin(clips.corpus, VOTED) & (clips.split == "train")
    votes = voting(embeddings[voters], clips.where(voters))
    average = embeddings[taught & (clips.corpus == "ravdess")].mean(0)
    pictures = [torch.from_numpy(log_mel(w))[None] for w in (*clips.wave[::100], *(loudest(w, 0.2) for w in clips.wave[::500]))]
    whole = options.out / f"{NAME}_float.onnx"
    parity = exported(Packaged(hearing, net, times, votes, known), whole, (["mel"], ["probabilities", "embedding", "votes", "heard"]), {"mel": {1: "t"}},
                      [(p,) for p in pictures])
    e = torch.from_numpy(embeddings[::100])
    parity = max(parity, exported(
        Adapted(net, factor_adapted, average), options.out / f"{NAME}_adapted.onnx", (["embedding", "mean", "count"], ["probabilities"]),
        {"embedding": {0: "n"}, "probabilities": {0: "n"}}, [(e[:n], e.mean(0), torch.tensor(float(n))) for n in (1, 7, len(e))]))
    if parity > 1e-4:
        raise SystemExit(f"the ONNX file differs from torch by {parity:.1e}; expected at most 1e-4")
    rounded = differing(whole, in_whole_numbers(whole, options.out / f"{NAME}.onnx"), [p.numpy() for p in pictures])
    if rounded["mean"] > ROUNDING:
        raise SystemExit(f"8-bit weights change a probability by {rounded['mean']:.4f} in the mean; expected at most {ROUNDING}")
    for name in prosody_whisper.WEIGHTS:
        shutil.copy(options.out / name, HERE / name)

    model = prosody_whisper.load()
    measured = {
        "command": "python recipes/voice_prosody.py --data DIR --whisper FOLDER", "decided": DECIDED, "seed": SEED,
        "rerun": json.loads(options.rerun.read_text()) if options.rerun else {},
        "second": json.loads(options.second.read_text()) if options.second else {}, "whisper": digest(options.whisper),
        "parameters": sum(v.numel() for part in (hearing, net) for v in part.parameters()), "parity": parity, "rounded": rounded,
        "factor": {name: np.quantile(factors[oof["corpus"] == name], (0.05, 0.5, 0.95)).round(3).tolist() for name in CORPORA},
        "factor_adapted": factor_adapted, "latency_ms_per_second": latency(model, clips.wave[::100]),
        "everybody": of_everybody(oof, factors), "ravdess": on_ravdess(acted, factors[oof["corpus"] == "ravdess"]),
        "training_speakers": on_training_speakers(oof, factors, factor_adapted), "others": on_others(model, clips),
        "unheard": {"nemo_pl": everybody_unheard("nemo_pl", oof, model, clips)},
        "without": {name: left_out(name, clips, everything, oof, options.out) for name in CORPORA},
    }
    (options.out / "metrics.json").write_text(json.dumps(measured, indent=2) + "\n")
    (HERE / f"{NAME}.md").write_text(card(measured, layers=LAYERS, members=MEMBERS, hidden=HIDDEN, every=EVERY), encoding="utf-8")
    print(json.dumps(measured, indent=2))


def in_whole_numbers(whole: Path, small: Path) -> Path:
    """The layers count in 8-bit numbers, whose weights use 7 so that no processor's sums overflow; other large weights are kept as 8 bits and a scale."""
    counted = small.with_name("counted.onnx")
    quantize_dynamic(whole, counted, per_channel=True, reduce_range=True, weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul"])
    return quantise(counted, small)


def differing(a: Path, b: Path, pictures: list[np.ndarray]) -> dict[str, float]:
    """How far two graphs' probabilities are apart in the mean, and the share of pictures with another label."""
    p, q = (np.concatenate([graph.run(["probabilities"], {"mel": x})[0] for x in pictures])
            for graph in (onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]) for path in (a, b)))
    return {"mean": float(np.abs(p - q).mean()), "labels": float((p.argmax(1) != q.argmax(1)).mean()), "n": len(pictures)}


def kept(oof: dict[str, np.ndarray], factors: np.ndarray, out: Path) -> None:
    """Out-of-fold outputs for whoever goes on from here: RAVDESS's as npz for fusion and baselines, every corpus's as a file of predictions."""
    acted = of_corpus(oof, "ravdess")
    beside = centred(acted["plain"], acted["group"])
    np.savez(out / "oof_ravdess.npz", plain=factors[oof["corpus"] == "ravdess"] * acted["plain"],
             logits_adapted=cross_fitted(beside, acted["values"], acted["fold"]) * beside,
             **{name: acted[name] for name in ("embed", "clip", "truth", "fold", "group")})
    filed(oof, factors, out)


def filed(oof: dict[str, np.ndarray], factors: np.ndarray, out: Path, model: str = NAME) -> None:
    """Each corpus's as a file of predictions, out/CORPUS.parquet, which `attune evaluate --predictions` scores; another model's as CORPUS-MODEL.parquet."""
    for name in CORPORA:
        of, known = of_corpus(oof, name), oof["corpus"] == name
        corpus = FILED.get(name, name)
        write_predictions(out / (f"{corpus}.parquet" if model == NAME else f"{corpus}-{model}.parquet"), Predictions.of(
            "ravdess8", of["values"], softmax(factors[known] * of["plain"]), ids=of["clip"], groups=of["group"], fold=of["fold"].tolist(),
            corpus=corpus, model=model, split="folds", status="held-out", about={"sex": of["sex"]}))


if __name__ == "__main__":
    main()
