"""What people write."""

import json

import polars as pl
import pytest

from store import checking, editing, queries, runs, upkeep
from store.errors import StoreError
from store.ingest import ingest
from store.spool.lines import seal


def test_edits_survive_a_rebuild(start, db):
    with start(note="first") as run:
        run.log({"a/b": 1.0})
    runs.edit(db, "note", run_id=run.run_id, note="改")
    runs.edit(db, "tags", run_id=run.run_id, tags=["x"])
    runs.edit(db, "mark", hash="00", run_id=run.run_id, mark="wrong label", note="?")
    runs.edit(db, "mark", hash="11", run_id=run.run_id, mark="wrong label", note="?")
    runs.edit(db, "unmark", hash="11", run_id=run.run_id, mark="wrong label")
    for act in (lambda: ingest(db, force=True), lambda: upkeep.rebuild(db)):
        act()
        row = queries.run("latest", db)
        assert (row["note"], row["tags"]) == ("改", ["x"])
        assert queries.marks(db=db).select("hash", "kind").rows() == [("00", "wrong label")]
    with pytest.raises(StoreError, match="an edit 'note' needs run_id, note, got note"):
        runs.edit(db, "note", note="x")


def test_a_name_is_given_changed_and_taken_away(start, db):
    with start(name="largest batch") as run:
        run.log({"a/b": 1.0})
    with start():
        pass
    ingest(db, force=True)
    assert queries.runs(db=db)["name"].to_list() == [None, "largest batch"]
    editing.rename_run(run.run_id, " 大批量 ", db)
    for act in (lambda: ingest(db, force=True), lambda: upkeep.rebuild(db)):
        act()
        assert queries.run(run.run_id, db)["name"] == "大批量"
    editing.rename_run(run.run_id, "", db)
    ingest(db, force=True)
    assert queries.run(run.run_id, db)["name"] is None


def test_a_deleted_run_leaves_every_view_and_comes_back(start, db):
    frame = pl.DataFrame({"example_id": ["1"], "hash": ["0"], "label": ["a"], "prediction": ["a"], "confidence": [1.0]})
    with start(task="tnews") as run:
        run.log({"dev/accuracy": 0.5})
        run.measure("can_grid", {"k": 3}, accuracy=0.5)
        run.predictions("dev", frame)
        kept = run.folder / "x.txt"
        kept.write_text("x")
        run.artifact("x.txt", "text", kept)
    ingest(db, force=True)
    columns = queries.columns(db)
    views = columns.filter(pl.col("column_name") == "run_id")["table_name"].to_list()

    def rows():
        counts = {view: len(queries.table_of_run(view, run.run_id, db)) for view in views}
        return counts | {"leaderboard": len(queries.leaderboard(db=db)), "tables": len(queries.tables(db))}

    before = rows()
    assert [view for view, count in before.items() if not count] == ["marks"]
    editing.delete_run(run.run_id, db)
    for act in (lambda: ingest(db, force=True), lambda: upkeep.rebuild(db)):
        act()
        assert not any(rows().values())
        assert queries.runs(archived=True, db=db).is_empty()
        assert queries.deleted_runs(db)["run_id"].to_list() == [run.run_id]
    editing.restore_run(run.run_id, db)
    ingest(db, force=True)
    assert rows() == before
    editing.delete_run(run.run_id, db)
    assert {what.partition(":")[0] for what, _ in upkeep.gc(db)} == {f"deleted run {run.run_id}"}
    upkeep.gc(db, dry_run=False)
    assert not kept.exists()
    with pytest.raises(StoreError, match="cannot be restored: its files were removed"):
        editing.restore_run(run.run_id, db)
    assert queries.deleted_runs(db).is_empty()
    assert checking.check(db, deep=True).clean


@pytest.mark.parametrize("at", [True, 1e300, "now", None, -(10**400)])
def test_an_edit_whose_time_is_none_stops_no_ingest(start, db, layout, at):
    start().finish()
    edit = {"edit": "mark", "hash": "aa", "run_id": None, "mark": "odd", "note": "", "at": at}
    layout.edits.write_bytes(seal(json.dumps(edit)[:-1]))
    assert ingest(db, force=True).published
    assert queries.runs(db=db).height == 1
    assert queries.marks(db=db).height == (at is True)
