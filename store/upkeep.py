"""Looking after a store: check it, rebuild it, pack it, clear it out, back it up."""

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from store.database import publish
from store.database.connections import open_work
from store.database.sql import one
from store.editing import write_edit
from store.errors import StoreError
from store.ingest import Outcome, fill, ingest, lock, spools
from store.paths import Layout, locate
from store.spool.file import alive
from store.spool.packing import pack
from store.spool.parquet import sha256

PATIENCE = 30.0  # seconds upkeep waits for an ingest to end


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


@contextlib.contextmanager
def hold(layout: Layout) -> Iterator[None]:
    """Hold the store's lock or say who is in the way."""
    if not layout.folder.exists():
        raise StoreError(f"no store at {layout.db}: {layout.folder} is not there")
    with lock(layout, wait=PATIENCE) as mine:
        if not mine:
            raise StoreError(f"another process has been ingesting into {layout.work} for {PATIENCE:g} seconds")
        yield


def check(db: Path | None = None, *, deep: bool = False) -> Report:
    """Look for damage, lost runs, orphan files and rows that are there twice.

    Args:
        db: the store's database.
        deep: also read every spool again and compare it with what the database holds.
    """
    layout = locate(db)
    if not layout.folder.exists() and not layout.db.exists():
        raise StoreError(f"no store at {layout.db}: {layout.folder} is not there")
    ingest(layout.db, wait=PATIENCE)
    report = Report()
    with hold(layout):
        con = open_work(layout.work)
        try:
            _check_rows(con, report)
            _check_spools(con, layout, report)
            _check_files(con, layout, report, deep=deep)
        finally:
            con.close()
        if deep:
            _check_replay(layout, report)
    report.sizes = {
        "database": layout.db.stat().st_size if layout.db.exists() else 0,
        **{folder.name: _tree_bytes(folder) for folder in (layout.spool, layout.predictions, layout.artifacts)},
    }
    return report


def rebuild(db: Path | None = None) -> Outcome:
    """Make the work database anew from the spools, put it in place of the old one, publish it."""
    layout = locate(db)
    with hold(layout):
        aside = layout.folder / "rebuild.duckdb"
        remove_database(aside)
        try:
            lines, lost, counter = fill(layout, aside)
        except duckdb.Error as error:
            raise StoreError(f"cannot rebuild {layout.work}: {str(error).splitlines()[0]}") from error
        Path(f"{layout.work}.wal").unlink(missing_ok=True)
        aside.rename(layout.work)
        publish.publish(layout, counter)
        return Outcome(lines, lost, published=True, due_in=None)


def compact(db: Path | None = None) -> tuple[int, int]:
    """Pack the spools of runs that are over and wholly ingested; returns how many and the bytes won."""
    layout = locate(db)
    ingest(layout.db, wait=PATIENCE)
    packed = won = 0
    with hold(layout):
        con = open_work(layout.work)
        try:
            read = dict(con.execute("SELECT file, read FROM raw.spools WHERE over").fetchall())
        finally:
            con.close()
        for path, file, size in spools(layout):
            if path.suffix == ".jsonl" and read.get(file) == size and not alive(path):
                won += pack(path)
                packed += 1
    return packed, won


