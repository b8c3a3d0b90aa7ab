"""How fast the store writes, shows, lists and publishes, beside other trackers on the same work in the same minute.

python -m jobs.benchmark --suite store            # about a minute
python -m jobs.benchmark --suite store --full     # 1 M points against the peers, 10 M points in one store
"""

import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Row = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]

_WRITER = """
import sys, time; sys.path.insert(0, sys.argv[1])
from pathlib import Path
from store import runs
pause = float(sys.argv[4])
run = runs.start("benchmark", config={}, command="", config_hash="", db=Path(sys.argv[2]), follow=False)
sys.stdout.write("ready\\n"); sys.stdout.flush(); sys.stdin.readline()
for step in range(int(sys.argv[3])):
    run.log({"train/loss": 1 / (step + 1)}, step=step)
    if pause and step % 500 == 499:
        time.sleep(pause)
run.finish()
"""

_PEERS = {
    "trackio": """
import os, sys, time
os.environ["TRACKIO_DIR"] = sys.argv[1]
import trackio
runs, points = int(sys.argv[2]), int(sys.argv[3])
began = time.perf_counter()
for number in range(runs):
    run = trackio.init(project="bench", name=f"run-{number}", embed=False)
    for step in range(points):
        trackio.log({"train/loss": 1 / (step + 1)}, step=step)
    trackio.finish()
seconds = time.perf_counter() - began
""",
    "mlflow": """
import sys, time
from mlflow import MlflowClient
from mlflow.entities import Metric
client = MlflowClient(f"sqlite:///{sys.argv[1]}/mlflow.db")
runs, points = int(sys.argv[2]), int(sys.argv[3])
experiment = client.create_experiment("bench")
began = time.perf_counter()
for number in range(runs):
    run = client.create_run(experiment).info.run_id
    for first in range(0, points, 1000):
        steps = range(first, min(first + 1000, points))
        client.log_batch(run, metrics=[Metric("train/loss", 1 / (step + 1), 0, step) for step in steps])
seconds = time.perf_counter() - began
""",
    "tensorboard": """
import sys, time
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter
runs, points = int(sys.argv[2]), int(sys.argv[3])
began = time.perf_counter()
for number in range(runs):
    writer = EventFileWriter(f"{sys.argv[1]}/run-{number}")
    for step in range(points):
        value = Summary.Value(tag="train/loss", simple_value=1 / (step + 1))
        writer.add_event(Event(wall_time=time.time(), step=step, summary=Summary(value=[value])))
    writer.close()
seconds = time.perf_counter() - began
""",
}


def suite(*, full: bool) -> Iterator[Row]:
    """Rows: name, value, unit, bar, peer (its name and value) and ratio (ours over the peer's, or over the bar)."""
    folder = Path(tempfile.mkdtemp(prefix="clueboard-store-"))
    try:
        yield from _logging(folder, full=full)
        yield from _visible(folder)
        yield from _readers(folder, seconds=10.0 if full else 4.0)
        yield from _peers(folder, runs=100 if full else 10, points=10_000)
        yield from _reading(folder, points=10_000_000 if full else 1_000_000)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _row(
    name: str,
    value: float,
    unit: str,
    *,
    bar: float | None = None,
    peer: float | None = None,
    ratio: float | None = None,
) -> Row:
    return {"name": name, "value": value, "unit": unit, "bar": bar, "peer": peer, "ratio": ratio}


def _writers(db: Path, count: int, points: int, *, pause: float = 0.0) -> list["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", _WRITER, str(ROOT), str(db), str(points), str(pause)]
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
        )


def _visible(folder: Path) -> Iterator[Row]:
    from store import queries, runs

    db = folder / "visible.duckdb"
    waits, published = [], []
    with runs.start("benchmark", config={}, command="", config_hash="", db=db) as run:
        run.log({"train/loss": 1.0}, step=0)
        while queries.version(db) == "none":
            time.sleep(0.01)
        for step in range(1, 6):
            before, began = queries.version(db), time.perf_counter()
            run.log({"train/loss": 1.0}, step=step)
            while queries.curves(run.run_id, db=db)["x"].max() != step:
                time.sleep(0.01)
            waits.append(time.perf_counter() - began)
            while queries.version(db) == before:
                time.sleep(0.01)
            published.append(time.perf_counter() - began)
    yield _row("a logged point is in the curves", max(waits), "s", bar=2.0, ratio=max(waits) / 2.0)
    yield _row("a logged point is in the published database", max(published), "s", bar=2.0, ratio=max(published) / 2.0)


