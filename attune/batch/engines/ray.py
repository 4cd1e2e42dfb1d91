"""Ray: the same processes, spread over a cluster that is started here or runs already.

Each lane is an actor that holds a `Worker`: Ray chooses the machine and says when it is gone; the limits of time and memory are kept beside the
work, as they are without Ray. Actors rather than Ray Data, since a file is minutes of work and its result lies on disk: there are no blocks to
stream or shuffle, and Data tries a block again with all that is in it, knows no limit of time for an item, and stops at an item that kills
its worker too often. A lost actor is opened anew, and only its one file is tried again. Steps inside a file aren't passed on.
"""

from __future__ import annotations

import importlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from attune.batch.folders import sweep
from attune.batch.mapping import Lanes, Limits
from attune.batch.worker import Outcome, Tell, Work, Worker
from attune.errors import MissingExtra, SettingError

TITLE = "Ray, started here or by address"
PATIENCE = 60.0                          # s more than an item's limit before its actor is given up
ANSWERS = 5.0                            # s in which a cluster's port must answer: Ray itself would try for minutes
CLOSES = 5.0                             # s in which an actor ends its process
CARRIED = ("ATTUNE_", "AWS_", "GOOGLE_", "AZURE_", "FSSPEC_", "OMP_NUM_THREADS")     # environment that workers on other machines need


@contextmanager
def start(*, workers: int, limits: Limits, address: str | None = None, gpus: float = 0.0, together: int = 1) -> Iterator[Lanes]:
    """Connect, or start Ray on this machine with as many CPUs as workers; what was started here ends here.

    Raises
    ------
    MissingExtra
        If Ray, or what it needs for an address, isn't installed.
    SettingError
        If nobody answers at the address, or doesn't let us in.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")                  # nothing is reported to anybody
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        ray: Any = importlib.import_module("ray")
    except ImportError as error:
        raise MissingExtra("this needs Ray: pip install 'attune[scale]', or use --engine local") from error
    _must_answer(address)
    ours = not ray.is_initialized()
    if ours:
        carried = {name: value for name, value in os.environ.items() if name.startswith(CARRIED)}
        if not address:                    # the same machine: the same modules are where they are here
            carried["PYTHONPATH"] = os.pathsep.join(p for p in sys.path if p)
        # "local": without it Ray would join any cluster that this machine, or RAY_ADDRESS, remembers
        here: dict[str, Any] = {"address": address} if address else {"address": "local", "num_cpus": workers, "include_dashboard": False}
        stopping = signal.getsignal(signal.SIGTERM)
        try:
            ray.init(**here, log_to_driver=False, logging_level="ERROR", runtime_env={"env_vars": carried})
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise _refused(address, error) from error
        if callable(stopping) and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, stopping)          # Ray puts its own in place, which aborts
    there = ray.cluster_resources().get("GPU", 0) if gpus else 0
    if there < gpus and not address:      # one with an address may get more when asked
        if ours:
            ray.shutdown()
        raise SettingError(f"--gpus {gpus:g}, and Ray knows of {there:g} here; ask for less, or name a cluster that has them by --ray-address")
    actor = ray.remote(num_cpus=1, num_gpus=gpus, max_restarts=0, max_concurrency=together + 1)(Holder)          # 1 more: it can be closed while it works
    try:
        yield lambda: Distant(ray, actor, together)
    finally:
        if ours:
            ray.shutdown()


def _must_answer(address: str | None) -> None:
    """Raise `SettingError` if an address with a port is one where nobody answers."""
    if not address:
        return
    place = _remembered() if address == "auto" else address
    try:
        given = urlsplit(place if "://" in place else f"//{place}")
        host, port = given.hostname, given.port
    except ValueError as error:
        raise SettingError(f"--ray-address {address}: {error}; expected auto, HOST:PORT or ray://HOST:PORT") from error
    if host is None or port is None:      # nothing to try: it is Ray's to find
        return
    try:
        socket.create_connection((host, port), ANSWERS).close()
    except OSError as error:
        raise SettingError(f"nobody answers at --ray-address {address} ({error}, port {port}); start the cluster there by: ray start --head") from error


def _remembered() -> str:
    """Where "auto" leads: RAY_ADDRESS, or the cluster that this machine was last part of, which may have ended long ago; "" if there was none."""
    file = Path(os.environ.get("RAY_TMPDIR", "/tmp"), "ray", "ray_current_cluster")
    try:
        return os.environ.get("RAY_ADDRESS") or file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _refused(address: str | None, error: Exception) -> Exception:
    """What Ray says when it can't be joined or started, and what to do."""
    what = next(iter(str(error).splitlines()), type(error).__name__)
    if "ray[client]" in str(error):
        return MissingExtra(f"--ray-address {address} needs Ray's client: pip install 'ray[client]', or give HOST:PORT on a machine of the cluster")
    if not address:
        return SettingError(f"Ray can't be started here ({what}); use --engine local, or --ray-address of one that runs")
    return SettingError(
        f"Ray at --ray-address {address} doesn't let us in ({what}); this machine must be part of the cluster (ray start --address HOST:PORT), have its "
        "versions of Ray and Python, and where it asks for a token RAY_AUTH_MODE=token and the token in ~/.ray/auth_token")


