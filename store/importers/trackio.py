"""Trackio's sqlite databases: one file per project, a row of JSON per log call."""

import json
import sqlite3
from datetime import datetime
from pathlib import Path
from typing import Any

from store.errors import StoreError
from store.importers.records import Foreign, Imported

_KNOWN = {"metrics", "configs", "project_metadata", "sqlite_sequence"}


def is_sqlite(path: Path) -> bool:
    """Whether a file begins like an sqlite database."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(16) == b"SQLite format 3\0"


def read(source: Path, done: Imported) -> list[Foreign]:
    """Runs of a project's database.

    Raises:
        StoreError: if the file is not one.
    """
    if not is_sqlite(source):
        raise StoreError(f"{source} is not an sqlite database")
    try:
        con = sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)
        try:
            return _read(con, source, done)
        finally:
            con.close()
    except sqlite3.Error as error:
        raise StoreError(f"cannot read {source}: {error}") from error


def _read(con: sqlite3.Connection, source: Path, done: Imported) -> list[Foreign]:
    tables = {row[0] for row in con.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "metrics" not in tables:
        raise StoreError(f"{source} is an sqlite database, but not one of trackio")
    key = "run_id" if "run_id" in {row[1] for row in con.execute("PRAGMA table_info(metrics)")} else "run_name"
    for table in sorted(tables - _KNOWN):
        count = con.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0]
        if count:
            done.not_understood[f"table {table}"] = count
    configs: dict[str, dict[str, Any]] = {}
    if "configs" in tables:
        configs = {run: _object(text) or {} for run, text in con.execute(f"SELECT {key}, config FROM configs")}
    runs: dict[str, Foreign] = {}
    for run_id, name, at, step, text in con.execute(
        f"SELECT {key}, run_name, timestamp, step, metrics FROM metrics ORDER BY id"
    ):
        if run_id not in runs:
            config = {field: value for field, value in configs.get(run_id, {}).items() if not field.startswith("_")}
            runs[run_id] = Foreign(origin=f"trackio {source.stem} {run_id}", name=name, config=config)
        values = _numbers(_object(text), done)
        if values:
            runs[run_id].events.append((datetime.fromisoformat(at).timestamp(), int(step), values))
    return [run for run in runs.values() if run.events]


def _object(text: bytes | str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _numbers(values: dict[str, Any] | None, done: Imported) -> dict[str, float]:
    if values is None:
        done.skip("row that is not JSON")
        return {}
    numbers = {}
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            done.skip(f"{type(value).__name__} {name!r}")
            continue
        try:
            numbers[name] = float(value)
        except (ValueError, OverflowError):
            done.skip(f"text {name!r}")
    return numbers
