"""EmoNet-Voice Bench: 12,600 synthetic utterances, each made to sound like one of forty emotions; two or more experts say how strongly.

`data/*.parquet` has audioId (the sound's bytes and name) and label, a Python list of one dictionary per expert such as
`[{'human-1': {'Shame': 1}}, {'human-4': {'Shame': 2}}]`: 0 not heard, 1 weak, 2 strong. Sounds are inside the tables: `unpack` writes them
beside once, `items` reads them from there. Names of columns are as others read them, not tried on the original.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from attune.datasets import Item, missing, named, rows, values_of
from attune.errors import MediaError

FACTS: dict[str, Any] = {
    "title": "EmoNet-Voice Bench: forty emotions in synthetic voices, judged by experts",
    "citation": (
        "Schuhmann, C., et al. (2025). EmoNet-Voice: A fine-grained, expert-verified benchmark for speech emotion detection. "
        "arXiv:2506.09827."
    ),
    "license": "CC BY 4.0",
    "license_class": "attribution",
    "obtain": "huggingface.co/datasets/laion/emonet-voice-bench: data/*.parquet",
    "taxonomy": "emonet40",
    "modalities": ("voice",),
    "languages": ("en", "de", "es", "fr"),
    "splits": {"test": "everything: it is a benchmark"},
    "speakers": "11 synthetic voices, not named; what is made in one go shares the start of its name, and `group` is that",
    "files": {"**/*.parquet": None},
    "traps": (
        "One emotion is judged per row: the other thirty-nine are unknown here, not zero. Score each emotion on its own rows.",
        "Nobody spoke: what a model hears is a generator's idea of an emotion, and a figure doesn't carry over to people.",
        "In 4,692 rows all experts hear the emotion; in nearly half the majority doesn't.",
        "Rows on authenticity and arousal are there, too; they are no emotions and left out. Language isn't stated per row.",
    ),
}

NAMES = {
    "Pleasure": "Pleasure-Ecstasy", "Pleasure/Ecstasy": "Pleasure-Ecstasy", "Thankfulness": "Thankfulness-Gratitude",
    "Thankfulness/Gratitude": "Thankfulness-Gratitude", "Hope": "Hope-Optimism", "Hope/Enthusiasm/Optimism": "Hope-Optimism",
    "Astonishment": "Astonishment-Surprise", "Astonishment/Surprise": "Astonishment-Surprise",
    "Impatience and Irritability": "Impatience-Irritability", "Malevolence": "Malevolence-Malice",
    "Malevolence/Malice": "Malevolence-Malice",
    "Fatigue": "Fatigue-Exhaustion", "Fatigue/Exhaustion": "Fatigue-Exhaustion", "Intoxication": "Intoxication-Altered States",
    "Intoxication/Altered States of Consciousness": "Intoxication-Altered States", "Jealousy & Envy": "Jealousy-Envy",
    "Jealousy and Envy": "Jealousy-Envy", "Jealousy / Envy": "Jealousy-Envy",
} | {
    name: name for name in (
        "Amusement", "Elation", "Contentment", "Affection", "Infatuation", "Triumph", "Pride", "Interest", "Awe", "Concentration",
        "Contemplation", "Relief", "Longing", "Teasing", "Sexual Lust", "Doubt", "Fear", "Distress", "Confusion", "Embarrassment", "Shame",
        "Disappointment", "Sadness", "Bitterness", "Contempt", "Disgust", "Anger", "Sourness", "Pain", "Helplessness", "Emotional Numbness",
    )
}
OTHER = frozenset({"Authenticity", "Arousal"})
STRONGEST = 2


def items(root: str | Path) -> Iterator[Item]:
    """Rows about an emotion: the mean of the experts' 0, 1, 2 over 2 for it, NaN for all others. about: votes by expert, raters.

    Raises
    ------
    MediaError
        If there is no table, a sound isn't unpacked, or a label can't be read.
    UnknownName
        If an emotion doesn't exist.
    """
    root = Path(root)
    for path, row in _rows(root):
        emotion, votes = read_label(row["label"])
        if emotion in OTHER:
            continue
        if not path.is_file():
            raise missing(root, f"{path.relative_to(root)}; call attune.datasets.emonet_voice.unpack({str(root)!r}) first:", FACTS)
        emotion = named(emotion, NAMES, path.name)
        heard = sum(votes.values()) / len(votes) / STRONGEST
        yield Item(
            path.stem, "test", f"emonet_voice-{path.stem[6:14]}", values_of("emonet40", {emotion: heard}, ()), path,
            about={"emotion": emotion, "votes": votes, "raters": len(votes)},
        )


def unpack(root: str | Path) -> int:
    """Write the sounds inside the tables to `audio/`, and return how many were new."""
    written = 0
    for path, row in _rows(Path(root)):
        if not path.is_file():
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(row["audioId"]["bytes"])
            written += 1
    return written


def read_label(text: str) -> tuple[str, dict[str, int]]:
    """The emotion that was judged, and the judgement by expert.

    >>> read_label("[{'human-1': {'Jealousy%20%26%20Envy': 1}}, {'human-4': {'Jealousy%20%26%20Envy': 2}}]")
    ('Jealousy & Envy', {'human-1': 1, 'human-4': 2})

    Raises
    ------
    MediaError
        If it isn't a list of experts who judge one and the same emotion by 0, 1 or 2.
    """
    try:
        experts = [pair for expert in ast.literal_eval(text) for pair in expert.items()]
        judged = [(who, unquote(emotion), score) for who, said in experts for emotion, score in said.items()]
    except (ValueError, SyntaxError, TypeError, AttributeError):
        judged = []
    if len({emotion for _, emotion, _ in judged}) != 1 or not all(score in range(STRONGEST + 1) for *_, score in judged):
        raise MediaError(f"label {text[:80]!r}; expected one dictionary per expert with the same emotion, and 0, 1 or 2")
    return judged[0][1], {who: int(score) for who, _, score in judged}


def _rows(root: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """(where its sound is or will be, row) of every table, numbered through."""
    tables = sorted(root.rglob("*.parquet"))
    if not tables:
        raise missing(root, "data/*.parquet", FACTS)
    for i, row in enumerate(row for table in tables for row in rows(table)):
        name = Path(row["audioId"].get("path") or "clip.mp3").name
        yield root / "audio" / f"{i:05d}-{name}", row
