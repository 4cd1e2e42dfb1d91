"""Ray: the same processes, spread over a cluster that is started here or runs already.

Each lane is an actor that holds a `Worker`: Ray chooses the machine and says when it is gone; the limits of time and memory are kept beside the
work, as they are without Ray. Actors rather than Ray Data, since a file is minutes of work and its result lies on disk: there are no blocks to
stream or shuffle, and Data tries a block again with all that is in it, knows no limit of time for an item, and stops at an item that kills
its worker too often. A lost actor is opened anew, and only its one file is tried again. Steps inside a file aren't passed on.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from attune.batch.mapping import Lanes, Limits
from attune.batch.worker import Outcome, Tell, Work, Worker
from attune.errors import MissingExtra

TITLE = "Ray, started here or by address"
PATIENCE = 60.0                          # s more than an item's limit before its actor is given up
CARRIED = ("ATTUNE_", "AWS_", "FSSPEC_", "OMP_NUM_THREADS")     # environment that workers on other machines need


@contextmanager
def start(*, workers: int, limits: Limits, address: str | None = None, gpus: float = 0.0) -> Iterator[Lanes]:
    """Connect, or start Ray on this machine with as many CPUs as workers; what was started here ends here."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")                  # nothing is reported to anybody
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        ray: Any = importlib.import_module("ray")
    except ImportError as error:
        raise MissingExtra("this needs Ray: pip install 'attune[scale]', or use --engine local") from error
    ours = not ray.is_initialized()
    if ours:
        carried = {name: value for name, value in os.environ.items() if name.startswith(CARRIED)}
        if not address:                    # the same machine: the same modules are where they are here
            carried["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
        here: dict[str, Any] = {"address": address} if address else {"num_cpus": workers, "include_dashboard": False}
        ray.init(**here, log_to_driver=False, logging_level="ERROR", runtime_env={"env_vars": carried})
    actor = ray.remote(num_cpus=1, num_gpus=gpus, max_restarts=0)(Holder)
    try:
        yield lambda: Distant(ray, actor)
    finally:
        if ours:
            ray.shutdown()


class Holder:
    """The actor."""

    def __init__(self) -> None:
        self._worker = Worker()

    def do(self, work: Work, index: int, item: Any, seconds: float | None, memory: float | None) -> Outcome:
        return self._worker.do(work, index, item, seconds=seconds, memory=memory)

    def process(self) -> int:
        """Its own number, for those who want to end it."""
        return os.getpid()


class Distant:
    """A lane: an actor, opened when it is needed, and anew when it is gone."""

    def __init__(self, ray: Any, actor: Any) -> None:
        self._ray, self._open = ray, actor
        self._actor: Any = None

    def do(self, work: Work, index: int, item: Any, *, seconds: float | None = None, memory: float | None = None, tell: Tell | None = None) -> Outcome:
        if self._actor is None:
            self._actor = self._open.remote()
            self._ray.get(self._actor.process.remote())        # waits until there is a place for it, which costs no item its time
        try:
            given = self._actor.do.remote(work, index, item, seconds, memory)
            outcome: Outcome = self._ray.get(given, timeout=None if seconds is None else seconds + PATIENCE)
        except self._ray.exceptions.RayTaskError as error:      # raised there, as when the work can't be imported: it would be again
            return Outcome(index, kind="failed", error=f"its worker couldn't begin: {str(error).strip().splitlines()[-1]}")
        except (self._ray.exceptions.RayError, TimeoutError) as error:
            self.close()
            return Outcome(index, kind="lost", error=f"its worker was lost: {type(error).__name__}: {str(error).strip().splitlines()[0]}")
        return outcome

    def close(self) -> None:
        actor, self._actor = self._actor, None
        if actor is not None and self._ray.is_initialized():
            self._ray.kill(actor)
