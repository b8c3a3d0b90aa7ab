"""Look for what is wrong with a store, without writing anything into it: what there is to ingest goes into a copy."""

import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from store.database.connections import damage, open_file
from store.database.sql import literal, one
from store.errors import DamagedError, StoreError
from store.ingest import fill, lock, spools
from store.leftovers import orphans
from store.paths import Layout, inside, locate
from store.spool.file import alive
from store.spool.parquet import sha256

PATIENCE = 30.0  # seconds to wait for an ingest to end
_KEYS = {
    "raw.runs": "run_id",
    "raw.spools": "file",
    "raw.names": "name",
    "raw.params": "run_no, name",
    "raw.summary": "run_no, name_no",
    "raw.cells": "run_no, tbl, axes, metric, source",
    "raw.examples": "dataset, split, example_id, hash",
    "raw.artifacts": "run_no, name",
    "raw.edits": "run_id",
}


@dataclass(slots=True)
class Report:
    """What `check` found."""

    problems: list[str] = field(default_factory=list)  # something was damaged or is missing
    notes: list[str] = field(default_factory=list)  # worth knowing; nothing is wrong
    sizes: dict[str, int] = field(default_factory=dict)  # bytes

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def check(db: Path | None = None, *, deep: bool = False) -> Report:
    """Look for damage, lost runs, orphan files and rows that are there twice.

    Args:
        db: the store's database.
        deep: also read every spool again and compare it with what the database holds.

    Raises:
        StoreError: if there is no store.
    """
    layout, report = locate(db), Report()
    if not layout.folder.exists() and not layout.db.exists():
        raise StoreError(f"no store at {layout.db}: {layout.folder} is not there")
    try:
        with (
            tempfile.TemporaryDirectory(prefix="clueboard-check-") as folder,
            lock(layout, wait=PATIENCE, create=False) as mine,
        ):
            if not mine:
                raise StoreError(f"another process has been ingesting into {layout.work} for {PATIENCE:g} seconds")
            _check_published(layout, report)
            _check_content(layout, report, Path(folder), deep=deep)
    except OSError as error:
        raise StoreError(f"cannot check {layout.db}: {error.filename or ''} {error.strerror}") from error
    report.sizes = {
        "database": layout.db.stat().st_size if layout.db.exists() else 0,
        **{folder.name: tree_bytes(folder) for folder in (layout.spool, layout.predictions, layout.artifacts)},
    }
    return report


def tree_bytes(folder: Path) -> int:
    """Size of all files below a folder."""
    files = folder.rglob("*") if folder.exists() else ()
    return sum(path.lstat().st_size for path in files if path.is_file())


def _check_published(layout: Layout, report: Report) -> None:
    wrong = damage(layout)
    if wrong is not None:
        report.problems.append(wrong)
    elif layout.db.exists() and not layout.work.exists():
        report.notes.append(
            f"{layout.db} is the only copy of its runs: the next job or `python -m store ingest` makes a working copy"
        )


def _check_content(layout: Layout, report: Report, folder: Path, *, deep: bool) -> None:
    copy = folder / "check.duckdb"
    source = layout.work if layout.work.exists() else layout.db
    for suffix in ("", ".wal"):
        if Path(f"{source}{suffix}").exists():
            shutil.copyfile(f"{source}{suffix}", f"{copy}{suffix}")
    try:
        lines, _, _ = fill(layout, copy)
        con = open_file(copy)
    except (DamagedError, duckdb.Error) as error:
        if source == layout.work:
            said = str(error).splitlines()[0].partition(";")[0].replace(str(copy), str(source))
            report.problems.append(f"{source} is damaged: {said}; `python -m store rebuild` makes it anew")
        elif not report.problems:
            raise
        return
    try:
        if lines:
            report.notes.append(f"{lines} lines are not in the database yet: `python -m store ingest` takes them in")
        _check_rows(con, report)
        found = one(con, "SELECT value FROM raw.meta WHERE key = 'seeded'")
        came = int(found[0]) if found else 0 if source == layout.work else 1 << 62
        _check_spools(con, layout, report, came)
        _check_files(con, layout, report, came, deep=deep)
    finally:
        con.close()
    if deep:
        _check_replay(layout, report, copy, folder / "replay.duckdb")


