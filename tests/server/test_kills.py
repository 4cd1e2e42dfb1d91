"""Kill -9 whatever runs: what was accepted ends, once."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest
from light_worker import begun

from attune.server.config import Config, Limits
from attune.server.jobs.keeper import Keeper
from attune.server.jobs.queue import New, Queue
from attune.server.jobs.tables import CANCELLED, COMPLETED, OPEN, QUEUED

PATIENCE = 240.0                         # s; the machine may be busy


def config(data, database, **more):
    return Config(data, database=database, lease=5.0, **more)


def submit(queue, parts=1, **said):
    return queue.submit(New("attune", "ada", {}, [{"type": "text", "text": json.dumps(said)} for _ in range(parts)]))


def wait(condition, what="it"):
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, f"{what} never came to be"
        time.sleep(0.05)


def over(queue):
    return not set(queue.counts()) & set(OPEN)


def once(queue, number, parts):
    """Whether each part was measured once, and the job ended once."""
    return Counter(e["event"] for e in queue.history(number)) == {"accepted": 1, "measured": parts, "completed": 1}


@pytest.fixture
def keeper(tmp_path, database):
    made = []

    def start(**more):
        queue = Queue(database)
        made.append(Keeper(config(tmp_path, database, **more), queue, "light_worker"))
        made[-1].start()
        return made[-1]

    yield start
    for one in made:
        one.stop()
        one.queue.close()


def test_workers_killed_at_random_moments_lose_nothing_and_double_nothing(keeper, tmp_path):
    keeping, chance = keeper(workers=2), random.Random(1)
    queue = keeping.queue
    numbers = [submit(queue, 2, seconds=0.4) for _ in range(8)]
    for _ in range(3):
        wait(lambda: queue.workers() or over(queue), "a busy worker")
        time.sleep(chance.uniform(0, 0.5))
        chance.choice(keeping.workers).popen.kill()
    wait(lambda: over(queue), "the end of all jobs")
    assert queue.counts() == {COMPLETED: 8} and all(once(queue, n, 2) for n in numbers)


def test_a_part_that_kills_its_process_is_given_up_and_the_others_are_measured(keeper):
    keeping = keeper(workers=1, limits=Limits(attempts=2))
    bad, good = submit(keeping.queue, die=True), submit(keeping.queue)
    wait(lambda: over(keeping.queue), "the end of all jobs")
    _, parts = keeping.queue.get(bad)
    assert "ended 2 times" in parts[0]["message"] and parts[0]["errors"] == 1
    assert once(keeping.queue, good, 1)


def test_a_defect_of_ours_is_the_parts_error_and_no_more(keeper):
    queue = keeper(workers=1).queue
    number = submit(queue, fail=True)
    wait(lambda: over(queue))
    assert "unexpected ZeroDivisionError" in queue.get(number)[1][0]["message"]


def test_a_running_job_is_cancelled(keeper):
    queue = keeper(workers=1).queue
    number = submit(queue, seconds=60)
    wait(lambda: queue.workers(), "a busy worker")
    assert queue.cancel(number, "ada")
    wait(lambda: queue.get(number)[0]["state"] == CANCELLED, "the cancellation")


def test_a_keeper_that_stops_lays_its_jobs_down_for_the_next(keeper):
    first = keeper(workers=1)
    number = submit(first.queue, seconds=3)
    wait(lambda: first.queue.workers(), "a busy worker")
    first.stop()
    assert first.queue.get(number)[0]["state"] == QUEUED
    again = keeper(workers=1)
    wait(lambda: over(again.queue))
    assert once(again.queue, number, 1)


# ---- the whole server ---------------------------------------------------------------------------------------------------------

def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.fixture
def server(tmp_path, database):
    """start() -> the process; all of them share one data folder, one database and one port."""
    running, port = [], free_port()
    here = Path(__file__).parents[1]

    def start(workers=2):
        paths = os.pathsep.join([str(here), str(here.parent)])
        command = [sys.executable, str(here / "light_server.py"), str(tmp_path), str(port), str(workers), database]
        running.append(subprocess.Popen(command, env={**os.environ, "PYTHONPATH": paths}))
        wait(alive, "the server")
        return running[-1]

    def alive():
        try:
            return httpx.get(f"http://127.0.0.1:{port}/health", timeout=30).status_code == 200
        except httpx.HTTPError:
            return False

    start.address = f"http://127.0.0.1:{port}"
    yield start
    for process in running:
        process.terminate()
        process.wait(120)


def send(address, seconds):
    return httpx.post(f"{address}/v0/batch/jobs", json={"text": [json.dumps({"seconds": seconds})] * 2}, timeout=60).json()["job_id"]


def test_a_killed_server_loses_no_accepted_job_and_the_next_ends_each_once(server, tmp_path, database):
    numbers = []
    for _ in range(2):
        process = server()
        numbers += [send(server.address, 0.4) for _ in range(5)]
        process.kill()
        process.wait()
    server()
    queue = Queue(database)
    wait(lambda: over(queue), "the end of all jobs")
    assert queue.counts() == {COMPLETED: 10} and all(once(queue, n, 2) for n in numbers)
    assert set(begun(tmp_path)) == {(n, p) for n in numbers for p in "01"}
    queue.close()


def test_workers_of_a_killed_server_end_by_themselves(server, database):
    process = server(workers=1)
    number = send(server.address, 60)
    queue = Queue(database)
    wait(lambda: queue.workers(), "a busy worker")
    worker = int(queue.workers()[0].split("|")[1])
    process.kill()
    process.wait()

    def gone():
        try:
            return "Z" in Path(f"/proc/{worker}/stat").read_text().split(")")[1][:3]
        except FileNotFoundError:
            return True

    wait(gone, "the worker's end")
    assert queue.get(number)[0]["state"] == QUEUED
    queue.close()


def test_a_server_that_is_asked_to_stop_stops_in_order(server, database):
    process = server(workers=1)
    number = send(server.address, 60)
    queue = Queue(database)
    wait(lambda: queue.workers(), "a busy worker")
    process.terminate()
    assert process.wait(60) in (0, -signal.SIGTERM)
    assert queue.get(number)[0]["state"] == QUEUED and queue.workers() == []
    queue.close()
