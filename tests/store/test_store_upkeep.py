"""Merging, packing, clearing out, backing up, importing and exporting, from Python and from the command line."""

import gzip
import json
import os
import sqlite3
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from store import __main__ as command_line
from store import exporting, queries, runs, upkeep
from store.errors import StoreError
from store.importers.into_spools import import_from
from store.importers.tensorboard import masked_crc32c
from store.ingest import ingest
from store.merging import merge
from store.paths import locate

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def fill(db, values=(0.5, 0.25), **fields):
    with runs.start("clue", config={}, command="", config_hash="h", db=db, follow=False, **fields) as run:
        for step, value in enumerate(values):
            run.log({"train/loss": value}, step=step)
        path = run.folder / "model.safetensors"
        path.write_bytes(b"weights")
        run.artifact("model.safetensors", "checkpoint", path)
        frame = pl.DataFrame(
            {
                "example_id": ["1"],
                "hash": ["aa"],
                "label": ["1"],
                "prediction": ["0"],
                "confidence": [0.75],
                "text": ["{}"],
            }
        )
        run.examples("tnews", "dev", frame)
        run.predictions("dev", frame, probabilities=np.array([[0.25, 0.75]]), labels=["no", "yes"])
    return run.run_id


def everything(db):
    tables = ("runs", "params", "metrics", "summary", "predictions", "examples", "artifacts", "marks")
    con = queries._con(db)
    return {table: sorted(map(repr, con.execute(f"FROM {table}").fetchall())) for table in tables}


def test_merge_brings_everything_once(tmp_path):
    here, there = tmp_path / "here.duckdb", tmp_path / "there.duckdb"
    fill(here)
    theirs = fill(there, (0.9, 0.8, 0.7))
    runs.edit(there, "note", run_id=theirs, note="from afar")
    first = merge(there, here)
    assert (first.new, first.same, first.edits) == (1, 0, 1)
    again = merge(there, here)
    assert (again.new, again.same, again.edits) == (0, 1, 0)
    assert queries.run(theirs, here)["note"] == "from afar"
    assert queries.curves(theirs, db=here)["value"].to_list() == [0.9, 0.8, 0.7]
    assert queries.probabilities(theirs, db=here)["yes"].to_list() == [0.75]
    assert upkeep.check(here, deep=True).clean
    grown = runs.resume(theirs, 2, there, follow=False)
    grown.log({"train/loss": 0.6}, step=3)
    grown.finish()
    assert merge(there, here).grown == 1
    assert queries.curves(theirs, db=here)["value"].to_list() == [0.9, 0.8, 0.7, 0.6]
    before = everything(here)
    upkeep.rebuild(here)
    assert everything(here) == before


def test_merge_keeps_two_runs_that_share_an_id(tmp_path):
    here, there = tmp_path / "here.duckdb", tmp_path / "there.duckdb"
    mine, theirs = fill(here, (1.0,)), fill(there, (2.0,))
    locate(there).spool_file(theirs).rename(locate(there).spool_file(mine))
    (locate(there).artifacts / theirs).rename(locate(there).artifacts / mine)
    assert merge(there, here).renamed == 1
    assert merge(there, here).same == 1
    assert sorted(queries.sql("SELECT value FROM metrics", db=here)["value"]) == [1.0, 2.0]
    assert upkeep.check(here, deep=True).clean


def test_compact_packs_finished_runs_and_everything_still_works(tmp_path):
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
    assert upkeep.check(db, deep=True).clean
    running.finish()
    resumed = runs.resume(run_id, 1999, db, follow=False)
    resumed.log({"train/loss": 1.0}, step=2000)
    resumed.finish()
    ingest(db, force=True)
    assert len(queries.curves(run_id, buckets=5000, db=db)) == 2001


def test_gc_lists_first_and_removes_on_request(tmp_path):
    db = tmp_path / "r.duckdb"
    kept, archived = fill(db), fill(db, (3.0,))
    runs.edit(db, "archive", run_id=archived, archived=True)
    orphan = locate(db).predictions / "20200101-000000-aaaa-dev-123456789abc.parquet"
    orphan.write_bytes(b"x")
    model, last = (locate(db).artifacts / kept / name for name in ("model.safetensors", "last.safetensors"))
    last.write_bytes(b"to resume")
    assert [what.split()[0] for what, _ in upkeep.gc(db)] == ["archived", "file", "file"]
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
    assert [what for what, _ in upkeep.gc(db, dry_run=False, models=True)] == [f"model {kept}/model.safetensors"]
    assert not model.exists()
    assert upkeep.gc(db, models=True) == []
    assert upkeep.check(db, deep=True).clean
    upkeep.rebuild(db)
    assert queries.runs(archived=True, db=db)["run_id"].to_list() == [kept]
    assert upkeep.check(db, deep=True).clean


