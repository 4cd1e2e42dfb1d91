"""How soon a live session answers, how many one machine holds, and whether memory stays flat over an hour.

    python benchmarks/live.py                       # about three minutes; writes benchmarks/results/live.md
    python benchmarks/live.py --levels 1 8 --minutes 10

Alone: what measuring takes in this process, without a server. Latency: over a real WebSocket on loopback, from the moment a picture, or the chunk of sound
that completes an estimate, is handed to the socket until the estimate is read from it. Which chunk completes which estimate is known from a session in
this process, since sessions decide alike. Every client plays samples/hello.mp4 again and again at 3 pictures a second and 10 chunks of sound, in time. A level
holds if the 95th percentile of both is at most 500 ms and at least 90 % of the pictures were answered: a server that is too slow passes pictures over.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import socket
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from attune.live import Seen, Session, Spoken
from attune.media import Media, jpeg
from attune.media.picture import decoded
from attune.settings import Settings

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "samples" / "hello.mp4"
OUT = ROOT / "benchmarks" / "results" / "live.md"
RATE = 16_000                            # Hz
CHUNK = 1600                             # samples, 100 ms
FPS = 3.0
BOUND, ANSWERED = 500.0, 0.9             # ms; share of pictures
SETTLE = 2.0                             # s at the beginning that aren't counted
Key = tuple[float, float, bool]          # a voice estimate: start, end, interim


@dataclass(frozen=True)
class Feed:
    """The sample again and again: chunks of s16le, pictures as (time, JPEG), and which chunk completes which estimate of the voice."""

    chunks: list[bytes]
    pictures: list[tuple[float, bytes]]
    completed_by: dict[Key, int]

    @classmethod
    def of(cls, seconds: float) -> Feed:
        once = (Media.open(SAMPLE).waveform(RATE) * 32_767).astype("<i2")
        shown = [jpeg(rgb, 85) for _, rgb in Media.open(SAMPLE).frames(FPS)]
        sound = np.tile(once, int(np.ceil(seconds * RATE / len(once))))[: round(seconds * RATE)]
        chunks = [sound[at : at + CHUNK] for at in range(0, len(sound), CHUNK)]
        session, completed = Session(Settings(face=None, text=None)), {}
        for i, chunk in enumerate(chunks):
            for told in session.hear(chunk.astype(np.float32) / 32_768):
                if isinstance(told, Spoken):
                    e = told.estimates[0]
                    completed[round(float(e.start[0]), 3), round(float(e.end[0]), 3), told.interim] = i
        pictures = [(i / FPS, shown[i % len(shown)]) for i in range(int(seconds * FPS))]
        return cls([c.tobytes() for c in chunks], pictures, completed)


def alone(feed: Feed) -> dict[str, float]:
    """ms for a picture, decoding and measuring, and for a second of sound, in this process: medians."""
    session, took, decoding = Session(Settings(text=None)), [], []
    for at, data in feed.pictures[:40]:
        began = time.perf_counter()
        picture = decoded(data)
        decoding.append(time.perf_counter() - began)
        took += [t.took for t in session.see(at, picture) if isinstance(t, Seen)]
    session, began = Session(Settings(face=None, text=None)), time.perf_counter()
    for chunk in feed.chunks:
        session.hear(np.frombuffer(chunk, "<i2").astype(np.float32) / 32_768)
    voice = (time.perf_counter() - began) / (len(feed.chunks) * CHUNK / RATE)
    return {"picture": float(np.median(took)) * 1e3, "picture95": float(np.percentile(took, 95)) * 1e3, "decode": float(np.median(decoding)) * 1e3,
            "second": voice * 1e3}


@dataclass
class Level:
    """What n clients saw: latencies in ms."""

    n: int
    face: list[float] = field(default_factory=list)
    voice: list[float] = field(default_factory=list)
    sent: int = 0
    slowed: int = 0
    failed: int = 0

    @property
    def answered(self) -> float:
        return len(self.face) / max(1, self.sent)

    @property
    def holds(self) -> bool:
        return not self.failed and self.answered >= ANSWERED and all(np.percentile(x, 95) <= BOUND for x in (self.face, self.voice) if x)

    def row(self) -> str:
        def two(x: list[float]) -> str:
            return " | ".join(f"{np.percentile(x, q):.0f}" for q in (50, 95)) if x else "– | –"

        return f"| {self.n} | {two(self.face)} | {two(self.voice)} | {self.answered:.0%} | {self.slowed} | {'yes' if self.holds else 'no'} |"


async def client(address: str, feed: Feed, seconds: float, offset: float, level: Level) -> None:
    """One session at its own pace; what comes back in the settled time is counted."""
    from websockets.asyncio.client import connect

    await asyncio.sleep(offset)
    async with connect(address, max_size=2**24) as ws:
        await ws.send(json.dumps({"type": "start"}))
        if json.loads(await ws.recv())["type"] != "started":
            level.failed += 1
            return
        began = time.monotonic()
        sent_picture: dict[float, float] = {}
        sent_chunk: dict[int, float] = {}

        async def read() -> None:
            async for text in ws:
                now, told = time.monotonic(), json.loads(text)
                if told["type"] == "face" and told["time"] >= SETTLE:
                    level.face.append((now - sent_picture[round(told["time"], 3)]) * 1e3)
                elif told["type"] == "voice":
                    chunk = feed.completed_by.get((round(told["start"], 3), round(told["end"], 3), told["interim"]))
                    if chunk in sent_chunk and chunk * CHUNK / RATE >= SETTLE:       # else the stop completed it
                        level.voice.append((now - sent_chunk[chunk]) * 1e3)
                elif told["type"] == "rate":
                    level.slowed += 1
                elif told["type"] == "error":
                    level.failed += 1

        reading = asyncio.create_task(read())
        due = [((i + 1) * CHUNK / RATE, 1, i) for i in range(int(seconds * RATE / CHUNK))]
        due += [(at, 2, i) for i, (at, _) in enumerate(feed.pictures) if at < seconds]
        for at, kind, i in sorted(due):
            await asyncio.sleep(max(0.0, began + at - time.monotonic()))
            if kind == 1:
                sent_chunk[i] = time.monotonic()
                await ws.send(b"\x01" + struct.pack("<d", i * CHUNK / RATE) + feed.chunks[i])
            else:
                sent_picture[round(at, 3)] = time.monotonic()
                level.sent += at >= SETTLE
                await ws.send(b"\x02" + struct.pack("<d", at) + feed.pictures[i][1])
        await ws.send(json.dumps({"type": "stop"}))
        await asyncio.wait_for(reading, 60)


def served(feed: Feed, levels: list[int], seconds: float, streamers: int) -> list[Level]:
    """Levels until one doesn't hold, against a server of this machine."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    out: list[Level] = []
    with tempfile.TemporaryDirectory(prefix="attune-live-") as data:
        command = [sys.executable, "-m", "attune.cli", "serve", "--data", data, "--port", str(port), "--workers", "0", "--streamers", str(streamers),
                   "--limit", "streams=256", "--limit", "streams_per_key=256"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
        server = subprocess.Popen(command, cwd=data, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _wait(port)
            address = f"ws://127.0.0.1:{port}/v1/live"

            async def at_once(n: int, long: float) -> Level:
                level = Level(n)
                await asyncio.gather(*(client(address, feed, long, i / n / FPS, level) for i in range(n)))
                return level

            asyncio.run(at_once(streamers, 3.0))             # each process has loaded its models
            for n in levels:
                out.append(asyncio.run(at_once(n, seconds)))
                print(out[-1].row(), flush=True)
                if not out[-1].holds:
                    break
        finally:
            server.terminate()
            server.wait(30)
    return out


def _wait(port: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("the server didn't start")


def hour(feed: Feed, minutes: float, fps: float, *, record: bool) -> tuple[list[tuple[float, float]], float]:
    """(minute, MB of memory) of a session that is fed as fast as it goes, and how many times real time that was."""
    session, sizes, began = Session(Settings(), record=record), [], time.perf_counter()
    pictures = [decoded(data) for _, data in feed.pictures[:35]]
    sound = [np.frombuffer(c, "<i2").astype(np.float32) / 32_768 for c in feed.chunks[:116]]
    shown = 0
    for i in range(round(minutes * 60 * RATE / CHUNK)):
        now = i * CHUNK / RATE
        session.hear(sound[i % len(sound)])
        while shown / fps <= now:
            session.see(shown / fps, pictures[shown % len(pictures)])
            shown += 1
        if i % 300 == 0:
            session.words(now, now + 1, "I am so happy to see you.")
        if i % (300 * RATE // CHUNK) == 0 or i == 600:       # every five minutes, and after the first
            sizes.append((now / 60, _resident()))
    sizes.append((minutes, _resident()))
    return sizes, minutes * 60 / (time.perf_counter() - began)


def _resident() -> float:
    """MB of memory that this process has now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def page(args: argparse.Namespace, own: dict[str, float], levels: list[Level], sizes: list[tuple[float, float]], speed: float, load: float) -> str:
    held = max((level.n for level in levels if level.holds), default=0)
    last = levels[-1]
    most = f"{held}; {last.n} were too many" if not last.holds else f"at least {held}: more weren't tried"
    one = levels[0]
    growth = sizes[-1][1] - sizes[1][1]
    memory = "\n".join(f"| {minute:.0f} | {size:.0f} |" for minute, size in sizes)
    rows = "\n".join(level.row() for level in levels)
    return f"""# Live: latency, sessions, memory

```
python benchmarks/live.py{''.join(f" {a}" for a in args.given)}
```

{platform.machine()}, {os.cpu_count()} cores, load {load:.1f} from other work when it began; {args.streamers} streaming processes, the clients on the same
machine; samples/hello.mp4 (640 x 480) at 3 pictures a second and 10 chunks of sound, {args.seconds:.0f} s a level, the first {SETTLE:.0f} s not counted.

**Alone**, without a server: a picture {own['picture']:.0f} ms (p95 {own['picture95']:.0f}) and {own['decode']:.1f} ms to decode it; a second of sound
{own['second']:.0f} ms, the interim estimates included.

**Over the WebSocket**, from sent to read, one session: a picture {_two(one.face)}; the voice, from the chunk that completes an estimate, {_two(one.voice)}.
Beside that an utterance is known to be over only after its pause (0.6 s), and sound is judged in pieces of 0.26 s.

**Sessions at once**, until the p95 of pictures or voice passes {BOUND:.0f} ms, or fewer than {ANSWERED:.0%} of the pictures are answered: **{most}**.

| sessions | picture p50, ms | p95 | voice p50, ms | p95 | pictures answered | rates changed | holds |
|---|---|---|---|---|---|---|---|
{rows}

**Memory** of a session that isn't recorded, fed {args.minutes:.0f} minutes with {args.hour_fps:g} picture(s) a second as fast as it goes ({speed:.0f} x real
time): {growth:+.1f} MB from the first minute to the end.

| minute | MB |
|---|---|
{memory}
"""


def _two(x: list[float]) -> str:
    return f"{np.percentile(x, 50):.0f} ms, p95 {np.percentile(x, 95):.0f} (n = {len(x)})" if x else "none"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--levels", type=int, nargs="+", default=[1, 4, 8, 16, 24, 32, 48, 64])
    parser.add_argument("--seconds", type=float, default=10.0, help="of one level")
    parser.add_argument("--streamers", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=60.0, help="of the long session")
    parser.add_argument("--hour-fps", type=float, default=1.0, help="pictures a second in the long session")
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    args.given, load = sys.argv[1:], os.getloadavg()[0]
    feed = Feed.of(max(args.seconds, 12.0) + 1)
    own = alone(feed)
    print(own, flush=True)
    levels = served(feed, args.levels, args.seconds, args.streamers)
    sizes, speed = hour(feed, args.minutes, args.hour_fps, record=False)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(page(args, own, levels, sizes, speed, load), encoding="utf-8")
    print(args.out.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
