"""The version that everybody reads."""

import json
import threading
import time

import duckdb
import pytest

from store import queries, upkeep
from store.errors import StoreError
from store.ingest import ingest


def test_publishing_rests_between_versions(start, db, monkeypatch):
    run = start()
    assert ingest(db).published
    monkeypatch.setattr("store.database.publish.REST", 1e9)
    run.log({"a/b": 1.0}, step=1)
    outcome = ingest(db)
    assert not outcome.published
    assert outcome.due_in > 0
    assert queries.curves(run.run_id, live=False, db=db).is_empty()
    assert len(queries.curves(run.run_id, db=db)) == 1  # the tail shows it
    run.finish()
    assert ingest(db, force=True).published
    assert (db.stat().st_mode & 0o777) == 0o444


def test_killed_between_commit_and_publish(filled, zygote, acks, trials, assert_whole):
    before = queries.version(filled)
    for _ in range(trials):
        zygote.run("write", db=str(filled), acks=acks.new(), points=50, end=True)
        assert zygote.run("before publish", db=str(filled)) == -9
        assert queries.version(filled) == before
    assert_whole(deep=False)
    assert len(queries.runs(db=filled)) == trials + 1


def test_killed_with_half_a_copy(filled, zygote, acks, trials, assert_whole):
    """Every other moment of a publish is among those of `tests/store/test_every_step.py`."""
    for _ in range(trials):
        zygote.run("write", db=str(filled), acks=acks.new(), points=50, end=True)
        assert zygote.run("half a copy", db=str(filled)) == -9
        assert len(queries.runs(db=filled)) >= 1  # always whole, the old one or the new
    assert_whole(deep=False)


def test_a_note_of_the_last_publish_that_says_something_else_is_written_anew(filled, layout):
    path = layout.folder / "published.json"
    whole = json.loads(path.read_text())
    for note in ("", "[]", "null", "1e999", '{"file": null}', json.dumps({**whole, "counter": "many"})):
        path.write_text(note)
        assert ingest(filled).published, note
        assert json.loads(path.read_text())["counter"] == whole["counter"], note


def test_held_open_while_eight_jobs_write(filled, zygote, acks, assert_whole):
    holder = duckdb.connect(str(filled), read_only=True)  # a person with a command line on the published file itself
    try:
        before = holder.execute("SELECT count(*) FROM metrics").fetchall()
        pids = [zygote.fork("write", db=str(filled), acks=acks.new(), points=3_000, end=True) for _ in range(8)]
        for _ in range(3):
            assert ingest(filled, wait=5.0, force=True).published
            assert holder.execute("SELECT count(*) FROM metrics").fetchall() == before
        assert {zygote.reap(pid) for pid in pids} == {0}
        assert_whole()
        assert holder.execute("SELECT count(*) FROM metrics").fetchall() == before
    finally:
        holder.close()


def test_two_dashboards_on_one_store(filled, zygote, acks, monkeypatch, assert_whole):
    monkeypatch.setattr("store.queries._refreshed", {})
    errors: list[BaseException] = []
    stop = threading.Event()

    def dashboard():
        try:
            while not stop.is_set():
                queries._refreshed.clear()
                queries.refresh(filled)
                assert len(queries.runs(db=filled)) >= 1
                queries.curves(queries.runs(db=filled)["run_id"].to_list(), db=filled)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=dashboard) for _ in range(2)]
    for thread in threads:
        thread.start()
    pids = [zygote.fork("write", db=str(filled), acks=acks.new(), points=2_000, end=True) for _ in range(4)]
    pids.append(zygote.fork("ingest", db=str(filled)))
    codes = {zygote.reap(pid) for pid in pids}
    time.sleep(0.3)
    stop.set()
    for thread in threads:
        thread.join()
    assert codes == {0}
    assert errors == []
    assert_whole()


def test_published_figures_must_be_well_formed(tmp_path):
    db, file = tmp_path / "r.duckdb", tmp_path / "p.csv"
    header = "experiment,task,dataset,model,variant,split,metric,value,source,note\n"
    file.write_text(header + "clue,tnews,clue/tnews,bert,,dev,accuracy,0.5663,paper,\n")
    assert upkeep.load_published(file, db) == 1
    assert queries.published("clue", "tnews", db)["value"].to_list() == [0.5663]
    file.write_text(header + "clue,tnews,clue/tnews,bert,,dev,accuracy,high,paper,\n")
    with pytest.raises(StoreError, match=r"line 2: expected a number as value, got \['high'\]"):
        upkeep.load_published(file, db)
    file.write_text("task,value\n")
    with pytest.raises(StoreError, match="must have the columns"):
        upkeep.load_published(file, db)
