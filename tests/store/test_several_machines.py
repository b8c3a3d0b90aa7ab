"""Several machines and one store: nodes spool into a shared folder, or bring their stores home again and again."""

import os
import subprocess
import sys
from pathlib import Path

from store import checking, queries, runs
from store.ingest import ingest
from store.merging import merge
from store.tracking import parent

ROOT = Path(__file__).parents[2]
NODE = """
import socket, sys
socket.gethostname = lambda: sys.argv[2]
from pathlib import Path
from store import runs
with runs.start("clue", config={}, command="", config_hash=sys.argv[2], db=Path(sys.argv[1])) as run:
    for step in range(200):
        run.log({"train/loss": step / 200}, step=step)
"""


def start_node(db, host):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), parent.FOLLOW: "0"}
    return subprocess.Popen([sys.executable, "-c", NODE, str(db), host], env=environment)


def test_nodes_that_spool_into_one_folder_leave_the_ingest_to_one_machine(tmp_path):
    db = tmp_path / "shared.duckdb"
    nodes = [start_node(db, f"node{number}") for number in range(3)]
    while any(node.poll() is None for node in nodes):
        if db.with_suffix("").exists():
            ingest(db)  # what the machine with the dashboard does, while they write
    assert not any(node.returncode for node in nodes)
    assert not (db.with_suffix("") / "follower").exists()  # no node moved lines
    ingest(db, force=True)
    frame = queries.runs(db=db)
    assert sorted(frame["host"]) == ["node0", "node1", "node2"]
    assert set(frame["status"]) == {"finished"}
    assert queries.sql("SELECT count(*) AS n FROM metrics", db=db)["n"][0] == 600
    assert checking.check(db, deep=True).clean


def test_stores_of_two_nodes_come_home_again_and_again_while_their_runs_grow(tmp_path):
    home, away = tmp_path / "home.duckdb", [tmp_path / f"node{number}.duckdb" for number in range(2)]
    growing = [runs.start("clue", config={}, command="", config_hash="h", db=db, follow=False) for db in away]
    brought = []
    for step in range(3):
        for run in growing:
            run.log({"train/loss": 1.0 - step / 10}, step=step)
        done = [merge(db, home) for db in away]
        brought.append((sum(each.new for each in done), sum(each.grown for each in done)))
        assert queries.sql("SELECT count(*) AS n FROM metrics", db=home)["n"][0] == 2 * (step + 1)
    assert brought == [(2, 0), (0, 2), (0, 2)]
    for run in growing:
        run.finish()
    assert [merge(db, home).grown for db in away] == [1, 1]
    assert [merge(db, home).same for db in away] == [1, 1]
    assert set(queries.runs(db=home)["status"]) == {"finished"}
    assert [queries.curves(run.run_id, db=home)["value"].to_list() for run in growing] == [[1.0, 0.9, 0.8]] * 2
    assert checking.check(home, deep=True).clean
