"""Whole sweeps with a command of one's own: a tiny script that logs a score."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest

from jobs.clue import start as clue_start
from jobs.clue.config import Config
from jobs.sweep.start import main
from store import queries

SCRIPT = """
import sys, time
from store import runs
rate, seed = float(sys.argv[1]), int(sys.argv[2])
if rate > 5:
    raise SystemExit("the loss is not finite")
with runs.start("own", config={"rate": rate}, command="", config_hash=str(rate), seed=seed, follow=False) as run:
    time.sleep(float(sys.argv[3]) if len(sys.argv) > 3 else 0)
    run.summary({"dev/accuracy": 0.9 - abs(rate - 0.3) + 0.001 * rate * (seed * 7 % 3)})
"""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "train.py"
    path.write_text(SCRIPT)
    return path


def sweep(db, *arguments):
    main("", [*arguments[: arguments.index("--")], "--db", str(db), *arguments[arguments.index("--") :]])


def document(db):
    queries.refresh(db)
    parent = queries.runs("sweep", db=db)["run_id"][0]
    return parent, json.loads((db.with_suffix("") / "artifacts" / parent / "sweep.json").read_text())


def test_a_grid_goes_on_past_a_failure_and_names_the_best(tmp_path, script, capsys):
    db = tmp_path / "results.duckdb"
    sweep(db, "--rate", "0.3", "9", "--workers", "2", "--", "python", str(script), "{rate}", "{seed}")
    said = capsys.readouterr().out
    parent, found = document(db)
    assert "ended with exit code 1: the loss is not finite" in said
    assert found["best"] == {"rate": 0.3}
    assert found["command"] == f"python {script} 0.3 42"
    assert queries.runs("own", db=db)["parent_run_id"].to_list() == [parent]
    cells = queries.measurements("sweep_trials", run_ids=[parent], db=db)
    assert cells.filter(metric="failed")["value"].sort().to_list() == [0, 1]
    journal = optuna.storages.journal.JournalFileBackend(str(db.with_suffix("") / "sweeps" / parent / "journal.log"))
    trials = optuna.load_study(study_name="sweep", storage=optuna.storages.JournalStorage(journal)).trials
    assert [trial.state.name for trial in trials] == ["COMPLETE", "FAIL"]


def test_rounds_stop_when_the_best_is_known(tmp_path, script, capsys):
    db = tmp_path / "results.duckdb"
    flags = ["--rate", "0.3", "0.9", "--seeds", *map(str, range(6)), "--until-decided", "1", "--workers", "3"]
    sweep(db, *flags, "--", "python", str(script), "{rate}", "{seed}")
    assert "6 of 12 trainings" in capsys.readouterr().out
    _, found = document(db)
    assert found["conclusion"].startswith("Decided: no other candidate is better than rate=0.3 by more than 0 points")


def test_a_metric_that_no_child_logs_is_refused(tmp_path, script, capsys):
    with pytest.raises(SystemExit) as stop:
        sweep(tmp_path / "x.duckdb", "--rate", "0.3", "0.4", "--metric", "dev/acuracy", "--", "python", str(script),
              "{rate}", "1")  # fmt: skip
    assert stop.value.code == 2
    assert "logged no dev/acuracy; did you mean 'dev/accuracy'?" in capsys.readouterr().err


def test_a_command_that_does_not_start_is_one_sentence(tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        sweep(tmp_path / "x.duckdb", "--a", "1", "2", "--", "no-such-program", "{a}")
    assert stop.value.code == 2
    assert "all 2 trainings failed; the first: no-such-program cannot be started" in capsys.readouterr().err


@pytest.mark.slow  # two trainings as processes of their own, with all their imports
def test_a_job_of_the_project_is_swept_and_what_is_done_is_skipped(tmp_path, capsys):
    db = tmp_path / "results.duckdb"
    clue_start.run(Config(task=("tnews",), model="ngram", limit=40, seed=1, db=db))
    queries.refresh(db)
    earlier = queries.runs("clue", db=db)["run_id"][0]
    flags = ["clue", "--task", "tnews", "--model", "ngram", "--limit", "40", "60", "--seed", "1", "--workers", "2"]
    main("", [*flags, "--db", str(db)])
    assert "2 of 2 trainings, 0 failed" in capsys.readouterr().out
    parent, found = document(db)
    runs = {training["parameters"]["limit"]: training["run"] for training in found["trainings"]}
    assert runs[40] == earlier
    assert queries.runs("clue", db=db).filter(parent_run_id=parent)["run_id"].to_list() == [runs[60]]
    assert found["command"].startswith("python -m jobs.clue --task tnews --model ngram --limit")


def test_a_stopped_sweep_goes_on_and_trains_nothing_twice(tmp_path, script, capsys):
    db = tmp_path / "results.duckdb"
    command = [sys.executable, "-m", "jobs.sweep", "--rate", "0.3", "0.4", "--db", str(db), "--"]
    root = Path(__file__).parents[3]
    process = subprocess.Popen(
        [*command, "python", str(script), "{rate}", "1", "0.6"], stdout=subprocess.PIPE, text=True, cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
    )  # fmt: skip
    assert process.stdout is not None
    lines = iter(process.stdout.readline, "")
    assert any(line.startswith("[1/2]") for line in lines)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert "failed" not in process.stdout.read()
    process.stdout.close()
    queries.refresh(db)
    parent = queries.runs("sweep", db=db)
    assert parent["status"].to_list() == ["interrupted"]
    done = queries.runs("own", status="finished", db=db)["run_id"].to_list()
    main("", ["--resume", parent["run_id"][0], "--db", str(db)])
    assert "finished before" in capsys.readouterr().out
    after = queries.runs("own", status="finished", db=db)["run_id"].to_list()
    assert len(after) == 2
    assert set(done) < set(after)
    with pytest.raises(SystemExit):
        main("", ["--resume", parent["run_id"][0], "--db", str(db)])
    assert "is finished" in capsys.readouterr().err
