"""Jobs as processes: killed at any moment and resumed, and two that train together."""

import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from jobs import checkpoints
from jobs.checkpoints import BEST, LAST
from store import paths, queries

pytestmark = pytest.mark.slow

FLAGS = ["--task", "afqmc", "--limit", "300", "--epochs", "3", "--batch-size", "8", "--max-length", "48"]


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    own = {"CLUEBOARD_CACHE": str(tmp_path / "cache"), "CLUEBOARD_HUB": "off", "OMP_NUM_THREADS": "1"}
    return {name: value for name, value in os.environ.items() if name != "CLUE_DATA_DIR"} | own | more


def start(tmp_path: Path, db: Path, *flags: str, **more: str) -> subprocess.Popen[bytes]:
    """Start a job; what it prints goes to the file that `printed` reads."""
    with (tmp_path / f"{db.stem}-{more.get('RANK', '0')}.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "jobs.clue", "--db", str(db), *flags],
            env=environment(tmp_path, **more),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def printed(tmp_path: Path, db: Path, *, rank: int = 0) -> str:
    return (tmp_path / f"{db.stem}-{rank}.log").read_text(encoding="utf-8")


def the_run(db: Path) -> dict:
    queries.refresh(db=db)
    frame = queries.runs(db=db)
    assert len(frame) == 1
    return frame.row(0, named=True)


def weights(db: Path, run_id: str, name: str) -> dict[str, np.ndarray]:
    state, _ = checkpoints.load(paths.locate(db).artifacts / run_id / name)
    return {key: tensor.numpy() for key, tensor in state["model"].items()}


def test_a_job_killed_again_and_again_ends_where_an_uninterrupted_one_does(tmp_path):
    whole, killed = tmp_path / "whole.duckdb", tmp_path / "killed.duckdb"
    reference = start(tmp_path, whole, *FLAGS)
    assert reference.wait(timeout=600) == 0, printed(tmp_path, whole)
    rng = random.Random(0)
    process = start(tmp_path, killed, *FLAGS)
    folder = paths.locate(killed).artifacts
    while process.poll() is None and not list(folder.glob(f"*/{LAST}")):
        time.sleep(0.05)
    for _ in range(3):
        time.sleep(rng.random())
        if process.poll() is not None:
            break
        process.send_signal(signal.SIGKILL)
        process.wait()
        time.sleep(3)
        assert the_run(killed)["status"] == "lost"
        process = start(tmp_path, killed, "--resume", "latest")
        time.sleep(6)
    assert process.wait(timeout=600) == 0, printed(tmp_path, killed)
    run = the_run(killed)
    assert run["status"] == "finished"
    for name in (BEST, LAST):
        own, expected = weights(killed, run["run_id"], name), weights(whole, the_run(whole)["run_id"], name)
        assert all(np.array_equal(own[key], expected[key]) for key in expected)


def test_two_processes_train_the_same_model_together(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    db = tmp_path / "two.duckdb"
    common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    flags = [*FLAGS, "--processes", "2", "--epochs", "1", "--device", "cpu"]
    both = [start(tmp_path, db, *flags, RANK=str(rank), LOCAL_RANK=str(rank), **common) for rank in (0, 1)]
    codes = [process.wait(timeout=600) for process in both]
    outputs = [printed(tmp_path, db, rank=rank) for rank in (0, 1)]
    assert codes == [0, 0], outputs
    run = the_run(db)
    assert run["status"] == "finished"
    assert "dev accuracy" in outputs[0]
    assert "dev accuracy" not in outputs[1]


def test_a_launcher_with_another_number_of_processes_is_refused(tmp_path):
    db = tmp_path / "x.duckdb"
    assert start(tmp_path, db, *FLAGS, "--processes", "2").wait(timeout=120) == 2
    assert "--processes 2, but the launcher started 1" in printed(tmp_path, db)


LAUNCHERS = {
    "torchrun": ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port"],
    "accelerate": ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1",
                   "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port"],
}  # fmt: skip


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_two_gloo_processes_have_the_losses_of_one_with_the_same_batches(tmp_path, launcher):
    """Two processes with a batch each make the update of one that accumulates two batches."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    alone, together = tmp_path / "alone.duckdb", tmp_path / "together.duckdb"
    flags = [*FLAGS, "--epochs", "2", "--device", "cpu", "--precision", "fp32", "--dropout", "0"]
    one = start(tmp_path, alone, *flags, "--accumulation", "2")
    assert one.wait(timeout=600) == 0, printed(tmp_path, alone)
    command = [sys.executable, *LAUNCHERS[launcher], port, "-m", "jobs.clue", "--db", str(together), *flags]
    done = subprocess.run(
        [*command, "--processes", "2"], env=environment(tmp_path), capture_output=True, text=True, timeout=600,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    losses = [
        queries.curves([the_run(db)["run_id"]], ["train/loss"], db=db)["value"].to_numpy() for db in (alone, together)
    ]
    assert len(losses[0]) > 30
    np.testing.assert_allclose(losses[1], losses[0], rtol=0, atol=1e-5)
