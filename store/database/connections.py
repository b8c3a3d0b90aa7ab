"""Opening DuckDB files: the work database by the one who ingests, a published version by anyone.

Within one process DuckDB hands out the old instance for a path as long as any connection to it lives, so each
published version is opened under a name of its own: a hard link (or a copy, where links are refused) that is removed
once it is open.

A store that came as its published file alone, or whose folder was removed, has its last copy in that file: the first
who writes makes the working copy from it, with the same runs, versions and counter. Readers make nothing.
"""

import contextlib
import itertools
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb

from store.aside import written_whole
from store.database.migrations import MIGRATIONS, check_version, migrate
from store.database.sql import one, quote
from store.errors import DamagedError, StoreError
from store.paths import Layout, check_target
from store.spool.lines import decode

STORAGE_VERSION = "v1.0.0"  # what command lines from DuckDB 0.10 on can read
THREADS = 2  # of an ingest; a job that trains on the same machine has the others
READING = "SET TimeZone = 'UTC'; SET produce_arrow_string_view = true; SET arrow_output_version = '1.4'"
"""Settings of a reader: texts come as polars keeps them, which takes a third off the time of reading predictions."""
LOCKED = "Conflicting lock"  # in DuckDB's words for a file that another program has open for writing
_numbers = itertools.count()
_guard = threading.Lock()
_readers: dict[Path, tuple[str, duckdb.DuckDBPyConnection]] = {}


def open_work(layout: Layout) -> duckdb.DuckDBPyConnection:
    """Open the working copy for writing, migrated as needed; the caller holds the store's lock.

    One that is missing is made from the published file, and is empty only where nothing was ever published.

    Raises:
        StoreError: if the file is not a store's database, or the published one is the last copy and cannot be read.
    """
    if not layout.work.exists() and layout.db.exists():
        _seed(layout)
    return open_file(layout.work)


def open_file(path: Path) -> duckdb.DuckDBPyConnection:
    """Open a database of the store for writing; a new one is made under another name, so that it is always whole.

    Raises:
        StoreError: if the file is not a store's database.
    """
    if not path.exists():
        _create(path)
    return _open(path)


def _create(path: Path) -> None:
    with written_whole(path, name=f"{path.name}.new") as aside:
        _open(aside).close()


def _seed(layout: Layout) -> None:
    verify_published(layout)
    try:
        with written_whole(layout.work, name=f"{layout.work.name}.new") as aside:
            shutil.copyfile(layout.db, aside)
            con = _open(aside)
            try:
                newest = one(con, "SELECT coalesce(max(run_no), 0) FROM raw.runs")
                con.execute("DELETE FROM raw.meta WHERE key = 'seeded'")
                con.execute("INSERT INTO raw.meta VALUES ('seeded', ?)", [str(newest[0] if newest else 0)])
                if _edits_began_anew(layout, con):
                    con.execute("DELETE FROM raw.spools WHERE file = 'edits.jsonl'")
            finally:
                con.close()
    except OSError as error:
        raise StoreError(f"cannot copy {layout.db} to {layout.work}: {error.strerror}") from error


def _edits_began_anew(layout: Layout, con: duckdb.DuckDBPyConnection) -> bool:
    """Whether the file of edits is another than the one that the published version has read."""
    read = one(con, "SELECT read FROM raw.spools WHERE file = 'edits.jsonl'")
    if read is None or not layout.edits.exists():
        return read is not None
    with layout.edits.open("rb") as file:
        first = decode(file.readline().rstrip(b"\n")) or {}
    return bool(layout.edits.stat().st_size < read[0] or first.get("at", 0.0) > layout.db.stat().st_mtime)


def _open(path: Path) -> duckdb.DuckDBPyConnection:
    try:
        con = duckdb.connect(
            str(path),
            config={"storage_compatibility_version": STORAGE_VERSION, "threads": THREADS, "default_block_size": 16384},
        )
    except duckdb.Error as error:
        if LOCKED in str(error):
            holder = _first_line(error).partition(f"{LOCKED} is held in ")[2].partition(". See")[0]
            raise StoreError(f"{path} is open in {holder or 'another program'}, which must close it") from error
        advice = "`python -m store rebuild` makes it anew from the spools"
        raise DamagedError(f"cannot open {path}: {_first_line(error)}; {advice}") from error
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
    """Open the published database read-only under a name of its own.

    Args:
        layout: the store.
        config: of DuckDB.
        older: a file of an older schema is opened as it is; else a copy is brought up to date and opened.

    Raises:
        StoreError: if it is missing, foreign or of another schema.
        DamagedError: if it cannot be read; the working copy may be whole.
    """
    check_target(layout)
    try:
        con = _connected(layout, config)
    except duckdb.Error as error:
        raise DamagedError(damaged(layout, error)) from error
    try:
        found = check_version(con, layout.db)
    except duckdb.Error as error:
        con.close()
        raise DamagedError(damaged(layout, error)) from error
    except BaseException:
        con.close()
        raise
    if found < MIGRATIONS[-1].number and not older:
        con.close()
        con = _of_today(layout, config)
    if config is None:
        con.execute(READING)
    return con


