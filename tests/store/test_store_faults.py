"""Whatever is killed whenever: every acknowledged point is stored once, the check is clean, nothing hangs."""

import os
import random
import socket
import threading
import time
from pathlib import Path

import duckdb
import pytest

from store import queries, runs, upkeep
from store.database.connections import open_work
from store.database.migrations import MIGRATIONS, Migration, migrate, version_of
from store.errors import StoreError
from store.ingest import ingest
from store.spool.lines import encode


def wait_until(condition, timeout=10.0):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.002)


def written(path):
    return Path(path).exists() and Path(path).stat().st_size > 30


@pytest.fixture
def filled(db, zygote, acks):
    """A store with one finished run of 200 points, published."""
    assert zygote.run("write", db=str(db), acks=acks.new(), points=200, end=True) == 0
    ingest(db, force=True)
    return db


def test_writers_killed_at_random_moments_lose_no_acknowledged_point(db, zygote, acks, trials, assert_whole):
    rng = random.Random(1)
    for _ in range(trials):
        path = acks.new()
        pid = zygote.fork("write", db=str(db), acks=path)
        wait_until(lambda path=path: written(path))
        time.sleep(rng.uniform(0, 0.01))
        assert zygote.kill(pid) == -9
    report = assert_whole()
    assert len([note for note in report.notes if "lost" in note]) == trials
    assert set(queries.runs(db=db)["status"]) == {"lost"}


def test_ingest_killed_at_random_moments_stores_each_point_once(filled, zygote, acks, trials, assert_whole):
    rng = random.Random(2)
    for _ in range(trials):
        zygote.run("write", db=str(filled), acks=acks.new(), points=400, end=True)
        pid = zygote.fork("ingest", db=str(filled))
        time.sleep(rng.uniform(0, 0.08))
        zygote.kill(pid)
    assert_whole()


@pytest.mark.parametrize("word", ["COMMIT", "CHECKPOINT", "INSERT INTO raw.points"])
def test_killed_in_a_statement(filled, zygote, acks, trials, assert_whole, word):
    rng = random.Random(3)
    for _ in range(trials):
        zygote.run("write", db=str(filled), acks=acks.new(), points=300, end=True)
        assert zygote.run("at", db=str(filled), word=word, delay=rng.uniform(0, 0.004)) in (-9, 0)
    assert_whole()


def test_killed_between_commit_and_publish(filled, zygote, acks, trials, assert_whole):
    before = queries.version(filled)
    for _ in range(trials):
        zygote.run("write", db=str(filled), acks=acks.new(), points=50, end=True)
        assert zygote.run("before publish", db=str(filled)) == -9
        assert queries.version(filled) == before
    assert_whole(deep=False)
    assert len(queries.runs(db=filled)) == trials + 1


@pytest.mark.parametrize("stage", ["half", "copied", "renamed"])
def test_killed_during_publish(filled, zygote, acks, trials, assert_whole, stage):
    for _ in range(trials):
        zygote.run("write", db=str(filled), acks=acks.new(), points=50, end=True)
        assert zygote.run("in publish", db=str(filled), stage=stage) == -9
        assert len(queries.runs(db=filled)) >= 1  # always whole, the old one or the new
    assert_whole(deep=False)


def test_killed_during_a_migration(filled, layout, zygote, trials):
    rng = random.Random(4)
    newest = MIGRATIONS[-1].number
    more = (*MIGRATIONS, Migration(newest + 1, "SELECT 1"))
    for _ in range(trials):
        pid = zygote.fork("migrate", db=str(filled), delay=rng.uniform(0.001, 0.06))
        assert zygote.reap(pid) in (-9, 0)
    assert zygote.run("migrate", db=str(filled), delay=-1) == 0
    con = duckdb.connect(str(layout.work))
    try:
        assert version_of(con) == newest + 1
        assert con.execute("SELECT count(*), sum(twice) = 2 * sum(value) FROM raw.points").fetchall() == [(200, True)]
        assert migrate(con, layout.work, migrations=more) == 0
    finally:
        con.close()
    with pytest.raises(StoreError, match=f"has schema version {newest + 1}, this clueboard knows up to {newest}"):
        ingest(filled, force=True)
    assert len(queries.runs(db=filled)) == 1


