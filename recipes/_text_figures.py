"""What a packaged English text model is measured by: held-out parts, other people's corpora, each name where it is told apart, time."""

from __future__ import annotations

import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from _text_rows import LABELS, NAMES, OF_SITUATION, SURPRISES, VAD, Corpus, items

from attune.datasets import brighter, isear, semeval2018
from attune.metrics import Interval, average_precision, bootstrap, ccc, ece, f1, macro_f1, micro_f1, pearson
from attune.taxonomy import taxonomy
from attune.text.models import _minilm

PARITY = 0.01                             # largest change of macro-F1 and of r that quantising may bring


def auc(y: np.ndarray, score: np.ndarray) -> float:
    """Share of pairs of a hit and a miss that the score ranks rightly, ties half; NaN without either."""
    order = np.unique(score, return_inverse=True)[1]
    count = np.bincount(order)
    rank = (count.cumsum() - (count - 1) / 2)[order]
    hits = int((y > 0).sum())
    return float((rank[y > 0].sum() - hits * (hits + 1) / 2) / (hits * (len(y) - hits))) if 0 < hits < len(y) else float("nan")


def cases(
    name: str, natural: Corpus, told: Corpus | None, words: Corpus, said: dict[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where a name of the names' head is judged: what is known (n, names), which rows (n,), and what was said of them (n, ...).

    A surprise among labelled comments; a situation among situations, where there are some; any other among texts whose word is hidden, one name against
    the others; sarcasm, which has no word, among comments. `said` holds answers on "goemotions", "told" and "words".
    """
    k = NAMES.index(name)
    if name in SURPRISES:
        y, answers, rows = natural.of("names"), said["goemotions"], np.ones(len(natural.ids), bool)
    elif told and name in OF_SITUATION:
        y, answers, rows = told.of("names"), said["told"], np.ones(len(told.ids), bool)
    elif name == "Sarcasm":
        y, answers = np.concatenate([words.of("names"), natural.of("names")]), np.concatenate([said["words"], said["goemotions"]])
        # their own mark would give them away where it wasn't left out
        rows = np.concatenate([words.of("names")[:, k] == 1, natural.of("names")[:, k] == 0])
    else:
        y, answers, rows = words.of("names"), said["words"], np.array(["[MASK]" in text for text in words.texts])
    return y, rows & ~np.isnan(y[:, k]), answers


class Reader:
    """A graph on disk, through the code that users run but for how it reads hidden words: texts to values by taxonomy."""

    def __init__(self, model: ModuleType, graph: Path, vocabulary: Path) -> None:
        self.facts, self.model, self.seen = model, _minilm.load(graph, model.TAXONOMIES, vocabulary), dict[str, np.ndarray]()
        # a hidden word is one token, as in training, not the letters of "[MASK]"; no other text of these corpora holds a special token
        self.model._tokenizer.encode_special_tokens = False

    def __call__(self, texts: list[str]) -> dict[str, np.ndarray]:
        for text in texts:
            if text not in self.seen:
                self.seen[text] = self.model([text])[0]
        values, out, at = np.stack([self.seen[text] for text in texts]), {}, 0
        for name in self.facts.TAXONOMIES:
            out[name] = values[:, at : at + len(taxonomy(name))]
            at += len(taxonomy(name))
        return out

    @property
    def names(self) -> tuple[str, ...]:
        """The names of hume53 that it measures."""
        return taxonomy(self.facts.NAMED).labels

    def column(self, texts: list[str], name: str) -> np.ndarray:
        """(n,) values of a name of hume53."""
        return self(texts)[self.facts.NAMED][:, self.names.index(name)]


def label_ece(y: np.ndarray, p: np.ndarray) -> float:
    """Expected calibration error of each label's probability, averaged over the labels."""
    return float(np.mean([ece(y[:, k, None] > 0, p[:, k, None], bins=15) for k in range(y.shape[1])]))


def mean_precision(y: np.ndarray, p: np.ndarray) -> float:
    """Mean average precision over the labels that occur."""
    return float(np.nanmean(average_precision(y > 0, p)))


def figures(read: Reader, go: Corpus, emo: Corpus, at: np.ndarray, beside: Reader) -> dict[str, float]:
    """What is compared between graphs, on dev; `largest` is the largest difference of a label's probability from what the one beside says."""
    p, vad = read(go.texts)["goemotions28"], read(emo.texts)["vad"]
    return {"macro_f1": macro_f1(go.of("goemotions") > 0, p >= at), "average_precision": mean_precision(go.of("goemotions"), p)} | {
        f"r_{d}": pearson(emo.of("vad")[:, i], vad[:, i]) for i, d in enumerate(VAD)} | {
        "largest": float(np.abs(p - beside(go.texts)["goemotions28"]).max())}


def check_parity(found: dict[str, dict[str, float]]) -> None:
    """Stop when the quantised graph differs too much from the float one, as it would if a head were quantised by mistake."""
    apart = {key: abs(found["float"][key] - found["shipped"][key]) for key in found["shipped"] if key != "largest"}
    if max(apart.values()) > PARITY:
        raise SystemExit(f"the quantised graph is not the float one: {apart}, allowed {PARITY}")


def evaluate(read: Reader, go: Corpus, emo: Corpus, at: np.ndarray) -> dict[str, Any]:
    """Labels and dimensions on the official test parts, with intervals: comments drawn singly, sentences by document."""
    p, y = read(go.texts)["goemotions28"], go.of("goemotions") > 0
    said, vad, ratings = p >= at, read(emo.texts)["vad"], emo.of("vad")
    plain = np.array(["!" not in text for text in emo.texts])
    return {
        "goemotions": {
            "n": len(y), "macro_f1": bootstrap(macro_f1, y, said, groups=go.groups), "micro_f1": bootstrap(micro_f1, y, said, groups=go.groups),
            "macro_f1_at_0.5": bootstrap(macro_f1, y, p >= 0.5, groups=go.groups), "average_precision": bootstrap(mean_precision, y, p, groups=go.groups),
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
        for name, label in pairs.items() if name in read.names
    }
    written = [item for part in ("train", "dev") for item in items(brighter, root / "brighter_eng", part)]
    values, p = np.stack([item.values for item in written]), read([item.text for item in written])["goemotions28"]
    out["brighter_eng"] = {"n": len(written)} | {
        emotion: bootstrap(pearson, values[:, k], p[:, LABELS.index(emotion)]) for k, emotion in enumerate(taxonomy("basic6").labels)
        if not np.isnan(values[:, k]).any()
    }
    return out


def measure_names(read: Reader, go: Corpus, told: Corpus | None, words: Corpus, series: Corpus | None, essays: Corpus) -> dict[str, Any]:
    """Each name where it is held out: how many rows hold it, and the area under ROC. told, series: None where the model has no part in them."""
    out: dict[str, Any] = {}
    corpora = {"goemotions": go, "words": words} | ({"told": told} if told else {})
    for name in read.names:
        if name in _minilm.OF_GOEMOTIONS:
            label = _minilm.OF_GOEMOTIONS[name]
            y, p, by = go.of("goemotions")[:, LABELS.index(label)], read.column(go.texts, name), f"raters: {label}"
        else:
            y, rows, p = cases(name, go, told, words, {part: read.column(c.texts, name) for part, c in corpora.items()})
            y, p = y[rows, NAMES.index(name)], p[rows]
            by = (f"raters: surprise beside {SURPRISES[name]} label" if name in SURPRISES else
                  f"tellers: {OF_SITUATION[name]}" if told and name in OF_SITUATION else "own word, hidden")
        out[name] = {"by": by, "rows": int((y > 0).sum()), "n": len(y), "auc": bootstrap(auc, y, p, draws=200)}
    also = {}
    if series and "Calmness" in read.names:
        y = series.of("names")[:, NAMES.index("Calmness")]
        also["Calmness"] = ("EmoryNLP's test part, peaceful, area under ROC", bootstrap(auc, y, read.column(series.texts, "Calmness"), draws=200))
    for name in {"Distress", "Sympathy"}.intersection(read.names):
        y = essays.of("names")[:, NAMES.index(name)]
        also[name] = (f"essays' dev part, n = {len(y)}, writers' own rating, r", bootstrap(pearson, y, read.column(essays.texts, name)))
    for name, (where, figure) in also.items():
        out[name]["also"] = f"{where} {figure}"
    return out


def left_out(dropped: tuple[str, ...], said: dict[str, np.ndarray], go: Corpus, told: Corpus | None, words: Corpus) -> dict[str, Interval]:
    """The area under ROC of the names that were dropped after all, from what the net's own head said of these parts."""
    out = {}
    for name in dropped:
        y, rows, p = cases(name, go, told, words, said)
        out[name] = bootstrap(auc, y[rows, NAMES.index(name)], p[rows, NAMES.index(name)], draws=200)
    return out


def latency(read: Reader, texts: list[str]) -> float:
    """Median CPU milliseconds per sentence on one thread, tokens included."""
    spent = []
    for text in texts:
        start = time.process_time()
        read.model([text])
        spent.append(time.process_time() - start)
    return float(np.median(spent)) * 1000
