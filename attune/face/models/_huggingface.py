"""Any classifier of pictures on the Hugging Face hub: `--face huggingface:owner/name:taxonomy`, or a TOML of facts.

Facts of a face: size (pixels, by default what its own files ask for, else 224), framing: "level" (a square of 1.2 times the face's box, eyes level) or
"fer" (as FER2013's).
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

from attune.checkpoints import SEEN_FILES, Checkpoint, read_json, side
from attune.checkpoints.families import of_the_hub
from attune.checkpoints.labels import Output
from attune.checkpoints.rows import Embedding
from attune.errors import SettingError
from attune.face.align import FER, FER_SIDE

OWN = ("size", "framing")
SIDE = 224                               # pixels


def of(given: str) -> ModuleType:
    """The model of an id and a taxonomy, or of a file of facts."""
    return of_the_hub("attune.face.models", given, SEEN_FILES, OWN, framed, load)


def load(folder: Path, output: Output, stated: dict[str, Any], made: ModuleType) -> Embedding:
    """The model of a folder."""
    from attune.checkpoints import hub

    return hub.picture(folder, output, made.SIZE, stated.get("labels", ()))


def framed(stated: dict[str, Any]) -> dict[str, Any]:
    """SIZE, and TEMPLATE if the crops are to be laid out as FER2013's. A size that isn't stated is the checkpoint's own, once it is here."""
    size = stated.get("size") or _own(stated.get("id", "")) or SIDE
    height, width = (size, size) if isinstance(size, int) else size
    framing = stated.get("framing", "level")
    if framing not in ("level", "fer"):
        raise SettingError(f"framing = {framing!r}; expected level or fer")
    return {"SIZE": (int(height), int(width))} | ({"TEMPLATE": FER * (min(height, width) / FER_SIDE)} if framing == "fer" else {})


def _own(identity: str) -> tuple[int, int] | None:
    facts = Checkpoint(identity, ()).folder / "preprocessor_config.json"
    return side(read_json(facts)) if identity and facts.is_file() else None
