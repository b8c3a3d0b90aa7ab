"""What Home says: the best of every task with its interval, what is new, the curve of a running job."""

from datetime import datetime

import polars as pl
import pytest

from dashboard.frames.runs import home, run_rows

BOARD = pl.DataFrame(
    {
        "task": ["tnews", "tnews", "afqmc", "tnews"],
        "data_source": ["files", "files", "files", "sample"],
        "split": ["dev"] * 4,
        "metric": ["accuracy", "accuracy", "accuracy", "accuracy"],
        "model": ["ngram", "tiny", "tiny", "tiny"],
        "mean": [0.5, 0.6, 0.7, 0.9],
        "sd": [0.01, 0.02, None, 0.0],
        "n": [3, 3, 1, 2],
    }
)


def test_the_best_of_every_task_has_an_interval_over_its_seeds():
    best = home.best_per_task(BOARD, {"afqmc": "accuracy", "tnews": "accuracy"})
    assert best["task"].to_list() == ["afqmc", "tnews", "tnews"]
    assert best["model"].to_list() == ["tiny", "tiny", "tiny"]
    assert best["half"][0] is None  # one seed says nothing of the spread
    assert best["half"][1] == pytest.approx(4.30265 * 0.02 / 3**0.5, rel=1e-5)
    assert best["half"][2] is None  # nor do two, whose t is 12.7
    assert best["data_source"].to_list() == ["files", "files", "sample"]


def test_what_ended_since_a_moment_is_counted():
    runs = pl.DataFrame(
        {
            "status": ["finished", "failed", "running", "finished"],
            "started_at": [datetime(2026, 1, 2)] * 3 + [datetime(2026, 1, 1)],
            "finished_at": [datetime(2026, 1, 3), datetime(2026, 1, 3), None, datetime(2026, 1, 1, 1)],
        }
    )
    assert home.since(runs, datetime(2026, 1, 1, 12)) == {"finished": 1, "failed": 1, "started": 1}
    assert home.since(runs, datetime(2026, 1, 4)) == {}


def test_the_curve_of_a_job_and_its_last_and_best_score():
    curves = pl.DataFrame(
        {"name": ["a", "a", "a", "b"], "x": [2, 1, 3, 1], "value": [0.6, 0.5, float("nan"), 1.0]},
    )
    assert home.curve_of(curves, ["b", "a"]) == [0.5, 0.6]  # one point is no curve, NaN no point
    assert home.last_and_best(curves, "a", higher_is_better=False) == (0.6, 0.5)
    assert home.last_and_best(curves, "c", higher_is_better=True) is None


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["dev/accuracy", "dev/loss", "train/loss", "lr"], ["train/loss", "dev/loss", "dev/accuracy"]),
        (["dev/accuracy", "dev/loss"], ["dev/loss", "dev/accuracy"]),
        (["lr", "loss", "grad", "time"], ["loss", "lr", "grad"]),
        (["dev/accuracy"], ["dev/accuracy"]),
        ([], []),
    ],
)
def test_a_running_job_shows_its_loss_before_its_score(names, told):
    assert home.telling(names, "dev/accuracy") == told


def test_groups_of_runs_have_an_interval_from_three_seeds_on():
    runs = pl.DataFrame(
        {
            "run_id": list("abcde"),
            "config_hash": ["x", "x", "x", "y", "y"],
            "seed": [1, 2, 3, 1, 2],
            "dev/accuracy": [0.5, 0.6, 0.7, 0.5, 0.6],
        }
    )
    names = {run_id: run_id for run_id in runs["run_id"]}
    found = run_rows.groups(runs, "config_hash", ["dev/accuracy"], names, {"x": "#111111", "y": "#222222"})
    three, two = found.sort("key").iter_rows(named=True)
    assert three["dev/accuracy ±"] == pytest.approx(4.30265 * 0.1 / 3**0.5, rel=1e-5)
    assert two["dev/accuracy ±"] is None
