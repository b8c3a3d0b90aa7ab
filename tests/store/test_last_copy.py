"""Nothing that holds less replaces what holds more: a published file alone, a lost folder, a damaged copy."""

import shutil

import duckdb
import pytest

from store import checking, queries, runs, upkeep
from store.database.connections import open_work
from store.database.publish import counter
from store.errors import StoreError
from store.ingest import ingest
from store.paths import locate


@pytest.fixture(scope="module")
def handed_on(tmp_path_factory, fill, everything):
    """A published file that was handed on without its folder, and what it holds."""
    tmp_path = tmp_path_factory.mktemp("handed_on")
    db = tmp_path / "first" / "results.duckdb"
    for value in (0.5, 0.25):
        run_id = fill(db, (value, 2 * value), tags=["kept"])
    runs.edit(db, "note", run_id=run_id, note="by hand")
    figures = tmp_path / "figures.csv"
    header = "experiment,task,dataset,model,variant,split,metric,value,source,note\n"
    figures.write_text(f"{header}clue,tnews,clue/tnews,bert,,dev,accuracy,0.5663,mine,\n")
    upkeep.load_published(figures, db)
    return db, everything(db)


@pytest.fixture
def alone(tmp_path, handed_on):
    """A copy of it for one test."""
    copy = tmp_path / "second" / "results.duckdb"
    copy.parent.mkdir()
    shutil.copyfile(handed_on[0], copy)
    return copy, handed_on[1]


def counter_of(db):
    con = open_work(locate(db))
    try:
        return counter(con)
    finally:
        con.close()


def files(folder):
    return sorted((path.name, path.stat().st_mtime_ns) for path in folder.rglob("*"))


def test_looking_writes_nothing(alone, everything):
    db, content = alone
    before = files(db.parent)
    report = checking.check(db)
    assert report.clean
    assert any("is the only copy of its runs" in note for note in report.notes)
    assert "2 runs came without their spools: the database is their only copy" in report.notes
    assert everything(db) == content
    assert len(queries.runs(db=db)) == 2
    assert not queries.refresh(db)
    assert files(db.parent) == before


def start_a_job(db):
    runs.start("new", config={}, command="", config_hash="", db=db, follow=False).finish()
    ingest(db, force=True)


