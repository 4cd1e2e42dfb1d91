"""The report: what it says is what the recording says, in one file that opens without a network."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from attune import report
from attune.settings import Settings
from attune.taxonomy import Taxonomy
from attune.types import SOMEONE, Estimates, Faces, Recording, Segment

EKMAN = Taxonomy("ekman7", ("anger", "disgust", "fear", "joy", "sadness", "surprise", "neutral"), "exclusive", (0, 1), "Ekman (1992)",
                 title="Ekman's six and neutral")
FERPLUS = Taxonomy("ferplus8", ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"), "exclusive", (0, 1),
                   "Barsoum et al. (2016)", title="FER+ 8")
RAVDESS = Taxonomy("ravdess8", ("neutral", "calm", "happy", "sad", "angry", "fearful", "disgust", "surprised"), "exclusive", (0, 1),
                   "Livingstone and Russo (2018)", title="RAVDESS 8")
GOEMOTIONS = Taxonomy("goemotions28", (
    "admiration", "amusement", "anger", "annoyance", "approval", "caring", "confusion", "curiosity", "desire", "disappointment", "disapproval",
    "disgust", "embarrassment", "excitement", "fear", "gratitude", "grief", "joy", "love", "nervousness", "optimism", "pride", "realization",
    "relief", "remorse", "sadness", "surprise", "neutral"), "multilabel", (0, 1), "Demszky et al. (2020)", title="GoEmotions 28")
VAD = Taxonomy("vad", ("valence", "arousal", "dominance"), "dimensional", (-1, 1), "Mehrabian and Russell (1974)", title="Valence, arousal, dominance")

LINES = (
    ("Ada", "So, the train came in early for once, and I still missed it.", (0.10, 0.05, 0.05, 0.15, 0.15, 0.10, 0.40), (-0.15, 0.10, -0.05)),
    ("Ben", "No! How do you even do that?", (0.03, 0.02, 0.05, 0.25, 0.02, 0.55, 0.08), (0.25, 0.60, 0.05)),
    ("Ada", "I was on the wrong side, looking straight at it.", (0.06, 0.04, 0.05, 0.45, 0.12, 0.08, 0.20), (0.20, 0.25, -0.20)),
    ("Ben", "That is wonderful.", (0.01, 0.01, 0.01, 0.82, 0.02, 0.06, 0.07), (0.75, 0.45, 0.20)),
    ("Ada", "It was the last one, though; I sat there for two hours in the cold.", (0.12, 0.05, 0.08, 0.04, 0.53, 0.02, 0.16), (-0.60, -0.30, -0.40)),
    ("Ben", "I am sorry. Did nobody come?", (0.03, 0.02, 0.16, 0.03, 0.50, 0.06, 0.20), (-0.45, 0.05, -0.10)),
    ("Ada", "Somebody came, and asked me for the time, and took my bag!", (0.48, 0.10, 0.22, 0.02, 0.08, 0.06, 0.04), (-0.75, 0.70, -0.15)),
    ("Ben", "What?", (0.06, 0.03, 0.12, 0.03, 0.03, 0.69, 0.04), (-0.10, 0.75, -0.10)),
    ("Ada", "Only the sandwiches were in it. They were horrible sandwiches.", (0.08, 0.38, 0.02, 0.32, 0.06, 0.02, 0.12), (0.05, 0.20, 0.10)),
    ("Ben", "Then justice was done, in a way.", (0.03, 0.02, 0.02, 0.55, 0.03, 0.05, 0.30), (0.50, 0.10, 0.35)),
    ("Ada", "In a way, yes.", (0.02, 0.02, 0.02, 0.34, 0.05, 0.02, 0.53), (0.35, -0.25, 0.25)),
)


def talk(*, people: tuple[str, str] = ("Ada", "Ben"), lines: tuple = LINES, rounds: int = 1) -> Recording:
    """Two people who talk, made up and the same every time: faces that look away, pauses, a dim stretch, projected dimensions."""
    rng = np.random.default_rng(0)
    names = dict(zip(("Ada", "Ben"), people, strict=True))
    segments, fused, vad, t = [], [], [], 1.2
    for who, text, p, d in lines * rounds:
        length = 0.5 + 0.062 * len(text)
        said = text.split()
        ends = t + length * np.cumsum([len(w) + 1 for w in said]) / sum(len(w) + 1 for w in said)
        starts = np.append(t, ends[:-1])
        words = tuple(Segment(float(a), float(b), names[who], w) for a, b, w in zip(starts, ends, said, strict=True))
        segments.append(Segment(t, t + length, names[who], text, words))
        fused.append(p)
        vad.append(d)
        pause = 3.4 if len(segments) % 6 == 4 else 0.35 + 0.3 * rng.random()
        segments.append(Segment(t + length, t + length + pause, SOMEONE, kind="pause"))
        t += length + pause
    duration = t + 1.0
    speech = [s for s in segments if s.kind == "speech"]
    fused, vad = np.array(fused), np.array(vad)

    times = np.arange(0, duration, 1 / 3)
    rows, values, quality, reason, who_seen = [], [], [], [], []
    for i, name in enumerate(people):
        mine = [(s, p) for s, p in zip(speech, fused, strict=True) if s.person == name]
        for k, x in enumerate(times):
            if (i == 0 and 17 < x % 60 < 21) or (i == 1 and (x < 3 or 30 < x % 60 < 31.5)):
                continue                                                    # out of the picture
            near = min(mine, key=lambda m: abs((m[0].start + m[0].end) / 2 - x))
            weight = np.exp(-abs((near[0].start + near[0].end) / 2 - x) / 2.5)
            p = weight * near[1][[6, 3, 5, 4, 0, 1, 2, 2]] + (1 - weight) * np.array([0.8, 0.06, 0.03, 0.04, 0.02, 0.01, 0.02, 0.02])
            p = p * np.exp(0.25 * rng.standard_normal(8))
            dim = 0.25 if 36 < x % 60 < 41 else 0.9
            hidden = i == 0 and k % 37 == 5
            rows.append(x)
            values.append(np.full(8, np.nan) if hidden else p / p.sum())
            quality.append(0.05 if hidden else np.clip(dim + 0.08 * rng.standard_normal(), 0, 1))
            reason.append("face turned away" if hidden else "")
            who_seen.append(name)
    order = np.argsort(rows, kind="stable")
    at = np.array(rows)[order]
    face = Estimates(at, at, np.array(values, np.float32)[order], FERPLUS, "face", "ferplus_resnet", np.array(who_seen, object)[order],
                     np.array(quality, np.float32)[order], np.array(reason, object)[order])

    mix = lambda p: p / p.sum(axis=1, keepdims=True)                        # noqa: E731
    tone = mix(fused[:, [6, 6, 3, 4, 0, 2, 1, 5]] * np.exp(0.5 * rng.standard_normal((len(speech), 8))) * [1, 0.5, 1, 1, 1, 1, 1, 1])
    short = np.array([s.duration < 0.9 for s in speech])
    tone[short] = np.nan
    voice = Estimates.of(speech, tone, taxonomy=RAVDESS, modality="voice", model="prosody_crnn", quality=np.where(short, 0, 0.8),
                         reason=np.where(short, "shorter than 0.9 s", "").tolist())
    sense = np.clip(0.02 + 0.03 * rng.random((len(speech), 28)), 0, 1)
    for column, k in ((2, 0), (3, 0), (11, 1), (14, 2), (17, 3), (1, 3), (25, 4), (9, 4), (26, 5), (7, 5), (27, 6)):
        sense[:, column] += fused[:, k] * (0.9 if column in (2, 11, 14, 17, 25, 26, 27) else 0.5)
    text = Estimates.of(speech, np.clip(sense, 0, 1), taxonomy=GOEMOTIONS, modality="text", model="minilm_emotions")

    def axes(modality: str, noise: float, projected: str) -> Estimates:
        spread = np.full((len(speech), 3), 0.12, np.float32) if modality == "fused" else None
        return Estimates.of(speech, np.clip(vad + noise * rng.standard_normal((len(speech), 3)), -1, 1), taxonomy=VAD, modality=modality,
                            model={"voice": "prosody_crnn", "text": "minilm_emotions", "fused": "mean of what is there"}[modality],
                            spread=spread, projected=projected)

    both = [(s, q, p) for s, q in zip(speech, fused, strict=True) for p in people]
    listening = np.array([q if s.person == p else 0.35 * q + 0.65 * np.eye(7)[6] for s, q, p in both])
    ekman = Estimates.of([replace(s, person=p) for s, _, p in both], mix(listening), taxonomy=EKMAN, modality="fused", model="mean of what is there",
                         quality=np.array([0.85 if s.person == p else 0.5 for s, _, p in both]), projected="")
    return Recording(
        source="/somewhere/late train.mp4", duration=float(duration), segments=tuple(segments), faces=Faces.empty(),
        estimates=(face, voice, text, axes("text", 0.15, ""), axes("voice", 0.25, "ravdess8->vad"), ekman, axes("fused", 0.05, "")),
        settings=Settings(pause=0.4).asdict(),
        versions={
            "attune": "0.1.0",
            "models": {
                "face": {"name": "ferplus_resnet", "licence": "MIT (annotations), images of FER2013", "weights": {"ferplus_resnet.onnx": "0123456789abcdef"}},
                "voice": {"name": "prosody_crnn", "licence": "CC BY-NC-SA 4.0 (RAVDESS)", "weights": {"prosody_crnn.onnx": "89abcdef01234567"}},
                "text": {"name": "minilm_emotions", "licence": "Apache-2.0", "weights": {"minilm_emotions.onnx": "76543210fedcba98"}},
            },
            "libraries": {"numpy": "2.4.1", "onnxruntime": "1.27.0", "av": "17.0.1"},
        },
        notes=("The picture is dark from 0:36 to 0:41; faces there are measured with low quality.",),
        media={"container": "mp4", "size": [1280, 720], "fps": 30.0, "sample_rate": 48000},
    )


def silent(**more: object) -> Recording:
    """A recording in which nothing was found."""
    return Recording(**{"source": "dark.mkv", "duration": 12.0, "segments": (), "faces": Faces.empty(), "estimates": (), **more})


class Tags(HTMLParser):
    """Every start tag with its attributes, and the text of each script."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.title = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] == "script":
            self.scripts[-1] += data
        if self.tags and self.tags[-1][0] == "title":
            self.title += data
