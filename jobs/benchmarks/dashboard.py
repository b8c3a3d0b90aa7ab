"""Server time of every page on a large store: 10,000 runs, 10 million points, 50 runs x 50,000 predictions.

The pages are asked through the server's own interface for programs (`/_stcore/agent/interact`), so a time is what a
browser waits for: from the request until the script has finished. "first" is a page with cold caches after the store
has changed, "again" is the answer to a widget of the same page.
"""

from __future__ import annotations

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
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
PAGES = ("overview", "runs", "run", "leaderboard", "tasks", "compare", "examples", "sql", "can", "whitening")
PAGES += ("initialization", "smoothing", "johnson_lindenstrauss", "dimension")
BAR_S = 0.3


def suite(*, full: bool) -> Iterator[dict[str, Any]]:
    """Fill a store, start the server on it, and ask for every page.

    Args:
        full: 10,000 runs and 10 M points instead of 500 runs and 100,000 points.
    """
    with tempfile.TemporaryDirectory() as folder:
        db = Path(os.environ.get("CLUEBOARD_BENCHMARK_DB") or Path(folder) / "large.duckdb")
        if not db.exists():
            large_store(db, n_runs=10_000 if full else 500, steps=125 if full else 25, predicted=50 if full else 3)
        with server(db) as base:
            yield from measure(base)


def measure(base: str) -> Iterator[dict[str, Any]]:
    """First and repeated answer of every page that the server has."""
    start = ask(base, {})
    known = {page["url_path"] or "overview": page["url_path"] for page in start["pages"]}
    for name in PAGES:
        if name not in known:
            continue
        began = time.perf_counter()
        answer = ask(base, {"page": known[name]})
        first = time.perf_counter() - began
        again = []
        for _ in range(5):
            began = time.perf_counter()
            ask(base, {"session_id": answer["session_id"]})
            again.append(time.perf_counter() - began)
        size = len(json.dumps(answer["tree"])) / 1000
        yield {"name": f"{name}: first", "value": first, "unit": "s", "bar": "< 1", "peer": "", "ratio": None}
        yield {
            "name": f"{name}: again",
            "value": statistics.median(again),
            "unit": "s",
            "bar": f"< {BAR_S}",
            "peer": f"{size:.0f} kB described",
            "ratio": None,
        }


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
def server(db: Path) -> Iterator[str]:
    """A dashboard of its own on a free port of this machine; yields its address."""
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
            yield base
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
