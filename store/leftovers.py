"""Files of a store that no line names: what killed processes left, and what finished runs kept only to be resumed."""

import re
from pathlib import Path

import duckdb

from store.database.publish import DAMAGED
from store.errors import StoreError
from store.paths import Layout

_ASIDE = re.compile(r"\.(.+)\.\d+")  # .last.safetensors.4711: written by process 4711, renamed when it is whole
_NOTE = re.compile(r"(\.published\.json|published)\.\d+")  # the second as earlier versions called it
_MADE_UNDER_LOCK = (
    "work.duckdb.new",
    "rebuild.duckdb",
    "older.duckdb",
    "replay.duckdb",
    DAMAGED,
    "damaged-work.duckdb",
)


def orphans(con: duckdb.DuckDBPyConnection, layout: Layout) -> list[Path]:
    """Files of predictions that no line names, and leftovers of writers that died; never those of running jobs.

    The caller holds the store's lock, so that nobody ingests meanwhile.
    """
    named = {row[0] for row in con.execute("SELECT file FROM raw.files").fetchall()}
    alive_runs = {row[0] for row in con.execute("SELECT run_id FROM raw.runs WHERE status = 'running'").fetchall()}
    found = []
    for path in _sorted(layout.predictions):
        mine = any(run_id in path.name for run_id in alive_runs)
        if path.name not in named and not mine and not (alive_runs and path.name.lstrip(".").startswith("examples")):
            found.append(path)
    for folder in [layout.spool, *_sorted(layout.artifacts)]:
        if folder.name in alive_runs or folder.is_symlink() or not folder.is_dir():
            continue
        for path in sorted(folder.rglob(".*")):
            unfinished = _ASIDE.fullmatch(path.name)
            if unfinished and not any(run_id in path.name for run_id in alive_runs):
                found.append(path)
    for name in _MADE_UNDER_LOCK:
        found += [path for path in (layout.folder / name, layout.folder / f"{name}.wal") if path.exists()]
    found += [path for path in _sorted(layout.folder) if _NOTE.fullmatch(path.name)]
    return found + [path for path in sorted(layout.folder.glob(".reader-*")) if not _process_lives(path)]


def resume_files(con: duckdb.DuckDBPyConnection, layout: Layout) -> list[Path]:
    """Checkpoints that finished runs never registered: with those they could be resumed, and they are over."""
    rows = con.execute("SELECT run_id FROM runs WHERE status = 'finished' AND NOT archived ORDER BY run_id").fetchall()
    named = {layout.folder / row[0] for row in con.execute("SELECT path FROM artifacts").fetchall()}
    found = []
    for (run_id,) in rows:
        try:
            folder = layout.folder_of(run_id)
        except StoreError:
            continue
        found += [path for path in sorted(folder.rglob("[!.]*.safetensors")) if path not in named]
    return found


def _sorted(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _process_lives(path: Path) -> bool:
    pid = path.name.split("-")[1]
    return pid.isdigit() and Path(f"/proc/{pid}").exists()
