"""A worker that measures nothing: it takes its time, writes a line for each beginning, and gives a made-up result."""

import json
import signal
import sys
import time
from pathlib import Path

from attune.server.config import Config
from attune.server.jobs.worker import Worker

STEPS = 5


def measure(job, part, folder, media, config, hook):
    source = json.loads(part["source"])
    said = json.loads(source["text"]) if source.get("text", "").startswith("{") else {}
    with (config.data / "begun.txt").open("a") as ledger:
        ledger.write(f"{job['id']} {part['n']}\n")
    for i in range(STEPS):
        hook("light", i, STEPS)
        time.sleep(said.get("seconds", 0.1) / STEPS)
    if said.get("die"):
        signal.raise_signal(signal.SIGKILL)
    if said.get("fail"):
        raise ZeroDivisionError
    return {"counts": {"predictions": 1, "errors": 0}, "error": None, "results": {"predictions": [], "errors": []}, "recordings": []}


def main():
    first = json.loads(sys.stdin.readline())
    worker = Worker(first["name"], Config.from_json(first["config"]), measure)
    signal.signal(signal.SIGTERM, lambda *_: worker.stop.set())
    worker.follow(sys.stdin)
    worker.run()


if __name__ == "__main__":
    main()


def begun(data: Path):
    """Pairs of job and part, one for each time that measuring began."""
    file = data / "begun.txt"
    return [tuple(line.split()) for line in file.read_text().splitlines()] if file.exists() else []
