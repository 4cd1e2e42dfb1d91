"""EmotionTalk: nineteen Chinese actors improvise in pairs; people judge every turn by sound, by text, by face, and all together.

`Multimodal/json/G00009/G00009_42/G00009_42_14/G00009_42_14_024.json` has speaker_id, emotion_result, "Continuous label_result",
file_name and data (one entry per judge); films are below `Multimodal/mp4`, sounds below `Audio/wav`, other judgements below
`Audio/json`, `Text/json`, `Video/json`, all in the same folders. After the authors' README and a description by others, not tried on the
original.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from attune.datasets import Item, missing, named, one_hot, shares

FACTS: dict[str, Any] = {
    "title": "EmotionTalk: An Interactive Chinese Multimodal Emotion Dataset With Rich Annotations",
    "citation": (
        "Sun, H., Wang, X., Zhao, J., Zhao, S., Zhou, J., Wang, H., He, J., Kong, A., Yang, X., Wang, Y., et al. (2025). EmotionTalk: An "
        "interactive Chinese multimodal emotion dataset with rich annotations. arXiv:2505.23018."
    ),
    "license": "CC BY-NC-SA 4.0",
    "license_class": "non-commercial",
    "obtain": "huggingface.co/datasets/BAAI/Emotiontalk: Audio, Multimodal, Text, Video",
    "taxonomy": "ekman7",
    "modalities": ("voice", "face", "text"),
    "languages": ("zh",),
    "splits": {"train": "other groups, 15,413 turns", "dev": "groups G00001 and G00012, 1,908", "test": "groups G00003 and G00015, 1,929"},
    "speakers": "19 in pairs; the split is the authors', by group",
    "files": {"Multimodal/json/**/*.json": 19250, "Audio/json/**/*.json": 19250},
    "traps": (
        "A turn has four labels, by what the judges had: sound, text, face, all. They differ; say which one a figure is about.",
        "Acted to a theme: a dialogue is angry or happy for long stretches, so that its other turns tell the label.",
        "The authors split by group; that no actor plays in two groups of different splits is for `attune corpora check` to find out.",
        "Sentiment has five steps in words or numbers by release; it is in about as it stands.",
    ),
}

EMOTIONS = {
    "angry": "anger", "anger": "anger", "disgusted": "disgust", "disgust": "disgust", "fearful": "fear", "fear": "fear", "happy": "joy",
    "sad": "sadness", "surprised": "surprise", "surprise": "surprise", "neutral": "neutral",
}
SPLITS = {"G00001": "dev", "G00012": "dev", "G00003": "test", "G00015": "test"}
FOLDERS = {"voice": "Audio", "face": "Video", "text": "Text", "both": "Multimodal"}


def items(root: str | Path, *, modality: Literal["voice", "face", "text", "both"] = "both") -> Iterator[Item]:
    """Turns by group and dialogue: the film ("both", "face"), or the sound ("voice", "text"), with the judgements made on it.

    `values` has the shares of the judges' votes where they are stated, else the final label.

    Raises
    ------
    MediaError
        If there are no judgements of that kind.
    UnknownName
        If a label doesn't exist.
    """
    root = Path(root)
    judged = sorted((root / FOLDERS[modality] / "json").rglob("*.json"))
    if not judged:
        raise missing(root, f"{FOLDERS[modality]}/json/**/*.json", FACTS)
    seen = modality in ("face", "both")
    folder, suffix = (root / "Multimodal" / "mp4", ".mp4") if seen else (root / "Audio" / "wav", ".wav")
    for path in judged:
        said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8-sig"))
        group, _, _, turn = path.stem.split("_")
        votes = Counter(named(label, EMOTIONS, path.name) for judge in said.get("data") or () if (label := _label(judge)))
        final = named(said["emotion_result"].lower(), EMOTIONS, path.name)
        values = shares("ekman7", votes) if votes else one_hot("ekman7", final)
        yield Item(
            path.stem, SPLITS.get(group, "train"), f"emotiontalk-{said['speaker_id']}", values,
            folder / path.relative_to(root / FOLDERS[modality] / "json").with_suffix(suffix), text=said.get("content") or _text(root, path),
            about={
                "language": "zh", "dialogue": path.parent.parent.name, "turn": int(turn), "consensus": final, "votes": dict(votes),
                "sentiment": said.get("Continuous label_result"),
            },
        )


def _label(judge: Any) -> str:
    """The emotion of one judge's entry, lower-case; "" if it states none."""
    found = (judge.get("emotion_result") or judge.get("emotion")) if isinstance(judge, dict) else judge
    return found.lower() if isinstance(found, str) else ""


def _text(root: Path, path: Path) -> str:
    """What is said, from the text's judgement, whose file has the same name."""
    group, dialogue, side, _ = path.stem.split("_")
    file = root / "Text" / "json" / group / f"{group}_{dialogue}" / f"{group}_{dialogue}_{side}" / path.name
    return str(json.loads(file.read_text(encoding="utf-8-sig")).get("content", "")) if file.is_file() else ""
