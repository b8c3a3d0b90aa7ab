"""Server time of every page on a large store: 100,000 runs, 2.4 million points, 20 runs x 50,000 predictions.

The pages are asked for as a browser does, each in a session of its own: a time is from the request until the script
has finished and all that it shows has arrived. "first" is a page whose reads are not cached, "widget" the answer to a
new value of a widget of that page, "again" a rerun of the same page. Where Chromium is found, it opens the pages too:
first paint and bytes received.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobs.benchmarks import browser, large_store
from jobs.benchmarks.session import Session

ROOT = Path(__file__).parents[2]
SECONDS = 60
FIRST_CPU_S, WIDGET_CPU_S, CURVES_CPU_S = 0.5, 0.2, 0.4
"""Processor seconds of the server: a page's first answer beside the refresh, a widget's, and 100 curves of a page."""
PAYLOAD_KB = 500
LEAST_ELEMENTS = 10
"""Elements of a page that shows something."""
RESTS_CPU_S = 0.02
"""A server that uses no more processor than this in half a second has nothing left to do behind its answers."""
LABS = {
    "can": ("correct", "steps", "simulation"),
    "whitening": ("scores", "sentences"),
    "initialization": ("layers", "shapes", "depth"),
    "smoothing": ("kernels", "errors", "floor"),
    "johnson_lindenstrauss": ("bounds", "distances", "angles", "hashing", "svd", "proof"),
    "dimension": ("law",),
}
"""Chapters of the labs that compute without a stored run."""


@dataclass(frozen=True, slots=True)
class Case:
    """A page as it is opened, and a change of one of its widgets (None: the first slider that it has)."""

    name: str
    page: str
    query: dict[str, str]
    change: dict[str, Any] | None = None


def cases(db: Path) -> list[Case]:
    """Every page, those that read predictions with two and with twenty runs."""
    from store import queries

    newest = queries.runs(limit=300, db=db)
    tnews = newest.filter(task="tnews").unique("run_id", maintain_order=True)
    one = tnews["run_id"][0]
    two = ",".join(tnews.unique("config_hash", maintain_order=True)["run_id"].head(2))
    twenty = ",".join(tnews["run_id"].head(20))
    hundred = ",".join(newest["run_id"].unique(maintain_order=True).head(100))
    return [
        Case("home", "", {}, {}),
        Case("runs, filtered", "runs", {}, {"runs_text": "tnews"}),
        Case("100 curves", "runs", {"selected": hundred}, {"runs_smoothing": 0.5}),
        Case("run, 8 curves", "run", {"run": one}, {"run_smoothing": 0.5}),
        Case("run, 50,000 predictions", "run", {"run": one, "run_tab": "Predictions"}, {"run_word": "22"}),
        Case("leaderboard", "leaderboard", {}, {"leaderboard_split": "test"}),
        Case("tasks", "leaderboard", {"leaderboard_view": "Tasks", "tasks_task": "tnews"}, {"tasks_first": 11}),
        Case("compare, 2 runs x 50,000", "compare", {"runs": two}, {"compare_smoothing": 0.5}),
        Case("compare, 20 runs", "compare", {"runs": twenty}, {"compare_smoothing": 0.5}),
        Case("examples, 1 run x 50,000", "examples", {"runs": one}, {"examples_show": "wrong"}),
        Case("examples, 2 runs x 50,000", "examples", {"runs": two}, {"examples_show": "gained"}),
        Case("explore, 2,000 runs", "explore", {}, {"explore_log_x": True}),
        Case("sql", "sql", {}, {"sql": "SELECT task, count(*) AS n FROM runs GROUP BY task"}),
        *(Case(f"{lab}, {name}", lab, {"chapter": name}) for lab, chapters in LABS.items() for name in chapters),
    ]


def suite(*, full: bool) -> Iterator[dict[str, Any]]:
    """Fill a store, start the server on it, and ask for every page.

    The store is made anew in a temporary folder, or kept at CLUEBOARD_BENCHMARK_DB and used again.

    Args:
        full: 100,000 runs instead of 500.
    """
    yield bootstrap()
    with tempfile.TemporaryDirectory() as folder:
        db = Path(os.environ.get("CLUEBOARD_BENCHMARK_DB") or Path(folder) / "large.duckdb")
        if not db.exists():
            large_store.fill(db, n_runs=100_000 if full else 500, steps=2 if full else 25, predicted=20 if full else 15)
        with server(db) as (base, pid):
            yield started(base, pid)
            wanted = cases(db)
            for case in wanted:
                yield from measure(base, pid, case)
            yield from browser.paint(base, [case for case in wanted if case.page not in LABS])


def started(base: str, pid: int) -> dict[str, Any]:
    """The first answer of the server, and what it does behind it: libraries, the refresh and the lists read ahead."""
    before, began = _cpu_seconds(pid), time.perf_counter()
    with closing(Session(base)) as browser:
        browser.open("new_run", {})
    waited = f"{time.perf_counter() - began:.2f} s waited"
    until = time.monotonic() + SECONDS
    while time.monotonic() < until and _works(pid):
        pass
    return _row("libraries, refresh and lists read ahead, processor", _cpu_seconds(pid) - before, "s", None, waited)


def bootstrap() -> dict[str, Any]:
    """Seconds of the interval of an accuracy difference on 50,000 examples."""
    import numpy as np

    from engine.evidence.mean_difference import mean_difference_interval

    rng = np.random.default_rng(0)
    a, b = (rng.random(50_000) < share for share in (0.70, 0.71))
    began = time.perf_counter()
    mean_difference_interval(b.astype(float) - a)
    return _row("interval of a difference, 50,000", time.perf_counter() - began, "s", 0.2, "")


def _row(name: str, value: float, unit: str, limit: float | None, peer: str) -> dict[str, Any]:
    judged = {} if limit is None else {"bar": f"< {limit}", "holds": value < limit}
    return {"name": name, "value": value, "unit": unit, "peer": peer, **judged}


def measure(base: str, pid: int, case: Case) -> Iterator[dict[str, Any]]:
    """First answer of a page, the answer to a new value of a widget, and to five reruns after it (the median).

    Args:
        base: address of the server.
        pid: its process.
        case: what is asked.
    """
    with closing(Session(base)) as browser:
        first = _timed(pid, lambda: browser.open(case.page, case.query))
        if case.change is None:
            changed = _timed(pid, browser.slide)
        elif case.change:
            ((key, value),) = case.change.items()
            changed = _timed(pid, lambda: browser.change(key, value))
        else:
            changed = _timed(pid, browser.again)
        again = sorted(_rerun(pid, browser) for _ in range(5))[2]
    bars = {"first": FIRST_CPU_S, "widget": WIDGET_CPU_S, "again": WIDGET_CPU_S}
    for (label, bar), (wall_s, cpu_s) in zip(bars.items(), (first, changed, again), strict=True):
        bar = CURVES_CPU_S if case.name.startswith("100 curves") else bar
        yield _row(f"{case.name}: {label}, processor", cpu_s, "s", bar, f"{wall_s:.2f} s waited")


def _timed(pid: int, work: Callable[[], None]) -> tuple[float, float]:
    """Seconds waited for an answer of the server, and of its processor."""
    cpu, began = _cpu_seconds(pid), time.perf_counter()
    work()
    return time.perf_counter() - began, _cpu_seconds(pid) - cpu


def _rerun(pid: int, browser: Session) -> tuple[float, float]:
    """The same of a rerun; RuntimeError where the page lost what it shows."""
    timed = _timed(pid, browser.again)
    if browser.elements < LEAST_ELEMENTS:
        raise RuntimeError(f"a rerun showed {browser.elements} elements: the session lost the choices of the page")
    return timed


def _works(pid: int) -> bool:
    """Whether a process still works, as it is seen within the next half second."""
    before = _cpu_seconds(pid)
    time.sleep(0.5)
    return _cpu_seconds(pid) - before > RESTS_CPU_S


def _cpu_seconds(pid: int) -> float:
    """Processor time of a process so far; nan where the system has no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


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
    flags = ["--server.headless", "true", "--server.fileWatcherType", "none"]
    environment = {**os.environ, "CLUEBOARD_DB": str(db), "CLUEBOARD_DEBUG": "1"}
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
        except OSError:  # not there yet, or too busy to answer
            time.sleep(0.1)
        else:
            return
    raise RuntimeError("the dashboard's server did not start")
