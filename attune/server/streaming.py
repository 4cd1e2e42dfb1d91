"""The processes that measure streams, and the way to them: a line of JSON there, a line of JSON back.

A session stays with one process, which remembers its last seconds of sound and its faces. A process that dies or hangs is started again; its
sessions go on without what was remembered. The end of its input is the end of the process.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import sys
from collections import OrderedDict
from typing import Any

from attune.server.config import MB, Config

PATIENCE = 60.0                          # s that one message may take
GRACE = 5.0                              # s that a process may take to end
LINE = 64 * MB                           # longest line

log = logging.getLogger("attune.streaming")


class Broken(Exception):
    """The process ended, or took too long."""


class _Process:
    def __init__(self, config: Config) -> None:
        self.config, self.lock = config, asyncio.Lock()
        self.running: asyncio.subprocess.Process | None = None

    async def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        async with self.lock:
            try:
                return await asyncio.wait_for(self._asked(message), PATIENCE)
            except (OSError, ValueError, TimeoutError) as error:
                log.warning("a streaming process is started again: %s", error or type(error).__name__)
                await self._killed()
                raise Broken(str(error) or type(error).__name__) from error
            except asyncio.CancelledError:                   # an answer would come to the next question
                await self._killed()
                raise

    async def _asked(self, message: dict[str, Any]) -> dict[str, Any]:
        if self.running is None or self.running.returncode is not None:
            environment = {"OMP_NUM_THREADS": "1", **os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
            self.running = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "attune.server.streamer", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env=environment, limit=LINE)
            await self._send(self.config.to_json())
        await self._send(json.dumps(message))
        assert self.running.stdout is not None
        line = await self.running.stdout.readline()
        if not line:
            raise OSError("the process ended")
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def _send(self, line: str) -> None:
        assert self.running is not None and self.running.stdin is not None
        self.running.stdin.write(line.encode() + b"\n")
        await self.running.stdin.drain()

    async def _killed(self) -> None:
        if self.running is not None and self.running.returncode is None:
            self.running.kill()
            await self.running.wait()
        self.running = None


class Streamers:
    """All of them; made inside the server's loop."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.processes = [_Process(config) for _ in range(max(1, config.streamers))]
        self.sessions: dict[str, str] = {}                   # session -> owner
        self.live: dict[str, Any] = {}                       # live sessions that go on, by number
        self.runs: dict[str, Any] = {}                       # runs of Hume's v1 that go on, by number
        self.states: OrderedDict[str, str] = OrderedDict()   # sessions whose faces are remembered for a next request -> owner
        self._placed: dict[str, _Process] = {}               # session -> where it is measured

    def refused(self, owner: str) -> str:
        """Why no further session is opened, or empty."""
        limits = self.config.limits
        if len(self.sessions) >= limits.streams:
            return f"{len(self.sessions)} streams are open, as many as this server takes; try again later"
        own = sum(1 for o in self.sessions.values() if o == owner)
        return f"{own} of your streams are open, as many as one key may have" if own >= limits.streams_per_key else ""

    async def ask(self, session: str, message: dict[str, Any]) -> dict[str, Any]:
        """What a session's process answers; `Broken` if it can't."""
        return await self._of(session).ask({"session": session, **message})

    async def close(self, session: str) -> None:
        self.sessions.pop(session, None)
        process = self._placed.pop(session, None)
        if process is not None and process.running is not None and process.running.returncode is None:
            with contextlib.suppress(Broken):
                await process.ask({"session": session, "over": True})

    async def remember(self, session: str, owner: str, most: int) -> None:
        """Keep what a session's process knows of its faces for a next request; the oldest of too many are forgotten."""
        self.states[session] = owner
        self.states.move_to_end(session)
        while len(self.states) > most:
            await self.close(self.states.popitem(last=False)[0])

    async def stop(self) -> None:
        """End the processes, and wait until they are gone."""
        for process in self.processes:
            if process.running is not None and process.running.returncode is None:
                process.running.terminate()
                try:
                    await asyncio.wait_for(process.running.wait(), GRACE)
                except TimeoutError:
                    process.running.kill()
                    await process.running.wait()

    def _of(self, session: str) -> _Process:
        """The process of a session; a new one's is the one with the fewest."""
        if session not in self._placed:
            places = list(self._placed.values())
            self._placed[session] = min(self.processes, key=places.count)
        return self._placed[session]
