"""A process that does one item after the other, and may be ended at any moment: for its time, its memory, or by a crash.

`Worker` starts a Python that runs `main` and sends it a function and an item; back come steps, then a value or an error. Whoever
holds it watches the clock and the memory from outside, so that even code that never returns to Python is stopped. Models stay loaded from
item to item. A process that was ended is replaced when the next item comes. Every engine does its work with these.
"""

from __future__ import annotations

import errno
import importlib
import os
import pickle
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from attune.batch.folders import Private
from attune.errors import AttuneError, SettingError

Tell = Callable[..., None]
Work = Callable[[Any, Tell], Any]
Kind = Literal["", "failed", "io", "killed", "lost", "time", "memory"]

LOOK = 0.1                               # s between two looks at the clock and the memory
OWN_SIDE = "from attune.batch.worker import main; main()"
STEP = 0.25                              # s between two steps that are told
FOR_GOOD = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError, AttuneError)
BROKEN = frozenset((errno.ENOSPC, errno.EROFS, errno.ENAMETOOLONG, errno.EINVAL))          # a second try meets the same
REMOTE = ("botocore", "aiobotocore", "aiohttp", "gcsfs", "adlfs", "urllib3", "requests")   # whose errors are of the network


@dataclass(frozen=True)
class Outcome:
    """What became of an item.

    kind
        "": done, `value` holds it. "failed": the function raised, and would again. "io": it raised, and might not again. "killed": its
        process ended; "lost": its machine or the way to it. "time", "memory": ended because it went over the limit.
    tries, seconds, peak
        How often it was begun; how long the last try took, s; its process's memory, bytes, as seen from outside (0: not looked at).
    """

    index: int
    value: Any = None
    error: str = ""
    kind: Kind = ""
    tries: int = 1
    seconds: float = 0.0
    peak: int = 0


class Worker:
    """One process; `do` blocks until an item is through, `close` ends it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._messages: queue.Queue[tuple[Any, ...] | None] = queue.Queue()
        self._folder: Private | None = None
        self._closed = False

    def do(self, work: Work, index: int, item: Any, *, seconds: float | None = None, memory: float | None = None, tell: Tell | None = None) -> Outcome:
        """Do an item; it may take so many seconds, and its process hold so many bytes."""
        began, peak = time.monotonic(), 0

        def ended(**facts: Any) -> Outcome:
            return Outcome(index, seconds=time.monotonic() - began, peak=peak, **facts)

        try:
            process = self._send(pickle.dumps((work, item)))
        except OSError as error:
            self._end()
            return ended(kind="killed", error=f"the process that measured it couldn't be reached: {error}")
        while True:
            try:
                message = self._messages.get(timeout=LOOK)
            except queue.Empty:
                message = ()
            peak = max(peak, resident(process.pid))
            if message is None:
                code = process.wait()
                self._end()
                return ended(kind="killed", error=f"the process that measured it ended: {_why(code)}")
            if message and message[0] == "value":
                return ended(value=message[1])
            if message and message[0] == "raised":
                return ended(kind=message[1], error=message[2])
            if message and tell:
                tell(*message[1])
            if seconds is not None and time.monotonic() - began > seconds:
                self._end()
                return ended(kind="time", error=f"took longer than the limit of {seconds:g} s and was ended; raise --time-limit")
            if memory is not None and peak > memory:
                self._end()
                return ended(kind="memory", error=f"needed {peak / 1e6:.0f} MB, over the limit of {memory / 1e6:.0f} MB, and was ended; raise --memory-limit")

    def close(self) -> None:
        """End the process, whatever it does; the item under way is "killed"."""
        self._closed = True
        self._end()

    def _send(self, message: bytes) -> subprocess.Popen[bytes]:
        if self._closed:
            raise BrokenPipeError("the run is over")
        if self._process is None or self._process.poll() is not None:
            self._end()
            self._start()
        assert self._process and self._process.stdin
        self._process.stdin.write(message)
        self._process.stdin.flush()
        return self._process

    def _start(self) -> None:
        self._folder = Private()                               # what a killed process leaves in it goes with it
        environment = {**os.environ, "TMPDIR": str(self._folder.path), "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        self._process = subprocess.Popen([sys.executable, "-c", OWN_SIDE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment,
                                         pass_fds=self._folder.fds)
        self._folder.release()                                 # the process holds it
        self._messages = queue.Queue()
        threading.Thread(target=_pass_on, args=(self._process.stdout, self._messages), daemon=True).start()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            if process.stdin:
                with suppress(OSError):       # it was gone before the last bytes were read
                    process.stdin.close()
        if self._folder is not None:
            self._folder.remove()


def resident(pid: int) -> int:
    """Bytes of memory that a process holds now; 0 where that can't be seen.

    >>> resident(os.getpid()) > 1_000_000 or not measurable()
    True
    """
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        pass
    try:
        return int(importlib.import_module("psutil").Process(pid).memory_info().rss)
    except Exception:                         # not installed, or the process is gone
        return 0


def measurable() -> bool:
    """Whether memory can be watched here: Linux, or with psutil."""
    return resident(os.getpid()) > 0


def must_be_measurable(memory: float | None) -> None:
    """Raise `SettingError` where a limit of memory couldn't be kept."""
    if memory is not None and not measurable():
        raise SettingError("a memory limit needs Linux or psutil here; pip install psutil, or leave --memory-limit out")


