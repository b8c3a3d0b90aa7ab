"""A small store to look around in: six small models on the built-in sample, their runs with the tag `demo`.

python -m jobs.demo                   # about a minute on CPU, into the usual store
python -m jobs.demo --db demo.duckdb  # into a store of its own
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

from jobs import cli

ROOT = Path(__file__).parents[1]
SETTINGS = (
    ("--task", "tnews", "--model", "ngram", "--seeds", "1", "2"),
    ("--task", "tnews", "--epochs", "5", "--learning-rate", "0.001", "--seeds", "1", "2"),
    ("--task", "tnews", "--epochs", "5", "--learning-rate", "0.003", "--seeds", "1", "2"),
)
"""What is trained: a linear baseline, and the tiny encoder at two learning rates, each with two seeds.

The higher rate gains about twenty points on the lower one and is level with the baseline: both answers of a comparison.
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Fill a store with a few small runs to look at."""

    db: Path | None = None
    """results database (default: $CLUEBOARD_DB, else results.duckdb in the project's root)"""
    limit: int = 400
    """rows of the generated sample that are used"""


def run(config: Config) -> None:
    """Train them one after the other."""
    more = ("--tags", "demo", "--note", "demo: generated sentences, no real score", "--limit", str(config.limit))
    quiet = {**os.environ, "CLUE_DATA_DIR": "", "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    for number, settings in enumerate(SETTINGS, 1):
        print(f"{number} of {len(SETTINGS)}: {' '.join(settings)}", flush=True)
        command = [sys.executable, "-m", "jobs.clue", *settings, *more, *cli.db_flag(config.db)]
        done = subprocess.run(command, cwd=ROOT, env=quiet, check=False)
        if done.returncode:
            raise cli.InputError(f"the demo stopped: {' '.join(settings)} ended with code {done.returncode}")


if __name__ == "__main__":
    cli.main(__doc__, (Config, "jobs.demo:run"))
