"""What the packaged voice says of RAVDESS out of fold, of clips as they are and in noise: what fusers are tried on.

    python recipes/fusion_voice.py --data RAVDESS --voice runs/voice_prosody --out runs/fusion_voice

The packaged model's frozen layers hear every clip as it is and in pink noise of so many dB below it; they were never taught emotions, so they
leak nothing. What they hear is named by the nets that `recipes/voice_prosody.py` left in `--voice`, one a fold, each asked only about the four actors
whom it never met. Writes `voice.npz` as `recipes/fusion_units.py` and `benchmarks/fusion_missing.py` read it: clip, truth, group, fold,
`plain` (n, 8) logits, and `noise_20` ... `noise_0`. Logits are multiplied by one number a fold, which the other folds' clean clips ask
for. Five minutes of one core; needs the extra `train`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from voice_prosody import FOLDS, cross_fitted, net_in, said

from attune import perturb
from attune.datasets import Item, ravdess
from attune.evaluate.said import sound
from attune.metrics import uar
from attune.voice.models import prosody_whisper

RATIOS = (20, 10, 5, 0)                  # dB of voice above noise
SEED = 0


def heard(items: list[Item], out: Path) -> dict[str, np.ndarray]:
    """condition -> (n, 7168) of what the frozen layers hear of the clips as they are, and in noise; made once."""
    kept = out / "heard.npz"
    if not kept.is_file():
        model, rng = prosody_whisper.load(), np.random.default_rng(SEED)
        rows: dict[str, list[np.ndarray]] = {name: [] for name in ("plain", *(f"noise_{r}" for r in RATIOS))}
        for item in items:
            wave = sound(item, prosody_whisper.SAMPLE_RATE)
            for name, x in zip(rows, model.heard([wave, *(perturb.noise(wave, r, rng, slope=-3.0) for r in RATIOS)]), strict=True):
                rows[name].append(x)
        np.savez(kept, **{name: np.stack(x) for name, x in rows.items()})
    return dict(np.load(kept))


def folds_of(clips: list[str], voice: Path) -> np.ndarray:
    """(n,) the fold that each clip was held out of.

    Raises
    ------
    ValueError
        If the run of the voice left out other clips than these: its nets may have met their actors.
    """
    stored = np.load(voice / "oof_ravdess.npz")
    fold = dict(zip(stored["clip"].tolist(), stored["fold"].tolist(), strict=True))
    if unknown := [clip for clip in clips if clip not in fold]:
        raise ValueError(f"{voice} never left out {len(unknown)} of {len(clips)} clips, such as {unknown[0]}; expected the corpus that it was made with")
    return np.array([fold[clip] for clip in clips])


def main() -> None:
    ask = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    ask.add_argument("--data", type=Path, required=True, help="RAVDESS")
    ask.add_argument("--voice", type=Path, default=Path("runs/voice_prosody"), help="where recipes/voice_prosody.py wrote")
    ask.add_argument("--out", type=Path, default=Path("runs/fusion_voice"))
    told = ask.parse_args()
    told.out.mkdir(parents=True, exist_ok=True)
    items = [i for i in ravdess.items(told.data) if i.split != "test"]
    fold, values = folds_of([i.id for i in items], told.voice), np.stack([i.values for i in items])
    logits: dict[str, np.ndarray] = {name: np.empty(values.shape, np.float32) for name in ("plain", *(f"noise_{r}" for r in RATIOS))}
    for name, x in heard(items, told.out).items():
        for f in range(FOLDS):
            logits[name][fold == f] = said(net_in(told.voice / f"fold{f}"), x[fold == f])[0]
    factor, y = cross_fitted(logits["plain"], values, fold), values.argmax(1)
    np.savez(told.out / "voice.npz", clip=np.array([i.id for i in items]), truth=y, group=np.array([i.group for i in items]), fold=fold,
             **{name: (factor * z).astype(np.float32) for name, z in logits.items()})
    print("UAR " + ", ".join(f"{name} {uar(y, z.argmax(1)):.3f}" for name, z in logits.items()))


if __name__ == "__main__":
    main()
