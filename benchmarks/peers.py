"""Beside peers that run offline: the same pictures, clips and sentences, one thread each, CPU time and agreement with labels.

    (cd benchmarks/peers_node && npm install)              # face-api and human, which carry their weights
    pip install opensmile vaderSentiment scikit-learn      # openSMILE's licence forbids commercial use
    python benchmarks/peers.py --ferplus DIR --ravdess DIR --emobank DIR --semeval DIR [--node DIR]

Whatever isn't there is left out, and the table says so. Pictures: FER+'s dev part, majority of votes, the seven labels that all nets have (no contempt).
Clips: RAVDESS; functionals of openSMILE (eGeMAPS) and ours, by the same logistic regression, five folds of four actors. Sentences: EmoBank's test part
and SemEval-2018's dev part, correlation of valence. The table goes to benchmarks/peers.md.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from attune import metrics

HERE = Path(__file__).parent
SHARED = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear")
PICTURES, CLIPS, SENTENCES = 800, 1_200, 1_000
SEED = 0
NOT_RUN = "Not run"
PENALTIES = (0.01, 1.0)                  # C of the logistic regressions on functionals


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("ferplus", "ravdess", "emobank", "semeval"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument("--node", type=Path, default=HERE / "peers_node", help="folder with node_modules")
    parser.add_argument("--out", type=Path, default=HERE / "peers.md")
    given = parser.parse_args()
    lines = [
        "# Beside peers", "", "`python benchmarks/peers.py --ferplus DIR --ravdess DIR --emobank DIR --semeval DIR`, one thread each. Intervals are 95 %. "
        "A part whose folder isn't given keeps the table of its last run.",
    ]
    before = given.out.read_text(encoding="utf-8") if given.out.is_file() else ""
    parts: dict[str, tuple[Path | None, Callable[[Path], list[str]]]] = {
        "Faces": (given.ferplus, lambda d: faces(d, given.node)), "Voices": (given.ravdess, voices),
        "Words": (given.emobank, lambda d: words(d, given.semeval)),
    }
    for name, (folder, part) in parts.items():
        if folder:
            lines += ["", *part(folder)]
            print("\n".join(lines[-12:]), flush=True)
        elif f"## {name}" in before:
            lines += ["", f"## {name}" + before.split(f"## {name}")[1].split("\n## ")[0].split(NOT_RUN)[0].rstrip()]
    lines += ["", f"{NOT_RUN}, since their weights aren't carried by a package that runs offline: Py-Feat, EmotiEffLib, emotion2vec. `fer` carries weights, "
              "but needs TensorFlow; its net is of the family that human carries."]
    given.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


def cpu(job: Callable[[], Any]) -> tuple[Any, float]:
    """What a job gives, and its CPU seconds."""
    began = time.process_time()
    done = job()
    return done, time.process_time() - began


def told(metric: Callable[..., float], *arrays: np.ndarray, groups: Sequence[str] | np.ndarray | None = None) -> str:
    value, low, high = metrics.bootstrap(metric, *arrays, groups=groups)[:3]
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


# Faces


def faces(folder: Path, node: Path) -> list[str]:
    from attune.datasets import ferplus
    from attune.face.models import ferplus_resnet
    from attune.taxonomy import taxonomy

    labels = taxonomy("ferplus8").labels
    items = [i for i in ferplus.items(folder) if i.split == "dev" and not i.about.get("duplicate") and (np.nan_to_num(i.values) > 0.5).any()]
    items = [i for i in items if labels[int(np.nanargmax(i.values))] in SHARED]
    items = [items[k] for k in np.random.default_rng(SEED).permutation(len(items))[:PICTURES]]
    truth = np.array([SHARED.index(labels[int(np.nanargmax(i.values))]) for i in items])
    pictures = [i.pixels if i.pixels.ndim == 3 else np.repeat(i.pixels[..., None], 3, 2) for i in items]
    net = ferplus_resnet.load()
    net(np.array(pictures[:2]))
    said, seconds = cpu(lambda: np.concatenate([net(p[None]) for p in pictures]))
    rows = [("Attune, ferplus_resnet", said[:, [labels.index(name) for name in SHARED]], seconds / len(items) * 1000, "FER+ train: held-out here")]
    rows += peers_of_faces(np.array([p[..., 0] for p in pictures]), node)
    out = [f"## Faces: FER+ dev, n = {len(items)} pictures of 48 x 48, {len(SHARED)} labels", "",
           "| net | accuracy | mean recall | CPU ms a face | learned from |", "|---|---|---|---|---|"]
    for name, p, ms, data in rows:
        out.append(f"| {name} | {told(metrics.accuracy, truth, p.argmax(1))} | {told(metrics.uar, truth, p.argmax(1))} | {ms:.2f} | {data} |")
    return [*out, "", "Peers were taught other labels of the same kind of pictures (FER2013's own, one rater's), perhaps these very ones: much of the gap "
            "is the labels."]


def peers_of_faces(grey: np.ndarray, node: Path) -> list[tuple[str, np.ndarray, float, str]]:
    if not (shutil.which("node") and (node / "node_modules").is_dir()):
        return []
    with tempfile.NamedTemporaryFile(suffix=".raw") as file:
        file.write(np.ascontiguousarray(grey, np.uint8).tobytes())
        file.flush()
        script = HERE / "peers_node" / "faces.js"
        local = node / script.name
        if local.resolve() != script.resolve():
            shutil.copy(script, local)
        done = subprocess.run(["node", local.name, file.name, str(len(grey)), str(grey.shape[1])], cwd=node, capture_output=True, text=True, check=True)
    said = json.loads(done.stdout.splitlines()[-1])
    return [(f"{name} (WebAssembly, Node)", np.array(of["probabilities"])[:, [of["labels"].index(label) for label in SHARED]], of["ms"], data)
            for (name, of), data in zip(said.items(), ("various, not stated in full", "FER2013"), strict=True)]


# Voices


def voices(folder: Path) -> list[str]:
    from attune.datasets import ravdess
    from attune.media import Media
    from attune.voice.functionals import functionals
    from attune.voice.models import prosody_whisper

    items = list(ravdess.items(folder))[:CLIPS]
    waves = [np.concatenate([np.zeros(0, np.float32), *Media.open(i.path).blocks(16_000)]) for i in items if i.path]
    truth, group = np.array([int(np.nanargmax(i.values)) for i in items]), np.array([i.group for i in items])
    seconds = sum(len(w) for w in waves) / 16_000
    ours, spent = cpu(lambda: np.stack([functionals(w) for w in waves]))
    rows: list[tuple[str, np.ndarray | None, float, int]] = [("Attune, functionals", ours, spent, ours.shape[1])]
    try:
        import opensmile

        smile = opensmile.Smile(feature_set=opensmile.FeatureSet.eGeMAPSv02, feature_level=opensmile.FeatureLevel.Functionals, num_workers=1)
        smile.process_signal(waves[0], 16_000)
        theirs, spent = cpu(lambda: np.concatenate([smile.process_signal(w, 16_000).to_numpy() for w in waves]))
        rows.append(("openSMILE, eGeMAPSv02", theirs, spent, theirs.shape[1]))
    except ImportError:
        pass
    net = prosody_whisper.load()
    _, spent = cpu(lambda: [net([w]) for w in waves[:100]])
    rows.append(("Attune, prosody_whisper", None, spent * seconds / (sum(len(w) for w in waves[:100]) / 16_000), 0))
    actors = sorted(set(group))
    fold = np.array([actors.index(g) // 4 for g in group])
    out = [f"## Voices: RAVDESS, n = {len(items)} clips of {len(actors)} actors", "",
           f"| what | {' | '.join(f'mean recall of 8, actors never heard, C = {c:g}' for c in PENALTIES)} | CPU ms per second of sound | numbers |",
           f"|---|{'---|' * len(PENALTIES)}---|---|"]
    for name, x, used, k in rows:
        figures = [f"{_of_the_card(Path(prosody_whisper.__file__).with_suffix('.md'))}, its own (its card)", *[""] * (len(PENALTIES) - 1)]
        if x is not None:
            figures = [told(metrics.uar, truth, _by_regression(x, truth, fold, c), groups=group) for c in PENALTIES]
        out.append(f"| {name} | {' | '.join(figures)} | {used / seconds * 1000:.1f} | {k or ''} |")
    return [*out, "", "Single clips; logistic regression on standardised numbers, with two penalties and neither chosen for any of them, five folds of four "
            "actors. The net's own figure is out of fold too: nets of the same recipe that never heard the actor. openSMILE's licence forbids commercial use."]


def _by_regression(x: np.ndarray, truth: np.ndarray, fold: np.ndarray, c: float) -> np.ndarray:
    """What logistic regression on (n, k) numbers says of each fold after learning from the others."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    said = np.empty(len(truth), np.int64)
    for f in np.unique(fold):
        fitted = make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=2000)).fit(np.nan_to_num(x[fold != f]), truth[fold != f])
        said[fold == f] = fitted.predict(np.nan_to_num(x[fold == f]))
    return said


