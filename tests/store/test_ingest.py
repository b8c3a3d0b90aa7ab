"""Every acknowledged point is stored once, whatever process is killed when; every run gets the right status."""

import gc
import os
import random
import socket
import time

import pytest

from store import checking, queries, runs
from store import ingest as ingesting
from store.database import connections
from store.ingest import Here, ingest
from store.spool.lines import encode


def test_ingest_killed_at_random_moments_stores_each_point_once(filled, zygote, acks, trials, assert_whole):
    rng = random.Random(2)
    for _ in range(trials):
        zygote.run("write", db=str(filled), acks=acks.new(), points=400, end=True)
        pid = zygote.fork("ingest", db=str(filled))
        time.sleep(rng.uniform(0, 0.08))
        zygote.kill(pid)
    assert_whole()


@pytest.mark.parametrize(
    "word", ["COMMIT", "INSERT INTO raw.points", pytest.param("CHECKPOINT", marks=pytest.mark.slow)]
)
def test_killed_in_a_statement(filled, zygote, acks, trials, assert_whole, word):
    rng = random.Random(3)
    for _ in range(trials):
        zygote.run("write", db=str(filled), acks=acks.new(), points=300, end=True)
        assert zygote.run("at", db=str(filled), word=word, delay=rng.uniform(0, 0.004)) in (-9, 0)
    assert_whole()


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
        assert checking.check(db).clean
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
    ingest(db, force=True, here=Here(now=lambda: time.time() + 700))
    assert queries.runs(db=db)["status"].to_list() == ["lost"]
    with path.open("ab") as spool:
        spool.write(encode({"log": {"a": 1.0}, "step": 1, "epoch": None, "at": 1.0}))
    ingest(db, force=True)
    assert queries.runs(db=db)["status"].to_list() == ["running"]


def test_runs_of_other_hosts_get_the_right_status_within_their_time(db, layout):
    """The clock is this machine's; the files are dated by others, a day ahead and a day behind among them."""
    layout.create()
    start, now = time.time(), [time.time()]
    here = Here("here", lambda: now[0])

    def line(host):
        return encode({"run": {"experiment": "clue", "host": host, "pid": 1}, "config": {}, "at": 0.0})

    def touch(name, ago):
        os.utime(layout.spool_file(name), (start - ago, start - ago))

    dated = {"killed": 0, "ahead": -86_400, "behind": 86_400, "stopped": 0, "ours": 0}
    for name, ago in dated.items():
        layout.spool_file(name).write_bytes(line("here" if name == "ours" else "elsewhere"))
        touch(name, ago)
    log = encode({"log": {"a": 1.0}, "step": 1, "epoch": None, "at": 1.0})

    def look(seconds, *growing):
        now[0] = start + seconds
        for name in growing:
            with layout.spool_file(name).open("ab") as spool:
                spool.write(log)
            touch(name, dated[name] - seconds)
        ingest(db, force=True, here=here)
        return {row["run_id"] for row in queries.runs(db=db).to_dicts() if row["status"] == "running"}

    assert look(0) == {"killed", "ahead", "stopped"}  # ours has no process; the file of the last one looks a day old
    assert look(300, "ahead", "behind", "stopped") == {"killed", "ahead", "behind", "stopped"}
    assert look(599, "ahead", "behind") == {"killed", "ahead", "behind", "stopped"}
    assert look(620, "behind") == {"ahead", "behind", "stopped"}
    assert look(901, "behind") == {"ahead", "behind"}
    assert look(1500, "behind", "stopped") == {"behind", "stopped"}  # continued; nothing came of the one ahead
    assert look(1501) == {"behind", "stopped"}


def test_an_ended_run_that_goes_on_is_seen_although_only_running_ones_are_looked_at(start, db, layout):
    """Of ended runs a refresh looks only at the folder's time; a resume changes it, and after a minute all are read."""
    with start() as run:
        run.log({"a": 1.0}, step=1)
    now = [time.time() + 10]
    here = Here(now=lambda: now[0])

    def steps():
        ingest(db, here=here)
        ingest(db, force=False, here=here)
        con = connections.open_work(layout)
        try:
            return [row[0] for row in con.execute("SELECT step FROM metrics ORDER BY step").fetchall()]
        finally:
            con.close()

    assert steps() == [1]
    with layout.spool_file(run.run_id).open("ab") as spool:  # by hand: nothing tells the folder
        spool.write(encode({"log": {"a": 1.0}, "step": 2, "epoch": None, "at": 1.0}))
    assert steps() == [1]
    now[0] += 61
    assert steps() == [1, 2]
    resumed = runs.resume(run.run_id, 2, db, follow=False)
    resumed.log({"a": 1.0}, step=3)
    now[0] += 3
    assert steps() == [1, 2, 3]
    resumed.finish()
    with start() as second:
        second.log({"a": 1.0}, step=4)
    now[0] += 3
    assert steps() == [1, 2, 3, 4]


