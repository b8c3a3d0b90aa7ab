"""What the CAN page computes on: the stored predictions of a run as arrays, and the table of changed decisions."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from dashboard.figures import tables, words
from engine.evidence.validation import prior_from_counts
from engine.text.tasks import TASKS

TEXT_LENGTH = 160


@dataclass(frozen=True, slots=True)
class Lab:
    """Labelled predictions of one run."""

    probs: np.ndarray  # (n, m) float32
    labels: np.ndarray  # (n,)
    names: tuple[str, ...]  # (m,) as people read them
    texts: tuple[str | None, ...]  # (n,) the input as stored
    priors: Mapping[str, np.ndarray]  # name -> (m,)
    unlabelled: int  # rows that were left out


def build(
    probabilities: pl.DataFrame, predictions: pl.DataFrame, counts: pl.DataFrame, *, titles: Mapping[str, str]
) -> Lab:
    """Join what the store has of a run.

    Args:
        probabilities: example_id, hash and one column per class.
        predictions: example_id, hash, label, text.
        counts: label, value: rows of every class in training; empty where nobody stored them.
        titles: class -> how people read it, where that is another word.

    Raises:
        ValueError: if no row has a label that is one of the classes.
    """
    names = tuple(name for name in probabilities.columns if name not in ("example_id", "hash"))
    labels = predictions.select("example_id", "hash", "label", "text")
    joined = probabilities.join(labels, on=["example_id", "hash"], how="left", maintain_order="left")
    known = joined.filter(pl.col("label").is_in(names))
    if known.is_empty():
        raise ValueError("no prediction of this run has a label, so nothing can be scored")
    index = {name: number for number, name in enumerate(names)}
    y = known["label"].replace_strict(index, return_dtype=pl.Int64).to_numpy()
    priors = {"uniform": np.full(len(names), 1 / len(names))}
    by_label = {str(label): float(value) for label, value in counts.select("label", "value").rows()}
    if any(name in by_label for name in names):
        priors = {"train": prior_from_counts(by_label, names)[0], **priors}
    own = {name: float(count) for name, count in zip(names, np.bincount(y, minlength=len(names)), strict=True)}
    priors["dev"] = prior_from_counts(own, names)[0]
    probs = known.select(names).to_numpy()
    return Lab(
        probs,
        y,
        tuple(titles.get(name, name) for name in names),
        tuple(known["text"]),
        priors,
        joined.height - known.height,
    )


def flips(lab: Lab, after: np.ndarray, uncertainty: np.ndarray) -> pl.DataFrame:
    """Rows whose decision changed, the gains first.

    Args:
        lab: the run's predictions.
        after: (n, m) corrected probabilities.
        uncertainty: (n,).

    Returns:
        outcome, text, label, before, p_before, after, p_after, uncertainty; p of the class in the column before it.
    """
    old, new = lab.probs.argmax(axis=1), after.argmax(axis=1)
    rows = np.flatnonzero(old != new)
    names, truth = np.array(lab.names), lab.labels[rows]
    outcome = np.where(
        new[rows] == truth, "wrong → right", np.where(old[rows] == truth, "right → wrong", "wrong → wrong")
    )
    frame = pl.DataFrame(
        {
            "outcome": outcome.astype(str),
            "text": [words.cut(tables.readable_text(lab.texts[row]), TEXT_LENGTH) for row in rows],
            "label": names[truth],
            "before": names[old[rows]],
            "p_before": lab.probs[rows, old[rows]].astype(np.float64),
            "after": names[new[rows]],
            "p_after": after[rows, new[rows]].astype(np.float64),
            "uncertainty": uncertainty[rows],
        },
        schema_overrides={"outcome": pl.String, "text": pl.String, "label": pl.String},
    )
    order = {"wrong → right": 0, "right → wrong": 1, "wrong → wrong": 2}
    return frame.sort(pl.col("outcome").replace_strict(order, return_dtype=pl.Int64, default=3), "uncertainty")


def class_mix(lab: Lab, prior: np.ndarray, after: np.ndarray, *, most: int = 24) -> pl.DataFrame:
    """Share of every class in the prior, in the predictions before and after, and in the labels.

    Returns:
        name, prior, before, after, labels; of many classes those whose share changed most.
    """
    m, n = len(lab.names), len(lab.labels)
    before, new = (np.bincount(p.argmax(axis=1), minlength=m) / n for p in (lab.probs, after))
    frame = pl.DataFrame(
        {
            "name": lab.names,
            "prior": prior,
            "before": before,
            "after": new,
            "labels": np.bincount(lab.labels, minlength=m) / n,
        }
    )
    if m <= most:
        return frame
    moved = (pl.col("after") - pl.col("before")).abs()
    kept = frame.with_row_index().sort(moved, "prior", descending=True).head(most)
    return kept.sort("index").drop("index")


DEV_ROWS = {name: spec.sizes["dev"] for name, spec in TASKS.items() if "dev" in spec.sizes}
"""Rows of the dev sets that the post scored."""


def published(papers: pl.DataFrame) -> pl.DataFrame:
    """The post's accuracies before and after CAN, one row a task and model, with the gain in points and in rows."""
    wide = papers.pivot("variant", index=["task", "model"], values="value").drop_nulls(["none", "CAN"])
    gain = pl.col("CAN") - pl.col("none")
    sizes = pl.col("task").replace_strict(DEV_ROWS, default=None, return_dtype=pl.Int64)
    return wide.with_columns(points=100 * gain, rows=(gain * sizes).round().cast(pl.Int64)).select(
        "task",
        "model",
        (100 * pl.col("none")).alias("before %"),
        (100 * pl.col("CAN")).alias("with CAN %"),
        "points",
        "rows",
    )
