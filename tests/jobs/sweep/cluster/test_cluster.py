"""The same sweep on this machine, on SLURM and on Ray: identical scores, also after kills and requeues.

python -m pytest -m cluster -n 0 tests/jobs/sweep/cluster

Ray is started on this machine, or is the cluster at $RAY_ADDRESS: on a busy machine its agents start too slowly for the
15 seconds that Ray waits for them, and a cluster that was started before helps.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from jobs import checkpoints
from jobs.checkpoints import LAST
from store import queries
from store.ingest import ingest

pytestmark = pytest.mark.cluster
ROOT = Path(__file__).parents[4]
SWEEP = """
job = "clue"
seeds = [0, 1]
workers = 2
cpus = 1
[parameters]
task = "afqmc"
limit = 48
batch-size = 8
max-length = 48
epochs = {epochs}
learning-rate = [1e-3, 3e-3]
"""
ON = {"local": [], "slurm": ["--on", "slurm", "--time", "20"], "ray": ["--on", "ray"]}


@pytest.fixture(autouse=True)
def _environment(monkeypatch, tmp_path):
    monkeypatch.delenv("CLUE_DATA_DIR", raising=False)
    monkeypatch.setenv("CLUEBOARD_HUB", "off")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("CLUEBOARD_CACHE", str(tmp_path / "cache"))


@pytest.fixture(params=["local", "slurm", "ray"])
def place(request):
    if request.param == "slurm":
        request.getfixturevalue("slurm")
    if request.param == "ray":
        pytest.importorskip("ray")
    return request.param


def begin(db, *flags):
    command = [sys.executable, "-m", "jobs.sweep", "--db", str(db), *map(str, flags)]
    with db.with_suffix(".out").open("ab") as said:
        return subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, cwd=ROOT, start_new_session=True)


def printed(db):
    return db.with_suffix(".out").read_text()


def sweep(db, *flags):
    code = begin(db, *flags).wait(400)
    return code, printed(db)


def sweep_file(folder, epochs=2):
    path = folder / "sweep.toml"
    path.write_text(SWEEP.format(epochs=epochs))
    return path


def trainings(db):
    """(learning rate, seed) -> (run id, score), as the sweep has them."""
    ingest(db, wait=30, force=True)
    parent = queries.runs("sweep", db=db)["run_id"][0]
    document = json.loads((db.with_suffix("") / "artifacts" / parent / "sweep.json").read_text())
    return {
        (row["parameters"].get("learning_rate"), row["seed"]): (row["run"], row["score"])
        for row in document["trainings"]
    }


def weights(db, run_id):
    state = checkpoints.load(db.with_suffix("") / "artifacts" / run_id / LAST)[0]["model"]
    return {name: tensor.numpy() for name, tensor in state.items()}


@pytest.fixture(scope="session")
def alone(tmp_path_factory):
    """Database of the sweep on this machine, left alone."""
    folder = tmp_path_factory.mktemp("alone")
    before = dict(os.environ)
    os.environ |= {"CLUEBOARD_HUB": "off", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    os.environ.pop("CLUE_DATA_DIR", None)
    try:
        code, said = sweep(folder / "x.duckdb", "--file", sweep_file(folder))
    finally:
        os.environ.clear()
        os.environ.update(before)
    assert code == 0, said
    return folder / "x.duckdb"


def wait_for(condition, seconds=400):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def steps(db):
    """Updates that each run of the store has logged."""
    found = {}
    for path in (db.with_suffix("") / "spool").glob("*.jsonl"):
        lines = path.read_bytes().splitlines()
        if b'"experiment":"clue"' in lines[0]:
            found[path.stem] = sum(b"train/loss" in line for line in lines)
    return found


@pytest.mark.parametrize("on", ["slurm", "ray"])
def test_the_same_file_gives_the_same_scores_everywhere(on, request, tmp_path, alone):
    if on == "slurm":
        request.getfixturevalue("slurm")
    db = tmp_path / "x.duckdb"
    code, said = sweep(db, "--file", sweep_file(tmp_path), *ON[on])
    assert code == 0, said
    own, expected = trainings(db), trainings(alone)
    assert {key: score for key, (_, score) in own.items()} == {key: score for key, (_, score) in expected.items()}
    for key, (run_id, _) in own.items():
        mine, theirs = weights(db, run_id), weights(alone, expected[key][0])
        assert all(np.array_equal(mine[name], theirs[name]) for name in theirs)


def test_a_sweep_killed_in_the_middle_goes_on_and_ends_the_same(place, tmp_path):
    whole, db = tmp_path / "whole.duckdb", tmp_path / "x.duckdb"
    path = sweep_file(tmp_path, epochs=12)
    flags = ["--file", path, "--seeds", "0", "--learning-rate", "1e-3", "3e-3"]
    code, said = sweep(whole, *flags)
    assert code == 0, said
    process = begin(db, *flags, *ON[place])
    wait_for(lambda: any(count > 5 for count in steps(db).values()))
    process.kill()
    process.wait()
    ingest(db, wait=30, force=True)
    parent = queries.runs("sweep", db=db)["run_id"][0]
    code, said = sweep(db, "--resume", parent, *ON[place])
    assert code == 0, said
    own, expected = trainings(db), trainings(whole)
    assert {key: score for key, (_, score) in own.items()} == {key: score for key, (_, score) in expected.items()}
    for key, (run_id, _) in own.items():
        mine, theirs = weights(db, run_id), weights(whole, expected[key][0])
        assert all(np.array_equal(mine[name], theirs[name]) for name in theirs)
    assert len(queries.runs("clue", db=db)) == 2  # nothing was trained twice


@pytest.mark.parametrize("how", ["requeue", "time is up"])
def test_a_job_that_slurm_queues_again_ends_with_the_weights_of_one_left_alone(how, slurm, tmp_path):
    whole, db = tmp_path / "whole.duckdb", tmp_path / "x.duckdb"
    path = sweep_file(tmp_path, epochs=20)
    flags = ["--file", path, "--seeds", "0", "--learning-rate", "1e-3"]
    assert sweep(whole, *flags)[0] == 0
    process = begin(db, *flags, *ON["slurm"])
    wait_for(lambda: any(count > 5 for count in steps(db).values()))
    job = json.loads(next((db.with_suffix("") / "sweeps").glob("*/*.job")).read_text())
    if how == "requeue":
        subprocess.run(["scontrol", "requeue", job], check=True)
    else:
        subprocess.run(["scancel", "--signal=USR2", job], check=True)
    assert process.wait(500) == 0, printed(db)
    [(run_id, score)] = trainings(db).values()
    [(expected_id, expected)] = trainings(whole).values()
    assert score == expected
    mine, theirs = weights(db, run_id), weights(whole, expected_id)
    assert all(np.array_equal(mine[name], theirs[name]) for name in theirs)
    spool = (db.with_suffix("") / "spool" / f"{run_id}.jsonl").read_text()
    assert "resumed_at_step" in spool


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--partition", "debgu"], "SLURM has none of that name; did you mean 'debug'?"),
        (["--time", "soon"], "--time: expected minutes, h:mm:ss or d-hh:mm, got soon"),
        (["--slurm", "acount=nlp"], "--slurm acount: submitit has no such setting; did you mean 'account'?"),
        (["--time", "120"], "SLURM will never start it (Partition"),
        (["--cpus", "64"], "SLURM will never start it (Partition"),
    ],
)
def test_what_slurm_cannot_do_is_one_sentence(flags, message, slurm, tmp_path):
    code, said = sweep(tmp_path / "x.duckdb", "--on", "slurm", "--a", "1", *flags, "--", "python", "-c", "pass {a}")
    assert code == 2
    assert message in said
    assert "Traceback" not in said


def test_a_child_that_does_not_get_a_place_in_time_failed(slurm, tmp_path):
    blocker = subprocess.run(
        ["sbatch", "--parsable", "--exclusive", "-o", "/dev/null", "--wrap", "sleep 120"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    try:
        code, said = sweep(
            tmp_path / "x.duckdb",
            "--on",
            "slurm",
            "--start-within",
            "0.1",
            "--a",
            "1",
            "--",
            "python",
            "-c",
            "pass {a}",
        )
    finally:
        subprocess.run(["scancel", blocker], check=True)
    assert code == 2
    assert "it did not start within 0.1 minutes (SLURM says: Resources)" in said


def test_a_full_queue_takes_the_children_one_after_the_other(slurm, tmp_path):
    script = "import store; r = store.init(seed={a}); r.summary['dev/accuracy'] = {a} / 100; store.finish()"
    values = list(map(str, range(26)))  # the test's cluster takes 20 jobs at once
    code, said = sweep(
        tmp_path / "x.duckdb", "--on", "slurm", "--workers", "26", "--a", *values, "--", "python", "-c", script
    )
    assert code == 0, said
    assert "26 of 26 trainings, 0 failed" in said


def test_a_controller_that_is_down_is_one_sentence(slurm, tmp_path, monkeypatch):
    conf = tmp_path / "slurm.conf"
    conf.write_text(slurm.read_text().replace("SlurmctldPort=", "SlurmctldPort=1"))
    monkeypatch.setenv("SLURM_CONF", str(conf))
    code, said = sweep(tmp_path / "x.duckdb", "--on", "slurm", "--a", "1", "--", "python", "-c", "pass {a}")
    assert code == 2
    assert "the controller does not answer" in said


def test_a_sweep_is_stopped_though_the_controller_has_gone_silent(slurm, tmp_path, monkeypatch):
    conf = tmp_path / "slurm.conf"
    shutil.copy(slurm, conf)
    monkeypatch.setenv("SLURM_CONF", str(conf))
    db = tmp_path / "x.duckdb"
    process = begin(db, "--on", "slurm", "--a", "1", "--", "python", "-c", "import time; time.sleep({a} * 300)")
    wait_for(lambda: list((db.with_suffix("") / "sweeps").glob("*/*.job")))
    conf.write_text(slurm.read_text().replace("SlurmctldPort=", "SlurmctldPort=1"))
    process.send_signal(signal.SIGTERM)
    assert process.wait(200) != 0
    assert "squeue does not answer" in printed(db)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--address", "127.0.0.1:1"], "--address 127.0.0.1:1 does not answer (Connection refused)"),
        (["--address", "nonsense"], "--address: expected host:port"),
        (["--gpus", "1"], "--gpus 1: the Ray cluster has 0 GPUs in all"),
    ],
)
def test_what_ray_cannot_do_is_one_sentence(flags, message, tmp_path):
    pytest.importorskip("ray")
    code, said = sweep(tmp_path / "x.duckdb", "--on", "ray", "--a", "1", *flags, "--", "python", "-c", "pass {a}")
    assert code == 2
    assert message in said
    assert "Traceback" not in said


def test_ctrl_c_lets_children_on_ray_save(tmp_path):
    pytest.importorskip("ray")
    db = tmp_path / "x.duckdb"
    process = begin(
        db, "--file", sweep_file(tmp_path, epochs=40), "--seeds", "0", "--learning-rate", "1e-3", "--on", "ray"
    )
    wait_for(lambda: any(count > 5 for count in steps(db).values()))
    process.send_signal(signal.SIGINT)
    assert process.wait(120) == 130
    ingest(db, wait=30, force=True)
    assert queries.runs("clue", db=db)["status"].to_list() == ["interrupted"]
