"""Whoever starts the workers: starts them again when they die, takes their jobs back at once, and ends them in order."""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
import threading
import time
import uuid
from dataclasses import dataclass

from attune.server.config import Config
from attune.server.jobs.queue import OperationalError, Queue

LOOK = 0.2                               # s between two looks at the workers
QUICK = 5.0                              # s; who dies sooner is started again only after a while
LATER = 2.0                              # s, that while
ORDERLY = 15.0                           # s that workers get to lay down their jobs

log = logging.getLogger("attune.keeper")


@dataclass
class _Process:
    name: str
    popen: subprocess.Popen[str]
    born: float


class Keeper:
    """Keeps a number of workers alive from `start` to `stop`.

    A worker's name says the machine and the process, so that a server that is started after a crash finds whose leases nobody will renew.
    """

    def __init__(self, config: Config, queue: Queue, module: str = "attune.server.jobs.worker") -> None:
        self.config, self.queue, self.module = config, queue, module
        self.workers: list[_Process] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def start(self) -> None:
        """Take the jobs of dead workers of this machine, and start our own."""
        for name in self.queue.workers():
            machine, process, _ = ([*name.split("|"), "", ""])[:3]
            if machine == socket.gethostname() and process.isdecimal() and not _alive(int(process)):
                log.warning("%d jobs of a worker that died are started again", self.queue.take_from(name))
        self.workers = [self._started() for _ in range(self.config.workers)]
        self._thread.start()

    def stop(self) -> None:
        """Let the workers lay down their jobs; who doesn't in time is killed, and its jobs taken."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        for w in self.workers:
            w.popen.terminate()
        until = time.monotonic() + ORDERLY
        for w in self.workers:
            try:
                w.popen.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                w.popen.kill()
                w.popen.wait()
                self.queue.take_from(w.name)
            if w.popen.stdin:
                w.popen.stdin.close()
        self.workers = []

    def _keep(self) -> None:
        while not self._stop.wait(LOOK):
            for i, w in enumerate(self.workers):
                if w.popen.poll() is None:
                    continue
                log.warning("worker %s ended (%s); another one is started", w.name, w.popen.returncode)
                try:
                    self.queue.take_from(w.name)
                except OperationalError as error:            # next time
                    log.warning("no answer from the database: %s", error)
                    continue
                if time.monotonic() - w.born < QUICK and self._stop.wait(LATER):
                    return
                if w.popen.stdin:
                    w.popen.stdin.close()
                self.workers[i] = self._started()

    def _started(self) -> _Process:
        environment = {"OMP_NUM_THREADS": "1", **os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        popen = subprocess.Popen([sys.executable, "-m", self.module], stdin=subprocess.PIPE, text=True, env=environment)
        name = f"{socket.gethostname()}|{popen.pid}|{uuid.uuid4().hex[:8]}"
        assert popen.stdin is not None
        try:
            popen.stdin.write(json.dumps({"name": name, "config": self.config.to_json()}) + "\n")
            popen.stdin.flush()
        except BrokenPipeError:                              # dead already: the next look starts another
            pass
        return _Process(name, popen, time.monotonic())


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
