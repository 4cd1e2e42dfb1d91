"""A process that does one item after the other, or several at once, and may be ended at any moment: for its time, its memory, or by a crash.

`Worker` starts a Python that runs `main` and sends it a function and an item; back come steps, then a value or an error. Several items at once are done by
threads of that process, which share its models; when it ends, it ends for all of them. Whoever
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
OWN_SIDE = "from attune.batch.worker import main; main({})"
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
    """One process; `do` blocks until an item is through, `close` ends it. together: threads that may `do` at the same time."""

    def __init__(self, together: int = 1) -> None:
        self._together = together
        self._process: subprocess.Popen[bytes] | None = None
        self._said = _Said()
        self._folder: Private | None = None
        self._lock, self._count, self._closed = threading.RLock(), 0, False

    def do(self, work: Work, index: int, item: Any, *, seconds: float | None = None, memory: float | None = None, tell: Tell | None = None) -> Outcome:
        """Do an item; it may take so many seconds, and its process hold so many bytes."""
        began, peak = time.monotonic(), 0

        def ended(**facts: Any) -> Outcome:
            return Outcome(index, seconds=time.monotonic() - began, peak=peak, **facts)

        try:
            process, messages = self._send(pickle.dumps((work, item)))
        except OSError as error:
            return ended(kind="killed", error=f"the process that measured it couldn't be reached: {error}")
        while True:
            try:
                message = messages.get(timeout=LOOK)
            except queue.Empty:
                message = ()
            peak = max(peak, resident(process.pid))
            if message is None:
                code = process.wait()
                self._end(process)
                return ended(kind="killed", error=f"the process that measured it ended: {_why(code)}")
            if message and message[0] == "value":
                try:
                    return ended(value=pickle.loads(message[1]))
                except Exception as error:    # here, where it costs no other item
                    return ended(kind="failed", error=said(error))
            if message and message[0] == "raised":
                return ended(kind=message[1], error=message[2])
            if message and tell:
                tell(*message[1])
            if seconds is not None and time.monotonic() - began > seconds:
                self._end(process)
                return ended(kind="time", error=f"took longer than the limit of {seconds:g} s and was ended; raise --time-limit")
            if memory is not None and peak > memory:
                self._end(process)
                return ended(kind="memory", error=f"needed {peak / 1e6:.0f} MB, over the limit of {memory / 1e6:.0f} MB, and was ended; raise --memory-limit")

    def close(self) -> None:
        """End the process, whatever it does; what is under way is "killed"."""
        self._closed = True
        self._end(self._process)
        with self._lock:                      # one that was being started meanwhile
            self._end(self._process)

    def _send(self, message: bytes) -> tuple[subprocess.Popen[bytes], queue.Queue[tuple[Any, ...] | None]]:
        """Give an item to the process, which is started if there is none; the process, and what it will say of the item."""
        with self._lock:
            if self._closed:
                raise BrokenPipeError("the run is over")
            if self._process is None or self._process.poll() is not None:
                self._end(self._process)
                self._start()
            process = self._process
            assert process and process.stdin
            self._count += 1
            messages = self._said.of(self._count)
            try:
                process.stdin.write(pickle.dumps((self._count, message)))
                process.stdin.flush()
            except OSError:
                self._end(process)
                raise
            return process, messages

    def _start(self) -> None:
        self._folder = Private()                               # what a killed process leaves in it goes with it
        environment = {**os.environ, "TMPDIR": str(self._folder.path), "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        self._process = subprocess.Popen([sys.executable, "-c", OWN_SIDE.format(self._together)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         env=environment, pass_fds=self._folder.fds)
        self._folder.release()                                 # the process holds it
        self._said = _Said()
        threading.Thread(target=self._said.pass_on, args=(self._process.stdout,), daemon=True).start()

    def _end(self, process: subprocess.Popen[bytes] | None) -> None:
        """End this process, unless another has taken its place already."""
        if process is not None:
            process.kill()                    # first, since whoever holds the lock may be writing to it
        with self._lock:
            if process is not self._process:
                return
            self._process = None
            if process is not None:
                process.wait()
                if process.stdin:
                    with suppress(OSError):       # it was gone before the last bytes were read
                        process.stdin.close()
            if self._folder is not None:
                self._folder.remove()


class _Said:
    """What a process says, each message to whoever waits for it; None once it says nothing more."""

    def __init__(self) -> None:
        self._lock, self._over = threading.Lock(), False
        self._waiting: dict[int, queue.Queue[tuple[Any, ...] | None]] = {}

    def of(self, number: int) -> queue.Queue[tuple[Any, ...] | None]:
        """Where what is said of an item will come."""
        messages: queue.Queue[tuple[Any, ...] | None] = queue.Queue()
        with self._lock:
            self._waiting[number] = messages
            if self._over:
                messages.put(None)
        return messages

    def pass_on(self, stream: IO[bytes]) -> None:
        with stream:
            try:
                while True:
                    number, *message = pickle.load(stream)
                    with self._lock:
                        self._waiting[number].put(tuple(message))
                        if message[0] != "step":
                            del self._waiting[number]
            except Exception:                 # the end, or a message cut short by it
                with self._lock:
                    self._over = True
                    for messages in self._waiting.values():
                        messages.put(None)


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


def main(together: int = 1) -> None:
    """The process's own side. One item at a time is done by its first thread, several by a thread each."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)             # Ctrl-C is for whoever holds this process, and ends it
    out, turn = os.fdopen(os.dup(1), "wb"), threading.Lock()
    os.dup2(2, 1)                             # what a library prints is no message
    threading.Thread(target=_leave_with, args=(os.getppid(),), daemon=True).start()

    def send(*message: Any) -> None:
        content = pickle.dumps(message)
        with turn:
            out.write(content)
            out.flush()

    def do(number: int, content: bytes) -> None:
        last = 0.0

        def tell(*step: Any) -> None:
            nonlocal last
            if time.monotonic() - last >= STEP:
                last = time.monotonic()
                send(number, "step", step)

        try:
            work, item = pickle.loads(content)
        except Exception as error:            # a function that can't be imported here
            send(number, "raised", "failed", said(error))
            return
        try:
            send(number, "value", pickle.dumps(work(item, tell)))
        except Exception as error:
            send(number, "raised", kind_of(error), said(error))

    def aside(*given: Any) -> None:
        try:
            do(*given)
        except BaseException:                 # what would end a process ends this one too
            os._exit(1)

    while True:
        try:
            given = pickle.load(sys.stdin.buffer)
        except EOFError:
            if together > 1:                  # whoever held it is gone, and an interpreter doesn't wait for threads that have items in hand
                _leave()
            return
        if together == 1:
            do(*given)
        else:
            threading.Thread(target=aside, args=given, daemon=True).start()


def _leave_with(parent: int) -> None:
    """End when the process that started this one is gone, and leave nothing behind."""
    while os.getppid() == parent:
        time.sleep(LOOK)
    _leave()


def _leave() -> None:
    shutil.rmtree(os.environ.get("TMPDIR", ""), ignore_errors=True)
    os._exit(1)
