"""The follower: a child process that moves a running job's lines into the database.

The job holds the writing end of a pipe and nothing else. The child sleeps until the spool grows, ingests, publishes
when due, and rests for 25 times what that cost it: with its start and end about 5% of a core. When the pipe
closes - the job is done, or dead by any signal - it ingests once more, publishes and leaves. Of several followers on
one store the first does the work; the others wait on a lock without having imported DuckDB. A child process and not a
thread: the job's interpreter lock, memory and training steps are left alone, and a fault in the database cannot reach
them.
"""

import contextlib
import fcntl
import logging
import os
import select
import subprocess
import sys
import time
import weakref
from pathlib import Path

from store.errors import StoreError
from store.paths import Layout
from store.subprocesses import child

PATIENCE = 10.0  # seconds a job waits at its end for its last line to be published
FIRST = 0.3  # seconds until the first look, so that a new run is seen soon
INTERVAL = 1.0  # seconds between two looks at the spools
LONGEST = 60.0  # seconds of rest at most
AFTER_ERROR = 10.0  # seconds until another attempt
DUTY = 25.0  # seconds of rest per second of work that is not about new lines
PER_LINE = 4e-6  # seconds a new line may cost without prolonging the rest
NICE = 5  # how far the follower steps back
FINAL_WAIT = 60.0  # seconds the last ingest of a follower waits for another ingest to end

log = logging.getLogger("store")


class Follower:
    """The job's side: starts the child and, at the end, waits for it."""

    def __init__(self, layout: Layout, run_id: str) -> None:
        self._layout = layout
        self._run_id = run_id
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        self._process = child("store.follow:follow", layout, run_id, **pipes)
        _FOLLOWERS.add(self)

    def finish(self) -> bool:
        """Close the pipe and wait; False (and a warning with the reason) if the last line is not published by then."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        reason = ""
        try:
            code = self._process.wait(PATIENCE)
            reason = self._complaint()
            if code == 0:
                return True
        except subprocess.TimeoutExpired:
            _STILL_WORKING.append(self._process)
        text = "run %s is stored; its last lines will be in %s at the next ingest%s"
        log.warning(text, self._run_id, self._layout.db, reason)
        return False

    def _complaint(self) -> str:
        """What the child that ended said last; closes the pipe."""
        assert self._process.stderr is not None
        with self._process.stderr as pipe:
            lines = pipe.read().decode("utf-8", "replace").split("\n")
        return next((f" ({line})" for line in reversed(lines) if line.strip()), "")

    def forget(self) -> None:
        """A forked worker must not hold the pipe open."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()


_FOLLOWERS: "weakref.WeakSet[Follower]" = weakref.WeakSet()
_STILL_WORKING: "list[subprocess.Popen[bytes]]" = []  # kept, because Popen warns when one that still runs is dropped


def _forget() -> None:
    for follower in list(_FOLLOWERS):
        follower.forget()


os.register_at_fork(after_in_child=_forget)


def follow(layout: Layout, run_id: str) -> None:
    """The child's side: ingest and publish until the pipe closes."""
    spool = layout.spool_file(run_id)
    _step_back()
    lock = os.open(layout.folder / "follower", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    mine, size, rest = False, -1, FIRST
    while not _closed(sys.stdin.fileno(), rest):
        rest = INTERVAL
        mine = mine or _take(lock)
        if mine:
            size, rest = _work(layout, size)
    os.close(lock)
    _finish(layout, spool)


def _step_back() -> None:
    """Let the job go first; Linux shares processors out by sessions, and this process has one of its own."""
    with contextlib.suppress(OSError):
        os.nice(NICE)
    if os.getsid(0) == os.getpid():
        with contextlib.suppress(OSError):
            Path("/proc/self/autogroup").write_text(str(NICE))


def _work(layout: Layout, size: int) -> tuple[int, float]:
    """Ingest if the spools grew; returns the size they are known to have and the seconds to rest.

    A size below 0 means the first look: it loads libraries and may make the database, and is no measure of the others.
    """
    from store.ingest import ingest

    started = time.process_time()  # after the import, which happens once
    now = _bytes(layout)
    if now == size:
        return size, max(INTERVAL, DUTY * (time.process_time() - started))
    try:
        done = ingest(layout.db)
    except StoreError:  # a full disk, say; the spools keep everything until there is room again
        return size, AFTER_ERROR
    spent = time.process_time() - started
    if done is None:
        return size, INTERVAL
    rest = INTERVAL if size < 0 else max(INTERVAL, DUTY * (spent - PER_LINE * done.lines), 3 * spent)
    if done.due_in is not None:
        return size, min(max(rest, done.due_in), LONGEST)
    return now, min(rest, LONGEST)


def _finish(layout: Layout, spool: Path) -> None:
    """The last ingest of a follower: everything this run wrote is published, or the job hears why not."""
    from store.ingest import ingest

    done = ingest(layout.db, wait=FINAL_WAIT, force=True)
    if done is None:
        raise StoreError(f"another process has been ingesting for {FINAL_WAIT:g} seconds")
    if not done.published:
        raise StoreError(f"{spool.stem} is ingested, but not published")


def _take(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _closed(fd: int, timeout: float) -> bool:
    readable, _, _ = select.select([fd], [], [], timeout)
    return bool(readable) and not os.read(fd, 4096)


def _bytes(layout: Layout) -> int:
    """Total size of all spools: changes whenever there is something to do."""
    total = 0
    with contextlib.suppress(OSError), os.scandir(layout.spool) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                total += entry.stat().st_size
    return total
