"""Where a store may lie."""

import pytest

from store import queries, runs
from store.errors import StoreError
from store.ingest import ingest
from store.merging import merge


def test_bad_store_paths(tmp_path):
    def begin(db):
        runs.start("x", config={}, command="", config_hash="", db=db, follow=False)

    with pytest.raises(StoreError, match=r"must end in \.duckdb"):
        begin(tmp_path / "results.db")
    (tmp_path / "folder.duckdb").mkdir()
    with pytest.raises(StoreError, match="is a folder"):
        begin(tmp_path / "folder.duckdb")
    (tmp_path / "text.duckdb").write_text("hello, this is no database")
    with pytest.raises(StoreError, match="is not a DuckDB database"):
        begin(tmp_path / "text.duckdb")
    with pytest.raises(StoreError, match="is not a DuckDB database"):
        queries.runs(db=tmp_path / "text.duckdb")
    foreign = tmp_path / "foreign.duckdb"
    import duckdb

    con = duckdb.connect(str(foreign))
    con.execute("CREATE TABLE mine (x INTEGER)")
    con.close()
    before = foreign.read_bytes()
    for act in (begin, lambda db: ingest(db, force=True), lambda db: queries.runs(db=db)):
        with pytest.raises(StoreError, match="not a store of clueboard"):
            act(foreign)
    with pytest.raises(StoreError, match="not a store of clueboard"):
        merge(foreign, tmp_path / "mine.duckdb")
    assert foreign.read_bytes() == before
    assert not foreign.with_suffix("").exists()
