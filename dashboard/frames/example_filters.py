"""Filters over the predictions of one or two runs: label, prediction, confidence, length, words, flips, marks."""

from collections.abc import Mapping, Sequence

import polars as pl

from dashboard.frames.comparison import paired_predictions, seed_votes

SHOWS = ("all", "wrong", "right", "flips", "gained", "lost", "disagree")
"""What to show. Two sides: gained is wrong in the first and right in the second, lost the reverse, flips are both."""
OF_ONE = 3
"""The first of them that need no second side."""


def suggest(runs: pl.DataFrame) -> list[str]:
    """Id of the newest finished run of a task, real data first: what the page starts from.

    Args:
        runs: rows of `runs`, newest first.
    """
    usable = runs.filter(pl.col("status") == "finished", pl.col("data_source").is_not_null())
    return usable.sort(pl.col("data_source") == "sample", maintain_order=True)["run_id"].head(1).to_list()


def sides(runs: Sequence[Mapping[str, object]]) -> tuple[list[list[Mapping[str, object]]], str]:
    """One run, two runs against each other, or the seeds of two settings; and what was left out, in words.

    Args:
        runs: rows of `runs`; config_hash and seed are used.
    """
    if len(runs) <= 2:
        return [[run] for run in runs], ""
    groups: dict[object, list[Mapping[str, object]]] = {}
    for run in runs:
        groups.setdefault(run["config_hash"], []).append(run)
    if len(groups) == 2:
        return list(groups.values()), ""
    kept = [[runs[0]], [runs[1]]]
    return (
        kept,
        f"Examples sets two settings side by side; these runs have {len(groups)}. The first two runs are shown.",
    )


def common_seeds(sides: Sequence[Sequence[Mapping[str, object]]]) -> list[object]:
    """Seeds that both sides ran with, where they have several."""
    if len(sides) < 2 or max(map(len, sides)) < 2:
        return []
    first, second = ([run["seed"] for run in side if run["seed"] is not None] for side in sides)
    return sorted(seed for seed in set(first) & set(second))  # type: ignore[type-var]


def pairs_said(sides: Sequence[Sequence[Mapping[str, object]]]) -> str:
    """Which seeds stand against which; nothing where no run has one."""
    if all(run["seed"] is None for side in sides for run in side):
        return ""
    said = [", ".join("none" if run["seed"] is None else str(run["seed"]) for run in side) for side in sides]
    if max(map(len, sides)) == 1:
        return f"Pairs seed {said[0]} of A with seed {said[1]} of B."
    return f"An answer is what most seeds say: {said[0]} of A, {said[1]} of B."


def with_outcome(frame: pl.DataFrame, pairing: paired_predictions.Pairing | None) -> pl.DataFrame:
    """One row an example: label, prediction, right, confidence, text, n_characters; `_b` columns for a second side.

    With several seeds a side, an answer is what most of them say (`seed_votes.votes`). `telling` orders the rows on
    which the sides differ: by how many seeds differ, then by how sure both sides are.
    """
    if pairing is None:
        frame = seed_votes.votes([frame])
    else:
        both = pl.col("seeds", "agree", "rights", "prediction", "confidence")
        first = seed_votes.votes(pairing.a).select(*paired_predictions.KEY, both)
        second = seed_votes.votes(pairing.b).select(*paired_predictions.KEY, "label", both.name.suffix("_b"))
        frame = frame.drop("prediction", "confidence").join(first, on=paired_predictions.KEY, maintain_order="left")
        frame = frame.join(second.drop("label"), on=paired_predictions.KEY, how="left", maintain_order="left")
        gap = (pl.col("rights_b") / pl.col("seeds_b") - pl.col("rights") / pl.col("seeds")).abs()
        sure = pl.min_horizontal(pl.col("confidence").fill_null(0.0), pl.col("confidence_b").fill_null(0.0))
        frame = frame.with_columns(right_b=pl.col("label") == pl.col("prediction_b"), telling=2 * gap + sure)
    return with_telling_confidence(frame).with_columns(
        right=pl.col("label") == pl.col("prediction"), n_characters=pl.col("text").str.len_chars().fill_null(0)
    )


def with_telling_confidence(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows with null confidence where it is the same for all of them, as of a run that never answers otherwise."""
    names = [name for name in ("confidence", "confidence_b") if name in frame.columns and frame[name].n_unique() == 1]
    return frame if frame.height < 2 else frame.with_columns(pl.lit(None, pl.Float64).alias(name) for name in names)


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
            "flips": pl.col("right") != pl.col("right_b"),
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
