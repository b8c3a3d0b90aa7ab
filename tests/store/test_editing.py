"""What people write."""

import pytest

from store import queries, runs, upkeep
from store.errors import StoreError
from store.ingest import ingest


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
