"""The append-only file of one run: one write per record, a flock for as long as the run lives.

The flock is what "alive" means: the kernel frees it on any death, so nobody has to trust process ids or clocks.
Nothing here waits for a database. A write that fails (disk full) raises and leaves a torn line; the next record then
starts on a new line behind a marker that says so, and the torn bytes, never acknowledged, are told apart from damage.
"""

import contextlib
import fcntl
import os
import time
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from store.errors import StoreError
from store.spool.lines import encode

LOCK_PATIENCE = 2.0  # seconds; ingest takes a shared lock for an instant when it looks whether a run is alive


class Spool:
    """An open, locked spool file."""

    def __init__(self, path: Path, *, create: bool) -> None:
        """Open a spool.

        Args:
            path: the file.
            create: True for a new run (FileExistsError if there is one), False to go on with an old one.
        """
        self.path = path
        flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | (os.O_CREAT | os.O_EXCL if create else 0)
        self._fd = os.open(path, flags, 0o644)
        self._torn = False
        if not _lock(self._fd):
            os.close(self._fd)
            raise StoreError(f"run {path.stem} is being written by another process")
        _OPEN.add(self)

    def write(self, line: bytes) -> None:
        """Append one encoded line.

        Raises:
            StoreError: if the line could not be written whole; what was logged before stays.
        """
        if self._torn:
            line = b"\n" + encode({"torn": True}) + line
        try:
            written = os.write(self._fd, line)
        except OSError as error:
            raise self._failure(error.strerror or str(error)) from error
        if written != len(line):
            self._torn = True
            raise self._failure("no space left on device")
        self._torn = False

    def record(self, record: Mapping[str, Any]) -> None:
        """Append one record with the time."""
        self.write(encode({**record, "at": round(time.time(), 3)}))

    def start_new_line(self) -> None:
        """End a torn line of an earlier process, if there is one."""
        with contextlib.suppress(OSError):
            os.write(self._fd, b"\n")

    def sync(self) -> None:
        """Bring everything written so far to the disk."""
        with contextlib.suppress(OSError):
            os.fsync(self._fd)

    def close(self) -> None:
        """Give the lock back."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    @property
    def closed(self) -> bool:
        """Whether nothing can be written any more."""
        return self._fd < 0

    def _failure(self, reason: str) -> StoreError:
        if self.closed:
            return StoreError(f"run {self.path.stem} is already over in this process")
        return StoreError(
            f"cannot write to the spool of run {self.path.stem}: {reason.lower()}; nothing logged before is lost"
        )


_OPEN: "weakref.WeakSet[Spool]" = weakref.WeakSet()


def _lock(fd: int) -> bool:
    deadline = time.monotonic() + LOCK_PATIENCE
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        else:
            return True


def alive(path: Path) -> bool:
    """Whether some process on this machine holds the spool."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(fd)
    return False


def _let_go() -> None:
    """A forked child must not keep its parent's runs alive."""
    for spool in list(_OPEN):
        spool.close()


os.register_at_fork(after_in_child=_let_go)
