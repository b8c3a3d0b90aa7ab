"""Does the score on unseen rows say what rows that no choice has seen would score?

A fifth of TNEWS' dev rows is set aside before training and answered as a test file; the other four fifths are dev.
"""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from engine.evidence.intervals import proportion_bounds
from engine.evidence.overlap import normalised
from engine.text.tasks import TASKS
from jobs.clue.config import Config
from jobs.clue.train_ngram import start
from store import queries
from store.ingest import ingest

REAL = os.environ.get("CLUE_DATA_DIR")


def read(name):
    return (Path(REAL) / "tnews" / name).read_text(encoding="utf-8").splitlines()


def title(line):
    return normalised(json.loads(line)["sentence"])


@pytest.mark.slow
def test_rows_set_aside_score_as_the_unseen_rows_of_dev_do(tmp_path):
    if not REAL:
        pytest.skip("CLUE_DATA_DIR names no data folder")
    seen = {title(line) for line in read("train.json")}
    dev = np.random.default_rng(0).permutation(read("dev.json"))
    aside, kept = np.split(dev, [len(dev) // 5])
    files = {"dev": kept, "unseen": [row for row in aside if title(row) not in seen]}
    files["stand in train"] = [row for row in aside if title(row) in seen]
    for name, rows in files.items():
        (tmp_path / f"{name}.json").write_text("\n".join(rows), encoding="utf-8")
    scores = {}
    for name in ("unseen", "stand in train"):
        db = tmp_path / f"{name}.duckdb"
        paths = {"data_dir": Path(REAL), "dev_file": tmp_path / "dev.json", "test_file": tmp_path / f"{name}.json"}
        outcome = start(Config(task=("tnews",), model="ngram", db=db, **paths), TASKS["tnews"])
        ingest(db, force=True)
        summary = dict(queries.summary([outcome.run_id], db=db).select("name", "value").iter_rows())
        scores[name] = next(value for key, value in summary.items() if key.startswith("test") and "accuracy" in key)
    stored, n = summary["dev/unseen_accuracy"], outcome.unseen.rows
    inside = {name: shares_a_score(stored, n, scores[name], len(files[name])) for name in scores}
    assert inside == {"unseen": True, "stand in train": False}, (stored, scores)


def shares_a_score(first, n, second, m):
    """Whether 95 % of differences between two samples of one population are as small as this one (Newcombe, 1998)."""
    (low, high), (least, most) = (proportion_bounds(share * size, size) for share, size in ((first, n), (second, m)))
    gap = first - second
    return gap - np.hypot(first - low, most - second) <= 0 <= gap + np.hypot(high - first, second - least)
