"""Data that can leave: a query or a whole run as Parquet, CSV or JSON."""

import json
import os
from datetime import date, time
from pathlib import Path
from typing import Any

import polars as pl

from store import queries
from store.errors import StoreError
from store.spool.lines import plain

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
    """Write a frame aside and rename it into place.

    CSV begins with a byte order mark, which tells Excel that it is UTF-8, and a text that a spreadsheet would take for
    a formula gets an apostrophe in front. JSON has no NaN and no infinities: they are the texts that spools use, where
    null is what is missing.
    """
    aside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        if kind == "parquet":
            frame.write_parquet(aside)
        elif kind == "csv":
            _flat(frame).write_csv(aside, include_bom=True)
        else:
            rows = [{name: _json(value) for name, value in row.items()} for row in frame.iter_rows(named=True)]
            with aside.open("w", encoding="utf-8") as file:
                json.dump(rows, file, ensure_ascii=False, allow_nan=False)
        aside.rename(target)
    except (OSError, ValueError, TypeError, pl.exceptions.PolarsError) as error:
        aside.unlink(missing_ok=True)
        raise StoreError(f"cannot write {target}: {getattr(error, 'strerror', None) or error}") from error


def _json(value: Any) -> Any:
    """A value as strict JSON: bytes as hex digits, times in ISO 8601, other objects as text."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(name): _json(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    return plain(value)


def _flat(frame: pl.DataFrame) -> pl.DataFrame:
    """Columns as CSV can carry them: lists and structs as JSON, so that each tag keeps its borders; bytes as hex."""
    columns = []
    for column in frame.get_columns():
        kind = column.dtype
        if kind.is_nested() or kind == pl.Object:
            texts = [
                None if value is None else json.dumps(_json(value), ensure_ascii=False) for value in column.to_list()
            ]
            column = pl.Series(column.name, texts, pl.String)
        elif kind == pl.Binary:
            column = column.bin.encode("hex")
        if column.dtype == pl.String:
            formula = column.str.contains(r"^[=+\-@\t\r]") & column.cast(pl.Float64, strict=False).is_null()
            column = pl.select(pl.when(formula).then("'" + column).otherwise(column).alias(column.name)).to_series()
        columns.append(column)
    return pl.DataFrame(columns)


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
