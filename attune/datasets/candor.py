"""CANDOR: 1,656 conversations of half an hour between strangers by video, with turns, and what each said of it afterwards.

A folder per conversation: `processed/<conversation>.mp3` (each person has a channel, `channel_map.json` says which), `<person>.mp4`
in the full media, `transcription/transcript_backbiter.csv` (also cliffhanger, audiophile), `survey.csv` with a row per person. After
descriptions by others who used it, not tried on the original.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from attune.datasets import Item, missing, rows, values_of

FACTS: dict[str, Any] = {
    "title": "CANDOR corpus: Conversation: A Naturalistic Dataset of Online Recordings",
    "citation": (
        "Reece, A., Cooney, G., Bull, P., Chung, C., Dawson, B., Fitzpatrick, C., Glazer, T., Knox, D., Liebscher, A., & Marin, S. (2023). "
        "The CANDOR corpus: Insights from a large multimodal dataset of naturalistic conversation. Science Advances 9(13), eadf3197. "
        "doi:10.1126/sciadv.adf3197"
    ),
    "license": "BetterUp's terms, agreed to on request",
    "license_class": "research-only",
    "obtain": "betterup-data-requests.herokuapp.com: one folder per conversation",
    "taxonomy": "vad",
    "modalities": ("voice", "face", "text"),
    "languages": ("en",),
    "splits": {"train": "everything: without labels there is nothing to test on"},
    "speakers": "1,456, many in several conversations with other people: a split by person must not cut a conversation in two",
    "files": {"**/transcription/transcript_*.csv": 4968, "**/survey.csv": 1656},
    "traps": (
        "Nobody rated the turns: values are NaN. What people said of the whole conversation is in about['survey'], on its own scales.",
        "Three ways of cutting turns: backbiter takes short answers (yeah, mhm) out of the other's turn; cliffhanger and audiophile don't.",
        "Transcripts are a machine's, without correction.",
        "The sound has both people, one per channel (about['channel']): mixing them down mixes two voices.",
    ),
}

Cut = Literal["backbiter", "cliffhanger", "audiophile"]


def items(root: str | Path, transcript: Cut = "backbiter") -> Iterator[Item]:
    """Turns by conversation and time: a stretch of the speaker's film, or of the conversation's sound where there is no film.

    about: dialogue, turn (number), channel ("L" or "R" of the sound), survey (the speaker's row, strings), sex and age as stated there.

    Raises
    ------
    MediaError
        If there is no such transcript, or neither film nor sound beside one.
    """
    root = Path(root)
    tables = sorted(root.glob(f"**/transcription/transcript_{transcript}.csv"))
    if not tables:
        raise missing(root, f"<conversation>/transcription/transcript_{transcript}.csv", FACTS)
    for table in tables:
        folder = table.parents[1]
        survey = {row.get("user_id", ""): row for row in rows(folder / "survey.csv")} if (folder / "survey.csv").is_file() else {}
        channels = folder / "processed" / "channel_map.json"
        mapped = json.loads(channels.read_text(encoding="utf-8")) if channels.is_file() else {}
        side = {person: channel for channel, person in mapped.items()}
        sound = folder / "processed" / f"{folder.name}.mp3"
        for row in rows(table):
            person = row["speaker"]
            film = folder / "processed" / f"{person}.mp4"
            if not film.is_file() and not sound.is_file():
                raise missing(folder, f"processed/{film.name} or processed/{sound.name}", FACTS)
            answers = survey.get(person, {})
            about: dict[str, Any] = {"language": "en", "dialogue": folder.name, "turn": int(row["turn_id"]), "survey": answers}
            if person in side and not film.is_file():
                about["channel"] = side[person]
            if (sex := (answers.get("sex") or "").lower()) in ("female", "male"):
                about["sex"] = sex[0].upper()
            if (age := (answers.get("age") or "").removesuffix(".0")).isdigit():
                about["age"] = int(age)
            yield Item(
                f"{folder.name}/{row['turn_id']}", "train", f"candor-{person}", values_of("vad", {}, ()), film if film.is_file() else sound,
                float(row["start"]), float(row["stop"]), row["utterance"], about=about,
            )
