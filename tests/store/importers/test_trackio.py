"""Import of trackio databases."""

import json
import sqlite3
from datetime import datetime

import pytest

from store import queries, upkeep
from store.importers.into_spools import import_from
from store.importers.trackio import ABOUT, OURS


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
    assert (row["experiment"], row["model"], row["status"], row["duration_s"]) == ("proj", "one", "finished", 60.0)
    assert queries.params(run_id, db)["value"].to_list() == ["0.1"]
    upkeep.rebuild(db)
    assert queries.run(run_id, db) == row


@pytest.mark.parametrize(
    ("at", "step", "text"),
    [
        ("yesterday", 1, '{"loss": 1}'),
        (None, 1, '{"loss": 1}'),
        ("0001-01-01T00:00:00", 1, '{"loss": 1}'),
        ("2026-01-01T00:00:00+00:00", "one", '{"loss": 1}'),
        ("2026-01-01T00:00:00+00:00", 1e300, '{"loss": 1}'),
        ("2026-01-01T00:00:00+00:00", 3, '{"a":' * 100_000 + "1" + "}" * 100_000),
        ("2026-01-01T00:00:00+00:00", 3, b"\xff\x00"),
        ("2026-01-01T00:00:00+00:00", 3, None),
    ],
    ids=["words", "no time", "year 1", "text as step", "huge step", "deep", "bytes", "nothing"],
)
def test_a_row_that_makes_no_sense_is_counted_and_the_others_come(tmp_path, at, step, text):
    db, source = tmp_path / "r.duckdb", tmp_path / "proj.db"
    con = trackio_database(source)
    con.execute("INSERT INTO metrics VALUES (NULL, 'r1', ?, 'one', ?, ?)", (at, step, text))
    con.commit()
    con.close()
    done = import_from(source, db=db)
    assert [count for what, count in done.not_understood.items() if what.startswith("row ")] == [1]
    assert len(queries.curves(done.new[0], "loss", db=db)) == 3


@pytest.mark.parametrize("name", ["c#", "a b", "100%", "what?", "it's", 'say "x"', "项目", "a%23b", "x&mode=rwc"])
def test_a_folder_of_any_name_is_read_and_nothing_is_made_beside_it(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    trackio_database(folder / f"{name}.db").close()
    decoy = tmp_path / name.partition("#")[0].partition("?")[0]
    before = sorted(tmp_path.rglob("*"))
    done = import_from(folder / f"{name}.db", db=tmp_path / "store" / "r.duckdb")
    assert len(done.new) == 1
    assert sorted(path for path in tmp_path.rglob("*") if path.relative_to(tmp_path).parts[0] != "store") == before
    assert decoy == folder or not decoy.is_file()


def test_what_our_own_export_says_beyond_trackio_comes_back(tmp_path):
    db, source = tmp_path / "r.duckdb", tmp_path / "proj.db"
    con = trackio_database(source)
    for name, parent in (("r1", None), ("r2", "r1")):
        about = {"status": "failed", "parent": parent, "experiment": "意图/一"}
        config = json.dumps({"lr": 0.1, OURS: name, "tags": ["imported", "x"], ABOUT: about})
        con.execute("DELETE FROM configs WHERE run_id = ?", (name,))
        con.execute("INSERT INTO configs VALUES (NULL, ?, ?, ?, '')", (name, name, config))
    now = datetime.now().astimezone().isoformat()  # a run that was exported a moment ago is not a running one
    con.execute("INSERT INTO metrics VALUES (NULL, 'r2', ?, 'r2', 1, '{\"loss\": 1}')", (now,))
    con.commit()
    con.close()
    import_from(source, db=db)
    rows = {row["name"]: row for row in queries.runs(db=db).iter_rows(named=True)}
    assert {(row["experiment"], row["status"], tuple(row["tags"])) for row in rows.values()} == {
        ("意图/一", "failed", ("imported", "x"))
    }
    assert rows["r2"]["parent_run_id"] == rows["one"]["run_id"]
    assert queries.params(rows["r2"]["run_id"], db=db)["name"].to_list() == ["lr"]
