"""Looking after a store: rebuild it, pack it, clear it out, back it up."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from store.aside import remove_database, written_whole
from store.checking import tree_bytes
from store.database import publish
from store.database.connections import open_file, open_work
from store.database.keeping import keep_missing
from store.database.tables import create_views
from store.editing import write_edit
from store.errors import DamagedError, StoreError
from store.ingest import fill, ingest, lock, spools
from store.leftovers import orphans, resume_files
from store.paths import Layout, inside, locate
from store.spool.file import alive
from store.spool.packing import pack

PATIENCE = 30.0  # seconds upkeep waits for an ingest to end
UNFINISHED = ".backup"  # lies in the folder of a backup until its database has its name


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild did."""

    lines: int
    kept: list[str]  # runs whose spool is missing or shorter than it was, or whose predictions are damaged
    unreadable: list[Path]  # databases that may have held more such runs


@contextlib.contextmanager
def hold(layout: Layout) -> Iterator[None]:
    """Hold the store's lock or say who is in the way."""
    if not layout.folder.exists():
        raise StoreError(f"no store at {layout.db}: {layout.folder} is not there")
    with lock(layout, wait=PATIENCE) as mine:
        if not mine:
            raise StoreError(f"another process has been ingesting into {layout.work} for {PATIENCE:g} seconds")
        yield


def rebuild(db: Path | None = None) -> Rebuilt:
    """Make the working database anew from the spools, put it in place of the old one, publish it.

    Runs whose spool is missing, or shorter than it was, and what stood in files that are damaged now, are kept as the
    old or the published database has them.

    Raises:
        StoreError: if the disk refuses.
    """
    layout = locate(db)
    if layout.db.exists():
        layout.create()
    with hold(layout):
        aside = layout.folder / "rebuild.duckdb"
        remove_database(aside)
        with contextlib.suppress(StoreError, duckdb.Error):  # a damaged one cannot
            fill(layout)
        try:
            lines, _, _ = fill(layout, aside)
            kept, unreadable, counter = _keep(layout, aside)
        except duckdb.Error as error:
            raise StoreError(f"cannot rebuild {layout.work}: {str(error).splitlines()[0]}") from error
        if unreadable and not lines and not kept:
            remove_database(aside)
            raise StoreError(f"{layout.folder} holds nothing to rebuild from: bring {unreadable[0]} back from a backup")
        if layout.work in unreadable:
            layout.work.replace(layout.folder / "damaged-work.duckdb")
        if layout.db in unreadable:
            publish.set_aside(layout, f"{layout.db} is damaged")
        Path(f"{layout.work}.wal").unlink(missing_ok=True)
        aside.rename(layout.work)
        publish.publish(layout, counter)
        return Rebuilt(lines, kept, unreadable)


def _keep(layout: Layout, aside: Path) -> tuple[list[str], list[Path], int]:
    """Carry over what only the old databases hold.

    Returns:
        The runs, the databases that cannot be read, and the counter of the content.
    """
    kept, unreadable, copy = list[str](), list[Path](), layout.folder / "older.duckdb"
    con = open_file(aside)
    try:
        for source in (path for path in (layout.work, layout.db) if path.exists()):
            try:
                _copy_database(source, copy)
                open_file(copy).close()
                kept += keep_missing(con, copy, current=source == layout.work, but=kept)
            except (DamagedError, duckdb.Error):
                unreadable.append(source)
                con.close()  # with whatever the damaged one left in it
                con = open_file(aside)
            except OSError as error:
                raise StoreError(f"cannot read {source}: {error.strerror}") from error
            finally:
                remove_database(copy)
        create_views(con)
        return kept, unreadable, publish.counter(con)
    finally:
        con.close()


def _copy_database(source: Path, copy: Path) -> None:
    remove_database(copy)
    for suffix in ("", ".wal"):
        if Path(f"{source}{suffix}").exists():
            shutil.copyfile(f"{source}{suffix}", f"{copy}{suffix}")


def compact(db: Path | None = None) -> tuple[int, int]:
    """Pack the spools of runs that are over and wholly ingested; returns how many and the bytes won."""
    layout = locate(db)
    ingest(layout.db, wait=PATIENCE)
    packed = won = 0
    with hold(layout):
        con = open_work(layout)
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
        con = open_work(layout)
        try:
            old = _old_models(con, layout) if models else []
            runs = _unwanted_runs(con, layout)
            files = resume_files(con, layout) + orphans(con, layout)
        finally:
            con.close()
    found = [(f"model of run {run_id}: {_shown(layout, path)}", _size(path)) for run_id, _, path in old]
    for why, run_id, paths in runs:
        found += [(f"{why} run {run_id}: {_shown(layout, path)}", _size(path)) for path in paths]
        found += [(f"{why} run {run_id}: its rows", 0)] * (not paths)
    found += [(f"file without a line: {_shown(layout, path)}", _size(path)) for path in files]
    if not dry_run:
        for run_id, name, _ in old:
            write_edit(layout, "forget", run_id=run_id, name=name)
        for why, run_id, _ in runs:
            if why != "removed":
                write_edit(layout, "remove", run_id=run_id)
        ingest(layout.db, wait=PATIENCE, force=True)
        for path in [path for _, _, path in old] + [path for *_, paths in runs for path in paths] + files:
            _remove(path)
    return found


