"""Curves brought down to buckets."""

import numpy as np

from store import queries
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
