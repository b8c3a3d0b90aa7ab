"""Scores of FewCLUE's tasks: means over five training sets, with their deviation in place of that over seeds."""

import polars as pl

SETS = 5


def over_training_sets(measured: pl.DataFrame, cells: pl.DataFrame, *, split: str) -> pl.DataFrame:
    """The measured rows with deviation, interval and number over the training sets of each one's newest run.

    Args:
        measured: newest_run_id, sd, n, low, high among its columns.
        cells: the view `few_shot_scores`.
        split: dev or test.
    """
    if cells.is_empty():
        return measured
    means = cells.filter(pl.col("split") == "mean", pl.col("scored_on") == split)
    score = means.filter(metric="score").select(pl.col("run_id").alias("newest_run_id"), "low", "high", "n")
    spread = means.filter(metric="sd").select(pl.col("run_id").alias("newest_run_id"), pl.col("value").alias("sd"))
    found = score.join(spread, on="newest_run_id", how="left").unique("newest_run_id", maintain_order=True)
    kept = measured.drop("sd", "n", "low", "high")
    joined = kept.join(found, on="newest_run_id", how="left", maintain_order="left")
    return joined.select(measured.columns).cast({"n": measured.schema["n"]})
