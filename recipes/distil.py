"""A small model taught by a large one: any model of the registry that is here teaches a student that needs no torch.

    python recipes/distil.py audeering_dim FOLDER --out runs/distilled              # media, or .txt files, without any label
    python recipes/distil.py audeering_dim DIR --corpus crema_d --out runs/distilled

The student learns what the teacher says and nothing else (Hinton et al. 2015; Kounadis-Bastian et al. 2024): distributions by
cross-entropy, labels that stand alone by binary cross-entropy, positions by 1 - CCC. A voice's student is the net of `prosody_tiny`, from
nothing, on clips varied as for it; a face's and a text's are heads on what the packaged model sees. Files, or a corpus's people, are
parted: a tenth decides when to stop, a fifth says how near the student came. --out gets student.onnx, student.toml with its facts
(`attune measure --voice onnx:.../student.toml`), metrics.json and student.md. The teacher's licence holds for what it taught.

Needs the extra `train`, and what the teacher needs.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx
import torch
from _voice import Bank, Net, decode, varied
from onnx import helper, numpy_helper
from torch import nn
from voice_prosody import exported

from attune import datasets, metrics, registry
from attune.datasets import FILMS, SOUNDS, Item
from attune.errors import SettingError, UnknownName, unknown
from attune.evaluate import said as saying
from attune.evaluate.said import said
from attune.settings import Settings
from attune.taxonomy import Taxonomy, rescale, taxonomy
from attune.train import Schedule, fit, seed_everything
from attune.train.losses import OF_KIND, several_heads
from attune.voice import VoiceStream
from attune.voice.features import SAMPLE_RATE, features, log_mel, measurable

PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
FOLDERS = {"face": "attune.face.models", "voice": "attune.voice.models", "text": "attune.text.models"}
STUDENTS = {"face": ("ferplus_resnet", "features"), "text": ("minilm_emotions", "embedding")}      # what they see by, and that output of its graph
SHORTEST, LONGEST = 0.5, 15.0            # s of a clip
BATCH, FRAMES = 32, 104                  # clips, and frames of each: 2.1 s
TEST, DEV = 0.2, 0.1                     # shares of the groups
STEPS = {"voice": 2_000, "face": 600, "text": 600}
DRAWS, SEED = 500, 0


# What there is to hear, see or read --------------------------------------------------------------------------------------------------

def found(kind: str, source: Path) -> list[Item]:
    """Unlabelled items of a folder: stretches of speech of its media, its pictures and films, or lines of its .txt files.

    Raises
    ------
    SettingError
        If it holds nothing of the kind.
    """
    suffixes = {"voice": (*SOUNDS, *FILMS), "face": (*PICTURES, *FILMS), "text": (".txt",)}[kind]
    items = []
    for path in sorted(p for p in source.rglob("*") if p.suffix.lower() in suffixes):
        name = path.relative_to(source).as_posix()
        if kind == "text":
            lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
            items += [_item(f"{name}:{i}", name, text=line) for i, line in enumerate(lines) if line]
        elif kind == "voice":
            items += [_item(f"{name}:{a:.2f}", name, path=path, start=a, end=b) for a, b in spoken(decode(path))]
        else:
            items.append(_item(name, name, path=path))
    if not items:
        raise SettingError(f"nothing to {dict(voice='hear', face='see', text='read')[kind]} in {source}; expected {', '.join(suffixes)}")
    return items


def spoken(samples: np.ndarray) -> list[tuple[float, float]]:
    """Stretches of speech, s, long ones in pieces."""
    stream = VoiceStream(None, Settings())
    stream.push(samples)
    stream.close()
    pieces = []
    for a, b in stream.speech:
        n = max(1, int(np.ceil((b - a) / LONGEST)))
        pieces += [(a + (b - a) * i / n, a + (b - a) * (i + 1) / n) for i in range(n)]
    return [(a, b) for a, b in pieces if b - a >= SHORTEST]


def _item(name: str, group: str, **what: Any) -> Item:
    return Item(name, "train", group, np.zeros(0, np.float32), **what)


def parted(groups: Sequence[str], seed: int = SEED) -> np.ndarray:
    """"train", "dev" or "test" of each item: whole groups, a fifth and a tenth of them, at least one each.

    Raises
    ------
    SettingError
        If there are fewer than four groups.
    """
    names = np.unique(np.asarray(groups, str))
    if len(names) < 4:
        raise SettingError(f"{len(names)} files or people; at least four are needed, so that some can be kept aside")
    order = np.random.default_rng(seed).permutation(names)
    test, dev = max(1, round(TEST * len(names))), max(1, round(DEV * len(names)))
    part = {name: "test" if i < test else "dev" if i < test + dev else "train" for i, name in enumerate(order.tolist())}
    return np.array([part[str(g)] for g in groups])


# What is taught ----------------------------------------------------------------------------------------------------------------------

@dataclass(frozen=True)
class Head:
    """What of one taxonomy the teacher says: its labels, and their columns in what it says."""

    of: Taxonomy
    labels: tuple[str, ...]
    columns: np.ndarray

    def target(self, values: np.ndarray) -> np.ndarray:
        """The teacher's values (n, columns) as the loss wants them, (n, k): distributions, 0..1 each, or -1..1 each."""
        chosen = values[:, self.columns].astype(np.float64)
        if self.of.kind == "exclusive":
            return np.asarray(chosen / chosen.sum(1, keepdims=True), np.float32)
        return rescale(chosen, self.of.range, (-1, 1) if self.of.kind == "dimensional" else (0, 1)).astype(np.float32)


