"""Every script on the page about logging runs as it stands and stores a run."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from store import queries
from store.ingest import ingest

ROOT = Path(__file__).parent.parent
SECTIONS = re.split(r"^#+ ", (ROOT / "docs" / "LOGGING.md").read_text(encoding="utf-8"), flags=re.M)
SCRIPTS = {
    section.split("\n")[0]: code for section in SECTIONS for code in re.findall(r"```python\n(.*?)```", section, re.S)
}
SLOW = {"transformers", "Lightning", "accelerate"}  # they import torch


def test_the_page_has_a_script_for_each_way():
    assert set(SCRIPTS) >= SLOW | {"scikit-learn", "Answers on every example", "Scripts written for wandb or trackio"}


@pytest.mark.parametrize(
    "title", [pytest.param(title, marks=[pytest.mark.slow] if title in SLOW else []) for title in SCRIPTS]
)
def test_a_script_of_the_page_stores_a_run(title, tmp_path):
    if title == "Lightning" and find_spec("lightning") is None:
        pytest.skip("needs lightning")
    db = tmp_path / "results.duckdb"
    path = tmp_path / "script.py"
    path.write_text(SCRIPTS[title], encoding="utf-8")
    environment = {**os.environ, "CLUEBOARD_DB": str(db), "PYTHONPATH": str(ROOT), "CLUEBOARD_FOLLOW": "0"}
    done = subprocess.run([sys.executable, str(path)], env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    ingest(db, wait=60.0, force=True)
    runs = queries.runs(db=db)
    assert set(runs["status"]) == {"finished"}
    assert runs.height == SCRIPTS[title].count('("keywords"') + 1
