"""Server time of every page on a large store: 10,000 runs, 10 million points, 50 runs x 50,000 predictions.

The pages are asked through the server's own interface for programs (`/_stcore/agent/interact`), so a time is what a
browser waits for: from the request until the script has finished. "first" is a page with cold caches after the store
has changed, "again" is the answer to a widget of the same page.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
METRICS = (
    "train/loss",
    "dev/loss",
    "dev/accuracy",
    "dev/macro_f1",
    "train/lr",
    "train/grad_norm",
    "time/step",
    "train/tokens",
)
SECONDS = 60
PAGES = (
    *("overview", "runs", "run", "leaderboard", "tasks", "compare", "examples", "explore", "sql", "can", "whitening"),
    *("initialization", "smoothing", "johnson_lindenstrauss", "dimension"),
)
BAR_S = 0.3


def suite(*, full: bool) -> Iterator[dict[str, Any]]:
    """Fill a store, start the server on it, and ask for every page.

    The store is made anew in a temporary folder, or kept at CLUEBOARD_BENCHMARK_DB and used again.

    Args:
        full: 10,000 runs and 10 M points instead of 500 runs and 100,000 points.
    """
    with tempfile.TemporaryDirectory() as folder:
        db = Path(os.environ.get("CLUEBOARD_BENCHMARK_DB") or Path(folder) / "large.duckdb")
        if not db.exists():
            large_store(db, n_runs=10_000 if full else 500, steps=125 if full else 25, predicted=50 if full else 3)
        with server(db) as (base, pid):
            yield from measure(base, pid)


def measure(base: str, pid: int) -> Iterator[dict[str, Any]]:
    """First and repeated answer of every page that the server has, with the processor time the server took.

    Args:
        base: address of the server.
        pid: its process.
    """
    start = ask(base, {})
    known = {page["url_path"] or "overview": page["url_path"] for page in start["pages"]}
    for name in (name for name in PAGES if name in known):
        first = _timed(base, pid, {"page": known[name]})
        session = {"session_id": first.answer["session_id"]}
        again = sorted((_timed(base, pid, session) for _ in range(5)), key=lambda item: item.wall_s)[2]
        size = len(json.dumps(first.answer["tree"])) / 1000
        for label, timed, bar in (("first", first, "< 1"), ("again", again, f"< {BAR_S}")):
            cost = f"{timed.cpu_s:.2f} s of processor, {size:.0f} kB described"
            yield {
                "name": f"{name}: {label}",
                "value": timed.wall_s,
                "unit": "s",
                "bar": bar,
                "peer": cost,
                "ratio": None,
            }


@dataclass(frozen=True, slots=True)
class Timed:
    """An answer and what it cost."""

    answer: dict[str, Any]
    wall_s: float
    cpu_s: float


def _timed(base: str, pid: int, request: dict[str, Any]) -> Timed:
    cpu, began = _cpu_seconds(pid), time.perf_counter()
    answer = ask(base, request)
    return Timed(answer, time.perf_counter() - began, _cpu_seconds(pid) - cpu)


def _cpu_seconds(pid: int) -> float:
    """Processor time of a process so far; nan where the system has no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def ask(base: str, request: dict[str, Any]) -> dict[str, Any]:
    """One request; raises RuntimeError where the page does not answer `ready`."""
    body = json.dumps(request).encode()
    call = urllib.request.Request(f"{base}/_stcore/agent/interact", body, {"content-type": "application/json"})
    with urllib.request.urlopen(call, timeout=SECONDS) as reply:
        answer: dict[str, Any] = json.load(reply)
    if answer["status"] != "ready":
        raise RuntimeError(f"{request} answered {answer['status']}: {answer.get('error')}")
    return answer


@contextmanager
def server(db: Path) -> Iterator[tuple[str, int]]:
    """A dashboard of its own on a free port of this machine; yields its address and its process id."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        str(ROOT / "dashboard" / "Home.py"),
        "--server.port",
        str(port),
    ]
    flags = ["--server.headless", "true", "--server.enableAgentApi", "true", "--server.fileWatcherType", "none"]
    environment = {**os.environ, "CLUEBOARD_DB": str(db)}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen([*command, *flags], cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            base = f"http://localhost:{port}"
            _wait(base, process)
            yield base, process.pid
        finally:
            process.terminate()
            process.wait(20)


def _wait(base: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            urllib.request.urlopen(f"{base}/_stcore/health", timeout=1).close()
        except urllib.error.URLError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("the dashboard's server did not start")


def large_store(db: Path, *, n_runs: int, steps: int, predicted: int) -> None:
    """Fill a store with `n_runs` x `steps` x 8 points and `predicted` runs of 50,000 predictions."""
    import numpy as np

    from store import queries

    rng = np.random.default_rng(0)
    for index in range(n_runs):
        _run(db, index, steps, rng, predictions=index >= n_runs - predicted)
    queries.refresh(db)


def _run(db: Path, index: int, steps: int, rng: Any, *, predictions: bool) -> None:
    from store import runs

    task = ("afqmc", "tnews", "iflytek", "csl", "ocnli")[index % 5]
    config = {
        "task": task,
        "learning_rate": 10.0 ** -(2 + index % 4),
        "epochs": 3,
        "batch_size": 32,
        "seed": index % 10,
    }
    run = runs.start(
        "clue",
        config=config,
        command=f"python -m jobs.clue --task {task}",
        config_hash=f"hash-{index // 10}",
        db=db,
        task=task,
        model=("tiny", "mini-zh", "ngram")[index // 5 % 3],
        recipe=("modern", "blog")[index // 15 % 2],
        dataset=task,
        data_source=("files", "sample")[index % 2],
        seed=index % 10,
        tags=(f"batch-{index // 1000}",),
        follow=False,
    )
    values = 0.5 + 0.1 * rng.standard_normal((steps, len(METRICS))).cumsum(axis=0) / steps
    with run:
        for step, row in enumerate(values.tolist()):
            run.log(dict(zip(METRICS, row, strict=True)), step=step, epoch=step / 50)
        run.summary({"dev/accuracy": 0.6 + 0.2 * float(rng.random()), "dev/macro_f1": 0.5 + 0.2 * float(rng.random())})
        if predictions:
            _predictions(run, task, rng)


def _predictions(run: Any, task: str, rng: Any, rows: int = 50_000) -> None:
    import polars as pl

    ids = pl.Series([str(i) for i in range(rows)])
    hashes = pl.Series([f"{i:016x}" for i in range(rows)])
    texts = pl.Series(
        [
            json.dumps({"sentence1": f"花呗怎么还款{i}", "sentence2": "借呗的利息是多少"}, ensure_ascii=False)
            for i in range(rows)
        ]
    )
    run.examples(task, "dev", pl.DataFrame({"example_id": ids, "hash": hashes, "text": texts}))
    labels, guesses = rng.integers(0, 15, rows), rng.integers(0, 15, rows)
    guesses[rng.random(rows) < 0.6] = 0
    frame = {
        "example_id": ids,
        "hash": hashes,
        "label": labels.astype(str),
        "prediction": guesses.astype(str),
        "confidence": rng.random(rows),
    }
    run.predictions("dev", pl.DataFrame(frame))
