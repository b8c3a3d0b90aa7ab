"""The same logging by us and by other trackers, each a script of its own in a fresh process.

Each tool is used the way it logs fastest, and its clock stops when all is on the disk in the form its own reader reads.
A tool that is not installed beside this project is looked for in the Python that CLUEBOARD_PEERS names, because some of
them want other versions of what the project uses:

CLUEBOARD_PEERS=~/peers/bin/python python -m jobs.benchmark --suite store
"""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PEERS = ("trackio", "mlflow", "tensorboard")
_START = """
import sys, time
sys.path.insert(0, sys.argv[1])
folder, runs, points = sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
rows = [{"train/loss": 1 / (step + 1)} for step in range(points)]
"""

_BULK = {
    "clueboard": """
from pathlib import Path
from store.subprocesses import without_pandas
without_pandas()
from store.ingest import ingest
from store.runs import start
db = Path(folder) / "bulk.duckdb"
began = time.perf_counter()
for number in range(runs):
    with start("benchmark", config={}, command="", config_hash="", db=db, follow=False) as run:
        run.log_many(rows)
ingest(db, force=True)
""",
    "trackio": """
import os
os.environ["TRACKIO_DIR"] = folder
from trackio.sqlite_storage import SQLiteStorage
began = time.perf_counter()
for number in range(runs):
    SQLiteStorage.bulk_log("bench", f"run-{number}", rows, steps=list(range(points)))
""",
    "mlflow": """
from mlflow import MlflowClient
from mlflow.entities import Metric
client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
experiment = client.create_experiment("bench")
began = time.perf_counter()
for number in range(runs):
    run = client.create_run(experiment).info.run_id
    for first in range(0, points, 1000):
        batch = enumerate(rows[first : first + 1000], start=first)
        client.log_batch(run, metrics=[Metric("train/loss", row["train/loss"], 0, step) for step, row in batch])
""",
    "tensorboard": """
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter
began = time.perf_counter()
for number in range(runs):
    writer = EventFileWriter(f"{folder}/run-{number}")
    for step, row in enumerate(rows):
        value = Summary.Value(tag="train/loss", simple_value=row["train/loss"])
        writer.add_event(Event(wall_time=time.time(), step=step, summary=Summary(value=[value])))
    writer.close()
""",
}

_CALLS = {  # one call a step, as a training loop does: `began` to the end of the last call
    "clueboard": """
from pathlib import Path
from store.runs import start
run = start("benchmark", config={}, command="", config_hash="", db=Path(folder) / "calls.duckdb")
began = time.perf_counter()
for step, row in enumerate(rows):
    run.log(row, step=step)
""",
    "trackio": """
import os
os.environ["TRACKIO_DIR"] = folder
import trackio
trackio.init(project="bench", name="run", embed=False)
began = time.perf_counter()
for step, row in enumerate(rows):
    trackio.log(row, step=step)
""",
    "mlflow": """
import mlflow
mlflow.set_tracking_uri(f"sqlite:///{folder}/calls.db")
mlflow.set_experiment("bench")
mlflow.start_run()
began = time.perf_counter()
for step, row in enumerate(rows):
    mlflow.log_metrics(row, step=step)
""",
    "tensorboard": _BULK["tensorboard"].replace("    writer.close()\n", ""),
}
_END = """
import os
sys.stdout.write(f"seconds {time.perf_counter() - began}\\n")
sys.stdout.flush()
"""


def installed() -> dict[str, str]:
    """Trackers there are, each with the Python that has it."""
    found = {name: sys.executable for name in PEERS if importlib.util.find_spec(name) is not None}
    if other := os.environ.get("CLUEBOARD_PEERS"):
        look = "import importlib.util, sys; print(*(n for n in sys.argv[1:] if importlib.util.find_spec(n)))"
        there = subprocess.run([other, "-c", look, *PEERS], capture_output=True, text=True, check=True).stdout.split()
        found = dict.fromkeys(there, other) | found
    return found


def bulk(folder: Path, *, runs: int, points: int) -> Iterator[tuple[str, float]]:
    """Points a second of each tool, ours first: `runs` runs of `points` points until all can be read."""
    for name, python in {"clueboard": sys.executable, **installed()}.items():
        fewer = runs if name in ("clueboard", "trackio") else max(1, runs // 10)
        yield name, fewer * points / _seconds(python, _BULK[name], folder / f"bulk-{name}", fewer, points)


def calls(folder: Path, *, points: int) -> Iterator[tuple[str, float]]:
    """Seconds of the processor that the training loop's own thread spends in one call of each tool.

    The least of three processes: whatever else the machine does only adds.
    """
    for name, python in {"clueboard": sys.executable, **installed()}.items():
        fewer = points if name != "mlflow" else max(1, points // 60)
        script = _CALLS[name].replace("perf_counter", "thread_time")
        folders = (folder / f"calls-{name}-{number}" for number in range(3))
        yield name, min(_seconds(python, script, where, 1, fewer, clock="thread_time") for where in folders) / fewer


def _seconds(python: str, script: str, folder: Path, *numbers: int, clock: str = "perf_counter") -> float:
    folder.mkdir()
    end = _END.replace("perf_counter", clock)
    command: list[Any] = [python, "-c", _START + script + end, ROOT, folder, *numbers]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    found = [line for line in done.stdout.splitlines() if line.startswith("seconds ")]
    if not found:
        raise RuntimeError(f"{folder.name} failed: {done.stderr[-2000:]}")
    return float(found[0].split()[1])