def test_torn_last_line_is_left_out_and_a_resume_starts_on_a_new_one(db, layout, zygote, acks, trials, assert_whole):
    rng = random.Random(5)
    for _ in range(trials):
        path = acks.new()
        zygote.run("write", db=str(db), acks=path, points=20)
        run_id, steps = acks.read(acks.paths[-1])
        with layout.spool_file(run_id).open("ab") as spool:  # what a kill in the middle of a write leaves
            line = encode({"log": {"train/loss": 9.9}, "step": 20, "epoch": None, "at": 0.0})
            spool.write(line[: rng.randrange(1, len(line) - 1)])
        if rng.random() < 0.5:
            ingest(db, force=True)
        zygote.run("write", db=str(db), acks=path, resume=run_id, step=steps[-1], points=5, end=True)
        text = acks.paths[-1].read_text().splitlines()
        acks.paths[-1].write_text(
            "\n".join(line for index, line in enumerate(text) if index == 0 or line.isdigit()) + "\n"
        )
    report = assert_whole()
    assert len([note for note in report.notes if "torn" in note]) == trials
    assert set(queries.runs(db=db)["status"]) == {"finished"}


@pytest.mark.parametrize("when", ["before", "after"])
def test_spool_cut_in_the_middle(start, db, layout, when):
    with start() as run:
        for step in range(100):
            run.log({"train/loss": 0.5}, step=step)
    if when == "after":
        ingest(db, force=True)
    path = layout.spool_file(run.run_id)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + data[len(data) // 2 + 37 :])
    ingest(db, force=True)
    stored = queries.sql("SELECT count(*) AS n FROM metrics", db=db)["n"][0]
    assert stored == 100 if when == "after" else 97 <= stored < 100
    assert any(f"{run.run_id}.jsonl" in problem for problem in upkeep.check(db).problems)
    assert queries.run("latest", db)["status"] == "finished"


def test_flipped_bytes_are_named_and_the_rest_is_kept(start, db, layout, trials):
    rng = random.Random(6)
    for _ in range(trials):
        with start() as run:
            for step in range(100):
                run.log({"train/loss": 0.5}, step=step)
        path = layout.spool_file(run.run_id)
        data = bytearray(path.read_bytes())
        lines = bytes(data).splitlines(keepends=True)
        victim = rng.randrange(1, len(lines) - 1)
        at = len(b"".join(lines[:victim])) + rng.randrange(len(lines[victim]))
        data[at] ^= 1 << rng.randrange(8)
        path.write_bytes(bytes(data))
    ingest(db, force=True)
    kept = queries.sql(
        "SELECT run_id, count(*) AS n, count(DISTINCT step) AS steps FROM metrics WHERE value = 0.5 GROUP BY run_id",
        db=db,
    )
    assert len(kept) == trials
    assert all(98 <= n <= 99 and n == steps for n, steps in zip(kept["n"], kept["steps"], strict=True))
    damaged = queries.damaged(db)
    assert set(damaged["file"]) == {f"{run_id}.jsonl" for run_id in kept["run_id"]}
    assert set(damaged["reason"]) == {"damaged"}
    assert len(upkeep.check(db).problems) == len(damaged)
    rebuilt = upkeep.rebuild(db)
    assert rebuilt.published
    assert queries.damaged(db).sort("file", "byte_offset").equals(damaged.sort("file", "byte_offset"))


def test_disk_full_while_spooling(db, zygote, acks, trials, assert_whole):
    rng = random.Random(7)
    for _ in range(trials):
        assert zygote.run("write", db=str(db), acks=acks.new(), limit=rng.randrange(2_000, 9_000)) == 3
        last = acks.paths[-1].read_text().splitlines()[-1]
        assert last.startswith("error cannot write to the spool of run")
        assert "nothing logged before is lost" in last
    assert_whole()


def test_a_writer_goes_on_when_there_is_space_again(start, db, monkeypatch):
    run = start()
    run.log({"train/loss": 1.0}, step=1)
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[:20]))
    with pytest.raises(StoreError, match="no space left on device"):
        run.log({"train/loss": 2.0}, step=2)
    monkeypatch.undo()
    run.log({"train/loss": 3.0}, step=3)
    run.finish()
    ingest(db, force=True)
    assert queries.sql("SELECT step FROM metrics ORDER BY step", db=db)["step"].to_list() == [1, 3]
    assert queries.damaged(db)["reason"].to_list() == ["torn"]
    assert upkeep.check(db).clean


