"""Runs of the API v1 in the process that measures."""

from __future__ import annotations

import base64
from typing import Any

from attune.errors import AttuneError
from attune.server.config import Config
from attune.server.hume_v1.heard import Hearing
from attune.server.hume_v1.seen import Seeing
from attune.server.live_session import samples_of

Run = Hearing | Seeing


def answer(run: Run | None, asked: dict[str, Any], config: Config) -> tuple[Run | None, dict[str, Any]]:
    """The run after a message, and the answer to it: {"told": [...]}, or {"error": sentence, "code": code}."""
    what = asked["v1"]
    try:
        if what == "hearing":
            return Hearing(config.settings, asked["timer"]), {"told": []}
        if what == "seeing":
            given = asked["threshold"], asked["min_size"]
            return run.again(*given) if isinstance(run, Seeing) else Seeing(config.settings, *given), {"told": []}
        if what == "see" and isinstance(run, Seeing):
            return run, {"told": run.push(base64.b64decode(asked["data"]))}
        if what in ("hear", "close") and isinstance(run, Hearing):
            told = run.push(samples_of(asked["data"])) if what == "hear" else run.close()
            return run, {"told": told, "produced": {"utterances": run.utterances, "measurements": run.measurements}}
        if what == "close" and isinstance(run, Seeing):
            return run, {"told": [], "produced": {"measurements": run.faces}}
    except AttuneError as error:
        return run, {"error": str(error), "code": "invalid"}
    return run, {"error": "the process that measures was started again", "code": "lost"}