def _of_the_card(card: Path) -> str:
    """Mean recall of single clips, and its interval, as a model's card states it."""
    line = next(line for line in card.read_text(encoding="utf-8").splitlines() if line.startswith("| **UAR, 8 labels**"))
    return line.split("|")[2].strip(" *")


# Words


def words(emobank_folder: Path, semeval_folder: Path | None) -> list[str]:
    from attune.datasets import emobank, semeval2018
    from attune.taxonomy import taxonomy
    from attune.text.models import minilm_emotions

    valence = taxonomy("vad").index("valence")
    at = sum(len(taxonomy(name)) for name in minilm_emotions.TAXONOMIES[: minilm_emotions.TAXONOMIES.index("vad")]) + valence
    sets = {"EmoBank test": [(i.text, float(i.values[valence]), i.group) for i in emobank.items(emobank_folder) if i.split == "test"][:SENTENCES]}
    if semeval_folder:
        sets["SemEval-2018 dev (out-of-sample)"] = [(i.text, float(i.more["vad"][valence]), i.id) for i in semeval2018.items(semeval_folder)
                                                    if i.split == "dev" and "vad" in i.more]
    readers: dict[str, Callable[[str], float]] = {}
    net = minilm_emotions.load()
    readers["Attune, minilm_emotions"] = lambda text: float(net([text])[0, at])
    try:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

        analyser = SentimentIntensityAnalyzer()
        readers["VADER"] = lambda text: float(analyser.polarity_scores(text)["compound"])
    except ImportError:
        pass
    out = ["## Words: Pearson r of valence", "", f"| reader | {' | '.join(f'{name}, n = {len(of)}' for name, of in sets.items())} | CPU ms a sentence |",
           f"|---|{'---|' * len(sets)}---|"]
    for name, read in readers.items():
        cells, spent, n = [], 0.0, 0
        for of in sets.values():
            read(of[0][0])
            said, used = cpu(lambda of=of, read=read: np.array([read(text) for text, *_ in of]))
            spent, n = spent + used, n + len(of)
            cells.append(told(metrics.pearson, np.array([v for _, v, _ in of]), said, groups=np.array([g for *_, g in of])))
        out.append(f"| {name} | {' | '.join(cells)} | {spent / n * 1000:.2f} |")
    return out


if __name__ == "__main__":
    main()