def test_backup_is_a_store(tmp_path):
    db, copy = tmp_path / "r.duckdb", tmp_path / "copy.duckdb"
    fill(db)
    upkeep.backup(copy, db)
    assert everything(copy) == everything(db)
    assert upkeep.check(copy, deep=True).clean
    with pytest.raises(StoreError, match="exists already"):
        upkeep.backup(copy, db)


def test_check_names_what_is_wrong(tmp_path):
    db = tmp_path / "r.duckdb"
    run_id = fill(db)
    ingest(db, force=True)
    (locate(db).artifacts / run_id / "model.safetensors").write_bytes(b"other")
    assert any("is not what its run stored" in problem for problem in upkeep.check(db, deep=True).problems)
    (locate(db).artifacts / run_id / "model.safetensors").unlink()
    assert any("model.safetensors is gone" in problem for problem in upkeep.check(db).problems)
    locate(db).spool_file(run_id).unlink()
    assert any("a rebuild would lose its run" in problem for problem in upkeep.check(db).problems)


@pytest.mark.parametrize("kind", ["parquet", "csv", "json"])
def test_export(tmp_path, kind):
    db = tmp_path / "r.duckdb"
    run_id = fill(db, tags=["a", "b"])
    ingest(db, force=True)
    target = tmp_path / f"out.{kind}"
    assert exporting.export_query("SELECT step, value FROM metrics ORDER BY step", target, db=db) == 2
    frame = {"parquet": pl.read_parquet, "csv": pl.read_csv, "json": pl.read_json}[kind](target)
    assert frame.rows() == [(0, 0.5), (1, 0.25)]
    with pytest.raises(StoreError, match="exists already"):
        exporting.export_query("SELECT 1", target, db=db)
    files = exporting.export_run(run_id, tmp_path / "run", kind=kind, db=db)
    assert {file.stem for file in files} >= {"runs", "metrics", "summary", "predictions", "artifacts"}
    with pytest.raises(StoreError, match="must be parquet, csv, json"):
        exporting.export_query("SELECT 1", tmp_path / "out.xlsx", db=db)


def trackio_database(path):
    con = sqlite3.connect(path)
    con.execute(
        "CREATE TABLE metrics (id INTEGER PRIMARY KEY, run_id TEXT, timestamp TEXT, run_name TEXT, "
        "step INTEGER, metrics TEXT)"
    )
    con.execute(
        "CREATE TABLE configs (id INTEGER PRIMARY KEY, run_id TEXT, run_name TEXT, config TEXT, created_at TEXT)"
    )
    con.execute("CREATE TABLE alerts (id INTEGER PRIMARY KEY, title TEXT)")
    con.execute("INSERT INTO alerts VALUES (1, 'x')")
    con.execute("""INSERT INTO configs VALUES (1, 'r1', 'one', '{"lr": 0.1, "_Username": null}', '')""")
    for step in range(3):
        row = json.dumps({"loss": 1 / (step + 1), "odd": "Infinity", "text": "hi"})
        con.execute(
            "INSERT INTO metrics VALUES (NULL, 'r1', ?, 'one', ?, ?)", (f"2026-01-01T00:00:0{step}+00:00", step, row)
        )
    con.commit()
    return con


def test_import_of_trackio_again_and_after_it_grew(tmp_path):
    db, source = tmp_path / "r.duckdb", tmp_path / "proj.db"
    con = trackio_database(source)
    first = import_from(source, db=db)
    assert (len(first.new), first.not_understood) == (1, {"table alerts": 1, "text 'text'": 3})
    assert len(import_from(source, db=db).same) == 1
    con.execute("""INSERT INTO metrics VALUES (NULL, 'r1', '2026-01-01T00:01:00+00:00', 'one', 3, '{"loss": 0.25}')""")
    con.commit()
    con.close()
    assert len(import_from(source, db=db).grown) == 1
    assert len(import_from(source, db=db).same) == 1
    run_id = first.new[0]
    assert queries.curves(run_id, "loss", db=db)["value"].to_list() == [1.0, 0.5, pytest.approx(1 / 3), 0.25]
    row = queries.run(run_id, db)
    assert (row["experiment"], row["model"], row["status"], row["duration_s"]) == ("trackio", "one", "finished", 60.0)
    assert queries.params(run_id, db)["value"].to_list() == ["0.1"]
    upkeep.rebuild(db)
    assert queries.run(run_id, db) == row


