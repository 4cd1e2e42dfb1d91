"""What a live session lends to a conversation: how the person came across since their last turn, and what was said before.

A conversation with the agent goes by `/v1/chat/completions`; a request that names a live session in `attune.live` gets what that session
measured meanwhile, and nothing is sent twice. The turns are remembered as long as the session goes on, for change and for "what made you think
so?". They are dropped with it, unless it is recorded: then they become a recording of its own beside the session's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from attune.agent.memory import Conversation
from attune.agent.turn import Turn, facts
from attune.exports import _whole
from attune.server.jobs.store import Store
from attune.server.service import Service
from attune.server.streaming import Broken
from attune.types import Recording

MOST = 200                               # turns that are remembered, of both
NOBODY = "no live session of this number goes on; only the words were measured"
LOST = "the session's process was started again; only the words were measured"
NAME = "conversation"                    # of its recording


class Talk:
    """The conversation within one live session."""

    def __init__(self) -> None:
        self.memory = Conversation()
        self.until = 0.0                                      # s of the session, where the last turn's stretch ended

    def again(self, start: float | None, end: float | None) -> None:
        """A turn that is sent once more takes the place of its first try, and of what came after."""
        turns = self.memory.turns
        at = next((i for i, t in enumerate(turns) if end is not None and t.facts.get("stretch") == [start, end]), len(turns))
        del turns[at:]

    def heard(self, turn: Turn, stretch: tuple[float, float], sign: str) -> None:
        self.memory.heard(turn.recording, {"stretch": list(stretch), "sign": sign, **(facts(turn) if len(turn.recording.estimates) else {})})
        self.until = stretch[1]
        del self.memory.turns[:-MOST]

    def forget(self, what: str = "conversation") -> None:
        """All of it, or what was measured."""
        if what == "measured":
            self.memory.forget_measured()
        else:
            self.memory.forget()

    def remembered(self, pieces: Iterator[str], by: str) -> Iterator[str]:
        """A reply as it comes; what was said of it is remembered."""
        text = ""
        try:
            for piece in pieces:
                text += piece
                yield piece
        finally:
            if hasattr(pieces, "close"):
                pieces.close()
            if text.strip() and self.memory.turns:
                self.memory.answered(text.strip(), {"by": by})

    def kept(self, store: Store, job: str) -> str | None:
        """Beside the recording of the session, as number 1 of its part; its id, or None where nothing was said."""
        result = store.result(job, 0)
        if not self.memory.turns or result is None:
            return None
        recording = replace(self.memory.recording(), source=NAME)
        self.memory.write(store.part(job, 0) / "recordings" / "1")
        own = {"id": "0.1", "file": NAME, "duration": recording.duration, "people": list(recording.people), "notes": list(recording.notes)}
        store.keep(job, 0, result | {"recordings": [*result["recordings"], own]})
        return f"{job}.0.1"


@dataclass(frozen=True)
class Lent:
    """What a session gives for one turn; `reason` says why it gives nothing."""

    session: str
    talk: Talk | None = None
    seen: Recording | None = None
    stretch: tuple[float, float] = (0.0, 0.0)
    reason: str = ""

    def about(self) -> dict[str, Any]:
        known = self.seen is not None
        return {"session": self.session, "start": self.stretch[0] if known else None, "end": self.stretch[1] if known else None, "reason": self.reason or None}


async def lent(service: Service, owner: str, session: str, *, start: float | None, end: float | None, person: str, notice: bool) -> Lent:
    """What a live session of this owner measured since the last turn, or over a given stretch (s of the session)."""
    live = service.streams.live.get(session)
    if live is None or live.owner != owner:
        return Lent(session, reason=NOBODY)
    talk: Talk = live.talk
    talk.again(start, end)
    if not notice:
        talk.memory.forget_measured()
        return Lent(session, talk, stretch=(talk.until, talk.until), reason="noticing is off")
    try:
        said = await service.streams.ask(session, {"live": "shown", "start": talk.until if start is None else start, "end": end, "person": person})
    except Broken:
        return Lent(session, talk, reason=LOST)
    if "recording" not in said:
        return Lent(session, talk, reason=str(said.get("error", LOST)))
    return Lent(session, talk, _whole.whole(said["recording"]), (said["start"], said["end"]))
