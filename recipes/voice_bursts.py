"""Vocal bursts: whether a sound of a voice is speech or a cry, sigh or moan, and which of six states that expresses.

    python recipes/voice_bursts.py --data DIR --audio runs/voice_prosody --out runs/voice_bursts

DIR holds the folders vivae, ravdess, crema_d, nemo_pl and urdu, and, for measuring only, a folder conversation of any speech; --audio is
what `voice_prosody` made. Two heads are taught on what the packaged prosody model's layers of Whisper hear: six
states (VIVAE), and burst or speech, where speech is cut to the lengths of bursts, so that length tells nothing. Three folds of three
VIVAE speakers say what they are worth; what ships has heard all nine. Speech that is measured against is of speakers whom neither the
heads nor the prosody model were taught. Needs the extra `train`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _voice import Clips, decode, read, softmax, stored
from rerun import again
from torch import nn
from torch.nn import functional
from voice_prosody import exported, interval, likeliest, loudest, otherwise

from attune import metrics
from attune.datasets import vivae
from attune.evaluate import Predictions, write_predictions
from attune.train import seed_everything
from attune.voice.features import SAMPLE_RATE, measurable
from attune.voice.models import prosody_whisper, vocal_bursts
from attune.voice.models.vocal_bursts import Bursts

HERE = Path(__file__).resolve().parent.parent / "attune" / "voice" / "models"
NAME = "vocal_bursts"
STATES = vivae.LABELS
FOLDS = (("S01", "S02", "S03"), ("S04", "S05", "S06"), ("S07", "S08", "S09"))
SPEEDS = (0.88, 0.94, 1.06, 1.13)        # other throats and tempos
STRETCHES = 1_600                        # of speech that is taught
SMOOTHING = 0.1
STEPS = 700
SEED = 0


# Sounds ----------------------------------------------------------------------------------------------------------------------------

def faster(wave: np.ndarray, speed: float) -> np.ndarray:
    """Played so many times as fast, and as high."""
    return np.interp(np.arange(0, len(wave) - 1, speed), np.arange(len(wave)), wave).astype(np.float32)


@dataclass(frozen=True)
class Heard:
    """Sounds as the prosody model's layers heard them: x (versions, n, d); the first version is as recorded. who, label (n,)."""

    x: np.ndarray
    who: np.ndarray
    label: np.ndarray


def stretches(clips: Clips, lengths: np.ndarray, n: int) -> tuple[list[np.ndarray], np.ndarray]:
    """n stretches of speech, as long as bursts are, and whose they are; every speaker in turn."""
    rng = np.random.default_rng(SEED)
    turns = sorted(((k, i) for who in np.unique(clips.group) for k, i in enumerate(rng.permutation(np.flatnonzero(clips.group == who)))))[:n]
    rows = [i for _, i in turns]
    waves = [loudest(clips.wave[i], max(1.1 * vocal_bursts.MIN_SECONDS, float(rng.choice(lengths)) / SAMPLE_RATE)) for i in rows]
    return waves, clips.group[rows]


def conversation(folder: Path, lengths: np.ndarray) -> dict[str, list[np.ndarray]]:
    """Speech of corpora that nothing was learned from, in stretches of bursts' lengths that hold sound: read aloud, and talk."""
    rng = np.random.default_rng(SEED)
    found: dict[str, list[np.ndarray]] = {"read": [], "talk": []}
    for path in sorted(folder.glob("*.opus")):
        wave = decode(path)
        loud, at = np.sqrt(np.mean(wave**2)), 0
        while at < len(wave):
            n = int(rng.choice(lengths))
            piece = wave[at : at + n]
            if measurable(piece, vocal_bursts.MIN_SECONDS) and np.sqrt(np.mean(piece**2)) > 0.5 * loud:
                found["read" if path.stem.startswith(("libri", "sb_", "whisper")) else "talk"].append(piece)
            at += n + SAMPLE_RATE // 2
    return found