WRITERS = {
    "ingest": lambda db: ingest(db, force=True),
    "gc": lambda db: upkeep.gc(db, dry_run=False, models=True),
    "compact": upkeep.compact,
    "edit": lambda db: (runs.edit(db, "tags", run_id=queries.runs(db=db)["run_id"][0], tags=["x"]), ingest(db)),
    "a job": start_a_job,
    "rebuild": upkeep.rebuild,
    "backup": lambda db: upkeep.backup(db.with_name("backup.duckdb"), db),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_the_first_writer_makes_the_working_copy_from_the_published_file(alone, everything, writer):
    db, content = alone
    known = set(queries.runs(db=db)["run_id"])
    before = queries.version(db)
    WRITERS[writer](db)
    assert known <= set(queries.runs(db=db)["run_id"])
    if writer == "ingest":
        assert everything(db) == content
        assert queries.version(db) == before  # the same counter: there is nothing to publish
    for table in ("metrics", "params", "summary", "predictions", "examples"):
        assert set(content[table]) <= set(everything(db)[table]), table
    assert queries.published(db=db)["source"].to_list() == ["mine"]


def test_a_removed_folder_takes_no_run_with_it(db, fill, everything):
    fill(db)
    ingest(db, force=True)
    content = everything(db)
    shutil.rmtree(locate(db).folder)
    assert checking.check(db).clean
    new = fill(db, (3.0,))
    ingest(db, force=True)
    assert set(content["metrics"]) < set(everything(db)["metrics"])
    assert queries.curves(new, db=db)["value"].to_list() == [3.0]


def test_a_damaged_last_copy_is_refused_with_the_way_out(alone):
    db, _ = alone
    damaged = db.read_bytes()[:5000]
    db.chmod(0o644)
    db.write_bytes(damaged)
    for act in (ingest, upkeep.gc, start_a_job, upkeep.rebuild):
        with pytest.raises(StoreError, match=r"bring (it|.*results.duckdb) back from a backup"):
            act(db)
    assert db.read_bytes() == damaged
    assert any("is damaged" in problem for problem in checking.check(db).problems)


def test_a_lost_spool_takes_no_run_with_it_in_a_rebuild(db, fill, everything):
    ids = [fill(db, (float(number), 7.0)) for number in range(3)]
    for run_id, note in zip(ids, "abc", strict=True):
        runs.edit(db, "note", run_id=run_id, note=note)
    with runs.start("can", config={}, command="", config_hash="", db=db, follow=False) as run:
        run.measure("can_grid", {"k": 3}, accuracy=0.5)
    ingest(db, force=True)
    layout, content = locate(db), everything(db)
    layout.spool_file(ids[0]).unlink()
    layout.spool_file(run.run_id).unlink()
    shorter = layout.spool_file(ids[1])
    shorter.write_bytes(b"".join(shorter.read_bytes().splitlines(keepends=True)[:2]))
    layout.edits.unlink()
    done = upkeep.rebuild(db)
    assert set(done.kept) == {ids[0], ids[1], run.run_id}
    assert everything(db) == content
    assert queries.measurements("can_grid", db=db)["k"].to_list() == [3]
    assert upkeep.rebuild(db).kept == done.kept
    assert everything(db) == content
    runs.edit(db, "note", run_id=ids[2], note="later")
    ingest(db, force=True)
    assert queries.run(ids[2], db)["note"] == "later"


@pytest.mark.parametrize(
    ("at", "ingested"),
    [
        (0, True),
        (1, False),
        (-1, True),
        *(pytest.param(*case, marks=pytest.mark.slow) for case in ((0, False), (1, True), (-1, False))),
    ],
)
def test_a_spool_that_was_cut_takes_no_point_with_it_in_a_rebuild(db, fill, everything, at, ingested):
    run_id = fill(db, (0.5, 0.4, 0.3, 0.2))
    fill(db, (0.9,))
    ingest(db, force=True)
    before = everything(db)
    spool = locate(db).spool_file(run_id)
    third = spool.read_bytes().split(b"\n")[:3]
    with spool.open("r+b") as file:
        file.truncate(len(b"\n".join(third)) + 1 + at)  # at the end of a line, and beside it
    if ingested:  # which finds that it was cut
        ingest(db, force=True)
    for _ in range(2):
        assert upkeep.rebuild(db).kept == [run_id]
        assert everything(db) == before


@pytest.mark.parametrize(
    ("kind", "harm"),
    [
        ("examples", "gone"),
        ("predictions", "cut"),
        pytest.param("examples", "cut", marks=pytest.mark.slow),
        pytest.param("predictions", "gone", marks=pytest.mark.slow),
    ],
)
def test_a_damaged_file_of_rows_takes_none_with_it_in_a_rebuild(db, fill, everything, kind, harm):
    run_id = fill(db)
    ingest(db, force=True)
    before = everything(db)
    assert before[kind]
    [path] = locate(db).predictions.glob("examples-*" if kind == "examples" else f"{run_id}-*")
    path.write_bytes(path.read_bytes()[:500]) if harm == "cut" else path.unlink()
    assert any(path.name in problem for problem in checking.check(db, deep=True).problems)
    for _ in range(2):
        assert upkeep.rebuild(db).kept == ([run_id] if kind == "predictions" else [])
        assert everything(db) == before


def test_a_published_file_that_holds_more_is_not_replaced(tmp_path, fill):
    mine, theirs = tmp_path / "mine.duckdb", tmp_path / "theirs.duckdb"
    first = fill(mine)
    ingest(mine, force=True)
    old = tmp_path / "old"
    shutil.copytree(locate(mine).folder, old)
    second = fill(mine)
    ingest(mine, force=True)
    shutil.rmtree(locate(mine).folder)
    old.rename(locate(mine).folder)  # a folder from before came back
    with pytest.raises(StoreError, match=r"holds 1 runs \(.*does not hold, so it was not replaced: `python"):
        ingest(mine, force=True)
    assert set(queries.runs(db=mine)["run_id"]) == {first, second}
    upkeep.rebuild(mine)
    assert set(queries.runs(db=mine)["run_id"]) == {first, second}
    foreign = fill(theirs, (9.0,))
    ingest(theirs, force=True)
    mine.unlink()
    shutil.copyfile(theirs, mine)  # somebody's file in the place of ours
    start = fill(mine, (4.0,))
    with pytest.raises(StoreError, match="so it was not replaced"):
        ingest(mine, force=True)
    assert queries.runs(db=mine)["run_id"].to_list() == [foreign]
    upkeep.rebuild(mine)
    assert set(queries.runs(db=mine)["run_id"]) == {first, second, foreign, start}
    lost = (second, foreign)
    gone = [problem for problem in checking.check(mine).problems if "is gone: the database" in problem]
    assert gone == [f"{run_id}.jsonl is gone: the database is the only copy of what it said" for run_id in lost]


def truncate(db):
    db.write_bytes(db.read_bytes()[: db.stat().st_size // 2])


def zero(db):
    db.write_bytes(bytes(db.stat().st_size))


def empty(db):
    db.write_bytes(b"")


def rot(db):
    data = bytearray(db.read_bytes())
    for at in range(4096 * 3, len(data), 64):
        data[at] ^= 0x55
    db.write_bytes(bytes(data))


@pytest.mark.parametrize(
    ("damage", "who"),
    [
        (truncate, "a job"),
        (rot, "ingest"),
        pytest.param(empty, "a job", marks=pytest.mark.slow),
        pytest.param(zero, "ingest", marks=pytest.mark.slow),
    ],
)
def test_a_damaged_published_file_is_made_again(db, fill, everything, caplog, damage, who):
    fill(db)
    ingest(db, force=True)
    content = everything(db)
    db.chmod(0o644)
    damage(db)
    if damage is not rot:
        with pytest.raises(StoreError, match=r"is damaged.*`python -m store ingest` makes it again") as refused:
            queries.runs(db=db)
        assert ".reader-" not in str(refused.value)
    assert any("is damaged" in problem for problem in checking.check(db).problems)
    WRITERS[who](db)
    assert "it is made again now" in caplog.text or damage is rot
    found = everything(db)
    assert all(set(content[table]) <= set(found[table]) for table in content)
    assert checking.check(db).clean


def test_bit_rot_that_no_clock_shows_is_found_by_those_who_look_for_it(db, fill, everything):
    import os

    fill(db)
    ingest(db, force=True)
    content, times = everything(db), db.stat()
    db.chmod(0o644)
    rot(db)
    os.utime(db, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert any("is damaged" in problem for problem in checking.check(db).problems)
    ingest(db, force=True, verify=True)
    assert everything(db) == content
    assert checking.check(db).clean


def test_a_file_of_somebody_else_is_never_replaced(db, fill):
    fill(db)
    ingest(db, force=True)
    db.unlink()
    con = duckdb.connect(str(db))
    con.execute("CREATE TABLE mine (x INTEGER)")
    con.close()
    before = db.read_bytes()
    for act in (start_a_job, lambda db: ingest(db, force=True, verify=True), upkeep.gc):
        with pytest.raises(StoreError, match="not a store of clueboard"):
            act(db)
    assert db.read_bytes() == before
