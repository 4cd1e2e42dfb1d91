"""What a rerun changes: the same seed twice on this machine (bit for bit?), and how far other seeds move a figure on dev or held-out speakers.

    python recipes/rerun.py face --data FERPLUS --steps 100          a short training of the face net
    python recipes/rerun.py bursts --data HEARD.npz --steps 700      the burst model's heads, on what recipes/voice_bursts.py kept of its hearing
    python recipes/rerun.py prosody --data CORPORA --kept RUN --steps 600      the voice's nets, all folds, on what recipes/voice_prosody.py kept in RUN
    python recipes/rerun.py tiny --data CORPORA --kept RUN --teachers RUN --steps 3000      the tiny voice, all folds, beside RUN of recipes/voice_tiny.py
    python recipes/rerun.py text --data CORPORA --steps 100          the English text net's first part, labels and dimensions

Writes runs/rerun/KIND.json, whose sentence the recipes put on the card (`--rerun`). It tells of what was run: a short training of a net isn't
the whole one.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

NOT_RUN = " Not run: the whole training twice, other machines."
Once = Callable[[int], tuple[list[np.ndarray], float]]       # a seed -> the weights, and the figure


def face(data: Path, steps: int) -> tuple[Once, str]:
    """The face net, from its first step; parts are the recipe's, whatever the seed."""
    import face_ferplus as recipe

    train, dev, _ = recipe.parts(data)
    inputs = dev.inputs()

    def once(seed: int) -> tuple[list[np.ndarray], float]:
        recipe.SEED = seed
        with tempfile.TemporaryDirectory() as folder:
            net = recipe.trained(train, dev, Path(folder), steps)
        return _weights(net), float(recipe.accuracy(recipe.logits(net, inputs, recipe.VIEW, mirrored=False), dev))

    return once, f"the net trained for {steps:,} steps only; accuracy on {len(dev):,} pictures of dev"


def bursts(data: Path, steps: int) -> tuple[Once, str]:
    """The burst model's heads, five folds of speakers; the embedding below stays as it is."""
    import voice_bursts as recipe

    heard = dict(np.load(data))

    def once(seed: int) -> tuple[list[np.ndarray], float]:
        from attune import metrics

        recipe.SEED = seed
        oof = recipe.out_of_fold(heard, steps)
        return [oof["state"], oof["burst"]], float(metrics.uar(heard["truth"], oof["state"].argmax(1)))

    n = len(heard["truth"])
    return once, f"the heads alone, {steps:,} steps on kept embeddings, and what they say out of fold compared; UAR of {n:,} bursts, speakers apart"


def prosody(data: Path, steps: int, kept: Path) -> tuple[Once, str]:
    """The voice's nets of all five folds; the layers below them are never taught, so what they heard stays as it is."""
    import voice_prosody as recipe

    clips = recipe.read(data, kept)
    heard = recipe.versions(clips, None, kept)
    recipe.SCHEDULE = replace(recipe.SCHEDULE, steps=steps, evaluate_every=steps)
    acted = clips.corpus == "ravdess"

    def once(seed: int) -> tuple[list[np.ndarray], float]:
        from attune import metrics

        recipe.SEED, logits = seed, np.zeros((len(clips), len(recipe.LABELS)), np.float32)
        for fold in range(recipe.FOLDS):
            rows = recipe.held_out(clips, fold)
            with tempfile.TemporaryDirectory() as folder:
                logits[rows] = recipe.said(recipe.learned(clips, recipe.teachable(clips, fold), heard, Path(folder)), heard[0][rows])[0]
        return [logits[acted]], float(metrics.uar(clips.truth[acted], logits[acted].argmax(1)))

    return once, f"the nets of all five folds, {steps:,} steps, on kept hearing; UAR of RAVDESS's {int(acted.sum()):,} clips, single, actors apart"


def tiny(data: Path, steps: int, kept: Path, teachers: Path) -> tuple[Once, str]:
    """The tiny voice of all five folds; its teachers stay as they are. The first run is the recipe's own, of seed 0."""
    import voice_tiny as recipe

    from attune import metrics

    own = torch.load(kept / "fold0" / "best.pt", weights_only=False)["step"]
    if own != steps:
        raise SystemExit(f"{kept} was taught for {own:,} steps; expected the --steps {steps:,} that are run again")
    clips, of = recipe.read(data, teachers), dict(np.load(teachers / "oof.npz"))
    taught, runs = recipe.Taught(clips, teachers, kept, kept, recipe.likeliest(of["plain"], of["values"])), 0

    def once(seed: int) -> tuple[list[np.ndarray], float]:
        nonlocal runs
        runs, recipe.SEED = runs + 1, seed
        if runs == 1:
            own = recipe.together(kept)
            acted = own["corpus"] == "ravdess"
            return [own["plain"][acted]], float(metrics.uar(own["truth"][acted], own["plain"][acted].argmax(1)))
        logits, truth = [], []
        for fold in range(recipe.FOLDS):
            test = clips.where(recipe.held_out(clips, fold) & (clips.corpus == "ravdess"))
            with tempfile.TemporaryDirectory() as folder:
                logits.append(recipe.learned(taught, fold, Path(folder), steps).says(test.pictures()))
            truth.append(test.truth)
            print(f"seed {seed}, fold {fold}: UAR {metrics.uar(truth[-1], logits[-1].argmax(1)):.4f}", flush=True)
        said = np.concatenate(logits)
        return [said], float(metrics.uar(np.concatenate(truth), said.argmax(1)))

    n = int((clips.corpus == "ravdess").sum())
    return once, f"the students of all five folds, {steps:,} steps, with the same teachers; UAR of RAVDESS's {n:,} clips, actors apart"


