"""Every chapter and command that docs/POSTS.md names exists, and every row of its tables has a verdict."""

import importlib.util
import re
from pathlib import Path

import pytest

from dashboard import rooms

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "POSTS.md").read_text(encoding="utf-8")
CHAPTERS = {f"{lab.key}/{chapter.key}" for lab in rooms.LABS for chapter in lab.all_chapters}
LABS = "|".join(lab.key for lab in rooms.LABS)


def test_every_chapter_exists():
    named = set(re.findall(rf"`((?:{LABS})/\w+)`", TEXT))
    assert len(named) > 8
    assert named - CHAPTERS == set()


def test_every_command_exists():
    named = set(re.findall(r"python -m (jobs\.\w+)(?: ([a-z]\w+))?", TEXT))
    assert named
    for module, subcommand in sorted(named):
        found = importlib.util.find_spec(module)
        assert found is not None, module
        folder = Path(found.origin or "").parent
        sources = folder.rglob("*.py") if found.submodule_search_locations else [Path(found.origin or "")]
        text = "".join(path.read_text(encoding="utf-8") for path in sources)
        assert not subcommand or re.search(rf"\b{subcommand}\b", text), (module, subcommand)


@pytest.mark.parametrize("row", [line for line in TEXT.splitlines() if line.startswith("| ")])
def test_every_row_has_a_place_and_a_verdict(row):
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert len(cells) == 4, row
    assert all(cells), row
    if cells[0] != "statement":
        assert cells[1].strip("`") in CHAPTERS or "python -m" in cells[1], row
