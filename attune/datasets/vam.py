"""Vera am Mittag (VAM): guests of a German talk show quarrel; listeners place what they say on three scales by drawn manikins.

How the files of the release are named isn't described in public. What is read here is one table (.csv, .tsv or .txt, commas,
semicolons or tabs) with columns file, valence, activation (or arousal), dominance, each -1..1, and optionally speaker, sex, raters; and
the sounds or films it names, anywhere below the folder. Bring the ratings into that form first; not tried on the original.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from attune.datasets import FILMS, SOUNDS, Item, drawn, media, missing, rows, values_of
from attune.errors import MediaError

FACTS: dict[str, Any] = {
    "title": "Vera am Mittag German audio-visual emotional speech database (VAM)",
    "citation": (
        "Grimm, M., Kroschel, K., & Narayanan, S. (2008). The Vera am Mittag German audio-visual emotional speech database. IEEE "
        "International Conference on Multimedia and Expo (ICME), 865-868. doi:10.1109/ICME.2008.4607572"
    ),
    "license": "research only, by a signed agreement; the show is its broadcaster's",
    "license_class": "research-only",
    "obtain": "the authors (HUMAINE association); then a table of file, speaker, valence, activation, dominance beside the files",
    "taxonomy": "vad",
    "modalities": ("voice", "face"),
    "languages": ("de",),
    "splits": {"train": "some 70 % of the speakers", "dev": "some 10 %", "test": "some 20 %"},
    "speakers": "47 in the sounds (947 utterances), 20 in the pictures; no official split, ours draws speakers by their name's checksum",
    "files": {"**/*.wav": 947},
    "traps": (
        "Hardly anything is pleasant: valence is below 0 for most, so that a constant does well by error; score by CCC.",
        "Activation and dominance go together closely: a model of one passes for a model of the other.",
        "Six to seventeen listeners per utterance by part of the corpus; without a speaker's name a row is its own group.",
        "Films exist for few speakers: a figure on pictures isn't comparable with one on sound.",
    ),
}


def items(root: str | Path) -> Iterator[Item]:
    """Utterances in the order of the table.

    Raises
    ------
    MediaError
        If there is no table with these columns, or no file for a row.
    """
    root = Path(root)
    files = {path.stem: path for path in media(root, "*", SOUNDS + FILMS)}
    table = next((found for path in sorted(root.rglob("*")) if path.suffix in (".csv", ".tsv", ".txt") and (found := _table(path))), None)
    if not table or not files:
        raise missing(root, "table with the columns file, valence, activation and dominance, and sounds it names,", FACTS)
    for row in table:
        stem = Path(row["file"]).stem
        if stem not in files:
            raise missing(root, f"sound or film {row['file']}", FACTS)
        group = f"vam-{row.get('speaker') or stem}"
        about: dict[str, Any] = {"language": "de"}
        if row.get("sex"):
            about["sex"] = {"w": "F"}.get(row["sex"][0].lower(), row["sex"][0].upper())
        if row.get("raters"):
            about["raters"] = int(row["raters"])
        yield Item(stem, drawn(group), group, _values(row), files[stem], about=about)


def _table(path: Path) -> list[dict[str, str]]:
    """Rows with lower-case names, or none if it isn't the table."""
    first = path.read_text(encoding="utf-8-sig", errors="replace").split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    found = [{(name or "").strip().lower(): value for name, value in row.items()} for row in rows(path, delimiter=delimiter)]
    for row in found:
        row["arousal"] = row.get("arousal") or row.get("activation", "")
    return found if found and {"file", "valence", "dominance"} <= set(found[0]) and found[0]["arousal"] else []


def _values(row: Mapping[str, str]) -> np.ndarray:
    given = {name: float(row[name]) for name in ("valence", "arousal", "dominance")}
    if not all(-1 <= value <= 1 for value in given.values()):
        raise MediaError(f"{row['file']}: {given}; expected valence, activation and dominance from -1 to 1")
    return values_of("vad", given)