def kind_of(error: BaseException) -> Kind:
    """Whether an error may pass by itself ("io": the network, a disk that is busy) or would come again ("failed").

    >>> kind_of(ConnectionResetError()), kind_of(FileNotFoundError()), kind_of(ValueError())
    ('io', 'failed', 'failed')
    """
    if isinstance(error, FOR_GOOD):
        return "failed"
    if isinstance(error, OSError):
        return "failed" if error.errno in BROKEN else "io"
    return "io" if type(error).__module__.split(".")[0] in REMOTE else "failed"


def said(error: BaseException) -> str:
    """An error in words: our own say all themselves."""
    if isinstance(error, AttuneError):
        return str(error)
    if isinstance(error, FileNotFoundError) and error.filename:
        return f"no file {error.filename}; expected a video, a sound file or a picture, or a folder or pattern of them"
    if isinstance(error, OSError):
        return f"{type(error).__name__}: {error}"
    return f"unexpected {type(error).__name__}: {error}; please report it"


def _why(code: int) -> str:
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        return f"{name}, often for want of memory" if name == "SIGKILL" else name
    return f"exit code {code}"


def _pass_on(stream: IO[bytes], messages: queue.Queue[tuple[Any, ...] | None]) -> None:
    """What the process says, to whoever waits; None once it says nothing more."""
    with stream:
        try:
            while True:
                messages.put(pickle.load(stream))
        except Exception:                     # the end, or a message cut short by it
            messages.put(None)


def main() -> None:
    """The process's own side."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)             # Ctrl-C is for whoever holds this process, and ends it
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)                             # what a library prints is no message
    threading.Thread(target=_leave_with, args=(os.getppid(),), daemon=True).start()
    last = 0.0

    def send(*message: Any) -> None:
        out.write(pickle.dumps(message))
        out.flush()

    def tell(*step: Any) -> None:
        nonlocal last
        if time.monotonic() - last >= STEP:
            last = time.monotonic()
            send("step", step)

    while True:
        try:
            work, item = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        except Exception as error:            # a function that can't be imported here
            send("raised", "failed", said(error))
            continue
        try:
            send("value", work(item, tell))
        except Exception as error:
            send("raised", kind_of(error), said(error))


def _leave_with(parent: int) -> None:
    """End when the process that started this one is gone, and leave nothing behind."""
    while os.getppid() == parent:
        time.sleep(LOOK)
    shutil.rmtree(os.environ.get("TMPDIR", ""), ignore_errors=True)
    os._exit(1)
