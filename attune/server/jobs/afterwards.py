"""What is left to do once jobs have ended: tell those who asked to be told, delete what was kept long enough."""

from __future__ import annotations

import logging
import threading
import time

from attune.server.config import Config
from attune.server.intake import Refused, resolved
from attune.server.jobs.queue import OperationalError, Queue, Row
from attune.server.jobs.store import Store

LOOK = 1.0                               # s between two looks
SWEEP = 60.0                             # s between two sweeps of the data folder
TRIES = 6                                # callbacks tried before giving up
AGAIN = 30.0                             # s until the second try, doubled each time
PATIENCE = 20.0                          # s that a callback may take

log = logging.getLogger("attune.afterwards")


class Afterwards:
    """A thread that looks after ended jobs from `start` to `stop`."""

    def __init__(self, config: Config, queue: Queue, store: Store) -> None:
        self.config, self.queue, self.store = config, queue, store
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        swept = -SWEEP
        while not self._stop.wait(LOOK):
            try:
                while not self._stop.is_set() and (job := self.queue.next_callback(AGAIN)) is not None:
                    self.call_back(job)
                if time.monotonic() - swept > SWEEP:
                    self.sweep()
                    swept = time.monotonic()
            except OperationalError as error:
                log.warning("no answer from the database: %s", error)
            except Exception:                                # this thread must go on
                log.exception("afterwards")

    def call_back(self, job: Row) -> None:
        """Post a job's end to the address it named, once; what doesn't arrive is tried again later."""
        import httpx

        from attune.server.hume_v0.answered import callback

        found = self.queue.get(job["id"])
        if found is None:
            return
        try:
            parts, number = resolved(job["callback"], allow_private=self.config.allow_private)
            host = f"[{number}]" if ":" in number else number
            straight = parts._replace(netloc=f"{host}:{parts.port}" if parts.port else host).geturl()
            with httpx.Client(timeout=PATIENCE, follow_redirects=False, trust_env=False) as client:
                answer = client.post(straight, json=callback(self.store, *found), headers={"Host": parts.netloc, "User-Agent": "attune"},
                                     extensions={"sni_hostname": parts.hostname})
            arrived, why = answer.is_success, f"answered {answer.status_code}"
        except (Refused, httpx.HTTPError) as error:
            arrived, why = False, str(error)
            if isinstance(error, Refused) and "private" in why:
                job = {**job, "callback_tries": TRIES}       # type: ignore[assignment]  # later it is still private
        if arrived:
            self.queue.called_back(job["id"], "sent")
        elif job["callback_tries"] + 1 >= TRIES:
            log.warning("job %s: the callback never arrived (%s)", job["id"], why)
            self.queue.called_back(job["id"], "failed")
        else:
            self.queue.call_later(job["id"], AGAIN * 2 ** job["callback_tries"])

    def sweep(self) -> None:
        """Delete what was kept long enough, and folders of jobs that were never accepted."""
        for number in self.queue.expired():
            self.store.drop(number)
            self.queue.forget(number)
        strays = self.store.strays()
        for number in set(strays) - self.queue.known(strays):
            self.store.drop(number)
