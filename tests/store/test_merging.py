"""Merging stores."""

from pathlib import Path

import polars as pl
import pytest

from store import checking, editing, queries, runs, upkeep
from store.__main__ import main
from store.merging import merge
from store.paths import locate
from store.tracking.answers import store_answers


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


def test_what_belongs_to_one_of_two_runs_with_one_id_stays_with_it(tmp_path, monkeypatch):
    here, there = tmp_path / "here.duckdb", tmp_path / "there.duckdb"
    for db, name in ((here, "ours"), (there, "theirs")):
        ids = iter(["20260101-000000-0001", "20260101-000000-0000", "20260101-000000-0002"])
        monkeypatch.setattr(runs, "_new_id", lambda ids=ids: next(ids))
        about = {"config": {}, "command": name, "config_hash": name, "db": db, "follow": False}
        with runs.start("x", **about) as parent:
            store_answers(parent, "dev", ["a"], ["yes"], [name], None, classes=None, ids=None, dataset="d")
            (parent.folder / "file.txt").write_text(name)
            parent.artifact("file.txt", "file", parent.folder / "file.txt")
        with runs.start("x", parent_run_id=parent.run_id, **about) as child:  # its id sorts before its parent's
            child.log({"train/loss": 1.0 if name == "ours" else 2.0})
        with runs.start("x", parent_run_id=child.run_id, **about):
            pass
        runs.edit(db, "tags", run_id=parent.run_id, tags=[name])
        runs.edit(db, "mark", hash="0" * 16, run_id=child.run_id, mark="seen", note=name)
    assert merge(there, here).renamed == 3
    again = merge(there, here)
    assert (again.new, again.same, again.edits, again.renamed) == (0, 3, 0, 0)
    listed = queries.runs(db=here)
    for name in ("ours", "theirs"):
        mine = listed.filter(command=name).sort("run_id")
        [parent] = mine.filter(pl.col("parent_run_id").is_null())["run_id"]
        [child] = mine.filter(parent_run_id=parent)["run_id"]
        assert len(mine.filter(parent_run_id=child)) == 1
        assert queries.run(parent, here)["tags"] == [name]
        assert queries.predictions(parent, db=here)["prediction"].to_list() == [name]
        [file] = queries.artifacts(parent, here)["file"]
        assert Path(file).read_text() == name
        marks = queries.sql(f"SELECT note FROM marks WHERE run_id = '{child}'", db=here)["note"]
        assert marks.to_list() == [name]
    assert checking.check(here, deep=True).clean
    [ours] = listed.filter(pl.col("parent_run_id").is_null(), command="ours")["run_id"]
    editing.delete_run(ours, here)
    upkeep.gc(here, dry_run=False)
    [theirs] = listed.filter(pl.col("parent_run_id").is_null(), command="theirs")["run_id"]
    assert queries.predictions(theirs, db=here)["prediction"].to_list() == ["theirs"]
    assert checking.check(here, deep=True).clean


@pytest.mark.parametrize("kept", [0, 1, 300])
def test_a_damaged_spool_of_the_other_store_is_named_and_stops_no_other_run(tmp_path, fill, capsys, kept):
    here, there = tmp_path / "here.duckdb", tmp_path / "there.duckdb"
    parent = fill(there)
    child = fill(there, parent_run_id=parent)
    upkeep.compact(there)
    spool = locate(there).spool_file(parent).with_suffix(".jsonl.gz")
    spool.write_bytes(spool.read_bytes()[:kept])
    if not kept:
        assert any(f"{spool.name} is empty" in problem for problem in checking.check(there).problems)
    assert main(["merge", str(there), "--db", str(here)]) == 1
    assert f"left out: run {parent}: packed spool {spool}" in capsys.readouterr().err
    assert queries.runs(db=here)["run_id"].to_list() == [child]