class Holder:
    """The actor. It works in the folder that the command was given in, where that is one here: paths may be relative to it."""

    def __init__(self, where: str = "", together: int = 1) -> None:
        with suppress(OSError):
            os.chdir(where)
        sweep()                               # what was left on this machine, where no command may ever be given
        self._worker = Worker(together)

    def do(self, work: Work, index: int, item: Any, seconds: float | None, memory: float | None) -> Outcome:
        return self._worker.do(work, index, item, seconds=seconds, memory=memory)

    def close(self) -> None:
        """End the process, and delete what it fetched: Ray would kill it without asking."""
        self._worker.close()

    def process(self) -> int:
        """Its own number, for those who want to end it."""
        return os.getpid()


class Distant:
    """A lane: an actor, opened when it is needed, and anew when it is gone."""

    def __init__(self, ray: Any, actor: Any, together: int = 1) -> None:
        self._ray, self._open, self._together = ray, actor, together
        self._opening = threading.Lock()
        self._actor: Any = None
        self._there = False                   # whether the actor has found a place

    def do(self, work: Work, index: int, item: Any, *, seconds: float | None = None, memory: float | None = None, tell: Tell | None = None) -> Outcome:
        with self._opening:
            if self._actor is None:
                self._actor, self._there = self._open.remote(os.getcwd(), self._together), False
                self._ray.get(self._actor.process.remote())    # waits until there is a place for it, which costs no item its time
                self._there = True
            actor = self._actor
        if actor is None:
            return Outcome(index, kind="lost", error="the run is over")
        try:
            given = actor.do.remote(work, index, item, seconds, memory)
            outcome: Outcome = self._ray.get(given, timeout=None if seconds is None else seconds + PATIENCE)
        except self._ray.exceptions.RayTaskError as error:      # raised there, as when the work can't be imported: it would be again
            return Outcome(index, kind="failed", error=f"its worker couldn't begin: {str(error).strip().splitlines()[-1]}")
        except (self._ray.exceptions.RayError, TimeoutError) as error:
            if self._actor is actor:          # others that were lost with it may have another one by now
                self.close()
            return Outcome(index, kind="lost", error=f"its worker was lost: {type(error).__name__}: {str(error).strip().splitlines()[0]}")
        return outcome

    def close(self) -> None:
        actor, self._actor = self._actor, None
        if actor is not None and self._ray.is_initialized():
            if self._there:                   # one that still waits for a place has nothing to end, and wouldn't answer
                with suppress(Exception):     # it may be gone
                    self._ray.get(actor.close.remote(), timeout=CLOSES)
            self._ray.kill(actor)
