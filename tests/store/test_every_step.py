"""Work that is killed before each change it makes to a file, or commits: nothing is lost, nothing comes twice.

A process does the work and kills itself before its n-th step: every rename, removal, link, new or opened file, write,
commit, checkpoint and closing of a database counts. The store is then whole, and doing the work again ends where it
ends without a kill.
"""

import json
import shutil
import sqlite3

import pytest

from store import checking, runs
from store.ingest import ingest

WORK = ("ingest", "merge", "import", "compact", "rebuild", "gc", "backup")
HARMLESS = {"ingest", "compact", "rebuild", "backup"}  # the rows stay as they are at any moment


@pytest.fixture(scope="module")
def template(tmp_path_factory, fill):
    """A store with ended, archived, deleted, running and not yet ingested runs; another one; a database of trackio."""
    folder = tmp_path_factory.mktemp("steps")
    db, other = folder / "results.duckdb", folder / "other.duckdb"
    ids = [fill(db, values) for values in ((0.5, 0.25), (0.75,), (0.125,))]
    theirs = fill(other, (0.9, 0.8))
    shutil.copytree(
        folder / "other", folder / "results", dirs_exist_ok=True
    )  # a run that both have, which goes on there
    more = runs.resume(theirs, 1, other, follow=False)
    more.log({"train/loss": 0.7}, step=2)
    more.finish()
    fill(other, (0.6,))
    ingest(other, force=True)
    runs.edit(other, "note", run_id=theirs, note="from afar")
    runs.edit(db, "archive", run_id=ids[1], archived=True)
    runs.edit(db, "delete", run_id=ids[2])
    ingest(db, force=True)
    fill(db, (0.375, 0.0625))
    con = sqlite3.connect(folder / "other.db")
    con.execute(
        "CREATE TABLE metrics (id INTEGER, run_id TEXT, timestamp TEXT, run_name TEXT, step INTEGER, metrics TEXT)"
    )
    con.execute("CREATE TABLE configs (id INTEGER, run_id TEXT, run_name TEXT, config TEXT, created_at TEXT)")
    for step in range(3):
        row = (f"2026-01-01T00:00:0{step}+00:00", step, json.dumps({"loss": step / 8}))
        con.execute("INSERT INTO metrics VALUES (NULL, 'r', ?, 'one', ?, ?)", row)
    con.commit()
    con.close()
    return folder


@pytest.fixture
def work(zygote):
    """Do some work on the store in a folder, killed before step `at`; its exit code and, where it ended, its steps."""

    def do(what, folder, at=0):
        count, paths = folder / "count", {name: str(folder / f"{name}.duckdb") for name in ("results", "other")}
        count.unlink(missing_ok=True)
        code = zygote.run("stepping", work=what, db=paths["results"], other=paths["other"], at=at, count=str(count))
        return code, int(count.read_text()) if count.exists() else None

    return do


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.slow)])
@pytest.mark.parametrize(
    "what", [what if what in ("ingest", "merge") else pytest.param(what, marks=pytest.mark.slow) for what in WORK]
)
def test_work_that_is_killed_before_a_step_loses_nothing_and_doubles_nothing(
    what, every, template, work, tmp_path, everything
):
    copies = (shutil.copytree(template, tmp_path / str(number)) for number in range(1000))
    folder = next(copies)
    code, steps = work(what, folder)
    assert code == 0
    assert steps > 5
    wanted = everything(folder / "results.duckdb")
    for at in range(1, steps + 1) if every else [max(1, 2 * steps // 3)]:
        folder = next(copies)
        db = folder / "results.duckdb"
        assert work(what, folder, at) == (-9, None)
        ingest(db, wait=10.0, force=True)
        if what in HARMLESS:
            assert everything(db) == wanted, f"after a kill before step {at}"
        if what == "backup" and (folder / "backup.duckdb").exists():  # what has the name is whole
            ingest(folder / "backup.duckdb", force=True)
            assert everything(folder / "backup.duckdb") == wanted, f"after a kill before step {at}"
        else:
            assert work(what, folder)[0] == 0, f"after a kill before step {at}"
            assert not list(folder.glob(".backup*")), f"after a kill before step {at} and the work again"
        ingest(db, wait=10.0, force=True)
        assert everything(db) == wanted, f"after a kill before step {at} and the work again"
        assert checking.check(db, deep=at == steps).problems == [], f"after a kill before step {at}"
        shutil.rmtree(folder)
