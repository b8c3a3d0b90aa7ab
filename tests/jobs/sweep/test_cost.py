"""What a child on this machine costs over its training: the same trainings in a sweep and in one process.

CLUE_DATA_DIR=DIR SWEEP_CHILDREN=100 python -m pytest -m slow -n 0 -s tests/jobs/sweep/test_cost.py
"""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]
CHILDREN = int(os.environ.get("SWEEP_CHILDREN", "20"))
LOOP = """
import sys
from pathlib import Path
from jobs.clue import start
from jobs.clue.config import Config
for seed in range(int(sys.argv[1])):
    start.run(Config(task=("tnews",), model="ngram", limit=2000, seed=seed, db=Path(sys.argv[2])))
"""


def cost(folder, *command):
    """Processor seconds of a command and all that it started."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "CLUEBOARD_HUB": "off"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stdout + done.stderr
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_children_cost_little_more_than_the_same_trainings_in_one_process(tmp_path):
    seeds = list(map(str, range(CHILDREN)))
    flags = ["clue", "--task", "tnews", "--model", "ngram", "--limit", "2000", "--seeds", *seeds, "--workers", "1"]
    swept = cost(tmp_path, "-m", "jobs.sweep", *flags, "--db", str(tmp_path / "sweep.duckdb"))
    together = cost(tmp_path, "-c", LOOP, str(CHILDREN), str(tmp_path / "loop.duckdb"))
    over = (swept - together) / CHILDREN
    sys.stdout.write(
        f"\n{CHILDREN} children: {swept:.1f} s in a sweep, {together:.1f} s in one process, ratio "
        f"{swept / together:.2f}, {over:+.2f} s a child\n"
    )
    assert over < 1.5
    assert swept < 1.3 * together
