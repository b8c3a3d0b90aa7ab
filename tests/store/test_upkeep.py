"""Check, rebuild, compact, gc and backup."""

import contextlib
import gzip
from pathlib import Path

import pytest

from store import checking, queries, runs, upkeep
from store.errors import StoreError
from store.ingest import ingest
from store.paths import locate


def test_the_database_is_whole_again_after_it_was_destroyed(filled, layout, assert_whole):
    layout.work.write_bytes(b"\0" * 5000)
    with pytest.raises(StoreError, match="`python -m store rebuild` makes it anew"):
        ingest(filled, force=True)
    assert len(queries.runs(db=filled)) == 1
    upkeep.rebuild(filled)
    assert_whole()


def test_compact_packs_finished_runs_and_everything_still_works(tmp_path, fill, everything):
    db = tmp_path / "r.duckdb"
    run_id = fill(db, range(2000))
    running = runs.start("clue", config={}, command="", config_hash="h", db=db, follow=False)
    ingest(db, force=True)
    before = everything(db)
    packed, won = upkeep.compact(db)
    assert packed == 1
    assert won > 0
    spool = locate(db).spool_file(run_id)
    assert not spool.exists()
    assert gzip.decompress(Path(f"{spool}.gz").read_bytes()).startswith(b'{"run":')
    upkeep.rebuild(db)
    assert everything(db) == before
    assert checking.check(db, deep=True).clean
    running.finish()
    resumed = runs.resume(run_id, 1999, db, follow=False)
    resumed.log({"train/loss": 1.0}, step=2000)
    resumed.finish()
    ingest(db, force=True)
    assert len(queries.curves(run_id, buckets=5000, db=db)) == 2001


def test_gc_lists_first_and_removes_on_request(tmp_path, fill):
    db = tmp_path / "r.duckdb"
    kept, archived = fill(db), fill(db, (3.0,))
    runs.edit(db, "archive", run_id=archived, archived=True)
    orphan = locate(db).predictions / "20200101-000000-aaaa-dev-123456789abc.parquet"
    orphan.write_bytes(b"x")
    model, last = (locate(db).artifacts / kept / name for name in ("model.safetensors", "last.safetensors"))
    last.write_bytes(b"to resume")
    assert {what for what, _ in upkeep.gc(db)} == {
        f"archived run {archived}: r/spool/{archived}.jsonl",
        f"archived run {archived}: r/artifacts/{archived}",
        *(f"archived run {archived}: r/predictions/{path.name}" for path in orphan.parent.glob(f"{archived}-*")),
        f"file without a line: r/predictions/{orphan.name}",
        f"file without a line: r/artifacts/{kept}/last.safetensors",
    }
    assert orphan.exists()
    assert last.exists()
    assert len(queries.runs(archived=True, db=db)) == 2
    upkeep.gc(db, dry_run=False)
    assert queries.runs(archived=True, db=db)["run_id"].to_list() == [kept]
    assert not orphan.exists()
    assert not (locate(db).artifacts / archived).exists()
    assert not last.exists()
    assert model.exists()  # predictions need it
    assert queries.probabilities(kept, db=db).height == 1
    assert upkeep.gc(db) == []
    assert [what for what, _ in upkeep.gc(db, dry_run=False, models=True)] == [
        f"model of run {kept}: r/artifacts/{kept}/model.safetensors"
    ]
    assert not model.exists()
    assert upkeep.gc(db, models=True) == []
    assert checking.check(db, deep=True).clean
    upkeep.rebuild(db)
    assert queries.runs(archived=True, db=db)["run_id"].to_list() == [kept]
    assert checking.check(db, deep=True).clean


def test_backup_is_a_store(tmp_path, fill, everything):
    db, copy = tmp_path / "r.duckdb", tmp_path / "copy.duckdb"
    fill(db)
    upkeep.backup(copy, db)
    assert everything(copy) == everything(db)
    assert checking.check(copy, deep=True).clean
    with pytest.raises(StoreError, match="exists already"):
        upkeep.backup(copy, db)


def test_a_backup_that_was_killed_before_its_database_had_its_name_is_made_again(
    tmp_path, fill, everything, monkeypatch
):
    db, copy = tmp_path / "r.duckdb", tmp_path / "copy.duckdb"
    fill(db)

    @contextlib.contextmanager
    def killed(path, **_):
        yield path.with_name("new")
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(upkeep, "written_whole", killed)
        with pytest.raises(SystemExit):
            upkeep.backup(copy, db)
    assert locate(copy).folder.exists()
    assert not copy.exists()
    (tmp_path / ".copy.backup").mkdir()
    (tmp_path / ".copy.backup" / "half").write_bytes(b"")
    upkeep.backup(copy, db)
    assert everything(copy) == everything(db)
    assert not list(locate(copy).folder.glob(".*"))
    assert not (tmp_path / ".copy.backup").exists()


def test_a_backup_removes_nothing_that_was_written_where_an_earlier_one_was_killed(tmp_path, fill):
    db, copy = tmp_path / "r.duckdb", tmp_path / "copy.duckdb"
    fill(db)
    layout = locate(copy)
    layout.create()
    with pytest.raises(StoreError, match=r"copy exists already; remove it"):
        upkeep.backup(copy, db)
    (layout.folder / upkeep.UNFINISHED).touch()
    run = runs.start("clue", config={}, command="", config_hash="", db=copy, follow=False)
    with pytest.raises(StoreError, match="exists already"):
        upkeep.backup(copy, db)
    run.finish()
    assert layout.spool_file(run.run_id).exists()


def test_two_backups_to_one_target_do_not_mix(tmp_path, fill):
    db, copy = tmp_path / "r.duckdb", tmp_path / "copy.duckdb"
    fill(db)
    with upkeep._half(locate(copy)), pytest.raises(StoreError, match="another process is backing up"):
        upkeep.backup(copy, db)
    upkeep.backup(copy, db)


def test_check_names_what_is_wrong(tmp_path, fill):
    db = tmp_path / "r.duckdb"
    run_id = fill(db)
    ingest(db, force=True)
    (locate(db).artifacts / run_id / "model.safetensors").write_bytes(b"other")
    assert any("is not what its run stored" in problem for problem in checking.check(db, deep=True).problems)
    (locate(db).artifacts / run_id / "model.safetensors").unlink()
    assert any("model.safetensors is gone" in problem for problem in checking.check(db).problems)
    locate(db).spool_file(run_id).unlink()
    assert any("the database is the only copy of what it said" in problem for problem in checking.check(db).problems)


def test_leftovers_of_killed_processes_are_listed_and_removed_but_not_those_of_a_running_job(start, db):
    with start() as over:
        half = over.folder / ".last.safetensors.4711"
        half.write_bytes(b"half a checkpoint")
    running = start()
    other = running.folder / ".last.safetensors.4712"
    other.write_bytes(b"half a checkpoint")
    aside = locate(db).spool / f".{over.run_id}.jsonl.gz.4711"
    aside.write_bytes(b"half")
    notes = [note for note in checking.check(db).notes if "no line names this file" in note]
    assert len(notes) == 2
    upkeep.gc(db, dry_run=False)
    assert not half.exists()
    assert not aside.exists()
    assert other.exists()
    running.finish()