def _old_models(con: duckdb.DuckDBPyConnection, layout: Layout) -> list[tuple[str, str, Path]]:
    rows = con.execute(
        "SELECT run_id, a.name, path FROM artifacts a JOIN runs USING (run_id) "
        "WHERE kind = 'checkpoint' AND status = 'finished' AND NOT archived ORDER BY ALL"
    ).fetchall()
    return [(run_id, name, inside(layout.folder, path)) for run_id, name, path in rows]


def _unwanted_runs(con: duckdb.DuckDBPyConnection, layout: Layout) -> list[tuple[str, str, list[Path]]]:
    """Why, which, and the files: archived and deleted runs, and removed ones whose files something kept."""
    known = [row[0] for row in con.execute("SELECT regexp_replace(file, '[.]jsonl$', '') FROM raw.spools").fetchall()]
    rows = con.execute(
        "SELECT CASE WHEN r.run_id IS NULL THEN 'removed' WHEN deleted THEN 'deleted' ELSE 'archived' END, e.run_id "
        "FROM raw.edits e LEFT JOIN raw.runs r USING (run_id) WHERE list_contains(?, e.run_id) "
        "AND (deleted OR archived) AND (r.status IS NULL OR r.status <> 'running') ORDER BY ALL",
        [known],
    ).fetchall()
    owners: dict[str, set[str]] = {}
    for owner, file in con.execute("SELECT run_id, file FROM raw.files JOIN raw.runs USING (run_no)").fetchall():
        owners.setdefault(file, set()).add(owner)
    found = [(why, run_id, _run_files(layout, run_id, known, owners)) for why, run_id in rows]
    return [(why, run_id, paths) for why, run_id, paths in found if paths or why != "removed"]


def _run_files(layout: Layout, run_id: str, known: list[str], owners: Mapping[str, set[str]]) -> list[Path]:
    """Everything a run wrote; of two ids of which one begins like the other, each has its own files.

    A run that a merge has given another id kept the names of its files, which its lines say: those stay too.
    """
    spool = layout.spool_file(run_id)
    longer = tuple(f"{other}-" for other in known if other != run_id and other.startswith(f"{run_id}-"))
    begin_so = layout.predictions.glob(f"{run_id}-*")
    own = [path for path in begin_so if not path.name.startswith(longer)]
    predictions = [path for path in own if not owners.get(path.name, set()) - {run_id}]
    paths = [spool, spool.with_name(spool.name + ".gz"), *sorted(predictions), layout.folder_of(run_id)]
    return [path for path in paths if path.exists()]


def _shown(layout: Layout, path: Path) -> str:
    return str(path.relative_to(layout.db.parent))


def _size(path: Path) -> int:
    return tree_bytes(path) if path.is_dir() else path.lstat().st_size if path.exists() else 0


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def backup(target: Path, db: Path | None = None) -> int:
    """Copy the whole store to `target`, a database path that is free; returns the bytes copied.

    What a backup left that was killed is removed by the next one to the same target.

    Raises:
        StoreError: if the target exists or the disk refuses.
    """
    layout, other = locate(db), locate(target)
    _refuse_existing(layout, other)
    ingest(layout.db, wait=PATIENCE, force=True)
    try:
        with hold(layout), _half(other) as half:
            _refuse_existing(layout, other)  # again: another backup may have ended in the meantime
            _remove(other.folder)
            unwanted = shutil.ignore_patterns(".*", "lock", "follower", "published.json", "*.wal")
            shutil.copytree(layout.folder, half, ignore=unwanted, dirs_exist_ok=True)
            (half / UNFINISHED).touch()
            with written_whole(other.db, name=f".{other.db.name}.new") as aside:
                shutil.copyfile(layout.db, aside)
                aside.chmod(0o444)
                half.rename(other.folder)
            (other.folder / UNFINISHED).unlink()
    except (OSError, shutil.Error) as error:
        if not other.db.exists():
            _remove(other.folder)
        raise StoreError(f"cannot back up to {other.db}: {getattr(error, 'strerror', None) or error}") from error
    return tree_bytes(other.folder) + other.db.stat().st_size


def _refuse_existing(layout: Layout, other: Layout) -> None:
    """Refuse a target that is taken; not what a killed backup of this store left, if nothing was written there since.

    Raises:
        StoreError: if so.
    """
    if other.db.exists() or other.db.is_symlink():
        raise StoreError(f"{other.db} exists already")
    if not other.folder.exists():
        return
    ours = {file: size for _, file, size in spools(layout)}
    if not (other.folder / UNFINISHED).exists() or any(size > ours.get(file, -1) for _, file, size in spools(other)):
        raise StoreError(f"{other.folder} exists already; remove it if it is not needed, or choose another target")


@contextlib.contextmanager
def _half(other: Layout) -> Iterator[Path]:
    """An empty folder beside the target, locked, that nobody else copies into; removed when anything goes wrong."""
    half = other.folder.with_name(f".{other.folder.name}.backup")
    half.mkdir(parents=True, exist_ok=True)
    fd = os.open(half, os.O_RDONLY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StoreError(f"another process is backing up to {other.db}") from None
        for path in half.iterdir():
            _remove(path)
        try:
            yield half
        finally:
            shutil.rmtree(half, ignore_errors=True)
    finally:
        os.close(fd)


def load_published(file: Path | None = None, db: Path | None = None) -> int:
    """Load the published figures, from the project's file or another, and publish them; returns the number of rows."""
    layout = locate(db)
    layout.create()
    with hold(layout):
        con = open_work(layout)
        try:
            rows = publish.load_published(con, file)
        finally:
            con.close()
    ingest(layout.db, wait=PATIENCE, force=True)
    return rows
