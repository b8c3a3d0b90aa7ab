"""What the tests of the store share: a fresh store, and a process that forks others to be killed."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from store import checking, runs
from store.database.connections import reader
from store.ingest import ingest
from store.paths import locate

HERE = Path(__file__).resolve().parent


@pytest.fixture(autouse=True)
def _no_heartbeat(monkeypatch):
    """A run that is open while a test looks at all rows says nothing of its own accord, however long that takes."""
    monkeypatch.setattr("store.spool.heartbeat.EVERY", 600.0)


@pytest.fixture
def db(tmp_path):
    """Path of a store that does not exist yet; in memory where the system has such a folder."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path / "results.duckdb"
        return
    folder = Path(tempfile.mkdtemp(dir=memory))
    yield folder / "results.duckdb"
    shutil.rmtree(folder)


@pytest.fixture
def start(db):
    """Start a run that is ingested only when the test says so."""

    def begin(experiment="clue", **fields):
        known = {
            "config": {"epochs": 3},
            "command": "python -m jobs.clue",
            "config_hash": "abc",
            "db": db,
            "follow": False,
        }
        return runs.start(experiment, **{**known, **fields})

    return begin


class Zygote:
    """The test's side of zygote.py."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "zygote.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def fork(self, do: str, **order: object) -> int:
        """Start a child; returns its pid."""
        return self._ask({"do": do, **order})

    def reap(self, pid: int) -> int:
        """Wait for a child; returns its exit code (-9 when it was killed)."""
        return self._ask({"do": "reap", "pid": pid})

    def run(self, do: str, **order: object) -> int:
        """Start a child and wait for it."""
        return self.reap(self.fork(do, **order))

    def kill(self, pid: int) -> int:
        """Kill -9."""
        os.kill(pid, signal.SIGKILL)  # not reaped yet, so the pid cannot be somebody else's
        return self.reap(pid)

    def close(self) -> None:
        """End the process."""
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def _ask(self, order: dict[str, object]) -> int:
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@pytest.fixture(scope="session")
def zygote():
    """One forking process for all tests."""
    process = Zygote()
    yield process
    process.close()


@pytest.fixture(params=[3, pytest.param(100, marks=pytest.mark.slow)])
def trials(request):
    """How often a fault is injected."""
    return request.param


class Acks:
    """What writers were told is stored: a file with the run's id and then the step of each acknowledged point."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.paths: list[Path] = []

    def new(self) -> str:
        """Path for one more writer."""
        self.paths.append(self._folder / f"acks-{len(self.paths)}")
        return str(self.paths[-1])

    def read(self, path: Path) -> tuple[str, list[int]]:
        """Run id and acknowledged steps of one writer."""
        lines = path.read_text().splitlines() if path.exists() else []
        return (lines[0] if lines else ""), [int(line) for line in lines[1:] if line.isdigit()]


@pytest.fixture
def acks(tmp_path):
    """Acknowledgements of the writers of a test."""
    return Acks(tmp_path)


@pytest.fixture
def assert_whole(db, acks):
    """Every acknowledged point is there once, nothing else is, and the check is clean."""

    def look(*, deep=True):
        ingest(db, wait=10.0, force=True)
        stored = reader(locate(db)).sql("SELECT run_id, step, value FROM metrics").pl()
        for path in acks.paths:
            run_id, steps = acks.read(path)
            if not run_id:
                continue
            mine = stored.filter(stored["run_id"] == run_id)
            counts = Counter(mine["step"].to_list())
            assert not [step for step in steps if counts[step] != 1]
            assert set(counts) - set(steps) <= {max(steps, default=-1) + 1}  # a point in flight when its writer died
            assert all(value == step / 7 for step, value in zip(mine["step"], mine["value"], strict=True))
        report = checking.check(db, deep=deep)
        assert report.problems == []
        return report

    return look


@pytest.fixture
def layout(db):
    """Files of the store."""
    return locate(db)


@pytest.fixture
def filled(db, zygote, acks):
    """A store with one finished run of 200 points, published."""
    assert zygote.run("write", db=str(db), acks=acks.new(), points=200, end=True) == 0
    ingest(db, force=True)
    return db


@pytest.fixture(scope="session")
def fill():
    """Write one finished run with a checkpoint, an example and a prediction; answers with its id."""

    def write(db, values=(0.5, 0.25), **fields):
        with runs.start("clue", config={}, command="", config_hash="h", db=db, follow=False, **fields) as run:
            for step, value in enumerate(values):
                run.log({"train/loss": value}, step=step)
            path = run.folder / "model.safetensors"
            path.write_bytes(b"weights")
            run.artifact("model.safetensors", "checkpoint", path)
            rows = {"example_id": ["1"], "hash": ["aa"], "label": ["1"], "prediction": ["0"], "confidence": [0.75]}
            frame = pl.DataFrame({**rows, "text": ["{}"]})
            run.examples("tnews", "dev", frame)
            run.predictions("dev", frame, probabilities=np.array([[0.25, 0.75]]), labels=["no", "yes"])
        return run.run_id

    return write


@pytest.fixture(scope="session")
def everything():
    """All rows of the public tables, in an order of their own."""

    def read(db):
        tables = ("runs", "params", "metrics", "summary", "predictions", "examples", "artifacts", "marks")
        con = reader(locate(db))
        return {table: sorted(map(repr, con.execute(f"FROM {table}").fetchall())) for table in tables}

    return read
