"""Publish: the closed work database is copied aside and renamed over the one everybody reads.

A reader sees the old file or the new one, whole, for as long as it likes. A counter inside the work database travels
with the copy; publishing is due whenever the two differ. It rests for twenty times its own duration, except when
forced (the end of a run), so that it never takes more than 5% of a core. The copy is made only after the database is
closed: closing a copy of a file that this process has open would drop its lock.

A published file that this folder did not write is looked at first: if it holds runs that the working copy lacks, or is
newer, nothing replaces it; if it is damaged, it was only a copy and is made again.
"""

import contextlib
import csv
import hashlib
import json
import logging
import os
import shutil
import time
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from store.aside import written_whole
from store.database.connections import damage, damaged, open_published, verify_published
from store.database.sql import count_change, insert, one
from store.errors import DamagedError, StoreError
from store.paths import Layout, check_kinds, check_target

REST = 20.0  # times its own duration
COLUMNS = ["experiment", "task", "dataset", "model", "variant", "split", "metric", "value", "source", "note"]
OWN = "own:"  # marks figures that came from a file of the user's
PUBLISHED = Path(__file__).parents[1] / "published.csv"
DAMAGED = "damaged.duckdb"  # name of a damaged published file in the store's folder, once it is made again

log = logging.getLogger("store")


def counter(con: duckdb.DuckDBPyConnection) -> int:
    """Version of the content of an open database."""
    row = one(con, "SELECT value FROM raw.meta WHERE key = 'counter'")
    return int(row[0]) if row else 0


def verify_target(layout: Layout) -> None:
    """Refuse to write a store whose published file is not ours, or is damaged and the last copy.

    Raises:
        StoreError: if so.
    """
    check_target(layout)
    check_kinds(layout)
    if layout.db.exists() and not layout.work.exists():
        verify_published(layout)
    elif layout.db.exists() and _note(layout) is None:
        with contextlib.suppress(DamagedError):
            verify_published(layout)


def if_due(layout: Layout, current: int, *, force: bool, verify: bool = False) -> tuple[bool, float | None]:
    """Publish if the published counter is another, or the published file is damaged.

    Args:
        layout: the store.
        current: counter of the working copy.
        force: publish a new version whatever the spacing.
        verify: read the whole published file to see whether it is damaged.

    Returns:
        Whether the published version is the current one, and otherwise the seconds until it may be.

    Raises:
        StoreError: if the published file holds more than the working copy.
    """
    note = _note(layout)
    known = note is not None and note["counter"] <= current
    reason = None
    same = note is not None and note["counter"] == current
    if layout.db.exists() and not known:
        reason, same = _refuse_less(layout, current)
    if reason is None and same and (verify or not known):
        reason = damage(layout)
    if reason is not None:
        set_aside(layout, reason)
    elif same:
        if not known:
            _write_note(layout, current, 0.0)
        return True, None
    elapsed = time.time() - (note or {}).get("at", 0.0)
    rest = REST * (note or {}).get("cost", 0.0)
    if not force and 0 <= elapsed < rest:
        return False, rest - elapsed
    publish(layout, current)
    return True, None


def _refuse_less(layout: Layout, current: int) -> tuple[str | None, bool]:
    """Refuse to replace a published file that holds more than the working copy.

    Returns:
        What is damaged in it, if it is, and whether it is of the same version as the working copy.
    """
    try:
        con = open_published(layout, older=True)
    except DamagedError as error:
        return str(error), False
    try:
        theirs, version = _run_ids(con), counter(con)
    except duckdb.Error as error:
        return damaged(layout, error), False
    finally:
        con.close()
    con = duckdb.connect(str(layout.work), read_only=True)
    try:
        missing = sorted(theirs - _run_ids(con))
    finally:
        con.close()
    if missing or version > current:
        what = f"holds {len(missing)} runs ({missing[0]}, …) that" if missing else "is newer than"
        raise StoreError(
            f"{layout.db} {what} {layout.work}{' does not hold' if missing else ''}, so it was not replaced: "
            "`python -m store rebuild` makes one database of both"
        )
    return None, version == current


