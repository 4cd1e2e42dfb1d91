"""Private folders for what is fetched or not yet put in its place, of which nothing stays behind, however a process ends.

A file in each is locked as long as a process that works with the folder lives; the system takes the lock away when that ends, even when it is
killed together with all who would have cleaned up. Whoever comes next on this machine deletes what nobody holds (`sweep`). The file names the machine:
where machines share the temporary folder, one need not see the others' locks.
"""

from __future__ import annotations

import platform
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:                          # Windows: nothing is locked, and nothing swept
    fcntl = None                             # type: ignore[assignment]

PREFIX, HELD = "attune-", ".held"        # of a folder's name; the file that is locked
HERE = platform.node().encode()


class Private:
    """A folder that only this user can read. `fds` may be passed on to a process that goes on holding it after `release`.

    >>> folder = Private()
    >>> folder.path.is_dir(), folder.remove(), folder.path.exists()
    (True, None, False)
    """

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX))
        half = self.path / f"{HELD}.half"
        self._lock = half.open("wb", buffering=0)
        self._lock.write(HERE)
        if fcntl is not None:
            with suppress(OSError):           # a disk without locks, as some of clusters: not swept either
                fcntl.flock(self._lock, fcntl.LOCK_EX)
                half.rename(self.path / HELD)     # nobody finds it unlocked

    @property
    def fds(self) -> tuple[int, ...]:
        """What holds it, for `subprocess.Popen(pass_fds=...)`."""
        return () if fcntl is None else (self._lock.fileno(),)

    def release(self) -> None:
        """Hold it no longer; it stays while another process does."""
        self._lock.close()

    def remove(self) -> None:
        """Delete it with all that is in it."""
        self.release()
        shutil.rmtree(self.path, ignore_errors=True)


@contextmanager
def private() -> Iterator[Path]:
    """A private folder, for as long as it is needed."""
    folder = Private()
    try:
        yield folder.path
    finally:
        folder.remove()


def sweep(folder: Path | None = None) -> list[Path]:
    """Delete what nobody holds among such folders of the temporary folder, or of another; which ones these were."""
    found = []
    for held in Path(folder or tempfile.gettempdir()).glob(f"{PREFIX}*/{HELD}") if fcntl else ():
        with suppress(OSError), held.open("rb") as file:       # somebody else's, gone meanwhile, or held
            if file.read() == HERE:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(held.parent, ignore_errors=True)
                found.append(held.parent)
    return found