def _readers(folder: Path, *, seconds: float) -> Iterator[Row]:
    from store import queries

    db = folder / "readers.duckdb"
    writers = _writers(db, 4, 10_000_000, pause=0.05)  # up to 10,000 points/s each
    ingesting = [sys.executable, "-c", _INGEST, str(ROOT), str(db), str(seconds + 60.0)]
    ingester = subprocess.Popen(ingesting, text=True)
    _go(writers)
    times, errors = [], 0
    while queries.version(db) == "none" and ingester.poll() is None:
        time.sleep(0.05)
    end = time.perf_counter() + seconds
    try:
        while time.perf_counter() < end:
            began = time.perf_counter()
            try:
                queries.curves(queries.runs(db=db)["run_id"].to_list(), db=db)
            except Exception:
                errors += 1
            times.append(time.perf_counter() - began)
            time.sleep(0.02)
    finally:
        for process in (*writers, ingester):
            process.kill()
            process.wait()
    ordered = sorted(times)
    p99 = ordered[int(len(ordered) * 0.99)] * 1000
    yield _row("reading at 4 writers, p50", statistics.median(ordered) * 1000, "ms")
    yield _row("reading at 4 writers, p99", p99, "ms", bar=250, ratio=p99 / 250)
    yield _row("reader errors", errors, "of " + str(len(times)), bar=0)


_INGEST = """
import sys, time; sys.path.insert(0, sys.argv[1])
from pathlib import Path
from store.ingest import ingest
until = time.monotonic() + float(sys.argv[3])
while time.monotonic() < until:
    ingest(Path(sys.argv[2]), wait=1.0)
    time.sleep(1.0)
"""


def _peers(folder: Path, *, runs: int, points: int) -> Iterator[Row]:
    ours = _ours(folder / "bulk.duckdb", runs, points)
    yield _row(f"{runs} runs of {points} points, logged, ingested and published", runs * points / ours, "points/s")
    for name, script in _PEERS.items():
        if importlib.util.find_spec(name) is None:
            continue
        where = folder / name
        where.mkdir()
        command = [sys.executable, "-c", script + "\nprint(seconds)", str(where), str(runs), str(points)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            continue
        theirs = runs * points / float(done.stdout.split()[-1])
        bar = 2.5 if name == "trackio" else None
        yield _row(
            f"the same against {name}",
            runs * points / ours,
            "points/s",
            bar=bar,
            peer=theirs,
            ratio=runs * points / ours / theirs,
        )


def _ours(db: Path, count: int, points: int) -> float:
    from store import runs
    from store.ingest import ingest

    began = time.perf_counter()
    for _ in range(count):
        with runs.start("benchmark", config={}, command="", config_hash="", db=db, follow=False) as run:
            for step in range(points):
                run.log({"train/loss": 1 / (step + 1)}, step=step)
    ingest(db, force=True)
    return time.perf_counter() - began


def make_store(db: Path, *, runs: int, names: int, long_runs: int, points: int) -> None:
    """A store of many short runs with `names` metrics each and some long ones, made through its spools."""
    from store.ingest import ingest
    from store.lines import encode
    from store.paths import locate

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


def _reading(folder: Path, *, points: int) -> Iterator[Row]:
    from store import publish, queries
    from store.paths import locate

    db = folder / "big.duckdb"
    long_points = max(100_000, (points - 80_000) // 10)
    began = time.perf_counter()
    make_store(db, runs=10_000, names=8, long_runs=10, points=long_points)
    total = 80_000 + 10 * long_points
    seconds = time.perf_counter() - began
    yield _row(f"{total} points in 10,010 runs, made and ingested", total / seconds, "points/s")
    size = db.stat().st_size
    yield _row("bytes a point", size / total, "bytes")
    listing = _best(lambda: queries.runs(with_summary=[f"dev/metric{name}" for name in range(8)], db=db)) * 1000
    yield _row("10,000 runs with 8 values into polars", listing, "ms", bar=60, ratio=listing / 60)
    ids = queries.runs(db=db, with_summary=False)["run_id"].head(10).to_list()
    curves = _best(lambda: queries.curves(ids, "train/loss", db=db)) * 1000
    yield _row(
        f"ten curves of {long_points} points in 1,000 buckets",
        curves,
        "ms",
        bar=100 * long_points / 100_000,
        ratio=curves / 100,
    )
    layout = locate(db)
    once = _best(lambda: publish.publish(layout, 1))
    scaled = once * 100e6 / size
    yield _row(f"publish of 100 MB (from {size / 1e6:.0f} MB)", scaled, "s", bar=0.5, ratio=scaled / 0.5)


def _best(function: Any, repeats: int = 7) -> float:
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
