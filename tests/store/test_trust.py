"""Whatever the lines, links and packed files of somebody else's store say, nothing outside this store is touched."""

import gzip
import os
import re
import time

import pytest

from store import checking, queries, runs, upkeep
from store.errors import StoreError
from store.ingest import ingest
from store.merging import merge
from store.paths import locate
from store.spool.lines import encode
from store.spool.packing import pack, read_packed

NOW = 1.7e9
START = {"run": {"experiment": "x", "host": "h", "pid": 1}, "config": {}, "at": NOW}
END = {"end": {"status": "finished", "error": None, "elapsed": 1.0}, "at": NOW}
HASH = "0" * 64


@pytest.fixture
def victim(tmp_path):
    folder = tmp_path / "victim"
    folder.mkdir()
    (folder / "file").write_text("precious")
    (folder / "secret.parquet").write_text("precious")
    return folder


@pytest.fixture
def foreign(tmp_path):
    """Write a store by hand: its spools' records and its edits."""

    def write(records=(), edits=(), run_id="20260101-000000-abcd"):
        layout = locate(tmp_path / "there" / "foreign.duckdb")
        layout.create()
        (layout.spool / f"{run_id}.jsonl").write_bytes(b"".join(map(encode, [START, *records, END])))
        layout.edits.write_bytes(b"".join(encode({"at": NOW, **edit}) for edit in edits))
        return layout

    return write


def clear_out(db):
    for _ in range(2):
        upkeep.gc(db, dry_run=False, models=True)


def artifact(path):
    return {"artifact": {"name": "m", "kind": "checkpoint", "path": path, "bytes": 1, "sha256": HASH}, "at": NOW}


BAD_RECORDS = [
    *(artifact(path) for path in ("../../../victim/file", "/etc/hostname", "a/../../../../victim/file", "..", 7)),
    {"predictions": {"split": "dev", "file": "../../victim/secret.parquet", "rows": 1, "sha256": HASH}, "at": NOW},
    {"examples": {"dataset": "d", "split": "dev", "file": "/etc/passwd", "rows": 1, "sha256": HASH}, "at": NOW},
    {"artifact": {"name": "m", "kind": "checkpoint", "path": "x", "bytes": "many", "sha256": HASH}, "at": NOW},
    {"predictions": {"split": ["dev"], "file": "x.parquet", "sha256": HASH}, "at": NOW},
    {"measure": ["runs"], "axes": {}, "source": "measured", "values": {"a": [1.0, None, None, None]}, "at": NOW},
]


def test_a_line_that_leads_out_of_the_store_is_set_aside(tmp_path, victim, foreign, fill):
    db = tmp_path / "here" / "results.duckdb"
    mine = fill(db)
    merge(foreign(BAD_RECORDS).db, db)
    found = [problem for problem in checking.check(db).problems if "not understood" in problem]
    assert len(found) == len(BAD_RECORDS)
    assert queries.artifacts("20260101-000000-abcd", db).is_empty()
    clear_out(db)
    assert sorted(path.name for path in victim.iterdir()) == ["file", "secret.parquet"]
    assert mine in queries.runs(db=db)["run_id"].to_list()


BAD_EDITS = [
    *({"edit": kind, "run_id": "../../../victim"} for kind in ("delete", "remove", "restore")),
    {"edit": "remove", "run_id": ".."},
    {"edit": "remove", "run_id": "*"},
    {"edit": "forget", "run_id": "..", "name": "m"},
    {"edit": "archive", "run_id": "..", "archived": True},
    {"edit": "tags", "run_id": "20260101-000000-abcd", "tags": "one"},
    {"edit": "tags", "run_id": "20260101-000000-abcd"},
    {"edit": "note", "run_id": "20260101-000000-abcd", "note": {"a": 1}},
    {"edit": "mark", "hash": 1, "run_id": None, "mark": "x", "note": ""},
    {"edit": "mark", "hash": "1", "run_id": None, "mark": "x", "note": "", "at": "now"},
]


def test_an_edit_that_makes_no_sense_is_set_aside_and_harms_nobody(tmp_path, victim, foreign, fill):
    db = tmp_path / "here" / "results.duckdb"
    mine = fill(db)
    there = foreign(edits=BAD_EDITS)
    with locate(db).edits.open("ab") as file:  # a folder shared with somebody
        file.write(there.edits.read_bytes())
    merge(there.db, db)
    clear_out(db)
    found = [problem for problem in checking.check(db).problems if problem.startswith("edits.jsonl")]
    assert len(found) == len(BAD_EDITS)
    assert (victim / "file").read_text() == "precious"
    assert mine in queries.runs(db=db)["run_id"].to_list()
    runs.edit(db, "note", run_id=mine, note="still works")
    ingest(db, force=True)
    assert queries.run(mine, db)["note"] == "still works"


