"""Several inputs through a net in one call, which on a graphics card costs little more than one, where that was asked for (`Settings.batch`).

    Net       some inputs of one net: which may go together, and whether the net then says of them what it says of each alone
    Joined    a model that several threads ask at once, each for its own file: their inputs go together

By default a net sees one input at a time (`rows`), and none of this runs. Together, numbers may differ in their last digits; should they differ
by more (a net whose 8-bit numbers are scaled by the largest in the call, padding that leaks, an axis that was no batch), they don't count, the net isn't
asked so again, and a warning says so. That is looked at with the first call, and the first whose inputs are padded; and again with the first one that has
more than twice as many inputs, or twice the padding: what hardly shows with little of it isn't taken on trust for much.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np

from attune.errors import ShapeError

CLOSE = 1e-3                             # largest difference that is still one of last digits; values lie within -1..1, 0..1 or a few units
PADDED = 2.0                             # nothing is padded to more than so many times its length
FURTHER = 2.0                            # what was compared counts for up to so many times the inputs, and the padding

Many = Callable[[Sequence[Any]], np.ndarray]
log = logging.getLogger(__name__)


@dataclass
class Net:
    """Rows of many inputs of one net.

    said
        An input to its row (k,), by itself: what counts.
    run
        Inputs to their rows (n, k) in one call, padded to the longest where they differ in length.
    length
        An input's, in steps of the net; None: all are alike.
    pads
        Whether the net takes inputs of different lengths in one call, since it is told what is padding.
    """

    said: Callable[[Any], np.ndarray]
    run: Many
    length: Callable[[Any], int] | None = None
    pads: bool = False
    name: str = "a net"
    _trusted: dict[bool, bool] = field(default_factory=dict)      # padded? -> whether it said the same
    _compared: dict[bool, tuple[int, float]] = field(default_factory=dict)      # padded? -> most inputs, and most padding, that this was seen with

    def __call__(self, inputs: Sequence[Any]) -> np.ndarray:
        """(n, k) float32; each input is one that `said` takes."""
        rows: list[Any] = [None] * len(inputs)
        lengths = [self.length(one) for one in inputs] if self.length else [0] * len(inputs)
        for group in alike(lengths, PADDED if self.pads and self._trusted.get(True, True) else 1.0):
            padding = lengths[group[-1]] / max(1, lengths[group[0]]) - 1 if lengths[group[0]] != lengths[group[-1]] else 0.0
            for i, row in zip(group, self._group([inputs[i] for i in group], padding), strict=True):
                rows[i] = row
        return np.stack(rows)

    def _group(self, inputs: list[Any], padding: float) -> np.ndarray:
        """Rows of inputs that go together; padding: what the shortest is given, as a share of its length."""
        padded = padding > 0
        if len(inputs) == 1 or not (self._trusted.get(padded, True) and self._trusted.get(False, True)):
            return np.stack([self.said(one) for one in inputs])
        rows = np.asarray(self.run(inputs), np.float32)
        most, longest = self._compared.get(padded, (0, 0.0))
        if len(inputs) <= FURTHER * most and padding <= FURTHER * longest:
            return rows
        alone = np.stack([self.said(one) for one in inputs])
        apart = float(np.nanmax(np.abs(rows - alone), initial=0.0)) if rows.shape == alone.shape else np.inf
        self._trusted[padded] = apart <= CLOSE and bool((np.isnan(rows) == np.isnan(alone)).all())
        self._compared[padded] = max(most, len(inputs)), max(longest, padding)
        if not self._trusted[padded]:
            log.warning("%s says something else of inputs %s than of each alone (by %.2g, %g is allowed); from now on %s", self.name,
                        *(("padded to one length", apart, CLOSE, "only those of one length go together") if padded else
                          ("in one call", apart, CLOSE, "it is asked one by one")))
        return alone


def alike(lengths: Sequence[int], most: float) -> list[list[int]]:
    """Which go together: groups of places whose longest is at most so many times the shortest.

    >>> alike([30, 100, 50, 99], 2.0), alike([3, 4, 3], 1.0)
    ([[0, 2], [3, 1]], [[0, 2], [1]])
    """
    groups: list[list[int]] = []
    for i in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        if groups and lengths[i] <= most * lengths[groups[-1][0]]:
            groups[-1].append(i)
        else:
            groups.append([i])
    return groups


@dataclass(eq=False)
class _Asked:
    """An input, and its row or the error that it raised."""

    given: Any
    row: np.ndarray | None = None
    error: BaseException | None = None

    @property
    def answered(self) -> bool:
        return self.row is not None or self.error is not None


class Joined:
    """A model that several threads ask: inputs that come while a call is under way wait, and the next call takes up to `most` of them.

    So a net that is the slowest part is given as much as waits for it, one that isn't is asked at once, and nobody waits for somebody who is
    busy elsewhere, hangs, or has ended: there is no clock, and nothing to tune. One call is made at a time. If it fails, its inputs are tried one by
    one, so that an error reaches only whose input it is; if each alone does well, the call was too large, and the next ones are half as large.

    >>> from types import SimpleNamespace
    >>> sizes = []
    >>> model = SimpleNamespace(many=lambda inputs: sizes.append(len(inputs)) or np.array([[float(len(text))] for text in inputs]))
    >>> Joined(model, 2)(["one", "three", "seven"]).ravel().tolist(), sizes
    ([3.0, 5.0, 5.0], [2, 1])
    """

    def __init__(self, model: Any, most: int) -> None:
        self.model, self.most = model, most
        self._waiting: deque[_Asked] = deque()
        self._turn, self._busy = threading.Condition(), False

    def __call__(self, inputs: Sequence[Any] | np.ndarray) -> np.ndarray:
        """(n, k) float32, as the model says; what one of these inputs raises is raised."""
        if not len(inputs):
            return np.asarray(self.model(inputs), np.float32)
        asked = [_Asked(one) for one in inputs]
        with self._turn:
            self._waiting += asked
        try:
            self._until_answered(asked)
        except BaseException:                 # such as Ctrl-C: nobody waits for the rest of these any more
            with self._turn:
                self._waiting = deque(each for each in self._waiting if each not in asked)
            raise
        for each in asked:
            if each.error is not None:
                raise each.error
        return np.stack([each.row for each in asked if each.row is not None])

    def _until_answered(self, asked: list[_Asked]) -> None:
        while (taken := self._take(asked)) is not None:
            try:
                self._answer(taken)
            except BaseException as error:    # who waits for these must not wait for ever
                for each in taken:
                    each.error = each.error or (None if each.answered else error)
                raise
            finally:
                with self._turn:
                    self._busy = False
                    self._turn.notify_all()

    def _take(self, asked: list[_Asked]) -> list[_Asked] | None:
        """What the next call takes, once it is this thread's to make; None once all that it asked is answered, by whomever."""
        with self._turn:
            while self._busy and not all(each.answered for each in asked):
                self._turn.wait()
            if all(each.answered for each in asked):
                return None
            self._busy = True
            return [self._waiting.popleft() for _ in range(min(self.most, len(self._waiting)))]

    def _answer(self, taken: list[_Asked]) -> None:
        try:
            rows = np.asarray(self.model.many([each.given for each in taken]), np.float32)
            if len(rows) != len(taken):
                raise ShapeError(f"the model gives {len(rows)} rows for {len(taken)} inputs, expected one for each")
        except Exception as error:
            self._one_by_one(taken, error)
            return
        for each, row in zip(taken, rows, strict=True):
            each.row = row

    def _one_by_one(self, taken: list[_Asked], why: Exception) -> None:
        for each in taken:
            try:
                (each.row,) = np.asarray(self.model.many([each.given]), np.float32)
            except Exception as error:
                each.error = error
        if len(taken) > 1 and not any(each.error for each in taken):
            self.most = max(1, len(taken) // 2)
            log.warning("%d inputs in one call failed (%s: %s) where each alone did not; from now on at most %d go together",
                        len(taken), type(why).__name__, next(iter(str(why).splitlines()), ""), self.most)


_LOADING = threading.RLock()              # libraries that load nets change what is global meanwhile
_JOINED: dict[tuple[ModuleType, int], ModuleType] = {}


def joined(module: ModuleType, most: int) -> ModuleType:
    """A model's module whose `load()` gives one `Joined` for all threads, where the model takes several inputs in a call; else what it gives anyway."""
    with _LOADING:
        if (module, most) not in _JOINED:
            made, kept = ModuleType(module.__name__, module.__doc__), list[Joined]()

            def load() -> Any:
                with _LOADING:
                    model = module.load()
                    if getattr(model, "many", None) is None:
                        return model
                    if not kept or kept[0].model is not model:
                        kept[:] = [Joined(model, most)]
                    return kept[0]

            made.__dict__.update({**vars(module), "load": load})
            _JOINED[module, most] = made
        return _JOINED[module, most]