def text(data: Path, steps: int) -> tuple[Once, str]:
    """The English text net on comments and EmoBank, from its first step; no part of that depends on which of the two models it becomes."""
    import text_minilm as recipe

    kind, short = recipe.KINDS["minilm_open"], recipe.tokenizer(recipe.TRAIN_TOKENS)
    parts, dev = ({name: recipe.corpus(kind.readers[name](data, split), short) for name in ("goemotions", "emobank")} for split in ("train", "dev"))
    schedule = replace(recipe.FIRST, steps=steps, evaluate_every=steps, average=0.9)       # so short a run has no use for a longer mean

    def once(seed: int) -> tuple[list[np.ndarray], float]:
        recipe.seed_everything(seed)
        net = recipe.pretrained()
        recipe.freeze(net, [], recipe._minilm.FOLDER / recipe._minilm.FROZEN)
        with tempfile.TemporaryDirectory() as folder:
            net = recipe.train(net, parts, kind.shares, dev, Path(folder), replace(schedule, seed=seed))
            reached = torch.load(Path(folder) / "best.pt", weights_only=False)["score"]
        return _weights(net), float(reached)

    n = len(dev["emobank"].ids)
    return once, (f"the net's first part for {steps:,} steps only, {recipe.BATCH} texts each; mean of average precision on a third of GoEmotions' dev and of "
                  f"EmoBank's r on its {n:,} dev sentences")


def _weights(net: torch.nn.Module) -> list[np.ndarray]:
    return [value.detach().numpy().copy() for value in net.state_dict().values()]


def rerun(once: Once, what: str, seeds: list[int]) -> dict[str, object]:
    """The first seed twice, the others once; a sentence of it for a card."""
    runs = [once(seed) for seed in (seeds[0], *seeds)]
    (first, _), (again, _) = runs[:2]
    same = all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    apart = max(float(np.abs(a.astype(float) - b).max()) for a, b in zip(first, again, strict=True))
    figures = [figure for _, figure in runs]
    spread = figures[1:]
    equal = "equal bit for bit" if same else f"values apart by up to {apart:.1e}, the figure by {abs(figures[0] - figures[1]):.4f}"
    sentence = (f"Rerun ({what}): the same seed twice on one machine, {equal}; seeds {', '.join(map(str, seeds))}: {min(spread):.3f} to {max(spread):.3f}, "
                f"standard deviation {np.std(spread, ddof=1):.3f}.{NOT_RUN}")
    return {"same": same, "apart": apart, "figures": figures, "seeds": seeds, "torch": torch.__version__, "sentence": sentence}


def again(found: dict[str, Any], whole: bool = False) -> str:
    """What recipes/rerun.py found, and its command; nothing where it wasn't run. whole: the card tells of a second whole run, too."""
    sentence = found.get("sentence", "")
    return f"{textwrap.fill(sentence.removesuffix(NOT_RUN) if whole else sentence, 140)}\nMeasured by `{found['command']}`." if found else ""


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    ask.add_argument("kind", choices=("face", "bursts", "prosody", "tiny", "text"))
    ask.add_argument("--data", type=Path, required=True,
                     help="the corpus's folder (face), heard.npz of recipes/voice_bursts.py (bursts), or the folder of corpora (prosody, tiny, text)")
    ask.add_argument("--kept", type=Path, help="what the recipe left (prosody, tiny)")
    ask.add_argument("--teachers", type=Path, help="what recipes/voice_prosody.py left (tiny)")
    ask.add_argument("--steps", type=int, required=True)
    ask.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="at least two; the first is run twice")
    ask.add_argument("--out", type=Path, default=Path("runs/rerun"))
    told = ask.parse_args()
    if len(set(told.seeds)) < 2:
        raise SystemExit("expected at least two different seeds, as in --seeds 0 1 2")
    if (told.kind in ("prosody", "tiny") and not told.kept) or (told.kind == "tiny" and not told.teachers):
        ask.error(f"{told.kind} needs --kept RUN{' and --teachers RUN' if told.kind == 'tiny' else ''}")
    if told.kind == "tiny" and told.seeds[0] != 0:
        ask.error(f"expected 0 as the first of --seeds, as the recipe's own run has it; got {told.seeds[0]}")
    if told.kind == "prosody":
        once, what = prosody(told.data, told.steps, told.kept)
    elif told.kind == "tiny":
        once, what = tiny(told.data, told.steps, told.kept, told.teachers)
    else:
        once, what = {"face": face, "bursts": bursts, "text": text}[told.kind](told.data, told.steps)
    found = rerun(once, what, told.seeds)
    found["command"] = f"python recipes/rerun.py {told.kind} --data DIR --steps {told.steps}" + (" --kept RUN" if told.kept else "") + (
        " --teachers RUN" if told.teachers else "") + (
        "" if told.seeds == [0, 1, 2] else f" --seeds {' '.join(map(str, told.seeds))}")
    told.out.mkdir(parents=True, exist_ok=True)
    (told.out / f"{told.kind}.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(found["sentence"])


if __name__ == "__main__":
    main()