def heads_of(names: Sequence[str], values: np.ndarray) -> list[Head]:
    """A head for each taxonomy, over the labels that the teacher says at all."""
    heads, first = [], 0
    for of in map(taxonomy, names):
        there = np.flatnonzero(~np.isnan(values[:, first : first + len(of)]).all(0))
        if len(there):
            heads.append(Head(of, tuple(of.labels[j] for j in there), first + there))
        first += len(of)
    return heads


class Said(nn.Module):
    """An embedding (n, d) to what is said of it, all heads side by side; `raw` before probabilities are made of it."""

    def __init__(self, d: int, heads: Sequence[Head]) -> None:
        super().__init__()
        self.kinds, self.names = [h.of.kind for h in heads], [h.of.name for h in heads]
        self.parts = nn.ModuleList(nn.Linear(d, len(h.labels)) for h in heads)

    def raw(self, embedding: torch.Tensor) -> dict[str, torch.Tensor]:
        return {name: part(embedding) for name, part in zip(self.names, self.parts, strict=True)}

    def forward(self, embedding: torch.Tensor) -> torch.Tensor:
        made = {"exclusive": lambda x: x.softmax(1), "multilabel": torch.sigmoid, "dimensional": lambda x: x.clamp(-1, 1)}
        return torch.cat([made[kind](part(embedding)) for kind, part in zip(self.kinds, self.parts, strict=True)], 1)


