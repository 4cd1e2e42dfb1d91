"""IEMOCAP: ten actors in five pairs improvise and read dialogues; three or more raters judge every turn by category and dimension.

`SessionN/dialog/EmoEvaluation/<dialogue>.txt` has a line per turn, `[start - end] name consensus [V, A, D]`, and below it one line
per rater: `C-E1: Neutral; ()`. Sounds of turns are `SessionN/sentences/wav/<dialogue>/<name>.wav`; films have both actors side by
side, `SessionN/dialog/avi/DivX/<dialogue>.avi`; words are in `SessionN/dialog/transcriptions/<dialogue>.txt`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np

from attune.datasets import Item, missing, named, shares, values_of
from attune.taxonomy import rescale

FACTS: dict[str, Any] = {
    "title": "Interactive Emotional Dyadic Motion Capture database (IEMOCAP)",
    "citation": (
        "Busso, C., Bulut, M., Lee, C.-C., Kazemzadeh, A., Mower, E., Kim, S., Chang, J. N., Lee, S., & Narayanan, S. S. (2008). IEMOCAP: "
        "Interactive emotional dyadic motion capture database. Language Resources and Evaluation 42(4), 335-359. "
        "doi:10.1007/s10579-008-9076-6"
    ),
    "license": "academic research, by a signed licence",
    "license_class": "research-only",
    "obtain": "sail.usc.edu/iemocap, release form; unpacked: Session1 ... Session5",
    "taxonomy": "iemocap9",
    "more": ("vad",),
    "modalities": ("voice", "face", "text"),
    "languages": ("en",),
    "splits": {"train": "sessions 1-3", "dev": "session 4", "test": "session 5"},
    "speakers": "10, five women; the authors give no split. By session no speaker crosses; which session is which is ours",
    "files": {"**/Session[1-5]/dialog/EmoEvaluation/Ses*.txt": 151, "**/Session[1-5]/sentences/wav/*/Ses*.wav": 10039},
    "traps": (
        "Four classes with excitement merged into happiness is how most figures are made, on 5,531 of 10,039 turns: the rest had no "
        "majority or another label. Here every turn is kept, with its votes as shares.",
        "Self-judgements of the actors (C-F, C-M) disagree with outsiders; they are in about, not in the values.",
        "Raters chose several categories at times; a vote is then divided among them. 'Other' isn't a label here.",
        "Scripted dialogues repeat the same words in every session: text models read the script. The first letter after the last "
        "underscore is who speaks.",
        "Films show both actors side by side; one of them wears markers on the face.",
    ),
}

EMOTIONS = {
    "neutral": "neutral", "neutral state": "neutral", "happiness": "joy", "excited": "excitement", "sadness": "sadness", "anger": "anger",
    "frustration": "frustration", "fear": "fear", "surprise": "surprise", "disgust": "disgust", "other": "other",
}
SPLITS = {"1": "train", "2": "train", "3": "train", "4": "dev", "5": "test"}
TURN = re.compile(r"\[([\d.]+) - ([\d.]+)\]\s+(Ses0(\d)\w+_([FM])\d+)\s+(\w+)\s+\[([\d.]+), ([\d.]+), ([\d.]+)\]")
VOTE = re.compile(r"C-([EFM])\w*:\s*([^(]*)")
WORDS = re.compile(r"(Ses\w+) \[[^\]]*\]:\s*(.*)")


def items(root: str | Path, *, modality: Literal["voice", "both"] = "voice") -> Iterator[Item]:
    """Turns by session, dialogue and time: the sound of the turn, or ("both") a stretch of the dialogue's film.

    `values` has the shares of the outside raters' votes, all NaN if they only said "other"; `more["vad"]` the means of their ratings,
    1-5 laid on -1..1. about: votes, self (the actors' own votes), consensus (the corpus's label, xxx without majority), dialogue.

    Raises
    ------
    MediaError
        If there are no evaluations below `root`.
    UnknownName
        If a rater's category doesn't exist.
    """
    root = Path(root)
    tables = sorted(path for path in root.rglob("Ses*.txt") if path.parent.name == "EmoEvaluation" and not path.name.startswith("."))
    if not tables:
        raise missing(root, "Session1/dialog/EmoEvaluation/Ses01*.txt", FACTS)
    for table in tables:
        session, dialogue = table.parents[2], table.stem
        said = _words(session / "dialog" / "transcriptions" / table.name)
        film = session / "dialog" / "avi" / "DivX" / f"{dialogue}.avi"
        for block in re.split(r"\n\s*\n", table.read_text(encoding="utf-8", errors="replace")):
            turn = TURN.search(block)
            if not turn:
                continue
            start, end, name, number, sex, consensus, *ratings = turn.groups()
            votes: dict[bool, dict[str, float]] = {True: {}, False: {}}          # of outsiders, of the actors
            for who, chosen in VOTE.findall(block):
                labels = [named(label.strip().lower(), EMOTIONS, name) for label in chosen.split(";") if label.strip()]
                for label in labels:
                    votes[who == "E"][label] = votes[who == "E"].get(label, 0.0) + 1 / len(labels)
            judged = {label: count for label, count in votes[True].items() if label != "other"}
            sound = session / "sentences" / "wav" / dialogue / f"{name}.wav"
            voice = modality == "voice"
            yield Item(
                name, SPLITS[number], f"iemocap-{number}{sex}", shares("iemocap9", judged), sound if voice else film,
                0.0 if voice else float(start), None if voice else float(end), said.get(name, ""),
                more={"vad": _vad(ratings)},
                about={
                    "sex": sex, "language": "en", "dialogue": dialogue, "consensus": consensus, "votes": votes[True], "self": votes[False],
                },
            )


def _vad(ratings: list[str]) -> np.ndarray:
    """Positions in -1..1; ratings stand in the order valence, activation, dominance."""
    return values_of("vad", dict(zip(("valence", "arousal", "dominance"), rescale(np.array(ratings, float), (1, 5)).tolist(), strict=True)))


def _words(path: Path) -> dict[str, str]:
    """Name of a turn -> what is said."""
    return dict(WORDS.findall(path.read_text(encoding="utf-8", errors="replace"))) if path.is_file() else {}
