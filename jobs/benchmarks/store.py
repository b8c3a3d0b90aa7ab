"""How fast the store writes, shows, lists and publishes, beside other trackers on the same work in the same minute.

python -m jobs.benchmark --suite store            # about a minute
python -m jobs.benchmark --suite store --full     # 1 M points against the peers, 10 M in one store, 100,000 runs
"""

import json
import os
import select
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jobs.benchmarks import store_bars, store_load, store_peers
from store import queries, runs
from store.database.publish import publish
from store.ingest import ingest
from store.paths import locate
from store.spool.lines import encode

Row = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]

_WRITER = """
import sys; sys.path.insert(0, sys.argv[1])
from pathlib import Path
from store import runs
db, follow = Path(sys.argv[2]), sys.argv[4] == "True"
run = runs.start("benchmark", config={}, command="", config_hash="", db=db, follow=follow)
sys.stdout.write("ready\\n"); sys.stdout.flush(); sys.stdin.readline()
for step in range(int(sys.argv[3])):
    run.log({"train/loss": 1 / (step + 1)}, step=step)
sys.stdout.write("logged\\n"); sys.stdout.flush()
run.finish()
"""


def suite(*, full: bool) -> Iterator[Row]:
    """Rows: name, value, unit, bar, peer, ratio (ours over the peer's, or over the bar), whether the bar holds."""
    folder = Path(tempfile.mkdtemp(prefix="clueboard-store-"))
    try:
        yield from _logging(folder, full=full)
        yield from _visible(folder)
        yield from _readers(folder, writers=4, seconds=120.0 if full else 30.0)
        yield from _peers(folder, runs=100 if full else 10, points=10_000)
        yield from _reading(folder, names=8, points=100_000)
        if full:
            yield from _readers(folder, writers=16, seconds=60.0)
            yield from _reading(folder, names=100, points=900_000)
            yield from store_load.suite(folder)
            yield from store_bars.suite(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _row(
    name: str,
    value: float,
    unit: str,
    *,
    bar: float | None = None,
    peer: str | None = None,
    ratio: float | None = None,
    at_least: bool = False,
) -> Row:
    judged = ratio if peer and bar else value
    holds = None if bar is None or judged is None else judged >= bar if at_least else judged <= bar
    return {"name": name, "value": value, "unit": unit, "bar": bar, "peer": peer, "ratio": ratio, "holds": holds}


def _writers(db: Path, count: int, points: int, *, follow: bool = False) -> list["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", _WRITER, str(ROOT), str(db), str(points), str(follow)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    writers = [subprocess.Popen(command, text=True, **pipes) for _ in range(count)]  # type: ignore[call-overload]
    for writer in writers:
        writer.stdout.readline()
    return writers


def _go(writers: list["subprocess.Popen[str]"]) -> None:
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.close()


def _logging(folder: Path, *, full: bool) -> Iterator[Row]:
    points = 20_000
    for count in (1, 4, 16) if full else (1, 16):
        writers = _writers(folder / f"log{count}.duckdb", count, points * (5 if count == 1 else 1))
        began = time.perf_counter()
        _go(writers)
        for writer in writers:
            writer.wait()
        seconds = time.perf_counter() - began
        rate = count * points * (5 if count == 1 else 1) / seconds
        yield _row(
            f"logged by {count} writer{'s' if count > 1 else ''} at once",
            rate,
            "points/s",
            bar=60_000,
            ratio=rate / 60_000,
            at_least=True,
        )


def _visible(folder: Path) -> Iterator[Row]:
    db = folder / "visible.duckdb"
    waits, published = [], []
    began = time.perf_counter()
    with runs.start("benchmark", config={}, command="", config_hash="", db=db) as run:
        run.log({"train/loss": 1.0}, step=0)
        while queries.curves(run.run_id, db=db, live=False).is_empty():
            time.sleep(0.01)
        first = time.perf_counter() - began
        for step in range(1, 6):
            before, began = queries.version(db), time.perf_counter()
            run.log({"train/loss": 1.0}, step=step)
            while queries.curves(run.run_id, db=db)["x"].max() != step:
                time.sleep(0.01)
            waits.append(time.perf_counter() - began)
            while queries.version(db) == before:
                time.sleep(0.01)
            published.append(time.perf_counter() - began)
    yield _row("a new store's first point is in the published database", first, "s", bar=3.0, ratio=first / 3.0)
    yield _row("a logged point is in the curves", max(waits), "s", bar=2.0, ratio=max(waits) / 2.0)
    yield _row("a logged point is in the published database", max(published), "s", bar=2.0, ratio=max(published) / 2.0)


def _readers(folder: Path, *, writers: int, seconds: float) -> Iterator[Row]:
    """Run list and all curves read in a loop, while rounds of jobs log at full speed and their follower ingests."""
    times: list[float] = []
    errors = rounds = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        rounds += 1
        db = folder / f"readers{writers}-{rounds}.duckdb"
        make_store(db, runs=10, names=1, long_runs=0, points=0)
        busy = _writers(db, writers, 320_000 // writers, follow=True)
        queries.curves(queries.runs(db=db)["run_id"].to_list(), db=db)  # the page is open before the jobs start
        _go(busy)
        while not all(_said(writer) for writer in busy):
            began = time.perf_counter()
            try:
                queries.curves(queries.runs(db=db)["run_id"].to_list(), db=db)
            except Exception:
                errors += 1
            times.append(time.perf_counter() - began)
            time.sleep(0.02)
        for writer in busy:
            writer.wait()
    ordered = sorted(times)
    p99 = ordered[int(len(ordered) * 0.99)] * 1000
    who = f"reading at {writers} writers"
    yield _row(f"{who}, p50", statistics.median(ordered) * 1000, "ms")
    yield _row(f"{who}, p99 of {len(times)}", p99, "ms", bar=250 if writers == 4 else None, ratio=p99 / 250)
    yield _row(f"{who}, errors", errors, "errors", bar=0)


def _said(writer: "subprocess.Popen[str]") -> bool:
    """Whether a line of a writer waits to be read: that all is logged, or nothing because it died."""
    assert writer.stdout is not None
    return bool(select.select([writer.stdout], [], [], 0)[0])


def _peers(folder: Path, *, runs: int, points: int) -> Iterator[Row]:
    ours = 0.0
    for name, rate in store_peers.bulk(folder, runs=runs, points=points):
        if name == "clueboard":
            ours = rate
            yield _row(f"{runs} runs of {points} points, logged in bulk until published", rate, "points/s")
        else:
            bar = 2.5 if name == "trackio" else None
            yield _row(f"the same in {name}", rate, "points/s", bar=bar, peer=name, ratio=ours / rate, at_least=True)
    for name, seconds in store_peers.calls(folder, points=points):
        if name == "clueboard":
            ours = seconds
            yield _row(
                "a call of log in the training loop: processor", seconds * 1e6, "us", bar=6.0, ratio=seconds * 1e6 / 6.0
            )
        else:
            yield _row(f"the same in {name}", seconds * 1e6, "us", peer=name, ratio=seconds / ours)


def make_store(db: Path, *, runs: int, names: int, long_runs: int, points: int) -> None:
    """A store of many short runs with `names` metrics each and some long ones, made through its spools."""
    layout = locate(db)
    layout.create()
    for number in range(runs + long_runs):
        at = 1_700_000_000.0 + number
        about = {
            "experiment": "benchmark",
            "task": f"task{number % 11}",
            "config_hash": f"hash{number // 3}",
            "seed": number % 3,
        }
        lines = [encode({"run": about, "config": {"lr": 0.1, "epochs": 3}, "at": at})]
        if number < runs:
            values = {f"dev/metric{name}": (number * 31 + name) % 997 / 997 for name in range(names)}
            lines.append(encode({"log": values, "step": 1, "epoch": 1.0, "at": at + 1}))
        else:
            lines += [
                encode(
                    {"log": {"train/loss": 1 / (1 + step)}, "step": step, "epoch": step / 1000, "at": at + step / 100}
                )
                for step in range(points)
            ]
        lines.append(encode({"end": {"status": "finished", "error": None, "elapsed": 2.0}, "at": at + 2}))
        layout.spool_file(f"20231114-{number:06d}-{number % 65536:04x}").write_bytes(b"".join(lines))
    ingest(db, force=True)


def _reading(folder: Path, *, names: int, points: int) -> Iterator[Row]:
    """A store of 10,000 runs with some last values, and ten runs of many points."""
    db = folder / f"big{names}.duckdb"
    total = 10_000 * names + 10 * points
    began = time.perf_counter()
    make_store(db, runs=10_000, names=names, long_runs=10, points=points)
    seconds, size = time.perf_counter() - began, db.stat().st_size
    yield _row(f"{total:,} points in 10,010 runs, made and ingested", total / seconds, "points/s")
    yield _row("bytes a point", size / total, "bytes")
    values = [f"dev/metric{name}" for name in range(8)]
    seconds = median_seconds(lambda: queries.runs(with_summary=values, db=db))
    yield _row("10,000 runs with 8 last values into polars", seconds * 1000, "ms", bar=60, ratio=seconds / 0.06)
    if names > 8:
        seconds = median_seconds(lambda: queries.runs(with_summary=queries.summary_names(db=db), db=db))
        yield _row(f"10,000 runs with all {names} last values", seconds * 1000, "ms")
    ids = queries.runs(db=db)["run_id"].head(10).to_list()
    publish(locate(db), 1)
    began = time.perf_counter()
    queries.curves(ids, "train/loss", db=db)
    first = time.perf_counter() - began
    seconds = median_seconds(lambda: queries.curves(ids, "train/loss", db=db))
    bar = 100 if points == 100_000 else None
    yield _row(f"ten curves of {points:,} points in 1,000 buckets", seconds * 1000, "ms", bar=bar, ratio=seconds / 0.1)
    yield _row("the first of them from a new version", first * 1000, "ms")
    once = median_seconds(lambda: publish(locate(db), 1))
    scaled = once * 100e6 / size
    yield _row(f"publish of 100 MB (from {size / 1e6:.0f} MB)", scaled, "s", bar=0.5, ratio=scaled / 0.5)


def median_seconds(function: Any, repeats: int = 7) -> float:
    """Median of the seconds a call takes."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        function()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def main() -> None:
    """Print the rows as JSON lines; `python -m jobs.benchmark --suite store` makes a table of them."""
    for row in suite(full="--full" in sys.argv):
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    main()
