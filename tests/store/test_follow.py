"""The process that stores what a job logs."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from store import follow, queries, runs
from store.ingest import ingest
from store.paths import locate

ROOT = Path(__file__).resolve().parents[2]


def test_a_job_neither_imports_duckdb_nor_waits_and_its_follower_publishes(db):
    code = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from store import runs
with runs.start("clue", config={}, command="", config_hash="", db=Path(sys.argv[2])) as run:
    run.log({"train/loss": 1.0}, step=1)
assert not {"duckdb", "polars", "numpy"} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code, str(ROOT), str(db)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    if "at the next ingest" in done.stderr:  # only on a machine that is too busy
        ingest(db, wait=30.0, force=True)
    assert queries.runs(db=db)["status"].to_list() == ["finished"]
    assert queries.curves(queries.run("latest", db)["run_id"], db=db)["value"].to_list() == [1.0]


def test_the_follower_of_a_killed_job_stores_the_rest(db, zygote):
    code = """
import os, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from store import runs
run = runs.start("clue", config={}, command="", config_hash="", db=Path(sys.argv[2]))
for step in range(100):
    run.log({"train/loss": 1.0}, step=step)
os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", code, str(ROOT), str(db)], check=False)
    deadline = time.monotonic() + 60
    while queries.version(db) == "none" or queries.runs(db=db)["status"].to_list() != ["lost"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert len(queries.curves(queries.run("latest", db)["run_id"], live=False, db=db)) == 100
    while list(locate(db).folder.glob("*.wal")):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.skipif(not os.access("/proc/self/autogroup", os.W_OK), reason="processors are not shared by sessions here")
def test_the_follower_steps_back_with_its_session_and_not_with_the_job_s():
    code = "from store.follow import _step_back; _step_back(); print(open('/proc/self/autogroup').read())"
    command = [sys.executable, "-c", code]
    own = subprocess.run(command, cwd=ROOT, start_new_session=True, capture_output=True, text=True, check=True)
    assert own.stdout.split()[-1] == "5"
    before = Path("/proc/self/autogroup").read_text()
    subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    assert Path("/proc/self/autogroup").read_text() == before


def test_a_job_hears_why_its_last_lines_are_not_published(db, caplog):
    run = runs.start("clue", config={}, command="", config_hash="", db=db)
    run.log({"train/loss": 1.0}, step=1)
    db.unlink(missing_ok=True)
    db.mkdir()
    run.finish()
    assert "its last lines will be in" in caplog.text
    assert "is a folder" in caplog.text


def test_a_follower_that_has_ended_leaves_no_pipe_open(db, monkeypatch):
    monkeypatch.setattr(follow, "child", lambda *_, **pipes: subprocess.Popen(["cat"], **pipes))
    follower = follow.Follower(locate(db), "a-run")
    assert follower.finish()
    assert follower._process.stdin.closed
    assert follower._process.stderr.closed


def test_what_the_first_look_costs_does_not_prolong_the_rest_and_what_others_cost_does(start, db, layout, monkeypatch):
    run, clock = start(), [0.0]
    monkeypatch.setattr(follow.time, "process_time", lambda: clock.__setitem__(0, clock[0] + 2.0) or clock[0])
    size, rest = follow._work(layout, -1)
    assert rest == follow.INTERVAL
    assert queries.runs(db=db)["status"].to_list() == ["running"]
    run.log({"train/loss": 1.0}, step=1)
    size, rest = follow._work(layout, size)
    assert rest == pytest.approx(min(2.0 * follow.DUTY, follow.LONGEST), rel=0.01)
    run.finish()
