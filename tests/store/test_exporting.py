"""Exports."""

import csv
import json

import polars as pl
import pytest

from store import exporting
from store.errors import StoreError
from store.ingest import ingest


@pytest.mark.parametrize("kind", ["parquet", "csv", "json"])
def test_export(tmp_path, kind, fill):
    db = tmp_path / "r.duckdb"
    run_id = fill(db, tags=["a", "b"])
    ingest(db, force=True)
    target = tmp_path / f"out.{kind}"
    assert exporting.export_query("SELECT step, value FROM metrics ORDER BY step", target, db=db) == 2
    frame = {"parquet": pl.read_parquet, "csv": pl.read_csv, "json": pl.read_json}[kind](target)
    assert frame.rows() == [(0, 0.5), (1, 0.25)]
    with pytest.raises(StoreError, match="exists already"):
        exporting.export_query("SELECT 1", target, db=db)
    files = exporting.export_run(run_id, tmp_path / "run", kind=kind, db=db)
    assert {file.stem for file in files} >= {"runs", "metrics", "summary", "predictions", "artifacts"}
    with pytest.raises(StoreError, match="must be parquet, csv, json"):
        exporting.export_query("SELECT 1", tmp_path / "out.xlsx", db=db)


ODD = """SELECT * FROM (VALUES
    (1, 'nan'::DOUBLE, '=1+1', ['a b', 'c'], 'x'::BLOB, DATE '2026-01-02'),
    (2, 'inf'::DOUBLE, '-5.5', ['a', 'b c'], NULL, NULL),
    (3, '-inf'::DOUBLE, '花呗', [], '\\xAA'::BLOB, NULL),
    (4, NULL, NULL, NULL, NULL, NULL)) t(n, value, text, tags, data, day)"""


@pytest.fixture
def exported(tmp_path, fill):
    """Write the odd rows in one of the formats."""
    db = tmp_path / "r.duckdb"
    fill(db)
    ingest(db, force=True)

    def write(kind):
        target = tmp_path / f"odd.{kind}"
        assert exporting.export_query(ODD, target, db=db) == 4
        return target

    return write


def test_json_tells_nan_infinities_and_null_apart(exported):
    def refuse(word):
        raise ValueError(word)

    rows = json.loads(exported("json").read_text(encoding="utf-8"), parse_constant=refuse)
    assert [row["value"] for row in rows] == ["NaN", "Infinity", "-Infinity", None]
    assert [row["tags"] for row in rows] == [["a b", "c"], ["a", "b c"], [], None]
    assert [row["data"] for row in rows] == ["78", None, "aa", None]
    assert rows[0]["day"] == "2026-01-02"


def test_csv_opens_in_a_spreadsheet_as_what_it_is(exported):
    target = exported("csv")
    assert target.read_bytes().startswith(b"\xef\xbb\xbf")
    with target.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["text"] for row in rows] == ["'=1+1", "-5.5", "花呗", ""]
    assert [json.loads(row["tags"]) for row in rows[:3]] == [["a b", "c"], ["a", "b c"], []]
    assert [row["data"] for row in rows] == ["78", "", "aa", ""]
    assert [row["value"] for row in rows] == ["NaN", "inf", "-inf", ""]


def test_parquet_keeps_everything(exported):
    frame = pl.read_parquet(exported("parquet"))
    assert frame["tags"].to_list() == [["a b", "c"], ["a", "b c"], [], None]
    assert frame["data"].to_list() == [b"x", None, b"\xaa", None]
