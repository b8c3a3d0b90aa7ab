"""Import of MLflow's stores: its tables and files made by hand, and by MLflow itself where it is installed."""

import math
import sqlite3

import pytest

from store import queries
from store.importers.into_spools import import_from

SCHEMA = """
CREATE TABLE experiments (experiment_id INTEGER, name TEXT);
CREATE TABLE runs (run_uuid TEXT, name TEXT, experiment_id INTEGER, status TEXT, start_time BIGINT, end_time BIGINT,
    lifecycle_stage TEXT, artifact_uri TEXT);
CREATE TABLE metrics (run_uuid TEXT, key TEXT, value DOUBLE, timestamp BIGINT, step BIGINT, is_nan BOOLEAN);
CREATE TABLE latest_metrics (key TEXT);
CREATE TABLE params (run_uuid TEXT, key TEXT, value TEXT);
CREATE TABLE tags (run_uuid TEXT, key TEXT, value TEXT);
INSERT INTO experiments VALUES (1, '意图');
"""


@pytest.fixture
def database(tmp_path):
    folder = tmp_path / "c# 100%? 'q'"
    folder.mkdir()
    con = sqlite3.connect(folder / "mlflow.db")
    con.executescript(SCHEMA)
    rows = [("b", "child", 1, "KILLED"), ("a", "parent", 1, "FINISHED"), ("c", "live", 1, "RUNNING")]
    for run_id, name, experiment, status in rows:
        con.execute(
            "INSERT INTO runs VALUES (?, ?, ?, ?, 1700000000000, 1700000060000, 'active', NULL)",
            [run_id, name, experiment, status],
        )
    con.execute("INSERT INTO runs VALUES ('d', 'gone', 1, 'FINISHED', 0, 0, 'deleted', NULL)")
    for run_id in "abcd":
        for step in range(3):
            at = 1700000000000 + 1000 * step
            con.execute("INSERT INTO metrics VALUES (?, 'val_loss', ?, ?, ?, 0)", [run_id, 1.0 / (step + 1), at, step])
    con.execute("INSERT INTO metrics VALUES ('a', 'odd', 0, 1700000009000, 9, 1)")
    con.execute("INSERT INTO metrics VALUES ('a', 'odd', 1.7976931348623157e308, 1700000010000, 10, 0)")
    con.execute("INSERT INTO params VALUES ('a', 'lr', '3e-4')")
    con.executemany(
        "INSERT INTO tags VALUES (?, ?, ?)",
        [("b", "mlflow.parentRunId", "a"), ("a", "mlflow.note.content", "第一次"), ("a", "team", "nlp")],
    )
    con.commit()
    yield folder / "mlflow.db", con
    con.close()


def test_a_database_made_by_hand(tmp_path, database):
    source, con = database
    db = tmp_path / "r.duckdb"
    done = import_from(source, db=db)
    assert (len(done.new), done.left_out, done.renamed) == (3, {}, {"val_loss": "dev/loss"})
    assert done.not_understood == {"run that is deleted in MLflow": 1}
    runs = {row["name"]: row for row in queries.runs(with_summary="dev/loss", db=db).iter_rows(named=True)}
    parent, child = runs["parent"], runs["child"]
    assert (parent["experiment"], parent["status"], parent["duration_s"]) == ("意图", "finished", 60.0)
    assert (parent["note"], parent["tags"]) == ("第一次", ["imported", "team=nlp"])
    assert (child["status"], child["parent_run_id"]) == ("interrupted", parent["run_id"])
    assert runs["live"]["status"] in ("running", "lost")
    assert parent["dev/loss"] == pytest.approx(1 / 3)
    assert queries.params([parent["run_id"]], db)["value"].to_list() == ["0.0003"]
    odd = queries.table_of_run("metrics", parent["run_id"], db=db).sort("step")
    assert [v if v == v else "NaN" for v in odd.filter(odd["name"] == "odd")["value"]] == ["NaN", math.inf]
    assert [path.name for path in source.parent.iterdir()] == ["mlflow.db"]

    assert len(import_from(source, db=db).same) == 3
    con.execute("UPDATE runs SET status = 'FAILED' WHERE run_uuid = 'c'")
    con.execute("INSERT INTO metrics VALUES ('c', 'val_loss', 0.1, 1700000000500, 7, 0)")  # between earlier points
    con.commit()
    again = import_from(source, db=db)
    assert (len(again.grown), len(again.same)) == (1, 2)
    live = queries.run(runs["live"]["run_id"], db)
    assert live["status"] == "failed"
    summary = queries.summary([live["run_id"]], db)
    assert summary["value"].to_list() == pytest.approx([1 / 3])  # the last in time, not the last to arrive


