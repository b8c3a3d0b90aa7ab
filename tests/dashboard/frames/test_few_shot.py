import polars as pl

from dashboard.frames.comparison.few_shot import over_training_sets

MEASURED = pl.DataFrame(
    {"row": ["a", "b"], "newest_run_id": ["r1", "r2"], "value": [0.6, 0.5], "sd": [None, None], "n": [1, 1],
     "low": [None, None], "high": [None, None]},
    schema_overrides={"sd": pl.Float64, "low": pl.Float64, "high": pl.Float64},
)  # fmt: skip


def cell(split, metric, value, *, on="test", low=None, high=None, n=None):
    return {"split": split, "scored_on": on, "metric": metric, "value": value, "low": low, "high": high, "n": n,
            "run_id": "r1"}  # fmt: skip


def test_deviation_interval_and_number_are_those_over_the_training_sets():
    cells = pl.DataFrame(
        [
            cell("0", "score", 0.55),
            cell("mean", "score", 0.9, on="dev", low=0.8, high=1.0, n=5),
            cell("mean", "score", 0.6, low=0.55, high=0.65, n=5),
            cell("mean", "sd", 0.04),
        ],
        infer_schema_length=None,
    )
    shown = over_training_sets(MEASURED, cells, split="test")
    assert shown.columns == MEASURED.columns
    assert shown.row(0) == ("a", "r1", 0.6, 0.04, 5, 0.55, 0.65)
    assert shown.row(1) == ("b", "r2", 0.5, None, None, None, None)


def test_without_any_training_set_nothing_changes():
    assert over_training_sets(MEASURED, pl.DataFrame(), split="test").equals(MEASURED)
