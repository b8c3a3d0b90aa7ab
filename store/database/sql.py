"""Small helpers around DuckDB that hold for its versions 1.5 and 2.0 alike."""

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import duckdb
import polars as pl

FEW = 1000  # values of a frame up to which they are handed over as parameters
_KINDS: dict[Any, str] = {
    **{pl.Int32: "unnest(?::INTEGER[])", pl.Int64: "unnest(?::BIGINT[])", pl.Float64: "unnest(?::DOUBLE[])"},
    **{pl.Boolean: "unnest(?::BOOLEAN[])", pl.String: "unnest(?::VARCHAR[])"},
    **{pl.List(pl.String): "unnest(?::VARCHAR[][])", pl.Datetime("us"): "make_timestamp(unnest(?::BIGINT[]))"},
}


def one(con: duckdb.DuckDBPyConnection, statement: str, values: Sequence[Any] = ()) -> tuple[Any, ...] | None:
    """First row or None; the result is read to its end, because duckdb 2.0 refuses other work before."""
    rows = con.execute(statement, list(values)).fetchall()
    return rows[0] if rows else None


def frame(con: duckdb.DuckDBPyConnection, statement: str, values: Sequence[Any] | dict[str, Any] = ()) -> pl.DataFrame:
    """Result of a query as a polars frame, without the copy that each version makes on one of the two ways."""
    params = values if isinstance(values, dict) else list(values)
    if hasattr(con, "pl"):  # duckdb 1.5: a relation with parameters is kept whole first, five times as slow
        return con.execute(statement, params).pl()
    return con.sql(statement, params=params).pl()


def finite(value: str) -> str:
    """SQL of a value, null where it is not finite or its square is not: those make a mean or a deviation infinite."""
    return f"CASE WHEN abs({value}) < 1e150 THEN {value} END"


def count_change(con: duckdb.DuckDBPyConnection) -> None:
    """Count a change of the content, in its transaction; a version with another count is due to be published."""
    con.execute("UPDATE raw.meta SET value = (value::BIGINT + 1)::VARCHAR WHERE key = 'counter'")


@contextlib.contextmanager
def source(con: duckdb.DuckDBPyConnection, rows: pl.DataFrame) -> Iterator[tuple[str, list[Any]]]:
    """What a statement may read a frame's rows FROM, once, and the parameters it then has.

    Few rows are parameters: DuckDB's scan of a frame takes 3 to 6 ms before the first row.
    """
    values = _parameters(rows)
    if values is not None:
        columns = [f"{_KINDS[column.dtype]} AS {quote(column.name)}" for column in rows.iter_columns()]
        yield f"(SELECT {', '.join(columns)})", values
        return
    con.register("incoming", rows)
    try:
        yield "incoming", []
    finally:
        con.unregister("incoming")


def _parameters(rows: pl.DataFrame) -> list[list[Any]] | None:
    """Few rows, by column; None for many, and for NaN: as a parameter it arrives as NULL."""
    if rows.width * rows.height > FEW or not all(dtype in _KINDS for dtype in rows.dtypes):
        return None
    columns = [column.to_physical() if column.dtype.is_temporal() else column for column in rows.iter_columns()]
    values = [column.to_list() for column in columns]
    return None if any(value != value for column in values for value in column) else values


def insert(con: duckdb.DuckDBPyConnection, table: str, rows: pl.DataFrame) -> None:
    """Append a frame to a table by column names."""
    if rows.is_empty():
        return
    with source(con, rows) as (incoming, values):
        con.execute(f"INSERT INTO {table} BY NAME FROM {incoming}", values)


def replace(con: duckdb.DuckDBPyConnection, table: str, rows: pl.DataFrame, keys: Sequence[str]) -> None:
    """Insert a frame after removing the rows with the same keys."""
    if rows.is_empty():
        return
    match = " AND ".join(f"t.{key} = r.{key}" for key in keys)
    with source(con, rows.select(keys).unique()) as (replacing, values):
        con.execute(f"DELETE FROM {table} AS t USING {replacing} AS r WHERE {match}", values)
    insert(con, table, rows)


def quote(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """A string as an SQL expression; a null character, which no statement can hold, is computed."""
    return " || chr(0) || ".join("'" + part.replace("'", "''") + "'" for part in value.split("\0"))