@pytest.fixture
def folder(tmp_path):
    run = tmp_path / "mlruns" / "1" / "abc"
    for part in ("metrics/val", "params", "tags", "artifacts/model"):
        (run / part).mkdir(parents=True)
    (run.parent / "meta.yaml").write_text("name: intent\n")
    (run / "meta.yaml").write_text("run_id: abc\nrun_name: one\nstatus: 3\nstart_time: 1700000000000\nend_time: null\n")
    (run / "metrics/val/acc").write_text("1700000001000 0.5 1\n1700000002000 0.75 2\n")
    (run / "params/lr").write_text("0.1")
    (run / "tags/mlflow.user").write_text("x")
    (run / "artifacts/model/weights.bin").write_text("")
    return run


def test_files_made_by_hand(tmp_path, folder):
    db = tmp_path / "r.duckdb"
    done = import_from(tmp_path / "mlruns", db=db)
    row = queries.run(done.new[0], db)
    assert (row["name"], row["experiment"], row["status"]) == ("one", "intent", "finished")
    stored = dict(queries.params(done.new, db).select("name", "value").iter_rows())
    assert stored == {"lr": "0.1", "artifacts": '"model/weights.bin"'}
    assert queries.summary(done.new, db)["name"].to_list() == ["dev/accuracy"]
    assert import_from(tmp_path / "mlruns" / "1", db=db).same == done.new  # whatever folder the import begins in


def test_a_damaged_run_is_left_out_and_the_others_come(tmp_path, folder):
    other = folder.parent / "def"
    (other / "metrics").mkdir(parents=True)
    (other / "meta.yaml").write_text("run_id: def\nrun_name: two\nstatus: 3\nstart_time: 1700000000000\n")
    (other / "metrics/loss").write_text("1700000001000 zero 1\n")
    done = import_from(tmp_path / "mlruns", db=tmp_path / "r.duckdb")
    assert len(done.new) == 1
    ((where, why),) = done.left_out.items()
    assert where.endswith("def")
    assert "loss line 1: expected time, value and step, got '1700000001000 zero 1'" in why


def test_a_link_among_the_artifacts_and_a_time_that_is_none_stop_nothing(tmp_path, database):
    source, con = database
    outside, kept = tmp_path / "outside", tmp_path / "runs" / "a" / "artifacts"
    outside.mkdir()
    (outside / "private.txt").write_text("x")
    (kept / "below").mkdir(parents=True)
    (kept / "below" / "model.bin").write_text("x")
    (kept / "elsewhere").symlink_to(outside)
    con.execute("UPDATE runs SET artifact_uri = ? WHERE run_uuid = 'a'", [str(kept)])
    con.execute("UPDATE runs SET artifact_uri = ? WHERE run_uuid = 'b'", [str(outside)])  # no folder of MLflow's
    con.execute("UPDATE runs SET start_time = 9000000000000000000 WHERE run_uuid = 'c'")
    con.commit()
    done = import_from(source, db=tmp_path / "r.duckdb")
    assert done.left_out == {"live": "it began at 9000000000000000.0, which is no time"}
    params = queries.sql("SELECT value FROM params WHERE name = 'artifacts'", db=tmp_path / "r.duckdb")
    assert params["value"].to_list() == ['"below/model.bin"']


def test_a_folder_of_several_trackers_is_taken_whole(tmp_path, database):
    source, _ = database
    files = source.parent / "mlruns" / "0" / "f"
    (files / "metrics").mkdir(parents=True)
    (files.parent / "meta.yaml").write_text("name: files\n")
    (files / "meta.yaml").write_text("run_id: f\nstatus: 3\nstart_time: 1700000000000\nend_time: 1700000001000\n")
    other = sqlite3.connect(source.parent / "trackio.db")
    other.execute("CREATE TABLE metrics (id INTEGER, run_name TEXT, timestamp TEXT, step INTEGER, metrics TEXT)")
    other.execute("INSERT INTO metrics VALUES (1, 'one', '2026-01-01T00:00:00+00:00', 1, '{\"loss\": 1}')")
    other.commit()
    other.close()
    (source.parent / "events.out.tfevents.1").write_bytes(b"")
    db = tmp_path / "r.duckdb"
    done = import_from(source.parent, db=db)
    assert (len(done.new), done.left_out) == (5, {})
    assert done.not_understood["TensorBoard file beside them, which --kind tensorboard reads"] == 1
    assert set(queries.runs(db=db)["experiment"]) == {"意图", "files", "trackio"}
    assert len(import_from(source.parent, db=db).same) == 5
    assert len(import_from(source.parent, kind="mlflow", db=tmp_path / "other.duckdb").new) == 4
