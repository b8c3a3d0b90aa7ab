"""Data that can leave: a query or a whole run as Parquet, CSV or JSON."""

import os
from pathlib import Path

import polars as pl

from store import queries
from store.errors import StoreError

FORMATS = ("parquet", "csv", "json")
RUN_TABLES = ("runs", "params", "metrics", "summary", "measurements", "predictions", "artifacts")


def export_query(statement: str, target: Path, *, kind: str | None = None, db: Path | None = None) -> int:
    """Write the answer of a read-only statement to a file that is not there yet; returns the number of rows.

    Raises:
        StoreError: if the target exists, its kind is unknown, or the statement fails.
    """
    kind = _kind(target, kind)
    _free(target)
    frame = queries.sql(statement, limit=100_000_000, timeout=600.0, db=db)
    write(frame, target, kind)
    return len(frame)


def export_run(part: str, folder: Path, *, kind: str = "parquet", db: Path | None = None) -> list[Path]:
    """Write everything of a run into a folder that is not there yet, one file per table; returns the files.

    Raises:
        StoreError: if the folder exists or there is no such run.
    """
    _kind(Path(f"x.{kind}"), kind)
    _free(folder)
    run_id = queries.run(part, db)["run_id"]
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise StoreError(f"cannot create {folder}: {error.strerror}") from error
    files = []
    for table in RUN_TABLES:
        frame = queries.table_of_run(table, run_id, db=db)
        if not frame.is_empty():
            files.append(folder / f"{table}.{kind}")
            write(frame, files[-1], kind)
    return files


def write(frame: pl.DataFrame, target: Path, kind: str) -> None:
    """Write a frame aside and rename it into place."""
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        if kind == "parquet":
            frame.write_parquet(aside)
        elif kind == "csv":
            _flat(frame).write_csv(aside)
        else:
            frame.write_json(aside)
        aside.rename(target)
    except (OSError, pl.exceptions.PolarsError) as error:
        aside.unlink(missing_ok=True)
        raise StoreError(f"cannot write {target}: {getattr(error, 'strerror', None) or error}") from error


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Lists as text, because CSV has none."""
    lists = [name for name, kind in frame.schema.items() if isinstance(kind, pl.List)]
    return frame.with_columns(pl.col(name).cast(pl.List(pl.String)).list.join(" ") for name in lists)


def _kind(target: Path, kind: str | None) -> str:
    kind = kind or target.suffix.removeprefix(".")
    if kind not in FORMATS:
        raise StoreError(f"an export must be {', '.join(FORMATS)}, got {kind or target.name!r}")
    return kind


def _free(target: Path) -> None:
    if target.exists():
        raise StoreError(f"{target} exists already")
    if not target.absolute().parent.is_dir():
        raise StoreError(f"the folder {target.absolute().parent} is not there")
