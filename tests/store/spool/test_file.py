"""Writers that are killed, cut off or without space: no acknowledged point is lost."""

import os
import random
import shutil
import time
from pathlib import Path

import pytest

from store import checking, queries, runs, upkeep
from store.errors import StoreError
from store.ingest import ingest
from store.spool.file import alive
from store.spool.lines import encode


def wait_until(condition, timeout=120.0):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.002)


def written(path):
    return Path(path).exists() and Path(path).stat().st_size > 30


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
    assert any(f"{run.run_id}.jsonl" in problem for problem in checking.check(db).problems)
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
    assert len(checking.check(db).problems) == len(damaged)
    done = upkeep.rebuild(db)
    assert (done.kept, done.unreadable) == ([], [])
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
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda fd, data: real(fd, data[:20]))
        with pytest.raises(StoreError, match="no space left on device"):
            run.log({"train/loss": 2.0}, step=2)
    run.log({"train/loss": 3.0}, step=3)
    run.finish()
    ingest(db, force=True)
    assert queries.sql("SELECT step FROM metrics ORDER BY step", db=db)["step"].to_list() == [1, 3]
    assert queries.damaged(db)["reason"].to_list() == ["torn"]
    assert checking.check(db).clean


def test_two_processes_cannot_write_one_run(start, db, monkeypatch):
    monkeypatch.setattr("store.spool.file.LOCK_PATIENCE", 0.05)
    run = start()
    with pytest.raises(StoreError, match="is being written by another process"):
        runs.resume(run.run_id, 0, db, follow=False)
    run.finish()


def take_away(folder):
    shutil.rmtree(folder)


def move_away(folder):
    folder.rename(folder.with_name("moved"))


def an_older_copy(folder):
    shutil.copytree(folder, folder.with_name("copy"))
    shutil.rmtree(folder)
    folder.with_name("copy").rename(folder)


@pytest.mark.parametrize("what", ["folder", "spool"])
@pytest.mark.parametrize("act", [take_away, move_away, an_older_copy])
def test_a_spool_that_is_taken_away_while_its_run_writes_is_put_back(start, db, layout, what, act):
    run = start()
    run.log({"train/loss": 1.0}, step=1)
    ingest(db, force=True)
    act(layout.folder if what == "folder" else layout.spool)
    run.log({"train/loss": 2.0}, step=2)
    run.finish()
    ingest(db, force=True)
    assert queries.run(run.run_id, db)["status"] == "finished"
    assert queries.curves(run.run_id, db=db)["value"].to_list() == [1.0, 2.0]
    assert not [problem for problem in checking.check(db).problems if "gone" in problem]


def test_the_heartbeat_puts_a_spool_back_and_two_processes_still_cannot_write_it(start, db, layout, monkeypatch):
    monkeypatch.setattr("store.spool.heartbeat.EVERY", 0.01)
    monkeypatch.setattr("store.spool.file.LOCK_PATIENCE", 0.05)
    run = start()
    run.log({"train/loss": 1.0}, step=1)
    path = layout.spool_file(run.run_id)
    path.unlink()
    wait_until(path.exists)
    assert alive(path)
    with pytest.raises(StoreError, match="is being written by another process"):
        runs.resume(run.run_id, 0, db, follow=False)
    run.finish()


def test_a_spool_that_cannot_be_put_back_fails_its_run(start, db, layout):
    run = start()
    path = layout.spool_file(run.run_id)
    path.unlink()
    path.write_bytes(b"something else")
    with pytest.raises(StoreError, match="was replaced by another file while its run was writing it"):
        run.finish()
    assert path.read_bytes() == b"something else"
