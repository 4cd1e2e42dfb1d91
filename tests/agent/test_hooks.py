"""Expression beside other people's pipelines: sound in, a block behind the words out; Pipecat and LiveKit where they are installed."""

import asyncio
import importlib.util
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from attune.agent import boundaries
from attune.agent.beside import Beside
from attune.agent.livekit import Expressive
from attune.agent.pipecat import processor
from attune.errors import MissingExtra
from attune.evaluate.scripted import Scripted, content
from attune.media import Media

pytest.importorskip("jinja2", reason="needs Jinja: pip install 'attune[agent]'")

SAMPLE = Path(__file__).parents[2] / "samples" / "hello.mp4"
WORDS = "I am so happy to see you today!"


def chunks(rate=16_000):
    sound = np.concatenate(list(Media.open(SAMPLE).blocks(rate)))[3 * rate : 6 * rate]
    pcm = (sound * 32767).astype("<i2").tobytes()
    return [pcm[i : i + 6400] for i in range(0, len(pcm), 6400)]


@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_the_sound_of_a_turn_stands_behind_its_words(rate):
    beside = Beside()
    for chunk in chunks(rate):
        beside.push(chunk, rate)
    told = asyncio.run(beside.message(WORDS))
    assert told.startswith(f"{WORDS}\n\n<expression>") and "voice: They" in told and "EMOTION" not in told
    assert "voice: They" not in asyncio.run(beside.message("And now?"))               # the sound of a turn is gone with it


def test_two_channels_are_heard_as_one():
    one, two = Beside(), Beside()
    for chunk in chunks():
        one.push(chunk, 16_000)
        two.push(np.repeat(np.frombuffer(chunk, "<i2"), 2).tobytes(), 16_000, 2)
    assert one.block(WORDS) == two.block(WORDS)


def test_danger_is_found_and_leads_to_help():
    beside = Beside()
    beside.block("I want to kill myself")
    assert beside.danger == boundaries.policy("en")["help"]["self_harm"]
    beside.block("I called my sister.")
    assert beside.danger == ""


class _Agent:
    """What LiveKit's Agent offers a hook."""

    def __init__(self, *, instructions):
        self.instructions, self.said = instructions, []
        self.session = SimpleNamespace(say=self._say)

    async def _say(self, text, allow_interruptions):
        self.said.append(text)

    async def stt_node(self, audio, model_settings):
        async for frame in audio:
            yield len(frame.data)


class Mine(Expressive, _Agent): ...


def test_livekits_hook_listens_and_adds_to_the_message():
    async def talk():
        async def audio():
            for chunk in chunks():
                yield SimpleNamespace(data=chunk, sample_rate=16_000, num_channels=1)

        agent = Mine(instructions="You are kind.")
        passed = [n async for n in agent.stt_node(audio(), None)]
        message = SimpleNamespace(text_content=WORDS, content=[WORDS])
        await agent.on_user_turn_completed(None, message)
        return agent, passed, message

    agent, passed, message = asyncio.run(talk())
    assert sum(passed) == sum(map(len, chunks())) and "voice: They" in message.content[0]
    assert agent.instructions.startswith("You are kind.") and all(r in agent.instructions for r in boundaries.rules("en"))


@pytest.mark.skipif(importlib.util.find_spec("livekit") is None, reason="needs LiveKit: pip install livekit-agents")
@pytest.mark.filterwarnings("ignore")
def test_livekits_own_agent_takes_the_hook():
    from livekit.agents import Agent
    from livekit.agents.llm import ChatMessage

    class Real(Expressive, Agent): ...

    async def turn():
        agent, message = Real(instructions="You are kind."), ChatMessage(role="user", content=[WORDS])
        for chunk in chunks():
            agent.beside.push(chunk, 16_000)
        await agent.on_user_turn_completed(None, message)
        return agent, message

    agent, message = asyncio.run(turn())
    assert agent.instructions.startswith("You are kind.") and "voice: They" in message.text_content


def example(name):
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[2] / "examples" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(importlib.util.find_spec("livekit") is None or importlib.util.find_spec("livekit.plugins") is None,
                    reason="needs LiveKit: pip install 'livekit-agents[openai,silero]'")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("words", [WORDS, "I want to kill myself"])
def test_livekits_session_hears_real_sound_and_its_model_is_told(words):
    made = example("livekit_agent")
    with Scripted(lambda told: f"I was told:\n{content(told[-1])}") as model:
        answer, remembered = asyncio.run(made.heard(model, words))
        asked = list(model.requests)
    if words == WORDS:
        assert answer.startswith(f"I was told:\n{WORDS}\n\n<expression>") and "voice: They" in answer and "voice: They" in remembered
        assert "You are a kind receptionist." in content(asked[-1]["messages"][0])
    else:
        assert answer == boundaries.policy("en")["help"]["self_harm"] and not asked


@pytest.mark.skipif(importlib.util.find_spec("pipecat") is not None, reason="Pipecat is installed")
def test_without_pipecat_it_says_what_to_install():
    with pytest.raises(MissingExtra, match="pip install pipecat-ai"):
        processor()


@pytest.mark.skipif(importlib.util.find_spec("pipecat") is None, reason="needs Pipecat: pip install pipecat-ai")
@pytest.mark.filterwarnings("ignore")
def test_pipecats_pipeline_gets_the_block():
    messages = asyncio.run(example("pipecat_agent").heard())
    assert messages[0]["content"] == "You are kind and brief." and messages[-1]["content"].startswith(f"{WORDS}\n\n<expression>") and "voice: They" in messages[-1]["content"]