def record(data):
    head = struct.pack("<Q", len(data))
    return head + struct.pack("<I", masked_crc32c(head)) + data + struct.pack("<I", masked_crc32c(data))


def event(step, tag, value):
    inner = b"\x0a" + bytes([len(tag)]) + tag.encode() + b"\x15" + struct.pack("<f", value)
    summary = b"\x0a" + bytes([len(inner)]) + inner
    return record(
        b"\x09" + struct.pack("<d", 1e9 + step) + b"\x10" + bytes([step]) + b"\x2a" + bytes([len(summary)]) + summary
    )


def test_masked_crc_of_a_known_string():
    crc = 0xE3069283  # CRC-32C of "123456789"
    assert masked_crc32c(b"123456789") == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_import_of_event_files_by_hand(tmp_path):
    db, folder = tmp_path / "r.duckdb", tmp_path / "logs" / "run-a"
    folder.mkdir(parents=True)
    file = folder / "events.out.tfevents.1"
    file.write_bytes(b"".join(event(step, "train/loss", 1 / (step + 1)) for step in range(4)) + b"torn")
    first = import_from(tmp_path / "logs", db=db)
    assert queries.curves(first.new[0], db=db)["value"].to_list() == pytest.approx([1, 0.5, 1 / 3, 0.25])
    assert list(first.not_understood) == [f"{file.name}: unfinished record at byte {len(file.read_bytes()) - 4}"]
    file.write_bytes(b"".join(event(step, "train/loss", 1 / (step + 1)) for step in range(5)))
    assert len(import_from(tmp_path / "logs", db=db).grown) == 1
    assert len(queries.curves(first.new[0], db=db)) == 5
    assert queries.run(first.new[0], db)["model"] == "run-a"


def test_import_of_event_files_written_by_tensorboard(tmp_path):
    pytest.importorskip("tensorboard")
    code = """
import sys
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary
from tensorboard.summary.writer.event_file_writer import EventFileWriter
writer = EventFileWriter(sys.argv[1])
for step in range(20):
    value = Summary.Value(tag="train/loss", simple_value=1 / (step + 1))
    writer.add_event(Event(wall_time=1e9 + step, step=step, summary=Summary(value=[value])))
histogram = Summary.Value(tag="weights", histo=HistogramProto(min=0, max=1))
writer.add_event(Event(wall_time=2e9, step=21, summary=Summary(value=[histogram])))
writer.close()
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code, str(tmp_path / "logs" / "a")], check=True)
    db = tmp_path / "r.duckdb"
    done = import_from(tmp_path / "logs", db=db)
    assert queries.curves(done.new[0], db=db)["value"].to_list() == pytest.approx(
        [1 / (step + 1) for step in range(20)]
    )
    assert done.not_understood == {"histogram 'weights'": 1}


def test_import_of_a_database_written_by_trackio(tmp_path):
    pytest.importorskip("trackio")
    code = """
import trackio
trackio.init(project="proj", name="one", config={"lr": 0.1}, embed=False)
for step in range(20):
    trackio.log({"loss": 1 / (step + 1)}, step=step)
