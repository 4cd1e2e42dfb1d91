"""A LiveKit agent that hears how things are said.

    pip install 'livekit-agents[openai,silero]'
    ATTUNE_LLM_URL=http://localhost:11434/v1 ATTUNE_LLM_MODEL=llama3.2 python examples/livekit_agent.py console
    python examples/livekit_agent.py sample        # no room, no network: the sample clip through a session, and what the language model was told

The last is run in our tests: LiveKit's own session, its Silero, its client of OpenAI's interface; scripted are the words that are recognised and the
server that answers. A room, devices and speech output aren't tried there.
"""

import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from livekit import rtc
from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli, stt
from livekit.agents.voice import io
from livekit.plugins import openai, silero

from attune.agent.livekit import Expressive
from attune.evaluate.scripted import Scripted, content
from attune.media import Media

SAMPLE, WORDS = Path(__file__).parents[1] / "samples" / "hello.mp4", "I am so happy to see you today!"
RATE, FRAME = 16_000, 320                # Hz; samples of a frame, 20 ms
SPOKEN, SILENCE = (3.0, 6.0), 2.0        # s of the sample that are heard, and of silence behind them
PATIENCE = 60.0                          # s

server = AgentServer()


class Receptionist(Expressive, Agent):
    def __init__(self) -> None:
        super().__init__(instructions="You are a kind receptionist. Answer briefly.")


@server.rtc_session()
async def entrypoint(ctx: JobContext) -> None:
    model = openai.LLM(base_url=os.environ["ATTUNE_LLM_URL"], model=os.environ["ATTUNE_LLM_MODEL"], api_key=os.environ.get("ATTUNE_LLM_KEY", "unused"))
    session = AgentSession(vad=silero.VAD.load(), stt=openai.STT(), llm=model, tts=openai.TTS())
    await session.start(agent=Receptionist(), room=ctx.room)


# ---- without a room -------------------------------------------------------------------------------------------------------------

class Microphone(io.AudioInput):
    """The sample's sound, as fast as time goes by, then silence."""

    def __init__(self) -> None:
        super().__init__(label="sample")
        self.frames = self._frames()

    def _frames(self) -> Iterator[rtc.AudioFrame]:
        sound = np.concatenate(list(Media.open(SAMPLE).blocks(RATE)))[round(SPOKEN[0] * RATE) : round(SPOKEN[1] * RATE)]
        pcm = (np.concatenate([sound, np.zeros(round(SILENCE * RATE), np.float32)]) * 32767).astype("<i2")
        for at in range(0, len(pcm) - FRAME + 1, FRAME):
            yield rtc.AudioFrame(pcm[at : at + FRAME].tobytes(), RATE, 1, FRAME)

    async def __anext__(self) -> rtc.AudioFrame:
        await asyncio.sleep(FRAME / RATE)
        try:
            return next(self.frames)
        except StopIteration:
            return rtc.AudioFrame(bytes(2 * FRAME), RATE, 1, FRAME)


class Known(stt.STT):
    """Speech recognition that knows the words."""

    def __init__(self, words: str) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=False, interim_results=False))
        self.words = words

    async def _recognize_impl(self, buffer, *, language=None, conn_options=None) -> stt.SpeechEvent:
        return stt.SpeechEvent(type=stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=[stt.SpeechData(language="en", text=self.words)])


async def heard(model: Scripted, words: str = WORDS) -> tuple[str, str]:
    """What was answered, and what LiveKit remembers of the person's turn."""
    answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    client = openai.LLM(base_url=model.url, model="scripted", api_key="unused")
    session = AgentSession(vad=silero.VAD.load(), stt=Known(words), llm=client, preemptive_generation=False)    # no reply can begin before it is measured
    session.input.audio = Microphone()

    @session.on("conversation_item_added")
    def added(event) -> None:
        if getattr(event.item, "role", "") == "assistant" and not answered.done():
            answered.set_result(event.item.text_content or "")

    await session.start(agent=Receptionist())
    try:
        text = await asyncio.wait_for(answered, PATIENCE)
    finally:
        await session.aclose()
    return text, next((i.text_content or "" for i in session.history.items if getattr(i, "role", "") == "user"), "")


def main() -> None:
    with Scripted(lambda told: f"I was told:\n{content(told[-1])}") as model:
        print(asyncio.run(heard(model))[0])


if __name__ == "__main__":
    if sys.argv[1:] == ["sample"]:
        main()
    else:
        cli.run_app(server)
