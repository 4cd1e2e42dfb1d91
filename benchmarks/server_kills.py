"""Kill -9 the server or a worker at random moments while jobs of mixed media are measured: nothing may be lost, nothing done twice.

    python benchmarks/server_kills.py [--jobs 200] [--kills 20] [--workers 2] [--seed 1] [--database postgresql://...]

Sends jobs (texts, a sound, a picture, a short video, an archive, several of them together) to `attune serve` while a second hand kills, spread over
the work: half of the kills meet the server, which is then started again, half a worker. A submission that the killed server didn't answer is sent again
under the same Idempotency-Key. Prints what became of the jobs, and writes benchmarks/results/server_kills.md.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import wave
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import av
import httpx
import numpy as np

from attune.server.jobs.queue import Queue
from attune.server.jobs.tables import COMPLETED, OPEN

ROOT = Path(__file__).parents[1]
MODELS = b'{"models": {"face": {}, "prosody": {}, "language": {"granularity": "sentence"}}}'
PATIENCE = 1800.0                        # s that is waited for the next


def sound(seconds: float = 1.0) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as w:
        w.setnchannels(1)
        w.setsampwidth(2)
        w.setframerate(16000)
        w.writeframes((np.sin(np.arange(round(16000 * seconds)) / 9) * 9000).astype("<i2").tobytes())
    return out.getvalue()


def video(seconds: float = 1.0, codec: str = "libx264") -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.mp4"
        with av.open(str(path), "w") as out:
            stream = out.add_stream(codec, rate=10)
            stream.width, stream.height, stream.pix_fmt = 96, 72, "yuv420p"
            for n in range(round(seconds * 10)):
                out.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((72, 96, 3), n * 9 % 255, np.uint8), "rgb24")))
            out.mux(stream.encode(None))
        return path.read_bytes()


def picture() -> bytes:
    from attune.media import jpeg

    return jpeg(np.full((72, 96, 3), 128, np.uint8))


def archive(*members: tuple[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as files:
        for name, data in members:
            files.writestr(name, data)
    return out.getvalue()


class Server:
    """`attune serve`, started again after each kill."""

    def __init__(self, data: Path, workers: int, database: str) -> None:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.command = [sys.executable, "-m", "attune.cli", "serve", "--data", str(data), "--port", str(self.port), "--workers", str(workers),
                        *(["--database", database] if database else [])]
        self.log = (data / "server.log").open("w")
        self.start()

    def start(self) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(self.command, env=environment, stdout=self.log, stderr=self.log)
        while True:
            try:
                if httpx.get(f"{self.address}/health").status_code == 200:
                    return
            except httpx.HTTPError:
                assert self.process.poll() is None, "the server ended; see server.log"
            time.sleep(0.1)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.start()

    def workers(self) -> list[int]:
        """Process numbers of the children that work."""
        found = []
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                after = status.read_text().rpartition(")")[2].split()
                if int(after[1]) == self.process.pid and b"jobs.worker" in (status.parent / "cmdline").read_bytes():
                    found.append(int(status.parent.name))
            except (OSError, IndexError):
                continue
        return found


def send(server: Server, n: int, media: list[tuple[str, bytes, str]]) -> tuple[str, int, int]:
    """A job's number, its parts, and how often it was sent."""
    chosen = [media[n % len(media)]] if n % 5 else media[:3]
    for tries in range(1, 100):
        try:
            files = [("file", one) for one in chosen] + [("json", ("upload", MODELS))]
            answer = httpx.post(f"{server.address}/v0/batch/jobs", files=files, headers={"Idempotency-Key": f"job-{n}"}, timeout=60)
            return answer.raise_for_status().json()["job_id"], len(chosen), tries
        except httpx.TransportError:
            time.sleep(0.2)
    raise SystemExit(f"job {n} couldn't be sent")


def wait(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < until:
        time.sleep(0.1)


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, kind, default in (("jobs", int, 200), ("kills", int, 20), ("workers", int, 2), ("seed", int, 1), ("database", str, "")):
        asked.add_argument(f"--{name}", type=kind, default=default)
    given = asked.parse_args()
    chance = random.Random(given.seed)
    data = Path(tempfile.mkdtemp(prefix="attune-kills-"))
    media = [("a.txt", b"I am so glad. And you?", "text/plain"), ("b.wav", sound(), "audio/wav"), ("c.jpg", picture(), "image/jpeg"),
             ("d.mp4", video(), "video/mp4"), ("e.zip", archive(("x/a.txt", b"Go away."), ("x/b.wav", sound(0.7))), "application/zip")]
    server = Server(data, given.workers, given.database)
    queue = Queue(given.database or f"sqlite:///{data / 'attune.db'}")
    began, killed, sent = time.monotonic(), Counter[str](), {}

    def sending() -> None:
        for n in range(given.jobs):
            job, parts, tries = send(server, n, media)
            assert job not in sent, "one number for two jobs"
            sent[job] = parts
            killed["sent again"] += tries - 1

    sender = threading.Thread(target=sending)
    sender.start()
    for done in sorted(chance.sample(range(given.jobs * 9 // 10), given.kills)):           # a kill after so many jobs, and a moment
        wait(lambda done=done: queue.counts().get(COMPLETED, 0) >= done)
        time.sleep(chance.uniform(0, 1.5))
        workers = server.workers()
        if chance.random() < 0.5 or not workers:
            server.kill()
            killed["server"] += 1
        else:
            os.kill(chance.choice(workers), signal.SIGKILL)
            killed["worker"] += 1
    sender.join()
    wait(lambda: not set(queue.counts()) & set(OPEN))
    took = time.monotonic() - began
    verdict: Counter[str] = Counter()
    for job, parts in sent.items():
        events = Counter(e["event"] for e in queue.history(job))
        answer = httpx.get(f"{server.address}/v0/batch/jobs/{job}/predictions", timeout=60)
        whole = answer.status_code == 200 and len(answer.json()) == parts and all(a["results"] or a["error"] for a in answer.json())
        verdict["completed"] += events[COMPLETED.lower()] == 1 and whole
        verdict["lost"] += events[COMPLETED.lower()] == 0 or not whole
        verdict["ended twice"] += events[COMPLETED.lower()] > 1
        verdict["a part written twice"] += events["measured"] > parts
    server.process.terminate()
    server.process.wait(60)
    where = "PostgreSQL" if given.database else "SQLite"
    lines = ["# Kills", "", f"`{' '.join(['python benchmarks/server_kills.py', *sys.argv[1:]])}`", "",
             "| database | jobs | parts | kills of the server | of a worker | sent again | completed | lost | ended twice | a part written twice | seconds |",
             "|---|---|---|---|---|---|---|---|---|---|---|",
             f"| {where} | {len(sent)} | {sum(sent.values())} | {killed['server']} | {killed['worker']} | {killed['sent again']} | {verdict['completed']} | "
             f"{verdict['lost']} | {verdict['ended twice']} | {verdict['a part written twice']} | {took:.0f} |"]
    print("\n".join(lines))
    (ROOT / "benchmarks" / "results" / "server_kills.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    raise SystemExit(verdict["completed"] != given.jobs)


if __name__ == "__main__":
    main()