trackio.finish()
"""
    subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        env={**os.environ, "TRACKIO_DIR": str(tmp_path / "tk")},
        capture_output=True,
    )
    db = tmp_path / "r.duckdb"
    done = import_from(tmp_path / "tk" / "proj.db", db=db)
    assert queries.curves(done.new[0], "loss", db=db)["value"].to_list() == [1 / (step + 1) for step in range(20)]
    assert queries.params(done.new[0], db).rows()[0][1:] == ("lr", "0.1")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("nothing", None, "is not there"),
        ("x.tfevents", b"hello world, no event file", "is not a TensorBoard event file"),
        ("x.db", b"SQLite format 3\0" + b"\0" * 100, "cannot read"),
        ("empty", "folder", "no tensorboard run found"),
    ],
)
def test_bad_imports_leave_the_store_untouched(tmp_path, name, content, message):
    source = tmp_path / name
    if content == "folder":
        source.mkdir()
    elif content is not None:
        source.write_bytes(content)
    with pytest.raises(StoreError, match=message):
        import_from(source, db=tmp_path / "r.duckdb")
    assert not (tmp_path / "r").exists()


def test_command_line(tmp_path, capsys, monkeypatch):
    db = tmp_path / "r.duckdb"
    run_id = fill(db)
    monkeypatch.setenv("CLUEBOARD_DB", str(db))
    monkeypatch.setattr(command_line, "without_pandas", lambda: None)
    expected = {
        ("ingest",): "lines ingested",
        ("check", "--deep"): "clean",
        ("sql", "SELECT run_id FROM runs", "--db", str(db)): run_id,
        ("export", "--run", "latest", "-o", str(tmp_path / "out")): "tables written",
        ("published",): "published figures loaded",
        ("rebuild",): "rebuilt from",
        ("gc",): "would be removed",
        ("compact",): "1 spools packed",
        ("backup", str(tmp_path / "copy.duckdb")): "MB copied",
        ("merge", str(tmp_path / "copy.duckdb")): "1 already here",
    }
    for arguments, text in expected.items():
        assert command_line.main(list(arguments)) == 0, arguments
        assert text in capsys.readouterr().out
    for arguments in (
        ["sql", "DROP VIEW runs"],
        ["merge", "nowhere.duckdb"],
        ["import", "nowhere"],
        ["check", "--db", "no.duckdb"],
    ):
        assert command_line.main(arguments) == 2, arguments
        error = capsys.readouterr().err
        assert error.startswith("error: ")
        assert error.count("\n") == 1


def test_help_is_quick():
    code = """
import runpy, sys, time
sys.argv = ["store", "--help"]
try:
    runpy.run_module("store", run_name="__main__")
except SystemExit:
    pass
print(time.process_time(), "duckdb" in sys.modules, "polars" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    seconds, *imported = done.stdout.split()[-3:]
    assert float(seconds) < 0.5
    assert imported == ["False", "False"]


def test_published_figures_must_be_well_formed(tmp_path):
    db, file = tmp_path / "r.duckdb", tmp_path / "p.csv"
    header = "experiment,task,dataset,model,variant,split,metric,value,source,note\n"
    file.write_text(header + "clue,tnews,clue/tnews,bert,,dev,accuracy,0.5663,paper,\n")
    assert upkeep.load_published(file, db) == 1
    assert queries.published("clue", "tnews", db)["value"].to_list() == [0.5663]
    file.write_text(header + "clue,tnews,clue/tnews,bert,,dev,accuracy,high,paper,\n")
    with pytest.raises(StoreError, match=r"line 2: expected a number as value, got \['high'\]"):
        upkeep.load_published(file, db)
    file.write_text("task,value\n")
    with pytest.raises(StoreError, match="must have the columns"):
        upkeep.load_published(file, db)


@pytest.mark.parametrize("file", sorted(HERE.glob("version_*.duckdb.gz")), ids=lambda file: file.name)
def test_a_store_of_an_earlier_version_is_brought_up_to_date(file, db, layout):
    """Version 1: three runs of one configuration (seeds 1, 1 and 2; dev/accuracy 0.5, 0.6 and 0.7), without spools."""
    layout.create()
    old = gzip.decompress(file.read_bytes())
    layout.work.write_bytes(old)
    layout.db.write_bytes(old)
    number = int(file.name.removesuffix(".duckdb.gz").removeprefix("version_"))
    with pytest.raises(StoreError, match=f"older schema {number}: .python -m store ingest. brings it up to date"):
        queries.runs(db=db)
    ingest(db, force=True)
    assert queries.runs(db=db)["dev/accuracy"].to_list() == [0.7, 0.6, 0.5]
    assert queries.curves(queries.runs(db=db)["run_id"].to_list(), db=db)["value"].sum() == pytest.approx(1.2)
    assert queries.measurements("can_grid", db=db)["k"].to_list() == [3, 3, 3]
    board = queries.leaderboard(db=db).select("n", "mean").rows()
    assert board == [(2, pytest.approx(0.65))]  # a seed that ran twice is no second seed
