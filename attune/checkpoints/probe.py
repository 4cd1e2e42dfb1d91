"""Inputs made by code, on which any model can be tried: pictures of noise and stripes, tones, sentences that plainly say something.

`check` runs a model on them and says what holds: `attune models check NAME`. The contract tests use the same inputs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from attune.checkpoints import verify
from attune.taxonomy import taxonomy

GOLDEN_FILE = "golden.json"              # beside a checkpoint's weights: what it said when it was first checked
TOLERANCE = 0.01                         # between machines and versions of libraries
PUBLISHED = 0.02                         # from figures on a model's card


class Finding(NamedTuple):
    """One thing that was looked at: whether it holds (None: it couldn't be looked at), and what it is."""

    holds: bool | None
    what: str


# Inputs, by name ---------------------------------------------------------------------------------------------------------------------

def pictures(m: Any) -> dict[str, np.ndarray]:
    """Crops (h, w, 3) uint8 of the model's SIZE."""
    h, w = m.SIZE
    y, x = np.mgrid[:h, :w]
    dot = 255 * np.exp(-((x - w / 2) ** 2 + (y - h / 2) ** 2) / (h * w / 16))
    eyes = 200 - 150 * (((abs(x - 0.3 * w) < w / 10) | (abs(x - 0.7 * w) < w / 10)) & (abs(y - 0.4 * h) < h / 14))
    smile = 200 - 150 * (abs(y - 0.78 * h + 0.9 * h * ((x - w / 2) / w) ** 2) < h / 20)
    grey = {"noise": np.random.default_rng(0).integers(0, 256, (h, w)), "stripes": 255 * (x // 4 % 2), "ramp": 255 * x / w, "dot": dot,
            "face": np.minimum(eyes, smile)}
    return {name: np.repeat(np.asarray(picture)[:, :, None], 3, axis=2).astype(np.uint8) for name, picture in grey.items()}


def sounds(m: Any) -> dict[str, np.ndarray]:
    """Sounds (t,) float32 at the model's SAMPLE_RATE, of several lengths and levels."""
    rate, shortest = int(m.SAMPLE_RATE), float(m.MIN_SECONDS)

    def time(seconds: float) -> np.ndarray:
        return np.arange(round(max(seconds, shortest) * rate)) / rate

    def voice(t: np.ndarray, pitch: float, syllables: float) -> np.ndarray:
        return np.array(sum(np.sin(2 * np.pi * pitch * k * t + k) / k for k in range(1, 20)) * (1 + np.sin(2 * np.pi * syllables * t)) / 8)

    noise = np.random.default_rng(0).normal(size=len(time(1.3)))
    made = {"low voice": voice(time(2.0), 110, 3), "high voice": voice(time(1.0), 240, 5), "tone": 0.3 * np.sin(2 * np.pi * 440 * time(0.7)),
            "noise": 0.1 * noise, "soft voice": 0.001 * voice(time(3.1), 180, 4)}
    return {name: sound.astype(np.float32) for name, sound in made.items()}


MEANT = {                                                    # sentences that plainly say something, by language
    "en": {"I'm so happy for you!": "joy", "This makes me furious.": "anger", "I am terrified of the dark.": "fear", "Thank you so much!": "gratitude",
           "My dog died yesterday.": "sadness", "I love you \N{HEAVY BLACK HEART}": "love", "The train leaves at nine.": "neutral"},
    "de": {"Ich freue mich so für dich!": "joy", "Das macht mich wütend.": "anger", "Ich habe furchtbare Angst im Dunkeln.": "fear",
           "Vielen, vielen Dank!": "gratitude", "Mein Hund ist gestern gestorben.": "sadness", "Der Zug fährt um neun Uhr ab.": "neutral"},
}
AMONG = 3                                                    # a label that is plainly meant is among so many that are said first


def language(m: Any) -> str:
    """The first language that the model reads."""
    return str(getattr(m, "LANGUAGES", ("en",))[0])


def sentences(m: Any) -> dict[str, str]:
    """Sentences in the model's language, a question, a word, and six hundred words."""
    return {s: s for s in (*MEANT.get(language(m), MEANT["en"]), "I wonder how that works?", "no", "word " * 600)}


INPUTS: dict[str, Callable[[Any], dict[str, Any]]] = {"face": pictures, "voice": sounds, "text": sentences}
NOTHING: dict[str, Callable[[Any], dict[str, Any]]] = {      # what can't be measured
    "face": lambda m: {"one colour": np.full((*m.SIZE, 3), 128, np.uint8)},
    "voice": lambda m: {"no samples": np.zeros(0, np.float32), "digital silence": np.zeros(2 * m.SAMPLE_RATE, np.float32)},
    "text": lambda m: {"nothing": "", "blanks": " \n\t"},
}


def batch(kind: str, inputs: list[Any]) -> Any:
    """Inputs as a model takes them."""
    return np.stack(inputs) if kind == "face" else inputs


def columns(m: Any) -> dict[str, slice]:
    """Where each of a model's taxonomies lies in its columns."""
    ends = np.cumsum([len(taxonomy(t)) for t in m.TAXONOMIES]).tolist()
    return {t: slice(end - len(taxonomy(t)), end) for t, end in zip(m.TAXONOMIES, ends, strict=True)}


def unsaid(m: Any) -> np.ndarray:
    """(columns,) bool: labels that the model states it can't say."""
    outputs = getattr(m, "OUTPUTS", getattr(m, "OUTPUT", ()))
    lacks = {(o.taxonomy, label) for o in (outputs if isinstance(outputs, tuple) else (outputs,)) for label in o.lacks}
    return np.array([(t, label) in lacks for t in m.TAXONOMIES for label in taxonomy(t).labels])


# Checks ------------------------------------------------------------------------------------------------------------------------------

def check(m: Any, kind: str, name: str) -> Iterator[Finding]:
    """What holds of a model whose weights are here; later findings need the earlier ones.

    Files, shape, range, that a batch of one equals the batch, that the same gives the same, that nothing gives NaN; published numbers
    (GOLDEN), plain sentences, and what the model said when it was first checked here.

    Raises
    ------
    WeightsError, MissingExtra
        If it can't be loaded.
    """
    for checkpoint in getattr(m, "CHECKPOINTS", ()):
        verify(checkpoint, name, again=True)
        yield Finding(True, f"{checkpoint.id}: every file has the SHA-256 that was pinned or written down")
    model, inputs = m.load(), INPUTS[kind](m)
    values = model(batch(kind, list(inputs.values())))
    labels = sum(len(taxonomy(t)) for t in m.TAXONOMIES)
    fits = values.shape == (len(inputs), labels)
    yield Finding(fits, f"{len(inputs)} inputs give an array of {values.shape}, and it has {labels} labels")
    if not fits:
        return
    measured, silent = ~np.isnan(values).all(axis=1), unsaid(m)
    if not measured.any():
        yield Finding(None, "drawn faces aren't faces to this model: it measured none of them, and its numbers can't be looked at" if kind == "face" else
                      "it measured none of the inputs")
        return
    yield Finding(bool((np.isnan(values[measured]) == silent).all()), "every label that it has is measured, and no other")
    for t, where in columns(m).items():
        part, (low, high) = values[measured][:, where], taxonomy(t).range
        yield Finding(not (part < low - 1e-6).any() and not (part > high + 1e-6).any(), f"{t} lies in {low:g}..{high:g}")
        if taxonomy(t).kind == "exclusive":
            yield Finding(bool(np.allclose(np.nansum(part, axis=1), 1, atol=1e-5)), f"{t} sums to 1")
    first = next(iter(inputs.values()))
    yield Finding(np.array_equal(model(batch(kind, [first]))[0], values[0], equal_nan=True), "a batch of one equals the batch, and the same gives the same")
    nothing = list(NOTHING[kind](m).values())
    yield Finding(bool(np.isnan(model(batch(kind, nothing))).all()), "what can't be measured is NaN")
    said = by_label(m, inputs, values)
    yield from _published(m, model)
    yield from _plain(m, said) if kind == "text" else ()
    yield from _remembered(m, said)


def by_label(m: Any, inputs: dict[str, Any], values: np.ndarray) -> dict[str, dict[str, float]]:
    """input -> taxonomy.label -> value."""
    labels = [f"{t}.{label}" for t in m.TAXONOMIES for label in taxonomy(t).labels]
    return {source: dict(zip(labels, map(float, row), strict=True)) for source, row in zip(inputs, values, strict=True)}


def _published(m: Any, model: Any) -> Iterator[Finding]:
    """Numbers that a model's authors state: GOLDEN, pairs of an input and label -> value."""
    names = [f"{t}.{label}" for t in m.TAXONOMIES for label in taxonomy(t).labels]
    for given, expected in getattr(m, "GOLDEN", ()):
        row = dict(zip(names, np.asarray(model.said(given), float), strict=True))
        worst = max(expected, key=lambda label: abs(row[label] - expected[label]))
        what = f"the published example: {worst} is {row[worst]:.3f}, {expected[worst]:.3f} published; no other differs by more"
        yield Finding(bool(abs(row[worst] - expected[worst]) <= PUBLISHED), what)


def _plain(m: Any, said: dict[str, dict[str, float]]) -> Iterator[Finding]:
    for t in m.TAXONOMIES:
        labels = taxonomy(t).labels
        meant = {s: label for s, label in MEANT.get(language(m), {}).items() if label in labels and taxonomy(t).kind != "dimensional"}
        wrong = [s for s, label in meant.items() if sum(said[s][f"{t}.{other}"] > said[s][f"{t}.{label}"] for other in labels) >= AMONG]
        if meant:
            yield Finding(not wrong, f"{len(meant) - len(wrong)} of {len(meant)} plain sentences have what they plainly say among the first {AMONG} of {t}"
                          + (f"; not: {', '.join(wrong)}" if wrong else ""))


def _remembered(m: Any, said: dict[str, dict[str, float]]) -> Iterator[Finding]:
    """What it said when it was first checked on this machine; written down if that is now."""
    if not getattr(m, "CHECKPOINTS", ()):
        return
    path: Path = m.CHECKPOINTS[-1].folder / GOLDEN_FILE
    now = {source: {label: round(v, 6) for label, v in row.items() if v == v} for source, row in said.items() if len(source) < 80}
    if not path.is_file():
        path.write_text(json.dumps(now, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        yield Finding(None, f"what it says was written to {path.name}; from now on a change is noticed")
        return
    before = json.loads(path.read_text(encoding="utf-8"))
    same = before.keys() == now.keys() and all(before[s].keys() == now[s].keys() for s in now)
    far = max((abs(before[s][label] - v) for s, row in now.items() for label, v in row.items()), default=0.0) if same else float("nan")
    yield Finding(bool(same and far <= TOLERANCE), f"it says what it said when it was first checked (largest difference {far:.4f}, {TOLERANCE} allowed)")
