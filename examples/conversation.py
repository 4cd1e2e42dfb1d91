"""A conversation in which somebody speaks before a camera: the sample clip cut into its turns, each measured, answered by the reflective listener.

    python examples/conversation.py [FOLDER]                # keeps the conversation there: attune report FOLDER shows it
"""

import sys
from pathlib import Path

import numpy as np

from attune.agent import Agent
from attune.agent.turn import lines
from attune.media import Media

SAMPLE = Path(__file__).parents[1] / "samples" / "hello.mp4"
RATE = 16_000                            # Hz
TURNS = [(2.7, 5.8, "I am so happy to see you today!"), (5.8, 8.4, "Oh! I did not expect that!"), (8.6, 11.4, "What a pity, you have to go.")]      # s, words


def main() -> None:
    media = Media.open(SAMPLE)
    sound, pictures = np.concatenate(list(media.blocks(RATE))), list(media.frames(3))
    agent = Agent(keep=sys.argv[1] if len(sys.argv) > 1 else None)
    for start, end, words in TURNS:
        frames = [(t - start, picture) for t, picture in pictures if start <= t < end]
        clip = Media.of(waveform=sound[round(start * RATE) : round(end * RATE)], sample_rate=RATE, frames=frames, name=f"turn at {start} s")
        answer = agent.say(words, clip=clip)
        print(f"› {words}\n  {answer}")
        print(*(f"  · {line}" for line in lines(answer.turn)), sep="\n")
        print(f"  · fits: {', '.join(f'{c.label} {c.probability:.2f}' for c in answer.turn.candidates[:3])} · tone: {answer.tone.word}\n")
    print(f"› What made you think I'm surprised?\n  {agent.why('surprised')}")


if __name__ == "__main__":
    main()