def test_an_end_with_more_behind_it_is_no_end(start, db, layout, monkeypatch):
    """A batch that ends between a run's end and its resume, and a kill there, hides nothing."""
    with start() as run:
        run.log({"a": 1.0}, step=1)
    first = layout.spool_file(run.run_id).stat().st_size
    resumed = runs.resume(run.run_id, 1, db, follow=False)
    resumed.log({"a": 1.0}, step=2)
    resumed._spool.close()
    monkeypatch.setattr(ingesting, "CHUNK", first)
    state = ingesting.State(con := connections.open_work(layout))
    batch = ingesting._next_batch(str(layout.spool), ingesting._changed(layout, state), state)
    con.close()
    ((_, read, over),) = batch.read.values()
    assert (read, over) == (first, False)


def test_one_spool_that_cannot_be_read_stops_no_other(start, db, layout, monkeypatch):
    with start() as secret:
        secret.log({"a": 1.0}, step=1)
    with start() as plain:
        plain.log({"a": 1.0}, step=1)
    real = ingesting.whole_lines

    def refused(path, *rest):
        if secret.run_id in str(path):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(ingesting, "whole_lines", refused)
        ingest(db, force=True)
    assert queries.runs(db=db)["run_id"].to_list() == [plain.run_id]
    ingest(db, force=True)
    assert queries.runs(db=db).height == 2


ODD_RECORDS = [
    {"describe": {"run_no": 7, "status": "finished", "started_at": "now", "host": "x", "archived": True}},
    {"end": {"status": "done", "error": None, "elapsed": 1.0}},
    {"end": {"status": {"a": 1}, "error": None, "elapsed": 1.0}},
    {"end": {"status": "finished", "error": None, "elapsed": "long"}},
    {"end": {"status": "finished", "error": {"a": 1}, "elapsed": 1.0}},
    {"beat": {"a": 1}, "elapsed": 1.0},
    {"beat": 0.5, "eta_s": [1], "elapsed": 1.0},
    {"run": {"experiment": {"a": 1}, "host": ["h"], "pid": "one"}, "config": {}},
    {"run": {"experiment": "x"}, "config": [1]},
    {"resumed_at_step": 2**70},
    {"many": {"a": [1.0]}, "steps": [1.5]},
    {"many": {"a": [1.0, 2.0]}, "steps": [1]},
    {"many": [1], "steps": [1]},
    {"summary": {"a": "x"}},
    {"params": 7},
    {"log": {"a": {"b": 1}}, "step": 1, "epoch": None},
]


def test_lines_that_make_no_sense_poison_no_other(start, db, layout):
    """Whole lines with a right checksum that no version of this program writes."""
    with start() as sound:
        sound.log({"a": 1.0}, step=1)
    for number, record in enumerate(ODD_RECORDS):
        first = {"run": {"experiment": "odd", "host": "h"}, "config": {}, "at": 1.0}
        lines = [encode(line) for line in (first, {**record, "at": 2.0}, {"summary": {"b": 1.0}, "at": 3.0})]
        layout.spool_file(f"20260101-000000-{number:04x}").write_bytes(b"".join(lines))
    ids = [path.stem for path in layout.spool.glob("20260101*")]
    assert queries.curves([*ids, sound.run_id], db=db)["value"].to_list() == [1.0]  # the tails, before any ingest
    ingest(db, force=True)
    found = queries.runs(db=db, with_summary=["b"])
    assert found.height == 1 + len(ODD_RECORDS)
    assert found.filter(experiment="odd")["b"].to_list() == [1.0] * len(ODD_RECORDS)
    assert set(found["status"]) <= {"running", "lost", "finished"}
    assert queries.run(sound.run_id, db)["status"] == "finished"
    assert len(checking.check(db).problems) >= len(ODD_RECORDS) - 3


def test_many_spools_in_many_transactions_are_each_looked_at_once(start, db, monkeypatch):
    monkeypatch.setattr(ingesting, "FILES", 5)
    monkeypatch.setattr(ingesting, "CHUNK", 20_000)
    for number in range(40):
        with start() as run:
            for step in range(600 if number == 20 else 3):  # one of them needs several transactions
                run.log({"train/loss": step / 7}, step=step)
    looks = []
    read = ingesting.State.read
    monkeypatch.setattr(ingesting.State, "read", lambda state, file: looks.append(file) or read(state, file))
    assert ingest(db, force=True).lines == 40 * 2 + 39 * 3 + 600
    assert len(looks) < 2 * 40
    rows = queries.sql("SELECT run_id, count(*) AS n, count(DISTINCT step) AS steps FROM metrics GROUP BY ALL", db=db)
    assert sorted(rows["n"].to_list()) == [3] * 39 + [600]
    assert rows["n"].equals(rows["steps"].rename("n"))
    assert queries.runs(db=db)["status"].unique().to_list() == ["finished"]


def test_the_search_for_cycles_goes_on_after_an_ingest(start, db, monkeypatch):
    start().finish()
    monkeypatch.setattr(ingesting, "write_batch", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        ingest(db, force=True)
    assert gc.isenabled()
