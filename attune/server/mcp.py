"""A server of the Model Context Protocol over standard input and output: what a program with a language model asks when it wants to know how
somebody came across. `attune mcp` starts it; docs/agent.md says how a client is told of it.

    measure_file         a film, sound or picture -> how long, who, what was said, what was expressed, and where the recording lies
    describe             a recording in words (LEED), or as cue lines, JSON, captions
    find_moments         moments of all recordings by what they express: "sad but smiling"
    current_expression   what a live session shows now, where a running `attune serve` was named and a session was started so that it may be asked
                         (`share`); else what the newest recording shows last, and how old that is

Media are read below the folders that were allowed, recordings are written to one folder, nothing else is touched and nothing leaves the machine.
"""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from attune.errors import AttuneError, MissingExtra, RecordingError, SettingError

INSTRUCTIONS = (
    "Attune measures emotional expression in face, voice and words: what is shown, not what is felt. Its models are small and err; say 'came across', "
    "never 'is', and never a diagnosis. In the EU, inferring emotions at work or in education is prohibited, save for medical and safety reasons."
)
BUDGET = 300                             # words of a description, unless more are asked for
FINISHED = "recording.json"
SOON = 5.0                               # s in which a running server must answer
LEAST = 0.1                              # of a label that is told of a live session


def serve(folder: Path, media: Sequence[Path], *, address: str = "", key: str = "") -> None:
    """Serve until the client goes; `address` and `key` are of a running `attune serve` that is asked for its live sessions.

    Raises
    ------
    MissingExtra
        Without the package mcp.
    """
    server(folder, media, address=address, key=key).run("stdio")


def server(folder: Path, media: Sequence[Path], *, address: str = "", key: str = "") -> Any:
    """The server; `folder` holds recordings, `media` are the folders that may be read."""
    try:
        from mcp.server import MCPServer
    except ModuleNotFoundError as error:
        raise MissingExtra("this needs mcp: pip install 'attune[agent]'") from error
    from attune import __version__

    tools = Tools(folder.resolve(), [m.resolve() for m in media], address, key)
    app = MCPServer("attune", instructions=INSTRUCTIONS, version=__version__, log_level="ERROR")
    for tool in (tools.measure_file, tools.describe, tools.find_moments, tools.current_expression):
        app.tool()(_told(tool))
    return app


