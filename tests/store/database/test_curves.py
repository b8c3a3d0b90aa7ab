"""Curves brought down to buckets."""

import numpy as np
import pytest

from store import queries
from store.database import curves
from store.ingest import ingest


def test_curves_are_bucketed_with_extremes(start, db):
    values = np.random.default_rng(0).normal(size=5000)
    with start() as run:
        for step, value in enumerate(values):
            run.log({"train/loss": value}, step=step, epoch=step / 1000)
    ingest(db, force=True)
    frame = queries.curves(run.run_id, "train/loss", buckets=50, db=db)
    parts = values.reshape(50, 100)
    assert len(frame) == 50
    np.testing.assert_allclose(frame["value"], parts.mean(axis=1), atol=0.15)
    assert frame["min"].min() == values.min()
    assert frame["max"].max() == values.max()
    zoomed = queries.curves(run.run_id, "train/loss", low=100, high=199, db=db)
    np.testing.assert_array_equal(zoomed["value"], values[100:200])
    assert queries.curves(run.run_id, x="epoch", buckets=5, db=db)["x"].max() < 5
    assert queries.metric_names(run.run_id, db) == ["train/loss"]


@pytest.mark.parametrize("published", [True, False])
def test_a_step_logged_again_is_drawn_with_its_newest_value(start, db, published):
    with start() as run:
        for step, value in [(1, 9.0), (2, 9.0), (1, 5.0), (2, 1.0), (1, 3.0), (3, 7.0)]:
            run.log({"loss": value}, step=step)
        if published:
            ingest(db, force=True)
        curve = queries.curves(run.run_id, "loss", db=db)
    assert curve["value"].to_list() == curve["min"].to_list() == curve["max"].to_list() == [3.0, 1.0, 7.0]
    assert curve["repeated"].to_list() == [2, 1, 0]
    ingest(db, force=True)
    assert queries.table_of_run("metrics", run.run_id, db=db).height == 6


@pytest.mark.parametrize("x", ["step", "epoch", "time"])
def test_runs_taken_one_at_a_time_give_the_same_curves(start, db, monkeypatch, x):
    run_ids = []
    for number in range(3):
        with start() as run:
            for step in range(40):
                run.log({"b": step / 7, "a": number}, step=step, epoch=step / 10)
            run_ids.append(run.run_id)
            if number < 2:
                ingest(db, force=True)
    together = queries.curves(run_ids[::-1], x=x, low=1, buckets=5, db=db)
    assert together["run_id"].unique(maintain_order=True).to_list() == sorted(run_ids if x != "time" else [])
    monkeypatch.setattr(curves, "MANY", 100)
    assert queries.curves(run_ids, x=x, low=1, buckets=5, db=db).equals(together)