def listened(data: Path, audio: Path, out: Path) -> dict[str, np.ndarray]:
    """Embeddings of everything, made once."""
    def hear() -> dict[str, np.ndarray]:
        model, rng = prosody_whisper.load(), np.random.default_rng(SEED)

        def means(waves: list[np.ndarray]) -> np.ndarray:
            return model.heard(waves)[:, : prosody_whisper.MEANS]

        items = [item for item in vivae.items(data / "vivae") if item.split != "test" and item.path]
        waves = {item.id: decode(item.path) for item in items if item.path}
        items = [item for item in items if measurable(waves[item.id], vocal_bursts.MIN_SECONDS)]
        bursts = [waves[item.id] for item in items]
        lengths, clips = np.array([len(w) for w in bursts]), read(data, audio)
        taught, kept = (stretches(clips.where(clips.split == split), lengths, n) for split, n in (("train", STRETCHES), ("dev", 500)))
        versions = [bursts, *([faster(w, speed) for w in bursts] for speed in SPEEDS), *([otherwise(w, rng) for w in bursts] for _ in range(2))]
        unknown = conversation(data / "conversation", lengths)
        return {
            "bursts": np.stack([means(v) for v in versions]), "truth": np.array([item.values.argmax() for item in items]),
            "id": np.array([item.id for item in items]), "speaker": np.array([item.group.removeprefix("vivae-") for item in items]),
            "intensity": np.array([item.about["intensity"] for item in items]),
            "taught": np.stack([means(taught[0]), means([otherwise(w, rng) for w in taught[0]])]),
            "speech": means(kept[0]), "who": kept[1], "read": means(unknown["read"]), "talk": means(unknown["talk"]),
        }

    return stored(out / "heard.npz", hear)


# Training --------------------------------------------------------------------------------------------------------------------------

