"""One function over many items, here or on a cluster: `map`.

An engine (a file in `engines/`) opens lanes; a lane does an item at a time. All the rest is here, once, for every engine: as many lanes as
workers, items taken as lanes get free, results given as they come, tries again after a while where an error may pass. So an engine is a few
lines, and what holds of one holds of the other.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, Protocol

from attune import registry
from attune.batch.worker import Outcome, Tell, Work, must_be_measurable, said
from attune.errors import SettingError

ENGINES = "attune.batch.engines"
PASSING = frozenset(("io", "killed", "lost"))      # kinds of an end that another try may not meet


@dataclass(frozen=True)
class Limits:
    """What an item may take, and how often it is tried.

    seconds, memory
        Time and bytes of memory that an item may take; None: any.
    retries, wait
        Further tries after an error that may pass; seconds before the first of them, doubled each time.
    """

    seconds: float | None = None
    memory: float | None = None
    retries: int = 2
    wait: float = 1.0

    def __post_init__(self) -> None:
        for name, low in (("seconds", 0.1), ("memory", 1e6), ("retries", 0), ("wait", 0)):
            value = getattr(self, name)
            if value is not None and not value >= low:
                raise SettingError(f"limit of {name}={value!r}; expected at least {low:g}")


class Lane(Protocol):
    """Does an item at a time. `close` may come from another thread, and ends what is under way."""

    def do(self, work: Work, index: int, item: Any, *, seconds: float | None = None, memory: float | None = None, tell: Tell | None = None) -> Outcome: ...

    def close(self) -> None: ...


Lanes = Callable[[], Lane]
Engine = Callable[..., AbstractContextManager[Lanes]]      # engines/*.py: start(workers=, limits=, address=, gpus=)


def map(
    work: Work, items: Iterable[Any], *, engine: str = "local", workers: int = 1, limits: Limits | None = None, address: str | None = None, gpus: float = 0.0,
    tell: Callable[..., None] | None = None,
) -> Iterator[Outcome]:
    """work(item, tell) of each item, in the order in which they end; nothing that happens to one costs another.

    Parameters
    ----------
    work
        A function of a module, or anything else that can be pickled. What it tells as tell(...) is passed on as tell(index, ...), by the local engine.
    items
        Taken one by one as lanes get free.
    engine, workers, address, gpus
        A file of `engines/`; items at the same time; of a cluster that runs already; share of a GPU that each worker is given (Ray).

    Raises
    ------
    UnknownName
        If there is no such engine.
    MissingExtra
        If its library isn't installed.
    SettingError
        If a limit can't be kept here.

    >>> sorted(o.value for o in map(lambda item, tell: item * 2, [1, 2, 3]))
    [2, 4, 6]
    """
    limits = limits or Limits()
    if workers < 1:
        raise SettingError(f"workers={workers}; expected at least 1")
    must_be_measurable(limits.memory)
    start: Engine = registry.load(ENGINES, engine).start
    return _mapped(start, work, enumerate(items), workers, limits, address, gpus, tell)


def _mapped(
    start: Engine, work: Work, items: Iterator[tuple[int, Any]], workers: int, limits: Limits, address: str | None, gpus: float,
    tell: Callable[..., None] | None,
) -> Iterator[Outcome]:
    with start(workers=workers, limits=limits, address=address, gpus=gpus) as lanes:
        if workers == 1:
            lane = lanes()
            try:
                for index, item in items:
                    yield _tried(lane, work, index, item, limits, threading.Event(), tell)
            finally:
                lane.close()
            return
        through: queue.Queue[Outcome | BaseException | None] = queue.Queue()
        stop, turn = threading.Event(), threading.Lock()
        opened = [lanes() for _ in range(workers)]

        def follow(lane: Lane) -> None:
            try:
                while not stop.is_set():
                    with turn:
                        index, item = next(items, (-1, None))
                    if index < 0:
                        break
                    through.put(_tried(lane, work, index, item, limits, stop, tell))
                lane.close()                                # its place may be what another lane waits for
                through.put(None)
            except BaseException as error:                  # of the items themselves: it is the caller's
                through.put(error)

        for lane in opened:
            threading.Thread(target=follow, args=(lane,), daemon=True).start()
        try:
            running = workers
            while running:
                outcome = through.get()
                if isinstance(outcome, BaseException):
                    raise outcome
                if outcome is None:
                    running -= 1
                else:
                    yield outcome
        finally:
            stop.set()
            for lane in opened:
                lane.close()


def _tried(lane: Lane, work: Work, index: int, item: Any, limits: Limits, stop: threading.Event, tell: Callable[..., None] | None) -> Outcome:
    """An item done, or given up."""
    told = None if tell is None else lambda *step: tell(index, *step)
    for tries in range(1, limits.retries + 2):
        try:
            outcome = lane.do(work, index, item, seconds=limits.seconds, memory=limits.memory, tell=told)
        except Exception as error:                          # of the engine: its own way to its workers is broken
            outcome = Outcome(index, kind="lost", error=said(error))
        outcome = replace(outcome, tries=tries)
        if outcome.kind not in PASSING or stop.is_set():
            return outcome
        if tries <= limits.retries and stop.wait(limits.wait * 2 ** (tries - 1)):
            return outcome
    return replace(outcome, error=f"{outcome.error} (tried {outcome.tries} times)" if outcome.tries > 1 else outcome.error)
