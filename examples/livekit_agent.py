"""A LiveKit agent that hears how things are said.

    pip install 'livekit-agents[openai,silero]'
    ATTUNE_LLM_URL=http://localhost:11434/v1 ATTUNE_LLM_MODEL=llama3.2 python examples/livekit_agent.py console

Not run in our tests, which have no room to join; the hook itself is (tests/agent/test_hooks.py).
"""

import os

from livekit.agents import Agent, AgentServer, AgentSession, JobContext, cli
from livekit.plugins import openai, silero

from attune.agent.livekit import Expressive

server = AgentServer()


class Receptionist(Expressive, Agent):
    def __init__(self) -> None:
        super().__init__(instructions="You are a kind receptionist. Answer briefly.")


@server.rtc_session()
async def entrypoint(ctx: JobContext) -> None:
    model = openai.LLM(base_url=os.environ["ATTUNE_LLM_URL"], model=os.environ["ATTUNE_LLM_MODEL"], api_key=os.environ.get("ATTUNE_LLM_KEY", "unused"))
    session = AgentSession(vad=silero.VAD.load(), stt=openai.STT(), llm=model, tts=openai.TTS())
    await session.start(agent=Receptionist(), room=ctx.room)


if __name__ == "__main__":
    cli.run_app(server)
