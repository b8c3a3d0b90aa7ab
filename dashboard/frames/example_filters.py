"""Filters over the predictions of one or two runs: label, prediction, confidence, length, words, flips, marks."""

from collections.abc import Sequence

import polars as pl

from dashboard.frames import paired_predictions

SHOWS = ("all", "wrong", "right", "gained", "lost", "disagree")
"""What to show. Two runs: gained is wrong in the first and right in the second, lost the reverse."""


def suggest(runs: pl.DataFrame) -> list[str]:
    """Id of the newest finished run of a task, real data first: what the page starts from.

    Args:
        runs: rows of `runs`, newest first.
    """
    usable = runs.filter(pl.col("status") == "finished", pl.col("data_source").is_not_null())
    return usable.sort(pl.col("data_source") == "sample", maintain_order=True)["run_id"].head(1).to_list()


def with_outcome(frame: pl.DataFrame, pairing: paired_predictions.Pairing | None) -> pl.DataFrame:
    """One row an example: label, prediction, right, confidence, text, n_characters; `_b` columns for a second run."""
    if pairing is not None:
        second = pairing.b[0].select(
            *paired_predictions.KEY, label_b="label", prediction_b="prediction", confidence_b="confidence"
        )
        frame = frame.join(second, on=paired_predictions.KEY, maintain_order="left")
        frame = frame.with_columns(right_b=pl.col("label_b") == pl.col("prediction_b"))
    return frame.with_columns(
        right=pl.col("label") == pl.col("prediction"), n_characters=pl.col("text").str.len_chars().fill_null(0)
    )


def matching(
    frame: pl.DataFrame,
    *,
    show: str = "all",
    labels: Sequence[str] = (),
    predictions: Sequence[str] = (),
    confidence: tuple[float, float] = (0.0, 1.0),
    length: tuple[int, int] | None = None,
    word: str = "",
) -> pl.DataFrame:
    """Rows that match every filter, in file order.

    Args:
        frame: as `with_outcome` returns it.
        show: a key of `SHOWS`.
        labels: allowed labels; none allows all.
        predictions: allowed predictions of the first run.
        confidence: bounds of the first run's confidence.
        length: bounds of the stored text's length in characters.
        word: text that must occur (exact characters).
    """
    conditions = [pl.col("confidence").fill_null(0.0).is_between(*confidence)]
    outcomes = {
        "wrong": ~pl.col("right"),
        "right": pl.col("right"),
    }
    if "right_b" in frame.columns:
        outcomes |= {
            "gained": ~pl.col("right") & pl.col("right_b"),
            "lost": pl.col("right") & ~pl.col("right_b"),
            "disagree": pl.col("prediction") != pl.col("prediction_b"),
        }
    if show in outcomes:
        conditions.append(outcomes[show])
    if labels:
        conditions.append(pl.col("label").is_in(list(labels)))
    if predictions:
        conditions.append(pl.col("prediction").is_in(list(predictions)))
    if length:
        conditions.append(pl.col("n_characters").is_between(*length))
    if word:
        conditions.append(pl.col("text").str.contains(word, literal=True))
    return frame.filter(*conditions)


def flips(frame: pl.DataFrame) -> dict[str, int]:
    """How many rows went from wrong to right, from right to wrong, and were answered differently."""
    both = frame.drop_nulls("right_b")
    return {name: matching(both, show=name).height for name in ("gained", "lost", "disagree")}


def disagreement_counts(frame: pl.DataFrame) -> pl.DataFrame:
    """prediction_a, prediction_b, count."""
    both = frame.drop_nulls("prediction_b")
    return both.group_by(prediction_a="prediction", prediction_b="prediction_b").len("count")
