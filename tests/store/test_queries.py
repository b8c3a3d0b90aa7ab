"""The read side."""

import math

import numpy as np
import polars as pl
import pytest

from store import checking, queries, runs
from store.errors import StoreError
from store.ingest import ingest


def test_measurements_have_typed_axes_and_later_rows_replace(start, db):
    with start("can") as run:
        run.measure("can_grid", {"k": 3, "alpha": 1.0, "prior": "train"}, accuracy=(0.73, 0.71, 0.75, 4316), flips=12)
        run.measure("can_grid", {"prior": "train", "alpha": 1, "k": 3}, accuracy=(0.74, 0.72, 0.76, 4316))
        run.measure("can_grid", {"k": 5, "alpha": 0.5, "prior": "uniform"}, source="bound", accuracy=0.9)
    ingest(db, force=True)
    frame = queries.measurements("can_grid", db=db).sort("k", "metric")
    assert frame.schema["alpha"] == pl.Float64
    assert frame.schema["k"] == pl.Int64
    assert frame.schema["prior"] == pl.String
    assert frame.select("k", "metric", "value", "n").rows() == [
        (3, "accuracy", 0.74, 4316),
        (3, "flips", 12.0, None),
        (5, "accuracy", 0.9, None),
    ]
    assert frame["source"].to_list() == ["measured", "measured", "bound"]
    assert queries.measurements("nothing_yet", db=db).is_empty()
    assert queries.tables(db) == ["can_grid"]
    with start("can") as later:
        later.measure("can_grid", {"k": "all", "fold": True}, accuracy=0.5)
    ingest(db, force=True)
    frame = queries.measurements("can_grid", run_ids=later.run_id, db=db)
    assert frame.select("k", "fold").rows() == [("all", True)]


def test_predictions_pair_on_example_and_hash(start, db):
    def frame(ids, right):
        return pl.DataFrame(
            {
                "example_id": ids,
                "hash": [f"{int(i):016x}" for i in ids],
                "text": [f'{{"句":"{i}"}}' for i in ids],
                "label": ["1"] * len(ids),
                "prediction": ["1" if right else "0"] * len(ids),
                "confidence": [0.75] * len(ids),
            }
        )

    probabilities = np.array([[0.25, 0.75], [0.5, 0.5]], dtype=np.float32)
    with start() as a:
        a.examples("tnews", "dev", frame(["1", "2"], True))
        a.predictions("dev", frame(["1", "2"], True), probabilities=probabilities, labels=["neg", "pos"])
    with start() as b:
        b.examples("tnews", "dev", frame(["1", "2"], True))
        b.predictions("dev", frame(["1", "2", "9"], True))
        b.predictions("dev", frame(["2", "3", "4"], False))
    ingest(db, force=True)
    both = queries.paired(a.run_id, b.run_id, "dev", db)
    assert both.select("example_id", "prediction_a", "prediction_b", "unpaired_a", "unpaired_b").rows() == [
        ("2", "1", "0", 1, 2)
    ]
    assert both["text"].to_list() == ['{"句":"2"}']
    assert queries.probabilities(a.run_id, "dev", db).select("neg", "pos").rows() == [(0.25, 0.75), (0.5, 0.5)]
    assert len(queries.examples("tnews", "dev", db)) == 2
    assert checking.check(db, deep=True).clean
    with pytest.raises(StoreError, match="stored no probabilities for dev"):
        queries.probabilities(b.run_id, "dev", db)


def test_leaderboard_groups_seeds_and_leaves_limited_and_archived_runs_out(start, db):
    for seed, accuracy in enumerate((0.7, 0.72, 0.74)):
        with start(task="tnews", model="tiny", seed=seed) as run:
            run.summary({"dev/accuracy": accuracy, "dev/loss": 1 - accuracy})
    with start(task="tnews", model="tiny", config={"limit": 10}) as limited:
        limited.summary({"dev/accuracy": 1.0})
    with start(task="tnews", model="tiny") as archived:
        archived.summary({"dev/accuracy": 0.0})
    runs.edit(db, "archive", run_id=archived.run_id, archived=True)
    ingest(db, force=True)
    row = queries.leaderboard(db=db).filter(pl.col("metric") == "accuracy").to_dicts()[0]
    assert (row["n"], row["best"], row["higher_is_better"]) == (3, 0.74, True)
    assert row["mean"] == pytest.approx(0.72)
    assert row["sd"] == pytest.approx(0.02)
    assert row["high"] - row["mean"] == pytest.approx(4.3027 * 0.02 / math.sqrt(3), rel=1e-4)
    assert queries.leaderboard(db=db).filter(pl.col("metric") == "loss")["best"].to_list() == [pytest.approx(0.26)]
    assert len(queries.done("abc", 1, db)) == 1
    assert queries.done("other", db=db) == []
    assert queries.seeds("abc", db).filter(pl.col("name") == "dev/accuracy")["n"].to_list() == [4]
    assert len(queries.runs(db=db)) == 4
    assert len(queries.runs(archived=True, db=db)) == 5


def test_unambiguous_parts_of_ids(start, db):
    with pytest.raises(StoreError, match="no run stored"):
        queries.run("latest", db)
    for _ in range(2):
        start().finish()
    ingest(db, force=True)
    newest = queries.runs(db=db)["run_id"][0]
    assert queries.run("latest", db)["run_id"] == newest
    assert queries.run(newest[-10:], db)["run_id"] == newest
    with pytest.raises(StoreError, match="fits 2 runs"):
        queries.run(newest[:6], db)
    with pytest.raises(StoreError, match="no run contains 'zzzz'; nearest: 20"):
        queries.run("zzzz", db)


def test_an_empty_store_answers_with_empty_frames(db):
    assert queries.runs(db=db).is_empty()
    assert queries.leaderboard(db=db).is_empty()
    assert queries.curves([], db=db).is_empty()
    assert queries.curves(["nothing"], db=db).is_empty()
    assert queries.version(db) == "none"
    assert not queries.refresh(db)
