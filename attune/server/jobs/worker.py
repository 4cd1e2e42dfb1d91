"""A process that measures: lease a job, measure its unfinished parts one after the other, write each down, take the next.

It is started by a keeper (`python -m attune.server.jobs.worker`), reads the configuration from its standard input, and takes the end of that
input as the keeper's death. A second thread renews the lease while the first measures; so a stop, a cancel or a lost lease reaches the
measuring at its next picture or second of sound. A part whose result lies in its folder already is taken as measured.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from attune.errors import AttuneError
from attune.server.config import Config
from attune.server.jobs.queue import Lease, Lost, OperationalError, Queue, Row
from attune.server.jobs.store import Store
from attune.server.jobs.tables import CANCELLED

IDLE = 0.25                              # s between two looks into an empty queue
BEATS = 6                                # renewals in the length of a lease
BANDS = {"face": (0.0, 0.7), "voice": (0.75, 0.95), "text": (0.95, 1.0)}        # where a step begins and ends in the progress that is told
OTHER = (0.7, 0.75)
GRACE = 60.0                             # s that measuring may go on after its time is over, before the process ends itself

Hook = Callable[[str, float, float], None]
Measure = Callable[[Mapping[str, Any], Row, Path, Path, Config, Hook], dict[str, Any]]      # job, part, its folder, the media's -> a result

log = logging.getLogger("attune.worker")


class Stopped(Exception):
    """Raised out of the measuring, because the worker ends, the job was cancelled, or the lease was lost."""


class TooLong(AttuneError):
    """Measuring one file took longer than is allowed."""


class Worker:
    """One process's work; `measure` is the seam at which tests put something light."""

    def __init__(self, name: str, config: Config, measure: Measure) -> None:
        self.name, self.config, self.measure = name, config, measure
        self.queue, self.store = Queue(config.url), Store(config.data)
        self.stop, self.cancel, self.lost = threading.Event(), threading.Event(), threading.Event()
        self.held: Lease | None = None
        self.step, self.done, self.part, self.since = "", 0.0, 0, 0.0

    def run(self) -> None:
        """Work until asked to stop."""
        while not self.stop.is_set():
            try:
                lease = self.queue.lease(self.name, self.config.lease)
            except OperationalError as error:                # the database is away or busy: it will be back
                log.warning("no answer from the database: %s", error)
                self.stop.wait(2)
                continue
            if lease is None:
                self.stop.wait(IDLE)
                continue
            try:
                self.job(lease)
            except Lost as error:
                log.warning("%s", error)
            except OperationalError as error:                # not written down: the lease runs out, and somebody measures it again
                log.warning("job %s is left: %s", lease.id, error)

    def job(self, lease: Lease) -> None:
        """Measure one job's unfinished parts."""
        self.cancel.clear()
        self.lost.clear()
        self.held, over = lease, threading.Event()
        beat = threading.Thread(target=self._renew, args=(lease, over), daemon=True)
        beat.start()
        try:
            waiting = self.queue.unfinished(lease.id)
            total = len(self.queue.get(lease.id)[1])         # type: ignore[index]
            for i, part in enumerate(waiting):
                self.step, self.done, self.part, self.since = "", (total - len(waiting) + i) / total, part["n"], time.monotonic()
                self._part(lease, part, share=1 / total)
            if self.config.keep_media is False and not lease.job["keep_media"]:
                self.store.drop_media(lease.id)
            self.queue.end(lease, retention=self.config.retention)
        except Stopped:
            if self.lost.is_set():
                raise Lost(f"job {lease.id} was taken by another worker") from None
            if self.cancel.is_set():
                self.store.drop_media(lease.id)
                self.queue.end(lease, CANCELLED, "cancelled while it was measured", retention=self.config.retention)
            else:
                self.queue.give_back(lease)
        finally:
            self.held = None
            over.set()

    def _part(self, lease: Lease, part: Row, share: float) -> None:
        n, before = part["n"], self.queue.begin(lease, part["n"])
        if before >= self.config.limits.attempts:
            message = f"the process that measured it ended {before} times (out of memory, or a crash in a library); given up"
            self.queue.end_part(lease, n, message=message)
            return
        self._check()
        result = self.store.result(lease.id, n)              # measured before, and killed before it could be said
        if result is None:
            base = self.done

            def hook(step: str, done: float, total: float) -> None:
                self._check()
                first, last = BANDS.get(step, OTHER)
                part = min(1.0, done / total) if total and total == total else 0.0       # NaN: the file doesn't say how long it is
                self.step, self.done = step, max(self.done, base + share * (first + (last - first) * part))

            result = self._measured(lease, part, hook)
            self.store.keep(lease.id, n, result)
        counts = result["counts"]
        self.queue.end_part(lease, n, predictions=counts["predictions"], errors=counts["errors"], message=result.get("error") or "")

    def _measured(self, lease: Lease, part: Row, hook: Hook) -> dict[str, Any]:
        """The part's result; whatever goes wrong with it is one, too."""
        try:
            return self.measure(lease.job, part, self.store.part(lease.id, part["n"]), self.store.folder(lease.id) / "media", self.config, hook)
        except AttuneError as error:
            message = str(error)
        except (OSError, MemoryError) as error:
            message = f"{type(error).__name__}: {error}"
        except Stopped:
            raise
        except Exception as error:                           # a defect of ours must not cost the other parts
            log.exception("job %s, part %s", lease.id, part["n"])
            message = f"unexpected {type(error).__name__}; please report it"
        folder = str(self.config.data)
        return {"counts": {"predictions": 0, "errors": 0}, "error": message.replace(folder + os.sep, "").replace(str(self.config.data.resolve()) + os.sep, "")}

    def _check(self) -> None:
        if self.stop.is_set() or self.cancel.is_set() or self.lost.is_set():
            raise Stopped
        if time.monotonic() - self.since > self.config.limits.job_seconds:
            raise TooLong(f"measuring took longer than {self.config.limits.job_seconds:.0f} s, as long as is allowed here")

    def _renew(self, lease: Lease, over: threading.Event) -> None:
        while not over.wait(self.config.lease / BEATS):
            try:
                if self.queue.renew(lease, self.config.lease, step=self.step, done=self.done):
                    self.cancel.set()
            except Lost:
                self.lost.set()
                return
            except OperationalError as error:
                log.warning("the lease couldn't be renewed: %s", error)
            if time.monotonic() - self.since > self.config.limits.job_seconds + GRACE:     # stuck in a library: only the process's end ends it
                with contextlib.suppress(Lost):
                    self.queue.end_part(lease, self.part, message=f"measuring hung for {self.config.limits.job_seconds + GRACE:.0f} s and was ended")
                self._leave()

    def _leave(self) -> None:
        """End the process now, and lay the job down."""
        held = self.held
        if held is not None:
            with contextlib.suppress(Exception):
                self.queue.give_back(held)
        os._exit(3)

    def follow(self, keeper: Any) -> None:
        """End with the keeper: when its end of the pipe is closed."""
        def wait() -> None:
            with contextlib.suppress(OSError, ValueError):
                while keeper.readline():
                    pass
            self._leave()

        threading.Thread(target=wait, daemon=True).start()


def main() -> None:
    """Read the configuration, work, and go on SIGTERM."""
    from attune.server.measuring import measure_part

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)     # it tells of each look at the database
    logging.getLogger("httpx").setLevel(logging.WARNING)     # addresses may tell more than they should
    first = json.loads(sys.stdin.readline())
    worker = Worker(first["name"], Config.from_json(first["config"]), measure_part)
    signal.signal(signal.SIGTERM, lambda *_: worker.stop.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)             # Ctrl-C is for the keeper, which ends its workers in order
    worker.follow(sys.stdin)
    worker.run()
    worker.queue.close()


if __name__ == "__main__":
    main()
