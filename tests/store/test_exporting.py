"""Exports."""

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
