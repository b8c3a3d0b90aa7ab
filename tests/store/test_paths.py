"""Where a store may lie."""

import os
import shutil

import pytest

from store import checking, queries, runs, upkeep
from store.errors import StoreError
from store.ingest import ingest
from store.merging import merge
from store.paths import inside, locate
from store.spool import file


def test_bad_store_paths(tmp_path):
    def begin(db):
        runs.start("x", config={}, command="", config_hash="", db=db, follow=False)

    with pytest.raises(StoreError, match=r"must end in \.duckdb"):
        begin(tmp_path / "results.db")
    (tmp_path / "folder.duckdb").mkdir()
    with pytest.raises(StoreError, match="is a folder"):
        begin(tmp_path / "folder.duckdb")
    (tmp_path / "text.duckdb").write_text("hello, this is no database")
    with pytest.raises(StoreError, match="is not a DuckDB database"):
        begin(tmp_path / "text.duckdb")
    with pytest.raises(StoreError, match="is not a DuckDB database"):
        queries.runs(db=tmp_path / "text.duckdb")
    foreign = tmp_path / "foreign.duckdb"
    import duckdb

    con = duckdb.connect(str(foreign))
    con.execute("CREATE TABLE mine (x INTEGER)")
    con.close()
    before = foreign.read_bytes()
    for act in (begin, lambda db: ingest(db, force=True), lambda db: queries.runs(db=db)):
        with pytest.raises(StoreError, match="not a store of clueboard"):
            act(foreign)
    with pytest.raises(StoreError, match="not a store of clueboard"):
        merge(foreign, tmp_path / "mine.duckdb")
    assert foreign.read_bytes() == before
    assert not foreign.with_suffix("").exists()


QUICK = ("a b", "a%20b", "a'b", "结果", "md:x", "[ab]")
RARE = ("a#b", 'a"b', "a;b", "a*b", "{a}", "$HOME", "é")


@pytest.mark.parametrize("name", [*QUICK, *(pytest.param(name, marks=pytest.mark.slow) for name in RARE)])
def test_a_store_may_lie_anywhere(tmp_path, fill, everything, name):
    db = tmp_path / name / f"{name}.duckdb"
    run_id = fill(db)
    ingest(db, force=True)
    assert queries.curves(run_id, db=db)["value"].to_list() == [0.5, 0.25]
    assert queries.probabilities(run_id, db=db)["yes"].to_list() == [0.75]
    assert len(everything(db)["predictions"]) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [name]
    assert sorted(path.name for path in db.parent.iterdir()) == [name, f"{name}.duckdb"]


@pytest.mark.parametrize("name", ["a?b", "a\\b", "a\nb", "a\udcffb"])
def test_a_path_that_duckdb_cannot_open_is_refused_before_anything_is_written(tmp_path, name):
    for db in (tmp_path / f"{name}.duckdb", tmp_path / name / "r.duckdb"):
        with pytest.raises(StoreError, match="DuckDB cannot open a path that contains"):
            runs.start("x", config={}, command="", config_hash="", db=db, follow=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["长" * 83, "x" * 250, "d/" * 1900 + "x"], ids=["wide", "long", "deep"])
def test_a_name_that_leaves_no_room_for_what_lies_beside_it_is_refused(tmp_path, name):
    with pytest.raises(StoreError, match="a database's name may have 200 bytes and its path 3500"):
        locate(tmp_path / f"{name}.duckdb")


def test_a_database_that_is_a_link_is_followed(tmp_path, fill):
    disk, link = tmp_path / "disk", tmp_path / "here" / "results.duckdb"
    disk.mkdir()
    link.parent.mkdir()
    link.symlink_to(disk / "big.duckdb")
    first = fill(link)
    ingest(link, force=True)
    second = fill(link)
    ingest(link, force=True)
    assert set(queries.runs(db=link)["run_id"]) == {first, second}
    assert link.is_symlink()
    assert sorted(path.name for path in disk.iterdir()) == ["big", "big.duckdb"]
    assert [path.name for path in link.parent.iterdir()] == ["results.duckdb"]
    lost = tmp_path / "here" / "lost.duckdb"
    lost.symlink_to(tmp_path / "unmounted" / "r.duckdb")
    with pytest.raises(StoreError, match="is not there: is its disk mounted"):
        fill(lost)
    loop = tmp_path / "here" / "loop.duckdb"
    loop.symlink_to(loop)
    with pytest.raises(StoreError, match=r"leads nowhere|is not there|cannot read"):
        fill(loop)


@pytest.mark.parametrize(
    "name", ["../x", "/etc/passwd", "a/../../x", "", ".", "a//b", "a/./b", "a\0b", None, 7, "link/x", "link"]
)
def test_a_name_of_a_line_never_leaves_its_folder(tmp_path, name):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    with pytest.raises(StoreError, match=r"expected the name of a file of the store|leads out of"):
        inside(folder, name)
    assert inside(folder, "a/b.txt") == folder / "a" / "b.txt"


@pytest.mark.parametrize("run_id", ["..", ".", "../x", "a/b", "", "*", "a b", None, 7, "x" * 300])
def test_an_id_that_no_run_can_have_is_refused(layout, run_id):
    with pytest.raises(StoreError, match="a run's id is made of"):
        layout.spool_file(run_id)


FILES = ("work.duckdb", "work.duckdb.wal", "lock", "follower", "published.json", "spool/edits.jsonl")
FOLDERS = ("spool", "predictions", "artifacts")


@pytest.mark.parametrize("name", [".", *FILES, *FOLDERS])
def test_a_pipe_or_a_folder_in_the_place_of_something_of_the_store_is_refused(db, layout, fill, name):
    fill(db)
    ingest(db, force=True)
    path = layout.folder / name
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    os.mkfifo(path)
    calls = [ingest, upkeep.gc, upkeep.compact, upkeep.rebuild, checking.check, fill]
    for call in calls:
        with pytest.raises(StoreError, match=f"expected a (file|folder), but {path} is a pipe"):
            call(db)
    if name in FILES:
        path.unlink()
        path.mkdir()
        with pytest.raises(StoreError, match=f"expected a file, but {path} is a folder"):
            ingest(db)
    assert queries.runs(db=db).height == 1  # who only reads is not disturbed


def test_a_pipe_in_the_place_of_the_database_or_of_a_spool_is_not_waited_for(db, layout, fill):
    run_id = fill(db)
    ingest(db, force=True)
    layout.spool_file(run_id).unlink()
    os.mkfifo(layout.spool_file(run_id))
    assert not file.alive(layout.spool_file(run_id))
    assert ingest(db, force=True).published
    db.unlink()
    os.mkfifo(db)
    for call in (ingest, checking.check, fill):
        with pytest.raises(StoreError, match=r"expected a database file, but .* is a pipe"):
            call(db)
    with pytest.raises(StoreError, match="is a pipe"):
        queries.runs(db=db)
