"""A server of the Model Context Protocol over standard input and output: what a program with a language model asks when it wants to know how
somebody came across. `attune mcp` starts it; docs/agent.md says how a client is told of it.

    measure_file         a film, sound or picture -> how long, who, what was said, what was expressed, and where the recording lies
    describe             a recording in words (LEED), or as cue lines, JSON, captions
    find_moments         moments of all recordings by what they express: "sad but smiling"
    current_expression   what the newest recording shows last, and how old that is

Media are read below the folders that were allowed, recordings are written to one folder, nothing else is touched and nothing leaves the machine.
"""

from __future__ import annotations

import os
import time
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


def serve(folder: Path, media: Sequence[Path]) -> None:
    """Serve until the client goes.

    Raises
    ------
    MissingExtra
        Without the package mcp.
    """
    server(folder, media).run("stdio")


def server(folder: Path, media: Sequence[Path]) -> Any:
    """The server; `folder` holds recordings, `media` are the folders that may be read."""
    try:
        from mcp.server import MCPServer
    except ModuleNotFoundError as error:
        raise MissingExtra("this needs mcp: pip install 'attune[agent]'") from error
    from attune import __version__

    tools, app = Tools(folder.resolve(), [m.resolve() for m in media]), MCPServer("attune", instructions=INSTRUCTIONS, version=__version__, log_level="ERROR")
    for tool in (tools.measure_file, tools.describe, tools.find_moments, tools.current_expression):
        app.tool()(_told(tool))
    return app


class Tools:
    """What a client may call; plain functions that return plain types."""

    def __init__(self, folder: Path, media: Sequence[Path]) -> None:
        self.folder, self.media = folder, list(media)

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
        return [{"recording": m.recording, "start_s": m.start, "end_s": m.end, "person": m.person, "text": m.text, "strength": round(m.strength, 3),
                 "says": dict(m.says)} for m in found]

    def current_expression(self, person: str = "") -> dict[str, Any]:
        """What the newest recording or conversation shows last, and how many seconds ago it was written. It doesn't switch a camera on.

        Args:
            person: of that person, else of whoever was measured last
        """
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
        return {"recording": newest.parent.name, "age_s": round(time.time() - newest.stat().st_mtime, 1), "person": last.person, "start_s": last.start,
                "end_s": last.end, "text": last.said, "sentence": sentence(last, Manner()), "expression": shown}

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


