"""Runs go to another tracker through its own library, are read there, and come back as they were."""

import importlib.util
import math
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import store
from store import queries
from store.importers.into_spools import import_from
from store.ingest import ingest
from store.tracking import session

pytestmark = pytest.mark.peers
ROOT = Path(__file__).parents[2]


@pytest.fixture
def db(tmp_path, monkeypatch):
    """A store with two runs of one name, one of them failed, and one that logged nothing."""
    path = tmp_path / "results.duckdb"
    monkeypatch.setenv("CLUEBOARD_DB", str(path))
    monkeypatch.setattr(session, "_watching_the_end", True)
    quiet = {"project": "意图", "name": "bert 第一次", "system_metrics": 0, "console": False}
    config = {"lr": 3e-4, "seed": 0, "opt": {"none": None, "on": True}, "text": "x", "layers": [1, 2]}
    run = store.init(**quiet, tags=["paper", "甲 乙"], notes="好", config=config)
    run.define_metric("dev/accuracy", summary="max")
    for step, accuracy in enumerate([0.5, 0.75, 0.625]):
        run.log({"train/loss": 1 / (step + 1), "dev/accuracy": accuracy}, step=10 * step)
    run.log({"nan": math.nan, "far": -math.inf, "f1(宏)@5": 0.1})
    run.summary["best_epoch"] = 3
    run.finish()
    store.init(**quiet, config={"lr": 1}).finish(1)
    ingest(path, wait=60.0, force=True)
    return path


def exported(tracker, db):
    """Export in a process of its own, twice; the second finds everything there."""
    if importlib.util.find_spec(tracker) is None:
        pytest.skip(f"{tracker} is not installed")
    target = db.parent / "there"
    said = []
    for _ in range(2):
        words = ["-m", "store", "export", "--run", "all", "--to", tracker, "-o", str(target), "--db", str(db)]
        done = subprocess.run([sys.executable, *words], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        said.append(done.stdout)
    assert "2 runs written" in said[0]
    assert "0 runs written" in said[1]
    assert "2 already there" in said[1]
    return target, said[0]


def back(target, db):
    other = db.with_name("back.duckdb")
    import_from(target, db=other)
    return other


def points(db):
    frame = queries.sql("SELECT name, step, value, logged_at FROM metrics WHERE name <> 'best_epoch'", db=db)
    return frame.with_columns(pl.col("logged_at").dt.round("1ms")).sort("name", "step")


def said(db):
    return dict(queries.sql("SELECT name, value FROM summary", db=db).iter_rows())


def params(db):
    return queries.sql("SELECT name, value FROM params ORDER BY ALL", db=db).rows()


def read(code, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": ""}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


def test_mlflow(db):
    target, words = exported("mlflow", db)
    assert "changed: f1(宏)@5 is called f1_宏__5" in words
    code = """
import sys
from mlflow.tracking import MlflowClient
client = MlflowClient("sqlite:///" + sys.argv[1])
runs = client.search_runs([client.get_experiment_by_name("意图").experiment_id])
run = next(run for run in runs if run.info.status == "FINISHED")
curve = [(point.step, point.value) for point in client.get_metric_history(run.info.run_id, "dev/accuracy")]
metrics = run.data.metrics
statuses = sorted(other.info.status for other in runs)
print(statuses, run.info.run_name, run.data.params["lr"], curve, metrics["best_epoch"])
"""
    curve = [(0, 0.5), (10, 0.75), (20, 0.625)]
    assert read(code, str(target)) == f"['FAILED', 'FINISHED'] bert 第一次 0.0003 {curve} 3.0"
    other = back(target, db)
    renamed = pl.col("name").replace({"f1(宏)@5": "f1_宏__5"})
    assert points(other).equals(points(db).with_columns(renamed).sort("name", "step"), null_equal=True)
    before, after = said(db), said(other)
    assert (after["dev/accuracy"], after["best_epoch"]) == (0.75, 3.0)
    assert len(after) == len(before)
    assert [(name, value.replace(" ", "")) for name, value in params(other)] == params(db)
    rows = queries.runs(db=other, columns=["name", "status", "tags", "note"]).sort("status").iter_rows(named=True)
    failed, finished = rows
    assert (failed["status"], finished["name"], finished["note"]) == ("failed", "bert 第一次", "好")
    assert finished["tags"] == ["imported", "paper", "甲 乙"]


def test_trackio(db):
    target, _ = exported("trackio", db)
    code = """
import trackio
runs = list(trackio.Api().runs("意图"))
print(sorted(run.name for run in runs))
"""
    os.environ["TRACKIO_DIR"] = str(target)
    try:
        assert read(code) == "['bert 第一次', 'bert 第一次']"
    finally:
        del os.environ["TRACKIO_DIR"]
    other = back(target, db)
    assert points(other).equals(points(db), null_equal=True)
    assert str(said(other)) == str(said(db)) or said(other).keys() == said(db).keys()
    assert (said(other)["dev/accuracy"], said(other)["best_epoch"]) == (0.75, 3.0)


def test_tensorboard(db):
    target, words = exported("tensorboard", db)
    assert "there is another run 'bert 第一次'" in words
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    reader = EventAccumulator(str(target / "bert 第一次"))
    reader.Reload()
    assert [(event.step, event.value) for event in reader.Scalars("dev/accuracy")] == [
        (0, 0.5),
        (10, 0.75),
        (20, 0.625),
    ]
    other = back(target, db)
    ours, theirs = points(db), points(other)
    assert theirs.select("name", "step").equals(ours.select("name", "step"))
    assert theirs["value"].equals(ours["value"].cast(pl.Float32).cast(pl.Float64), null_equal=True)
    assert (said(other)["dev/accuracy"], said(other)["best_epoch"]) == (0.75, 3.0)
    stored = dict(params(other))
    assert (stored["lr"], stored["opt/on"], stored["layers"]) == ("0.0003", "true", '"[1, 2]"')
    assert queries.runs(db=other, columns=["note"])["note"].to_list()[-1] == "note: 好"
