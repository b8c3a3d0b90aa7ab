"""What a store must carry: a million steps, a thousand metrics, predictions of many classes, a cheap publish."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from store import runs

Row = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]
RUNS, EXAMPLES, CLASSES = 50, 50_000, 119

_JOB = """
import resource, sys, time; sys.path.insert(0, sys.argv[1])
from pathlib import Path
from store import runs
began = time.monotonic()
with runs.start("benchmark", config={}, command="", config_hash="", db=Path(sys.argv[2])) as run:
    while time.monotonic() - began < float(sys.argv[3]):
        run.log({"train/loss": 0.5})
        time.sleep(0.01)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
sys.stdout.write(f"{(used.ru_utime + used.ru_stime) / (time.monotonic() - began)}\\n")
"""


def suite(folder: Path) -> Iterator[Row]:
    """Rows as the store's suite has them."""
    yield from _long_run(folder / "long.duckdb", steps=1_000_000)
    yield from _wide_run(folder / "wide.duckdb", names=1_000, steps=100)
    yield from _predictions(folder / "predictions.duckdb")
    yield from _follower(folder / "big100.duckdb")


def _row(name: str, value: float, unit: str, bar: float | None = None) -> Row:
    ratio = None if bar is None else value / bar
    holds = None if bar is None else value <= bar
    return {"name": name, "value": value, "unit": unit, "bar": bar, "peer": None, "ratio": ratio, "holds": holds}


def _timed(function: Any) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def _start(db: Path) -> Any:
    return runs.start("benchmark", config={}, command="", config_hash="", db=db, follow=False)


def _long_run(db: Path, *, steps: int) -> Iterator[Row]:
    from store import queries
    from store.ingest import ingest

    with _start(db) as run:
        run.log_many({"train/loss": 1 / (step + 1)} for step in range(steps))
    yield _row("one run of 1,000,000 steps, ingested", _timed(lambda: ingest(db, force=True)), "s")
    queries.curves(run.run_id, db=db)
    yield _row("its curve", _timed(lambda: queries.curves(run.run_id, db=db)) * 1000, "ms")
    zoomed = _timed(lambda: queries.curves(run.run_id, low=5e5, high=5.1e5, db=db))
    yield _row("a hundredth of it, zoomed", zoomed * 1000, "ms")


def _wide_run(db: Path, *, names: int, steps: int) -> Iterator[Row]:
    from store import queries
    from store.ingest import ingest

    with _start(db) as run:
        run.log_many({f"train/metric{name}": name / (step + 1) for name in range(names)} for step in range(steps))
    yield _row(f"1,000 metrics of {steps} steps in one run, ingested", _timed(lambda: ingest(db, force=True)), "s")
    yield _row("all its curves", _timed(lambda: queries.curves(run.run_id, db=db)) * 1000, "ms")


def _predictions(db: Path) -> Iterator[Row]:
    """Probabilities stay in their Parquet files, so that the database and its publish stay small."""
    import numpy as np
    import polars as pl

    from store import queries
    from store.ingest import ingest

    rng = np.random.default_rng(42)
    logits = rng.normal(size=(EXAMPLES, CLASSES)).astype(np.float32)
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    ids = [str(index) for index in range(EXAMPLES)]
    labels = [f"class {index}" for index in range(CLASSES)]
    frame = pl.DataFrame({"example_id": ids, "hash": [f"{index:016x}" for index in range(EXAMPLES)]})
    storing = ingesting = publishing = 0.0
    for number in range(RUNS):
        rolled = np.roll(probs, number, axis=1)
        chosen = rolled.argmax(axis=1)
        rows = frame.with_columns(
            pl.Series("label", [labels[index % CLASSES] for index in range(EXAMPLES)]),
            pl.Series("prediction", [labels[index] for index in chosen]),
            pl.Series("confidence", rolled.max(axis=1).astype(np.float64)),
        )
        with _start(db) as run:
            storing += _timed(lambda: run.predictions("dev", rows, probabilities=rolled, labels=labels))  # noqa: B023
        ingesting += _timed(lambda: ingest(db))
    publishing = _timed(lambda: ingest(db, force=True))
    files = sum(path.stat().st_size for path in db.with_suffix("").rglob("*.parquet"))
    yield _row(f"{RUNS} x {EXAMPLES:,} predictions of {CLASSES} classes: storing one run", storing / RUNS, "s")
    yield _row("ingesting and publishing one of them", ingesting / RUNS, "s")
    yield _row("the last ingest and publish", publishing, "s")
    yield _row("their database", db.stat().st_size / 1e6, "MB")
    yield _row("their Parquet files", files / 1e6, "MB")
    yield _row("predictions of one run read", _timed(lambda: queries.predictions(run.run_id, db=db)) * 1000, "ms")
    yield _row("probabilities of one run read", _timed(lambda: queries.probabilities(run.run_id, db=db)) * 1000, "ms")


def _follower(db: Path) -> Iterator[Row]:
    """CPU of the process that ingests and publishes beside a job logging 100 points a second into a large store."""
    command = [sys.executable, "-c", _JOB, str(ROOT), str(db), "60"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    share = float(done.stdout.split()[-1])
    yield _row("share of a core beside a job in the store of 10 M points", share, "of 1", bar=0.05)
