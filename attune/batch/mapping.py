"""One function over many items, here or on a cluster: `map`.

An engine (a file in `engines/`) opens lanes; a lane does an item at a time, or several. All the rest is here, once, for every engine: as many lanes as
workers, items taken as lanes get free, results given as they come, tries again after a while where an error may pass. So an engine is a few
lines, and what holds of one holds of the other. What ends a lane that does several items ends them all: each that wasn't done is then done again by
itself, so that only the one that is to blame fails.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

from attune import registry
from attune.batch.worker import Outcome, Tell, Work, must_be_measurable, said
from attune.errors import SettingError

ENGINES = "attune.batch.engines"
PASSING = frozenset(("io", "killed", "lost"))      # kinds of an end that another try may not meet
ENDED = frozenset(("killed", "lost", "time", "memory"))      # and of one that ends what is under way beside it


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
    """Does an item at a time, or as many at once as its engine was told. `close` may come from another thread, and ends what is under way."""

    def do(self, work: Work, index: int, item: Any, *, seconds: float | None = None, memory: float | None = None, tell: Tell | None = None) -> Outcome: ...

    def close(self) -> None: ...


Lanes = Callable[[], Lane]
Engine = Callable[..., AbstractContextManager[Lanes]]      # engines/*.py: start(workers=, limits=, address=, gpus=, together=)


def map(
    work: Work, items: Iterable[Any], *, engine: str = "local", workers: int = 1, limits: Limits | None = None, address: str | None = None, gpus: float = 0.0,
    tell: Callable[..., None] | None = None, together: int = 1,
) -> Iterator[Outcome]:
    """work(item, tell) of each item, in the order in which they end; nothing that happens to one costs another.

    Parameters
    ----------
    work
        A function of a module, or anything else that can be pickled. What it tells as tell(...) is passed on as tell(index, ...), by the local engine.
    items
        Taken one by one as lanes get free.
    engine, workers, address, gpus
        A file of `engines/`; processes at the same time; of a cluster that runs already; share of a GPU that each worker is given (Ray).
    together
        Items at the same time in each of them, by threads, so that they share what it has loaded. Limits are still an item's: one that goes over
        them beside others is done again by itself, and so are these.

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
    if together < 1:
        raise SettingError(f"together={together}; expected at least 1")
    must_be_measurable(limits.memory)
    start: Engine = registry.load(ENGINES, engine).start
    return _mapped(start, work, enumerate(items), workers, limits, address, gpus, tell, together)


def _mapped(
    start: Engine, work: Work, items: Iterator[tuple[int, Any]], workers: int, limits: Limits, address: str | None, gpus: float,
    tell: Callable[..., None] | None, together: int,
) -> Iterator[Outcome]:
    with start(workers=workers, limits=limits, address=address, gpus=gpus, together=together) as lanes:
        if workers == together == 1:
            lane, room = lanes(), _Room()
            try:
                for index, item in items:
                    yield _tried(lane, room, work, index, item, limits, threading.Event(), tell)
            finally:
                lane.close()
            return
        through: queue.Queue[Outcome | BaseException | None] = queue.Queue()
        stop, turn = threading.Event(), threading.Lock()
        opened = [(lanes(), _Room(together)) for _ in range(workers)]

        def follow(lane: Lane, room: _Room) -> None:
            try:
                while not stop.is_set():
                    with turn:
                        index, item = next(items, (-1, None))
                    if index < 0:
                        break
                    through.put(_tried(lane, room, work, index, item, limits, stop, tell))
                if room.left():
                    lane.close()                            # its place may be what another lane waits for
                through.put(None)
            except BaseException as error:                  # of the items themselves: it is the caller's
                through.put(error)

        for _ in range(together):
            for lane, room in opened:
                threading.Thread(target=follow, args=(lane, room), daemon=True).start()
        try:
            running = workers * together
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
            for lane, _ in opened:
                lane.close()


def _tried(
    lane: Lane, room: _Room, work: Work, index: int, item: Any, limits: Limits, stop: threading.Event, tell: Callable[..., None] | None,
) -> Outcome:
    """An item done, or given up."""
    told = None if tell is None else lambda *step: tell(index, *step)
    tries, alone = 1, False
    while True:
        with room.stay(alone) as stay:
            if stop.is_set():                               # while it waited: nothing is begun any more
                return Outcome(index, kind="killed", error="the run is over")
            try:
                outcome = lane.do(work, index, item, seconds=limits.seconds, memory=limits.memory, tell=told)
            except Exception as error:                      # of the engine: its own way to its workers is broken
                outcome = Outcome(index, kind="lost", error=said(error))
        outcome = replace(outcome, tries=tries)
        if stop.is_set():
            return outcome
        if outcome.kind in ENDED:
            alone = True                                    # from now on, since it may be what ended it
            if stay.accompanied:                            # or another was: that was no try of its own
                continue
        if outcome.kind not in PASSING:
            return outcome
        if tries > limits.retries:
            return replace(outcome, error=f"{outcome.error} (tried {outcome.tries} times)" if outcome.tries > 1 else outcome.error)
        if stop.wait(limits.wait * 2 ** (tries - 1)):
            return outcome
        tries += 1


@dataclass(eq=False)
class _Stay:
    """alone: with nobody beside it, by right; accompanied: whether somebody was."""

    alone: bool
    accompanied: bool


class _Room:
    """Who is under way in a lane: several, or one alone, for which new ones wait and which waits for those that are there."""

    def __init__(self, seats: int = 1) -> None:
        self._changed = threading.Condition()
        self._inside: list[_Stay] = []
        self._wanted, self._seats = 0, seats                # who waits to be alone; who may still come

    @contextmanager
    def stay(self, alone: bool) -> Iterator[_Stay]:
        with self._changed:
            self._wanted += alone
            self._changed.wait_for(lambda: not self._inside if alone else not self._wanted and not any(other.alone for other in self._inside))
            self._wanted -= alone
            own = _Stay(alone, bool(self._inside))
            for other in self._inside:
                other.accompanied = True
            self._inside.append(own)
        try:
            yield own
        finally:
            with self._changed:
                self._inside.remove(own)
                self._changed.notify_all()

    def left(self) -> bool:
        """One leaves for good; whether it was the last."""
        with self._changed:
            self._seats -= 1
            return self._seats == 0
