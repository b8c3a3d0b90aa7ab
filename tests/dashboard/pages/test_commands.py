"""Commands that pages show run as they are pasted into a shell, and write to the store that the pages show."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from dashboard import rooms
from dashboard.parts import commands
from store import paths, queries, runs
from store.ingest import ingest

BLANK = re.compile(r"(?<![$\w{])(?:DIR|FILE|FOLDER|RUN|PATH|TASK|MODEL|NAME)\b|<[a-z ]+>|…|\.\.\.")
"""A word that the reader would have to replace."""


@pytest.mark.parametrize("room", [room.script for room in rooms.ROOMS])
def test_the_commands_of_an_empty_store_name_it_and_leave_nothing_to_fill_in(room, empty_store, open_page):
    shown = [code.value for code in open_page(room, empty_store).code]
    assert shown or room == "leaderboard", "an empty room says how to fill it"
    for command in shown:
        assert not BLANK.search(command), command
        assert command.startswith(f"{paths.ENVIRONMENT}={shlex.quote(str(empty_store))} "), command


def test_the_script_of_the_first_steps_stores_a_run_when_it_is_pasted(empty_store, open_page):
    (script,) = (code.value for code in open_page("home", empty_store).code if "\n" in code.value)
    surroundings = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    del surroundings[paths.ENVIRONMENT]
    subprocess.run(["bash", "-c", script], check=True, cwd=paths.ROOT, env=surroundings, capture_output=True)
    (spool,) = paths.locate(empty_store).spool.glob("2*.jsonl")
    for stored in ("my experiment", "train/loss"):
        assert f'"{stored}"' in spool.read_text()


def test_the_usual_store_needs_no_place(monkeypatch):
    monkeypatch.delenv(paths.ENVIRONMENT, raising=False)
    assert commands.of_this_store("python -m jobs.clue") == "python -m jobs.clue"


def test_a_run_that_ended_early_shows_the_command_that_goes_on(filled_store, open_page):
    (run_id,) = queries.runs(db=filled_store, experiment="clue").filter(status="interrupted")["run_id"]
    shown = [code.value for code in open_page("run", filled_store, run=run_id).code]
    assert any(command.endswith(f"python -m jobs.clue --resume {run_id}") for command in shown)


def test_a_run_without_curves_opens_on_what_it_has(empty_store, open_page):
    known = {"config": {}, "command": "x", "config_hash": "h", "db": empty_store, "follow": False}
    with runs.start("own", **known) as parent:
        pass
    with runs.start("own", parent_run_id=parent.run_id, **known) as child:
        child.measure("grid", {"width": 0.1}, accuracy=0.5)
    with runs.start("own", **known | {"config_hash": "i"}) as silent:
        pass
    ingest(empty_store, wait=30, force=True)
    opened = open_page("run", empty_store, run=silent.run_id)
    assert any("Config hash" in item.value for item in opened.caption)
    assert any("Children" in item.value for item in open_page("run", empty_store, run=parent.run_id).markdown)
    assert [box.label for box in open_page("run", empty_store, run=child.run_id).selectbox][-1] == "Table"


@pytest.mark.parametrize(
    ("command", "host", "told"),
    [
        ("python -m jobs.clue", "a", "This command repeats the run"),
        ("python train.py --lr -", "a", "This command repeats the run"),
        ("/opt/run.sh", "a", "This command repeats the run"),
        ("python -", "a", "The script came from standard input"),
        ("python", "a", "The script came from standard input"),
        ("python -m ipykernel_launcher -f /tmp/kernel-1.json", "a", "logged in a notebook"),
        ("python /usr/bin/ipython", "a", "logged in a notebook"),
        ("", "a", "is not stored"),
        ("", commands.IMPORTED, "comes from another tracker; its command is not stored"),
        ("python train.py", commands.IMPORTED, "comes from another tracker; its command started it there"),
    ],
)
def test_a_command_is_said_to_repeat_a_run_only_where_it_does(command, host, told):
    assert told in commands.told({"command": command, "host": host})


def test_each_of_several_commands_names_the_store(monkeypatch):
    monkeypatch.setenv(paths.ENVIRONMENT, "/data/my runs.duckdb")
    lines = commands.of_this_store("python -m jobs.clue\npython -m jobs.whitening layers").splitlines()
    assert lines == [f"{paths.ENVIRONMENT}='/data/my runs.duckdb' python -m jobs.{job}" for job in
                     ("clue", "whitening layers")]  # fmt: skip
