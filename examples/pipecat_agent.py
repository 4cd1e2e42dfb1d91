"""A Pipecat pipeline that hears how things are said: spoken turns in, a language model told of them, its words printed.

    pip install pipecat-ai
    python examples/pipecat_agent.py http://localhost:11434/v1 llama3.2      # without an address: a scripted server that shows what it is told

The turn comes from the sample clip instead of a transport, so that it runs anywhere; put a transport, recognition and a voice around it.
"""

import asyncio
import sys
from pathlib import Path

import numpy as np
from pipecat.frames.frames import InputAudioRawFrame, LLMContextFrame
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.tests.utils import run_test

from attune import llms
from attune.agent.pipecat import processor
from attune.evaluate.scripted import Scripted, content
from attune.media import Media

SAMPLE = Path(__file__).parents[1] / "samples" / "hello.mp4"
RATE, WORDS = 16_000, "I am so happy to see you today!"


async def heard() -> list[dict[str, str]]:
    """The messages that reach the language model."""
    sound = np.concatenate(list(Media.open(SAMPLE).blocks(RATE)))[3 * RATE : 6 * RATE]
    pcm = (sound * 32767).astype("<i2").tobytes()
    chunks = [InputAudioRawFrame(pcm[i : i + 6400], RATE, 1) for i in range(0, len(pcm), 6400)]
    context = LLMContext([{"role": "system", "content": "You are kind and brief."}, {"role": "user", "content": WORDS}])
    expression = processor()
    down, _ = await run_test(expression, frames_to_send=[*chunks, LLMContextFrame(context)])
    return next(f for f in down if isinstance(f, LLMContextFrame)).context.get_messages()


def main() -> None:
    messages = asyncio.run(heard())
    if len(sys.argv) > 1:
        print(llms.complete(llms.client(*sys.argv[1:3]), messages))
        return
    with Scripted(lambda told: f"I was told:\n{content(told[-1])}") as server:
        print(llms.complete(llms.client(server.url, "scripted"), messages))


if __name__ == "__main__":
    main()