class Heads(nn.Module):
    """Embeddings (n, d) -> logits of the states (n, 6), and of being a burst (n, 1)."""

    def __init__(self, mean: np.ndarray, deviation: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("mean", torch.from_numpy(mean))
        self.register_buffer("deviation", torch.from_numpy(deviation))
        self.state = nn.Sequential(nn.Dropout(0.5), nn.Linear(len(mean), len(STATES)))
        self.burst = nn.Sequential(nn.Dropout(0.3), nn.Linear(len(mean), 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 1))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        h = ((x - self.mean) / self.deviation).clamp(-4, 4)
        return self.state(h), self.burst(h)


def learned(heard: dict[str, np.ndarray], rows: np.ndarray, steps: int) -> Heads:
    """Heads taught by the bursts in `rows` and by the speech that is for teaching."""
    seed_everything(SEED)
    rng, bursts, speech, truth = np.random.default_rng(SEED), heard["bursts"][:, rows], heard["taught"], heard["truth"][rows]
    heads = Heads(bursts[0].mean(0), bursts[0].std(0) + 1e-6)
    optimiser = torch.optim.AdamW(heads.parameters(), lr=2e-3, weight_decay=0.1)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    chance = 1 / np.bincount(truth)[truth]
    chance = chance / chance.sum()
    burst = torch.cat([torch.ones(96), torch.zeros(64)]) * 0.96 + 0.02
    for _ in range(steps):
        row = rng.choice(len(truth), 96, p=chance)
        x = np.concatenate([bursts[rng.integers(len(bursts), size=96), row],
                            speech[rng.integers(len(speech), size=64), rng.integers(speech.shape[1], size=64)]])
        state, odds = heads(torch.from_numpy(x))
        value = functional.cross_entropy(state[:96], torch.from_numpy(truth[row]), label_smoothing=SMOOTHING)
        value = value + functional.binary_cross_entropy_with_logits(odds[:, 0], burst)
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        scheduler.step()
    return heads.eval()


# Measuring -------------------------------------------------------------------------------------------------------------------------

def f1(truth: np.ndarray, said: np.ndarray) -> float:
    """Of bursts, when `said` marks what is taken for one."""
    return float(2 * np.sum(truth & said) / max(1, np.sum(truth) + np.sum(said)))


def out_of_fold(heard: dict[str, np.ndarray], steps: int) -> dict[str, np.ndarray]:
    """Logits of every burst by heads that never heard its speaker; of held-out speech by the heads of all folds, each a share of it."""
    n = len(heard["truth"])
    oof = {"state": np.zeros((n, len(STATES)), np.float32), "burst": np.zeros(n, np.float32), "fold": np.zeros(n, int)}
    oof |= {name: np.zeros(len(heard[name]), np.float32) for name in ("speech", "read", "talk")}
    for f, speakers in enumerate(FOLDS):
        away = np.isin(heard["speaker"], speakers)
        heads = learned(heard, ~away, steps)
        with torch.no_grad():
            state, burst = heads(torch.from_numpy(heard["bursts"][0, away]))
            oof["state"][away], oof["burst"][away], oof["fold"][away] = state.numpy(), burst[:, 0].numpy(), f
            for name in ("speech", "read", "talk"):
                oof[name][f :: len(FOLDS)] = heads(torch.from_numpy(heard[name][f :: len(FOLDS)]))[1][:, 0].numpy()
    return oof | {name: heard[name] for name in ("id", "truth", "speaker", "intensity", "who")}


def named(oof: dict[str, np.ndarray]) -> np.ndarray:
    """(n, 6) probabilities of the states, temperatures of the other folds."""
    state, fold, truth = oof["state"], oof["fold"], np.eye(len(STATES), dtype=np.float32)[oof["truth"]]
    p = np.empty_like(state)
    for f in np.unique(fold):
        p[fold == f] = softmax(state[fold == f] * likeliest(state[fold != f], truth[fold != f]))
    return p


def figures(oof: dict[str, np.ndarray]) -> dict[str, Any]:
    truth, said, speaker, fold, p = oof["truth"], oof["state"].argmax(1), oof["speaker"], oof["fold"], named(oof)
    is_burst = np.concatenate([np.ones(len(truth), bool), np.zeros(len(oof["speech"]), bool)])
    heard, who = np.concatenate([oof["burst"], oof["speech"]]), np.concatenate([speaker, oof["who"]])
    read = np.concatenate([oof["burst"], oof["read"]])
    is_burst_read = np.arange(len(read)) < len(truth)
    return {
        "n": len(truth), "speakers": len(np.unique(speaker)), "folds": len(np.unique(fold)),
        "uar": interval(metrics.uar, truth, said, groups=speaker),
        "recall": dict(zip(STATES, metrics.recalls(truth, said, len(STATES)).round(3).tolist(), strict=True)),
        "confusion": metrics.confusion(truth, said, len(STATES)).tolist(),
        "uar_by_intensity": {i: round(metrics.uar(truth[oof["intensity"] == i], said[oof["intensity"] == i]), 3) for i in vivae.INTENSITIES},
        "uar_by_speaker": {s: round(metrics.uar(truth[speaker == s], said[speaker == s]), 3) for s in np.unique(speaker)},
        "ece": round(metrics.ece(truth, p), 4),
        "detection": {
            "bursts": int(is_burst.sum()), "speech": int((~is_burst).sum()), "speakers_of_speech": len(np.unique(oof["who"])),
            "f1": interval(f1, is_burst, heard > 0, groups=who),
            "recall": round(float(np.mean(oof["burst"] > 0)), 4), "false_alarms": round(float(np.mean(oof["speech"] > 0)), 4),
            "f1_against_read_speech_of_unknown_corpora": round(f1(is_burst_read, read > 0), 4), "read": len(oof["read"]),
            "false_alarms_read": round(float(np.mean(oof["read"] > 0)), 4), "talk": len(oof["talk"]),
            "false_alarms_talk": round(float(np.mean(oof["talk"] > 0)), 4),
        },
    }


# Shipping --------------------------------------------------------------------------------------------------------------------------

class Packaged(nn.Module):
    """Embeddings (n, d) -> calibrated probabilities of the states (n, 6), the probability of being a burst (n, 1)."""

    def __init__(self, heads: Heads, weight: float) -> None:
        super().__init__()
        self.heads, self.weight = heads, weight

    def forward(self, embedding: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        state, burst = self.heads(embedding)
        return (self.weight * state).softmax(1), burst.sigmoid()


def latency(model: Bursts, wave: np.ndarray) -> tuple[float, float]:
    """CPU milliseconds for a second of audio: all, and what comes on top of the prosody model."""
    pieces = [wave[i : i + SAMPLE_RATE] for i in range(0, 60 * SAMPLE_RATE, SAMPLE_RATE)]
    embeddings = model.embed(pieces)
    times = []
    for run in (lambda: model.burst(pieces), lambda: model.named(embeddings)):
        start = time.process_time()
        run()
        times.append(round(1000 * (time.process_time() - start) / 60, 3))
    return times[0], times[1]


def shown(i: dict[str, float]) -> str:
    return f"{i['value']:.3f} [{i['low']:.3f}, {i['high']:.3f}]"


def card(m: dict[str, Any]) -> str:
    """The page beside the weights."""
    f, d = m["figures"], m["figures"]["detection"]
    rows = zip(STATES, f["confusion"], strict=True)
    confusion = "\n".join(f"| {label} | " + " | ".join(map(str, row)) + f" | {f['recall'][label]:.2f} |" for label, row in rows)
    by_speaker = " · ".join(f"{v:.3f}" for v in f["uar_by_speaker"].values())
    return f"""# Vocal bursts

Cries, sighs, moans and shouts without words: told from speech, and named by six states (`vivae6`: {', '.join(STATES)}).
{m['parameters']:,} parameters, on what the layers of [`prosody_whisper`](prosody_whisper.md) hear, which comes along; so it ignores the level, as that does.

    {m['command']}

## Data and licence

| corpus | used for training | as | licence |
|---|---|---|---|
| VIVAE | {f['n']} bursts of nine women | six states, four intensities | CC BY-NC-SA 4.0 |
| RAVDESS, CREMA-D, nEMO, URDU | training speakers | speech | CC BY-NC-SA 4.0; ODbL 1.0; CC BY-NC-SA 4.0; research only |

The weights are **for non-commercial research**.

## What it is worth

Bursts: n = {f['n']} clips of {f['speakers']} speakers, **held-out**: each speaker measured by heads that never heard her ({f['folds']} folds of three), on
layers that weren't taught any. Intervals are 95 %, by drawing speakers. The heads' forms (a linear one for the states, one with a hidden layer for burst or
speech) were chosen on these folds with an earlier embedding, so the figures may be a little better than those of new speakers would be.

| figure | value |
|---|---|
| **UAR, 6 states** (chance .167) | **{shown(f['uar'])}** |
| UAR of low, moderate, strong, peak intensity | {' · '.join(f'{v:.3f}' for v in f['uar_by_intensity'].values())} |
| UAR of each speaker | {by_speaker} |
| ECE of the states, temperature of the other folds | {f['ece']:.3f} |

| meant \\ heard | {' | '.join(STATES)} | recall |
|---|{'---|' * (len(STATES) + 1)}
{confusion}

Bursts among speech: the {d['bursts']} bursts of held-out speakers against {d['speech']} stretches of {d['speakers_of_speech']} held-out speakers of CREMA-D,
nEMO and URDU, cut to the lengths of bursts, so that length tells nothing. **Held-out** speakers; their corpora are known, so a part of it may be
a studio recognised. Speech of unknown corpora (**out-of-sample**) shows how large that part is; the bursts are of one studio everywhere.

| figure | value |
|---|---|
| **F1 of bursts** at probability .5 | **{shown(d['f1'])}** |
| recall of bursts; false alarms on that speech | {d['recall']:.3f}; {d['false_alarms']:.3f} |
| F1 against {d['read']} stretches of read speech of unknown corpora (LibriSpeech and others) | {d['f1_against_read_speech_of_unknown_corpora']:.3f} |
| false alarms on them; on {d['talk']} stretches of meetings and other talk | {d['false_alarms_read']:.3f}; {d['false_alarms_talk']:.3f} |

The meetings hold laughter and far voices, and nobody marked them: some of those alarms may be right.

Calibration: one temperature for the states, fitted on the out-of-fold logits; the probability of a burst assumes that bursts and speech
are equally frequent, and speech is far more frequent in most recordings: ask for more than .5 there.

Cost: {m['latency_ms_per_second']:.1f} ms CPU per second of audio on one core in pieces of a second; {m['added_ms_per_second']:.2f} ms where the
prosody model has run already. ONNX and torch agree within {m['parity']:.0e}.

{again(m.get("rerun", {}))}

## Limits

- Nine women in one studio, on request. Nothing is known about men, children, other studios, or bursts that came by themselves.
- No laughter, sobbing, coughs, yawns or breaths among the states; music and noise were never taught as anything.
- At peak intensity listeners themselves confuse the states (Holz, Larrouy-Maestri and Poeppel 2021, Scientific Reports 11).
- Pleasure is sexual, surprise is positive, achievement is triumph. Fairness by sex, age or origin can't be measured with these speakers.

Not for deciding about people: hiring, schooling, policing, insurance, border control, diagnosis, or lie detection; and not for measuring
pain: acted pain says nothing about whether somebody suffers.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--audio", type=Path, default=Path("runs/voice_prosody"), help="what voice_prosody made")
    parser.add_argument("--out", type=Path, default=Path("runs/voice_bursts"))
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--rerun", type=Path, help="bursts.json of recipes/rerun.py, for the card")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    heard = listened(options.data, options.audio, options.out)
    oof = out_of_fold(heard, options.steps)
    heads = learned(heard, np.ones(len(heard["truth"]), bool), options.steps)
    weight = likeliest(oof["state"], np.eye(len(STATES), dtype=np.float32)[oof["truth"]])
    onnx_file, x = options.out / f"{NAME}.onnx", torch.from_numpy(heard["bursts"][0])
    parity = exported(Packaged(heads, weight), onnx_file, (["embedding"], ["probabilities", "burst"]),
                      {name: {0: "n"} for name in ("embedding", "probabilities", "burst")}, [(x[:n],) for n in (1, 9, len(x))])
    if parity > 1e-4:
        raise SystemExit(f"the ONNX file differs from torch by {parity:.1e}; expected at most 1e-4")
    shutil.copy(onnx_file, HERE / onnx_file.name)
    cost = latency(vocal_bursts.load(), 0.1 * np.random.default_rng(SEED).normal(size=60 * SAMPLE_RATE).astype(np.float32))
    measured = {
        "command": f"python recipes/voice_bursts.py --data DIR --steps {options.steps}", "seed": SEED, "figures": figures(oof),
        "rerun": json.loads(options.rerun.read_text()) if options.rerun else {},
        "parameters": sum(p.numel() for p in heads.parameters()), "weight": weight, "parity": parity,
        "latency_ms_per_second": cost[0], "added_ms_per_second": cost[1],
    }
    np.savez(options.out / "oof_vivae.npz", **oof)
    write_predictions(options.out / "vivae.parquet", Predictions.of(
        "vivae6", np.eye(len(STATES), dtype=np.float32)[oof["truth"]], named(oof), ids=oof["id"], groups=oof["speaker"], fold=oof["fold"].tolist(),
        corpus="vivae", model=NAME, split="folds", status="held-out", about={"intensity": oof["intensity"]}))
    (options.out / "metrics.json").write_text(json.dumps(measured, indent=2) + "\n")
    (HERE / f"{NAME}.md").write_text(card(measured), encoding="utf-8")
    print(json.dumps(measured, indent=2))


if __name__ == "__main__":
    main()
