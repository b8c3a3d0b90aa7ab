"""Where a mean over seeds is shown, the seeds that have none are counted beside it, in words."""

import math

import pytest

from dashboard.figures import words
from store import queries, runs
from store.ingest import ingest

SAID = "1 of 3 seeds diverged"


@pytest.fixture
def store(tmp_path):
    db = tmp_path / "results.duckdb"
    for config, values in {"a": (0.7, 0.8, math.nan), "b": (0.5, 0.6, 0.55)}.items():
        for seed, value in enumerate(values):
            about = {"task": "afqmc", "model": f"tiny-{config}", "recipe": "modern", "data_source": "files"}
            about |= {"command": f"python -m jobs.clue --x {config}", "config_hash": config, "seed": seed}
            with runs.start("clue", config={"x": config}, db=db, follow=False, **about) as run:
                run.summary({"dev/accuracy": value})
    ingest(db, force=True)
    return db


def test_the_leaderboard_counts_them(store, open_page):
    app = open_page("leaderboard", store)
    assert any(f"on afqmc: {SAID}" in item.value for item in app.caption)


def test_the_best_of_each_task_counts_them(store, open_page, listed):
    rows = listed(open_page("home", store), "home_best")["rows"]
    assert [SAID in str(row) for row in rows] == [True]


def test_groups_of_runs_count_them(store, open_page, listed):
    app = open_page("runs", store, runs_group="config")
    rows = listed(app, "runs_groups")["rows"]
    assert sum(SAID in str(row) for row in rows) == 1


def test_compare_counts_them(store, open_page):
    ids = ",".join(queries.runs(db=store)["run_id"])
    app = open_page("compare", store, runs=ids)
    tables = [item.value for item in app.dataframe if "Note" in item.value.columns]
    assert any(SAID in table["Note"].to_list() for table in tables)


def test_words():
    assert words.diverged(0, 3) == words.diverged(None, 3) == ""
    assert words.diverged(1, 0) == "1 of 1 seed diverged"
