"""Processes on this machine; with one worker that does one item at a time and no limit, this very process."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from attune.batch.mapping import Lanes, Limits
from attune.batch.worker import Outcome, Tell, Work, Worker, kind_of, said
from attune.errors import SettingError

TITLE = "processes on this machine"


@contextmanager
def start(*, workers: int, limits: Limits, address: str | None = None, gpus: float = 0.0, together: int = 1) -> Iterator[Lanes]:
    """Lanes that are processes; a limit needs one too, since only from outside can it be kept."""
    if address:
        raise SettingError(f"the local engine takes no address, got {address!r}; use --engine ray")
    if gpus:
        raise SettingError(f"the local engine shares no GPUs, got --gpus {gpus:g}; use --engine ray, or one command for each GPU with CUDA_VISIBLE_DEVICES")
    yield Here if workers == together == 1 and limits.seconds is None and limits.memory is None else partial(Worker, together)


class Here:
    """A lane in the process that asks: nothing to start, and a debugger sees it."""

    def do(self, work: Work, index: int, item: Any, *, seconds: float | None = None, memory: float | None = None, tell: Tell | None = None) -> Outcome:
        began = time.monotonic()
        try:
            return Outcome(index, work(item, tell or _nothing), seconds=time.monotonic() - began)
        except Exception as error:
            return Outcome(index, kind=kind_of(error), error=said(error), seconds=time.monotonic() - began)

    def close(self) -> None:
        pass


def _nothing(*step: Any) -> None:
    pass
