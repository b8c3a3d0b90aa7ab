"""Runs written by the trackers' own libraries come into the store with everything that they say."""

import importlib.util
import math
import os
import subprocess
import sys

import pytest

from store import queries
from store.importers import wandb_records
from store.importers.into_spools import import_from
from store.importers.records import Imported

pytestmark = pytest.mark.peers

MLFLOW = """
import math, os, sys
import mlflow

mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_experiment("意图")
with mlflow.start_run(run_name="parent", description="第一次", tags={"team": "nlp"}):
    mlflow.log_params({"lr": 3e-4, "model": "bert", "layers": [1, 2], "on": True})
    for step in range(5):
        mlflow.log_metrics({"eval_accuracy": step / 5, "train_loss": 1 / (step + 1)}, step=step)
    mlflow.log_metric("odd/nan", math.nan)
    mlflow.log_metric("odd/inf", -math.inf)
    mlflow.log_text("hallo", "notes/a.txt")
    with mlflow.start_run(run_name="child", nested=True):
        mlflow.log_metric("val_loss", 0.5)
try:
    with mlflow.start_run(run_name="failed"):
        raise ValueError
except ValueError:
    pass
mlflow.start_run(run_name="killed")
mlflow.end_run("KILLED")
gone = mlflow.start_run(run_name="gone")
mlflow.end_run()
mlflow.delete_run(gone.info.run_id)
mlflow.start_run(run_name="live")
os._exit(0)
"""
TRACKIO = """
import math
import trackio

for name, group in (("one", None), ("two", "g")):
    trackio.init(project="意图", name=name, group=group, config={"lr": 0.1, "opt": {"name": "adam"}}, embed=False)
    for step in range(20):
        trackio.log({"train/loss": 1 / (step + 1), "eval": {"accuracy": step / 20}, "none": None, "words": "x"})
    trackio.log({"odd": math.nan, "far": math.inf}, step=30)
    trackio.finish()
"""
WANDB = """
import math, sys
import wandb

for number in range(2):
    run = wandb.init(
        project="意图", name=f"bert {number}", group="sweep", tags=["paper", "甲"], notes="第一次", mode="offline",
        config={"lr": 1e-3, "opt": {"name": "adam", "betas": [0.9, 0.98]}}, dir=sys.argv[1],
        settings=wandb.Settings(silent=True, x_disable_stats=True),
    )
    run.define_metric("f1", summary="max")
    for step in range(2000 if number else 5):  # the longer file has records that cross its blocks
        run.log({"train_loss": 1 / (step + 1), "val": {"acc": 0.5}, "f1": -step, "none": None, "words": "x" * 100})
    run.log({"eval/loss": math.nan, "histogram": wandb.Histogram([1, 2, 3])}, step=3000)
    run.config.update({"late": "x"})
    run.summary["best_epoch"] = 3
    if number:
        raise ValueError("boom")
    run.finish()
"""


@pytest.fixture
def made(tmp_path):
    """Run a script that writes with another tracker's library; the folder is its first argument unless one is given."""

    def run(library, script, argument=None, **environment):
        if importlib.util.find_spec(library) is None:
            pytest.skip(f"{library} is not installed")
        words = [sys.executable, "-c", script, argument or str(tmp_path)]
        where = {**os.environ, "PYTHONPATH": "", "WANDB_MODE": "offline", "MLFLOW_ALLOW_FILE_STORE": "true"}
        done = subprocess.run(words, cwd=tmp_path, env={**where, **environment}, capture_output=True, text=True)
        assert not done.stderr.count("Traceback") or "boom" in done.stderr, done.stderr

    return run


def stored(db):
    names = ("name", "experiment", "status", "note", "tags", "parent_run_id")
    rows = queries.runs(db=db, columns=list(names)).iter_rows(named=True)
    return {row["name"]: row for row in rows}


def curve(run_id, name, db):
    points = queries.table_of_run("metrics", run_id, db=db)
    return points.filter(points["name"] == name).sort("step").select("step", "value").rows()


def params(run_id, db):
    return dict(queries.params([run_id], db).select("name", "value").iter_rows())


