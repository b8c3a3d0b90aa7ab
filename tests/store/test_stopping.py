"""Stop a run's process: only that process, only here."""

import signal
import subprocess
import sys
import time

import pytest

from store import queries, stopping
from store.errors import StoreError
from store.ingest import ingest
from store.paths import locate

SCRIPT = """
import sys, time
from pathlib import Path
from store import runs
run = runs.start("own", config={}, command="x", config_hash="h", db=Path(sys.argv[1]), follow=False)
print(run.run_id, flush=True)
time.sleep(60)
"""


@pytest.fixture
def started(tmp_path):
    """A run that another process writes; yields the database, the run's id and the process."""
    db = tmp_path / "results.duckdb"
    with subprocess.Popen([sys.executable, "-c", SCRIPT, str(db)], stdout=subprocess.PIPE, text=True) as process:
        run_id = process.stdout.readline().strip()
        queries.refresh(db)
        yield db, run_id, process
        process.kill()


@pytest.mark.parametrize(
    ("kill", "number", "act"), [(False, signal.SIGTERM, "asked to stop"), (True, signal.SIGKILL, "killed")]
)
def test_the_process_of_a_run_gets_the_signal_and_the_history_a_line(kill, number, act, started):
    db, run_id, process = started
    stopping.stop(run_id, db, kill=kill)
    assert process.wait(20) == -number
    (line,) = stopping.history(run_id, db)
    assert line["act"] == act
    assert abs(line["at"] - time.time()) < 60
    ingest(db, wait=20.0, force=True)
    assert queries.run(run_id, db=db)["status"] == "lost"
    with pytest.raises(StoreError, match="not running any more"):
        stopping.stop(run_id, db)


def test_another_host_or_another_process_is_refused(started):
    db, run_id, process = started
    spool = locate(db).spool_file(run_id)
    row = queries.run(run_id, db=db)
    with pytest.raises(StoreError, match="runs on elsewhere"):
        stopping.process_of(row | {"host": "elsewhere"}, spool)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as other:
        with pytest.raises(StoreError, match="is not the one that writes run"):
            stopping.process_of(row | {"pid": other.pid}, spool)
        other.kill()
    assert stopping.process_of(row, spool) == process.pid