def gc(db: Path | None = None, *, dry_run: bool = True, models: bool = False) -> list[tuple[str, int]]:
    """Remove archived and deleted runs, what finished runs kept only to be resumed, and files no line names.

    Args:
        db: the store's database.
        dry_run: only say what would go.
        models: also the checkpoints that finished runs registered; nothing can be predicted with those runs then.

    Returns:
        (what, bytes) of each thing.
    """
    layout = locate(db)
    ingest(layout.db, wait=PATIENCE)
    with hold(layout):
        con = open_work(layout.work)
        try:
            old = con.execute(
                "SELECT run_id, a.name, path, bytes FROM artifacts a JOIN runs USING (run_id) "
                "WHERE kind = 'checkpoint' AND status = 'finished' AND NOT archived ORDER BY ALL"
            ).fetchall()
            unwanted = con.execute(
                "SELECT CASE WHEN deleted THEN 'deleted' ELSE 'archived' END, run_id "
                "FROM raw.runs JOIN raw.edits USING (run_id) "
                "WHERE (deleted OR archived) AND status <> 'running' ORDER BY ALL"
            ).fetchall()
            files = _resume_files(con, layout) + _orphans(con, layout)
            gone = [  # their rows went before, and their files if nothing stopped it
                row[0]
                for row in con.execute(
                    "SELECT run_id FROM raw.edits ANTI JOIN raw.runs USING (run_id) WHERE deleted"
                ).fetchall()
            ]
        finally:
            con.close()
    old = old if models else []
    found = [(f"model {run_id}/{name}", size) for run_id, name, _, size in old]
    found += [(f"{why} run {run_id}", _run_bytes(layout, run_id)) for why, run_id in unwanted]
    found += [(f"file without a line {path.relative_to(layout.folder)}", path.stat().st_size) for path in files]
    if not dry_run:
        for run_id, name, _, _ in old:
            write_edit(layout, "forget", run_id=run_id, name=name)
        for _, run_id in unwanted:
            write_edit(layout, "remove", run_id=run_id)
        ingest(layout.db, wait=PATIENCE, force=True)
        for _, _, path, _ in old:
            (layout.folder / path).unlink(missing_ok=True)
        for run_id in {*(run_id for _, run_id in unwanted), *gone}:
            _remove_run(layout, run_id)
        for path in files:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    return found


def backup(target: Path, db: Path | None = None) -> int:
    """Copy the whole store to `target`, a database path that is free; returns the bytes copied.

    Raises:
        StoreError: if the target exists or the disk refuses.
    """
    layout, other = locate(db), locate(target)
    if other.db.exists() or other.folder.exists():
        raise StoreError(f"{other.db if other.db.exists() else other.folder} exists already")
    ingest(layout.db, wait=PATIENCE, force=True)
    with hold(layout):
        try:
            shutil.copytree(
                layout.folder,
                other.folder,
                ignore=shutil.ignore_patterns(".*", "lock", "follower", "published.json", "*.wal"),
            )
            shutil.copyfile(layout.db, other.db)
            other.db.chmod(0o444)
        except (OSError, shutil.Error) as error:
            shutil.rmtree(other.folder, ignore_errors=True)
            other.db.unlink(missing_ok=True)
            raise StoreError(f"cannot back up to {other.db}: {getattr(error, 'strerror', None) or error}") from error
    return _tree_bytes(other.folder) + other.db.stat().st_size


def load_published(file: Path | None = None, db: Path | None = None) -> int:
    """Load the published figures, from the project's file or another, and publish them; returns the number of rows."""
    layout = locate(db)
    layout.create()
    with hold(layout):
        con = open_work(layout.work)
        try:
            rows = publish.load_published(con, file)
        finally:
            con.close()
    ingest(layout.db, wait=PATIENCE, force=True)
    return rows


def remove_database(path: Path) -> None:
    """Remove a database and its log."""
    path.unlink(missing_ok=True)
    Path(f"{path}.wal").unlink(missing_ok=True)


