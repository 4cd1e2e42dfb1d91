"""Expression beside somebody else's pipeline: sound goes in as it comes, and each finished turn gets the block that a language model is told.

    beside = Beside()
    beside.push(pcm, 16_000)                     # every chunk of the person's sound, 16-bit mono
    text = await beside.message("I'm fine.")     # at the turn's end: the words, and how they came across

Frameworks for voice agents have their own idea of turns, models and speech; `attune.agent.pipecat` and `attune.agent.livekit` are this and a few lines.
The sound of a turn is dropped when it is over. Signs of danger are found here too: `danger` is then the fixed way to help, which must be said.
"""

from __future__ import annotations

import asyncio
import threading

import av
import numpy as np

from attune.agent import boundaries, heard, prompts
from attune.agent.turn import Turn, understood
from attune.media import Media
from attune.settings import Settings
from attune.text import language as languages
from attune.voice.activity import SAMPLE_RATE

LONGEST = 60.0                           # s of a turn's sound that are kept, the last ones


class Beside:
    """One person's turns.

    budget
        Tokens of the block.
    language
        BCP-47; "": that of the words.
    """

    def __init__(self, *, language: str = "", budget: int = prompts.BUDGET, settings: Settings | None = None) -> None:
        self.language, self.budget, self.settings = language, budget, settings or Settings()
        self.danger = ""
        self.turn: Turn | None = None
        self._sound: list[np.ndarray] = []
        self._resampler: tuple[int, av.AudioResampler] | None = None
        self._lock = threading.Lock()

    def push(self, pcm: bytes | np.ndarray, sample_rate: int, channels: int = 1) -> None:
        """More of the person's sound: 16-bit samples, interleaved."""
        samples = np.frombuffer(pcm, "<i2") if isinstance(pcm, bytes | bytearray | memoryview) else np.asarray(pcm, np.int16)
        samples = samples[: len(samples) - len(samples) % channels].reshape(-1, channels).mean(axis=1).astype(np.int16)
        if self._resampler is None or self._resampler[0] != sample_rate:
            self._resampler = sample_rate, av.AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
        if not len(samples):
            return
        frame = av.AudioFrame.from_ndarray(samples[None], "s16", "mono")
        frame.sample_rate = sample_rate
        with self._lock:
            self._sound += [piece.to_ndarray()[0] for piece in self._resampler[1].resample(frame)]
            while sum(map(len, self._sound)) > LONGEST * SAMPLE_RATE and len(self._sound) > 1:
                self._sound.pop(0)

    async def message(self, words: str) -> str:
        """The turn is over: its words with the block behind them. Measuring runs in a thread."""
        block = await asyncio.to_thread(self.block, words)
        return f"{prompts.harmless(words)}\n\n{block}" if block else words

    def block(self, words: str) -> str:
        """The turn is over: the block alone, "" where nothing was measured."""
        with self._lock:
            sound, self._sound = np.concatenate([*self._sound, np.zeros(0, np.float32)]), []
        tag = self.language or languages.guess([words]) or "en"
        found = boundaries.sign(words, tag)
        self.danger = boundaries.answer(found) if found is not None and found.crisis else ""
        if len(sound) >= SAMPLE_RATE // 4:
            recording = heard.of_clip(Media.of(waveform=sound, sample_rate=SAMPLE_RATE, name="turn"), words=words, settings=self.settings)
        else:
            recording = heard.of_words(words, language=tag, settings=self.settings)
        self.turn = understood(recording, language=tag, explain=False)
        return prompts.beside(self.turn, tag, notes=boundaries.care(found, False, tag), budget=self.budget)

    def rules(self) -> str:
        """What belongs into the system prompt."""
        return prompts.front(self.language or "en")