def test_disk_full_while_ingesting_and_publishing(filled, layout, zygote, acks, trials, assert_whole):
    rng = random.Random(8)
    before = queries.version(filled)
    for _ in range(trials):
        zygote.run("write", db=str(filled), acks=acks.new(), points=2_000, end=True)
        limit = int(layout.work.stat().st_size * rng.uniform(0.1, 1.0))
        assert zygote.run("ingest", db=str(filled), limit=limit) in (3, 0)
        assert len(queries.runs(db=filled)) >= 1
    assert before == queries.version(filled) or len(queries.runs(db=filled)) > 1
    assert_whole()


def test_real_full_disk(tmp_path, zygote, acks):
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() or os.system(f"mount -t tmpfs -o size=3m tmpfs '{disk}' 2>/dev/null"):
        pytest.skip("mounting a small disk needs rights that this user does not have")
    try:
        db = disk / "results.duckdb"
        assert zygote.run("write", db=str(db), acks=acks.new(), points=10_000, end=True) == 0
        assert zygote.run("write", db=str(db), acks=acks.new()) == 3  # fills the disk
        assert zygote.run("ingest", db=str(db)) == 3
        os.system(f"mount -o remount,size=64m '{disk}'")
        assert zygote.run("ingest", db=str(db)) == 0
        counts = queries.sql("SELECT count(*) AS n FROM metrics GROUP BY run_id", db=db)["n"].to_list()
        expected = [len(acks.read(path)[1]) for path in acks.paths]
        assert sorted(counts) == sorted(expected)
        assert upkeep.check(db).clean
    finally:
        os.system(f"umount -l '{disk}'")


def test_two_ingesters_at_once(db, zygote, acks, trials, assert_whole):
    for _ in range(trials):
        zygote.run("write", db=str(db), acks=acks.new(), points=300, end=True)
        pids = [zygote.fork("ingest", db=str(db)) for _ in range(2)]
        assert [zygote.reap(pid) for pid in pids] == [0, 0]
    assert_whole()


def test_clock_that_jumps_back(start, db, monkeypatch):
    real = time.time
    run = start()
    run.log({"train/loss": 1.0}, step=1)
    ingest(db, force=True)
    monkeypatch.setattr(time, "time", lambda: real() - 86_400.0)
    run.log({"train/loss": 0.5}, step=2)
    run.progress(0.5)
    assert queries.runs(db=db)["status"].to_list() == ["running"]
    second = start()
    second.finish()
    run.finish()
    assert ingest(db).published  # no forcing: a clock in the past does not hold publishing up
    found = {row["run_id"]: row for row in queries.runs(db=db).to_dicts()}
    assert found[run.run_id]["status"] == "finished"
    assert 0 <= found[run.run_id]["duration_s"] < 60
    assert queries.curves(run.run_id, db=db)["x"].to_list() == [1.0, 2.0]


