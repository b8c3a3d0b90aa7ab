"""Move whole new spool lines into the work database: exactly once, even if any process is killed.

One process at a time, under a flock that the kernel frees on any death. Rows and the byte offsets they were read up
to are committed in one transaction, so replaying after a kill is harmless; then the database is checkpointed, closed,
and published when due.
"""

import contextlib
import fcntl
import gc
import json
import logging
import os
import socket
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from store.database import publish
from store.database.connections import open_file, open_work
from store.database.sql import one
from store.database.tables import State, create_views, mark_lost, unended, write_batch
from store.errors import StoreError
from store.paths import Layout, check_kinds, is_run_id, locate
from store.spool.file import alive
from store.spool.packing import read_packed
from store.spool.parsing import Batch

log = logging.getLogger("store")

CHUNK = 32 << 20  # bytes of spool per transaction
FILES = 4_000  # spools per transaction
PACKED = 1 << 62  # stands for the size of a packed spool, which only unpacking tells
TICK = 2.0  # seconds that the clock of a file system may stand still
LOOK_AGAIN = 60.0  # seconds after which every spool is looked at again, whatever the folder's time says
ELSEWHERE = 600.0  # seconds without a new byte after which a run of another host is lost


@dataclass(frozen=True, slots=True)
class Here:
    """Name and clock of this machine."""

    host: str = field(default_factory=socket.gethostname)
    now: Callable[[], float] = time.time


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an ingest did."""

    lines: int
    lost: int
    published: bool
    due_in: float | None  # seconds until a version that is waiting may be published; None if none is


def ingest(
    db: Path | None = None, *, wait: float = 0.0, force: bool = False, verify: bool = False, here: Here | None = None
) -> Outcome | None:
    """Ingest everything new and publish if due.

    Args:
        db: the store's database.
        wait: seconds to wait for another process that ingests.
        force: publish a new version whatever the spacing.
        verify: read the whole published file, and make it again if it is damaged.
        here: this machine's name and clock, for tests.

    Returns:
        What was done, or None if another process holds the lock.

    Raises:
        StoreError: if the store cannot be written or is not one.
    """
    layout = locate(db)
    publish.verify_target(layout)
    layout.create()
    with lock(layout, wait=wait) as mine:
        if not mine:
            return None
        try:
            lines, lost, counter = fill(layout, here=here, whole=force)
            published, due_in = publish.if_due(layout, counter, force=force, verify=verify)
        except duckdb.Error as error:
            said = str(error).splitlines()[0][:300]
            way = "; `python -m store rebuild` makes it anew from the spools" if _corrupt(said) else ""
            raise StoreError(f"cannot ingest into {layout.work}: {said}{way}") from error
        except OSError as error:
            raise StoreError(f"cannot ingest into {layout.work}: {error.strerror}") from error
        return Outcome(lines, lost, published, due_in)


def _corrupt(said: str) -> bool:
    return any(word in said.lower() for word in ("corrupt", "checksum", "deserialize", "invalidated"))


@contextlib.contextmanager
def lock(layout: Layout, *, wait: float, create: bool = True) -> Iterator[bool]:
    """Hold the store's lock for a block; yields False if it was not to be had in time.

    Args:
        layout: the store.
        wait: seconds to wait for it.
        create: False for those who only look: where nobody ever wrote, nobody is in the way.
    """
    check_kinds(layout)
    if not create and not layout.lock.exists():
        yield True
        return
    try:
        flags = os.O_RDWR | os.O_CREAT if create else os.O_RDONLY
        fd = os.open(layout.lock, flags | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StoreError(f"cannot open {layout.lock}: {error.strerror}") from error
    deadline = time.monotonic() + wait
    try:
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                if time.monotonic() >= deadline:
                    yield False
                    return
                time.sleep(0.02)
            else:
                break
        yield True
    finally:
        os.close(fd)


def fill(
    layout: Layout, path: Path | None = None, *, here: Here | None = None, whole: bool = True
) -> tuple[int, int, int]:
    """Bring a work database up to date with the spools; the caller holds the lock.

    Args:
        layout: the store.
        path: another database than the store's own.
        here: this machine's name and clock, for tests.
        whole: look at every spool; False leaves those of ended runs alone for a minute, unless the folder has changed.

    Returns:
        Lines read, runs found lost, and the counter of the content.
    """
    con = open_work(layout) if path is None else open_file(path)
    try:
        here = here or Here()
        stamp = _stamp(layout, here)
        state = State(con, whole=whole or not _scanned(con, stamp))
        lines = _drain(con, layout, state)
        if state.whole and stamp is not None:
            con.execute("DELETE FROM raw.meta WHERE key = 'scanned'")
            con.execute("INSERT INTO raw.meta VALUES ('scanned', ?)", [json.dumps(stamp)])
        lost = _lost(con, layout, state, here)
        mark_lost(con, lost)
        create_views(con)
        publish.load_published(con, automatic=True)
        counter = publish.counter(con)
        con.execute("CHECKPOINT")
    finally:
        con.close()
    return lines, len(lost), counter


def _drain(con: duckdb.DuckDBPyConnection, layout: Layout, state: State) -> int:
    """Take in what the spools hold now; what is logged meanwhile waits, or fast writers would never let it end."""
    lines = 0
    waiting = _changed(layout, state)[::-1]
    with _uncollected():
        while waiting:
            batch = _next_batch(str(layout.spool), waiting, state)
            if batch.read:
                write_batch(con, layout, batch)
                state.commit(batch)
            lines += batch.lines
    return lines


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Stop Python's search for cycles: the rows of a batch have none, and looking at all of them takes a sixth."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _next_batch(folder: str, waiting: list[tuple[str, int]], state: State) -> Batch:
    """The lines of one transaction, read from the spools at the end of `waiting`, which are taken off it."""
    batch = Batch(dict(state.names))
    room, unread = CHUNK, set[str]()
    while waiting and room > 0 and len(batch.read) < FILES:
        file, size = waiting.pop()
        read = state.read(file)
        if size == read or (size == PACKED and file in state.spools):
            continue
        path = f"{folder}/{file}" if size != PACKED else f"{folder}/{file}.gz"  # text: a Path takes as long as opening
        if size < read and Path(path).stat().st_size < read:
            batch.damaged.append((file, size, "", f"cut: {read - size} bytes that were read before are gone"))
            batch.read[file] = state.run_no(batch, file), size, False
        elif size > read:
            try:
                data = whole_lines(path, read, min(size - read, room))
            except OSError as error:  # one file that this user may not read, or that has gone, stops no other
                log.warning("%s cannot be read and is left out for now: %s", path, error.strerror)
                continue
            except StoreError as error:
                batch.damaged.append((file, 0, "", str(error)))
                batch.read[file] = state.run_no(batch, file), 0, True
                continue
            if data:
                batch.add(file, state.run_no(batch, file), data, read)
                if read + len(data) < size != PACKED:
                    unread.add(file)
                if size - read > room and size != PACKED:
                    waiting.append((file, size))
                    break
                room -= len(data)
    batch.settle()
    for file in unread:  # more follows: the end of the run may be no end
        batch.read[file] = *batch.read[file][:2], False
    return batch


def spools(layout: Layout) -> list[tuple[Path, str, int]]:
    """Path, plain name and size (of a packed one, PACKED) of every spool; of a packed and a plain one the plain one.

    Links, pipes and files that no run can have written are left alone.
    """
    if not layout.spool.is_dir():
        return []
    folder = layout.spool
    with os.scandir(folder) as entries:
        found = sorted(_sizes(entries).items())
    return [(folder / (file if size != PACKED else f"{file}.gz"), file, size) for file, size in found]


def _sizes(entries: Iterable["os.DirEntry[str]"]) -> dict[str, int]:
    found: dict[str, int] = {}
    for entry in entries:
        name = entry.name.removesuffix(".gz")
        if not name.endswith(".jsonl") or not is_run_id(name.removesuffix(".jsonl")):
            continue
        if not entry.is_file(follow_symlinks=False):
            continue
        if name == entry.name:
            found[name] = entry.stat().st_size
        else:
            found.setdefault(name, PACKED)
    return found


def _changed(layout: Layout, state: State) -> list[tuple[str, int]]:
    """Name and size of the spools that are not wholly in the database: of those that are, only the sizes are read."""
    if not layout.spool.is_dir():
        return []
    if not state.whole:
        return _changed_of(layout, state)
    known, others = state.spools, list["os.DirEntry[str]"]()
    with os.scandir(layout.spool) as entries:
        for entry in entries:
            before = known.get(entry.name)
            if before is None or entry.stat(follow_symlinks=False).st_size != before[1]:
                others.append(entry)
    return sorted(item for item in _sizes(others).items() if item[0] not in known or item[1] != PACKED)


def _changed_of(layout: Layout, state: State) -> list[tuple[str, int]]:
    """The spools that may still grow and did."""
    found = []
    for file in sorted({*state.spools, layout.edits.name}):
        path = layout.spool / file
        with contextlib.suppress(OSError):
            status = path.lstat()
            if stat.S_ISREG(status.st_mode) and status.st_size != state.read(file):
                found.append((file, status.st_size))
    return found


def _stamp(layout: Layout, here: Here) -> list[float] | None:
    """When the folder of spools changed last (a new, resumed, packed or removed one), and when that was looked at.

    None where it has only just changed: what comes within the same tick of its clock would look the same.
    """
    try:
        changed = layout.spool.stat().st_mtime
    except OSError:
        return None
    return [changed, here.now()] if here.now() - changed > TICK else None


def _scanned(con: duckdb.DuckDBPyConnection, stamp: list[float] | None) -> bool:
    """Whether all spools were looked at less than a minute ago, and none came or was resumed since."""
    found = one(con, "SELECT value FROM raw.meta WHERE key = 'scanned'")
    if found is None or stamp is None:
        return False
    changed, at = json.loads(found[0])
    return bool(changed == stamp[0] and 0 <= stamp[1] - at < LOOK_AGAIN)


def whole_lines(path: Path | str, start: int, limit: int) -> bytes:
    """Bytes of a spool from `start` up to the last newline within about `limit` bytes; a longer line is read whole."""
    if str(path).endswith(".gz"):
        data = read_packed(Path(path))[start:]
        return data[: data.rfind(b"\n") + 1]
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # a pipe in a spool's place is not waited for
    try:
        data = os.pread(fd, limit, start)
        while (end := data.rfind(b"\n")) < 0:
            more = os.pread(fd, limit, start + len(data))
            if not more:
                return b""
            data += more
    finally:
        os.close(fd)
    return data[: end + 1]


def _lost(con: duckdb.DuckDBPyConnection, layout: Layout, state: State, here: Here) -> list[int]:
    """Numbers of the runs whose last line nobody will write.

    A run of this host is lost when its lock is free and there is no whole line left to read, whatever the clocks say.
    One of another host is lost after ten minutes without a new byte: counted by this machine's clock from the moment
    its file was first seen to have its size, because the other's clock, which dates the file, may be a day off.
    """
    found = one(con, "SELECT value FROM raw.meta WHERE key = 'elsewhere'")
    before: dict[str, list[float]] = json.loads(found[0]) if found else {}
    seen, lost, now = dict[str, list[float]](), list[int](), here.now()
    for run_no, run_id, host, status in unended(con):
        path = layout.spool_file(run_id)
        if host == here.host:
            if status == "running" and _is_over(path, state):
                lost.append(run_no)
            continue
        try:
            file = path.stat()
        except OSError:
            lost += [run_no] * (status == "running")
            continue
        size, since = before.get(run_id, (None, file.st_mtime))
        if size not in (None, file.st_size):
            since = now
        seen[run_id] = [file.st_size, min(since, now)]
        if status == "running" and now - seen[run_id][1] > ELSEWHERE:
            lost.append(run_no)
    if seen != before:
        con.execute("DELETE FROM raw.meta WHERE key = 'elsewhere'")
        con.execute("INSERT INTO raw.meta VALUES ('elsewhere', ?)", [json.dumps(seen)])
    return lost


def _is_over(path: Path, state: State) -> bool:
    return not alive(path) and not (path.exists() and whole_lines(path, state.read(path.name), CHUNK))
