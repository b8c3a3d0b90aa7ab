"""Opening databases."""

import contextlib
import subprocess
import sys

import duckdb
import pytest

from store import queries
from store.database.connections import open_file, reader
from store.errors import StoreError
from store.ingest import ingest
from store.paths import locate


def test_open_work_refuses_what_is_no_store(tmp_path):
    path = tmp_path / "other.duckdb"
    con = duckdb.connect(str(path))
    con.execute("CREATE TABLE mine (x INTEGER)")
    con.close()
    with pytest.raises(StoreError, match="not a store of clueboard"):
        open_file(path)


def test_texts_are_read_as_polars_keeps_them(db, fill):
    empty = reader(locate(db)).sql("SELECT run_id FROM runs").to_arrow_table()
    fill(db)
    ingest(db, force=True)
    filled = reader(locate(db)).sql("SELECT run_id FROM runs").to_arrow_table()
    assert [str(table.schema.field(0).type) for table in (empty, filled)] == ["string_view", "string_view"]


@contextlib.contextmanager
def another_program(path):
    """A program that has a database open for writing."""
    script = "import sys, duckdb; con = duckdb.connect(sys.argv[1]); print(); input()"
    with subprocess.Popen(
        [sys.executable, "-c", script, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        yield process
        process.communicate(b"\n")


def test_a_store_is_read_while_another_program_has_it_open_for_writing(db, fill):
    run_id = fill(db)
    ingest(db, force=True)
    db.chmod(0o644)
    with another_program(db):
        assert queries.runs(db=db)["run_id"].to_list() == [run_id]
        second = fill(db)
        ingest(db, force=True)
        assert queries.runs(db=db)["run_id"].to_list() == [second, run_id]


def test_a_work_database_that_another_program_holds_is_not_called_damaged(db, fill):
    fill(db)
    ingest(db, force=True)
    with another_program(locate(db).work) as process:
        fill(db)
        with pytest.raises(StoreError, match=rf"PID {process.pid}\), which must close it$"):
            ingest(db, force=True)
        assert queries.runs(db=db).height == 1
    ingest(db, force=True)
    assert queries.runs(db=db).height == 2