def _connected(layout: Layout, config: Mapping[str, Any] | None) -> duckdb.DuckDBPyConnection:
    """The published file, or a copy of it where another program has it open for writing: a link shares its locks."""

    def opened(*, copied: bool) -> duckdb.DuckDBPyConnection:
        with private_name(layout, copied=copied) as name:
            return duckdb.connect(str(name), read_only=True, config=dict(config or {}))

    try:
        return opened(copied=False)
    except duckdb.IOException as error:
        if LOCKED not in str(error):
            raise
        return opened(copied=True)


def _of_today(layout: Layout, config: Mapping[str, Any] | None) -> duckdb.DuckDBPyConnection:
    """A published file of an older schema, opened as a copy that was brought up to date: readers write nothing."""
    folder = Path(tempfile.mkdtemp(prefix="clueboard-older-"))
    copy = folder / layout.db.name
    try:
        shutil.copyfile(layout.db, copy)
        _open(copy).close()
        return duckdb.connect(str(copy), read_only=True, config=dict(config or {}))
    except OSError as error:
        raise StoreError(f"cannot bring a copy of {layout.db} up to date: {error.strerror}") from error
    finally:
        _remove(folder)


@contextlib.contextmanager
def private_name(layout: Layout, *, copied: bool = False) -> Iterator[Path]:
    """A name for the current published version, or for a copy of it, that nobody else uses, gone when the block ends.

    It is a folder of its own with the database's usual name in it, so that the catalog is called as everywhere.
    """
    unique = f".reader-{os.getpid()}-{next(_numbers)}"
    name = layout.folder / unique / layout.db.name
    try:
        if copied or not _linked(layout.db, name):
            name = Path(tempfile.gettempdir()) / unique / layout.db.name
            name.parent.mkdir()
            shutil.copyfile(layout.db, name)
    except OSError as error:
        _remove(name.parent)
        raise StoreError(f"cannot read {layout.db}: {error.strerror}") from error
    try:
        yield name
    finally:
        _remove(name.parent)


def _linked(file: Path, name: Path) -> bool:
    """Give a file a second name in a new folder; False where the file system or its rights refuse."""
    try:
        name.parent.mkdir()
        os.link(file, name)
    except OSError:
        _remove(name.parent)
        return False
    return True


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def damage(layout: Layout) -> str | None:
    """What is wrong with the published file: every table of it is read; None if nothing is, or there is none."""
    if not layout.db.exists():
        return None
    try:
        con = open_published(layout, older=True)
    except DamagedError as error:
        return str(error)
    try:
        tables = con.execute(
            "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = current_database()"
        ).fetchall()
        for schema, table in tables:
            con.execute(f"SELECT bit_xor(hash(t)) FROM {quote(schema)}.{quote(table)} t").fetchall()
    except duckdb.Error as error:
        return damaged(layout, error)
    finally:
        con.close()
    return None


def damaged(layout: Layout, error: Exception) -> str:
    """What is wrong with the published file, in a sentence that names it and not the name it was opened by."""
    again = "; `python -m store ingest` makes it again from the working copy" if layout.work.exists() else ""
    what = re.sub(r'"[^"]*[.]reader-\d+-\d+[\\/]', '"', _first_line(error)).rstrip("!.")
    return f"{layout.db} is damaged: {what}{again}"


def verify_published(layout: Layout) -> None:
    """Raise unless the published database is a store's.

    Raises:
        StoreError: if it is not; one that cannot be read and has no working copy comes with the way out.
    """
    try:
        open_published(layout, older=True).close()
    except DamagedError as error:
        if layout.work.exists():
            raise
        spools = layout.spool.is_dir() and any(layout.spool.iterdir())
        way = "`python -m store rebuild` makes both from the spools" if spools else "bring it back from a backup"
        raise DamagedError(f"{error}, and {layout.work}, which it is a copy of, is missing: {way}") from error


def _empty() -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute(READING)
    migrate(con, Path("memory"))
    return con


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:300]
