"""What people bring: a log call of `store.init`, importing the store, a large CSV task, a large MLflow store."""

from __future__ import annotations

import csv
import random
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Row = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]
WORDS = (
    "快递",
    "屏幕",
    "退款",
    "客服",
    "物流",
    "质量",
    "价格",
    "发票",
    "包装",
    "颜色",
    "尺寸",
    "电池",
    "软件",
    "更新",
    "故障",
)

_LOGGING = """
import sys, time
from pathlib import Path
import store
from store import runs
calls, db = int(sys.argv[2]), Path(sys.argv[1])
plain = runs.start("benchmark", config={}, command="", config_hash="", db=db, follow=False)
init = store.init(project="benchmark", db=db, system_metrics=0, console=False)
spent = {plain: [], init: []}
for _ in range(9):
    for run, times in spent.items():
        began = time.process_time()
        for step in range(calls):
            run.log({"train/loss": 0.5, "dev/accuracy": 0.7}, step=step)
        times.append((time.process_time() - began) / calls)
print(*(min(times) * 1e6 for times in spent.values()))
"""
_IMPORT = "import time; began = time.process_time(); import store; print((time.process_time() - began) * 1e3)"
_FIRST_UPDATE = """
import os, sys, time
from pathlib import Path
from jobs.clue import start
from jobs.clue.config import Config
from jobs.clue.session import Session

def stop(self, step):
    print(time.process_time(), flush=True)
    os._exit(0)

Session.on_step = stop
start.run(Config(task=(sys.argv[1],), db=Path(sys.argv[2])))
"""
_MLFLOW = """
import sys, time
from pathlib import Path
from store.importers.into_spools import import_from
began = time.process_time()
done = import_from(Path(sys.argv[1]), db=Path(sys.argv[2]))
print(time.process_time() - began, len(done.new))
"""


def suite(*, full: bool) -> Iterator[Row]:
    """Rows of processor time with their bars; `full` takes the sizes that the bars are for."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plain, init = _child(_LOGGING, folder / "log.duckdb", 5000)
        yield {"name": "a log call, through store.init", "value": init, "unit": "us CPU", "ratio": init / plain,
               "bar": "<= 1.05", "peer": "runs.start"}  # fmt: skip
        imported = min(_child(_IMPORT)[0] for _ in range(3))
        yield {"name": "import store", "value": imported, "unit": "ms CPU", "bar": "< 60"}
        rows = 100_000 if full else 10_000
        seconds = _child(_FIRST_UPDATE, csv_task(folder, rows), folder / "task.duckdb")[0]
        yield {"name": f"a CSV of {rows:,} rows read, encoded, first update", "value": seconds, "unit": "s CPU",
               "bar": "< 10"}  # fmt: skip
        runs, points = (1000, 1000) if full else (100, 100)
        seconds, count = _child(_MLFLOW, mlflow_store(folder / "mlflow.db", runs, points), folder / "mlflow.duckdb")
        assert count == runs
        yield {"name": f"MLflow, {runs:,} runs x {points:,} points imported", "value": seconds, "unit": "s CPU",
               "bar": "< 30"}  # fmt: skip


def _child(code: str, *arguments: object) -> list[float]:
    """The numbers in the last line that a process of its own prints."""
    words = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    return [float(word) for word in done.stdout.split("\n")[-2].split()]


def csv_task(folder: Path, rows: int) -> Path:
    """A task file with a CSV of short complaints in fifteen classes."""
    rng = random.Random(0)
    with (folder / "complaints.csv").open("w", encoding="gb18030", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["投诉", "类别"])
        for number in range(rows):
            label = rng.choice(WORDS)
            writer.writerow([f"{label}，{''.join(rng.sample(WORDS, 6))}，订单{number}号", label])
    path = folder / "complaints.toml"
    head = 'name = "complaints"\nkind = "classification"\nfields = ["投诉"]\nlabel = "类别"\n'
    path.write_text(f'{head}train = "complaints.csv"\n', encoding="utf-8")
    return path


def mlflow_store(path: Path, runs: int, points: int) -> Path:
    """An sqlite store with the tables of MLflow that hold runs, filled in a second."""
    con = sqlite3.connect(path)
    con.executescript(
        """
        CREATE TABLE experiments (experiment_id INTEGER PRIMARY KEY, name TEXT);
        CREATE TABLE runs (run_uuid TEXT PRIMARY KEY, name TEXT, experiment_id INTEGER, status TEXT, start_time BIGINT,
            end_time BIGINT, lifecycle_stage TEXT, artifact_uri TEXT);
        CREATE TABLE metrics (key TEXT, value DOUBLE, timestamp BIGINT, run_uuid TEXT, step BIGINT, is_nan BOOLEAN);
        CREATE TABLE latest_metrics (key TEXT);
        CREATE TABLE params (key TEXT, value TEXT, run_uuid TEXT);
        CREATE TABLE tags (key TEXT, value TEXT, run_uuid TEXT);
        INSERT INTO experiments VALUES (1, 'intent');
        """
    )
    start = 1_700_000_000_000
    ids = [f"{number:032x}" for number in range(runs)]
    con.executemany(
        "INSERT INTO runs VALUES (?, ?, 1, 'FINISHED', ?, ?, 'active', NULL)",
        ((run, f"run {n}", start + n * 1000, start + n * 1000 + points) for n, run in enumerate(ids)),
    )
    con.executemany("INSERT INTO params VALUES ('lr', ?, ?)", ((str(n / 1e5), run) for n, run in enumerate(ids)))
    con.executemany(
        "INSERT INTO metrics VALUES ('train_loss', ?, ?, ?, ?, 0)",
        ((1 / (step + 1), start + n * 1000 + step, run, step) for n, run in enumerate(ids) for step in range(points)),
    )
    con.commit()
    con.close()
    return path
