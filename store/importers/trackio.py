"""Trackio's sqlite databases: one file per project, a row of JSON per log call."""

import json
import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Any

from store.errors import StoreError
from store.importers import mlflow
from store.importers.records import Foreign, Imported
from store.importers.sqlite import columns, is_sqlite, read_only, tables
from store.spool.lines import whole
from store.tracking.session import flat

_KNOWN = {"metrics", "configs", "project_metadata", "sqlite_sequence", "system_metrics"}
OURS = "clueboard_run"  # parameter of a run that our own export wrote
ENDS = ("finished", "failed", "interrupted")
ABOUT = "clueboard_about"  # its parameter with status, parent and experiment, which trackio has no place for
LIVE_SECONDS = 600.0  # a run whose last point is younger than this may still be running


def found(source: Path) -> bool:
    """Whether a trackio database is at or below a path."""
    files = [source] if source.is_file() else source.rglob("*.db")
    return any(is_sqlite(file) and "metrics" in _tables(file) and "experiments" not in _tables(file) for file in files)


def read(source: Path, done: Imported) -> list[Foreign]:
    """Runs of a project's database, or of all below a folder; a database that cannot be read is left out."""
    runs: list[Foreign] = []
    for file in [source] if source.is_file() else sorted(source.rglob("*.db")):
        if source.is_dir() and mlflow.found(file):
            continue
        try:
            with read_only(file) as con:
                runs += _read(con, file, done)
        except (sqlite3.Error, StoreError) as error:
            done.left_out[str(file)] = str(error)
    return runs


def _tables(file: Path) -> set[str]:
    try:
        with read_only(file) as con:
            return tables(con)
    except (sqlite3.Error, StoreError):
        return set()


def _read(con: sqlite3.Connection, source: Path, done: Imported) -> list[Foreign]:
    present = tables(con)
    if "metrics" not in present:
        raise StoreError(f"{source} is an sqlite database, but not one of trackio")
    key = "run_id" if "run_id" in columns(con, "metrics") else "run_name"
    for table in sorted(present - _KNOWN):
        count = con.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]
        if count:
            done.not_understood[f"table {table}"] = count
    configs: dict[str, dict[str, Any]] = {}
    if "configs" in present:
        configs = {run: _object(text) or {} for run, text in con.execute(f"SELECT {key}, config FROM configs")}
    runs: dict[str, Foreign] = {}
    said: dict[str, str | None] = {}  # how runs of our own export ended
    for table in ("metrics", "system_metrics"):
        if table in present:
            _points(con, table, key, source, configs, runs, done, said)
    for run in runs.values():
        run.events.sort(key=lambda event: event[0])
        live = run.events and datetime.now().timestamp() - run.events[-1][0] < LIVE_SECONDS
        run.status = said.get(run.origin, None if live else run.status)
    return [run for run in runs.values() if run.events]


def _points(
    con: sqlite3.Connection,
    table: str,
    key: str,
    source: Path,
    configs: dict[str, dict[str, Any]],
    runs: dict[str, Foreign],
    done: Imported,
    said: dict[str, str | None],
) -> None:
    step = "step" if "step" in columns(con, table) else "0"
    rows = con.execute(f"SELECT {key}, run_name, timestamp, {step}, metrics FROM {table} ORDER BY id")
    for run_id, name, at, at_step, text in rows:
        if run_id not in runs:
            origin = f"trackio {source.stem} {run_id}"
            given = configs.get(run_id, {})
            config = {field: value for field, value in given.items() if not field.startswith("_")}
            if given.get("_Group"):
                config["group"] = given["_Group"]
            runs[run_id] = run = Foreign(origin=origin, name=name, config=config, experiment=source.stem, before=origin)
            if config.pop(OURS, None):  # our own export put them there
                run.tags, run.note = tuple(config.pop("tags", ())), config.pop("note", "")
                _take_about(run, config.pop(ABOUT, None), source, said)
            run.config = flat(config)
        prefix = "system/" if table == "system_metrics" else ""
        values = {prefix + metric: value for metric, value in _numbers(_object(text), done).items()}
        try:
            place = datetime.fromisoformat(at).timestamp(), whole("step", at_step or 0)
        except (TypeError, ValueError, OverflowError, StoreError):
            done.skip("row whose time or step is none")
            continue
        if values:
            runs[run_id].events.append((*place, values))


def _take_about(run: Foreign, about: Any, source: Path, said: dict[str, str | None]) -> None:
    """What our own export says of a run beyond trackio's columns."""
    if not isinstance(about, dict):
        return
    if about.get("status") in ENDS:
        said[run.origin] = about["status"]
    if isinstance(about.get("experiment"), str):
        run.experiment = about["experiment"]
    if isinstance(about.get("parent"), str):
        run.parent = f"trackio {source.stem} {about['parent']}"


def _object(text: bytes | str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _numbers(values: dict[str, Any] | None, done: Imported) -> dict[str, float]:
    """Numbers of a row; truth values are 0 and 1, nested ones get a path, infinities come as text."""
    if values is None:
        done.skip("row that is not JSON")
        return {}
    numbers = {}
    for name, value in flat(values).items():
        if value is None:
            continue
        if not isinstance(value, int | float | str):
            done.skip(f"{type(value).__name__} {name!r}")
            continue
        try:
            numbers[name] = float(value)
        except (ValueError, OverflowError):
            done.skip(f"text {name!r}")
    return numbers
