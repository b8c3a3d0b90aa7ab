"""Databases of older versions."""

import gzip
import random
from pathlib import Path

import duckdb
import pytest

from store import queries
from store.database.migrations import MIGRATIONS, Migration, migrate, version_of
from store.errors import StoreError
from store.ingest import ingest


def test_killed_during_a_migration(filled, layout, zygote, trials):
    rng = random.Random(4)
    newest = MIGRATIONS[-1].number
    more = (*MIGRATIONS, Migration(newest + 1, "SELECT 1"))
    for _ in range(trials):
        pid = zygote.fork("migrate", db=str(filled), delay=rng.uniform(0.001, 0.06))
        assert zygote.reap(pid) in (-9, 0)
    assert zygote.run("migrate", db=str(filled), delay=-1) == 0
    con = duckdb.connect(str(layout.work))
    try:
        assert version_of(con) == newest + 1
        assert con.execute("SELECT count(*), sum(twice) = 2 * sum(value) FROM raw.points").fetchall() == [(200, True)]
        assert migrate(con, layout.work, migrations=more) == 0
    finally:
        con.close()
    with pytest.raises(StoreError, match=f"has schema version {newest + 1}, this clueboard knows up to {newest}"):
        ingest(filled, force=True)
    assert len(queries.runs(db=filled)) == 1


HERE = Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("file", sorted(HERE.glob("version_*.duckdb.gz")), ids=lambda file: file.name)
def test_a_store_of_an_earlier_version_is_brought_up_to_date(file, db, layout):
    """Version 1: three runs of one configuration (seeds 1, 1 and 2; dev/accuracy 0.5, 0.6 and 0.7), without spools."""
    layout.create()
    old = gzip.decompress(file.read_bytes())
    layout.work.write_bytes(old)
    layout.db.write_bytes(old)
    check_what_it_holds(db)  # a reader opens a copy
    assert layout.db.read_bytes() == layout.work.read_bytes() == old
    ingest(db, force=True)
    check_what_it_holds(db)
    assert layout.db.read_bytes() != old


def check_what_it_holds(db):
    assert queries.runs(with_summary="dev/accuracy", db=db)["dev/accuracy"].to_list() == [0.7, 0.6, 0.5]
    assert queries.curves(queries.runs(db=db)["run_id"].to_list(), db=db)["value"].sum() == pytest.approx(1.2)
    assert queries.measurements("can_grid", db=db)["k"].to_list() == [3, 3, 3]
    board = queries.leaderboard(db=db).select("n", "mean").rows()
    assert board == [(2, pytest.approx(0.65))]  # a seed that ran twice is no second seed
