"""Every chapter and command that docs/POSTS.md names exists, and every row of its tables has a verdict."""

import re
import runpy
import shlex
from pathlib import Path

import pytest

from dashboard import rooms
from jobs import cli

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "POSTS.md").read_text(encoding="utf-8")
CHAPTERS = {f"{lab.key}/{chapter.key}" for lab in rooms.LABS for chapter in lab.all_chapters}
LABS = "|".join(lab.key for lab in rooms.LABS)


def test_every_chapter_exists():
    named = set(re.findall(rf"`((?:{LABS})/\w+)`", TEXT))
    assert len(named) > 8
    assert named - CHAPTERS == set()


class Accepted(Exception):
    """Raised in place of a job: its command line was accepted."""


@pytest.mark.parametrize("command", sorted(set(re.findall(r"`(python -m jobs\.[^`]+)`", TEXT))))
def test_every_command_is_one_that_its_job_accepts(command, monkeypatch):
    def accept(function, config):
        raise Accepted

    monkeypatch.setattr(cli, "run", accept)
    module, *arguments = shlex.split(command)[2:]
    monkeypatch.setattr("sys.argv", [module, *arguments])
    with pytest.raises(Accepted):
        runpy.run_module(module, run_name="__main__")


@pytest.mark.parametrize("row", [line for line in TEXT.splitlines() if line.startswith("| ")])
def test_every_row_has_a_place_and_a_verdict(row):
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert len(cells) == 4, row
    assert all(cells), row
    if cells[0] != "statement":
        assert cells[1].strip("`") in CHAPTERS or "python -m" in cells[1], row
