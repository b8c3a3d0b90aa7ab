"""Opening DuckDB files: the work database by the one who ingests, a published version by anyone.

Within one process DuckDB hands out the old instance for a path as long as any connection to it lives, so each
published version is opened under a name of its own: a hard link (or a copy, where links are refused) that is removed
once it is open.
"""

import contextlib
import itertools
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb

from store.database.migrations import MIGRATIONS, check_version, migrate
from store.errors import StoreError
from store.paths import Layout, check_target

STORAGE_VERSION = "v1.0.0"  # what command lines from DuckDB 0.10 on can read
THREADS = 2  # of an ingest; a job that trains on the same machine has the others
_numbers = itertools.count()
_guard = threading.Lock()
_readers: dict[Path, tuple[str, duckdb.DuckDBPyConnection]] = {}


def open_work(path: Path) -> duckdb.DuckDBPyConnection:
    """Open a work database for writing, migrated as needed; the caller holds the store's lock.

    A new one is made under another name, so that one that is there is always whole.

    Raises:
        StoreError: if the file is not a store's database.
    """
    if not path.exists():
        aside = path.with_name(f"{path.name}.new")
        aside.unlink(missing_ok=True)
        Path(f"{aside}.wal").unlink(missing_ok=True)
        _open(aside).close()
        aside.rename(path)
    return _open(path)


def _open(path: Path) -> duckdb.DuckDBPyConnection:
    try:
        con = duckdb.connect(
            str(path),
            config={"storage_compatibility_version": STORAGE_VERSION, "threads": THREADS, "default_block_size": 16384},
        )
    except duckdb.Error as error:
        advice = "`python -m store rebuild` makes it anew from the spools"
        raise StoreError(f"cannot open {path}: {_first_line(error)}; {advice}") from error
    try:
        con.execute("SET TimeZone = 'UTC'")
        migrate(con, path)
        now = str(time.time_ns())
        con.execute(
            "INSERT INTO raw.meta SELECT 'counter', ? WHERE NOT exists(FROM raw.meta WHERE key = 'counter')", [now]
        )
    except BaseException:
        con.close()
        raise
    return con


def version(layout: Layout) -> str:
    """What changes when a new version is published; a stat, no more."""
    try:
        found = layout.db.stat()
    except OSError:
        return "none"
    return f"{found.st_ino}-{found.st_mtime_ns}-{found.st_size}"


def reader(layout: Layout) -> duckdb.DuckDBPyConnection:
    """A cursor on the newest published version, or on an empty store where nothing is published yet.

    Raises:
        StoreError: if the file is not a store's database.
    """
    with _guard:
        now = version(layout)
        held = _readers.get(layout.db)
        if held is None or held[0] != now:
            held = now, (_empty() if now == "none" else open_published(layout))
            _readers[layout.db] = held
        return held[1].cursor()


def open_published(
    layout: Layout, *, config: Mapping[str, Any] | None = None, older: bool = False
) -> duckdb.DuckDBPyConnection:
    """Open the published database read-only under a name of its own; one of an older schema only where that will do.

    Raises:
        StoreError: if it is missing, foreign, damaged or of another schema.
    """
    check_target(layout.db)
    with private_name(layout) as name:
        try:
            con = duckdb.connect(str(name), read_only=True, config=dict(config or {}))
        except duckdb.Error as error:
            raise StoreError(f"cannot open {layout.db}: {_first_line(error)}") from error
    try:
        found = check_version(con, layout.db)
    except BaseException:
        con.close()
        raise
    if found < MIGRATIONS[-1].number and not older:
        con.close()
        raise StoreError(f"{layout.db} has the older schema {found}: `python -m store ingest` brings it up to date")
    if config is None:
        con.execute("SET TimeZone = 'UTC'")
    return con


@contextlib.contextmanager
def private_name(layout: Layout) -> Iterator[Path]:
    """A name for the current published version that nobody else uses, gone when the block ends.

    It is a folder of its own with the database's usual name in it, so that the catalog is called as everywhere.
    """
    unique = f".reader-{os.getpid()}-{next(_numbers)}"
    folder = layout.folder / unique
    try:
        try:
            folder.mkdir()
            os.link(layout.db, folder / layout.db.name)
        except OSError:
            _remove(folder)
            folder = Path(tempfile.gettempdir()) / unique
            folder.mkdir()
            shutil.copyfile(layout.db, folder / layout.db.name)
    except OSError as error:
        _remove(folder)
        raise StoreError(f"cannot read {layout.db}: {error.strerror}") from error
    try:
        yield folder / layout.db.name
    finally:
        _remove(folder)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def verify_published(layout: Layout) -> None:
    """Raise StoreError unless the published database is a store's."""
    open_published(layout, older=True).close()


def _empty() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    migrate(con, Path("memory"))
    return con


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:300]