class Tools:
    """What a client may call; plain functions that return plain types."""

    def __init__(self, folder: Path, media: Sequence[Path], address: str = "", key: str = "") -> None:
        if address and not address.startswith(("http://", "https://")):
            raise SettingError(f"--server {address!r}; expected the address of a running attune serve, such as http://127.0.0.1:8000")
        self.folder, self.media, self.address, self.key = folder, list(media), address.rstrip("/"), key

    def measure_file(self, path: str, transcript: str | None = None, language: str = "") -> dict[str, Any]:
        """Measure a film, sound or picture file: everybody's face, voice and words. Returns the recording's name, for describe, and a description.

        Args:
            path: the media file
            transcript: a file with the words (SRT, WebVTT, text), if none lies beside the media
            language: of the words, such as en or de; guessed otherwise
        """
        from attune.describe import describe as words
        from attune.measure import measure

        file = self._allowed(path)
        given = str(self._allowed(transcript)) if transcript else None
        name = file.stem
        recording = measure(file, out=self.folder / name, transcript=given, language=language, portraits=False)
        said = words(recording, budget=BUDGET)
        return {"recording": name, "duration_s": round(recording.duration, 2), "people": list(recording.people), "notes": list(recording.notes),
                "description": str(said)}

    def describe(self, recording: str, form: Literal["text", "cues", "json", "vtt", "srt"] = "text", over: Literal["segments", "turns", "whole"] = "segments",
                 language: Literal["en", "de"] = "en", budget: int = BUDGET) -> str:
        """Say in words what a recording shows, moment by moment.

        Args:
            recording: the name that measure_file gave
            form: sentences, cue lines, JSON, or captions
            over: a sentence a row, a turn, or one for the whole
            language: of the description
            budget: words at most, of text and JSON
        """
        from attune.describe import render
        from attune.export import read

        options: dict[str, Any] = {} if form == "cues" else {"budget": budget}
        return render.rendered(read(self._recording(recording)), form, over=over, language=language, **options)

    def find_moments(self, query: str, limit: int = 20) -> list[dict[str, Any]]:
        """Find moments in all recordings by what they express, the clearest first.

        Args:
            query: such as "sad but smiling", "very angry voice", "Ada happy and not laughing"
            limit: moments at most
        """
        from attune import find
        from attune.explore.corpus import Corpus

        if not any(self.folder.glob(f"*/{FINISHED}")):
            raise RecordingError("there are no recordings yet; measure_file makes them")
        found = find.find(query, Corpus(self.folder), limit=max(1, min(limit, 200)))
        return [{"recording": m.recording, "start_s": round(m.start, 3), "end_s": round(m.end, 3), "person": m.person, "text": m.text,
                 "strength": round(m.strength, 3), "says": dict(m.says)} for m in found]

    def current_expression(self, person: str = "") -> dict[str, Any]:
        """What a live session shows now, where one may be asked; else what the newest recording or conversation shows last, and how many seconds
        ago it was written. It doesn't switch a camera on.

        Args:
            person: of that person, else of whoever was measured last
        """
        if not self.address:
            return self._latest(person)
        live, why = self._live(person)
        try:
            return live or {**self._latest(person), "note": why}
        except RecordingError as error:
            raise RecordingError(f"{why}; {error}") from error

    def _live(self, person: str) -> tuple[dict[str, Any], str]:
        """What the newest live session tells of somebody now, or why none does."""
        asked = urllib.request.Request(f"{self.address}/v1/live", headers={"X-API-Key": self.key} if self.key else {})
        try:
            with urllib.request.urlopen(asked, timeout=SOON) as answer:
                sessions = json.load(answer)
        except urllib.error.HTTPError as error:
            return {}, f"{self.address} answers {error.code}; is the key right (ATTUNE_KEY)?"
        except (OSError, ValueError) as error:
            return {}, f"{self.address} doesn't answer ({error}); is attune serve running?"
        for one in sessions:
            found = shown(one, person)
            if found["expression"]:
                return found, ""
        if sessions:
            return {}, f"{len(sessions)} live, and nothing is measured of {person or 'anybody'} just now"
        return {}, "no live session was started so that it may be asked (share)"

    def _latest(self, person: str) -> dict[str, Any]:
        """What the newest recording shows last."""
        from attune.describe.moments import moments
        from attune.describe.sentences import Manner, sentence
        from attune.export import read

        newest = max(self.folder.glob(f"*/{FINISHED}"), key=lambda p: p.stat().st_mtime, default=None)
        if newest is None:
            raise RecordingError("there are no recordings yet; measure_file makes them, and attune chat --keep a folder of this one")
        recording = read(newest.parent)
        last = next((m for m in reversed(moments(recording)) if m.measured and (not person or m.person == person)), None)
        if last is None:
            raise RecordingError(f"nothing was measured of {person or 'anybody'} in {newest.parent.name}; people: {', '.join(recording.people) or 'none'}")
        shown = {p.modality: [{"name": q.label, "level": q.level, "score": round(q.score, 3)} for q in p.phrases] for p in last.parts if not p.reason}
        return {"recording": newest.parent.name, "age_s": round(time.time() - newest.stat().st_mtime, 1), "person": last.person,
                "start_s": round(last.start, 3), "end_s": round(last.end, 3), "text": last.said, "sentence": sentence(last, Manner()), "expression": shown}

    def _allowed(self, path: str) -> Path:
        """A file below the folders that may be read."""
        file = Path(path).expanduser()
        tried = [file] if file.is_absolute() else [folder / file for folder in self.media]
        for one in tried:
            whole = Path(os.path.realpath(one))
            if whole.is_file() and any(whole.is_relative_to(folder) for folder in self.media):
                return whole
        raise SettingError(f"no file {path[:200]!r} below {', '.join(str(m) for m in self.media)}; name one there, or start attune mcp with --media FOLDER")

    def _recording(self, name: str) -> Path:
        place = (self.folder / name).resolve()
        if place.parent != self.folder or not (place / FINISHED).is_file():
            there = sorted(p.parent.name for p in self.folder.glob(f"*/{FINISHED}"))
            raise RecordingError(f"no recording {name[:100]!r}; there are: {', '.join(there[:20]) or 'none'}")
        return place


def shown(session: dict[str, Any], person: str = "") -> dict[str, Any]:
    """What a live session, as `/v1/live` tells it, shows of one person: by default of who was fused last, else seen, else heard.

    >>> voice = {"type": "voice", "person": "Ada", "values": {"sad": 0.7, "calm": 0.05}, "age": 1.2}
    >>> shown({"session": "7", "sentence": "Ada sounds sad.", "record": False, "latest": [voice]})["expression"]
    {'voice': [{'name': 'sad', 'score': 0.7}]}
    """
    rows: list[tuple[str, str, dict[str, Any], float]] = []          # modality, person, values, age
    for told in session["latest"]:
        for one in told["faces"] if told["type"] == "face" else [told]:
            rows.append((told["type"], one["person"], one["values"], told["age"]))
    order = {"fused": 0, "face": 1, "voice": 2, "text": 3}
    who = person or next((p for _, p, _, _ in sorted(rows, key=lambda r: (order[r[0]], r[3])) if p), "")
    faces = {p for m, p, _, _ in rows if m == "face"}
    own = [r for r in rows if r[1] == who or (r[0] in ("voice", "text") and r[1] not in faces and faces <= {who})]
    expression: dict[str, list[dict[str, Any]]] = {}
    for modality, _, values, _ in sorted(own, key=lambda r: (order[r[0]], r[3])):
        strong = sorted(((n, v) for n, v in values.items() if v is not None and v >= LEAST), key=lambda nv: -nv[1])[:3]
        if strong and modality not in expression:
            expression[modality] = [{"name": n, "score": round(v, 3)} for n, v in strong]
    return {"live": session["session"], "age_s": min((r[3] for r in own), default=None), "person": who, "sentence": session["sentence"],
            "expression": expression, "recorded": session["record"]}


def _told(tool: Any) -> Any:
    """The tool, whose own errors reach the client as sentences."""
    import functools

    from mcp.server.mcpserver.exceptions import ToolError

    @functools.wraps(tool)
    def told(*args: Any, **given: Any) -> Any:
        try:
            return tool(*args, **given)
        except (AttuneError, OSError) as error:
            raise ToolError(str(error)) from error

    return told


