"""Few rows travel as parameters, many as a frame: the tables hold the same of both."""

import datetime
import math

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.database import sql

TEXT = (
    st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(["\0", "[1, 2]", "{}"])
)
ROWS = st.lists(
    st.tuples(
        st.none() | st.integers(-(2**31), 2**31 - 1),
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.floats(),
        st.none() | st.booleans(),
        TEXT,
        st.none() | st.lists(TEXT, max_size=3),
        st.none() | st.datetimes(datetime.datetime(5, 1, 1), datetime.datetime(9892, 1, 1)),
    ),
    max_size=6,
)
SCHEMA = {
    **{"small": pl.Int32, "big": pl.Int64, "number": pl.Float64, "truth": pl.Boolean, "text": pl.String},
    **{"texts": pl.List(pl.String), "moment": pl.Datetime("us")},
}


@pytest.fixture(scope="module")
def table():
    con = duckdb.connect()
    kinds = ("INTEGER", "BIGINT", "DOUBLE", "BOOLEAN", "VARCHAR", "VARCHAR[]", "TIMESTAMP")
    columns = [f"{sql.quote(name)} {kind}" for name, kind in zip(SCHEMA, kinds, strict=True)]
    con.execute(f"CREATE TABLE t ({', '.join(columns)})")
    yield con
    con.close()


def stored(con, rows):
    con.execute("DELETE FROM t")
    sql.insert(con, "t", rows)
    return con.execute("FROM t").fetchall()


@settings(max_examples=25)
@given(rows=ROWS)
def test_few_rows_are_stored_like_many(table, rows):
    frame = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    few = stored(table, frame)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sql, "FEW", -1)
        many = stored(table, frame)
    assert repr(few) == repr(many) == repr(frame.rows())  # as text: NaN is equal to itself, -0.0 is not 0.0


def test_nan_is_stored_as_nan(table):
    """DuckDB takes a parameter that is NaN for NULL."""
    row = {**dict.fromkeys(SCHEMA), "number": math.nan}
    assert math.isnan(stored(table, pl.DataFrame([row], schema=SCHEMA))[0][2])


@pytest.mark.parametrize("limit", [sql.FEW, -1])
def test_a_later_row_replaces_the_one_with_its_key(table, monkeypatch, limit):
    monkeypatch.setattr(sql, "FEW", limit)
    table.execute("DELETE FROM t")
    for text in ("old", "new"):
        rows = [{**dict.fromkeys(SCHEMA), "small": key, "text": text} for key in (1, 2)[text == "new" :]]
        sql.replace(table, "t", pl.DataFrame(rows, schema=SCHEMA), ["small"])
    assert sorted(table.execute("SELECT small, text FROM t").fetchall()) == [(1, "old"), (2, "new")]
