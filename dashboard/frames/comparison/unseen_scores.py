"""Scores over the dev rows that do not stand in the training data, beside the scores over all rows."""

import polars as pl

from dashboard.figures import words

UNSEEN = "unseen_"
TITLE = "On unseen rows"


def unseen_means(board: pl.DataFrame) -> pl.DataFrame:
    """Rows of the view `leaderboard` about unseen rows, under the name that the metric has over all rows."""
    stored = board.filter(pl.col("metric").str.starts_with(UNSEEN))
    return stored.with_columns(pl.col("metric").str.strip_prefix(UNSEEN))


def of_measured(measured: pl.DataFrame, unseen: pl.DataFrame, *, split: str) -> pl.DataFrame:
    """The scores on unseen rows of the configurations that a table shows.

    Args:
        measured: row, task, config_hash of the configurations shown.
        unseen: what `unseen_means` gives.
        split: dev or test.

    Returns:
        row, task, value, sd, n.
    """
    wanted = unseen.filter(split=split).select("task", "config_hash", pl.col("mean").alias("value"), "sd", "n")
    shown = measured.select("row", "task", "config_hash")
    return shown.join(wanted, on=["task", "config_hash"], maintain_order="left").drop("config_hash")


def readable(found: pl.DataFrame) -> pl.DataFrame:
    """What `of_measured` gives, as people read it: percent, a row a task and model, best first."""
    percent = (100 * pl.col("value")).round(2).alias(TITLE)
    ordered = found.sort("task", "value", descending=[False, True])
    spread = [words.UNSET if sd is None else f"{100 * sd:.2f}" for sd in ordered["sd"]]
    return ordered.select(
        pl.col("task").alias("Task"),
        pl.col("row").alias("Model"),
        percent,
        pl.Series("sd", spread, dtype=pl.String),
        pl.col("n").alias("Seeds"),
    )


def beside(table: pl.DataFrame) -> pl.DataFrame:
    """A metric table with the mean on unseen rows in a column, instead of in rows of their own.

    Args:
        table: configuration, metric (`dev/accuracy`), mean, and more columns, as
            `dashboard.frames.comparison.configurations.metric_table` gives it.

    Returns:
        The same columns and `unseen`, null where a configuration stored none.
    """
    name = pl.col("metric").str.replace(f"/{UNSEEN}", "/", literal=True)
    is_unseen = pl.col("metric").str.contains(f"/{UNSEEN}", literal=True)
    moved = table.filter(is_unseen).select("configuration", name, pl.col("mean").alias("unseen"))
    return table.filter(~is_unseen).join(moved, on=["configuration", "metric"], how="left", maintain_order="left")
