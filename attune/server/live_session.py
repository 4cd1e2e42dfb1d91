"""Live sessions in the process that measures: messages of the web process in, what the session tells out, and at the end perhaps a recording.

Sound comes as s16le at 16 kHz, pictures as JPEG, PNG or WebP, both in base64. Nothing of them is kept; a recording holds estimates only.
"""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import numpy as np

from attune import export, report
from attune.errors import AttuneError
from attune.exports import _whole
from attune.live import Session, Told
from attune.live.recent import KEPT
from attune.media.picture import decoded
from attune.server.config import Config
from attune.server.jobs.store import Store
from attune.server.telling import about, message
from attune.types import Recording

LEAST = 1.0                              # s that what is asked for lasts at least
FULL = 32768.0                           # full scale of 16 bits


def samples_of(data: str) -> np.ndarray:
    """Sound (n,) float32 in -1..1 from base64 of s16le."""
    return np.frombuffer(base64.b64decode(data), "<i2").astype(np.float32) / np.float32(FULL)


class Live:
    """One client's session; `answer` takes its messages in order."""

    def __init__(self, name: str, start: dict[str, Any], config: Config) -> None:
        own = {"transcript": None, "portraits": False, "language": start["language"], "baseline": "own" if start["baseline"] == "own" else None}
        self.name, self.config, self.start = name, config, start
        self.session = Session(config.chosen(start["settings"] | own), record=start["record"], recogniser=start["settings"].get("recogniser"), adapt=True)

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        """What is told of a message: {"told": [...], "waiting": n}, of n utterances whose words are on their way, or {"error": sentence, "code": code}."""
        session, what = self.session, asked["live"]
        try:
            if what == "start":
                return {"about": {**about(session.models, session.recogniser), "settings": session.settings.asdict()}}
            if what == "see":
                if not session.wanted(asked["time"]):        # before it is decoded, which costs the most
                    return self._told(session.recognised())
                picture = decoded(base64.b64decode(asked["data"]), max_pixels=self.config.limits.stream_pixels**2)
                return self._told(session.see(asked["time"], picture, late=asked["late"]))
            if what == "hear":
                return self._told(session.hear(samples_of(asked["data"]), asked["time"]))
            if what == "mute":
                return self._told(session.mute(asked["modality"], asked["on"]))
            if what == "words":
                return self._told(session.words(asked["start"], asked["end"], asked["text"], asked["person"]))
            if what == "tell":
                return self._told(session.recognised())
            if what == "finish":
                return self._told(session.finish(0.0))
            if what == "shown":
                return self._shown(asked["start"], asked["end"], asked["person"])
            return self._ended()
        except AttuneError as error:
            return {"error": str(error), "code": {"see": "picture_invalid", "hear": "sound_invalid"}.get(what, "message_invalid")}

    def _told(self, events: list[Told]) -> dict[str, Any]:
        return {"told": [message(event) for event in events], "waiting": self.session.waiting}

    def _shown(self, start: float | None, end: float | None, person: str) -> dict[str, Any]:
        """What one person showed since a moment: a recording in JSON, and the stretch that it is of, s of the session."""
        until = min(self.session.now if end is None else end, self.session.now)
        since = min(max(start or 0.0, until - KEPT, 0.0), max(0.0, until - LEAST))
        return {"recording": _whole.plain(self.session.shown(since, until, person)), "start": round(since, 3), "end": round(until, 3)}

    def _ended(self) -> dict[str, Any]:
        """The last things told, and the recording's facts if it was written down."""
        last, facts = self._told(self.session.finish(0.0)), None
        if self.start["record"] and self.session.duration > 0:
            facts = self._kept(self.session.close(patience=0.0))
        self.session.leave()
        return {**last, "duration": round(self.session.duration, 3), "recording": facts}

    def _kept(self, recording: Recording) -> dict[str, Any]:
        agreed = tuple(f"{name}: {self.start[name]}" for name in ("consent", "purpose") if self.start[name])
        recording = replace(recording, notes=(*recording.notes, *agreed))
        store = Store(self.config.data)
        place = store.part(self.name, 0) / "recordings" / "0"
        place.mkdir(parents=True, exist_ok=True)
        export.write(recording, place)
        report.write(recording, place / "report.html")
        facts = {"duration": recording.duration, "people": list(recording.people), "notes": list(recording.notes)}
        rows = sum(len(e) for e in recording.estimates)
        store.keep(self.name, 0, {"counts": {"predictions": rows, "errors": 0}, "error": None, "results": {"predictions": [], "errors": []},
                                  "recordings": [{"id": "0.0", "file": recording.source, **facts}]})
        return {**facts, "rows": rows}

