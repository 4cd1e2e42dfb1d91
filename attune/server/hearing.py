"""A turn measured in a process of its own: strangers' sounds and pictures aren't decoded where the server runs, and a crash costs one answer."""

from __future__ import annotations

import asyncio
import multiprocessing
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from fastapi import APIRouter
from starlette.requests import HTTPConnection

from attune.agent import heard
from attune.agent.memory import Conversation
from attune.agent.turn import Turn, understood
from attune.errors import AttuneError, MediaError
from attune.media import Media
from attune.settings import Settings
from attune.types import Recording

LONGEST = 120.0                          # s of one turn's sound or film
PATIENCE = 120.0                         # s that measuring one turn may take
SUFFIXES = {"wav": ".wav", "mp3": ".mp3", "mp4": ".mp4", "flac": ".flac", "ogg": ".ogg", "opus": ".opus", "webm": ".webm", "m4a": ".m4a", "jpeg": ".jpg",
            "jpg": ".jpg", "png": ".png", "webp": ".webp", "aac": ".aac"}


@dataclass(frozen=True)
class Asked:
    """A turn as a client sends it: words, whole files (bytes, kind), sound as it was heard (float32 at 16 kHz), scores.

    seen
        What was measured already while it was said: a recording of one person.
    talk
        The conversation before it, where one is remembered: what has changed is told from it, and what is usual.
    """

    words: str = ""
    files: tuple[tuple[bytes, str], ...] = ()
    sound: np.ndarray | None = None
    scores: Mapping[str, Mapping[str, float]] | None = None
    language: str = ""
    notice: bool = True
    seen: Recording | None = None
    talk: Conversation | None = None


class BusyError(AttuneError):
    """The process that measures ended, or took too long; asking again may help."""


class Ears:
    """One process that measures turns, started when the first is asked for."""

    def __init__(self, settings: Settings) -> None:
        self.settings = replace(settings, portraits=False)
        self._pool: ProcessPoolExecutor | None = None

    async def turn(self, asked: Asked) -> Turn:
        """What a turn says.

        Raises
        ------
        AttuneError
            For media that is none, or is too long; `BusyError` if the process failed.
        """
        pool = self._running()
        try:
            return await asyncio.wait_for(asyncio.get_running_loop().run_in_executor(pool, measured, asked, self.settings), PATIENCE)
        except (BrokenProcessPool, TimeoutError) as error:
            if self._pool is pool:
                self.stop()
            raise BusyError("the process that measures was started again; send this once more") from error

    def warm(self) -> None:
        """Start the process and have it open what reads words, since somebody is about to talk; nothing waits for it."""
        if self._pool is None:
            self._running().submit(measured, Asked("Hello there."), self.settings)

    def _running(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
        return self._pool

    def stop(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            for process in list((getattr(pool, "_processes", None) or {}).values()):
                process.terminate()
            pool.shutdown(wait=False, cancel_futures=True)


def measured(asked: Asked, settings: Settings) -> Turn:
    """The turn, in the process that measures."""
    recording = _recorded(asked, replace(settings, language=asked.language or settings.language))
    if asked.talk is None:
        return understood(recording, language=asked.language)
    said = asked.talk.heard(recording)                       # this process's copy
    return understood(recording, language=asked.language, before=asked.talk.recording(last=3), usual=asked.talk.usual(), since=said.start)


def _recorded(asked: Asked, settings: Settings) -> Recording:
    chosen = settings if asked.notice else replace(settings, face=None, voice=None)
    parts: list[Recording] = []
    if asked.sound is not None:
        parts.append(heard.of_clip(Media.of(waveform=asked.sound, sample_rate=16_000, name="sound"), words=asked.words, settings=chosen, scores=asked.scores))
    with tempfile.TemporaryDirectory(prefix="attune-") as folder:
        for i, (data, kind) in enumerate(asked.files):
            file = Path(folder) / f"turn{i}{SUFFIXES.get(kind, '')}"
            file.write_bytes(data)
            try:
                media = Media.open(file)
                if media.duration > LONGEST:
                    raise MediaError(f"the {kind} lasts {media.duration:.0f} s; at most {LONGEST:.0f} s are taken as a turn")
                parts.append(heard.of_clip(media, words=asked.words, settings=chosen, scores=asked.scores))
            except (AttuneError, OSError) as error:
                raise MediaError(str(error).replace(str(file), f"the {kind}").replace(folder, "")) from error
    if not parts and asked.seen is not None and asked.notice:
        return heard.of_recording(asked.seen, asked.seen.segments[0].person, words=asked.words, settings=chosen, scores=asked.scores)
    if not parts:
        return heard.of_words(asked.words, language=asked.language, scores=asked.scores, settings=settings, notice=asked.notice)
    whole = heard.together(parts)
    return whole if asked.notice else replace(whole, estimates=())


def scores_of(turn: Turn, modality: str = "voice") -> dict[str, float]:
    """Hume's 48 names of a modality, for clients that want all of them: what nothing says is 0; empty where the modality wasn't measured."""
    from attune.align import align
    from attune.server.hume_v0.predicted import SPOKEN, Scores
    from attune.types import Segment

    sets = [e for e in turn.recording if e.modality == modality]
    if not sets:
        return {}
    row = Segment(turn.recording.segments[0].start, max(s.end for s in turn.recording.segments) + 1e-3, heard.PERSON)
    found = Scores.of([align(e, [row]) for e in sets], SPOKEN, fill=True)
    return {e["name"]: float(e["score"]) for e in found.emotions(0)} if len(found) and found.measured(0) else {}


@asynccontextmanager
async def _running(app: Any) -> AsyncIterator[None]:
    yield
    ears = getattr(app.state, "ears", None)
    if ears is not None:
        ears.stop()


router = APIRouter(lifespan=_running)    # without routes: it ends the process with the server


def ears_of(request: HTTPConnection, settings: Settings) -> Ears:
    """The server's ears."""
    state = request.app.state
    if getattr(state, "ears", None) is None:
        state.ears = Ears(settings)
    ears: Ears = state.ears
    return ears


def kinds() -> Sequence[str]:
    """Kinds of files that are taken."""
    return tuple(SUFFIXES)
