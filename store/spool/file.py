"""The append-only file of one run: one write per record, a flock for as long as the run lives.

The flock is what "alive" means: the kernel frees it on any death, so nobody has to trust process ids or clocks.
Nothing here waits for a database. A write that fails (disk full) raises and leaves a torn line; the next record then
starts on a new line behind a marker that says so, and the torn bytes, never acknowledged, are told apart from damage.
A file that is removed or moved while it is written is put back: the open descriptor holds every line.
"""

import contextlib
import fcntl
import os
import threading
import time
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from store.aside import written_whole
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
        self._guard = threading.Lock()
        self._torn = False
        self._gone: StoreError | None = None
        flags = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC | (os.O_CREAT | os.O_EXCL if create else 0)
        self._fd = os.open(path, flags, 0o644)
        if not _lock(self._fd):
            os.close(self._fd)
            raise StoreError(f"run {path.stem} is being written by another process")
        if not create:  # an ended run goes on: who looks only at running ones and at the folder's time must see it
            with contextlib.suppress(OSError):
                os.utime(path.parent)
        _OPEN.add(self)

    def write(self, line: bytes) -> None:
        """Append one encoded line.

        Raises:
            StoreError: if the line could not be written whole, or the file was taken away and cannot be put back; what
                was logged before stays.
        """
        with self._guard:
            if self._torn or self._gone:
                line = self._careful(line)
            try:
                written = os.write(self._fd, line)
            except OSError as error:
                raise self._failure(error.strerror or str(error)) from error
            self._torn = written != len(line)
        if self._torn:
            raise self._failure("no space left on device")

    def _careful(self, line: bytes) -> bytes:
        if self._gone:
            raise self._gone
        return b"\n" + encode({"torn": True}) + line

    def keep(self) -> None:
        """Put the file back if it was removed, moved or replaced by an older copy of itself.

        Raises:
            StoreError: if that is impossible; every later write raises it, too.
        """
        with self._guard:
            if self.closed or self._is_there():
                return
            try:
                self._put_back()
                self._gone = None
            except OSError as error:
                self._gone = StoreError(f"{self.path} was removed while its run was writing it: {error.strerror}")
            except StoreError as error:
                self._gone = error
            if self._gone:
                raise self._gone

    def _is_there(self) -> bool:
        try:
            there, mine = self.path.stat(), os.fstat(self._fd)
        except OSError:
            return False
        return (there.st_ino, there.st_dev) == (mine.st_ino, mine.st_dev)

    def _put_back(self) -> None:
        lines = _content(self._fd)
        if self.path.exists() and not lines.startswith(self.path.read_bytes()):
            raise StoreError(f"{self.path} was replaced by another file while its run was writing it")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        fd = -1
        try:
            with written_whole(self.path) as aside:
                fd = os.open(aside, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
                fcntl.flock(fd, fcntl.LOCK_EX)
                while lines:
                    lines = lines[os.write(fd, lines) :]
        except OSError:
            if fd >= 0:
                os.close(fd)
            raise
        os.close(self._fd)
        self._fd = fd

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


def any_open() -> bool:
    """Whether this process writes a run."""
    return any(not spool.closed for spool in list(_OPEN))


def end_open(status: str) -> None:
    """Write the end of every run that is still open in this process: a signal came before anything could close it."""
    for spool in list(_OPEN):
        if not spool.closed:
            with contextlib.suppress(StoreError):
                spool.record({"end": {"status": status, "error": None, "elapsed": 0.0}})
            spool.close()


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


def _content(fd: int) -> bytes:
    pieces, at = [], 0
    while piece := os.pread(fd, 1 << 24, at):
        pieces.append(piece)
        at += len(piece)
    return b"".join(pieces)


def alive(path: Path) -> bool:
    """Whether some process on this machine holds the spool."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe in its place is not waited for
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
