"""A hook for LiveKit Agents: what was measured stands behind each turn's words (`pip install livekit-agents`).

    class Mine(Expressive, Agent):               # in this order
        def __init__(self):
            super().__init__(instructions="You are a kind receptionist.")

The person's sound is listened to on its way to speech recognition. At signs of danger the language model isn't asked: the fixed way to help is
said instead.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator
from typing import Any

from attune.agent.beside import Beside


class Expressive:
    """Stands before LiveKit's `Agent` among the bases; `expression` are options of `Beside`."""

    def __init__(self, *, instructions: str, expression: dict[str, Any] | None = None, **options: Any) -> None:
        self.beside = Beside(**(expression or {}))
        super().__init__(instructions=f"{instructions}\n\n{self.beside.rules()}", **options)  # type: ignore[call-arg]

    def stt_node(self, audio: AsyncIterable[Any], model_settings: Any) -> Any:
        """Speech recognition as ever, with an ear at its sound."""
        async def listened() -> AsyncIterator[Any]:
            async for frame in audio:
                self.beside.push(bytes(frame.data), frame.sample_rate, frame.num_channels)
                yield frame

        return super().stt_node(listened(), model_settings)  # type: ignore[misc]

    async def on_user_turn_completed(self, turn_ctx: Any, new_message: Any) -> None:
        """What was measured, behind the turn's words."""
        told = await self.beside.message(new_message.text_content or "")
        if self.beside.danger:
            from livekit.agents import StopResponse

            await self.session.say(self.beside.danger, allow_interruptions=False)  # type: ignore[attr-defined]
            raise StopResponse
        new_message.content = [told]
