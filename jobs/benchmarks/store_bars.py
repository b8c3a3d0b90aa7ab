"""What a store of a hundred thousand runs may cost, in seconds of the processor and in memory, each beside its bar.

Every figure is taken in a process of its own: the processor's time of all its threads, and the most memory that it
held. The spools are written with the lines that `run.log` and `run.log_many` write.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from store import runs
from store.ingest import ingest
from store.paths import locate
from store.spool.lines import encode, seal

Row = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]
NAMES = 10_000  # metric names of one run
MEMORY = 1 << 20

_CHILD = """
import json, resource, sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from store.subprocesses import without_pandas
without_pandas()
from store import queries
from store.ingest import ingest
db = Path(sys.argv[2])
def seconds(function, repeats=1):
    times = []
    for _ in range(repeats):
        began = time.process_time()
        function()
        times.append(time.process_time() - began)
    return min(times)
def refreshed():
    queries._refreshed.clear()
    queries.refresh(db)
CALLS = {
    "ingest": lambda: ingest(db, force=True),
    "runs": lambda: queries.runs(db=db),
    "refresh": refreshed,
    "leaderboard": lambda: queries.leaderboard("benchmark", db=db),
}
queries.version(db)
found = {name: seconds(CALLS[name], 1 if name == "ingest" else 5) for name in sys.argv[3:]}
try:  # what getrusage says begins with what the parent held
    lines = Path("/proc/self/status").read_text().splitlines()
    found["memory"] = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
except (OSError, StopIteration):
    found["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print(json.dumps(found))
"""


def suite(folder: Path, *, count: int = 100_000) -> Iterator[Row]:
    """Rows as the store's suite has them; `count` runs in the largest store."""
    yield from _wide_list(folder / "wide-list.duckdb")
    db = folder / "many.duckdb"
    spools(db, count=count, points=10)
    found = _measured(db, "ingest")
    yield row(f"{count:,} runs x 10 points by log, ingested: processor", found["ingest"], "s", 20)
    yield row("the same: memory", found["memory"] / MEMORY, "MB", 500)
    found = _measured(db, "runs", "refresh", "leaderboard")
    yield row(f"list of {count:,} runs: processor", found["runs"], "s", 0.3)
    yield row("refresh with nothing new: processor", found["refresh"], "s", 0.5)
    yield row("leaderboard: processor", found["leaderboard"], "s", 0.3)
    fewer = count // 5
    db = folder / "short.duckdb"
    spools(db, count=fewer, points=10, together=True)
    each = _measured(db, "ingest")["ingest"] / fewer
    yield row(f"{fewer:,} runs with one short log_many, ingested: processor a run", each * 1000, "ms", 0.5)


def row(name: str, value: float, unit: str, bar: float) -> Row:
    """A row whose value must stay below its bar."""
    return {"name": name, "value": value, "unit": unit, "bar": bar, "peer": None, "ratio": value / bar,
            "holds": value < bar}  # fmt: skip


def _wide_list(db: Path) -> Iterator[Row]:
    for width in (NAMES, 1, 1):
        with runs.start("benchmark", config={}, command="", config_hash="", db=db, follow=False) as run:
            run.log({f"train/metric{name}": name / 7 for name in range(width)}, step=1)
    ingest(db, force=True)
    found = _measured(db, "runs")
    yield row(f"list of runs, one with {NAMES:,} metric names: processor", found["runs"], "s", 0.3)
    yield row("the same: memory of the whole process", found["memory"] / MEMORY, "MB", 300)


def spools(db: Path, *, count: int, points: int, together: bool = False) -> None:
    """Spools of finished runs, three seeds a configuration, with `points` steps of one metric each."""
    layout = locate(db)
    layout.create()
    for number in range(count):
        at = 1_700_000_000.0 + number
        about = {"experiment": "benchmark", "task": f"task{number // 3 % 11}", "model": "tiny", "seed": number % 3,
                 "config_hash": f"hash{number // 3}", "command": "python -m jobs.benchmark", "host": "h", "pid": 1,
                 "versions": {"python": "3.11", "numpy": "2.4"}}  # fmt: skip
        values = [(number * 31 + step) % 997 / 997 for step in range(points)]
        lines = [encode({"run": about, "config": {"lr": 0.1, "epochs": 3, "batch_size": 32}, "at": at})]
        if together:
            lines.append(encode({"many": {"dev/accuracy": values}, "steps": list(range(points)), "at": at}))
        else:
            lines += [
                seal(f'{{"log":{{"dev/accuracy":{value!r}}},"step":{step},"epoch":null,"at":{at + step:.3f}')
                for step, value in enumerate(values)
            ]
        lines.append(encode({"end": {"status": "finished", "error": None, "elapsed": 2.0}, "at": at + points}))
        layout.spool_file(f"20231114-{number:06d}-{number % 65536:04x}").write_bytes(b"".join(lines))


def _measured(db: Path, *calls: str) -> dict[str, float]:
    command = [sys.executable, "-c", _CHILD, str(ROOT), str(db), *calls]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found
