"""Small helpers around DuckDB that hold for its versions 1.5 and 2.0 alike."""

from collections.abc import Sequence
from typing import Any

import duckdb
import polars as pl


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


def insert(con: duckdb.DuckDBPyConnection, table: str, rows: pl.DataFrame) -> None:
    """Append a frame to a table by column names."""
    if rows.is_empty():
        return
    con.register("incoming", rows)
    con.execute(f"INSERT INTO {table} BY NAME SELECT * FROM incoming")
    con.unregister("incoming")


def replace(con: duckdb.DuckDBPyConnection, table: str, rows: pl.DataFrame, keys: Sequence[str]) -> None:
    """Insert a frame after removing the rows with the same keys."""
    if rows.is_empty():
        return
    con.register("replacing", rows.select(keys).unique())
    match = " AND ".join(f"t.{key} = r.{key}" for key in keys)
    con.execute(f"DELETE FROM {table} AS t USING replacing AS r WHERE {match}")
    con.unregister("replacing")
    insert(con, table, rows)


def quote(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """A string as an SQL expression; a null character, which no statement can hold, is computed."""
    return " || chr(0) || ".join("'" + part.replace("'", "''") + "'" for part in value.split("\0"))
