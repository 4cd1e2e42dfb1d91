"""A processor for Pipecat: it stands between the user's context aggregator and the language model (`pip install pipecat-ai`).

    Pipeline([transport.input(), stt, user_aggregator, processor(), llm, tts, transport.output(), assistant_aggregator])

It listens to the sound that flows past, and when a turn goes to the language model, what was measured stands behind the turn's words. At signs of
danger the model isn't asked: the fixed way to help is spoken instead.
"""

from __future__ import annotations

from typing import Any

from attune.agent.beside import Beside
from attune.errors import MissingExtra


def processor(**options: Any) -> Any:
    """A `FrameProcessor` that adds measured expression to every turn; `options` are those of `Beside`.

    Raises
    ------
    MissingExtra
        Without Pipecat.
    """
    try:
        from pipecat.frames.frames import InputAudioRawFrame, LLMContextFrame, TTSSpeakFrame
        from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
    except ModuleNotFoundError as error:
        raise MissingExtra(f"this needs {error.name}: pip install pipecat-ai") from error

    class Expression(FrameProcessor):  # type: ignore[misc]  # its kind isn't known where Pipecat isn't installed
        def __init__(self) -> None:
            super().__init__()
            self.beside = Beside(**options)

        async def process_frame(self, frame: Any, direction: Any) -> None:
            await super().process_frame(frame, direction)
            if isinstance(frame, InputAudioRawFrame):
                self.beside.push(frame.audio, frame.sample_rate, frame.num_channels)
            elif isinstance(frame, LLMContextFrame) and direction == FrameDirection.DOWNSTREAM:
                messages = frame.context.get_messages()
                last = messages[-1] if messages else None
                if isinstance(last, dict) and last.get("role") == "user" and isinstance(last.get("content"), str):
                    told = await self.beside.message(last["content"])
                    if self.beside.danger:
                        await self.push_frame(TTSSpeakFrame(self.beside.danger), direction)
                        return
                    frame.context.set_messages([*messages[:-1], {**last, "content": told}])
            await self.push_frame(frame, direction)

    return Expression()