def _check_rows(con: duckdb.DuckDBPyConnection, report: Report) -> None:
    for file, offset, reason, size in con.execute(
        "SELECT file, byte_offset, reason, length(text) FROM damaged ORDER BY ALL"
    ).fetchall():
        if reason == "torn":
            report.notes.append(f"{file}: a line torn at byte {offset} was never acknowledged and is left out")
        else:
            report.problems.append(f"{file}, byte {offset}: {reason} ({size} characters set aside)")
    keys = {
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
    for table, key in keys.items():
        twice = one(con, f"SELECT count(*) FROM (SELECT 1 FROM {table} GROUP BY {key} HAVING count(*) > 1)")
        if twice and twice[0]:
            report.problems.append(f"{table}: {twice[0]} keys are there twice")
    for run_id, host in con.execute(
        "SELECT run_id, host FROM raw.runs WHERE status = 'lost' ORDER BY run_id"
    ).fetchall():
        report.notes.append(f"run {run_id} on {host} ended without a word (lost)")


def _check_spools(con: duckdb.DuckDBPyConnection, layout: Layout, report: Report) -> None:
    read = dict(con.execute("SELECT s.file, s.read FROM raw.spools s LEFT JOIN raw.runs USING (run_no)").fetchall())
    deleted = {row[0] for row in con.execute("SELECT run_id || '.jsonl' FROM raw.edits WHERE deleted").fetchall()}
    there = set()
    for path, file, size in spools(layout):
        there.add(file)
        behind = size - read.get(file, 0)
        if path.suffix == ".jsonl" and behind > 0 and not alive(path) and file != "edits.jsonl":
            report.notes.append(f"{file}: ends with {behind} bytes of a line that was never finished")
    report.problems += [f"{file} is gone: a rebuild would lose its run" for file in sorted(set(read) - there - deleted)]


def _check_files(con: duckdb.DuckDBPyConnection, layout: Layout, report: Report, *, deep: bool) -> None:
    for path, size, digest in con.execute("SELECT path, bytes, sha256 FROM artifacts ORDER BY path").fetchall():
        file = layout.folder / path
        if not file.exists():
            report.problems.append(f"{path} is gone")
        elif deep and (file.stat().st_size != size or sha256(file) != digest):
            report.problems.append(f"{path} is not what its run stored")
    for path in _orphans(con, layout):
        report.notes.append(f"{path.relative_to(layout.folder)}: no line names this file")


def _orphans(con: duckdb.DuckDBPyConnection, layout: Layout) -> list[Path]:
    """Files of predictions that no line names, and leftovers of writers that died; never those of running jobs."""
    named = {row[0] for row in con.execute("SELECT file FROM raw.files").fetchall()}
    alive_runs = {row[0] for row in con.execute("SELECT run_id FROM raw.runs WHERE status = 'running'").fetchall()}
    found = []
    for path in sorted(layout.predictions.iterdir()):
        mine = any(run_id in path.name for run_id in alive_runs)
        if path.name not in named and not mine and not (alive_runs and path.name.lstrip(".").startswith("examples")):
            found.append(path)
    return found + [path for path in sorted(layout.folder.glob(".reader-*")) if not _process_lives(path)]


def _resume_files(con: duckdb.DuckDBPyConnection, layout: Layout) -> list[Path]:
    """Checkpoints that finished runs never registered: with those they could be resumed, and they are over."""
    rows = con.execute("SELECT run_id FROM runs WHERE status = 'finished' AND NOT archived ORDER BY run_id").fetchall()
    named = {layout.folder / row[0] for row in con.execute("SELECT path FROM artifacts").fetchall()}
    found = [path for (run_id,) in rows for path in sorted((layout.artifacts / run_id).rglob("*.safetensors"))]
    return [path for path in found if path not in named]


def _process_lives(path: Path) -> bool:
    pid = path.name.split("-")[1]
    return pid.isdigit() and Path(f"/proc/{pid}").exists()


def _check_replay(layout: Layout, report: Report) -> None:
    """Read all spools into a second database and compare the numbers of rows per run."""
    aside = layout.folder / "replay.duckdb"
    remove_database(aside)
    try:
        fill(layout, aside)
        con = open_work(aside)
        try:
            con.execute(f"ATTACH '{str(layout.work).replace(chr(39), chr(39) * 2)}' AS stored (READ_ONLY)")
            for table in ("points", "cells", "predictions"):
                joined = f"{{0}}raw.{table} JOIN {{0}}raw.runs r USING (run_no)"
                count = f"SELECT r.run_id, count(*) AS n FROM {joined} GROUP BY r.run_id"
                rows = con.execute(
                    f"SELECT run_id, a.n, b.n FROM ({count.format('stored.')}) a "
                    f"FULL JOIN ({count.format('')}) b USING (run_id) "
                    "WHERE a.n IS DISTINCT FROM b.n ORDER BY run_id"
                ).fetchall()
                report.problems += [
                    f"run {run_id}: {have or 0} rows of {table}, its spool says {says or 0}"
                    for run_id, have, says in rows
                ]
        finally:
            con.close()
    finally:
        remove_database(aside)


def _tree_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.exists() else 0


def _run_files(layout: Layout, run_id: str) -> list[Path]:
    spool = layout.spool_file(run_id)
    return [spool, spool.with_name(spool.name + ".gz"), *layout.predictions.glob(f"{run_id}-*")]


def _run_bytes(layout: Layout, run_id: str) -> int:
    own = sum(path.stat().st_size for path in _run_files(layout, run_id) if path.exists())
    return own + _tree_bytes(layout.artifacts / run_id)


def _remove_run(layout: Layout, run_id: str) -> None:
    shutil.rmtree(layout.artifacts / run_id, ignore_errors=True)
    for path in _run_files(layout, run_id):
        path.unlink(missing_ok=True)
