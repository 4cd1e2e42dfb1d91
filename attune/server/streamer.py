"""A process that measures streams: lines of JSON in, lines of JSON out (`python -m attune.server.streamer`; the server starts it).

Live sessions are in `live_session`, runs of Hume's v1 in `hume_v1.streamed`; here are streams of its v0: one remembers its last seconds of sound, as
far as `stream_window_ms` reaches, and its faces, so that the same face keeps its name.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import signal
import sys
import tempfile
import time
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from attune.errors import AttuneError, MediaError
from attune.face import FaceStream
from attune.fusion import reach
from attune.measure import SAMPLE_RATE, load_models, measure
from attune.media import Media
from attune.server import texts
from attune.server.config import Config
from attune.server.hume_v0 import predicted as hume
from attune.server.hume_v0.asked import NOT_HERE, Models, Transcription, plan
from attune.server.hume_v1 import streamed
from attune.server.live_session import Live
from attune.server.measuring import WORDLESS, bursts, reread
from attune.server.plan import Plan
from attune.settings import Settings
from attune.taxonomy import taxonomy
from attune.types import SOMEONE, Estimates, Faces, Recording, Segment

SESSIONS = 64                            # remembered at once
WINDOW = (0.5, 5.0, 10.0)                # s of sound that a session looks back: least, by default, most
SLACK = 0.1                              # s; a codec's padding makes five seconds a little longer
NOTHING = {
    "face": ("no faces detected", "W0103"), "prosody": ("no speech detected", "W0105"), "burst": ("no vocal bursts detected", "W0101"),
    "language": ("no emotional language detected", "W0104"),
}


class Failed(Exception):
    """A message that can't be answered: a sentence, and the API's code."""

    def __init__(self, sentence: str, code: str) -> None:
        super().__init__(sentence)
        self.code = code


class Session:
    """What is remembered between two messages."""

    def __init__(self) -> None:
        self.sound = np.zeros(0, np.float32)
        self.born = time.monotonic()
        self.faces: tuple[Settings, FaceStream] | None = None
        self.live: Live | None = None
        self.run: streamed.Run | None = None

    def over(self) -> None:
        """Nobody asks any more: words that are being recognised are given up."""
        if self.live is not None:
            self.live.session.leave()

    def context(self, samples: np.ndarray, window: float) -> np.ndarray:
        """New sound after as much of the old as the window holds; what is longer than the window stays whole."""
        joined = np.concatenate([self.sound, samples])[-max(round(window * SAMPLE_RATE), len(samples)) :]
        self.sound = joined[-round(WINDOW[2] * SAMPLE_RATE) :]
        return joined


def answer(session: Session, asked: dict[str, Any], config: Config) -> dict[str, Any]:
    """The answer to one message, without what is said of the message itself."""
    try:
        return _answered(session, asked, config)
    except Failed as error:
        return {"error": str(error), "code": error.code}


def _live(session: Session, asked: dict[str, Any], config: Config) -> dict[str, Any]:
    """The answer to a message of a live session."""
    if asked["live"] == "start":
        session.over()
        try:
            session.live = Live(asked["session"], asked["start"], config)
        except AttuneError as error:
            return {"error": str(error), "code": "start_invalid"}
    if session.live is None:
        return {"error": "the session is gone; start a new one", "code": "session_lost"}
    return session.live.answer(asked)


def _answered(session: Session, asked: dict[str, Any], config: Config) -> dict[str, Any]:
    if asked.get("reset_stream"):
        session.sound = np.zeros(0, np.float32)
    data = asked.get("data")
    if data is None:
        return {}
    models = Models.model_validate(asked["models"])
    wanted = plan(models, Transcription(), config.settings, fill=config.fill)
    unmet = {name: {"error": NOT_HERE[name], "code": "E0102"} for name, _ in wanted.missing if "." not in name}
    if not wanted.models:
        raise Failed("; ".join(u["error"] for u in unmet.values()), "E0102")
    found = _text(data, wanted, config) if asked.get("raw_text") else _data(session, data, wanted, asked, config)
    if found and all("code" in f and "error" in f for f in found.values()):
        first = next(iter(found.values()))
        raise Failed(first["error"], first["code"])
    return {**found, **unmet}


def _text(data: str, wanted: Plan, config: Config) -> dict[str, Any]:
    found: dict[str, Any] = {name: {"error": f"the {name} model reads no text", "code": "E0102"} for name in wanted.models if name != "language"}
    if "language" in wanted.models:
        if len(data) > config.limits.stream_chars:
            raise Failed(f"the text has {len(data)} characters; at most {config.limits.stream_chars} are read at once", "E0206")
        predictions = [p for _, p in texts.read(data, wanted)]
        found["language"] = {"predictions": predictions} if predictions else _nothing("language")
    return found


def _data(session: Session, data: str, wanted: Plan, asked: dict[str, Any], config: Config) -> dict[str, Any]:
    try:
        raw = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Failed(f"data is no base64 ({error}); text is sent with raw_text", "E0201") from error
    with tempfile.NamedTemporaryFile(prefix="attune-stream-") as file:
        file.write(raw)
        file.flush()
        try:
            media = Media.open(Path(file.name))
        except MediaError as error:
            written = _as_text(raw)
            if written is not None and "language" in wanted.models:
                return _text(written, wanted, config)
            raise Failed(str(error).replace(file.name, "data"), "E0200") from error
        try:
            return _media(session, media, wanted, asked, config)
        except AttuneError as error:
            raise Failed(str(error).replace(file.name, "data"), "E0200") from error


def _media(session: Session, media: Media, wanted: Plan, asked: dict[str, Any], config: Config) -> dict[str, Any]:
    limits = config.limits
    if media.has_video and max(media.width or 0, media.height or 0) > limits.stream_pixels:
        raise Failed(f"the picture has {media.width} x {media.height} pixels; at most {limits.stream_pixels} a side are read", "E0205")
    if media.duration > limits.stream_seconds + SLACK:
        kind, code = ("video", "E0204") if media.has_video else ("sound", "E0203")
        raise Failed(f"the {kind} lasts {media.duration * 1000:.0f} ms; at most {limits.stream_seconds * 1000:.0f} ms are taken at once", code)
    found: dict[str, Any] = {}
    if "face" in wanted.models:
        found["face"] = _faces(session, media, wanted) if media.has_video else {"error": "data has no picture, which the face model needs", "code": "E0102"}
    heard = [name for name in wanted.models if name != "face"]
    if not heard:
        return found
    if not media.has_audio:
        return found | {name: {"error": f"data has no sound, which the {name} model needs", "code": "E0202"} for name in heard}
    samples = np.concatenate([np.zeros(0, np.float32), *media.blocks(SAMPLE_RATE)])
    if len(samples) > (limits.stream_seconds + 1) * SAMPLE_RATE:
        raise Failed(f"the sound lasts more than {limits.stream_seconds * 1000:.0f} ms, as long as is taken at once", "E0203")
    window = (asked.get("stream_window_ms") or WINDOW[1] * 1000) / 1000
    return found | _sounds(session.context(samples, min(max(window, WINDOW[0]), WINDOW[2])), heard, wanted)


def _sounds(samples: np.ndarray, heard: list[str], wanted: Plan) -> dict[str, Any]:
    found: dict[str, Any] = {}
    settings = replace(wanted.settings, face=None, text=wanted.settings.text if "language" in heard else None)
    media = Media.of(waveform=samples, sample_rate=SAMPLE_RATE, name="stream")
    recording = measure(media, **settings.asdict())
    if wanted.granularity and "language" in heard and wanted.granularity != settings.granularity:
        recording = reread(recording, wanted)
    said = hume.predictions(recording, wanted.wanted, flat=True)
    for name in heard:
        if name == "burst":
            said[name] = {"predictions": [p for _, p in bursts(media, wanted, samples)]}
        found[name] = said[name] if said.get(name, {}).get("predictions") else _nothing(name)
        if name == "language" and "warning" in found[name] and not any(s.text for s in recording.segments):
            found[name] = {"warning": WORDLESS, "code": "W0104"}
    return found


def _faces(session: Session, media: Media, wanted: Plan) -> dict[str, Any]:
    settings = wanted.settings
    model = load_models(replace(settings, voice=None, text=None))["face"]
    if session.faces is None or session.faces[0] != settings:
        session.faces = (settings, FaceStream(model, settings))
    stream = session.faces[1]
    base = time.monotonic() - session.born
    target = taxonomy(model.TAXONOMIES[0])
    parts, values = [], [np.zeros((0, len(target)), np.float32)]
    for at, picture in media.frames(settings.fps):
        found, said = stream.push(base + at, picture)
        parts.append(replace(found, time=found.time - base))
        values.append(said)
    faces = Faces.join(parts)
    people = [stream.people.get(int(track), SOMEONE) for track in faces.track]
    rows = [Segment(max(0.0, float(t)), max(0.0, float(t)), p) for t, p in zip(faces.time, people, strict=True)]
    measured = Estimates.of(rows, np.concatenate(values), taxonomy=target, modality="face", model=str(settings.face), quality=faces.quality)
    both = (measured, *(p for p in reach([measured], "vad") if p.projected))
    recording = Recording(source="stream", duration=media.duration, segments=(), faces=faces, estimates=both, media=media.facts())
    out = hume.predictions(recording, wanted.wanted, flat=True).get("face", {"predictions": []})
    names = {p: f"face_{i}" for i, p in enumerate(stream.people.values())}
    for p in out["predictions"]:                             # numbered over the whole session, not this message alone
        p["face_id"] = names.get(p.get("person", ""), p["face_id"])
    return out if out["predictions"] else _nothing("face")


def _nothing(name: str) -> dict[str, Any]:
    sentence, code = NOTHING[name]
    return {"warning": sentence, "code": code}


def _as_text(raw: bytes) -> str | None:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if text.isprintable() or "\n" in text or "\t" in text else None


def _said(sessions: OrderedDict[str, Session], asked: dict[str, Any], config: Config) -> dict[str, Any]:
    """The answer to one line; too many sessions are too much to remember: the one that asked longest ago goes."""
    name = asked["session"]
    if asked.get("over"):
        sessions.pop(name, Session()).over()
        return {}
    session = sessions.setdefault(name, Session())
    sessions.move_to_end(name)
    while len(sessions) > SESSIONS:
        sessions.popitem(last=False)[1].over()
    try:
        if "v1" in asked:
            session.run, said = streamed.answer(session.run, asked, config)
            return said
        return _live(session, asked, config) if "live" in asked else answer(session, asked, config)
    except Exception as error:                               # a defect of ours must not end the others' sessions
        sys.excepthook(type(error), error, error.__traceback__)
        code = "internal_error" if "live" in asked or "v1" in asked else "E0200"
        return {"error": f"unexpected {type(error).__name__}; please report it", "code": code}


def main() -> None:
    """Answer lines until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)             # Ctrl-C is for the server, which closes our input
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)                                            # whatever a library prints isn't an answer
    config = Config.from_json(sys.stdin.readline())
    sessions: OrderedDict[str, Session] = OrderedDict()
    for line in sys.stdin:
        said = _said(sessions, json.loads(line), config)
        out.write(json.dumps(said, allow_nan=False) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