def _check_rows(con: duckdb.DuckDBPyConnection, report: Report) -> None:
    for file, offset, reason, size in con.execute(
        "SELECT file, byte_offset, reason, length(text) FROM damaged ORDER BY ALL"
    ).fetchall():
        if reason == "torn":
            report.notes.append(f"{file}: a line torn at byte {offset} was never acknowledged and is left out")
        else:
            report.problems.append(f"{file}, byte {offset}: {reason} ({size} characters set aside)")
    for table, key in _KEYS.items():
        twice = one(con, f"SELECT count(*) FROM (SELECT 1 FROM {table} GROUP BY {key} HAVING count(*) > 1)")
        if twice and twice[0]:
            report.problems.append(f"{table}: {twice[0]} keys are there twice")
    for run_id, host in con.execute(
        "SELECT run_id, host FROM raw.runs WHERE status = 'lost' ORDER BY run_id"
    ).fetchall():
        report.notes.append(f"run {run_id} on {host} ended without a word (lost)")


def _check_spools(con: duckdb.DuckDBPyConnection, layout: Layout, report: Report, seeded: int) -> None:
    """Spools that are gone; runs up to number `seeded` came without them."""
    rows = con.execute("SELECT file, run_no, read FROM raw.spools").fetchall()
    read = {file: bytes_read for file, _, bytes_read in rows}
    numbers = {file: run_no for file, run_no, _ in rows}
    deleted = {row[0] for row in con.execute("SELECT run_id || '.jsonl' FROM raw.edits WHERE deleted").fetchall()}
    there = set()
    for path, file, size in spools(layout):
        there.add(file)
        if not os.access(path, os.R_OK):
            report.problems.append(f"{file} cannot be read by this user: what it says beyond the database is not shown")
        if path.suffix == ".gz" and not path.stat().st_size:
            report.problems.append(f"{path.name} is empty: the database is the only copy of what it said")
        behind = size - read.get(file, 0)
        if path.suffix == ".jsonl" and behind > 0 and not alive(path) and file != "edits.jsonl":
            report.notes.append(f"{file}: ends with {behind} bytes of a line that was never finished")
    gone = sorted(set(read) - there - deleted)
    came = [file for file in gone if (numbers[file] or 0) <= seeded]
    if came:
        report.notes.append(
            f"{len(set(came) - {'edits.jsonl'})} runs came without their spools: the database is their only copy"
        )
    report.problems += [
        f"{file} is gone: the database is the only copy of what it said" for file in gone if file not in came
    ]


def _check_files(con: duckdb.DuckDBPyConnection, layout: Layout, report: Report, seeded: int, *, deep: bool) -> None:
    came = 0
    rows = con.execute(
        "SELECT run_no, run_id, path, a.bytes, a.sha256 FROM artifacts a JOIN raw.runs USING (run_id) ORDER BY path"
    ).fetchall()
    for run_no, run_id, path, size, digest in rows:
        try:
            file, folder = inside(layout.folder, path), layout.folder_of(run_id)
        except StoreError as error:
            report.problems.append(str(error))
            continue
        if not file.exists():
            alone = run_no <= seeded and not folder.exists()
            came += alone
            report.problems += [f"{path} is gone"] * (not alone)
        elif deep and (file.stat().st_size != size or sha256(file) != digest):
            report.problems.append(f"{path} is not what its run stored")
    if came:
        report.notes.append(f"{came} files of runs that came without them are not here")
    for path in orphans(con, layout):
        report.notes.append(f"{path.relative_to(layout.folder)}: no line names this file")


def _check_replay(layout: Layout, report: Report, copy: Path, aside: Path) -> None:
    """Read all spools into another database and compare the numbers of rows of every run that has a spool."""
    fill(layout, aside)
    con = open_file(aside)
    try:
        con.execute(f"ATTACH {literal(str(copy))} AS stored (READ_ONLY)")
        harmed = "FROM damaged ANTI JOIN stored.damaged USING (file, byte_offset) WHERE file LIKE '%.parquet'"
        for file, reason in con.execute(f"SELECT file, reason {harmed} ORDER BY ALL").fetchall():
            report.problems.append(f"{file}: {reason}; what it held is in the database")
        for table in ("points", "cells", "predictions"):
            joined = f"{{0}}raw.{table} JOIN {{0}}raw.runs r USING (run_no)"
            count = f"SELECT r.run_id, count(*) AS n FROM {joined} GROUP BY r.run_id"
            rows = con.execute(
                f"SELECT run_id, a.n, b.n FROM ({count.format('stored.')}) a "
                f"FULL JOIN ({count.format('')}) b USING (run_id) "
                "WHERE a.n IS DISTINCT FROM b.n AND run_id IN (SELECT run_id FROM raw.runs) ORDER BY run_id"
            ).fetchall()
            report.problems += [
                f"run {run_id}: {have or 0} rows of {table}, its spool says {says or 0}" for run_id, have, says in rows
            ]
    finally:
        con.close()