class Voice(nn.Module):
    """(1, t, 64) pictures of sound -> what is said of them."""

    def __init__(self, heads: Sequence[Head]) -> None:
        super().__init__()
        self.net = Net()
        self.said = Said(self.net.out.in_features, heads)
        self.net.out = nn.Identity()      # its labels aren't asked for

    def raw(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return self.said.raw(self.net.dropout(self.net.embed(x)))

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        return self.said(self.net.embed(mel[:, None]))


def loss_of(heads: Sequence[Head]) -> Any:
    losses = {h.of.name: OF_KIND[h.of.kind] for h in heads}

    def loss(model: Any, batch: Any) -> torch.Tensor:
        x, targets = batch
        value = several_heads(model.raw(x), targets, losses)
        near = [(model.raw(x)[h.of.name] - targets[h.of.name]).abs().mean() for h in heads if h.of.kind == "dimensional"]
        return value + sum(near)          # 1 - CCC alone leaves a batch's outliers where they are

    return loss


def batches(given: Any, targets: dict[str, torch.Tensor], rows: np.ndarray, seed: int) -> Iterator[Any]:
    """Endless: of `given`, which makes inputs of rows and a generator."""
    rng = np.random.default_rng(seed)
    while True:
        picked = rng.choice(rows, BATCH, replace=len(rows) < BATCH)
        yield given(picked, rng), {name: t[picked] for name, t in targets.items()}


def taught(kind: str, heads: Sequence[Head], values: np.ndarray, part: np.ndarray, given: Any, out: Path, steps: int, outputs: Any) -> nn.Module:
    """A student of these rows; `given` makes training inputs, `outputs` says what a model says of rows."""
    seed_everything(SEED)
    model: Any = Voice(heads) if kind == "voice" else Said(given.d, heads)
    targets = {h.of.name: torch.from_numpy(h.target(values)) for h in heads}
    dev = np.flatnonzero(part == "dev")

    def score(net: Any) -> float:
        return float(np.nanmean([f["r"] for f in nearness(heads, values[dev], outputs(net.eval(), dev)).values()]))

    schedule = Schedule(steps=steps, lr=4e-3 if kind == "voice" else 2e-3, weight_decay=0.02, average=0.99, evaluate_every=max(1, steps // 10), seed=SEED)
    return fit(model, batches(given, targets, np.flatnonzero(part == "train"), SEED), loss_of(heads), score, schedule, out=out,
               labels={h.of.name: list(h.labels) for h in heads}).eval()


class Heard:
    """Training inputs of a voice: pictures of clips, varied."""

    def __init__(self, waves: Sequence[np.ndarray]) -> None:
        self.bank = Bank([log_mel(w) for w in waves])

    def __call__(self, rows: np.ndarray, rng: np.random.Generator) -> torch.Tensor:
        return torch.from_numpy(varied(self.bank, rows, FRAMES, rng))[:, None]


class Seen:
    """Training inputs of a face or a text: what the packaged model sees of it."""

    def __init__(self, embeddings: np.ndarray) -> None:
        self.embeddings, self.d = torch.from_numpy(embeddings), embeddings.shape[1]

    def __call__(self, rows: np.ndarray, rng: np.random.Generator) -> torch.Tensor:
        return self.embeddings[rows]


# How near it came --------------------------------------------------------------------------------------------------------------------

def nearness(heads: Sequence[Head], teacher: np.ndarray, student: np.ndarray, groups: np.ndarray | None = None, draws: int = 0) -> dict[str, dict[str, Any]]:
    """taxonomy -> mean correlation of a label ("r"), and, of distributions, how often both say the same first ("same"); with intervals if drawn.

    student (n, k), as `Said` gives it; the teacher's values as they are.
    """
    out: dict[str, dict[str, Any]] = {}
    first = 0
    for h in heads:
        wanted, came = h.target(teacher), student[:, first : first + len(h.labels)]
        first += len(h.labels)

        def figures(rows: np.ndarray, wanted: np.ndarray = wanted, came: np.ndarray = came, kind: str = h.of.kind) -> np.ndarray:
            of = [metrics.pearson(wanted[rows, j], came[rows, j]) for j in range(wanted.shape[1])]
            r = float(np.nanmean(of)) if not np.isnan(of).all() else float("nan")
            same = float((wanted[rows].argmax(1) == came[rows].argmax(1)).mean()) if kind == "exclusive" else float("nan")
            return np.array([r, same])

        if draws:
            r, same = metrics.bootstrap_figures(figures, len(wanted), groups=groups, draws=draws, seed=SEED)
        else:
            r, same = figures(np.arange(len(wanted)))
        out[h.of.name] = {"r": r} | ({"same": same} if h.of.kind == "exclusive" else {})
    return out


# Shipping ----------------------------------------------------------------------------------------------------------------------------

def on_top(base: Path, output: str, model: Said, path: Path) -> None:
    """A packaged graph with the heads on one of its outputs, as one file; the file's input is the graph's, or a picture in 0..1."""
    graph = onnx.load(str(base))
    top = _drawn(model, graph.opset_import[0].version, graph.ir_version)
    joined = onnx.compose.merge_models(graph, top, io_map=[(output, "taught_seen")], outputs=["taught_said"])
    if joined.graph.input[0].name == "face":
        front = _grey(joined.opset_import[0].version, joined.ir_version)
        joined = onnx.compose.merge_models(front, joined, io_map=[("front_standardised", "face")])
    onnx.checker.check_model(joined)
    onnx.save(joined, str(path))


def _drawn(model: Said, opset: int, ir: int) -> onnx.ModelProto:
    """The heads as a graph: "taught_seen" (1, d) -> "taught_said" (1, k)."""
    nodes, weights, ends = [], [], []
    for i, (kind, part) in enumerate(zip(model.kinds, model.parts, strict=True)):
        names = [f"taught_{what}_{i}" for what in ("weight", "bias", "raw", "end")]
        weights += [numpy_helper.from_array(v.detach().numpy(), name) for v, name in zip((part.weight, part.bias), names, strict=False)]
        nodes.append(helper.make_node("Gemm", ["taught_seen", *names[:2]], [names[2]], transB=1))
        made = {"exclusive": ("Softmax", [], {"axis": 1}), "multilabel": ("Sigmoid", [], {}), "dimensional": ("Clip", ["taught_low", "taught_high"], {})}
        operation, more, options = made[kind]
        nodes.append(helper.make_node(operation, [names[2], *more], [names[3]], **options))
        ends.append(names[3])
    nodes.append(helper.make_node("Concat", ends, ["taught_said"], axis=1))
    weights += [numpy_helper.from_array(np.float32(edge), name) for edge, name in ((-1, "taught_low"), (1, "taught_high"))]
    d, k = model.parts[0].in_features, sum(part.out_features for part in model.parts)
    graph = helper.make_graph(
        nodes, "heads", [helper.make_tensor_value_info("taught_seen", onnx.TensorProto.FLOAT, [1, d])],
        [helper.make_tensor_value_info("taught_said", onnx.TensorProto.FLOAT, [1, k])], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir)


def _grey(opset: int, ir: int) -> onnx.ModelProto:
    """(1, 3, 48, 48) in 0..1 -> (1, 1, 48, 48) grey, mean 0 and deviation 1: what `ferplus_resnet` makes of a crop."""
    from attune.face.models.ferplus_resnet import GREY

    nodes = [helper.make_node("Conv", ["front_picture", "front_grey"], ["front_luma"]), helper.make_node("GlobalAveragePool", ["front_luma"], ["front_mean"]),
             helper.make_node("Sub", ["front_luma", "front_mean"], ["front_centred"]),
             helper.make_node("Mul", ["front_centred", "front_centred"], ["front_square"]),
             helper.make_node("GlobalAveragePool", ["front_square"], ["front_variance"]), helper.make_node("Sqrt", ["front_variance"], ["front_deviation"]),
             helper.make_node("Div", ["front_centred", "front_deviation"], ["front_standardised"])]
    graph = helper.make_graph(
        nodes, "grey", [helper.make_tensor_value_info("front_picture", onnx.TensorProto.FLOAT, [1, 3, 48, 48])],
        [helper.make_tensor_value_info("front_standardised", onnx.TensorProto.FLOAT, [1, 1, 48, 48])],
        [numpy_helper.from_array((255 * GREY).reshape(1, 3, 1, 1), "front_grey")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir)


def facts(kind: str, name: str, teacher: ModuleType, heads: Sequence[Head]) -> str:
    """The TOML beside student.onnx."""
    def text(value: str) -> str:
        return json.dumps(value, ensure_ascii=False)

    def array(values: Sequence[str]) -> str:
        return "[" + ", ".join(map(text, values)) + "]"

    lines = [
        'onnx = "student.onnx"', f"title = {text(f'A small student of {teacher.TITLE}')}", f"license = {text(teacher.LICENSE)}",
        f'license_class = "{teacher.LICENSE_CLASS}"', f"reference = {text(teacher.REFERENCE)}", f"data = {text(f'what {name} says of unlabelled recordings')}",
        f"limits = {text('no better than its teacher, and worse on what it never met. ' + teacher.LIMITS)}",
    ]
    if getattr(teacher, "PROJECTED", ""):
        lines.append(f'projected = "{teacher.PROJECTED}"')
    lines += {"voice": ['hears = "mel"', "min_seconds = 0.2"], "face": ["size = 48", 'framing = "fer"'],
              "text": ['tokenizer = "tokenizer.json"', "tokens = 128", 'languages = ["en"]']}[kind]
    for h in heads:
        lacks = [label for label in h.of.labels if label not in h.labels]
        kinds = {"exclusive": "probabilities", "multilabel": "values", "dimensional": "values"}
        span = {"exclusive": "", "multilabel": "span = [0, 1]", "dimensional": "span = [-1, 1]"}[h.of.kind]
        lines += ["", "[[heads]]", f'taxonomy = "{h.of.name}"', f'kind = "{kinds[h.of.kind]}"', f"labels = {array(h.labels)}"]
        lines += ([span] if span else []) + ([f"lacks = {array(lacks)}"] if lacks else [])
    return "\n".join(lines) + "\n"


def card(name: str, command: str, counts: dict[str, int], people: dict[str, int], near: dict[str, dict[str, Any]], size: int) -> str:
    """The page beside the student."""
    rows = [f"| {of} | {figures['r']} | {figures.get('same', '-')} |" for of, figures in near.items()]
    return "\n".join([
        f"# A small student of {name}", "", f"Made by `{command}`; {size / 1e6:.2f} MB.", "",
        f"Held-out: n = {counts['test']:,} of {people['test']} files or people that neither training ({counts['train']:,}) nor stopping "
        f"({counts['dev']:,}) saw. "
        "Figures say how near the student is to its teacher, not how right either is; 95 % intervals over files or people.", "",
        "| taxonomy | mean correlation of a label | same first label |", "|---|---|---|", *rows, ""])


def distil(
    name: str, source: Path, out: Path, *, kind: str = "", corpus: str = "", steps: int = 0, command: str = "", cache: Path | None = None,
) -> dict[str, Any]:
    """Teach a student and write it; the figures.

    Raises
    ------
    UnknownName, SettingError
        If there is no such teacher, or nothing to teach it by.
    WeightsError, MissingExtra
        If the teacher isn't here.
    """
    kind, teacher = _teacher(name, kind)
    items = list(datasets.load(corpus).items(source)) if corpus else found(kind, source)
    out.mkdir(parents=True, exist_ok=True)
    values = said(teacher, items, folder=cache)
    waves: list[np.ndarray] = []
    if kind == "voice":
        waves = [saying.sound(i, SAMPLE_RATE) for i in items]
        usable = ~np.isnan(values).all(1) & np.array([measurable(w, SHORTEST) for w in waves])
        seen: Any = None
    else:
        packaged, output = STUDENTS[kind]
        seen = said(registry.load(FOLDERS[kind], packaged), items, what="embedding", folder=cache)
        usable = ~np.isnan(values).all(1) & ~np.isnan(seen).any(1)
    rows = np.flatnonzero(usable)
    if not len(rows):
        raise SettingError(f"{name} measured nothing of {len(items)} items")
    items, values, groups = [items[i] for i in rows], values[rows], np.array([items[i].group or items[i].id for i in rows])
    part, heads = parted(groups.tolist()), heads_of(teacher.TAXONOMIES, values)
    aside = values[part == "dev"]
    if not any(h.target(aside).std(0).max() > 0 for h in heads):
        raise SettingError(f"{name} says the same of all {len(aside)} items that are kept aside to decide when to stop; give more, or such as differ")
    given: Any
    if kind == "voice":
        waves = [waves[i] for i in rows]
        pictures, given = [features(w) for w in waves], Heard(waves)
    else:
        given = Seen(seen[rows])

    def outputs(model: Any, picked: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            if kind == "voice":
                return np.concatenate([model(torch.from_numpy(pictures[i])[None]).numpy() for i in picked])
            return np.asarray(model(given.embeddings[picked]).numpy())

    model: Any = taught(kind, heads, values, part, given, out / "training", steps or STEPS[kind], outputs)
    test = np.flatnonzero(part == "test")
    near = nearness(heads, values[test], outputs(model, test), groups[test], DRAWS)
    path = out / "student.onnx"
    if kind == "voice":
        exported(model, path, (["mel"], ["said"]), {"mel": {1: "t"}}, [(torch.from_numpy(pictures[i])[None],) for i in test[:3]])
    else:
        module = registry.load(FOLDERS[kind], packaged)
        beside = Path(str(module.__file__)).parent
        on_top(beside / module.WEIGHTS[0], output, model, path)
        if kind == "text":
            shutil.copy2(beside / module.WEIGHTS[1], out / "tokenizer.json")
    (out / "student.toml").write_text(facts(kind, name, teacher, heads), encoding="utf-8")
    counts = {p: int((part == p).sum()) for p in ("train", "dev", "test")}
    people = {p: len(set(groups[part == p].tolist())) for p in counts}
    (out / "student.md").write_text(card(name, command, counts, people, near, path.stat().st_size), encoding="utf-8")
    figures = {"teacher": name, "command": command, "n": counts, "groups": people, "near": {t: {k: list(v) for k, v in f.items()} for t, f in near.items()}}
    (out / "metrics.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return figures


def _teacher(name: str, kind: str) -> tuple[str, ModuleType]:
    if ":" in name:
        if kind not in FOLDERS:
            raise SettingError(f"{name} doesn't say what it is for; add --kind face, voice or text")
        return kind, registry.load(FOLDERS[kind], name)
    known = {n: k for k, folder in FOLDERS.items() for n in registry.names(folder)}
    if name not in known:
        error: UnknownName = unknown("teacher", name, known)
        raise error
    return known[name], registry.load(FOLDERS[known[name]], name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("teacher", help="a model that is here: attune models")
    parser.add_argument("source", type=Path, help="a folder of media, pictures or .txt files, or where --corpus lies")
    parser.add_argument("--corpus", default="", help="a corpus of attune corpora; its labels aren't looked at, its people part the items")
    parser.add_argument("--kind", default="", help="face, voice or text, where the teacher's name doesn't tell")
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    more = f" --corpus {given.corpus}" * bool(given.corpus) + f" --steps {given.steps}" * bool(given.steps)
    command = f"python recipes/distil.py {given.teacher} DIR{more} --out OUT"
    figures = distil(given.teacher, given.source, given.out, kind=given.kind, corpus=given.corpus, steps=given.steps, command=command, cache=given.out / "said")
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