def _run_ids(con: duckdb.DuckDBPyConnection) -> set[str]:
    """Runs that a database holds or whose removal it knows of."""
    found = con.execute("SELECT run_id FROM raw.runs UNION SELECT run_id FROM raw.edits WHERE deleted").fetchall()
    return {row[0] for row in found}


def set_aside(layout: Layout, reason: str) -> None:
    """Keep a damaged published file under another name, and say what happens to it."""
    kept = layout.folder / DAMAGED
    kept.unlink(missing_ok=True)
    try:
        os.link(layout.db, kept)
    except OSError:
        shutil.copyfile(layout.db, kept)
    log.warning("%s; it is made again now, and the damaged file is kept as %s", reason.partition(";")[0], kept)


def publish(layout: Layout, current: int) -> None:
    """Copy the closed work database over the published one.

    Raises:
        StoreError: if the work database was not closed cleanly, or the disk refuses; the published version stays.
    """
    started = time.monotonic()
    if Path(f"{layout.work}.wal").exists():
        raise StoreError(f"{layout.work} was not closed cleanly; the next ingest will publish it")
    try:
        with written_whole(layout.db, name=f".{layout.db.name}.new", synced=False) as aside:
            shutil.copyfile(layout.work, aside)
            aside.chmod(0o444)
    except OSError as error:
        raise StoreError(f"cannot publish {layout.db}: {error.strerror}") from error
    _write_note(layout, current, time.monotonic() - started)


def load_published(con: duckdb.DuckDBPyConnection, file: Path | None = None, *, automatic: bool = False) -> int:
    """Load the figures of papers and posts; returns the number of rows loaded.

    Args:
        con: an open work database.
        file: CSV; None for the project's.
        automatic: do nothing if they did not change, or if somebody loaded a file of his own.

    Raises:
        StoreError: if the file has other columns or a value that is no number.
    """
    path = file or PUBLISHED
    try:
        stamp = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from error
    have = one(con, "SELECT value FROM raw.meta WHERE key = 'published'")
    if automatic and have is not None and (have[0] == stamp or have[0].startswith(OWN)):
        return 0
    rows = read_published(path)
    schema = {name: pl.Float64 if name == "value" else pl.String for name in COLUMNS}
    con.execute("BEGIN")
    con.execute("DELETE FROM published")
    insert(con, "published", pl.DataFrame(rows, schema=schema, orient="row"))
    con.execute("DELETE FROM raw.meta WHERE key = 'published'")
    con.execute("INSERT INTO raw.meta VALUES ('published', ?)", [stamp if file is None else OWN + stamp])
    count_change(con)
    con.execute("COMMIT")
    return len(rows)


def read_published(path: Path) -> list[list[Any]]:
    """Rows of the file of published figures, values as floats.

    Raises:
        StoreError: if the file has other columns or a value that is no number.
    """
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        if header != COLUMNS:
            raise StoreError(f"{path} must have the columns {','.join(COLUMNS)}, got {','.join(header)}")
        rows: list[list[Any]] = []
        for row in reader:
            try:
                rows.append([*row[:7], float(row[7]), *row[8:]])
            except (ValueError, IndexError):
                raise StoreError(
                    f"{path}, line {reader.line_num}: expected a number as value, got {row[7:8]}"
                ) from None
            if len(row) != len(COLUMNS):
                raise StoreError(f"{path}, line {reader.line_num}: expected {len(COLUMNS)} fields, got {len(row)}")
    return rows


def _note(layout: Layout) -> dict[str, Any] | None:
    """What the last publish wrote of itself, if it is about the file that is there and says what it should."""
    try:
        note = json.loads((layout.folder / "published.json").read_text())
        found = layout.db.stat()
        about = note["file"] == [found.st_ino, found.st_mtime_ns, found.st_size]
        return (
            {"counter": int(note["counter"]), "cost": float(note["cost"]), "at": float(note["at"])} if about else None
        )
    except (OSError, ValueError, TypeError, LookupError, OverflowError):
        return None


def _write_note(layout: Layout, current: int, cost: float) -> None:
    found = layout.db.stat()
    file = [found.st_ino, found.st_mtime_ns, found.st_size]
    path = layout.folder / "published.json"
    with written_whole(path, synced=False) as aside:
        aside.write_text(json.dumps({"file": file, "counter": current, "cost": round(cost, 4), "at": time.time()}))
