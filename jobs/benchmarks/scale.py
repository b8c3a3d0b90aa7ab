"""What grows with jobs at once, with runs and with points: the figures that docs/SCALE.md extrapolates from.

Processor seconds of this process, so that a busy machine changes little.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from store import runs

Row = dict[str, Any]
JOBS, RUNS, POINTS = 100, 1_000, 1_000_000
FULL_JOBS, FULL_RUNS, FULL_POINTS = 400, 10_000, 10_000_000
STEPS = 10_000
"""of each run that carries points"""


def suite(*, full: bool) -> Iterator[Row]:
    """Rows in the order of the page."""
    with tempfile.TemporaryDirectory() as folder:
        yield from _jobs(Path(folder) / "jobs.duckdb", FULL_JOBS if full else JOBS)
        yield from _runs(Path(folder) / "runs.duckdb", FULL_RUNS if full else RUNS)
        yield from _points(Path(folder) / "points.duckdb", FULL_POINTS if full else POINTS)


def _row(name: str, value: float, unit: str) -> Row:
    return {"name": name, "value": value, "unit": unit, "bar": None, "peer": None, "ratio": None}


def _cost(function: Callable[[], Any]) -> float:
    began = time.process_time()
    function()
    return time.process_time() - began


def _start(db: Path) -> runs.Run:
    return runs.start("scale", config={"rate": 0.1}, command="", config_hash="", db=db, follow=False)


def _jobs(db: Path, number: int) -> Iterator[Row]:
    """Runs that are open at once, each with new lines at every look of the ingest."""
    from store.ingest import ingest

    opened = [_start(db) for _ in range(number)]
    ingest(db, force=True)
    for step in range(5):
        for run in opened:
            run.log({"train/loss": 0.5}, step=step)
    yield _row(f"{number:,} jobs at once: one ingest of a new line of each", _cost(lambda: ingest(db)), "s CPU")
    yield _row(f"{number:,} jobs at once: one ingest without anything new", _cost(lambda: ingest(db)), "s CPU")
    for run in opened:
        run.finish()


def _runs(db: Path, number: int) -> Iterator[Row]:
    """Runs of a few lines each."""
    from store import queries
    from store.ingest import ingest

    def fill() -> None:
        for _ in range(number):
            with _start(db) as run:
                run.summary({"dev/accuracy": 0.7, "dev/loss": 0.9})

    yield _row(f"{number:,} runs: writing one", _cost(fill) / number * 1e3, "ms CPU")
    yield _row(f"{number:,} runs: ingesting them", _cost(lambda: ingest(db, force=True)), "s CPU")
    yield _row(f"{number:,} runs: ingest without anything new", _cost(lambda: ingest(db)), "s CPU")
    yield _row(f"{number:,} runs: the list of all", _cost(lambda: queries.runs(db=db)), "s CPU")
    yield _row(f"{number:,} runs: the database", db.stat().st_size / number / 1e3, "kB a run")
    spools = sum(path.stat().st_size for path in (db.with_suffix("") / "spool").iterdir())
    yield _row(f"{number:,} runs: their spools", spools / number / 1e3, "kB a run")


def _points(db: Path, number: int) -> Iterator[Row]:
    """Points of runs of `STEPS` steps."""
    from store import queries
    from store.ingest import ingest

    for _ in range(number // STEPS):
        with _start(db) as run:
            run.log_many({"train/loss": 1 / (step + 1)} for step in range(STEPS))
    seconds = _cost(lambda: ingest(db, force=True))
    yield _row(f"{number:,} points: ingesting and publishing", number / seconds / 1e3, "k/s CPU")
    yield _row(f"{number:,} points: the database", db.stat().st_size / number, "B a point")
    with _start(db) as last:
        last.log({"train/loss": 1.0})
    publish = _cost(lambda: ingest(db, force=True))
    yield _row(f"{number:,} points: publishing one point more", publish / (db.stat().st_size / 1e9), "s CPU/GB")
    yield _row(f"{number:,} points: one curve", _cost(lambda: queries.curves(run.run_id, db=db)) * 1e3, "ms CPU")
