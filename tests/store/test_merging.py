"""Merging stores."""

from store import checking, queries, runs, upkeep
from store.merging import merge
from store.paths import locate


def test_merge_brings_everything_once(tmp_path, fill, everything):
    here, there = tmp_path / "here.duckdb", tmp_path / "there.duckdb"
    fill(here)
    theirs = fill(there, (0.9, 0.8, 0.7))
    runs.edit(there, "note", run_id=theirs, note="from afar")
    first = merge(there, here)
    assert (first.new, first.same, first.edits) == (1, 0, 1)
    again = merge(there, here)
    assert (again.new, again.same, again.edits) == (0, 1, 0)
    assert queries.run(theirs, here)["note"] == "from afar"
    assert queries.curves(theirs, db=here)["value"].to_list() == [0.9, 0.8, 0.7]
    assert queries.probabilities(theirs, db=here)["yes"].to_list() == [0.75]
    assert checking.check(here, deep=True).clean
    grown = runs.resume(theirs, 2, there, follow=False)
    grown.log({"train/loss": 0.6}, step=3)
    grown.finish()
    assert merge(there, here).grown == 1
    assert queries.curves(theirs, db=here)["value"].to_list() == [0.9, 0.8, 0.7, 0.6]
    before = everything(here)
    upkeep.rebuild(here)
    assert everything(here) == before


def test_merge_keeps_two_runs_that_share_an_id(tmp_path, fill):
    here, there = tmp_path / "here.duckdb", tmp_path / "there.duckdb"
    mine, theirs = fill(here, (1.0,)), fill(there, (2.0,))
    locate(there).spool_file(theirs).rename(locate(there).spool_file(mine))
    (locate(there).artifacts / theirs).rename(locate(there).artifacts / mine)
    assert merge(there, here).renamed == 1
    assert merge(there, here).same == 1
    assert sorted(queries.sql("SELECT value FROM metrics", db=here)["value"]) == [1.0, 2.0]
    assert checking.check(here, deep=True).clean