@pytest.mark.parametrize("kind", ["sqlite", "files"])
def test_mlflow(made, tmp_path, kind):
    source, uri = {
        "sqlite": (tmp_path / "mlflow.db", f"sqlite:///{tmp_path}/mlflow.db"),
        "files": (tmp_path / "mlruns", f"file://{tmp_path}/mlruns"),
    }[kind]
    made("mlflow", MLFLOW, uri)
    db = tmp_path / "r.duckdb"
    done = import_from(source, db=db)
    assert (len(done.new), done.left_out) == (5, {})
    assert done.renamed == {"eval_accuracy": "dev/accuracy", "train_loss": "train/loss", "val_loss": "dev/loss"}
    assert done.not_understood == {"run that is deleted in MLflow": 1}
    runs = stored(db)
    assert {name: row["status"] for name, row in runs.items() if name != "live"} == {
        "parent": "finished", "child": "finished", "failed": "failed", "killed": "interrupted",
    }  # fmt: skip
    parent = runs["parent"]
    assert (parent["experiment"], parent["note"], parent["tags"]) == ("意图", "第一次", ["imported", "team=nlp"])
    assert runs["child"]["parent_run_id"] == parent["run_id"]
    assert params(parent["run_id"], db) == {
        "lr": "0.0003", "model": '"bert"', "layers": "[1,2]", "on": "true", "artifacts": '"notes/a.txt"',
    }  # fmt: skip
    assert curve(parent["run_id"], "dev/accuracy", db) == [(step, step / 5) for step in range(5)]
    said = dict(queries.summary([parent["run_id"]], db).select("name", "value").iter_rows())
    assert math.isnan(said["odd/nan"])
    assert said["odd/inf"] == -math.inf
    assert len(import_from(source, db=db).same) == 5


def test_trackio(made, tmp_path):
    made("trackio", TRACKIO, TRACKIO_DIR=str(tmp_path / "tk"))
    db = tmp_path / "r.duckdb"
    done = import_from(tmp_path / "tk", db=db)
    assert (len(done.new), done.renamed) == (2, {"eval/accuracy": "dev/accuracy"})
    assert done.not_understood == {"text 'words'": 40}
    runs = stored(db)
    assert runs["one"]["experiment"] == "意图"
    assert params(runs["two"]["run_id"], db) == {"lr": "0.1", "opt/name": '"adam"', "group": '"g"'}
    assert curve(runs["one"]["run_id"], "train/loss", db) == [(step, 1 / (step + 1)) for step in range(20)]
    said = dict(queries.summary([runs["one"]["run_id"]], db).select("name", "value").iter_rows())
    assert math.isnan(said["odd"])
    assert said["far"] == math.inf
    (file,) = (tmp_path / "tk").glob("*.db")
    assert sorted(import_from(file, db=db).same) == sorted(done.new)  # the file alone names the same runs


def test_wandb(made, tmp_path):
    made("wandb", WANDB)
    db = tmp_path / "r.duckdb"
    done = import_from(tmp_path / "wandb", db=db)
    assert (len(done.new), done.left_out) == (2, {})
    assert done.renamed == {"eval/loss": "dev/loss", "train_loss": "train/loss", "val/acc": "dev/accuracy"}
    assert {"text 'words'", "histogram 'histogram'"} <= set(done.not_understood)
    runs = stored(db)
    short, long = runs["bert 0"], runs["bert 1"]
    assert (short["experiment"], short["note"], short["tags"]) == ("意图", "第一次", ["imported", "paper", "甲"])
    assert (short["status"], long["status"]) == ("finished", "failed")
    assert params(short["run_id"], db) == {
        "lr": "0.001", "opt/name": '"adam"', "opt/betas": "[0.9,0.98]", "group": '"sweep"', "late": '"x"',
    }  # fmt: skip
    assert curve(long["run_id"], "train/loss", db) == [(step, 1 / (step + 1)) for step in range(2000)]
    said = dict(queries.summary([short["run_id"]], db).select("name", "value").iter_rows())
    assert (said["f1"], said["best_epoch"], said["train/loss"]) == (0.0, 3.0, 0.2)
    assert math.isnan(said["dev/loss"])
    assert len(import_from(tmp_path / "wandb", db=db).same) == 2


def test_a_torn_or_damaged_file_of_wandb_gives_what_is_whole(made, tmp_path):
    made("wandb", WANDB)
    files = sorted((tmp_path / "wandb").glob("offline-run-*/*.wandb"), key=lambda path: path.stat().st_size)
    whole = files[-1].read_bytes()
    places = [at for at, *_ in wandb_records._pieces(files[-1], Imported())]
    at = places[len(places) // 2]  # in front of its head: 4 bytes of checksum, 2 of length, 1 of type
    torn, damaged, longer, other = (tmp_path / f"{name}.wandb" for name in ("torn", "damaged", "longer", "other"))
    torn.write_bytes(whole[: at + 8])
    damaged.write_bytes(whole[: at + 7] + bytes([whole[at + 7] ^ 1]) + whole[at + 8 :])
    longer.write_bytes(whole[: at + 4] + b"\xff\xff" + whole[at + 6 :])
    other.write_bytes(b"no such file")
    for file, words in ((torn, "unfinished record"), (damaged, "damaged record"), (longer, "damaged record")):
        db = tmp_path / f"{file.stem}.duckdb"
        done = import_from(file, db=db)
        assert any(words in what for what in done.not_understood)
        points = curve(done.new[0], "train/loss", db)
        assert 0 < len(points) < 2000
        assert points == [(step, 1 / (step + 1)) for step in range(len(points))]
    from store.errors import StoreError

    with pytest.raises(StoreError, match="not a file of Weights & Biases"):
        import_from(other, db=tmp_path / "o.duckdb")