def test_a_pid_that_belongs_to_another_program_keeps_no_run_alive(start, db, layout):
    path = layout.spool_file("20260101-000000-abcd")
    layout.create()
    about = {"experiment": "clue", "host": socket.gethostname(), "pid": os.getpid()}  # alive, but not the run's writer
    path.write_bytes(encode({"run": about, "config": {}, "at": time.time()}))
    living = start()
    ingest(db, force=True)
    status = dict(queries.runs(db=db).select("run_id", "status").iter_rows())
    assert status == {"20260101-000000-abcd": "lost", living.run_id: "running"}
    living.finish()


def test_a_run_of_another_host_is_lost_after_ten_minutes(db, layout):
    path = layout.spool_file("20260101-000000-abcd")
    layout.create()
    path.write_bytes(encode({"run": {"experiment": "clue", "host": "elsewhere", "pid": 1}, "config": {}, "at": 0.0}))
    ingest(db, force=True)
    assert queries.runs(db=db)["status"].to_list() == ["running"]
    os.utime(path, (time.time() - 700, time.time() - 700))
    ingest(db, force=True)
    assert queries.runs(db=db)["status"].to_list() == ["lost"]
    with path.open("ab") as spool:
        spool.write(encode({"log": {"a": 1.0}, "step": 1, "epoch": None, "at": 1.0}))
    ingest(db, force=True)
    assert queries.runs(db=db)["status"].to_list() == ["running"]


def test_two_processes_cannot_write_one_run(start, db, monkeypatch):
    monkeypatch.setattr("store.spool.file.LOCK_PATIENCE", 0.05)
    run = start()
    with pytest.raises(StoreError, match="is being written by another process"):
        runs.resume(run.run_id, 0, db, follow=False)
    run.finish()


def test_held_open_while_eight_jobs_write(filled, zygote, acks, assert_whole):
    holder = duckdb.connect(str(filled), read_only=True)  # a person with a command line on the published file itself
    try:
        before = holder.execute("SELECT count(*) FROM metrics").fetchall()
        pids = [zygote.fork("write", db=str(filled), acks=acks.new(), points=3_000, end=True) for _ in range(8)]
        for _ in range(3):
            assert ingest(filled, wait=5.0, force=True).published
            assert holder.execute("SELECT count(*) FROM metrics").fetchall() == before
        assert {zygote.reap(pid) for pid in pids} == {0}
        assert_whole()
        assert holder.execute("SELECT count(*) FROM metrics").fetchall() == before
    finally:
        holder.close()


def test_two_dashboards_on_one_store(filled, zygote, acks, monkeypatch, assert_whole):
    monkeypatch.setattr("store.queries._refreshed", {})
    errors: list[BaseException] = []
    stop = threading.Event()

    def dashboard():
        try:
            while not stop.is_set():
                queries._refreshed.clear()
                queries.refresh(filled)
                assert len(queries.runs(db=filled)) >= 1
                queries.curves(queries.runs(db=filled)["run_id"].to_list(), db=filled)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=dashboard) for _ in range(2)]
    for thread in threads:
        thread.start()
    pids = [zygote.fork("write", db=str(filled), acks=acks.new(), points=2_000, end=True) for _ in range(4)]
    pids.append(zygote.fork("ingest", db=str(filled)))
    codes = {zygote.reap(pid) for pid in pids}
    time.sleep(0.3)
    stop.set()
    for thread in threads:
        thread.join()
    assert codes == {0}
    assert errors == []
    assert_whole()


def test_the_database_is_whole_again_after_it_was_destroyed(filled, layout, assert_whole):
    layout.work.write_bytes(b"\0" * 5000)
    with pytest.raises(StoreError, match="`python -m store rebuild` makes it anew"):
        ingest(filled, force=True)
    assert len(queries.runs(db=filled)) == 1
    upkeep.rebuild(filled)
    assert_whole()


def test_open_work_refuses_what_is_no_store(tmp_path):
    path = tmp_path / "other.duckdb"
    con = duckdb.connect(str(path))
    con.execute("CREATE TABLE mine (x INTEGER)")
    con.close()
    with pytest.raises(StoreError, match="not a store of clueboard"):
        open_work(path)