def test_removing_a_run_leaves_the_files_of_those_whose_ids_begin_alike(tmp_path, fill):
    db = tmp_path / "r.duckdb"
    mine = fill(db)
    for run_id in (mine[:15], mine[:8]):  # such ids never had a run here
        runs.edit(db, "remove", run_id=run_id)
    clear_out(db)
    assert len(list(locate(db).predictions.glob(f"{mine}-*"))) == 1
    assert queries.probabilities(mine, db=db).height == 1


def test_a_spool_that_no_run_can_have_written_is_left_alone(tmp_path, foreign, fill):
    db = tmp_path / "here" / "results.duckdb"
    fill(db)
    there = foreign()
    for name in ("...jsonl", "..jsonl", ".x.jsonl", "a b.jsonl", "*.jsonl"):
        (there.spool / name).write_bytes(b"".join(map(encode, [START, END])))
    (there.folder / "work.duckdb").write_bytes(b"poison")
    merge(there.db, db)
    assert queries.runs(db=db).height == 2
    assert upkeep.rebuild(db).unreadable == []


def test_merge_follows_no_links(tmp_path, victim, foreign, fill):
    db = tmp_path / "here" / "results.duckdb"
    fill(db)
    there = foreign()
    run_id = "20260101-000000-abcd"
    (there.artifacts / run_id / "below").mkdir(parents=True)
    (there.artifacts / run_id / "below" / "own").write_text("x")
    (there.artifacts / run_id / "link").symlink_to(victim / "file")
    (there.artifacts / run_id / "folder").symlink_to(victim)
    (there.predictions / "link.parquet").symlink_to(victim / "secret.parquet")
    (there.spool / "20260102-000000-aaaa.jsonl").symlink_to(there.spool / f"{run_id}.jsonl")
    (there.artifacts / "20260102-000000-aaaa").symlink_to(victim)
    os.mkfifo(there.spool / "20260103-000000-aaaa.jsonl")
    merge(there.db, db)
    here = locate(db)
    copied = sorted(path.name for path in (here.artifacts / run_id).rglob("*"))
    assert copied == ["below", "own"]
    assert not (here.predictions / "link.parquet").exists()
    assert "20260102-000000-aaaa" not in queries.runs(db=db)["run_id"].to_list()
    texts = [path.read_bytes() for path in here.folder.rglob("*") if path.is_file()]
    assert not any(b"precious" in text for text in texts)


def test_a_link_inside_this_store_leads_nobody_out(tmp_path, victim, fill):
    db = tmp_path / "results.duckdb"
    archived = fill(db)
    runs.edit(db, "archive", run_id=archived, archived=True)
    folder = locate(db).artifacts / archived
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    folder.symlink_to(victim)
    with pytest.raises(StoreError, match="is a link that leads out of"):
        upkeep.gc(db, dry_run=False)
    assert (victim / "file").read_text() == "precious"


def test_a_packed_spool_is_unpacked_within_bounds(tmp_path, foreign, fill, monkeypatch):
    db = tmp_path / "here" / "results.duckdb"
    mine = fill(db)
    there = foreign()
    with monkeypatch.context() as patch:
        patch.setattr("store.spool.packing.SPARE", 1 << 20)
        bomb = there.spool / "20260102-000000-aaaa.jsonl.gz"
        bomb.write_bytes(gzip.compress(b"0" * (8 << 20)))
        began = time.process_time()
        why = merge(there.db, db).left_out["20260102-000000-aaaa"]
        assert re.search(r"unpacks to more than \d+ bytes: it is no packed spool", why)
        (locate(db).spool / bomb.name).write_bytes(bomb.read_bytes())
        ingest(db, force=True)
        assert mine in queries.runs(db=db)["run_id"].to_list()
        assert [problem for problem in checking.check(db).problems if "unpacks to more than" in problem]
        assert time.process_time() - began < 20
        same = tmp_path / "same.jsonl"
        same.write_bytes(b"0" * (8 << 20))
        assert pack(same) == 0  # what would not come out again does not go in
        assert same.exists()
    pack(same)
    assert read_packed(tmp_path / "same.jsonl.gz") == b"0" * (8 << 20)
