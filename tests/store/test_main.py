"""The command line `python -m store`."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from store import __main__ as command_line
from store import queries
from store.ingest import ingest

ROOT = Path(__file__).resolve().parents[2]


def test_command_line(tmp_path, capsys, monkeypatch, fill):
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


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--timeout", "nan"], "argument --timeout: expected seconds above 0, 86400 at most, got nan"),
        (["--timeout", "-1"], "argument --timeout: expected seconds above 0"),
        (["--limit", "-3"], "argument --limit: expected a whole number from 1"),
        (["--width", "x"], "argument --width: expected a whole number from 1"),
    ],
)
def test_options_of_sql_are_checked(flags, sentence, capsys):
    with pytest.raises(SystemExit) as stopped:
        command_line.main(["sql", "SELECT 1", *flags])
    assert stopped.value.code == 2
    assert sentence in capsys.readouterr().err


def test_the_printed_way_back_is_a_command_that_works(tmp_path, fill, capsys, monkeypatch):
    db = tmp_path / "张's folder" / "r.duckdb"
    db.parent.mkdir()
    run_id = fill(db)
    ingest(db, force=True)
    monkeypatch.setattr(command_line, "without_pandas", lambda: None)
    assert command_line.main(["remove", run_id, "--db", str(db)]) == 0
    again = capsys.readouterr().out.partition("removed; ")[2].removesuffix(" brings it back\n")
    words = shlex.split(again)
    assert words[:3] == ["python", "-m", "store"]
    assert queries.runs(db=db).is_empty()
    assert command_line.main(words[3:]) == 0
    assert queries.runs(db=db)["run_id"].to_list() == [run_id]
